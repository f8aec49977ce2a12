//! What has been done on one target: the three beats, figures, door-knock, checklist, milestones.

use super::scene::{Due, Scene};
use super::words;
use crate::engine::milestones;
use crate::evidence::Moved;
use crate::model::{ClockEnd, ClockState, Moves, Phase, TargetIx, Timestamp};

/// One of the beats 应 动 毕, with its clock.
#[derive(Clone, Debug)]
pub(in crate::board) struct Beat {
    pub word: &'static str,
    /// `good` in time, `late`, `runs`, `bad` missed, `none`.
    pub class: &'static str,
    /// When it was reached, or that it was missed.
    pub text: String,
    pub due: Option<Due>,
}

/// A door-knock task.
#[derive(Clone, Debug)]
pub(in crate::board) struct KnockView {
    pub ix: TargetIx,
    pub place: String,
    pub since: String,
    /// Who took over and has the task.
    pub who: String,
    /// When it was reported, and by which operator.
    pub reported: Option<String>,
    pub confirmed: Option<String>,
    pub due: Option<Due>,
}

/// An item of the checklist.
#[derive(Clone, Debug)]
pub(in crate::board) struct ItemView {
    pub item: u8,
    pub text: String,
    /// When it was ticked off.
    pub at: Option<String>,
}

/// A milestone of one unit.
#[derive(Clone, Debug)]
pub(in crate::board) struct StoneView {
    pub title: String,
    pub unit: String,
    pub reached: bool,
    pub due: Option<Due>,
    /// What a form reports it as.
    pub report: String,
}

/// Whether people are to be moved on a target: its tier says so, or a clock waits for it.
pub(in crate::board) fn is_to_move(scene: &Scene<'_>, ix: TargetIx) -> bool {
    let t = &scene.callout.targets[ix as usize];
    let waits = |r: &crate::model::ClockRule| matches!(r.until, ClockEnd::Moving | ClockEnd::Done);
    scene.callout.tiers.get(usize::from(t.tier)).is_some_and(|tier| tier.moves > Moves::Nobody)
        || scene.callout.rules.iter().any(|r| r.holds_for(t.tier) && waits(r))
}

/// The beats of a target; none where nobody is to be moved and nothing was reported.
pub(in crate::board) fn beats(scene: &Scene<'_>, ix: TargetIx) -> Vec<Beat> {
    let t = &scene.callout.targets[ix as usize];
    if t.progress.moving_at.is_none() && (matches!(t.phase, Phase::Covered) || !is_to_move(scene, ix)) {
        return Vec::new();
    }
    let heard = match t.phase {
        Phase::Satisfied { at, .. } | Phase::TakenOver { at, .. } => Some(at),
        _ => None,
    };
    let texts = scene.lang.texts();
    let answered = |e: &ClockEnd| matches!(e, ClockEnd::Answered | ClockEnd::Satisfied);
    vec![
        beat(scene, ix, texts.beat_heard, heard, answered),
        beat(scene, ix, texts.beat_moving, t.progress.moving_at, |e| *e == ClockEnd::Moving),
        beat(scene, ix, texts.beat_done, t.progress.done_at, |e| *e == ClockEnd::Done),
    ]
}

fn beat(
    scene: &Scene<'_>,
    ix: TargetIx,
    word: &'static str,
    reached: Option<Timestamp>,
    ends: fn(&ClockEnd) -> bool,
) -> Beat {
    let t = &scene.callout.targets[ix as usize];
    let of_tier = scene.callout.tiers.get(usize::from(t.tier)).map_or(&[][..], |tier| &tier.clocks);
    let of_beat = |c: &&u32| scene.callout.rule(**c).is_some_and(|r| ends(&r.until));
    let clocks: Vec<_> =
        t.clocks.iter().chain(of_tier).filter(of_beat).map(|c| &scene.callout.clocks[*c as usize]).collect();
    let missed = clocks.iter().any(|c| matches!(c.state, ClockState::Missed { .. }));
    let runs = clocks.iter().filter(|c| scene.counts_down(c)).min_by_key(|c| c.due);
    let (class, text, due) = match (reached, runs) {
        (Some(at), _) => (if missed { "late" } else { "good" }, words::minute(at), None),
        (None, Some(clock)) => ("runs", String::new(), Some(scene.due(clock.due))),
        (None, None) if missed => ("bad", scene.lang.texts().missed.to_owned(), None),
        (None, None) => ("none", "–".to_owned(), None),
    };
    Beat { word, class, text, due }
}

/// The figures of a target in words; empty before any are reported.
pub(in crate::board) fn figures(scene: &Scene<'_>, ix: TargetIx) -> String {
    let t = scene.lang.texts();
    let target = &scene.callout.targets[ix as usize];
    let m = Moved::of(target);
    let (word, people) = match target.progress.done_at {
        Some(_) => (t.moved, m.moved),
        None => (t.moving, m.moving),
    };
    match (target.progress.moving_at, m.uncounted) {
        (None, _) => String::new(),
        (Some(_), 1..) => format!("{word} · {}", t.uncounted),
        (Some(_), 0) if m.refused > 0 => format!("{word} {} · {} {}", scene.people(people), t.refusing, m.refused),
        (Some(_), 0) => format!("{word} {}", scene.people(people)),
    }
}

/// The door-knock task of a target.
pub(in crate::board) fn knock(scene: &Scene<'_>, ix: TargetIx) -> Option<KnockView> {
    let target = &scene.callout.targets[ix as usize];
    let knock = target.progress.knock.as_ref()?;
    let call = knock.call.and_then(|c| scene.callout.calls.get(c as usize));
    let of_task = |c: &&u32| scene.callout.rule(**c).is_some_and(|r| r.starts == crate::model::ClockStart::TakenOver);
    let clocks = target.clocks.iter().filter(of_task).map(|c| &scene.callout.clocks[*c as usize]);
    let due = clocks.filter(|c| c.state == ClockState::Running).min_by_key(|c| c.due).map(|c| scene.due(c.due));
    Some(KnockView {
        ix,
        place: scene.long_target(ix),
        since: words::clock(knock.opened_at),
        who: call.map_or_else(|| scene.lang.texts().knock_above.to_owned(), |c| scene.person(c.person)),
        reported: knock.reported.as_ref().map(|(at, by)| match by {
            Some(by) => format!("{} {by}", words::clock(*at)),
            None => words::clock(*at),
        }),
        confirmed: knock.confirmed_at.map(words::clock),
        due,
    })
}

/// The checklist of a target that is being called or was.
pub(in crate::board) fn checklist(scene: &Scene<'_>, ix: TargetIx) -> Vec<ItemView> {
    let target = &scene.callout.targets[ix as usize];
    let list = scene.callout.head.as_ref().map_or(&[][..], |h| &h.plan.checklist);
    if matches!(target.phase, Phase::Covered) {
        return Vec::new();
    }
    let view = |(item, i): (u8, &crate::model::ChecklistItem)| ItemView {
        item,
        text: i.text.clone(),
        at: target.progress.checked.get(&item).map(|at| words::minute(*at)),
    };
    (0..).zip(list).map(view).collect()
}

/// The milestones of a target, unit by unit.
pub(in crate::board) fn stones(scene: &Scene<'_>, ix: TargetIx) -> Vec<StoneView> {
    let of = milestones(scene.callout, ix).into_iter();
    let view = |m: crate::engine::Milestone| StoneView {
        title: scene.milestone(&m.name),
        unit: scene.unit(&m.unit, Some(ix)),
        reached: m.reached,
        due: (m.waits && !m.reached && scene.callout.is_open()).then(|| scene.due(m.due)),
        report: format!("reached:{}:{}", m.name, m.unit),
    };
    of.map(view).collect()
}
