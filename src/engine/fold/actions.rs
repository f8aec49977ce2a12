//! What reports from the ground mean.

use crate::model::{Action, Callout, Event, Figures, Timestamp};

/// Folds a report into the progress of its targets.
pub(super) fn act(callout: &mut Callout, at: Timestamp, event: &Event) {
    let Event::ActionReported { targets, action, shelter, on_behalf, .. } = event else { return };
    for target in targets {
        let t = &mut callout.targets[*target as usize];
        let p = &mut t.progress;
        match action {
            Action::Moving(figures) | Action::Done(figures) => {
                p.moving_at.get_or_insert(at);
                if matches!(action, Action::Done(_)) {
                    p.done_at.get_or_insert(at);
                }
                if *figures != Figures::default() {
                    p.figures = *figures;
                }
                p.shelter = shelter.or(p.shelter);
                t.floor = 0;
            }
            Action::Knocked => {
                if let Some(knock) = &mut p.knock {
                    knock.reported = Some((at, on_behalf.as_ref().map(|who| who.operator.clone())));
                }
            }
            Action::KnockConfirmed => {
                if let Some(knock) = &mut p.knock {
                    knock.confirmed_at = Some(at);
                }
            }
            Action::Checked { item } => {
                p.checked.entry(*item).or_insert(at);
            }
            Action::Reached { milestone, unit } => {
                p.reached.entry(milestone.clone()).or_default().insert(unit.clone());
            }
        }
    }
}
