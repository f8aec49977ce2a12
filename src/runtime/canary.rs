//! Canaries: calls of a gateway to numbers that answer themselves, so that one that fails is shown before it is needed.
//!
//! They run beside the lanes, one at a time for each gateway, while this process is the active engine, and belong to no
//! callout. Their keys begin with `canary-`; what gateways tell of them ends here.

use crate::config::CanaryProof;
use crate::dispatch::CanaryResult;
use crate::engine::{fill, marked};
use crate::gateway::{Gateway, NotTaken, OpenCall, Outgoing, ReadBack, Upcall, Upcalls};
use crate::model::{
    AttemptKey, Channel, Fact, Filled, GatewayId, Parameter, STANDARD_CHINESE, Speech, Stage, Template, Timestamp,
};
use futures::future::{BoxFuture, join_all};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the keys of canaries begin with. Callouts are named by their region's digits.
const KEY: &str = "canary-";
/// References that are remembered for receipts that come late.
const REFERENCES_MAX: usize = 100;
/// What fills the parameters of a registered template.
const FILLER: &str = "自检";
/// Before the first canary after a start.
const FIRST: Duration = Duration::from_secs(3);

/// How a gateway is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryRule {
    /// Numbers that answer themselves, in turns.
    pub numbers: Vec<String>,
    /// From one canary to the next.
    pub every: Duration,
    /// Within which it must be proven.
    pub within: Duration,
    /// What proves it.
    pub proof: CanaryProof,
    /// Whether the gateway stands behind all others while it fails.
    pub counts: bool,
    /// Of a gateway that sends registered words only: the template that it is tried with.
    pub template: Option<Template>,
}

/// The gateways that have canaries.
#[derive(Default)]
pub struct Canaries(Vec<Arc<Perch>>);

/// One gateway with what is known of its canaries.
struct Perch {
    gateway: Arc<dyn Gateway>,
    drill: bool,
    rule: CanaryRule,
    flight: Mutex<Flight>,
    /// How far the one in flight came.
    seen: watch::Sender<Seen>,
}

#[derive(Default)]
struct Flight {
    key: Option<AttemptKey>,
    /// References of this one and of earlier ones.
    references: VecDeque<String>,
}

/// How far a canary came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    delivered: bool,
    answered: bool,
    failed: Option<String>,
}

/// Stands between gateways and the engine, and keeps what belongs to canaries.
pub struct CanaryDoor {
    /// Whose canaries.
    pub canaries: Arc<Canaries>,
    /// Takes everything else.
    pub rest: Arc<dyn Upcalls>,
}

/// Lets the canaries fly until `stop`, while `leads`; `told` takes what they saw.
pub async fn run_canaries(
    canaries: Arc<Canaries>,
    leads: impl Fn() -> bool + Sync,
    told: impl Fn(&GatewayId, CanaryResult) + Sync,
    clock: impl Fn() -> Timestamp + Sync,
    stop: CancellationToken,
) {
    let (leads, told, clock) = (&leads, &told, &clock);
    let each = canaries.0.iter().map(|perch| async move {
        let mut pause = FIRST.min(perch.rule.every);
        for nth in 0.. {
            tokio::time::sleep(pause).await;
            pause = perch.rule.every;
            if leads() {
                let result = perch.fly(nth, clock).await;
                if !result.well {
                    tracing::warn!(gateway = %perch.gateway.id(), result.detail, "the canary of a gateway fails");
                }
                told(perch.gateway.id(), result);
            }
        }
    });
    tokio::select! {
        _ = join_all(each) => {}
        () = stop.cancelled() => {}
    }
}

// === impl Canaries ===

impl Canaries {
    /// The gateways with their rules; `drill` for those that are for drills.
    #[must_use]
    pub fn new(ways: Vec<(Arc<dyn Gateway>, bool, CanaryRule)>) -> Self {
        let perch = |(gateway, drill, rule)| {
            let (flight, seen) = (Mutex::default(), watch::Sender::default());
            Arc::new(Perch { gateway, drill, rule, flight, seen })
        };
        Self(ways.into_iter().map(perch).collect())
    }

    /// Whether something that a gateway tells is a canary's; then it ends here.
    fn takes(&self, gateway: &GatewayId, upcall: &Upcall) -> bool {
        let named = |key: &AttemptKey| key.callout.as_str().starts_with(KEY);
        let perch = self.0.iter().find(|perch| perch.gateway.id() == gateway);
        match upcall {
            Upcall::Report { key, .. } | Upcall::Key { key, .. } if !named(key) => false,
            // A canary is never open.
            Upcall::CalledBack { .. } => false,
            Upcall::Report { key, fact, .. } => {
                perch.inspect(|p| p.heard(Some(key), |seen| seen.take(fact)));
                true
            }
            Upcall::Key { key, .. } => {
                perch.inspect(|p| p.heard(Some(key), |seen| seen.answered = true));
                true
            }
            Upcall::Text { from, key, .. } => {
                let mine = key.as_ref().is_some_and(named) || perch.is_some_and(|p| p.rule.numbers.contains(from));
                if mine {
                    perch.inspect(|p| p.heard(key.as_ref().filter(|k| named(k)), |seen| seen.answered = true));
                }
                mine
            }
            Upcall::Receipt { reference, fact, .. } => {
                perch.is_some_and(|p| p.referred(reference, |seen| seen.take(fact)))
            }
            Upcall::Pressed { reference, .. } => {
                perch.is_some_and(|p| p.referred(reference, |seen| seen.answered = true))
            }
        }
    }
}

impl Upcalls for CanaryDoor {
    fn take(&self, gateway: GatewayId, mut upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        upcalls.retain(|upcall| !self.canaries.takes(&gateway, upcall));
        if upcalls.is_empty() {
            return Box::pin(std::future::ready(Ok(Vec::new())));
        }
        self.rest.take(gateway, upcalls)
    }

    fn open_for(&self, gateway: GatewayId, number: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        self.rest.open_for(gateway, number)
    }
}

// === impl Perch, Seen ===

impl Perch {
    /// Sends one and waits for its proof.
    async fn fly(&self, nth: usize, clock: impl Fn() -> Timestamp) -> CanaryResult {
        let now = clock();
        let outgoing = self.outgoing(nth, now);
        self.seen.send_replace(Seen::default());
        self.flight.lock().unwrap_or_else(PoisonError::into_inner).key = Some(outgoing.key.clone());
        let mut seen = self.seen.subscribe();
        let channel = outgoing.channel.name();
        let fact = self.gateway.submit(vec![outgoing]).await.pop();
        let result = match fact {
            Some(Fact::Reached { stage, reference }) => {
                self.remember(reference);
                if stage >= Stage::Delivered {
                    self.heard(None, |seen| seen.delivered = true);
                }
                let proven = seen.wait_for(|seen| self.proves(seen) || seen.failed.is_some());
                match tokio::time::timeout(self.rule.within, proven).await {
                    Ok(Ok(seen)) if self.proves(&seen) => Ok(()),
                    Ok(Ok(seen)) => Err(seen.failed.clone().unwrap_or_default()),
                    _ => Err(format!("taken, and not {} within {} s", self.proof(), self.rule.within.as_secs())),
                }
            }
            Some(Fact::Failed { failure, detail }) => Err(format!("{failure:?}: {}", detail.unwrap_or_default())),
            _ => Err("no answer that could be read".to_owned()),
        };
        let (well, detail) = match result {
            Ok(()) => (true, format!("{channel}: {}", self.proof())),
            Err(wrong) => (false, format!("{channel}: {wrong}")),
        };
        CanaryResult { well, detail, at: clock(), counts: self.rule.counts }
    }

    fn outgoing(&self, nth: usize, now: Timestamp) -> Outgoing {
        let id = self.gateway.id();
        let calls: Vec<_> = self.gateway.channels().iter().filter(|c| **c != Channel::Broadcast).collect();
        let channel = calls.get(nth % calls.len().max(1)).map_or(Channel::Sms, |c| **c);
        let number = self.rule.numbers.get(nth % self.rule.numbers.len().max(1)).cloned().unwrap_or_default();
        let words = format!("通道自检，网关 {id}。系统自动发出，不是预警，请勿回复。");
        let template = self.rule.template.as_ref();
        let text = match template {
            Some(template) => format!("{}{}", template.sign, fill(&template.text, |_| FILLER.to_owned())),
            None if self.drill => marked(channel, &words),
            None => words,
        };
        let speech = Speech { text: text.clone(), prompt: "请按1".into(), repeats: 1, ..Speech::default() };
        // A second never comes twice: a gateway that honours the key must not take it for an earlier one.
        let attempt = u32::try_from(now.0 / 1_000_000).unwrap_or(u32::MAX);
        Outgoing {
            key: AttemptKey { callout: format!("{KEY}{id}").into(), attempt },
            channel,
            number,
            text,
            template: template.map(filled),
            speech: (channel == Channel::Voice).then_some(speech),
            code: None,
            language: STANDARD_CHINESE.to_owned(),
            drill: self.drill,
            colour: "blue",
            valid_until: now.plus_ms(i64::try_from(self.rule.within.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    fn proof(&self) -> &'static str {
        match self.rule.proof {
            CanaryProof::Submitted => "submitted",
            CanaryProof::Delivered => "delivered",
            CanaryProof::Answered => "answered",
        }
    }

    fn proves(&self, seen: &Seen) -> bool {
        match self.rule.proof {
            CanaryProof::Submitted => true,
            CanaryProof::Delivered => seen.delivered || seen.answered,
            CanaryProof::Answered => seen.answered,
        }
    }

    fn remember(&self, reference: Option<String>) {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        flight.references.extend(reference);
        let over = flight.references.len().saturating_sub(REFERENCES_MAX);
        flight.references.drain(..over);
    }

    /// Something is told of the canary in flight; of an earlier one it changes nothing.
    fn heard(&self, key: Option<&AttemptKey>, change: impl FnOnce(&mut Seen)) {
        let flies = |k: &AttemptKey| self.flight.lock().unwrap_or_else(PoisonError::into_inner).key.as_ref() == Some(k);
        if key.is_none_or(flies) {
            self.seen.send_modify(change);
        }
    }

    /// Something is told by a reference: whether it is a canary's.
    fn referred(&self, reference: &str, note: impl FnOnce(&mut Seen)) -> bool {
        let place = {
            let flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
            flight.references.iter().rposition(|r| r == reference).map(|at| at + 1 == flight.references.len())
        };
        if place == Some(true) {
            self.heard(None, note);
        }
        place.is_some()
    }
}

/// A template for nobody: each parameter says what it is.
fn filled(template: &Template) -> Filled {
    let value = |p: &Parameter| (p.name.clone(), FILLER.chars().take(p.max).collect());
    let parameters = template.parameters.iter().map(value).collect();
    Filled { id: template.id.clone(), sign: template.sign.clone(), parameters, cut: Vec::new() }
}

impl Seen {
    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Reached { stage, .. } => self.delivered |= *stage >= Stage::Delivered,
            Fact::Failed { failure, detail } => {
                self.failed = Some(format!("{failure:?}: {}", detail.as_deref().unwrap_or_default()));
            }
            Fact::Ended | Fact::Unknown { .. } => {}
        }
    }
}

impl std::fmt::Debug for Canaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Canaries({})", self.0.len())
    }
}
