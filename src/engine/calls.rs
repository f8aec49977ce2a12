//! Calls: planning them, releasing attempts, what gateways report, silence.

use super::Decision;
use super::suspend::outlives;
use super::words::Occasion;
use crate::model::{
    Answer, Attempt, AttemptIx, Call, CallIx, Callout, Channel, Event, Fact, Failure, Head, Link, Phase, Phrasing,
    Proof, Purpose, Release, Segments, SkipReason, Stage, TargetIx, TextKind, Timestamp, Track,
};

/// A rung that no other gateway takes is tried again this long after its gateway was down, doubling up to the maximum.
const GATEWAY_BACKOFF_MS: i64 = 1_000;
/// See [`GATEWAY_BACKOFF_MS`].
const GATEWAY_BACKOFF_MS_MAX: i64 = 30_000;

impl Decision<'_> {
    /// Plans the calls that this decision wants: one per person and purpose, for all its targets.
    pub(super) fn plan_wanted(&mut self) {
        for ((person, purpose, step), targets) in std::mem::take(&mut self.wanted) {
            if targets.is_empty() {
                continue;
            }
            let known = self.callout.call_ix.get(&(person, purpose)).copied();
            let due = match known.map(|c| &self.callout.calls[c as usize]) {
                None => Some(self.now),
                // A ladder that has not begun yet takes the targets in.
                Some(c) if c.is_running() && c.attempts.len() == usize::from(c.ladder_from) => None,
                Some(c) => Some(self.gathered(c)),
            };
            self.emit(Event::CallPlanned {
                call: known.unwrap_or(self.callout.calls.len() as u32),
                person: self.callout.people[person as usize].clone(),
                purpose,
                step,
                targets,
                due,
                channels: Vec::new(),
            });
        }
    }

    /// When a person who was just called may be called again for further ground.
    fn gathered(&self, call: &Call) -> Timestamp {
        let gather_ms = self.callout.head.as_ref().map_or(0, |h| h.plan.gather_ms);
        let last = call.attempts.last().map(|a| self.callout.attempts[*a as usize].released_at);
        last.map_or(self.now, |at| at.plus_ms(gather_ms).max(self.now))
    }

    /// Grants an attempt, when it is still wanted and the offer is not stale.
    pub(super) fn release(&mut self, r: &Release) {
        let Some(fresh) = Fresh::of(self.callout, r, self.now) else { return };
        if fresh.is_vain() {
            match fresh.call.purpose {
                Purpose::Updated => self.emit(Event::CallSilenced { call: r.call }),
                _ => self.silence_if_done(r.call),
            }
            return;
        }
        let Fresh { head, call, track, channel, wait_ms, notice, targets } = fresh;
        let last = usize::from(r.rung) + 1 >= track.rungs.len();
        let valid_until = self.now.plus_ms(head.plan.valid_ms);
        let valid_until = if notice { valid_until } else { valid_until.min(head.expires) };
        let phrasing = self.phrased(r, call, &targets);
        self.emit(Event::AttemptReleased {
            attempt: self.callout.attempts.len() as u32,
            call: r.call,
            track: r.track,
            rung: r.rung,
            channel,
            gateway: r.gateway.clone(),
            contact: r.contact.clone(),
            code: r.code.clone(),
            targets,
            valid_until,
            next_due: (!last).then(|| self.now.plus_ms(wait_ms)),
            phrasing: Box::new(phrasing),
            routed: r.routed.clone(),
            bundle: r.bundle.clone(),
        });
    }

    /// How a granted attempt is phrased: in the person's language where there are words in it, by the
    /// gateway's template where it wants one.
    fn phrased(&self, r: &Release, call: &Call, targets: &[TargetIx]) -> Phrasing {
        let Some(head) = &self.callout.head else { return Phrasing::default() };
        let kind = TextKind::of(call.purpose, r.channel);
        let language = match &r.phrasing.template {
            Some(template) => template.language.clone(),
            None => head.plan.texts.language(kind, &r.phrasing.language).map(str::to_owned),
        };
        let occasion = Occasion {
            call,
            channel: r.channel,
            targets,
            at: self.now,
            code: r.code.as_deref(),
            language: language.as_deref(),
            template: r.phrasing.template.as_deref(),
        };
        // A link is of letters and digits, whichever they are.
        let sent = occasion.words(self.callout, &"x".repeat(r.phrasing.link_chars));
        Phrasing {
            cut: sent.template.map(|t| t.cut).unwrap_or_default(),
            segments: (r.channel == Channel::Sms).then(|| Segments::of(&sent.text)),
            template: r.phrasing.template.clone(),
            language,
        }
    }

    /// A rung cannot be tried: the track goes on behind all rungs of the same channel. With no
    /// gateway for the channel it is tried again later, as gateways come back and are unlocked; a drill just goes on
    /// without.
    pub(super) fn skip(&mut self, call: CallIx, track: u8, rung: u16, reason: SkipReason) {
        let Some(t) = self.callout.calls.get(call as usize).and_then(|c| c.tracks.get(usize::from(track))) else {
            return;
        };
        if t.next != rung || t.due.is_none_or(|due| due > self.now) {
            return;
        }
        let channel = t.rungs.get(usize::from(rung)).map(|(c, _)| *c);
        let rest = t.rungs.iter().skip(usize::from(rung)).take_while(|(c, _)| Some(*c) == channel).count();
        let behind = rung + rest as u16;
        let (next, next_due) = if usize::from(behind) < t.rungs.len() {
            (behind, Some(self.now))
        } else if matches!(reason, SkipReason::NoGateway | SkipReason::Locked | SkipReason::NoneWorks) {
            (rung, Some(self.now.plus_ms(GATEWAY_BACKOFF_MS_MAX)))
        } else {
            (behind, None)
        };
        self.emit(Event::RungSkipped { call, track, rung, reason, next, next_due });
        self.judge_links(call);
    }

    /// A person proved unreachable, or refused: what does that mean for each target?
    pub(super) fn judge_links(&mut self, call: CallIx) {
        if !self.callout.is_open() {
            return;
        }
        let targets: Vec<_> = self.callout.calls[call as usize].links.iter().map(|l| l.target).collect();
        for target in targets {
            self.judge(target, None);
        }
    }

    /// A gateway told something about an attempt. What is known already, or weaker, changes nothing.
    /// `elsewhere`: whether a gateway that is not down takes the rung at once.
    pub(super) fn report(&mut self, attempt: u32, fact: &Fact, reported_at: Option<Timestamp>, elsewhere: bool) {
        let Some(a) = self.callout.attempts.get(attempt as usize) else { return };
        let news = match fact {
            Fact::Reached { stage, .. } => *stage > a.stage,
            Fact::Failed { .. } => a.failure.is_none(),
            Fact::Ended => !a.ended,
            // Sent again under its key and still unknown: it is not sent a third time.
            Fact::Unknown { resent } => {
                let again = a.stage == Stage::Unknown && !resent && self.is_newest(attempt);
                a.failure.is_none() && (a.stage == Stage::Released || again)
            }
        };
        if !news {
            return;
        }
        let again = self.again(attempt, fact, elsewhere);
        self.emit(Event::AttemptReported { attempt, fact: fact.clone(), reported_at, again });
        self.meet_tried(attempt);
        let a = &self.callout.attempts[attempt as usize];
        let (call, channel) = (a.call, a.channel);
        let heard = match fact {
            Fact::Reached { stage: Stage::PickedUp, .. } => Some(Proof::PickedUp),
            Fact::Reached { stage: Stage::Heard, .. } => Some(Proof::Heard),
            _ => None,
        };
        if let (Some(proof), Channel::Voice) = (heard, channel) {
            self.heard(call, attempt, proof, reported_at);
        }
        self.judge_unreachable(call);
    }

    /// Whether its track has made no attempt after this one.
    fn is_newest(&self, attempt: u32) -> bool {
        let a = &self.callout.attempts[attempt as usize];
        let later = self.callout.calls[a.call as usize].attempts.iter().rev().take_while(|x| **x > attempt);
        later.map(|x| &self.callout.attempts[*x as usize]).all(|x| x.track != a.track)
    }

    /// When a failure brings the next rung forward, or repeats this one.
    fn again(&self, attempt: u32, fact: &Fact, elsewhere: bool) -> Option<(u16, Timestamp)> {
        let a = &self.callout.attempts[attempt as usize];
        let call = &self.callout.calls[a.call as usize];
        let track = &call.tracks.get(usize::from(a.track))?;
        let plan = &self.callout.head.as_ref()?.plan;
        // Only the ladder's newest attempt moves it, and only while somebody is still asked.
        let current = track.next == a.rung + 1 && call.attempts.contains(&attempt);
        let of_ladder = call.attempts.iter().position(|x| *x == attempt)? >= usize::from(call.ladder_from);
        if !current || !of_ladder || (asking(self.callout, call).is_empty() && !call.purpose.is_notice()) {
            return None;
        }
        let next = (usize::from(track.next) < track.rungs.len()).then_some(track.next);
        match fact {
            Fact::Unknown { resent: false } => Some((a.rung, self.now)),
            Fact::Failed { failure: Failure::GatewayDown, .. } if elsewhere => Some((a.rung, self.now)),
            Fact::Failed { failure: Failure::GatewayDown, .. } => {
                let earlier = call.attempts[usize::from(call.ladder_from)..].iter().rev().filter(|x| **x < attempt);
                let of_rung = earlier.map(|x| &self.callout.attempts[*x as usize]).filter(|x| x.track == a.track);
                let refused = |x: &&Attempt| x.rung == a.rung && x.failure == Some(Failure::GatewayDown);
                let before = of_rung.take_while(refused).count().min(10) as u32;
                let wait = GATEWAY_BACKOFF_MS.saturating_mul(1 << before).min(GATEWAY_BACKOFF_MS_MAX);
                Some((a.rung, self.now.plus_ms(wait)))
            }
            // Another contact of the same person at once; the lane finds out when there is none.
            Fact::Failed { failure: Failure::DeadNumber | Failure::Parted, .. } => Some((a.rung, self.now)),
            Fact::Failed { failure: Failure::Withdrawn, .. } => None,
            Fact::Failed { .. } => {
                let soon = self.now.plus_ms(plan.retry_ms);
                next.map(|rung| (rung, track.due.map_or(soon, |due| due.min(soon))))
            }
            Fact::Reached { .. } | Fact::Ended | Fact::Unknown { resent: true } => None,
        }
    }

    /// Judges a call's targets when nothing more can be tried and nothing was ever taken by a gateway.
    fn judge_unreachable(&mut self, call: CallIx) {
        if self.callout.calls[call as usize].unreachable {
            self.judge_links(call);
        }
    }

    /// Silences a call that has nothing left to ask.
    pub(super) fn silence_if_done(&mut self, call: CallIx) {
        let c = &self.callout.calls[call as usize];
        let rings = c.attempts.iter().any(|a| self.callout.attempts[*a as usize].rings(self.now));
        if !outlives(self.callout, c.purpose) && (c.is_running() || rings) && asking(self.callout, c).is_empty() {
            self.emit(Event::CallSilenced { call });
        }
    }
}

/// What an offer that is not stale is about.
struct Fresh<'a> {
    head: &'a Head,
    call: &'a Call,
    track: &'a Track,
    channel: Channel,
    wait_ms: i64,
    /// Whether it only tells something, also when the callout is over.
    notice: bool,
    targets: Vec<TargetIx>,
}

// === impl Fresh ===

impl<'a> Fresh<'a> {
    /// `None` when the offer is stale.
    fn of(callout: &'a Callout, r: &Release, now: Timestamp) -> Option<Self> {
        let call = callout.calls.get(r.call as usize)?;
        let track = call.tracks.get(usize::from(r.track))?;
        let (channel, wait_ms) = track.rungs.get(usize::from(r.rung)).copied()?;
        let due = track.due.is_some_and(|due| due <= now) && track.next == r.rung && channel == r.channel;
        let notice = outlives(callout, call.purpose);
        let head = callout.head.as_ref().filter(|_| callout.is_open() || notice)?;
        let fresh = due && !call.dead.contains(&r.contact.contact);
        fresh.then(|| Self { head, call, track, channel, wait_ms, notice, targets: asking(callout, call) })
    }

    /// Whether nothing is left to ask or to tell.
    fn is_vain(&self) -> bool {
        self.targets.is_empty() && (!self.notice || self.call.purpose == Purpose::Updated)
    }
}

/// Whether a callout would release an attempt for what a lane grants: the offer is not stale, and still wanted.
#[must_use]
pub fn releases(callout: &Callout, release: &Release, now: Timestamp) -> bool {
    Fresh::of(callout, release, now.max(callout.recorded_at)).is_some_and(|fresh| !fresh.is_vain())
}

/// Whether an attempt that its gateway may be working on still asks or tells something, or brought an answer itself:
/// then it reads back what was recorded.
#[must_use]
pub fn wants(callout: &Callout, attempt: AttemptIx) -> bool {
    let Some(a) = callout.attempts.get(attempt as usize).filter(|a| a.is_live()) else { return false };
    let call = &callout.calls[a.call as usize];
    a.answered || outlives(callout, call.purpose) || !asking(callout, call).is_empty()
}

/// The targets a call still has to ask about.
fn asking(callout: &Callout, call: &Call) -> Vec<TargetIx> {
    if callout.closed.is_some() && !outlives(callout, call.purpose) {
        return Vec::new();
    }
    let asks = |target: TargetIx, answered: bool| {
        let t = &callout.targets[target as usize];
        match call.purpose {
            Purpose::CallOut => {
                // A ladder below the post that took over runs to its end.
                let below = matches!(t.phase, Phase::TakenOver { step: Some(s), .. } if call.step < s);
                let above = matches!(t.phase, Phase::TakenOver { step: None, .. });
                !answered && (t.is_wanted() || below || above)
            }
            Purpose::Alert => t.is_wanted(),
            // What was dropped meanwhile has a notice of its own.
            Purpose::Updated => !matches!(t.phase, Phase::Released { .. }),
            Purpose::Cancelled
            | Purpose::Retracted
            | Purpose::Suspended
            | Purpose::Dropped
            | Purpose::AskCode
            | Purpose::Remind => true,
        }
    };
    let answered = |link: &Link| link.answer.is_some_and(|answer| counts(callout, call, answer));
    call.links.iter().filter(|l| asks(l.target, answered(l))).map(|l| l.target).collect()
}

/// The attempt that a call can be answered by in a call back: the newest that is durable and names ground for which an
/// answer is still wanted. Of a false alarm, that of the call which asks to confirm it.
#[must_use]
pub fn open_attempt(callout: &Callout, call: CallIx) -> Option<AttemptIx> {
    let person = callout.calls.get(call as usize)?.person;
    let retracted = callout.call_ix.get(&(person, Purpose::Retracted)).filter(|_| !callout.is_open());
    let call = &callout.calls[*retracted.unwrap_or(&call) as usize];
    if !call.purpose.wants_reply() || call.confirmed_at.is_some() {
        return None;
    }
    let wanted = asking(callout, call);
    // Before its gateway has told anything of it, its release may yet be lost.
    let told = |a: &&AttemptIx| {
        let a = &callout.attempts[**a as usize];
        a.stage > Stage::Released || a.failure.is_some()
    };
    let names = |a: &&AttemptIx| callout.attempts[**a as usize].targets.iter().any(|t| wanted.contains(t));
    call.attempts.iter().rev().filter(told).find(names).copied()
}

/// Whether an answer is as sure as the call's step demands, or a refusal.
fn counts(callout: &Callout, call: &Call, (answer, proof): (Answer, Proof)) -> bool {
    let plan = callout.head.as_ref().map(|h| &h.plan);
    let needed = plan.and_then(|p| p.steps.get(usize::from(call.step))).map_or(Proof::Key, |s| s.proof);
    answer == Answer::Cannot || proof >= needed
}

/// Attempts that still ring or play although their call has nothing left to ask: they are to be
/// withdrawn. Derived from the state, so that a restart finds them again.
#[must_use]
pub fn to_withdraw(callout: &Callout, now: Timestamp) -> Vec<AttemptIx> {
    let done = |c: &&Call| !outlives(callout, c.purpose) && asking(callout, c).is_empty();
    let silent = callout.calls.iter().filter(done).flat_map(|c| &c.attempts).copied();
    silent.filter(|a| callout.attempts[*a as usize].rings(now)).collect()
}
