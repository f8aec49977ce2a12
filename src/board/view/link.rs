//! The ground of one call on its link page: what is recorded, what its person can report.

use super::scene::Scene;
use super::work::{self, Beat, ItemView, KnockView, StoneView};
use crate::engine::reports_for;
use crate::model::{CallIx, Phase, TargetIx};

/// Targets that can be reported of on the page; those where most is to be done stand first.
const TARGETS_MAX: usize = 60;

/// A target on the link page.
pub(in crate::board) struct LinkTarget {
    pub ix: TargetIx,
    pub name: String,
    /// The roster, in words.
    pub people: String,
    pub released: bool,
    /// Whether people are to be moved there, or are.
    pub moves: bool,
    pub moving: bool,
    pub done: bool,
    pub beats: Vec<Beat>,
    pub figures: String,
    /// The person's own task of knocking on doors.
    pub knock: Option<KnockView>,
    /// What the person's own post reports.
    pub stones: Vec<StoneView>,
    pub checklist: Vec<ItemView>,
}

/// The targets of a call, and how many more there are.
pub(in crate::board) fn link_targets(scene: &Scene<'_>, call: CallIx) -> (Vec<LinkTarget>, usize) {
    let Some(c) = scene.callout.calls.get(call as usize) else { return (Vec::new(), 0) };
    let known = c.links.iter().filter(|l| (l.target as usize) < scene.callout.targets.len());
    let mut targets: Vec<LinkTarget> = known.map(|l| target(scene, call, l.target)).collect();
    targets.sort_by_key(|t| (t.released, t.done, t.knock.is_none(), t.moving));
    let more = targets.len().saturating_sub(TARGETS_MAX);
    targets.truncate(TARGETS_MAX);
    (targets, more)
}

fn target(scene: &Scene<'_>, call: CallIx, ix: TargetIx) -> LinkTarget {
    let target = &scene.callout.targets[ix as usize];
    let own_task = target.progress.knock.as_ref().is_some_and(|k| k.call == Some(call));
    let people = crate::evidence::Moved::of(target).roster;
    LinkTarget {
        ix,
        name: target.spec.name.clone(),
        people: if people.persons > 0 { scene.people(people) } else { String::new() },
        released: matches!(target.phase, Phase::Released { .. }),
        moves: work::is_to_move(scene, ix) || target.progress.moving_at.is_some(),
        moving: target.progress.moving_at.is_some(),
        done: target.progress.done_at.is_some(),
        beats: work::beats(scene, ix),
        figures: work::figures(scene, ix),
        knock: work::knock(scene, ix).filter(|_| own_task),
        stones: {
            let of = work::stones(scene, ix).into_iter();
            of.filter(|m| m.report.rsplit_once(':').is_some_and(|(_, unit)| reports_for(scene.callout, ix, call, unit)))
                .collect()
        },
        checklist: work::checklist(scene, ix),
    }
}
