//! What gateways and people tell of their own accord, routed to the callouts it concerns.

use super::book::CallKey;
use super::cell::{Cell, Ticket};
use super::replies::Word;
use super::staging::Asked;
use crate::gateway::Upcall;
use crate::journal::{Blob, Journal, Outcome, Parked};
use crate::model::{
    Action, ActionReport, Answer, AnswerWay, AttemptKey, CallIx, CalloutId, Command, Digest, Finding, GatewayId,
    NoteReason, OnBehalf, Proof, Purpose, Reply, SecretKey, TargetIx, Timestamp,
};

/// What somebody says or reports on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An answer.
    Answer(Answer),
    /// A report from the ground.
    Action {
        /// What.
        action: Action,
        /// The targets; empty for all that the call named.
        targets: Vec<TargetIx>,
        /// Where people were taken; empty when that is not told.
        shelter: String,
    },
    /// A report with a figure that is no count of people, as it was written: kept, and counts for nothing.
    BadFigure(String),
}

/// What became of it once it is durable: `None`, it counts; else it was noted for this reason and does not.
pub type Kept = Option<NoteReason>;

/// What an operator records of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The callout.
    pub callout: CalloutId,
    /// The call of the person on whose behalf it is; a report may have none.
    pub call: Option<CallIx>,
    /// What was said or done.
    pub deed: Deed,
    /// The operator's sign-in name.
    pub operator: String,
    /// Why the person did not answer alone, and how the operator knows.
    pub reason: String,
}

/// A text that belongs to no callout: nothing open was sent to its number.
#[derive(Clone, PartialEq, Eq)]
pub struct Stray {
    /// When it came.
    pub at: Timestamp,
    /// The number it came from.
    pub from: String,
    /// Its words.
    pub text: String,
}

impl std::fmt::Debug for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stray(at {})", self.at)
    }
}

/// Something that was told and waits until its callout is read.
#[derive(Debug)]
pub(super) enum Told {
    /// By a gateway that is for drills, or one that is not.
    Upcall(Upcall, bool),
    /// A key in a voice call, for one attempt of its message.
    Pressed(Pressed),
    /// A text that was said to a call.
    Word(Route, String, Option<Timestamp>),
    Link(CallKey, Deed),
    Vouched(Vouched),
}

/// A key that was pressed, for one of the attempts that its message brings.
#[derive(Debug)]
pub(super) struct Pressed {
    key: AttemptKey,
    digits: String,
    way: AnswerWay,
    reported_at: Option<Timestamp>,
    /// The attempt that the gateway named, and the place of this one in its message.
    to: (AttemptKey, usize),
}

/// Where a text belongs.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) call: CallKey,
    /// Why it is no answer, when it is none.
    pub(super) reason: Option<NoteReason>,
    /// Whether a code in its words says so.
    pub(super) coded: bool,
}

impl Cell {
    /// Takes what a gateway tells. `ticket` is told when all of it is durable. What a gateway for drills
    /// tells of a real attempt, or the reverse, has no effect.
    pub fn upcalls(&mut self, gateway: &GatewayId, upcalls: Vec<Upcall>, ticket: Ticket, now: Timestamp) {
        let drill = self.gateways.get(gateway).is_some_and(|g| g.lane.drill);
        self.open_ticket(ticket);
        for upcall in upcalls {
            let Some(mut upcall) = self.named(gateway, upcall) else { continue };
            match &mut upcall {
                Upcall::Report { key, .. } | Upcall::Key { key, .. } | Upcall::CalledBack { key, .. }
                    if key.callout.is_drill() != drill =>
                {
                    continue;
                }
                Upcall::Text { key, .. } => *key = key.take().filter(|k| k.callout.is_drill() == drill),
                _ => {}
            }
            self.told(Told::Upcall(upcall, drill), ticket, now);
        }
        self.close_ticket(ticket);
    }

    /// What was told by a reference, as told of the attempt that it names; nothing when it names none.
    fn named(&self, gateway: &GatewayId, upcall: Upcall) -> Option<Upcall> {
        let (Upcall::Receipt { reference, .. } | Upcall::Pressed { reference, .. }) = &upcall else {
            return Some(upcall);
        };
        let Some(key) = self.book.by_reference(gateway, reference).cloned() else {
            tracing::debug!(%gateway, "a reference names no attempt that is known");
            return None;
        };
        Some(match upcall {
            Upcall::Receipt { fact, reported_at, .. } => Upcall::Report { key, fact, reported_at },
            Upcall::Pressed { digits, reported_at, .. } => Upcall::Key { key, digits, reported_at },
            other => other,
        })
    }

    /// The one-time link of a call was posted. False when there is no such link.
    pub fn link_answer(&mut self, token: &str, deed: Deed, ticket: Ticket, now: Timestamp) -> bool {
        let Some(key) = self.book.by_link(token).cloned() else { return false };
        self.open_ticket(ticket);
        self.told(Told::Link(key, deed), ticket, now);
        self.close_ticket(ticket);
        true
    }

    /// An operator records what somebody said or did.
    pub fn vouch(&mut self, vouched: Vouched, ticket: Ticket, now: Timestamp) {
        self.open_ticket(ticket);
        self.told(Told::Vouched(vouched), ticket, now);
        self.close_ticket(ticket);
    }

    /// Routes what was told to its callout, which is read first when it is not in memory: an answer
    /// can only be understood, and its words only be sealed, beside the state it answers.
    pub(super) fn told(&mut self, told: Told, ticket: Ticket, now: Timestamp) {
        let callout = match &told {
            Told::Upcall(Upcall::Report { key, .. } | Upcall::Key { key, .. } | Upcall::CalledBack { key, .. }, _) => {
                key.callout.clone()
            }
            Told::Upcall(Upcall::Text { key: Some(key), .. }, _) => self.first_unread(key),
            Told::Pressed(pressed) => pressed.key.callout.clone(),
            Told::Word(route, ..) => route.call.0.clone(),
            // By now it is a report, a key or nothing.
            Told::Upcall(Upcall::Receipt { .. } | Upcall::Pressed { .. }, _) => return,
            Told::Upcall(Upcall::Text { from, text, key: None, extension, .. }, drill) => {
                match self.route(from, text, extension.as_deref(), *drill) {
                    Some(route) => route.call.0,
                    // There is no timeline it belongs to: the world keeps it where people look.
                    None => {
                        let stray = Stray { at: now, from: from.clone(), text: text.clone() };
                        self.add_part(ticket);
                        self.outputs.push(super::cell::Output::Stray { stray, ticket });
                        return;
                    }
                }
            }
            Told::Link((callout, _), _) => callout.clone(),
            Told::Vouched(vouched) => vouched.callout.clone(),
        };
        if !self.live.contains_key(&callout) {
            self.defer(&callout, told, ticket);
            return;
        }
        match told {
            Told::Upcall(Upcall::Report { key, fact, reported_at }, _) => {
                for key in self.together(&key) {
                    let elsewhere = self.works_elsewhere(&key, &fact, now);
                    let fact = fact.clone();
                    let command = Command::Report { attempt: key.attempt, fact, reported_at, elsewhere };
                    self.ask(&key.callout, part(command, ticket), now);
                }
            }
            Told::Upcall(Upcall::Key { key: named, digits, reported_at }, _) => {
                for (place, key) in self.together(&named).into_iter().enumerate() {
                    let to = (named.clone(), place);
                    let pressed = Pressed { key, digits: digits.clone(), way: AnswerWay::Voice, reported_at, to };
                    self.told(Told::Pressed(pressed), ticket, now);
                }
            }
            // Whoever calls back hears one callout after the other.
            Told::Upcall(Upcall::CalledBack { key, digits, reported_at }, _) => {
                let to = (key.clone(), 0);
                self.key(Pressed { key, digits, way: AnswerWay::CallBack, reported_at, to }, ticket, now);
            }
            Told::Pressed(pressed) => self.key(pressed, ticket, now),
            Told::Upcall(Upcall::Text { from, text, key, extension, reported_at }, drill) => {
                for route in self.routes(&from, &text, key.as_ref(), extension.as_deref(), drill) {
                    if self.live.contains_key(&route.call.0) {
                        self.text(route, &text, key.as_ref(), reported_at, ticket, now);
                    } else {
                        self.told(Told::Word(route, text.clone(), reported_at), ticket, now);
                    }
                }
            }
            Told::Word(route, text, reported_at) => self.text(route, &text, None, reported_at, ticket, now),
            Told::Upcall(Upcall::Receipt { .. } | Upcall::Pressed { .. }, _) => {}
            Told::Link((callout, call), deed) => {
                let (command, blobs) = self.deed(&callout, Some(call), deed, AnswerWay::Link, None);
                self.ask(&callout, Asked { command, ticket: Some(ticket), inbox: None, blobs }, now);
            }
            Told::Vouched(v) => {
                let (reason, mut blobs) = self.seal(&v.callout, "reason", &v.reason);
                let by = OnBehalf { operator: v.operator, reason: reason.unwrap_or_default() };
                let (command, more) = self.deed(&v.callout, v.call, v.deed, AnswerWay::Operator, Some(by));
                blobs.extend(more);
                self.ask(&v.callout, Asked { command, ticket: Some(ticket), inbox: None, blobs }, now);
            }
        }
    }

    /// The command of what was said or reported on a page, with what it seals.
    fn deed(
        &self,
        callout: &CalloutId,
        call: Option<CallIx>,
        deed: Deed,
        way: AnswerWay,
        on_behalf: Option<OnBehalf>,
    ) -> (Command, Vec<Blob>) {
        match (deed, call) {
            (Deed::Answer(answer), Some(call)) => {
                let proof = if on_behalf.is_some() { Proof::Attested } else { Proof::Code };
                (Command::Reply(Reply { on_behalf, ..plain(call, answer, proof, way) }), Vec::new())
            }
            // Nobody's answer.
            (Deed::Answer(_), None) => (Command::Tick, Vec::new()),
            (Deed::BadFigure(written), call) => {
                let (text, blobs) = self.seal(callout, "reply", &written);
                (Command::Note { call, reason: NoteReason::BadFigure, way, text, ask: false }, blobs)
            }
            (Deed::Action { action, targets, shelter }, call) => {
                // Kept in words too: should it not count, the note holds what was reported.
                let told = serde_json::json!({ "action": &action, "targets": &targets, "shelter": &shelter });
                let (text, mut blobs) = self.seal(callout, "reply", &told.to_string());
                let (shelter, more) = self.shelter(callout, &shelter);
                blobs.extend(more);
                let report = ActionReport {
                    call,
                    attempt: None,
                    targets,
                    action,
                    shelter,
                    way,
                    text,
                    on_behalf,
                    reported_at: None,
                    // The page says by itself what became of it.
                    ask: false,
                };
                (Command::Act(report), blobs)
            }
        }
    }

    /// The first callout that is being read of those that an attempt's message named; the attempt's own when none is.
    fn first_unread(&self, key: &AttemptKey) -> CalloutId {
        let together = self.together(key).into_iter().map(|k| k.callout);
        together.into_iter().find(|callout| self.loading.contains_key(callout)).unwrap_or_else(|| key.callout.clone())
    }

    fn key(&mut self, pressed: Pressed, ticket: Ticket, now: Timestamp) {
        let Pressed { key, digits, way, reported_at, to } = pressed;
        // An attempt that never was: refused without a trace in a timeline that has nothing to do with it.
        let Some(call) = self.call_of(&key) else { return };
        self.keyed(ticket, &key, call, to);
        let command = match self.settings.words.read_keys(&digits) {
            Some(answer) => {
                let mut reply = plain(call, answer, Proof::Key, way);
                reply.attempt = self.asks(&key).then_some(key.attempt);
                reply.reported_at = reported_at;
                Command::Reply(reply)
            }
            None => Command::Note { call: Some(call), reason: NoteReason::Nonsense, way, text: None, ask: false },
        };
        self.ask(&key.callout, part(command, ticket), now);
    }

    /// The call that a text from a number belongs to. The extension that it was sent to names one, and so does
    /// a code in it. A bare word means the real calls when it came through a gateway that only they use, and
    /// a drill's when it came through one of drills: it never counts across.
    pub(super) fn route(&self, from: &str, text: &str, extension: Option<&str>, drill: bool) -> Option<Route> {
        let said = self.settings.words.read(text);
        let unread = said.word.is_none().then_some(NoteReason::Nonsense);
        let by_code = |code: Option<&str>| code.and_then(|code| self.book.by_code(from, code));
        let sent_to = by_code(extension).filter(|(callout, _)| callout.is_drill() == drill);
        let coded = by_code(said.code.as_deref());
        if let Some(call) = sent_to.or(coded) {
            return Some(Route { call: call.clone(), reason: unread, coded: coded == Some(call) });
        }
        let plain = |call: CallKey, reason| Route { call, reason, coded: false };
        // Whose retraction is not confirmed stands behind what is open: there one can be asked what was meant.
        let opened = |key: &&CallKey| {
            let callout = self.live.get(&key.0).map(|l| &l.callout);
            callout.and_then(|c| Some((c.is_open(), c.head.as_ref()?.opened_at)))
        };
        let same = |key: &&CallKey| key.0.is_drill() == drill;
        let newest = match self.book.by_number(from).filter(same).max_by_key(opened) {
            Some(newest) => newest.clone(),
            // Nothing is open: a late word is kept where it most likely belongs.
            None => return self.book.lately(from).find(same).map(|call| plain(call.clone(), unread)),
        };
        let reason = match (said.code, self.book.by_number(from).filter(same).count()) {
            (Some(_), _) => Some(NoteReason::UnknownCode),
            (None, 1) => unread,
            (None, _) => Some(NoteReason::Ambiguous),
        };
        Some(plain(newest, reason))
    }

    /// Takes a text that was said to a call; `key` is the attempt that its gateway named.
    fn text(
        &mut self,
        route: Route,
        text: &str,
        key: Option<&AttemptKey>,
        reported_at: Option<Timestamp>,
        ticket: Ticket,
        now: Timestamp,
    ) {
        let said = self.settings.words.read(text);
        let Route { call, reason, coded } = route;
        let (digest, mut blobs) = self.seal(&call.0, "reply", text);
        let command = match (reason, said.word) {
            (None, Some(Word::Answer(answer))) => {
                let proof = if coded { Proof::Code } else { Proof::Key };
                let mut reply = plain(call.1, answer, proof, AnswerWay::Sms);
                (reply.text, reply.reported_at) = (digest, reported_at);
                Command::Reply(reply)
            }
            (None, Some(word)) if said.figures.is_ok() => {
                let figures = said.figures.unwrap_or_default();
                let action = match word {
                    Word::Moving => Action::Moving(figures),
                    Word::Done => Action::Done(figures),
                    Word::Knocked => Action::Knocked,
                    // The core knows which milestone comes next, and what the person's post is.
                    Word::Reached | Word::Answer(_) => {
                        Action::Reached { milestone: String::new(), unit: String::new() }
                    }
                };
                let (shelter, more) = self.shelter(&call.0, &said.shelter);
                blobs.extend(more);
                Command::Act(ActionReport {
                    call: Some(call.1),
                    attempt: key.filter(|k| k.callout == call.0 && self.asks(k)).map(|k| k.attempt),
                    targets: Vec::new(),
                    action,
                    shelter,
                    way: AnswerWay::Sms,
                    text: digest,
                    on_behalf: None,
                    reported_at,
                    ask: self.may_ask(&call),
                })
            }
            (reason, word) => {
                let unread = if word.is_some() { NoteReason::BadFigure } else { NoteReason::Nonsense };
                let reason = reason.unwrap_or(unread);
                let ask = self.may_ask(&call);
                Command::Note { call: Some(call.1), reason, way: AnswerWay::Sms, text: digest, ask }
            }
        };
        self.ask(&call.0, Asked { command, ticket: Some(ticket), inbox: None, blobs }, now);
    }

    /// Whether the person of a call may be asked once more what was meant.
    fn may_ask(&self, (callout, call): &CallKey) -> bool {
        let call = self.live.get(callout).and_then(|l| l.callout.calls.get(*call as usize));
        call.is_some_and(|c| c.asked < self.settings.ask_max)
    }

    /// The call that an answer to an attempt belongs to: for a notice that asks nothing, the person's call
    /// that asks.
    pub(super) fn call_of(&self, key: &AttemptKey) -> Option<CallIx> {
        let callout = &self.live.get(&key.callout)?.callout;
        let call = callout.attempts.get(key.attempt as usize)?.call;
        let c = &callout.calls[call as usize];
        if c.purpose.wants_reply() {
            return Some(call);
        }
        let person = c.person;
        Some(callout.call_ix.get(&(person, Purpose::CallOut)).copied().unwrap_or(call))
    }

    /// Whether an attempt asked for an answer itself.
    pub(super) fn asks(&self, key: &AttemptKey) -> bool {
        let callout = self.live.get(&key.callout).map(|l| &l.callout);
        let call = callout.and_then(|c| Some(&c.calls[c.attempts.get(key.attempt as usize)?.call as usize]));
        call.is_some_and(|c| c.purpose.wants_reply())
    }

    /// Seals the name of the place where people were taken, when one is told.
    fn shelter(&self, callout: &CalloutId, name: &str) -> (Option<Digest>, Vec<Blob>) {
        if name.trim().is_empty() { (None, Vec::new()) } else { self.seal(callout, "shelter", name) }
    }

    /// Seals people's words under the callout's key. Nothing when the key was erased.
    fn seal(&self, callout: &CalloutId, context: &str, words: &str) -> (Option<Digest>, Vec<Blob>) {
        let Some(salt) = self.live.get(callout).and_then(|l| l.salt) else { return (None, Vec::new()) };
        let sealed = subject_key(&self.key, callout.as_str(), &salt).seal(context, words.as_bytes());
        let digest = sealed.digest();
        (Some(digest), vec![Blob { digest, subject: callout.to_string(), sealed: sealed.0 }])
    }
}

/// Parks a text that belongs to no callout: it stands on the board, and its words are sealed.
pub(super) async fn keep(journal: &dyn Journal, key: &SecretKey, stray: &Stray) -> Outcome<()> {
    let words = format!("{}\n{}", stray.from, stray.text);
    let sealed = key.derive("parked").seal("parked", words.as_bytes());
    let raw = Blob { digest: sealed.digest(), subject: "parked".into(), sealed: sealed.0 };
    let reason = "a short message came from a number to which no open callout was sent";
    let parked = Parked {
        id: Digest::of_parts(&[&stray.at.0.to_be_bytes(), words.as_bytes()]).hex()[..16].to_owned(),
        at: stray.at,
        door: "sms".into(),
        account: None,
        findings: vec![Finding::fatal("from", reason)],
        raw,
    };
    journal.park(parked).await.map(drop)
}

/// The key of a subject: derived from the master key and the subject's salt, gone with the salt.
#[must_use]
pub fn subject_key(master: &SecretKey, subject: &str, salt: &[u8; 32]) -> SecretKey {
    SecretKey::new(master.tag(&[b"subject", subject.as_bytes(), salt]))
}

fn part(command: Command, ticket: Ticket) -> Asked {
    Asked { command, ticket: Some(ticket), inbox: None, blobs: Vec::new() }
}

fn plain(call: CallIx, answer: Answer, proof: Proof, way: AnswerWay) -> Reply {
    Reply { call, attempt: None, answer, proof, way, text: None, on_behalf: None, reported_at: None }
}
