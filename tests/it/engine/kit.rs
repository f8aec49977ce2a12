//! A callout with a clock, and short words for what happens to it. Every decision is checked.

use jiaoying::engine::{check, decide, replay};
use jiaoying::model::*;

/// Persons of each step of a target.
pub type Ground<'a> = (&'a str, &'a [&'a [&'a str]]);

pub struct Case {
    pub callout: Callout,
    pub begin: Timestamp,
    pub now: Timestamp,
    pub plan: Plan,
    pub entries: Vec<Entry>,
    last: Option<Command>,
}

pub fn ring(channel: Channel, tries: u16, wait_s: i64) -> Ring {
    Ring { channel, tries, wait_ms: wait_s * 1000 }
}

pub fn step(post: &str, outcome: Outcome, rings: Vec<Ring>) -> Step {
    Step {
        name: post.into(),
        tier: 0,
        posts: vec![post.into()],
        alert: Vec::new(),
        holders: Holders::Everyone,
        need: Need::Any,
        proof: Proof::Key,
        outcome,
        sequence: Sequence::Parallel,
        rings,
        wait_ms: 200_000,
    }
}

/// A tier that opens at once, for the targets of the directory.
pub fn tier(name: &str) -> Tier {
    Tier {
        name: name.into(),
        title: name.into(),
        level: None,
        before_ms: None,
        action: String::new(),
        moves: Moves::Nobody,
        source: "test".into(),
    }
}

/// Grid, village, duty (who takes over); an answer clock of 120 s and a door-knock clock of 600 s.
pub fn plan() -> Plan {
    let both = || vec![ring(Channel::Sms, 2, 100), ring(Channel::Voice, 3, 40)];
    let clock = |name: &str, starts, until, within_ms| ClockRule {
        name: name.into(),
        title: name.into(),
        of: ClockScope::Target,
        tiers: Vec::new(),
        units: Vec::new(),
        remind_ms: Vec::new(),
        missed: OnMiss::Nothing,
        starts,
        until,
        within_ms,
        source: "test".into(),
    };
    Plan {
        name: "test".into(),
        edition: String::new(),
        tiers: vec![tier("ground"), tier("above")],
        checklist: Vec::new(),
        night: None,
        steps: vec![
            step("grid", Outcome::Satisfied, both()),
            step("village", Outcome::Satisfied, both()),
            step("duty", Outcome::TakenOver, both()),
        ],
        clocks: vec![
            clock("answer", ClockStart::Called, ClockEnd::Answered, 120_000),
            clock("door_knock", ClockStart::TakenOver, ClockEnd::Satisfied, 600_000),
        ],
        in_force_ms: 3_600_000,
        repeat_ms: 500_000,
        repeat_from: 0,
        retry_ms: 20_000,
        gather_ms: 20_000,
        valid_ms: 300_000,
        texts: Texts::default(),
    }
}

impl Case {
    pub fn new(plan: Plan) -> Self {
        let begin = Timestamp(1_780_000_000_000_000);
        let callout = Callout::new(CalloutId::from("test"));
        Self { callout, begin, now: begin, plan, entries: Vec::new(), last: None }
    }

    /// Decides, and checks what must hold after every decision.
    pub fn decide(&mut self, command: Command) -> Vec<Event> {
        let made = decide(&mut self.callout, &command, self.now);
        self.entries.extend(made.iter().cloned());
        assert_eq!(check(&self.callout), [], "after {command:?}");
        let replayed = replay(self.callout.id.clone(), &self.entries);
        assert!(replayed.canonical() == self.callout.canonical(), "replay differs after {command:?}");
        made.into_iter().map(|e| e.1).collect()
    }

    /// Ticks at every due time up to `at`, and there.
    pub fn run_to(&mut self, at: Timestamp) {
        while let Some((due, _)) = self.callout.agenda.timers.first().copied().filter(|(due, _)| *due <= at) {
            self.now = self.now.max(due);
            self.decide(Command::Tick);
        }
        self.now = at;
    }

    pub fn alert(&mut self, ground: &[Ground<'_>]) -> Vec<Event> {
        self.order("A", MessageKind::Alert, Colour::Yellow, ground)
    }

    pub fn cancel(&mut self) -> Vec<Event> {
        self.order("Z", MessageKind::Cancel, Colour::Yellow, &[])
    }

    pub fn order(&mut self, id: &str, kind: MessageKind, colour: Colour, ground: &[Ground<'_>]) -> Vec<Event> {
        let order = self.make(id, kind, colour, ground);
        self.last = Some(Command::Apply(Box::new(order)));
        self.order_again()
    }

    pub fn order_again(&mut self) -> Vec<Event> {
        let last = self.last.clone().unwrap();
        self.decide(last)
    }

    pub fn raise(&mut self, region: &str, colour: Colour, expires_s: i64) -> Vec<Event> {
        let mut order = self.make("A", MessageKind::Alert, colour, &[(region, &[&["p"], &[], &[]])]);
        order.expires = Some(self.begin.plus_ms(expires_s * 1000));
        order.ground[0].target.kind = TargetKind::Region;
        self.decide(Command::Raise(Box::new(Raise { order, targets: 1, gaps: 0, seq: 0 })))
    }

    pub fn make(&self, id: &str, kind: MessageKind, colour: Colour, ground: &[Ground<'_>]) -> Order {
        let region = RegionCode::parse("533324").unwrap();
        let people =
            |names: &&[&str]| Seats { answer: names.iter().map(|n| PersonId::from(*n)).collect(), alert: Vec::new() };
        let ground = ground.iter().map(|(name, seats)| jiaoying::model::Ground {
            target: Target {
                id: TargetId::from(*name),
                name: (*name).into(),
                kind: TargetKind::Grid,
                region: region.clone(),
                households: 1,
                persons: 1,
                special: 0,
                risk: 1,
                point: None,
            },
            tier: 0,
            seats: seats.iter().map(people).collect(),
            beside: None,
        });
        Order {
            warning: WarningId::of(Status::Actual, "s", "A"),
            region: region.clone(),
            place: "test".into(),
            status: Status::Actual,
            hazard: Hazard::from_word("暴雨"),
            colour,
            message: MessageRef { sender: "s".into(), identifier: id.into(), kind, digest: Digest::of(id.as_bytes()) },
            words: Words::default(),
            onset: None,
            origin_time: None,
            expires: None,
            plan: self.plan.clone(),
            directory: 1,
            ground: ground.collect(),
            gaps: Vec::new(),
            conflict: false,
            position: 0,
            retracted: false,
        }
    }

    pub fn name(&self, person: PersonIx) -> String {
        self.callout.people[person as usize].to_string()
    }

    fn call_for(&self, who: &str, purpose: Purpose) -> CallIx {
        let person = self.callout.person_ix[&PersonId::from(who)];
        self.callout.call_ix[&(person, purpose)]
    }

    pub fn call_ix(&self, who: &str) -> CallIx {
        self.call_for(who, Purpose::CallOut)
    }

    pub fn call(&self, who: &str) -> &Call {
        &self.callout.calls[self.call_ix(who) as usize]
    }

    fn grant(&mut self, call: CallIx, track: usize, contact: &str) -> Option<AttemptIx> {
        let t = &self.callout.calls[call as usize].tracks[track];
        let (rung, channel) = (t.next, t.rungs.get(usize::from(t.next))?.0);
        let attempt = self.callout.attempts.len();
        self.decide(Command::Release(Release {
            call,
            track: track as u8,
            rung,
            channel,
            gateway: "gw".into(),
            contact: ContactRef { contact: ContactId::from(contact), version: 1 },
            code: None,
            phrasing: PhrasingWish::default(),
            routed: None,
            bundle: Vec::new(),
        }));
        (self.callout.attempts.len() > attempt).then_some(attempt as u32)
    }

    pub fn try_release(&mut self, who: &str, track: usize) -> Option<AttemptIx> {
        self.grant(self.call_ix(who), track, &format!("{who}.first"))
    }

    pub fn release(&mut self, who: &str, track: usize) -> AttemptIx {
        self.try_release(who, track).unwrap()
    }

    pub fn release_on(&mut self, who: &str, track: usize, contact: &str) -> AttemptIx {
        self.grant(self.call_ix(who), track, contact).unwrap()
    }

    pub fn release_if_due(&mut self, who: &str, track: usize) {
        self.try_release(who, track);
    }

    pub fn release_notice(&mut self, who: &str, purpose: Purpose) -> AttemptIx {
        self.grant(self.call_for(who, purpose), 0, &format!("{who}.first")).unwrap()
    }

    pub fn release_alert(&mut self, who: &str) -> AttemptIx {
        self.grant(self.call_for(who, Purpose::Alert), 0, &format!("{who}.first")).unwrap()
    }

    pub fn skip(&mut self, who: &str, track: usize, reason: SkipReason) -> Vec<Event> {
        let call = self.call_ix(who);
        let rung = self.call(who).tracks[track].next;
        self.decide(Command::Skip { call, track: track as u8, rung, reason })
    }

    pub fn fails(&mut self, attempt: AttemptIx, failure: Failure) -> Vec<Event> {
        let fact = Fact::Failed { failure, detail: None };
        self.decide(Command::Report { attempt, fact, reported_at: None, elsewhere: false })
    }

    pub fn reached(&mut self, attempt: AttemptIx, stage: Stage) -> Vec<Event> {
        let fact = Fact::Reached { stage, reference: None };
        self.decide(Command::Report { attempt, fact, reported_at: None, elsewhere: false })
    }

    pub fn reply(&self, who: &str, answer: Answer, proof: Proof) -> Reply {
        Reply {
            call: self.call_ix(who),
            attempt: None,
            answer,
            proof,
            way: AnswerWay::Sms,
            text: None,
            on_behalf: None,
            reported_at: None,
        }
    }

    pub fn say(&mut self, who: &str, answer: Answer, proof: Proof) -> Vec<Event> {
        let reply = self.reply(who, answer, proof);
        self.decide(Command::Reply(reply))
    }

    pub fn yes(&mut self, who: &str) -> Vec<Event> {
        self.say(who, Answer::Yes, Proof::Key)
    }

    /// Says yes and tells whether it was only noted, for this reason.
    pub fn noted(&mut self, reason: NoteReason, who: &str) -> bool {
        let events = self.yes(who);
        matches!(events[..], [Event::ReplyNoted { reason: r, .. }] if r == reason)
    }
}
