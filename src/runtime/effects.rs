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
    AnswerWay, AttemptKey, CallIx, Callout, CalloutId, Channel, CloseReason, Command, Contact, ContactId, ContactRef,
    Entry, Event, Fact, Failure, GatewayId, PersonIx, PhrasingWish, Proof, Purpose, RegionCode, Release,
    STANDARD_CHINESE, SkipReason, Stage, TargetKind, Template, Timestamp,
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
                        // A bundle goes out again once, with the attempt that leads it.
                        Fact::Unknown { resent: true } if self.attempt(&key).is_some_and(|a| !a.leads(&key)) => {}
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
        let Some(a) = self.attempt(key) else { return };
        if !a.bundle.is_empty() {
            let keys = a.bundle.clone();
            return self.join(&keys, now);
        }
        if let Some(outgoing) = self.outgoing(key, now) {
            return self.hand_over(std::slice::from_ref(key), outgoing, now);
        }
        self.let_go(key);
        self.report(key, Fact::Failed { failure: Failure::Expired, detail: None }, None, now);
    }

    /// An attempt as it goes to its gateway; nothing when it must not any more.
    pub(super) fn outgoing(&self, key: &AttemptKey, now: Timestamp) -> Option<Outgoing> {
        let callout = &self.live.get(&key.callout)?.callout;
        let a = callout.attempts.get(key.attempt as usize)?;
        let contact = self.directory.contact(&a.contact.contact);
        // The marks of a gateway may have changed since the release. A drill that gave way says only that.
        let drill = callout.is_drill();
        let fits = self.gateways.get(&a.gateway).is_some_and(|g| g.lane.drill == drill);
        let gone = callout.closed == Some(CloseReason::Suspended)
            && callout.calls[a.call as usize].purpose != Purpose::Suspended;
        let (_, contact) = contact.filter(|_| a.valid_until > now && fits && !gone)?;
        let asking = callout.call_ix.get(&(callout.calls[a.call as usize].person, Purpose::CallOut)).copied();
        let link_key = (key.callout.clone(), asking.unwrap_or(a.call));
        let link = format!("{}{}", self.settings.link_base, self.book.link(&link_key));
        let sent = engine::sent(callout, key.attempt, &link);
        Some(Outgoing {
            key: key.clone(),
            channel: a.channel,
            number: contact.number.clone(),
            text: sent.text,
            template: sent.template,
            speech: sent.speech,
            code: callout.calls[link_key.1 as usize].code.clone(),
            language: a.phrasing.language.clone().unwrap_or_else(|| STANDARD_CHINESE.to_owned()),
            drill,
            colour: callout.head.as_ref().map_or("blue", |h| h.colour.name()),
            valid_until: a.valid_until,
        })
    }

    /// Hands a message with its attempts to the gateway.
    pub(super) fn hand_over(&mut self, keys: &[AttemptKey], outgoing: Outgoing, now: Timestamp) {
        let Some(gateway) = self.attempt(&outgoing.key).map(|a| a.gateway.clone()) else { return };
        let version = self.directory.version();
        for key in keys {
            // The number may be another one than when it was released.
            if self.attempt(key).is_some_and(|a| a.contact.version != version) {
                let entry = self.live.get(&key.callout).and_then(|l| callout_entry(&l.callout, key.attempt));
                self.register(entry, &outgoing.number, now);
            }
            self.handed.insert(key.clone());
        }
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

    /// What an attempt holds that will not go out is free again.
    pub(super) fn let_go(&mut self, key: &AttemptKey) {
        if let Some((gateway, channel)) = self.attempt(key).map(|a| (a.gateway.clone(), a.channel)) {
            self.window_free(&gateway, channel, key);
            self.line_ended(key);
        }
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
            for key in self.bundles.answered(&key) {
                self.report(&key, fact.clone(), None, now);
            }
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
        // The first attempt of a message holds its line.
        if let Some(leader) = self.together(key).first() {
            self.on_line.bound(leader, by);
        }
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

    /// Makes an attempt of a granted offer, and of those that go out with it. False when the grant was not used.
    fn grant(&mut self, grant: &Grant, now: Timestamp) -> bool {
        let Grant { gateway, channel, offer, .. } = grant;
        let channel = *channel;
        let callout = self.live.get(&offer.callout).map(|l| &l.callout);
        let Some((contact, number)) = callout.and_then(|c| self.contact(c, offer.call, channel)) else {
            self.skip(offer, SkipReason::NoContact, now);
            grant.with.iter().for_each(|other| self.put(channel, other.clone()));
            return false;
        };
        let Some(callout) = callout else { return false };
        let person = callout.people[callout.calls[offer.call as usize].person as usize].clone();
        let with = self.companions(grant, &person, &number);
        let others = || with.iter().map(|(other, _)| *other);
        // Who has to wait for the number or the person's budget waits with all that was to go out together.
        if channel == Channel::Voice && self.dispatch.waits_for_number(&number, offer) {
            for other in others().filter(|o| !self.dispatch.waits_for_number(&number, o)).collect::<Vec<_>>() {
                self.put(channel, other.clone());
            }
            return false;
        }
        let budgeted = channel != Channel::Broadcast;
        let way = (channel, number.as_str());
        if budgeted && self.dispatch.waits_for_person(&person, way, offer, now) {
            for other in others().filter(|o| !self.dispatch.waits_for_person(&person, way, o, now)).collect::<Vec<_>>()
            {
                self.put(channel, other.clone());
            }
            return false;
        }
        let lead = (offer.clone(), self.release_of(grant, offer, contact));
        let with = with.into_iter().map(|(other, contact)| (other.clone(), self.release_of(grant, other, contact)));
        let with = with.collect();
        let parts = self.fitting(lead, with, now);
        let made: Vec<_> = parts.into_iter().map(|(offer, r)| self.release(&offer, r, &number, now)).collect();
        let Some(key) = made.into_iter().next().flatten() else { return false };
        let Some((valid_until, released_at)) = self.attempt(&key).map(|a| (a.valid_until, a.released_at)) else {
            return false;
        };
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

    /// What a callout is asked to release for a granted offer.
    fn release_of(&self, grant: &Grant, offer: &Offer, contact: ContactId) -> Release {
        let phrasing = self.live.get(&offer.callout).map(|l| self.phrasing(&l.callout, offer, &grant.gateway));
        Release {
            call: offer.call,
            track: offer.track,
            rung: offer.rung,
            channel: grant.channel,
            gateway: grant.gateway.clone(),
            contact: ContactRef { contact, version: self.directory.version() },
            code: None,
            phrasing: phrasing.unwrap_or_default(),
            routed: grant.routed.clone(),
            bundle: Vec::new(),
        }
    }

    /// Releases an attempt to a number; nothing when its callout does not want it any more.
    fn release(&mut self, offer: &Offer, mut release: Release, number: &str, now: Timestamp) -> Option<AttemptKey> {
        let callout = &self.live.get(&offer.callout)?.callout;
        let wants_answer = callout.calls.get(offer.call as usize)?.purpose == Purpose::CallOut;
        let key = AttemptKey { callout: offer.callout.clone(), attempt: callout.attempts.len() as u32 };
        let call_key = (offer.callout.clone(), offer.call);
        release.code = (wants_answer && release.channel == Channel::Sms).then(|| self.book.code(number, &call_key));
        let command = Command::Release(release);
        self.ask(&offer.callout, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
        self.attempt(&key)?;
        // The code is taken from now on, also before the commit: the next grant must not give it again.
        let entry = self.live.get(&key.callout).and_then(|l| callout_entry(&l.callout, key.attempt));
        self.register(entry, number, now);
        Some(key)
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
    pub(super) fn contact(&self, callout: &Callout, call: CallIx, channel: Channel) -> Option<(ContactId, String)> {
        let c = callout.calls.get(call as usize)?;
        let person = self.directory.person(&callout.people[c.person as usize])?;
        let usable: Vec<&Contact> = person.contacts_on(channel).filter(|x| !c.dead.contains(&x.id)).collect();
        let tried = c.attempts.iter().map(|a| &callout.attempts[*a as usize]).filter(|a| {
            let reached = !matches!(a.failure, Some(Failure::GatewayDown | Failure::DeadNumber | Failure::Parted));
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
            let key = AttemptKey { callout: callout.id.clone(), attempt };
            let counts = a.channel != Channel::Broadcast && a.failure.is_none_or(Failure::may_have_reached);
            if counts && a.leads(&key) {
                let person = &callout.people[callout.calls[a.call as usize].person as usize];
                self.dispatch.called(person, &key, a.released_at, now);
            }
            if let Some(reference) = &a.reference {
                self.refer(&a.gateway, reference, a.bundle.first().unwrap_or(&key));
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
