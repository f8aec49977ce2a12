//! Who has confirmed the retraction of a false alarm, and who has not.

use crate::model::{CallIx, Callout, CloseReason, Purpose};
use serde::Serialize;

/// How the retraction of a false alarm stands in a callout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retraction {
    /// Persons who were reached and are asked to confirm.
    pub told: u32,
    /// Those who confirmed.
    pub confirmed: u32,
    /// Loudspeakers and others that owe no answer.
    pub sounded: u32,
    /// The retracting calls of those who have not confirmed.
    pub unconfirmed: Vec<CallIx>,
}

/// How the retraction stands; `None` when the callout was not retracted.
#[must_use]
pub fn retraction(callout: &Callout) -> Option<Retraction> {
    if callout.closed != Some(CloseReason::Retracted) {
        return None;
    }
    let mut r = Retraction::default();
    for (ix, call) in callout.calls.iter().enumerate().filter(|(_, c)| c.purpose == Purpose::Retracted) {
        // Who was only sounded owes no answer, and has no way to give one.
        if !callout.call_ix.contains_key(&(call.person, Purpose::CallOut)) {
            r.sounded += 1;
            continue;
        }
        r.told += 1;
        match call.confirmed_at {
            Some(_) => r.confirmed += 1,
            None => r.unconfirmed.push(ix as CallIx),
        }
    }
    Some(r)
}
