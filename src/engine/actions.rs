//! Reports from the ground: moving, done, doors knocked on, items ticked off, milestones.

use super::{Decision, Milestone, milestones, reports_for};
use crate::model::{
    Action, ActionReport, Answer, AnswerWay, CallIx, ClockEnd, ClockOf, ClockStart, Event, Figures, NoteReason,
    Outcome, Phase, Proof, Reply, TargetIx, Timestamp,
};

impl Decision<'_> {
    /// Takes a report that was routed to this callout. What cannot be is noted with the reason.
    pub(super) fn act(&mut self, r: &ActionReport) {
        let known = |t: &TargetIx| (*t as usize) < self.callout.targets.len();
        let call_known = r.call.is_none_or(|c| (c as usize) < self.callout.calls.len());
        if self.callout.head.is_none() || !call_known || !r.targets.iter().all(known) {
            return;
        }
        let mut targets = self.reported_targets(r);
        let mut r = r.clone();
        if let Action::Reached { milestone, .. } = &r.action
            && milestone.is_empty()
        {
            // Whoever was told of ground of several tiers speaks of what is due first, and of no other ground.
            let next = |t: &TargetIx| self.next_milestone(*t, r.call).map(|(due, action)| (due, action, *t));
            let open: Vec<_> = targets.iter().filter_map(next).collect();
            if let Some((_, action, _)) = open.iter().min_by_key(|(due, _, _)| *due).cloned() {
                targets = open.into_iter().filter(|(_, a, _)| *a == action).map(|(_, _, t)| t).collect();
                r.action = action;
            }
        }
        let r = &r;
        let refusal = match targets.first() {
            _ if self.callout.closed.is_some() => Some(NoteReason::Closed),
            None => Some(NoteReason::WhichTarget),
            Some(_) => targets.iter().find_map(|t| self.refusal(*t, r)),
        };
        // One set of figures cannot be told apart over several targets.
        let shared = targets.len() > 1 && r.action.figures().is_some_and(|f| f != Figures::default());
        if let Some(reason) = refusal.or_else(|| shared.then_some(NoteReason::WhichTarget)) {
            self.note(r.call, reason, r.way, r.text, r.ask);
            return;
        }
        let first = |t: &TargetIx| self.callout.targets[*t as usize].progress.moving_at.is_none();
        let begins: Vec<_> = targets.iter().map(first).collect();
        self.emit(Event::ActionReported {
            call: r.call,
            targets: targets.clone(),
            action: r.action.clone(),
            shelter: r.shelter,
            way: r.way,
            text: r.text,
            on_behalf: r.on_behalf.clone(),
            reported_at: r.reported_at,
        });
        if let (Action::Moving(_) | Action::Done(_), Some(call)) = (&r.action, r.call) {
            // Whoever acts has heard.
            self.reply(&Reply {
                call,
                attempt: r.attempt,
                answer: Answer::Yes,
                proof: Proof::Action,
                way: r.way,
                text: r.text,
                on_behalf: r.on_behalf.clone(),
                reported_at: r.reported_at,
            });
        }
        for (target, begins) in targets.into_iter().zip(begins) {
            self.acted(target, begins, r);
        }
    }

    /// What a report means for its target. `begins`: it is the first of any move there.
    fn acted(&mut self, target: TargetIx, begins: bool, r: &ActionReport) {
        let t = &self.callout.targets[target as usize];
        let taken_over = matches!(t.phase, Phase::TakenOver { .. });
        match r.action {
            Action::Moving(_) | Action::Done(_) => {
                if begins {
                    self.start_clocks(ClockOf::Target(target), &[ClockStart::Moving]);
                }
                self.judge(target, r.call);
            }
            // Somebody stood there and somebody else vouches for it: the ground is covered after all.
            Action::KnockConfirmed if taken_over => {
                let call = r.call.or_else(|| t.progress.knock.as_ref()?.call);
                self.emit(Event::TargetSatisfied { target, step: t.reached, call });
                self.settle(target, 0, Outcome::Satisfied);
            }
            Action::KnockConfirmed | Action::Knocked | Action::Checked { .. } | Action::Reached { .. } => {}
        }
        self.meet_clocks(target);
    }

    /// The milestone that is due next for a target and that the reporter's own post has not reported: what a
    /// short message means that only says "reached". Nothing where the reporter could speak for several
    /// of the units: which of them it was must be said.
    fn next_milestone(&self, target: TargetIx, call: Option<CallIx>) -> Option<(Timestamp, Action)> {
        let call = call?;
        let all = milestones(self.callout, target);
        let own: Vec<_> = all.into_iter().filter(|m| reports_for(self.callout, target, call, &m.unit)).collect();
        let alone = |m: &&Milestone| own.iter().filter(|other| other.name == m.name).count() == 1;
        let next = own.iter().filter(|m| m.waits && !m.reached).filter(alone).min_by_key(|m| m.due)?;
        Some((next.due, Action::Reached { milestone: next.name.clone(), unit: next.unit.clone() }))
    }

    /// The targets a report is about: those it names, or all that the person was told of.
    fn reported_targets(&self, r: &ActionReport) -> Vec<TargetIx> {
        if !r.targets.is_empty() {
            return r.targets.clone();
        }
        let Some(call) = r.call.map(|c| &self.callout.calls[c as usize]) else { return Vec::new() };
        let told = call.links.iter().filter(|l| l.named || r.way == AnswerWay::Operator).map(|l| l.target);
        let task = |t: &TargetIx| {
            let knock = &self.callout.targets[*t as usize].progress.knock;
            knock.as_ref().is_some_and(|k| k.call == r.call && k.reported.is_none())
        };
        match r.action {
            Action::Knocked => told.filter(task).collect(),
            _ => told.collect(),
        }
    }

    /// Why a report cannot be taken.
    fn refusal(&self, target: TargetIx, r: &ActionReport) -> Option<NoteReason> {
        let t = &self.callout.targets[target as usize];
        if matches!(t.phase, Phase::Released { .. }) {
            return Some(NoteReason::Superseded);
        }
        // Whoever reports alone does so for ground of the own call; an operator knows what is meant.
        let own = |c: CallIx| self.callout.calls[c as usize].link(target).is_some();
        if r.on_behalf.is_none() && !r.call.is_some_and(own) {
            return Some(NoteReason::WhichTarget);
        }
        let knock = t.progress.knock.as_ref();
        match &r.action {
            Action::Moving(figures) | Action::Done(figures) => {
                let over = |reported: u32, roster: u32| roster > 0 && reported > roster;
                let s = &t.spec;
                let above = over(figures.households, s.households)
                    || over(figures.persons.saturating_add(figures.refused), s.persons)
                    || over(figures.special, s.special);
                // An operator has asked, and says so with a reason.
                (above && r.on_behalf.is_none()).then_some(NoteReason::AboveRoster)
            }
            Action::Knocked => knock.is_none_or(|k| k.confirmed_at.is_some()).then_some(NoteReason::NoTask),
            Action::KnockConfirmed => match (knock.and_then(|k| k.reported.as_ref()), &r.on_behalf) {
                (Some((_, by)), Some(who)) => (by.as_ref() == Some(&who.operator)).then_some(NoteReason::SamePerson),
                _ => Some(NoteReason::NoTask),
            },
            Action::Checked { item } => {
                let items = self.callout.head.as_ref().map_or(0, |h| h.plan.checklist.len());
                (usize::from(*item) >= items).then_some(NoteReason::NoItem)
            }
            Action::Reached { milestone, unit } => {
                let head = self.callout.head.as_ref()?;
                let listed = head.plan.clocks.iter().any(|r| {
                    r.until == ClockEnd::Milestone(milestone.clone())
                        && r.holds_for(t.tier)
                        && (r.units.is_empty() || r.units.contains(unit))
                });
                let own = |c| reports_for(self.callout, target, c, unit);
                let may = r.on_behalf.is_some() || r.call.is_some_and(own);
                (!listed || !may).then_some(NoteReason::NotListed)
            }
        }
    }
}
