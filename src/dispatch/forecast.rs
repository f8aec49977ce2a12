//! When what is queued will have been taken: an estimate, and no part of any timeline.
//!
//! What waits shares what limits it (the lanes that serve it, its carrier's budget) by colour and in turns.
//! A place `m` in a callout's line is reached when everything graver and the first `m` of each line of its
//! colour are through. Offers that come later and go before it (riskier ground that is tried again) are
//! counted in by the share that such offers had of the queue's grants. People who answer while they wait come
//! in waves and are not foreseen.

use super::queue::Waits;
use super::{Dispatch, Offer};
use crate::model::{CalloutId, Channel, Colour, Timestamp};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// When the calls that a callout has queued now will have been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The callout.
    pub callout: CalloutId,
    /// Each step and channel with something queued, in order.
    pub parts: Vec<ForecastPart>,
}

/// The forecast of what one step has queued on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForecastPart {
    /// The step.
    pub step: u8,
    /// The channel.
    pub channel: Channel,
    /// Calls that wait.
    pub waiting: usize,
    /// When the last of them will have been made, in whole seconds; `None` when nothing takes them now.
    pub done_at: Option<Timestamp>,
    /// The budget that holds it back longer than the lanes do: a carrier's name, or `person`.
    pub limited_by: Option<String>,
}

/// A line of a queue with the places that its steps end at.
struct Waiting<'a> {
    channel: Channel,
    waits: Waits<'a>,
    /// Seconds until the last offer of each step is taken.
    done_s: BTreeMap<u8, f64>,
    limited_by: Option<&'a str>,
}

// === impl Forecast ===

impl Forecast {
    /// Calls that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.parts.iter().map(|p| p.waiting).sum()
    }

    /// As programs read it; the times as ISO 8601.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let iso = |at: Option<Timestamp>| at.map(|at| at.iso());
        let part = |p: &ForecastPart| {
            json!({ "step": p.step, "channel": p.channel, "waiting": p.waiting, "done_at": iso(p.done_at),
                "limited_by": p.limited_by })
        };
        let parts: Vec<_> = self.parts.iter().map(part).collect();
        json!({ "waiting": self.waiting(), "done_at": iso(self.done_at()), "parts": parts })
    }

    /// When all of them will have been made; `None` when something is taken by nobody now.
    #[must_use]
    pub fn done_at(&self) -> Option<Timestamp> {
        self.parts.iter().map(|p| p.done_at).collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

// === impl Dispatch ===

impl Dispatch {
    /// When what each callout has queued now will have been made, at the pace that the lanes were measured
    /// to have.
    #[must_use]
    pub fn forecast(&self, now: Timestamp) -> Vec<Forecast> {
        let mut lines = Vec::new();
        let mut pools: BTreeMap<(Channel, Vec<usize>), Vec<usize>> = BTreeMap::new();
        let mut carriers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (kind, queue) in &self.queues {
            let pool = pools.entry((kind.channel, self.flowing(*kind, queue, now))).or_default();
            for waits in queue.waits() {
                pool.push(lines.len());
                if let Some(carrier) = kind.carrier.filter(|c| !self.carriers[*c].yields(waits.colour.0)) {
                    carriers.entry(carrier).or_default().push(lines.len());
                }
                lines.push(Waiting::new(kind.channel, waits));
            }
        }
        for ((channel, lanes), members) in pools {
            let per_s = lanes.iter().map(|lane| self.lanes[*lane].per_s(channel, now)).sum();
            share(&mut lines, &members, per_s, None);
        }
        for (carrier, members) in carriers {
            let budget = &self.carriers[carrier].budget;
            share(&mut lines, &members, budget.rate_per_s, Some(&budget.name));
        }
        let held = self.persons.later().map(|(until, (channel, _, offer))| (until, *channel, offer));
        forecasts(&lines, held, now)
    }
}

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn new(channel: Channel, waits: Waits<'a>) -> Self {
        Self { channel, waits, done_s: BTreeMap::new(), limited_by: None }
    }

    /// What `places` of the line need, with what will overtake them.
    fn work(&self, places: usize) -> f64 {
        places as f64 / (1.0 - self.waits.overtaken).max(0.1)
    }

    /// The work up to the end of each step.
    fn steps(&self) -> impl Iterator<Item = (u8, f64)> {
        let mut places = 0;
        self.waits.steps.iter().map(move |(step, count)| {
            places += count;
            (*step, self.work(places))
        })
    }

    fn total(&self) -> f64 {
        self.work(self.waits.steps.values().sum())
    }
}

/// Lets lines share something that takes `per_s` offers a second: nothing in them is done earlier than that.
fn share<'a>(lines: &mut [Waiting<'a>], members: &[usize], per_s: f64, budget: Option<&'a str>) {
    let mut totals: BTreeMap<Reverse<Colour>, Vec<f64>> = BTreeMap::new();
    for line in members.iter().map(|i| &lines[*i]) {
        totals.entry(line.waits.colour).or_default().push(line.total());
    }
    for line in members {
        let line = &mut lines[*line];
        let graver: f64 = totals.range(..line.waits.colour).flat_map(|(_, totals)| totals).sum();
        let same = &totals[&line.waits.colour];
        let steps: Vec<_> = line.steps().collect();
        for (step, work) in steps {
            let turns: f64 = same.iter().map(|total| total.min(work)).sum();
            let done = (graver + turns) / per_s;
            let known = line.done_s.entry(step).or_insert(0.0);
            if done > *known {
                (*known, line.limited_by) = (done, budget);
            }
        }
    }
}

/// The forecasts of the callouts that wait.
fn forecasts<'a>(
    lines: &[Waiting<'a>],
    held: impl Iterator<Item = (Timestamp, Channel, &'a Offer)>,
    now: Timestamp,
) -> Vec<Forecast> {
    type Parts = BTreeMap<(u8, Channel), (usize, f64, Option<String>)>;
    let mut all: BTreeMap<&CalloutId, Parts> = BTreeMap::new();
    for line in lines {
        let parts = all.entry(line.waits.callout).or_default();
        for (step, waiting) in line.waits.steps {
            let part = parts.entry((*step, line.channel)).or_default();
            part.0 += waiting;
            let done_s = line.done_s.get(step).copied().unwrap_or(f64::INFINITY);
            if done_s >= part.1 {
                (part.1, part.2) = (done_s, line.limited_by.map(str::to_owned));
            }
        }
    }
    for (until, channel, offer) in held {
        let part = all.entry(&offer.callout).or_default().entry((offer.step, channel)).or_default();
        part.0 += 1;
        let done_s = until.micros_since(now) as f64 / 1e6;
        if done_s > part.1 {
            (part.1, part.2) = (done_s, Some("person".into()));
        }
    }
    let part = |((step, channel), (waiting, done_s, limited_by)): (_, (usize, f64, Option<String>))| ForecastPart {
        step,
        channel,
        waiting,
        done_at: whole(now, done_s),
        limited_by,
    };
    all.into_iter()
        .map(|(callout, parts)| Forecast { callout: callout.clone(), parts: parts.into_iter().map(part).collect() })
        .collect()
}

/// A moment `after_s` from now, up to the next whole second; `None` when that is more than a month away.
fn whole(now: Timestamp, after_s: f64) -> Option<Timestamp> {
    const MONTH_S: f64 = 31.0 * 86_400.0;
    const SECOND: i64 = 1_000_000;
    let at = (after_s < MONTH_S).then(|| now.plus_ms((after_s * 1000.0).ceil() as i64))?;
    Some(Timestamp((at.0 + SECOND - 1).div_euclid(SECOND) * SECOND))
}
