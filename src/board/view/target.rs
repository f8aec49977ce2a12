//! One target as a tile: how it stands, who is being called, when the next step comes.

use super::scene::{Due, Scene};
use super::words;
use super::work::{self, Beat, KnockView};
use crate::board::text::Texts;
use crate::evidence::People;
use crate::model::{Answer, Attempt, Call, Channel, Phase, Purpose, TargetIx, TargetState};
use std::collections::BTreeMap;

/// A target on the page.
#[derive(Clone, Debug)]
pub(in crate::board) struct Tile {
    pub ix: TargetIx,
    pub name: String,
    pub standing: Standing,
    pub word: &'static str,
    /// Households, persons, special groups.
    pub people: String,
    /// Who is being called, or who answered.
    pub lines: Vec<Line>,
    /// What comes next, and when.
    pub next: Option<(String, Due)>,
    /// The tier, where the callout has ground in several, and whose neighbour it is called as.
    pub tier: String,
    /// 应 动 毕.
    pub beats: Vec<Beat>,
    /// Who was moved; empty before any report.
    pub figures: String,
    /// Items ticked off, and all of them.
    pub ticks: Option<(usize, usize)>,
    /// The door-knock task while it is open.
    pub knock: Option<KnockView>,
}

/// A person in a tile, on one channel.
#[derive(Clone, Debug)]
pub(in crate::board) struct Line {
    pub who: String,
    pub phone: String,
    pub channel: &'static str,
    pub progress: String,
    pub live: bool,
}

/// How a target stands; in order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::board) enum Standing {
    Alarm,
    Calling,
    TakenOver,
    /// Its tier is not open.
    Waiting,
    Satisfied,
    Released,
}

// === impl Standing ===

impl Standing {
    pub(in crate::board) fn of(target: &TargetState) -> Self {
        match target.phase {
            Phase::Satisfied { .. } => Self::Satisfied,
            Phase::TakenOver { .. } => Self::TakenOver,
            Phase::Released { .. } => Self::Released,
            _ if target.alarm => Self::Alarm,
            Phase::Covered => Self::Waiting,
            Phase::Calling { .. } | Phase::Exhausted { .. } => Self::Calling,
        }
    }

    pub(in crate::board) fn class(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Calling => "calling",
            Self::TakenOver => "taken",
            Self::Waiting => "waiting",
            Self::Satisfied => "covered",
            Self::Released => "released",
        }
    }

    /// A shape of its own, so that nothing hangs on colour alone.
    pub(in crate::board) fn mark(self) -> &'static str {
        match self {
            Self::Alarm => "▲",
            Self::Calling => "●",
            Self::TakenOver => "◆",
            Self::Waiting => "◷",
            Self::Satisfied => "✓",
            Self::Released => "–",
        }
    }

    pub(in crate::board) fn word(self, t: &Texts) -> &'static str {
        match self {
            Self::Alarm => t.alarm,
            Self::Calling => t.calling,
            Self::TakenOver => t.taken_over,
            Self::Waiting => t.waiting,
            Self::Satisfied => t.covered,
            Self::Released => t.released,
        }
    }
}

// === impl Tile ===

impl Tile {
    pub(in crate::board) fn of(scene: &Scene<'_>, ix: TargetIx) -> Self {
        let target = &scene.callout.targets[ix as usize];
        let (t, standing) = (scene.lang.texts(), Standing::of(target));
        let spec = &target.spec;
        let people = match spec.persons {
            0 => String::new(),
            persons => scene.people(People { households: spec.households, persons, special: spec.special }),
        };
        let (lines, next) = match target.phase {
            Phase::Satisfied { at, .. } => (answered(scene, ix, target, words::clock(at)), None),
            Phase::TakenOver { at, step } => {
                let by = step.map_or_else(|| scene.lang.pick("上级地区", "region above").into(), |s| scene.step(s));
                let mut lines = answered(scene, ix, target, words::clock(at));
                lines.iter_mut().for_each(|l| l.progress = format!("{by} {}", l.progress));
                let knock = target.clocks.iter().map(|c| &scene.callout.clocks[*c as usize]);
                let running = knock.filter(|c| c.state == crate::model::ClockState::Running).min_by_key(|c| c.due);
                (lines, running.map(|c| (scene.clock(c).0, scene.due(c.due))))
            }
            Phase::Calling { step, due } => {
                // As the engine goes on: a step that nobody fills for this target is passed over.
                let filled = |s: &u8| target.seats.get(usize::from(*s)).is_some_and(|s| !s.answer.is_empty());
                let next = match (step + 1..target.seats.len() as u8).find(filled) {
                    Some(next) => format!("{} {}", t.next_step, scene.step(next)),
                    None => t.no_next_step.to_owned(),
                };
                (calling(scene, ix, target, step), Some((next, scene.due(due))))
            }
            Phase::Exhausted { again_at, .. } => {
                let next = again_at.map(|at| (t.next_round.to_owned(), scene.due(at)));
                (calling(scene, ix, target, target.reached), next)
            }
            Phase::Covered => {
                let tier = scene.callout.tiers.get(usize::from(target.tier));
                let due = tier.and_then(|tier| tier.due).filter(|_| scene.callout.is_open());
                (Vec::new(), due.map(|due| (t.opens.to_owned(), scene.due(due))))
            }
            Phase::Released { .. } => (Vec::new(), None),
        };
        let list = work::checklist(scene, ix);
        let several = scene.callout.targets.iter().any(|other| other.tier != target.tier);
        Self {
            ix,
            name: spec.name.clone(),
            standing,
            word: standing.word(t),
            people,
            lines,
            next,
            tier: {
                let tier = several.then(|| scene.tier(target.tier));
                let beside = target.beside.as_ref().map(|b| scene.beside(b));
                tier.into_iter().chain(beside).collect::<Vec<_>>().join(" · ")
            },
            beats: work::beats(scene, ix),
            figures: work::figures(scene, ix),
            ticks: (!list.is_empty()).then(|| (list.iter().filter(|i| i.at.is_some()).count(), list.len())),
            knock: work::knock(scene, ix).filter(|k| k.confirmed.is_none()),
        }
    }

    /// Whether nobody has to look at it now: it waits, is released, or whoever had to move has moved.
    pub(in crate::board) fn is_quiet(&self) -> bool {
        let done = self.beats.last().is_none_or(|done| matches!(done.class, "good" | "late"));
        match self.standing {
            Standing::Satisfied => done,
            Standing::Waiting | Standing::Released => true,
            Standing::Alarm | Standing::Calling | Standing::TakenOver => false,
        }
    }

    pub(in crate::board) fn class(&self) -> &'static str {
        self.standing.class()
    }

    pub(in crate::board) fn mark(&self) -> &'static str {
        self.standing.mark()
    }
}

/// Who answered yes for a target.
fn answered(scene: &Scene<'_>, ix: TargetIx, target: &TargetState, at: String) -> Vec<Line> {
    let calls = target.calls.iter().map(|c| &scene.callout.calls[*c as usize]);
    let mut yes = calls.filter(|c| c.link(ix).and_then(|l| l.answer).is_some_and(|(a, _)| a == Answer::Yes));
    let line = |c: &Call| Line {
        who: scene.person(c.person),
        phone: String::new(),
        channel: "",
        progress: at.clone(),
        live: false,
    };
    // The last one is the one that completed it.
    yes.next_back().map(line).into_iter().collect()
}

/// Who is being called for a target in its running step, on each channel that rings or was tried last;
/// of the steps before only what still rings.
fn calling(scene: &Scene<'_>, ix: TargetIx, target: &TargetState, step: u8) -> Vec<Line> {
    let seats = target.seats.get(usize::from(step));
    let calls = target.calls.iter().map(|c| &scene.callout.calls[*c as usize]);
    let mut lines = Vec::new();
    for call in calls.filter(|c| c.purpose == Purpose::CallOut) {
        let seated = seats.is_some_and(|s| s.answer.contains(&call.person));
        let all = called(scene, ix, call);
        lines.extend(all.into_iter().filter(|line| seated || line.live));
    }
    lines
}

/// How one person stands towards a target: what was answered, else the last attempt on each channel.
fn called(scene: &Scene<'_>, ix: TargetIx, call: &Call) -> Vec<Line> {
    let (t, lang) = (scene.lang.texts(), scene.lang);
    let line = |phone, channel, progress, live| Line { who: scene.person(call.person), phone, channel, progress, live };
    let waiting = |progress| vec![line(scene.first_phone(call.person), "", progress, false)];
    if let Some((answer, _)) = call.link(ix).and_then(|l| l.answer) {
        return waiting(words::answer(lang, answer).to_owned());
    }
    let attempts = call.attempts.iter().map(|a| &scene.callout.attempts[*a as usize]);
    let last: BTreeMap<Channel, &Attempt> =
        attempts.filter(|a| a.targets.contains(&ix)).map(|a| (a.channel, a)).collect();
    if last.is_empty() {
        return waiting(if call.unreachable { t.unreachable } else { t.queue }.to_owned());
    }
    let of_attempt = |a: &Attempt| {
        let bundle = words::bundle(lang, &a.bundle);
        let progress = format!("{} {}{bundle}", words::progress(lang, a), words::clock(a.since));
        let live = a.is_live() && a.channel == Channel::Voice;
        line(scene.phone(&a.contact.contact), words::channel(lang, a.channel), progress, live)
    };
    last.into_values().map(of_attempt).collect()
}
