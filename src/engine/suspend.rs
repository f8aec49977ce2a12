//! Drills give way: a real red or orange warning on their ground ends them.

use super::Decision;
use crate::model::{Callout, CalloutId, CloseReason, Order, Purpose};

impl Decision<'_> {
    /// Ends a drill for a real callout, and tells everybody whom it reached.
    pub(super) fn suspend(&mut self, by: &CalloutId) {
        if self.callout.is_drill() && self.callout.is_open() {
            self.end(CloseReason::Suspended, Some(by.clone()));
            self.tell_end(Purpose::Suspended);
        }
    }

    /// Whether an order is of the other kind: what a drill says changes nothing real, nor the reverse.
    pub(super) fn is_foreign(&self, order: &Order) -> bool {
        let drill = order.status.is_drill();
        let head = self.callout.head.as_ref();
        drill != order.warning.is_drill() || head.is_some_and(|h| h.status.is_drill() != drill)
    }
}

/// Whether calls for a purpose go on after the callout closed: notices do. When a drill gave way, only
/// the word that it did goes on.
pub(super) fn outlives(callout: &Callout, purpose: Purpose) -> bool {
    match callout.closed {
        Some(CloseReason::Suspended) => purpose == Purpose::Suspended,
        _ => purpose.is_notice(),
    }
}
