//! Answers: which targets they name, what they prove, what is only noted.

use super::Decision;
use crate::model::{
    Answer, AnswerWay, AttemptIx, CallIx, Channel, CloseReason, Digest, Event, Link, NoteReason, Proof, Purpose, Reply,
    TargetIx, Timestamp,
};

impl Decision<'_> {
    /// Takes an answer that was routed to a call of this callout.
    pub(super) fn reply(&mut self, r: &Reply) {
        let known = (r.call as usize) < self.callout.calls.len();
        if known && self.callout.closed == Some(CloseReason::Retracted) && self.confirm(r) {
            return;
        }
        let Some(call) = self.callout.calls.get(r.call as usize) else { return };
        if r.attempt.is_some_and(|a| !call.attempts.contains(&a)) {
            return;
        }
        let targets = self.answered_targets(r);
        let recalled_from = self.callout.head.as_ref().map_or(0, |h| h.recalled_from);
        // An operator vouches for what was said now; everybody else answers something that was sent.
        let first_sent = call.attempts.iter().map(|a| &self.callout.attempts[*a as usize]).find(|a| {
            r.attempt.is_none_or(|wanted| self.callout.attempts[wanted as usize].released_at == a.released_at)
        });
        let before_send = r.way != AnswerWay::Operator
            && match (r.reported_at, first_sent) {
                (Some(said), Some(sent)) => said < sent.released_at.plus_ms(-REPORTED_CLOCK_SLACK_MS),
                (_, sent) => sent.is_none(),
            };
        let reason = if self.callout.closed.is_some() {
            Some(NoteReason::Closed)
        } else if before_send {
            Some(NoteReason::BeforeSend)
        } else if targets.is_empty() && r.attempt.is_none_or(|a| a < recalled_from) {
            Some(NoteReason::Superseded)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.note(Some(r.call), reason, r.way, r.text, false);
            return;
        }
        if targets.is_empty() || self.says_nothing_new(r.call, &targets, r.answer, r.proof) {
            return;
        }
        self.emit(Event::Answered {
            call: r.call,
            attempt: r.attempt,
            answer: r.answer,
            proof: r.proof,
            way: r.way,
            targets: targets.clone(),
            text: r.text,
            on_behalf: r.on_behalf.clone(),
            reported_at: r.reported_at,
        });
        for target in targets {
            self.judge(target, Some(r.call));
        }
        self.silence_if_done(r.call);
    }

    /// A voice call was picked up or heard to its end: an answer where the plan says that is enough.
    pub(super) fn heard(&mut self, call: CallIx, attempt: AttemptIx, proof: Proof, reported_at: Option<Timestamp>) {
        let c = &self.callout.calls[call as usize];
        let step = self.callout.head.as_ref().and_then(|h| h.plan.steps.get(usize::from(c.step)));
        if c.purpose == Purpose::CallOut && step.is_some_and(|s| s.proof <= proof) {
            self.reply(&Reply {
                call,
                attempt: Some(attempt),
                answer: Answer::Yes,
                proof,
                way: AnswerWay::Voice,
                text: None,
                on_behalf: None,
                reported_at,
            });
        }
    }

    /// Keeps something that came back and answers nothing; tells the person why when told to, and asks again.
    pub(super) fn note(
        &mut self,
        call: Option<CallIx>,
        reason: NoteReason,
        way: AnswerWay,
        text: Option<Digest>,
        ask: bool,
    ) {
        if self.callout.head.is_none() || call.is_some_and(|c| c as usize >= self.callout.calls.len()) {
            return;
        }
        self.emit(Event::ReplyNoted { call, reason, way, text });
        // What is over is not asked about.
        if let Some(call) = call.filter(|_| ask && self.callout.is_open()) {
            let c = &self.callout.calls[call as usize];
            let person = c.person;
            let targets = c.links.iter().map(|l| l.target).collect();
            self.plan_notice(person, Purpose::AskCode, targets, vec![Channel::Sms]);
        }
    }

    /// The targets an answer is about: those its attempt named, or all that the person was told of. An
    /// operator answers for all of a call's targets, told or not.
    fn answered_targets(&self, r: &Reply) -> Vec<TargetIx> {
        let told = |l: &&Link| match r.attempt {
            Some(a) => l.named && self.callout.attempts[a as usize].targets.contains(&l.target),
            None => l.named || r.way == AnswerWay::Operator,
        };
        self.callout.calls[r.call as usize].links.iter().filter(told).map(|l| l.target).collect()
    }

    fn says_nothing_new(&self, call: CallIx, targets: &[TargetIx], answer: Answer, proof: Proof) -> bool {
        let c = &self.callout.calls[call as usize];
        targets.iter().all(|t| c.link(*t).and_then(|l| l.answer).is_some_and(|(a, p)| a == answer && p >= proof))
    }
}

/// Gateways' clocks may run this far behind ours before an answer counts as said too early.
pub(super) const REPORTED_CLOCK_SLACK_MS: i64 = 60_000;
