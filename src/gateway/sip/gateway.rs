//! The gateway: calls that are under way, lines, and how the trunk stands.

use super::agent::Agent;
use super::call;
use super::incoming;
use super::lateness::Lateness;
use super::media::Ports;
use super::pacer::Pacer;
use super::speech::Speaker;
use super::tell::Sink;
use crate::config::{GatewaySection, SipSection};
use crate::gateway::scrub::scrub;
use crate::gateway::{Condition, Door, Gateway, Outgoing, channels_of};
use crate::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage, Timestamp};
use crate::telemetry::Metrics;
use futures::future::{BoxFuture, FutureExt, join_all, ready};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The longest pause that the trunk can ask for, in seconds.
const PAUSE_MAX_S: i64 = 300;

/// At the end calls that are up get so long to hang up.
const FAREWELL: Duration = Duration::from_secs(2);

/// A socket that cannot be had, or a trunk whose name is not known, is tried again after this.
const REOPEN: Duration = Duration::from_secs(30);

/// What is made into speech to see whether that works.
const SPOKEN_BY_CHECK: &str = "检查";

/// A voice gateway on a SIP trunk.
pub struct SipGateway(Arc<Inner>);

/// What its calls share.
pub(super) struct Inner {
    channels: Vec<Channel>,
    batch_max: usize,
    lines_max: usize,
    pub(super) section: SipSection,
    password: Option<String>,
    pub(super) sink: Sink,
    pub(super) pacer: Pacer,
    pub(super) speaker: Speaker,
    pub(super) ports: Ports,
    pub(super) lines: Arc<Semaphore>,
    /// Lines of calls back.
    pub(super) back: Arc<Semaphore>,
    pub(super) metrics: Metrics,
    agent: OnceCell<Arc<Agent>>,
    calls: Mutex<HashMap<AttemptKey, CancellationToken>>,
    condition: Mutex<Condition>,
    /// Microseconds since the epoch; 0 when no pause was asked for.
    pause_until: AtomicI64,
    pub(super) stop: CancellationToken,
}

/// A call's place among those that are under way.
struct UnderWay {
    inner: Arc<Inner>,
    key: AttemptKey,
}

// === impl SipGateway ===

impl SipGateway {
    /// Opens a gateway and begins to ask the trunk whether it is there. Must be used inside a tokio runtime.
    pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Self, String> {
        let sip = section.sip.clone().ok_or("[gateway.sip] is missing")?;
        let password = sip.password.as_ref().map(|secret| secret.reveal()).transpose();
        let password = password.map_err(|e| format!("sip.password: {e}"))?;
        let inner = Arc::new(Inner {
            channels: channels_of(section),
            batch_max: section.batch_max,
            lines_max: section.lines,
            speaker: Speaker::open(&sip).map_err(|e| format!("sip: {e}"))?,
            pacer: Pacer::start(door.metrics.media_lateness(&section.id)).map_err(|e| format!("sip: {e}"))?,
            ports: Ports::new(sip.rtp_port_min, sip.rtp_port_max),
            lines: Arc::new(Semaphore::new(section.lines)),
            back: Arc::new(Semaphore::new(sip.back_lines)),
            metrics: door.metrics.clone(),
            password,
            sink: Sink { id: section.id.as_str().into(), upcalls: door.upcalls.clone(), clock: door.clock.clone() },
            agent: OnceCell::new(),
            calls: Mutex::default(),
            // Where it is never asked, nothing is known to be wrong.
            condition: Mutex::new(Condition { well: sip.ping_s == 0, detail: "the trunk was not asked yet".into() }),
            pause_until: AtomicI64::new(0),
            section: sip,
            stop: door.stop.clone(),
        });
        tokio::spawn(watch(Arc::downgrade(&inner), door.stop.clone()));
        Ok(Self(inner))
    }

    /// How late packets of media left since the beginning.
    #[must_use]
    pub fn lateness(&self) -> Lateness {
        self.0.pacer.lateness()
    }

    /// Calls that are under way.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.lines_max - self.0.lines.available_permits()
    }

    /// Calls back that are under way.
    #[must_use]
    pub fn calls_back(&self) -> usize {
        self.0.calls_back()
    }

    /// Begins a call; tells what became of its beginning.
    async fn submit_one(&self, attempt: Outgoing) -> Fact {
        if attempt.valid_until <= (self.0.sink.clock)() {
            return Fact::Failed { failure: Failure::Expired, detail: None };
        }
        let key = attempt.key.clone();
        let withdrawn = self.0.stop.child_token();
        match lock(&self.0.calls).entry(key.clone()) {
            // Nobody submits an attempt twice. Should it be, one call is enough.
            Entry::Occupied(_) => return Fact::Reached { stage: Stage::Submitted, reference: None },
            Entry::Vacant(place) => {
                place.insert(withdrawn.clone());
            }
        }
        let under_way = UnderWay { inner: self.0.clone(), key: key.clone() };
        let (first, begun) = oneshot::channel();
        let call = call::place(self.0.clone(), attempt, withdrawn, first);
        tokio::spawn(async move {
            let _under_way = under_way;
            call.await;
        });
        begun.await.unwrap_or(Fact::Unknown { resent: false })
    }
}

impl Gateway for SipGateway {
    fn id(&self) -> &GatewayId {
        &self.0.sink.id
    }

    fn channels(&self) -> &[Channel] {
        &self.0.channels
    }

    /// What it placed before a restart it does not know any more.
    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        self.0.batch_max
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        join_all(attempts.into_iter().map(|attempt| self.submit_one(attempt))).boxed()
    }

    /// By 503 with Retry-After, at most 300 s ahead.
    fn pause_until(&self) -> Option<Timestamp> {
        let at = Timestamp(self.0.pause_until.load(Ordering::Relaxed));
        (at > (self.0.sink.clock)()).then_some(at)
    }

    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        if let Some(call) = lock(&self.0.calls).get(&key) {
            call.cancel();
        }
        ready(()).boxed()
    }

    fn condition(&self) -> Condition {
        let condition = lock(&self.0.condition).clone();
        let late = self.lateness();
        let media = if late.packets == 0 {
            String::new()
        } else {
            format!("; media late by {:.1} ms (p99)", late.p99.as_secs_f64() * 1e3)
        };
        let calls = format!("{} calls, {} calls back", self.calls(), self.calls_back());
        Condition { detail: format!("{}; {calls}{media}", condition.detail), ..condition }
    }

    /// Asks the trunk, and makes speech of a word.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            let answer = self.0.ping().await?;
            if self.0.section.tts != crate::config::Tts::Files {
                let spoken = self.0.speaker.say(SPOKEN_BY_CHECK, crate::model::STANDARD_CHINESE).await;
                spoken.map_err(|e| e.to_string())?;
            }
            Ok(answer)
        }
        .boxed()
    }
}

// === impl Inner ===

impl Inner {
    /// The user agent; opened when it is first needed, and again until that succeeds.
    pub(super) async fn agent(self: &Arc<Self>) -> Result<Arc<Agent>, String> {
        let open = async || {
            let (agent, requests) = Agent::open(&self.section, self.password.as_deref()).await?;
            let agent = Arc::new(agent);
            tokio::spawn(incoming::serve(Arc::downgrade(self), agent.clone(), requests));
            Ok(agent)
        };
        self.agent.get_or_try_init(open).await.cloned()
    }

    fn calls_back(&self) -> usize {
        self.section.back_lines - self.back.available_permits()
    }

    /// Asks the trunk whether it is there; what it said.
    async fn ping(self: &Arc<Self>) -> Result<String, String> {
        let begun = Instant::now();
        let limit = Duration::from_millis(self.section.first_answer_ms);
        let answer = async { self.agent().await?.ping().await };
        let answer = timeout(limit, answer).await.unwrap_or_else(|_| Err("the trunk says nothing".into()));
        let answer = answer
            .map(|status| format!("the trunk answers OPTIONS with {status} in {} ms", begun.elapsed().as_millis()));
        self.stands(answer.as_ref().map_or_else(
            |reason| Condition { well: false, detail: scrub(reason) },
            |detail| Condition { well: true, detail: detail.clone() },
        ));
        answer.map_err(|reason| scrub(&reason))
    }

    /// The trunk said something to a call.
    pub(super) fn answered(&self) {
        if !lock(&self.condition).well {
            self.stands(Condition { well: true, detail: "the trunk answers calls".into() });
        }
    }

    /// The trunk said nothing to a call.
    pub(super) fn silent(&self) {
        self.stands(Condition { well: false, detail: "the trunk says nothing to a call".into() });
    }

    fn stands(&self, condition: Condition) {
        let before = std::mem::replace(&mut *lock(&self.condition), condition.clone());
        if before.well != condition.well {
            let Condition { well, detail } = condition;
            tracing::info!(gateway = %self.sink.id, well, detail, "trunk");
        }
    }

    /// The trunk wants to be left alone for so many seconds.
    pub(super) fn pause(&self, retry_after: Option<&str>) {
        // Comments and parameters may follow the number, RFC 3261 20.33.
        let digits = |text: &str| text.trim().chars().take_while(char::is_ascii_digit).collect::<String>();
        let seconds = retry_after.and_then(|text| digits(text).parse::<i64>().ok());
        if let Some(seconds) = seconds {
            let until = (self.sink.clock)().plus_ms(seconds.clamp(0, PAUSE_MAX_S) * 1_000);
            self.pause_until.store(until.0, Ordering::Relaxed);
        }
    }

    /// A number as the trunk wants it; `None` when there is no number in it.
    pub(super) fn dialled(&self, number: &str) -> Option<String> {
        let SipSection { number_strip, number_prefix, .. } = &self.section;
        let rest = number.strip_prefix(number_strip.as_str()).unwrap_or(number);
        let dialled = |c: char| c.is_ascii_digit() || "+*#".contains(c);
        let whole = rest.chars().any(|c| c.is_ascii_digit()) && rest.chars().all(dialled);
        // A # is no character of a user part.
        whole.then(|| format!("{number_prefix}{rest}").replace('#', "%23"))
    }
}

/// Asks the trunk from time to time; when the end comes, lets calls hang up and closes the socket.
async fn watch(inner: Weak<Inner>, stop: CancellationToken) {
    let asking = async {
        while let Some(inner) = inner.upgrade() {
            let pause = match inner.section.ping_s {
                // Who calls back is heard before anybody was called.
                0 => inner.agent().await.map_or(REOPEN, |_| Duration::MAX),
                seconds => {
                    // What is wrong stands in the condition.
                    let _ = inner.ping().await;
                    Duration::from_secs(seconds)
                }
            };
            drop(inner);
            sleep(pause).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = asking => return,
    }
    let Some(inner) = inner.upgrade() else { return };
    let until = Instant::now() + FAREWELL;
    while (!lock(&inner.calls).is_empty() || inner.calls_back() > 0) && Instant::now() < until {
        sleep(Duration::from_millis(20)).await;
    }
    // The last BYEs are on their way.
    sleep(Duration::from_millis(200)).await;
    if let Some(agent) = inner.agent.get() {
        agent.close();
    }
}

// === impl UnderWay ===

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.inner.calls).remove(&self.key);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
