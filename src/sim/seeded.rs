//! Scenes drawn from a seed: rain as it was, the forecast ladder ("1262") on moving onsets, earthquakes ("123"),
//! geological hazards and fires.

use super::scene::{Post, Scene, as_drill, built_in_plans, message_json, nujiang_plans};
use crate::directory::sample;
use crate::model::{ClockStart, Finding, RegionCode, SecretKey, Timestamp};
use crate::plan::PlanSet;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::sync::Arc;

/// By how much the forecast ladder is shortened, so that its twelve hours fit into a run.
const SHORTENED: i64 = 8;
/// Townships whose people are invented, one of them per scene; the last is one that nobody knows.
const PLACES: [&str; 5] = ["533324204", "533324202", "533301105", "533324102", "533324200"];

/// The messages of a scene while it is drawn.
struct Draw {
    rng: ChaCha8Rng,
    begins: Timestamp,
    place: &'static str,
    posts: Vec<Post>,
}

// === impl Scene ===

impl Scene {
    /// A scene drawn from a seed: one township's ground, one or two warnings with repeats, upgrades,
    /// onsets that move, a contradiction, ground that nobody knows, a cancel, and in half of them a drill.
    ///
    /// # Errors
    /// The faults of the shipped plans or of the invented directory; none in a released build.
    pub fn random(seed: u64) -> Result<Self, Vec<Finding>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let key = SecretKey::new([7; 32]);
        let place = PLACES[rng.random_range(0..PLACES.len())];
        let region = RegionCode::parse(place).map_err(|e| vec![Finding::fatal("scene", e)])?;
        let directory = Arc::new(sample(&region, seed, &key).build(1)?);
        let begins = Timestamp(1_780_000_000_000_000 + (seed as i64 % 1000) * 1_000_000);
        let mut draw = Draw { rng, begins, place, posts: Vec::new() };
        let plans = match seed % 5 {
            0 | 1 => {
                draw.rain();
                built_in_plans()?
            }
            2 => {
                draw.ladder();
                shortened(nujiang_plans()?)?
            }
            3 => {
                draw.earthquake();
                built_in_plans()?
            }
            _ => {
                let hazard = ["地质灾害气象风险", "滑坡", "森林火险", "境内森林火灾"][draw.rng.random_range(0..4)];
                draw.spell(hazard);
                built_in_plans()?
            }
        };
        if draw.one_in(2) {
            draw.drill();
        }
        if draw.one_in(2) {
            draw.beside();
        }
        Ok(Self { begins, directory, plans: Arc::new(plans), senders: Self::senders(), posts: draw.posts, key })
    }
}

/// The ladder with shorter times before the onset.
fn shortened(plans: PlanSet) -> Result<PlanSet, Vec<Finding>> {
    let mut files = plans.files().to_vec();
    for plan in files.iter_mut().map(|f| &mut f.plan) {
        for tier in &mut plan.tiers {
            tier.before_ms = tier.before_ms.map(|ms| ms / SHORTENED);
        }
        for clock in plan.clocks.iter_mut().filter(|c| c.starts == ClockStart::Onset) {
            clock.within_ms /= SHORTENED;
            clock.remind_ms.iter_mut().for_each(|ms| *ms /= SHORTENED);
        }
    }
    PlanSet::new(files)
}

/// A message with one more time in it.
fn with_time(body: &[u8], key: &str, at: Timestamp) -> Vec<u8> {
    let mut message: Value = serde_json::from_slice(body).unwrap_or_default();
    message[key] = at.iso().into();
    message.to_string().into_bytes()
}

// === impl Draw ===

impl Draw {
    fn after(&self, s: i64) -> Timestamp {
        self.begins.plus_ms(s * 1000)
    }

    fn post(&mut self, s: i64, body: Vec<u8>) {
        let at = self.after(s);
        self.posts.push(Post { at, body });
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_ratio(1, n)
    }

    /// Red, orange or yellow rain over a township.
    fn rain(&mut self) {
        let place = self.place;
        let ends_s = self.rng.random_range(1200..4000);
        let ends = self.after(ends_s);
        let colour = ["red", "orange", "yellow"][self.rng.random_range(0..3)];
        let first = message_json("A1", "alert", &[], ("暴雨", colour), &[place], (self.begins, ends));
        self.post(1, first.clone());
        if self.one_in(3) {
            let at = self.rng.random_range(1..300);
            self.post(at, first);
        }
        if self.one_in(3) {
            let at = self.rng.random_range(5..600);
            let times = (self.after(at), ends);
            let codes = [place, "533399"];
            self.post(at, message_json("A2", "update", &["A1"], ("暴雨", "red"), &codes, times));
        }
        if self.one_in(4) {
            let at = self.rng.random_range(5..400);
            self.post(at, message_json("A1", "alert", &[], ("暴雨", "red"), &[place], (self.begins, ends)));
        }
        if self.one_in(3) {
            let at = self.rng.random_range(1..500);
            let times = (self.after(at), ends);
            self.post(at, message_json("B1", "alert", &[], ("大风", "blue"), &[place], times));
        }
        if self.one_in(4) {
            let at = self.rng.random_range(100..1200);
            self.cancel(at, ("暴雨", colour), ends);
        }
        if self.one_in(5) {
            self.post(2, b"<alert><broken".to_vec());
        }
    }

    /// A forecast whose onset comes closer, goes away, and may be upgraded on the way.
    fn ladder(&mut self) {
        let place = self.place;
        let ends = self.after(9_000);
        let mut colour = ["yellow", "orange", "red"][self.rng.random_range(0..3)];
        let onset_s = self.rng.random_range(-300..9_000);
        let first = message_json("A1", "alert", &[], ("暴雨", colour), &[place], (self.begins, ends));
        self.post(1, with_time(&first, "onset", self.after(onset_s)));
        let mut at = 0;
        for n in 0..self.rng.random_range(0..4) {
            at += self.rng.random_range(60..2_400);
            let onset_s = onset_s + self.rng.random_range(-2_000..2_000);
            if self.one_in(3) {
                colour = "red";
            }
            let smaller = self.one_in(4);
            let village = format!("{place}201");
            let codes = if smaller { [village.as_str()] } else { [place] };
            let id = format!("A{}", n + 2);
            let update = message_json(&id, "update", &["A1"], ("暴雨", colour), &codes, (self.after(at), ends));
            let onset = self.after(onset_s.max(at));
            self.post(at, with_time(&update, "onset", onset));
        }
        if self.one_in(6) {
            let at = self.rng.random_range(600..7_000);
            self.cancel(at, ("暴雨", colour), ends);
        }
    }

    /// An earthquake, told some time after it happened, perhaps over more ground a while later.
    fn earthquake(&mut self) {
        let place = self.place;
        let ends = self.after(9_500);
        let what = ("天然地震", ["orange", "red"][self.rng.random_range(0..2)]);
        let ago_s = self.rng.random_range(0..1_800);
        let happened = self.after(-ago_s);
        let first = message_json("A1", "alert", &[], what, &[place], (self.begins, ends));
        self.post(1, with_time(&first, "origin_time", happened));
        if self.one_in(2) {
            let at = self.rng.random_range(60..3_600);
            let times = (self.after(at), ends);
            let update = message_json("A2", "update", &["A1"], (what.0, "red"), &[place, "533399"], times);
            self.post(at, with_time(&update, "origin_time", happened));
        }
        if self.one_in(4) {
            let at = self.rng.random_range(1..600);
            let times = (self.after(at), ends);
            self.post(at, message_json("B1", "alert", &[], ("滑坡", "red"), &[place], times));
        }
    }

    /// A hazard that is upgraded from a plan without tiers to one with tiers, or the other way round.
    fn spell(&mut self, hazard: &'static str) {
        let place = self.place;
        let ends_s = self.rng.random_range(5_000..9_500);
        let ends = self.after(ends_s);
        let colours = ["yellow", "orange", "red"];
        let colour = colours[self.rng.random_range(0..3)];
        self.post(1, message_json("A1", "alert", &[], (hazard, colour), &[place], (self.begins, ends)));
        let mut at = 0;
        for n in 0..self.rng.random_range(0..3) {
            at += self.rng.random_range(30..3_000);
            let colour = colours[self.rng.random_range(0..3)];
            let times = (self.after(at), ends);
            let id = format!("A{}", n + 2);
            self.post(at, message_json(&id, "update", &["A1"], (hazard, colour), &[place], times));
        }
        if self.one_in(5) {
            let at = self.rng.random_range(600..5_000);
            self.cancel(at, (hazard, colour), ends);
        }
    }

    /// A drill beside the real thing, under the identifiers of its messages, with a Cancel of its own.
    fn drill(&mut self) {
        let ends_s = self.rng.random_range(1200..4000);
        let ends = self.after(ends_s);
        let at = self.rng.random_range(0..900);
        let what = ("暴雨", ["red", "yellow"][self.rng.random_range(0..2)]);
        let alert = message_json("A1", "alert", &[], what, &[self.place], (self.after(at), ends));
        self.post(at, as_drill(&alert));
        if self.one_in(2) {
            let at = at + self.rng.random_range(30..900);
            let cancel = message_json("A9", "cancel", &["A1"], what, &[self.place], (self.after(at), ends));
            self.post(at, as_drill(&cancel));
        }
    }

    /// A second warning that is like the first, in the same breath or a little later: whoever answers for both is
    /// called once.
    fn beside(&mut self) {
        let Some(first) = self.posts.first().map(|post| post.body.clone()) else { return };
        let mut message: Value = serde_json::from_slice(&first).unwrap_or_default();
        message["identifier"] = "C1".into();
        let at = [1, 1, 31][self.rng.random_range(0..3)];
        self.post(at, message.to_string().into_bytes());
        if self.one_in(4) {
            let at = self.rng.random_range(60..600);
            (message["identifier"], message["kind"]) = ("C9".into(), "cancel".into());
            (message["references"], message["sent"]) = (vec!["C1"].into(), self.after(at).iso().into());
            self.post(at, message.to_string().into_bytes());
        }
    }

    fn cancel(&mut self, at: i64, what: (&str, &str), ends: Timestamp) {
        let times = (self.after(at), ends);
        self.post(at, message_json("A9", "cancel", &["A1"], what, &[self.place], times));
    }
}
