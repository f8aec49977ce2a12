//! Drills beside the real thing: a real red or orange warning ends them on its ground.
//!
//! Nothing is remembered for it. Whenever a callout opens, changes or is read back, the rule is looked at
//! again on what stands in memory, so that an engine that died between a warning and the end of a drill
//! ends the drill when it comes back.

use super::cell::Cell;
use super::staging::Asked;
use crate::model::{Callout, CalloutId, Command, Timestamp};

impl Cell {
    /// Ends the drills that may not go on beside this callout, or this one when it is such a drill.
    pub(super) fn suspend_drills(&mut self, id: &CalloutId, now: Timestamp) {
        let Some(changed) = self.live.get(id).map(|l| &l.callout) else { return };
        let pair = |drill: &Callout, real: &Callout| {
            let fits = drill.is_drill() && drill.is_open() && real.suspends_drills() && shares_ground(drill, real);
            fits.then(|| (drill.id.clone(), real.id.clone()))
        };
        let over: Vec<_> = if changed.is_drill() {
            self.callouts().find_map(|real| pair(changed, real)).into_iter().collect()
        } else if changed.suspends_drills() {
            self.callouts().filter_map(|drill| pair(drill, changed)).collect()
        } else {
            Vec::new()
        };
        for (drill, by) in over {
            let asked = Asked { command: Command::Suspend { by }, ticket: None, inbox: None, blobs: Vec::new() };
            self.ask_again(&drill, asked, now);
        }
    }
}

/// Whether one command region is the other, or lies in it.
fn shares_ground(a: &Callout, b: &Callout) -> bool {
    let (Some(a), Some(b)) = (&a.head, &b.head) else { return false };
    a.region.holds(&b.region) || b.region.holds(&a.region)
}
