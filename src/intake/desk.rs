//! The desk: what becomes of a document, whichever door it came through.

use super::drill;
use super::formats::{self, Limits};
use super::senders::Senders;
use super::warning::{Effect, WarningEntry, WarningEvent, WarningState};
use super::{Desk, Posted, Receipt, ReceiptCover, Unavailable};
use crate::directory::{Cover, Covered, Directory};
use crate::journal::{Batch, Blob, Group, InboxItem, Journal, JournalError, MessageRow, Parked, Record, Salt};
use crate::model::{
    CalloutId, Colour, Command, Digest, Finding, Gap, Head, Message, MessageKind, Order, RegionCode, SPACE_END,
    SecretKey, Status, TargetId, Timestamp, WarningId, Words,
};
use crate::plan::{self, PlanSet};
use crate::runtime::subject_key;
use futures::future::{BoxFuture, FutureExt};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Told when something was posted to the inbox.
    pub posted: Arc<dyn Fn() + Send + Sync>,
}

/// A message being taken, beside the warning as it stands.
struct Case<'a> {
    posted: &'a Posted,
    message: &'a Message,
    findings: Vec<Finding>,
    warning: &'a WarningId,
    state: &'a WarningState,
    directory: &'a Directory,
    /// Another document with this identifier was taken before.
    conflict: bool,
    now: Timestamp,
}

/// What a message means for the callouts.
struct Plan {
    effect: Effect,
    items: Vec<InboxItem>,
    cover: Vec<ReceiptCover>,
}

impl Desk for FrontDesk {
    fn post(&self, posted: Posted) -> BoxFuture<'_, Result<Receipt, Unavailable>> {
        async move { self.take(posted).await.map_err(|e| Unavailable(e.to_string())) }.boxed()
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
        let identifier = message.identifier.clone();
        // What is no drill never meets a drill's messages, nor the reverse.
        let known = self.journal.message(message.status.scoped(&message.sender), identifier.clone()).await?;
        let warning = match &known {
            Some(row) => row.warning.as_str().into(),
            None => self.warning_of(message).await?,
        };
        let state = WarningState::read(&*self.journal, &warning).await?;
        let digest = message.digest();
        if let Some(receipt) = earlier_receipt(&state, &warning, message, digest) {
            return Ok(Some(receipt));
        }
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        let conflict = known.is_some();
        if conflict && (state.is_cancelled() || !adds(&directory, &state, message)) {
            let reason = "another document with this identifier was taken before, and this one neither raises the colour nor adds ground to a warning in force";
            let mut findings = findings.to_vec();
            findings.push(Finding::fatal("identifier", reason));
            return self.park(posted, Some(message), findings).await.map(Some);
        }
        let now = (self.clock)();
        let (warning_ref, findings) = (&warning, findings.to_vec());
        let mut case = Case {
            posted,
            message,
            findings,
            warning: warning_ref,
            state: &state,
            directory: &directory,
            conflict,
            now,
        };
        let plan = self.plan(&mut case);
        if message.status.is_drill() {
            drill::tell_suspended(&*self.journal, &plan.cover, &mut case.findings).await?;
        }
        let mut findings = case.findings.clone();
        if plan.cover.is_empty() && plan.effect == Effect::Applied && message.kind != MessageKind::Cancel {
            findings.push(Finding::fatal("areas", "the ground lies outside every region of the directory"));
            return self.park(posted, Some(message), findings).await.map(Some);
        }
        let group = self.group(&case, &plan).map_err(|e| JournalError::Unavailable(e.to_string()))?;
        let result = self.journal.commit(Batch { lease: None, groups: vec![group] }).await?;
        if result.first() != Some(&Ok(())) {
            return Ok(None);
        }
        (self.posted)();
        Ok(Some(Receipt {
            accepted: true,
            duplicate: false,
            identifier: Some(identifier),
            warning: Some(warning.to_string()),
            cover: plan.cover,
            findings,
            parked: None,
        }))
    }

    /// The warning a message belongs to: that of any message it refers to, else the one its first
    /// reference (or it itself) begins.
    async fn warning_of(&self, message: &Message) -> Result<WarningId, JournalError> {
        let sender = message.status.scoped(&message.sender);
        for reference in &message.references {
            if let Some(row) = self.journal.message(sender.clone(), reference.clone()).await? {
                return Ok(row.warning.as_str().into());
            }
        }
        Ok(message.warning_id())
    }

    fn plan(&self, case: &mut Case<'_>) -> Plan {
        let Case { message, warning, state, directory, conflict, now, .. } = *case;
        let nothing = |effect| Plan { effect, items: Vec::new(), cover: Vec::new() };
        if !matches!(message.status, Status::Actual | Status::Exercise) {
            case.findings.push(Finding::notice("status", "nobody is called: the message is not for an actual event"));
            return nothing(Effect::NotActual);
        }
        if !conflict && state.supersedes(message) {
            let reason = "nobody is called: a later message of this warning, or its cancellation, was taken before";
            case.findings.push(Finding::notice("sent", reason));
            return nothing(Effect::Superseded);
        }
        if message.kind != MessageKind::Cancel && message.expires.is_some_and(|at| at <= now) {
            let reason = "nobody is called: the warning's time ran out before it came";
            case.findings.push(Finding::notice("expires", reason));
            return nothing(Effect::Superseded);
        }
        let mut cover = directory.cover(&message.areas);
        self.allowed(case, &mut cover);
        let mut orders = plan::orders(directory, &self.plans, message, warning, &cover, now);
        if message.kind == MessageKind::Cancel {
            orders.clear();
        }
        let before = state.regions();
        let gone: BTreeSet<RegionCode> = match message.kind {
            // Also the regions above, which may have been raised to.
            MessageKind::Cancel => {
                before.iter().flat_map(|r| std::iter::successors(Some(r.clone()), RegionCode::parent)).collect()
            }
            _ if conflict => BTreeSet::new(),
            _ => before,
        };
        for region in gone {
            if !orders.contains_key(&region)
                && let Some(order) =
                    plan::order(directory, &self.plans, message, warning, &region, &Covered::default(), now)
            {
                orders.insert(region, order);
            }
        }
        let mut plan = nothing(if conflict { Effect::AppliedConflict } else { Effect::Applied });
        for (region, mut order) in orders {
            order.conflict = conflict;
            plan.cover.extend((!order.ground.is_empty() || !order.gaps.is_empty()).then(|| receipt_cover(&order)));
            let id = format!("message/{}/{region}", message.digest());
            let stream = CalloutId::of(&region, warning).stream();
            let (colour, command) = (order.status.urgency(order.colour), Command::Apply(Box::new(order)));
            plan.items.push(InboxItem { id, stream, colour, posted_at: now, command });
        }
        self.plan_outside(&mut plan, case, &cover.outside);
        plan
    }

    /// Takes away what the shapes of a message reach beyond the regions that its account may post for.
    fn allowed(&self, case: &mut Case<'_>, cover: &mut Cover) {
        let regions = self.senders.regions(case.posted.account.as_deref());
        if regions.is_empty() {
            return;
        }
        let directory = case.directory;
        let mut beyond = 0;
        for covered in cover.regions.values_mut() {
            let before = covered.targets.len();
            let may = |id: &TargetId| directory.target(id).is_some_and(|t| regions.iter().any(|r| r.holds(&t.region)));
            covered.targets.retain(may);
            beyond += before - covered.targets.len();
        }
        if beyond > 0 {
            cover.regions.retain(|_, c| !c.targets.is_empty() || !c.gaps.is_empty());
            let reason = format!("{beyond} targets lie in regions that the account may not post for");
            case.findings.push(Finding::notice("areas", reason));
        }
    }

    /// Ground that no command region of the directory holds goes to the nearest region above that is known.
    fn plan_outside(&self, plan: &mut Plan, case: &mut Case<'_>, outside: &[Gap]) {
        let Case { message, warning, directory, now, .. } = *case;
        if message.kind == MessageKind::Cancel {
            return;
        }
        for gap in outside {
            let code = RegionCode::parse(&gap.ground).ok();
            let parent = code.as_ref().and_then(|code| directory.known_ancestor(code));
            let (Some(code), Some(parent)) = (code, parent) else {
                let reason = format!("nobody is called for {:?}: it lies outside the directory", gap.ground);
                case.findings.push(Finding::notice("areas", reason));
                continue;
            };
            let colour = message.colour.unwrap_or(Colour::Red);
            let Some(file) = self.plans.select(&message.hazard, colour, &parent) else { continue };
            let head = Head {
                warning: warning.clone(),
                place: directory.place(code.as_str()),
                region: code.clone(),
                status: message.status,
                hazard: message.hazard.clone(),
                colour,
                message: message.reference(),
                words: words(message),
                onset: message.onset,
                origin_time: message.origin_time,
                expires: message.expires.unwrap_or_else(|| now.plus_ms(file.plan.in_force_ms)),
                plan: file.plan.clone(),
                directory: directory.version(),
                opened_at: now,
                recalled_from: 0,
            };
            let mut raise = plan::raise(directory, &self.plans, &head, &parent, 0, 1, now);
            raise.order.gaps.push(gap.clone());
            plan.cover.push(receipt_cover(&raise.order));
            plan.items.push(InboxItem {
                id: format!("message/{}/{code}", message.digest()),
                stream: CalloutId::of(&parent, warning).stream(),
                colour: message.status.urgency(colour),
                posted_at: now,
                command: Command::Raise(Box::new(raise)),
            });
        }
    }

    fn group(&self, case: &Case<'_>, plan: &Plan) -> Result<Group, serde_json::Error> {
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
            posts: plan.items.clone(),
            message: (!conflict).then(|| MessageRow {
                sender: message.status.scoped(&message.sender),
                identifier: message.identifier.clone(),
                warning: warning.to_string(),
                digest: message.digest(),
            }),
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
}

/// Whether a message raises the colour of a warning or names ground that no message before named.
fn adds(directory: &Directory, state: &WarningState, message: &Message) -> bool {
    let colour = state.applied().filter_map(|m| m.colour).max();
    let ground = |m: &Message| -> BTreeMap<RegionCode, Covered> { directory.cover(&m.areas).regions };
    let mut known = BTreeSet::new();
    for m in state.applied() {
        known.extend(ground(m).into_values().flat_map(|c| c.targets));
    }
    let more = ground(message).into_values().flat_map(|c| c.targets).any(|t| !known.contains(&t));
    message.kind != MessageKind::Cancel && (message.colour > colour || more)
}

fn receipt_cover(order: &Order) -> ReceiptCover {
    let persons: BTreeSet<_> =
        order.ground.iter().flat_map(|g| &g.seats).flat_map(|s| s.answer.iter().chain(&s.alert)).collect();
    ReceiptCover {
        region: order.region.to_string(),
        place: order.place.clone(),
        callout: CalloutId::of(&order.region, &order.warning).to_string(),
        targets: order.ground.len() as u32,
        persons: persons.len() as u32,
        gaps: order.gaps.len() as u32,
    }
}

fn words(message: &Message) -> Words {
    message.wording("zh").map_or_else(Words::default, |w| Words {
        headline: w.headline.clone(),
        description: w.description.clone(),
        instruction: w.instruction.clone(),
    })
}

/// The receipt that the same content got before.
fn earlier_receipt(state: &WarningState, warning: &WarningId, message: &Message, digest: Digest) -> Option<Receipt> {
    let same = |entry: &&WarningEntry| {
        let WarningEvent::MessageTaken { message: m, .. } = &entry.1;
        m.identifier == message.identifier && m.sender == message.sender && m.digest() == digest
    };
    let WarningEvent::MessageTaken { findings, cover, .. } = &state.entries.iter().find(same)?.1;
    Some(Receipt {
        accepted: true,
        duplicate: true,
        identifier: Some(message.identifier.clone()),
        warning: Some(warning.to_string()),
        cover: cover.clone(),
        findings: findings.clone(),
        parked: None,
    })
}
