//! How the gateways stand, as pages and figures show it, and what is told to them from outside: results of submits, locks,
//! canaries.

use super::{BreakerState, Dispatch, Tally};
use crate::model::{Channel, GatewayId, Timestamp};

/// What a gateway answered to the submit of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It took the attempt, or told that the number cannot be reached.
    Took,
    /// It refused the attempt for good.
    Refused(&'a str),
    /// It could not be reached, asked to wait, or left it unknown what became of the attempt.
    Failed(&'a str),
}

/// A gateway that a person took out of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The operator's sign-in name.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// What the last canary of a gateway saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryResult {
    /// Whether what was to be proven was.
    pub well: bool,
    /// What was seen, or what is wrong.
    pub detail: String,
    /// When.
    pub at: Timestamp,
    /// Whether the gateway stands behind all others while it fails.
    pub counts: bool,
}

/// How a gateway stands.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayStanding {
    /// The gateway.
    pub id: GatewayId,
    /// The channels that it serves.
    pub channels: Vec<Channel>,
    /// Whether it is for drills.
    pub drill: bool,
    /// Lower ones first.
    pub priority: u32,
    /// The weight as configured, and how many percent of it are left.
    pub weight: (u32, u32),
    /// Its breaker.
    pub breaker: BreakerState,
    /// The channels on which it takes attempts and tells nothing.
    pub silent: Vec<Channel>,
    /// Whether its "delivered" is answered far less than that of others.
    pub doubtful: bool,
    /// Who took it out of use.
    pub lock: Option<Lock>,
    /// What its last canary saw.
    pub canary: Option<CanaryResult>,
    /// What went wrong last, and when.
    pub fault: Option<(Timestamp, String)>,
    /// Attempts in flight, and how many may be.
    pub in_flight: (usize, usize),
    /// Voice calls that are live, and how many may be.
    pub lines: (usize, usize),
    /// Offers that wait and that it serves.
    pub waiting: usize,
    /// Attempts a second that it was measured to make, by channel.
    pub paces: Vec<(Channel, f64)>,
    /// What its word is worth, by channel and carrier.
    pub truth: Vec<(Channel, Option<String>, Tally)>,
}

// === impl GatewayStanding ===

impl GatewayStanding {
    /// Whether it takes attempts as it should; a person ought to look at one that does not.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.wrong().is_none()
    }

    /// What is wrong with it, the gravest first.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        let canary = self.canary.as_ref().filter(|c| !c.well);
        let fault = || self.fault.as_ref().map(|(_, detail)| format!(": {detail}")).unwrap_or_default();
        match () {
            () if self.lock.is_some() => Some("locked by hand".to_owned()),
            () if self.breaker != BreakerState::Closed => Some(format!("does not work{}", fault())),
            () if !self.silent.is_empty() => Some("takes attempts and tells nothing of them".to_owned()),
            () if canary.is_some() => canary.map(|c| format!("its canary fails: {}", c.detail)),
            () if self.doubtful => Some("what it calls delivered is hardly answered".to_owned()),
            () => None,
        }
    }
}

// === impl Dispatch ===

impl Dispatch {
    /// A gateway answered the submit of an attempt. True when that opens its breaker.
    pub fn outcome(&mut self, gateway: &GatewayId, channel: Channel, outcome: Outcome<'_>, now: Timestamp) -> bool {
        let Some(lane) = self.lane_mut(gateway) else { return false };
        lane.worth.told(outcome == Outcome::Took);
        if let Outcome::Refused(why) | Outcome::Failed(why) = outcome {
            lane.fault = Some((now, why.to_owned()));
        }
        match outcome {
            Outcome::Failed(_) => return lane.breaker.failed(now),
            // A text that every gateway refuses says nothing about this one.
            Outcome::Refused(_) => lane.breaker.succeeded(),
            Outcome::Took => {
                lane.breaker.succeeded();
                let retry_ms = lane.settings().route.breaker.pause_ms_max;
                if let Some(hearing) = lane.hearing.get_mut(&channel) {
                    hearing.took(now, retry_ms);
                }
            }
        }
        false
    }

    /// A person takes a gateway out of use, or into it again. False when there is no such gateway.
    pub fn lock(&mut self, gateway: &GatewayId, lock: Option<Lock>) -> bool {
        let lane = self.lane_mut(gateway);
        lane.map(|lane| lane.lock = lock).is_some()
    }

    /// What a canary saw.
    pub fn canary(&mut self, gateway: &GatewayId, result: CanaryResult) {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.canary = Some(result);
        }
    }

    /// How all gateways stand.
    #[must_use]
    pub fn standings(&self, now: Timestamp) -> Vec<GatewayStanding> {
        let carrier = |ix: Option<usize>| ix.map(|ix| self.carriers[ix].budget.name.clone());
        let standing = |ix: usize| {
            let lane = &self.lanes[ix];
            let (settings, state) = (lane.settings(), lane.state());
            let channels = || settings.channels.iter().copied();
            let tallies = self.truth.tallies.iter().filter(|((of, ..), _)| *of == ix);
            GatewayStanding {
                id: settings.id.clone(),
                channels: settings.channels.clone(),
                drill: settings.drill,
                priority: settings.route.priority,
                weight: (settings.route.weight, lane.percent()),
                breaker: lane.breaker.state(),
                silent: channels().filter(|c| lane.is_silent(*c)).collect(),
                doubtful: lane.doubtful,
                lock: lane.lock.clone(),
                canary: lane.canary.clone(),
                fault: lane.fault.clone(),
                in_flight: (state.in_flight, settings.window),
                lines: (state.lines_used, settings.lines),
                waiting: self.waiting(ix),
                paces: channels().map(|c| (c, lane.per_s(c, now))).collect(),
                truth: tallies.map(|((_, channel, of), tally)| (*channel, carrier(*of), *tally)).collect(),
            }
        };
        (0..self.lanes.len()).map(standing).collect()
    }
}
