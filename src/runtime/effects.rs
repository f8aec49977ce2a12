//! What follows from events: before the commit the posts that go with them, after it the sends,
//! hang-ups and entries of the reply book. And the other way round: grants that become commands.

use super::book::LINK_CHARS;
use super::cell::{Cell, Output};
use super::staging::Asked;
use crate::dispatch::{Grant, Offer};
use crate::engine;
use crate::gateway::Outgoing;
use crate::journal::InboxItem;
use crate::model::{
    AnswerWay, AttemptKey, CallIx, Callout, CalloutId, Channel, CloseReason, Command, Contact, ContactRef, Entry,
    Event, Fact, Failure, GatewayId, PersonIx, PhrasingWish, Proof, Purpose, RegionCode, Release, STANDARD_CHINESE,
    SkipReason, Stage, TargetKind, Template, Timestamp,
};
use crate::plan;

impl Cell {
    /// Commands to other callouts that must be stored with these events: up to the parent region and up
    /// again when that is over, and down when the parent answered. Their ids come from the event's place, so that a second
    /// decision on the same state posts the same item.
    pub(super) fn posts(&self, id: &CalloutId, first: u64, entries: &[Entry], now: Timestamp) -> Vec<InboxItem> {
        let Some(live) = self.live.get(id) else { return Vec::new() };
        let Some(head) = &live.callout.head else { return Vec::new() };
        let item = |verb: &str, seq: u64, region: &RegionCode, command: Command| InboxItem {
            id: format!("{verb}/{id}/{seq}"),
            stream: CalloutId::of(region, &head.warning).stream(),
            colour: head.status.urgency(head.colour),
            posted_at: now,
            command,
        };
        let mut posts = Vec::new();
        for (seq, Entry(_, event)) in (first..).zip(entries) {
            match event {
                Event::Raised { to, targets, gaps } => {
                    let mut raise = plan::raise(&self.directory, &self.plans, head, to, *targets, *gaps, now);
                    raise.seq = seq;
                    posts.push(item("raise", seq, to, Command::Raise(Box::new(raise))));
                }
                Event::Lowered { to } => {
                    let command = Command::Lowered { region: head.region.clone(), seq };
                    posts.push(item("lowered", seq, to, command));
                }
                Event::TargetSatisfied { target, .. } | Event::TargetTakenOver { target, step: Some(_), .. } => {
                    let t = &live.callout.targets[*target as usize];
                    let spec = &t.spec;
                    if spec.kind == TargetKind::Region && t.tier == head.plan.above() {
                        let region = head.region.clone();
                        posts.push(item("above", seq, &spec.region, Command::AnsweredAbove { region }));
                    }
                }
                _ => {}
            }
        }
        posts
    }

    /// Acts on events that are durable now.
    pub(super) fn act(&mut self, id: &CalloutId, entries: &[Entry], now: Timestamp) {
        let mut silenced = false;
        for Entry(_, event) in entries {
            match event {
                Event::AttemptReleased { attempt, .. } => {
                    self.submit(&AttemptKey { callout: id.clone(), attempt: *attempt }, now);
                }
                Event::AttemptReported { attempt, fact, .. } => {
                    let key = AttemptKey { callout: id.clone(), attempt: *attempt };
                    self.handed.remove(&key);
                    self.learn(&key, fact, now);
                    if let Fact::Failed { failure, .. } = fact
                        && !failure.may_have_reached()
                    {
                        self.not_called(&key);
                    }
                    match fact {
                        Fact::Unknown { resent: true } => self.submit(&key, now),
                        // One of unknown fate is called again at once, and must not wait for itself.
                        Fact::Failed { .. } | Fact::Ended | Fact::Unknown { resent: false } => self.line_ended(&key),
                        Fact::Reached { .. } => {}
                    }
                }
                Event::MessageApplied { .. } if self.book.reopen(id) => {
                    if let Some(callout) = self.live.get(id).map(|l| l.callout.clone()) {
                        self.register_all(&callout, now);
                    }
                }
                Event::CallSilenced { .. } => silenced = true,
                Event::Answered { call, attempt, way, proof, .. } => {
                    self.learn_answer(id, (*call, *attempt), *way, now);
                    if let (AnswerWay::Voice, Proof::Key, Some(attempt)) = (*way, *proof, *attempt) {
                        self.bound_line(&AttemptKey { callout: id.clone(), attempt }, now);
                    }
                }
                Event::Closed { reason, .. } => {
                    let until = now.plus_ms(self.settings.code_hold_ms);
                    self.book.close(id, until, *reason == CloseReason::Retracted);
                }
                Event::Confirmed { call, .. } => {
                    if let Some(callout) = self.live.get(id).map(|l| l.callout.clone()) {
                        self.confirmed(&callout, callout.calls[*call as usize].person);
                    }
                }
                _ => {}
            }
        }
        if silenced {
            self.hang_up(id, now);
        }
    }

    /// Hands an attempt to its gateway. Its release is durable.
    pub(super) fn submit(&mut self, key: &AttemptKey, now: Timestamp) {
        let Some(live) = self.live.get(&key.callout) else { return };
        let callout = &live.callout;
        let Some(a) = callout.attempts.get(key.attempt as usize) else { return };
        let (gateway, channel) = (a.gateway.clone(), a.channel);
        let contact = self.directory.contact(&a.contact.contact);
        // The marks of a gateway may have changed since the release. A drill that gave way says only that.
        let drill = callout.is_drill();
        let fits = self.gateways.get(&gateway).is_some_and(|g| g.lane.drill == drill);
        let gone = callout.closed == Some(CloseReason::Suspended)
            && callout.calls[a.call as usize].purpose != Purpose::Suspended;
        let sendable = contact.filter(|_| a.valid_until > now && fits && !gone);
        let Some((_, contact)) = sendable else {
            let fact = Fact::Failed { failure: Failure::Expired, detail: None };
            self.window_free(&gateway, channel, key);
            self.line_ended(key);
            self.report(key, fact, None, now);
            return;
        };
        let asking = callout.call_ix.get(&(callout.calls[a.call as usize].person, Purpose::CallOut)).copied();
        let link_key = (key.callout.clone(), asking.unwrap_or(a.call));
        let link = format!("{}{}", self.settings.link_base, self.book.link(&link_key));
        let sent = engine::sent(callout, key.attempt, &link);
        let outgoing = Outgoing {
            key: key.clone(),
            channel,
            number: contact.number.clone(),
            text: sent.text,
            template: sent.template,
            speech: sent.speech,
            code: callout.calls[link_key.1 as usize].code.clone(),
            language: a.phrasing.language.clone().unwrap_or_else(|| STANDARD_CHINESE.to_owned()),
            drill,
            colour: callout.head.as_ref().map_or("blue", |h| h.colour.name()),
            valid_until: a.valid_until,
        };
        // The number may be another one than when it was released.
        if a.contact.version != self.directory.version() {
            self.register(callout_entry(callout, key.attempt), &contact.number.clone(), now);
        }
        self.handed.insert(key.clone());
        // One submit per gateway and round of outputs, so that batches fill.
        for output in &mut self.outputs {
            if let Output::Submit { gateway: g, attempts } = output
                && *g == gateway
            {
                attempts.push(outgoing);
                return;
            }
        }
        self.outputs.push(Output::Submit { gateway, attempts: vec![outgoing] });
    }

    /// What a gateway answered to a submit.
    pub fn submitted(&mut self, gateway: &GatewayId, facts: Vec<(AttemptKey, Fact)>, now: Timestamp) {
        for (key, fact) in facts {
            let live = self.live.get(&key.callout);
            let attempt = live.and_then(|l| l.callout.attempts.get(key.attempt as usize));
            let channel = attempt.map(|a| a.channel);
            // Another gateway may do what this one has not done twice.
            let twice = attempt.is_some_and(|a| a.stage == Stage::Unknown) && matches!(fact, Fact::Unknown { .. });
            let fact = if twice { Fact::Unknown { resent: false } } else { fact };
            self.outcome(gateway, channel.unwrap_or(Channel::Sms), &fact, now);
            self.window_free(gateway, channel.unwrap_or(Channel::Sms), &key);
            // A receipt may come before the submit's answer is durable.
            if let Fact::Reached { reference: Some(reference), .. } = &fact {
                self.refer(gateway, reference, &key);
            }
            if matches!(fact, Fact::Failed { .. }) {
                self.line_ended(&key);
            }
            self.report(&key, fact, None, now);
        }
    }

    /// A gateway whose receipts name nothing else knows an attempt by a reference.
    fn refer(&mut self, gateway: &GatewayId, reference: &str, key: &AttemptKey) {
        if self.gateways.get(gateway).is_some_and(|g| g.by_reference) {
            self.book.refer(gateway, reference, key);
        }
    }

    /// A gateway asks to wait.
    pub fn pause(&mut self, gateway: &GatewayId, until: Timestamp) {
        self.dispatch.pause(gateway, until);
    }

    pub(super) fn report(&mut self, key: &AttemptKey, fact: Fact, reported_at: Option<Timestamp>, now: Timestamp) {
        let elsewhere = self.works_elsewhere(key, &fact, now);
        let command = Command::Report { attempt: key.attempt, fact, reported_at, elsewhere };
        self.ask(&key.callout, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
    }

    /// Frees the line and the number of a voice call that is over.
    pub(super) fn line_ended(&mut self, key: &AttemptKey) {
        if let Some(gateway) = self.on_line.free(key) {
            self.dispatch.ended(&gateway, key);
        }
    }

    /// Somebody pressed a key: what is still said is short, and a gateway that never tells the end keeps no line.
    fn bound_line(&mut self, key: &AttemptKey, now: Timestamp) {
        let by = now.plus_ms(self.settings.line_after_key_ms);
        self.on_line.bound(key, by);
    }

    fn window_free(&mut self, gateway: &GatewayId, channel: Channel, key: &AttemptKey) {
        if self.granted.remove(key) {
            self.dispatch.answered(gateway, channel, true);
        }
    }

    /// Frees what was held for attempts that were not handed to their gateways, before their state is dropped.
    pub(super) fn free_unsent(&mut self, id: &CalloutId) {
        let Some(live) = self.live.get(id) else { return };
        let unsent: Vec<_> =
            self.granted.iter().filter(|k| k.callout == *id && !self.handed.contains(k)).cloned().collect();
        let lanes: Vec<_> = unsent
            .iter()
            .filter_map(|k| live.callout.attempts.get(k.attempt as usize).map(|a| (a.gateway.clone(), a.channel)))
            .collect();
        for (key, (gateway, channel)) in unsent.iter().zip(lanes) {
            self.window_free(&gateway, channel, key);
            self.line_ended(key);
        }
    }

    /// Hangs up what still rings or plays in vain.
    pub(super) fn hang_up(&mut self, id: &CalloutId, now: Timestamp) {
        let Some(live) = self.live.get(id) else { return };
        for attempt in engine::to_withdraw(&live.callout, now) {
            let gateway = live.callout.attempts[attempt as usize].gateway.clone();
            let key = AttemptKey { callout: id.clone(), attempt };
            self.outputs.push(Output::Withdraw { gateway, key });
        }
    }

    /// Hangs up a drill's call whose number a real call takes.
    pub(super) fn hang_up_drill(&mut self, key: AttemptKey) {
        if let Some(gateway) = self.on_line.gateway(&key) {
            self.outputs.push(Output::Withdraw { gateway: gateway.clone(), key });
        }
    }

    /// Grants offers to lanes until no lane has room.
    pub(super) fn grant_all(&mut self, now: Timestamp) {
        for (offer, reason) in self.dispatch.unserved(now) {
            self.skip(&offer, reason, now);
        }
        while let Some(grant) = self.dispatch.grant(now) {
            if !self.grant(&grant, now) {
                self.dispatch.give_back(&grant.gateway, grant.channel);
            }
        }
    }

    /// Makes an attempt of a granted offer. False when the grant was not used.
    fn grant(&mut self, grant: &Grant, now: Timestamp) -> bool {
        let Grant { gateway, channel, offer, routed } = grant;
        let channel = *channel;
        let Some(live) = self.live.get(&offer.callout) else { return false };
        let Some((contact, number)) = self.contact(&live.callout, offer.call, channel) else {
            self.skip(offer, SkipReason::NoContact, now);
            return false;
        };
        if channel == Channel::Voice && self.dispatch.waits_for_number(&number, offer) {
            return false;
        }
        let person = live.callout.people[live.callout.calls[offer.call as usize].person as usize].clone();
        let budgeted = channel != Channel::Broadcast;
        if budgeted && self.dispatch.waits_for_person(&person, (channel, &number), offer, now) {
            return false;
        }
        let call_key = (offer.callout.clone(), offer.call);
        let wants_answer = live.callout.calls[offer.call as usize].purpose == Purpose::CallOut;
        let code = (wants_answer && channel == Channel::Sms).then(|| self.book.code(&number, &call_key));
        let attempt = live.callout.attempts.len() as u32;
        let phrasing = self.phrasing(&live.callout, offer, gateway);
        let release = Release {
            call: offer.call,
            track: offer.track,
            rung: offer.rung,
            channel,
            gateway: gateway.clone(),
            contact: ContactRef { contact, version: self.directory.version() },
            code: code.clone(),
            phrasing,
            routed: routed.clone(),
        };
        let command = Command::Release(release);
        self.ask(&offer.callout, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
        let Some(live) = self.live.get(&offer.callout) else { return false };
        let Some(made) = live.callout.attempts.get(attempt as usize) else { return false };
        let (valid_until, released_at) = (made.valid_until, made.released_at);
        // The code is taken from now on, also before the commit: the next grant must not give it again.
        self.register(callout_entry(&live.callout, attempt), &number, now);
        let key = AttemptKey { callout: offer.callout.clone(), attempt };
        self.granted.insert(key.clone());
        if budgeted {
            self.dispatch.called(&person, &key, released_at, now);
        }
        if channel == Channel::Voice {
            if let Some(drill) = self.dispatch.hold_number(&number, &key) {
                self.hang_up_drill(drill);
            }
            self.on_line.hold(key, gateway.clone(), valid_until);
        }
        true
    }

    /// How a granted offer is to be phrased: the person's language, the gateway's template.
    fn phrasing(&self, callout: &Callout, offer: &Offer, gateway: &GatewayId) -> PhrasingWish {
        let person = callout.calls.get(offer.call as usize).map(|c| &callout.people[c.person as usize]);
        let person = person.and_then(|id| self.directory.person(id));
        let language = person.map(|p| p.language.clone()).unwrap_or_default();
        let templates = self.gateways.get(gateway).map_or(&[][..], |g| &g.lane.templates);
        let template = Template::choose(templates, offer.text, &language).cloned().map(Box::new);
        let link_chars = self.settings.link_base.chars().count() + LINK_CHARS;
        PhrasingWish { language, template, link_chars }
    }

    fn skip(&mut self, offer: &Offer, reason: SkipReason, now: Timestamp) {
        let command = Command::Skip { call: offer.call, track: offer.track, rung: offer.rung, reason };
        self.ask(&offer.callout, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
    }

    /// The contact to try next on a channel: the person's contacts in turn, without the dead ones.
    pub(super) fn contact(
        &self,
        callout: &Callout,
        call: CallIx,
        channel: Channel,
    ) -> Option<(crate::model::ContactId, String)> {
        let c = callout.calls.get(call as usize)?;
        let person = self.directory.person(&callout.people[c.person as usize])?;
        let usable: Vec<&Contact> = person.contacts_on(channel).filter(|x| !c.dead.contains(&x.id)).collect();
        let tried = c.attempts.iter().map(|a| &callout.attempts[*a as usize]).filter(|a| {
            let reached = !matches!(a.failure, Some(Failure::GatewayDown | Failure::DeadNumber));
            a.channel == channel && reached
        });
        let contact = usable.get(tried.count() % usable.len().max(1))?;
        Some((contact.id.clone(), contact.number.clone()))
    }

    /// An attempt never reached its person: it does not count to the person's budget.
    fn not_called(&mut self, key: &AttemptKey) {
        let Some(callout) = self.live.get(&key.callout).map(|l| &l.callout) else { return };
        if let Some(a) = callout.attempts.get(key.attempt as usize) {
            let person = &callout.people[callout.calls[a.call as usize].person as usize];
            self.dispatch.not_called(person, key, a.released_at);
        }
    }

    /// Enters all attempts of a callout that was read into the reply book and the budgets of persons.
    pub(super) fn register_all(&mut self, callout: &Callout, now: Timestamp) {
        for (attempt, a) in (0..).zip(&callout.attempts) {
            let contact = &a.contact.contact;
            if a.channel != Channel::Broadcast && a.failure.is_none_or(Failure::may_have_reached) {
                let person = &callout.people[callout.calls[a.call as usize].person as usize];
                let key = AttemptKey { callout: callout.id.clone(), attempt };
                self.dispatch.called(person, &key, a.released_at, now);
            }
            if let Some(reference) = &a.reference {
                self.refer(&a.gateway, reference, &AttemptKey { callout: callout.id.clone(), attempt });
            }
            if let Some((_, contact)) = self.directory.contact(contact) {
                let number = contact.number.clone();
                self.register(callout_entry(callout, attempt), &number, now);
            }
        }
        if let Some(reason) = callout.closed {
            let until = callout.recorded_at.plus_ms(self.settings.code_hold_ms);
            self.book.close(&callout.id, until, reason == CloseReason::Retracted);
        }
        for call in callout.calls.iter().filter(|c| c.confirmed_at.is_some()) {
            self.confirmed(callout, call.person);
        }
    }

    /// Enters an attempt into the reply book: replies from its number, its code and its link lead to the
    /// person's call. Notices are told and not answered; their words name the call's own code.
    fn register(&mut self, entry: Option<BookEntry>, number: &str, now: Timestamp) {
        let Some((id, call, code, closed)) = entry else { return };
        self.book.register(number, &(id.clone(), call), code.as_deref());
        if let Some(reason) = closed {
            self.book.close(&id, now.plus_ms(self.settings.code_hold_ms), reason == CloseReason::Retracted);
        }
    }

    /// A person has confirmed the retraction of a callout.
    fn confirmed(&mut self, callout: &Callout, person: PersonIx) {
        if let Some(person) = self.directory.person(&callout.people[person as usize]) {
            self.book.confirmed(&callout.id, person.contacts.iter().map(|c| c.number.as_str()));
        }
    }
}

/// (callout, call, code, why no answer is wanted any more).
type BookEntry = (CalloutId, CallIx, Option<String>, Option<CloseReason>);

fn callout_entry(callout: &Callout, attempt: u32) -> Option<BookEntry> {
    let call = callout.attempts[attempt as usize].call;
    let c = &callout.calls[call as usize];
    (c.purpose == Purpose::CallOut).then(|| (callout.id.clone(), call, c.code.clone(), callout.closed))
}
