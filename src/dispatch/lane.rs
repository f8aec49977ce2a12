//! A lane: the limits of one gateway.

use super::Kind;
use super::breaker::Breaker;
use super::pace::{Holding, Pace};
use super::route::{Route, Worth};
use super::standing::{CanaryResult, Lock};
use super::truth::Hearing;
use crate::model::{Channel, GatewayId, Template, Timestamp};
use governor::clock::{Clock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The limits of a gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneSettings {
    /// The gateway.
    pub id: GatewayId,
    /// The channels it serves.
    pub channels: Vec<Channel>,
    /// Whether it is for drills: such a gateway takes nothing else, and drills take no other.
    pub drill: bool,
    /// Attempts per second in the long run.
    pub rate_per_s: f64,
    /// Attempts that may go at once after a pause.
    pub burst: u32,
    /// Attempts submitted and not yet answered, at most.
    pub window: usize,
    /// Voice calls at once, at most.
    pub lines: usize,
    /// Its registered templates. With any, it sends nothing else; with none, any words.
    pub templates: Vec<Template>,
    /// What it is for, and when it counts as failing.
    pub route: Route,
}

/// How a lane stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// Attempts granted and not yet answered by the gateway.
    pub in_flight: usize,
    /// Voice calls that are live.
    pub lines_used: usize,
}

/// The limits of one gateway, and how much of them is used.
pub struct Lane {
    settings: LaneSettings,
    state: LaneState,
    clock: LaneClock,
    limiter: RateLimiter<NotKeyed, InMemoryState, LaneClock, NoOpMiddleware<Nanos>>,
    waits_until: Option<Timestamp>,
    /// Attempts per second that it was measured to make, by channel.
    paces: BTreeMap<Channel, Pace>,
    holding: Holding,
    pub(super) breaker: Breaker,
    pub(super) worth: Worth,
    /// What its turns by weight owe it.
    pub(super) credit: i64,
    /// Whether its "delivered" is answered far less than that of others.
    pub(super) doubtful: bool,
    pub(super) lock: Option<Lock>,
    pub(super) canary: Option<CanaryResult>,
    /// What was told after a submit, by channel.
    pub(super) hearing: BTreeMap<Channel, Hearing>,
    /// What went wrong last.
    pub(super) fault: Option<(Timestamp, String)>,
}

/// The time that the cell told last; lets a rate limiter run on a virtual clock.
#[derive(Clone, Default)]
struct LaneClock(Arc<AtomicU64>);

impl Clock for LaneClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.load(Ordering::Relaxed))
    }
}

// === impl LaneSettings ===

impl LaneSettings {
    /// A gateway that takes whatever comes, as fast as it comes: for measurements and tests, and as what is left of a
    /// setting that names its own limits.
    #[must_use]
    pub fn unlimited(id: impl Into<GatewayId>, channels: &[Channel]) -> Self {
        Self {
            id: id.into(),
            channels: channels.to_vec(),
            drill: false,
            rate_per_s: 1e9,
            burst: u32::MAX,
            window: usize::MAX,
            lines: usize::MAX,
            templates: Vec::new(),
            route: Route::default(),
        }
    }
}

// === impl Lane ===

impl Lane {
    /// A lane with nothing in flight. A rate of zero or less means one attempt per hour.
    #[must_use]
    pub fn new(settings: LaneSettings) -> Self {
        let period = Duration::from_secs_f64((1.0 / settings.rate_per_s.max(1.0 / 3600.0)).max(1e-9));
        let burst = NonZeroU32::new(settings.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).map_or_else(|| Quota::per_second(burst), |q| q.allow_burst(burst));
        let clock = LaneClock::default();
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        let pace = |channel: &Channel| (*channel, Pace::new(settings.rate_per_s));
        let paces = settings.channels.iter().map(pace).collect();
        Self {
            breaker: Breaker::new(settings.route.breaker),
            worth: Worth::NEW,
            credit: 0,
            doubtful: false,
            lock: None,
            canary: None,
            hearing: settings.channels.iter().map(|channel| (*channel, Hearing::default())).collect(),
            fault: None,
            settings,
            state: LaneState::default(),
            clock,
            limiter,
            waits_until: None,
            paces,
            holding: Holding::new(),
        }
    }

    /// Its limits.
    #[must_use]
    pub fn settings(&self) -> &LaneSettings {
        &self.settings
    }

    /// How much of them is used.
    #[must_use]
    pub fn state(&self) -> LaneState {
        self.state
    }

    /// Until when its rate or its gateway makes it wait.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.waits_until
    }

    /// Attempts per second that it makes on a channel: as measured while more waited, and for voice no more
    /// than its lines carry.
    #[must_use]
    pub fn per_s(&self, channel: Channel, now: Timestamp) -> f64 {
        // A burst is no pace that lasts.
        let measured = self.paces.get(&channel).map_or(0.0, |pace| pace.per_s(now)).min(self.settings.rate_per_s);
        if channel != Channel::Voice {
            return measured;
        }
        let carried = self.settings.lines as f64 / self.holding.mean_s();
        // Full lines are what limits it, and their mean holding time is steadier than counting grants.
        if self.state.lines_used >= self.settings.lines { carried } else { measured.min(carried) }
    }

    /// Something was granted on a channel; `more` waits behind it.
    pub(super) fn granted(&mut self, channel: Channel, more: bool, now: Timestamp) {
        if let Some(pace) = self.paces.get_mut(&channel) {
            pace.granted(now, more);
        }
    }

    pub(super) fn serves(&self, Kind { drill, channel, text, .. }: Kind) -> bool {
        let templates = &self.settings.templates;
        self.is_open_to(drill, channel) && (templates.is_empty() || Template::choose(templates, text, "").is_some())
    }

    /// Whether it serves a channel, whatever its templates say.
    pub(super) fn is_open_to(&self, drill: bool, channel: Channel) -> bool {
        self.settings.drill == drill && self.settings.channels.contains(&channel)
    }

    pub(super) fn has_room(&self, channel: Channel, now: Timestamp) -> bool {
        let lines = channel != Channel::Voice || self.state.lines_used < self.settings.lines;
        lines && self.state.in_flight < self.settings.window && self.waits_until.is_none_or(|at| at <= now)
    }

    /// Spends a token and holds a place in the window, and a line for voice. False when the rate says no.
    pub(super) fn take(&mut self, channel: Channel, now: Timestamp) -> bool {
        self.clock.0.store(u64::try_from(now.0).unwrap_or(0).saturating_mul(1000), Ordering::Relaxed);
        match self.limiter.check() {
            Ok(()) => {
                self.waits_until = None;
                self.state.in_flight += 1;
                if channel == Channel::Voice {
                    self.holding.held(self.state.lines_used, 0, now);
                    self.state.lines_used += 1;
                }
                true
            }
            Err(not_until) => {
                let wait = not_until.earliest_possible().duration_since(self.clock.now());
                let wait_us = i64::try_from(wait.as_u64() / 1000).unwrap_or(i64::MAX).saturating_add(1);
                self.waits_until = Some(Timestamp(now.0.saturating_add(wait_us)));
                false
            }
        }
    }

    pub(super) fn answered(&mut self, channel: Channel, live: bool, now: Timestamp) {
        self.state.in_flight = self.state.in_flight.saturating_sub(1);
        if self.state.in_flight == 0 {
            self.breaker.unused(now);
        }
        if channel == Channel::Voice && !live {
            self.ended(now);
        }
    }

    pub(super) fn resumed(&mut self) {
        self.state.lines_used += 1;
    }

    pub(super) fn ended(&mut self, now: Timestamp) {
        self.holding.held(self.state.lines_used, 1, now);
        self.state.lines_used = self.state.lines_used.saturating_sub(1);
    }

    pub(super) fn pause(&mut self, until: Timestamp) {
        self.waits_until = Some(self.waits_until.map_or(until, |at| at.max(until)));
    }
}
