//! One target with everything about it: its steps, its people, each attempt.

use super::scene::Scene;
use super::target::Tile;
use super::words;
use super::work::{self, ItemView, KnockView, StoneView};
use crate::model::{Answer, CallIx, Phase, Purpose, TargetIx};

/// A target's own page.
pub(in crate::board) struct TargetDetail {
    pub tile: Tile,
    pub place: String,
    pub risk: u8,
    pub steps: Vec<StepView>,
    pub attempts: Vec<AttemptView>,
    pub callers: Vec<Caller>,
    /// Everybody called for it: who can report something.
    pub reporters: Vec<Caller>,
    pub knock: Option<KnockView>,
    pub checklist: Vec<ItemView>,
    pub stones: Vec<StoneView>,
    pub shelter: bool,
    /// The plan's edition, which a tick is about.
    pub edition: String,
    /// Whether the ground can still be reported of.
    pub open: bool,
}

/// One step of the target.
pub(in crate::board) struct StepView {
    pub name: String,
    pub people: Vec<(String, String, String)>,
    pub running: bool,
}

/// One attempt that named the target.
pub(in crate::board) struct AttemptView {
    pub at: String,
    pub who: String,
    pub phone: String,
    pub channel: &'static str,
    pub gateway: String,
    pub progress: &'static str,
    /// Language, template and segments.
    pub phrasing: String,
}

/// Somebody on whose behalf an operator can answer.
pub(in crate::board) struct Caller {
    pub call: CallIx,
    pub name: String,
    pub phone: String,
    pub targets: usize,
}

// === impl TargetDetail ===

impl TargetDetail {
    pub(in crate::board) fn of(scene: &Scene<'_>, ix: TargetIx) -> Option<Self> {
        let callout = scene.callout;
        let target = callout.targets.get(ix as usize)?;
        let calls: Vec<_> = target.calls.iter().map(|c| (*c, &callout.calls[*c as usize])).collect();
        let wanted = || calls.iter().filter(|(_, c)| c.purpose == Purpose::CallOut);
        let answer_of = |person: u32| {
            let call = wanted().find(|(_, c)| c.person == person)?;
            let (answer, proof) = call.1.link(ix)?.answer?;
            Some(format!("{}（{}）", words::answer(scene.lang, answer), words::proof(scene.lang, proof)))
        };
        let step_view = |(i, seats): (usize, &crate::model::Seats<u32>)| StepView {
            name: scene.step(i as u8),
            people: seats
                .answer
                .iter()
                .map(|p| (scene.person(*p), scene.first_phone(*p), answer_of(*p).unwrap_or_default()))
                .collect(),
            running: target.is_wanted() && usize::from(target.reached) == i,
        };
        let named = calls.iter().flat_map(|(_, c)| &c.attempts).map(|a| (*a, &callout.attempts[*a as usize]));
        let mut attempts: Vec<_> = named.filter(|(_, a)| a.targets.contains(&ix)).collect();
        attempts.sort_by_key(|(i, _)| std::cmp::Reverse(*i));
        let attempt_view = |(_, a): (u32, &crate::model::Attempt)| AttemptView {
            at: words::clock(a.released_at),
            who: scene.person(callout.calls[a.call as usize].person),
            phone: scene.phone(&a.contact.contact),
            channel: words::channel(scene.lang, a.channel),
            gateway: a.gateway.to_string(),
            progress: words::progress(scene.lang, a),
            phrasing: words::phrasing(scene.lang, &a.phrasing),
        };
        let caller = |(call, c): &(CallIx, &crate::model::Call)| Caller {
            call: *call,
            name: scene.person(c.person),
            phone: scene.first_phone(c.person),
            targets: c.links.len(),
        };
        let open = |c: &crate::model::Call| c.link(ix).and_then(|l| l.answer).is_none_or(|(a, _)| a != Answer::Yes);
        let head = callout.head.as_ref()?;
        let of_tier = |(i, _): &(usize, &_)| head.plan.steps.get(*i).is_none_or(|s| s.tier == target.tier);
        let released = matches!(target.phase, Phase::Released { .. });
        Some(Self {
            reporters: wanted().map(caller).collect(),
            knock: work::knock(scene, ix),
            checklist: work::checklist(scene, ix),
            stones: work::stones(scene, ix),
            shelter: target.progress.shelter.is_some(),
            edition: head.plan.edition.clone(),
            open: callout.is_open() && !released,
            tile: Tile::of(scene, ix),
            place: scene.long_target(ix),
            risk: target.spec.risk,
            steps: target.seats.iter().enumerate().filter(of_tier).map(step_view).collect(),
            attempts: attempts.into_iter().map(attempt_view).collect(),
            callers: wanted().filter(|(_, c)| callout.is_open() && open(c)).map(caller).collect(),
        })
    }
}
