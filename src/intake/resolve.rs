//! Orders of messages that were taken in before, for callouts that find them in the inbox: after a start, and
//! where the desk of another process took them.

use super::Posted;
use super::case::{Case, Plan, receipt_cover};
use super::desk::FrontDesk;
use super::warning::{WarningEntry, WarningEvent, WarningState};
use super::{Receipt, ReceiptCover, lineage::Taken};
use crate::directory::Directory;
use crate::journal::JournalError;
use crate::model::{Digest, Message, MessageAt, MessageKind, Order, Timestamp, WarningId};
use crate::runtime::Orders;
use futures::future::{BoxFuture, FutureExt};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Receipts that are kept, to be given again at once.
const RECEIPTS_MAX: usize = 256;

/// What was worked on last.
#[derive(Default)]
pub struct Recent {
    /// The message that was resolved last: its other regions mostly follow.
    resolved: Mutex<Option<Arc<Resolved>>>,
    /// The receipts of what was taken in last: a broker mostly repeats what it delivered just now.
    receipts: Mutex<VecDeque<(Digest, Receipt)>>,
}

/// A message that was taken in, with what it meant beside the warning as that stood.
struct Resolved {
    warning: WarningId,
    /// The warning before it.
    before: WarningState,
    at: Timestamp,
    posted: Posted,
    message: Message,
    retraction: bool,
    directory: Arc<Directory>,
    plan: Plan,
}

// === impl Recent ===

impl Recent {
    /// The receipt that a message of this digest got just now.
    pub(super) fn receipt(&self, digest: &Digest) -> Option<Receipt> {
        let receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.iter().find(|(of, _)| of == digest).map(|(_, receipt)| receipt.clone())
    }

    /// A message was taken in.
    pub(super) fn took(&self, digest: Digest, receipt: Receipt) {
        let mut receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.truncate(RECEIPTS_MAX - 1);
        receipts.push_front((digest, receipt));
    }
}

// === impl Resolved ===

impl Resolved {
    fn is(&self, warning: &WarningId, position: u64, directory: &Arc<Directory>) -> bool {
        self.warning == *warning && self.before.next == position && Arc::ptr_eq(&self.directory, directory)
    }

    fn case(&self) -> Case<'_> {
        let same = |t: Taken<'_>| {
            (&t.message.sender, &t.message.identifier) == (&self.message.sender, &self.message.identifier)
        };
        Case {
            posted: &self.posted,
            message: &self.message,
            findings: Vec::new(),
            warning: &self.warning,
            names: Vec::new(),
            state: &self.before,
            directory: &self.directory,
            conflict: self.before.taken().any(same),
            retraction: self.retraction,
            now: self.at,
        }
    }
}

// === impl FrontDesk ===

impl FrontDesk {
    /// A message that stands at a place of a warning's stream; `None` when there is none.
    async fn resolved(&self, warning: &WarningId, position: u64) -> Result<Option<Arc<Resolved>>, JournalError> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        let recent = || self.recent.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = recent().as_ref().filter(|r| r.is(warning, position, &directory)) {
            return Ok(Some(found.clone()));
        }
        let mut before = WarningState::read(&*self.journal, warning).await?;
        before.entries.truncate(position as usize + 1);
        let Some(WarningEntry(at, WarningEvent::MessageTaken { message, door, account, .. })) =
            before.entries.pop().filter(|_| before.entries.len() as u64 == position)
        else {
            return Ok(None);
        };
        before.next = position;
        let mut resolved = Resolved {
            warning: warning.clone(),
            before,
            at,
            // The document itself says no more than the message read from it.
            posted: Posted { door: "journal", account, body: Vec::new() },
            retraction: door == "board" && message.kind == MessageKind::Cancel,
            message: *message,
            directory,
            plan: Plan::default(),
        };
        resolved.plan = self.plan(&mut resolved.case());
        let resolved = Arc::new(resolved);
        *recent() = Some(resolved.clone());
        Ok(Some(resolved))
    }

    /// Whom a message covers that was taken in before.
    pub(super) async fn cover_of(&self, warning: &WarningId, position: u64) -> Result<Vec<ReceiptCover>, JournalError> {
        let Some(resolved) = self.resolved(warning, position).await? else { return Ok(Vec::new()) };
        let case = resolved.case();
        let orders = resolved.plan.regions.iter().filter_map(|region| self.order_in(&case, &resolved.plan, region));
        Ok(orders.filter_map(|order| receipt_cover(&order)).chain(resolved.plan.raised()).collect())
    }
}

impl Orders for FrontDesk {
    fn order(&self, at: MessageAt) -> BoxFuture<'_, Result<Option<Order>, JournalError>> {
        async move {
            let resolved = self.resolved(&at.warning, at.position).await?;
            Ok(resolved.and_then(|r| self.order_in(&r.case(), &r.plan, &at.region)))
        }
        .boxed()
    }
}
