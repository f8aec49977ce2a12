//! What stands around the engine in a world: carriers, people, and whoever looks in from outside.

use super::faults::Carriers;
use super::world::{Happening, World};
use crate::dispatch::Budgets;
use crate::gateway::simulator::Reaction;
use crate::gateway::{Outgoing, Upcall};
use crate::intake::{Desk, Retracted, Retraction};
use crate::model::{Answer, Fact, Failure, GatewayId, Stage};
use crate::runtime::{Deed, Vouched};
use rand::RngExt;

impl World {
    /// The carrier's side of a submit.
    pub(super) fn submit(&mut self, gateway: GatewayId, attempts: &[Outgoing]) {
        let mut facts = Vec::new();
        for outgoing in attempts {
            if let Some(cell) = &self.cell {
                self.checks.submitted(cell, outgoing, self.idempotent);
                self.checks.kept_apart(cell, &gateway, outgoing);
            }
            let down = self.is_dead(&gateway) || self.roll(self.faults.gateway_down);
            let unknown = !down && self.roll(self.faults.gateway_unknown);
            let reaction = self.people.react(outgoing);
            if let Some(link) = link_in(outgoing, &self.link_base) {
                self.last_link = Some(link);
            }
            let fact = match (down, unknown) {
                (true, _) => Fact::Failed { failure: Failure::GatewayDown, detail: None },
                (_, true) => Fact::Unknown { resent: self.idempotent },
                _ => reaction.submit.clone(),
            };
            let arrived = !down && (!unknown || self.rng.random_ratio(1, 2));
            if arrived && matches!(reaction.submit, Fact::Reached { .. }) {
                self.play(&gateway, outgoing, reaction);
            }
            facts.push((outgoing.key.clone(), fact));
        }
        let (life, latency) = (self.life, self.rng.random_range(self.carriers.answer_ms.clone()));
        self.at(latency, Happening::SubmitAnswered { life, gateway, facts });
    }

    /// Whether a gateway is dead now; in bad worlds each submit may be its last for some minutes.
    fn is_dead(&mut self, gateway: &GatewayId) -> bool {
        if self.roll(self.faults.outage) {
            let until = self.now.plus_ms(self.rng.random_range(10_000..600_000));
            self.dead.insert(gateway.clone(), until);
        }
        self.dead.get(gateway).is_some_and(|until| *until > self.now)
    }

    fn play(&mut self, gateway: &GatewayId, outgoing: &Outgoing, reaction: Reaction) {
        for (ms, upcall) in reaction.upcalls {
            let voice = matches!(
                &upcall,
                Upcall::Key { .. } | Upcall::Report { fact: Fact::Reached { stage: Stage::PickedUp, .. }, .. }
            );
            if voice && self.withdrawn.contains(&outgoing.key) {
                continue;
            }
            if self.roll(self.faults.upcall_twice) {
                self.at(ms as i64 + 700, Happening::Upcall(gateway.clone(), upcall.clone()));
            }
            self.at(ms as i64, Happening::Upcall(gateway.clone(), upcall));
        }
        if let (Some(ms), Some(link)) = (reaction.taps_after_ms, link_in(outgoing, &self.link_base)) {
            self.at(ms as i64, Happening::Tap { link, deed: Deed::Answer(Answer::Yes) });
        }
    }

    /// How slow the gateways are, before the first event.
    pub fn set_carriers(&mut self, carriers: Carriers) {
        self.carriers = carriers;
    }

    /// Puts a second gateway beside each, of a priority (the first has 1), before the first event.
    pub fn set_twins(&mut self, priority: u32) {
        self.carriers.twins = Some(priority);
    }

    /// Budgets of carriers and persons, before the first event.
    pub fn set_budgets(&mut self, budgets: Budgets) {
        self.carriers.budgets = budgets;
    }

    /// What one-time links begin with, before the first one went out.
    pub fn set_link_base(&mut self, base: &str) {
        self.link_base = base.into();
    }

    /// Somebody outside the world posts a one-time link. False when there is no such link.
    pub async fn tap_now(&mut self, token: &str, deed: Deed) -> bool {
        let known = self.cell.as_ref().is_some_and(|c| c.book().by_link(token).is_some());
        if known {
            self.tap(token, deed);
            self.settle_all().await;
        }
        known
    }

    /// An operator outside the world answers on somebody's behalf.
    pub async fn vouch_now(&mut self, vouched: Vouched) {
        self.next += 1;
        let (ticket, now) = (self.next, self.now);
        if let Some(cell) = &mut self.cell {
            cell.vouch(vouched, ticket, now);
        }
        self.settle_all().await;
    }

    /// A bureau outside the world posts a document.
    pub async fn post_now(&mut self, body: Vec<u8>) {
        self.post(body).await;
        self.settle_all().await;
    }

    /// An operator outside the world takes a false alarm back. `None` when the store is down.
    pub async fn retract_now(&mut self, retraction: Retraction) -> Option<Retracted> {
        let done = self.desk.retract(retraction).await.ok();
        self.read_inbox().await;
        self.settle_all().await;
        done
    }

    /// Lets everything that is being committed be committed, a few virtual milliseconds on.
    pub async fn settle_all(&mut self) {
        self.settle().await;
        let end = self.now.plus_ms(10);
        while self.next_at().is_some_and(|at| at <= end) {
            self.step().await;
        }
    }
}

/// The one-time link in a text: it ends at the next blank.
fn link_in(outgoing: &Outgoing, base: &str) -> Option<String> {
    let begin = outgoing.text.find(base)?;
    outgoing.text[begin..].split_whitespace().next().map(str::to_owned)
}
