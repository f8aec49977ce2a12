//! The desk: what becomes of a document, whichever door it came through.

use super::case::{Case, Plan, receipt_cover};
use super::drill;
use super::formats::{self, Limits};
use super::lineage::Standing;
use super::names::Lineage;
use super::resolve::Recent;
use super::senders::Senders;
use super::warning::{WarningEntry, WarningEvent, WarningState};
use super::{Desk, Posted, Receipt, ReceiptCover, Retracted, Retraction, Unavailable};
use crate::directory::Directory;
use crate::journal::{Batch, Blob, Group, InboxItem, Journal, JournalError, MessageRow, Parked, Record, Salt};
use crate::model::{
    Command, Digest, Finding, Message, MessageKind, Order, SPACE_END, SecretKey, Timestamp, WarningId, Wording,
};
use crate::plan::PlanSet;
use crate::runtime::subject_key;
use futures::future::{BoxFuture, FutureExt};
use std::sync::{Arc, PoisonError, RwLock};

/// How often a message is tried again when another door changed its warning at the same time.
const RETRIES_MAX: usize = 16;

/// The desk of an installation.
pub struct FrontDesk {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The directory in force.
    pub directory: RwLock<Arc<Directory>>,
    /// The plans.
    pub plans: Arc<PlanSet>,
    /// Who may post what.
    pub senders: Senders,
    /// Bounds of a document.
    pub limits: Limits,
    /// The master key.
    pub key: SecretKey,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// 32 fresh bytes a call.
    pub entropy: Arc<dyn Fn() -> [u8; 32] + Send + Sync>,
    /// Told what was posted to the inbox; then each order of a message, as an item of the same id, as soon as it
    /// is made. The next one is made when
    /// it was taken; when it was not, no more are handed over.
    pub posted: Arc<dyn Fn(Vec<InboxItem>) -> BoxFuture<'static, bool> + Send + Sync>,
    /// What was resolved last.
    pub recent: Recent,
}

impl Desk for FrontDesk {
    fn post(&self, posted: Posted) -> BoxFuture<'_, Result<Receipt, Unavailable>> {
        async move { self.take(posted).await.map_err(|e| Unavailable(e.to_string())) }.boxed()
    }

    fn retract(&self, retraction: Retraction) -> BoxFuture<'_, Result<Retracted, Unavailable>> {
        async move { self.take_back(retraction).await.map_err(|e| Unavailable(e.to_string())) }.boxed()
    }
}

// === impl FrontDesk ===

impl FrontDesk {
    async fn take(&self, posted: Posted) -> Result<Receipt, JournalError> {
        let parsed = formats::parse_within(&posted.body, &self.limits);
        let mut findings = parsed.findings;
        let Some(mut message) = parsed.message else { return self.park(&posted, None, findings).await };
        if [&message.sender, &message.identifier].iter().any(|name| name.contains(['\0', SPACE_END])) {
            let reason = "sender and identifier must not hold a zero character or a unit separator";
            findings.push(Finding::fatal("identifier", reason));
            return self.park(&posted, None, findings).await;
        }
        match self.senders.admit(posted.account.as_deref(), &mut message) {
            Ok(notices) => findings.extend(notices),
            Err(faults) => {
                findings.extend(faults);
                return self.park(&posted, Some(&message), findings).await;
            }
        }
        if let Some(receipt) = self.recent.receipt(&message.digest()) {
            return Ok(Receipt { duplicate: true, ..receipt });
        }
        // Most messages begin a warning, and nothing need be read for them: the store refuses what is known.
        if let Some(lineage) = Lineage::begun_by(&message) {
            let (state, findings) = (WarningState::default(), findings.clone());
            if let Some(receipt) = self.take_into(&posted, &message, lineage, false, &state, findings).await? {
                return Ok(receipt);
            }
        }
        for _ in 0..RETRIES_MAX {
            if let Some(receipt) = self.try_take(&posted, &message, &findings).await? {
                return Ok(receipt);
            }
        }
        Err(JournalError::Unavailable(format!("the warning of {} changes too fast", message.identifier)))
    }

    /// One try; `None` when another door was faster and it must be looked at again.
    async fn try_take(
        &self,
        posted: &Posted,
        message: &Message,
        findings: &[Finding],
    ) -> Result<Option<Receipt>, JournalError> {
        let mut findings = findings.to_vec();
        // What is no drill never meets a drill's messages, nor the reverse.
        let sender = message.status.scoped(&message.sender);
        let known = self.journal.message(sender, message.identifier.clone()).await?;
        let conflict = known.is_some();
        let lineage = match known {
            Some(row) => Lineage { warning: row.warning.as_str().into(), names: Vec::new() },
            None => match Lineage::of(&*self.journal, message, (self.clock)(), &mut findings).await? {
                Ok(lineage) => lineage,
                Err(fault) => {
                    findings.push(fault);
                    return self.park(posted, Some(message), findings).await.map(Some);
                }
            },
        };
        let state = WarningState::read(&*self.journal, &lineage.warning).await?;
        if let Some(receipt) = self.earlier_receipt(&state, &lineage.warning, message).await? {
            return Ok(Some(receipt));
        }
        self.take_into(posted, message, lineage, conflict, &state, findings).await
    }

    /// Takes a message into its warning as that stands; `None` when it stands otherwise by now.
    async fn take_into(
        &self,
        posted: &Posted,
        message: &Message,
        lineage: Lineage,
        conflict: bool,
        state: &WarningState,
        mut findings: Vec<Finding>,
    ) -> Result<Option<Receipt>, JournalError> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        let cancelled = Standing::of(state.taken()).is_some_and(|s| s.is_cancelled());
        if conflict && (cancelled || !super::case::adds(&directory, state, message)) {
            let reason = "another document with this identifier was taken before, and this one neither raises the colour nor adds ground to a warning in force";
            findings.push(Finding::fatal("identifier", reason));
            return self.park(posted, Some(message), findings).await.map(Some);
        }
        let mut case = Case {
            posted,
            message,
            findings,
            warning: &lineage.warning,
            names: lineage.names,
            state,
            directory: &directory,
            conflict,
            retraction: false,
            now: (self.clock)(),
        };
        let plan = self.plan(&mut case);
        if plan.nowhere {
            let reason = match message.kind {
                MessageKind::Update => {
                    "the ground lies outside every region of the directory; calling goes on for what earlier messages cover, and a Cancel ends a warning"
                }
                _ => "the ground lies outside every region of the directory",
            };
            case.findings.push(Finding::fatal("areas", reason));
            return self.park(posted, Some(message), case.findings).await.map(Some);
        }
        if message.status.is_drill() {
            drill::tell_suspended(&*self.journal, &plan.cover, &mut case.findings).await?;
        }
        self.store(&case, plan).await
    }

    /// Makes a message durable with all that follows from it; `None` when another door was faster.
    async fn store(&self, case: &Case<'_>, plan: Plan) -> Result<Option<Receipt>, JournalError> {
        let items = plan.items(case);
        let group = self.group(case, &plan, &items).map_err(|e| JournalError::Unavailable(e.to_string()))?;
        // The first order is made while the store writes.
        let commit = self.journal.commit(Batch { lease: None, groups: vec![group] });
        let (result, first) = futures::join!(commit, async {
            tokio::task::yield_now().await;
            plan.regions.first().and_then(|region| self.order_in(case, &plan, region))
        });
        if result?.first() != Some(&Ok(())) {
            return Ok(None);
        }
        let receipt = Receipt {
            accepted: true,
            duplicate: false,
            identifier: Some(case.message.identifier.clone()),
            warning: Some(case.warning.to_string()),
            cover: self.hand_over(case, &plan, items, first).await,
            findings: case.findings.clone(),
            parked: None,
        };
        self.recent.took(case.message.digest(), receipt.clone());
        Ok(Some(receipt))
    }

    /// Makes the orders of a message that is durable, behind the one that was made already, and hands each one over at
    /// once. Should this be broken off, the engine finds the message in the inbox.
    async fn hand_over(
        &self,
        case: &Case<'_>,
        plan: &Plan,
        items: Vec<InboxItem>,
        mut first: Option<Order>,
    ) -> Vec<ReceiptCover> {
        let mut taken = (self.posted)(items.clone()).await;
        let mut cover = Vec::new();
        for mut item in items {
            let Command::Message(at) = &item.command else { continue };
            // Whoever takes the orders runs beside.
            if !cover.is_empty() {
                tokio::task::yield_now().await;
            }
            let Some(order) = first.take().or_else(|| self.order_in(case, plan, &at.region)) else { continue };
            cover.extend(receipt_cover(&order));
            item.command = Command::Apply(Box::new(order));
            taken = taken && (self.posted)(vec![item]).await;
        }
        cover.extend(plan.raised());
        cover
    }

    async fn take_back(&self, retraction: Retraction) -> Result<Retracted, JournalError> {
        for _ in 0..RETRIES_MAX {
            if let Some(done) = self.try_take_back(&retraction).await? {
                return Ok(done);
            }
        }
        Err(JournalError::Unavailable(format!("the warning {} changes too fast", retraction.warning)))
    }

    /// A false alarm is a message of its warning like any other: a Cancel whose sender is the operator. The
    /// reason stands in the sealed document alone, as it is somebody's own words.
    async fn try_take_back(&self, retraction: &Retraction) -> Result<Option<Retracted>, JournalError> {
        let Retraction { warning, operator, reason } = retraction;
        let state = WarningState::read(&*self.journal, warning).await?;
        let Some(standing) = Standing::of(state.taken()) else {
            return Ok(Some(if state.entries.is_empty() { Retracted::Unknown } else { Retracted::NotActual }));
        };
        if standing.is_cancelled() {
            return Ok(Some(Retracted::Over));
        }
        let (now, last) = ((self.clock)(), standing.message());
        let document =
            serde_json::json!({ "retracts": warning, "operator": operator, "reason": reason, "at": now.iso() });
        let body = document.to_string().into_bytes();
        let posted = Posted { door: "board", account: Some(operator.clone()), body };
        let headline = last.wording("zh").map(|w| w.headline.clone()).unwrap_or_default();
        let message = Message {
            sender: operator.clone(),
            identifier: format!("retract-{warning}"),
            sent: Some(now),
            status: last.status,
            kind: MessageKind::Cancel,
            references: vec![last.identifier.clone()],
            hazard: last.hazard.clone(),
            colour: standing.colour(),
            effective: None,
            onset: None,
            origin_time: None,
            expires: None,
            wording: vec![Wording { language: "zh-CN".into(), headline, ..Wording::default() }],
            areas: Vec::new(),
            issuers: Vec::new(),
            note: String::new(),
            methods: Vec::new(),
        };
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut case = Case {
            posted: &posted,
            message: &message,
            findings: Vec::new(),
            warning,
            names: Vec::new(),
            state: &state,
            directory: &directory,
            conflict: false,
            retraction: true,
            now,
        };
        let plan = self.plan(&mut case);
        Ok(self.store(&case, plan).await?.map(|receipt| Retracted::Done(Box::new(receipt))))
    }

    fn group(&self, case: &Case<'_>, plan: &Plan, items: &[InboxItem]) -> Result<Group, serde_json::Error> {
        let Case { posted, message, warning, state, conflict, now, .. } = *case;
        let stream = warning.stream();
        let salt = (self.entropy)();
        // The raw document has a subject of its own, so that its key never depends on who came first.
        let subject = format!("raw/{}", Digest::of(&posted.body));
        let sealed = subject_key(&self.key, &subject, &salt).seal("raw", &posted.body);
        let entry = WarningEntry(
            now,
            WarningEvent::MessageTaken {
                message: Box::new(message.clone()),
                raw: sealed.digest(),
                door: posted.door.into(),
                account: posted.account.clone(),
                findings: case.findings.clone(),
                effect: plan.effect,
                cover: plan.cover.clone(),
            },
        );
        Ok(Group {
            records: Record::chain(&stream, state.next, state.hash, now, &[entry])?,
            posts: items.to_vec(),
            message: (!conflict).then(|| MessageRow {
                sender: message.status.scoped(&message.sender),
                identifier: message.identifier.clone(),
                warning: warning.to_string(),
                digest: message.digest(),
            }),
            names: case.names.clone(),
            blobs: vec![Blob { digest: sealed.digest(), subject: subject.clone(), sealed: sealed.0 }],
            salts: vec![Salt { subject, salt }],
            ..Group::default()
        })
    }

    /// Parks a document that cannot be acted on, and says why.
    pub(super) async fn park(
        &self,
        posted: &Posted,
        message: Option<&Message>,
        findings: Vec<Finding>,
    ) -> Result<Receipt, JournalError> {
        // By account too: whoever is refused is refused for a reason of its own.
        let account = posted.account.as_deref().unwrap_or_default();
        let digest = Digest::of_parts(&[posted.door.as_bytes(), account.as_bytes(), &posted.body]);
        let sealed = self.key.derive("parked").seal("parked", &posted.body);
        let raw = Blob { digest: sealed.digest(), subject: "parked".into(), sealed: sealed.0 };
        let id = digest.hex()[..16].to_owned();
        let parked = Parked {
            id: id.clone(),
            at: (self.clock)(),
            door: posted.door.into(),
            account: posted.account.clone(),
            findings: findings.clone(),
            raw,
        };
        let new = self.journal.park(parked).await?;
        Ok(Receipt {
            accepted: false,
            duplicate: !new,
            identifier: message.map(|m| m.identifier.clone()),
            warning: None,
            cover: Vec::new(),
            findings,
            parked: Some(id),
        })
    }

    /// The receipt that the same content got before.
    async fn earlier_receipt(
        &self,
        state: &WarningState,
        warning: &WarningId,
        message: &Message,
    ) -> Result<Option<Receipt>, JournalError> {
        let digest = message.digest();
        let same = |entry: &WarningEntry| {
            let WarningEvent::MessageTaken { message: m, .. } = &entry.1;
            m.identifier == message.identifier && m.sender == message.sender && m.digest() == digest
        };
        let Some(position) = state.entries.iter().position(same) else { return Ok(None) };
        let WarningEvent::MessageTaken { findings, .. } = &state.entries[position].1;
        Ok(Some(Receipt {
            accepted: true,
            duplicate: true,
            identifier: Some(message.identifier.clone()),
            warning: Some(warning.to_string()),
            cover: self.cover_of(warning, position as u64).await?,
            findings: findings.clone(),
            parked: None,
        }))
    }
}
