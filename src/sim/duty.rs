//! The duty room of a world: an officer who looks at the board every few minutes and writes down what the
//! ground told by telephone. Some of it is never told.

use super::world::{Happening, World};
use crate::model::{Action, Callout, ClockEnd, ClockIx, Digest, Knock, Phase, TargetIx, Timestamp};
use crate::runtime::{Deed, Vouched};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Virtual milliseconds between two looks at the board.
const LOOK_MS: i64 = 5 * 60_000;

/// What is written down: the report, its target, who writes it.
type Note = (Action, TargetIx, &'static str);

impl World {
    /// From now on somebody sits in the duty room. Equal seeds write the same down.
    pub fn man_duty_room(&mut self, seed: u64) {
        self.duty = Some(seed);
        self.at(LOOK_MS, Happening::Look);
    }

    /// The officer looks at the board.
    pub(super) fn look(&mut self) {
        let Some(seed) = self.duty else { return };
        let mut notes = Vec::new();
        for callout in self.gallery.all().iter().filter(|c| c.is_open()) {
            let found = knocks(seed, callout, self.now).chain(milestones(seed, callout, self.now));
            notes.extend(found.map(|note| (callout.id.clone(), note)));
        }
        for (callout, (action, target, operator)) in notes {
            let deed = Deed::Action { action, targets: vec![target], shelter: String::new() };
            let reason = "电话报告，值班员代记".into();
            self.write_down(Vouched { callout, call: None, deed, operator: operator.into(), reason });
        }
        self.at(LOOK_MS, Happening::Look);
    }

    /// What an engine that is down does not take is written down at the next look.
    fn write_down(&mut self, vouched: Vouched) {
        self.next += 1;
        let (ticket, now) = (self.next, self.now);
        if let Some(cell) = self.cell.as_mut().filter(|c| c.is_loaded()) {
            cell.vouch(vouched, ticket, now);
        }
    }
}

/// Doors that were knocked on, and those that a second officer confirms.
fn knocks(seed: u64, callout: &Callout, now: Timestamp) -> impl Iterator<Item = Note> {
    let taken_over = callout.targets.iter().enumerate().filter(|(_, t)| matches!(t.phase, Phase::TakenOver { .. }));
    taken_over.filter_map(move |(ix, t)| {
        let told = |k: &Knock| {
            let after = draw(seed, &[callout.id.as_str(), "knock", &ix.to_string()], 5..45, 8)?;
            (now >= k.opened_at.plus_ms(after)).then_some((Action::Knocked, "值班员甲"))
        };
        let (action, by) = match t.progress.knock.as_ref()? {
            k if k.reported.is_none() => told(k)?,
            k if k.confirmed_at.is_none() => (Action::KnockConfirmed, "值班员乙"),
            _ => return None,
        };
        Some((action, ix as TargetIx, by))
    })
}

/// Milestones of units that told the duty room.
fn milestones(seed: u64, callout: &Callout, now: Timestamp) -> impl Iterator<Item = Note> {
    let waiting = (0..callout.clocks.len() as ClockIx).filter(|c| callout.clocks[*c as usize].waits());
    waiting.flat_map(move |clock| {
        let c = &callout.clocks[clock as usize];
        let rule = callout.rule(clock);
        let milestone = rule.and_then(|r| if let ClockEnd::Milestone(name) = &r.until { Some(name) } else { None });
        let listed = rule.map(|r| r.units.clone()).filter(|units| !units.is_empty());
        let units = milestone.map(|_| listed.unwrap_or_else(|| vec![String::new()])).unwrap_or_default();
        let minutes = (c.due.ms_since(c.started_at) / 60_000).max(10);
        let mut notes = Vec::new();
        for (target, unit) in callout.watched(c.of).flat_map(|t| units.iter().map(move |u| (t, u))) {
            let Some(name) = milestone else { continue };
            let reached = callout.targets[target as usize].progress.reached.get(name);
            let what = [callout.id.as_str(), name, unit, &target.to_string()];
            let after = draw(seed, &what, minutes * 6 / 10..minutes * 13 / 10, 6);
            let told = after.is_some_and(|ms| now >= c.started_at.plus_ms(ms));
            if told && !reached.is_some_and(|units| units.contains(unit)) {
                notes.push((Action::Reached { milestone: name.clone(), unit: unit.clone() }, target, "值班员甲"));
            }
        }
        notes
    })
}

/// After how many milliseconds something is told, or never: `of_ten` of ten tell.
fn draw(seed: u64, what: &[&str], minutes: std::ops::Range<i64>, of_ten: u32) -> Option<i64> {
    let mut parts = vec![seed.to_be_bytes().to_vec()];
    parts.extend(what.iter().map(|w| w.as_bytes().to_vec()));
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let mut rng = ChaCha8Rng::from_seed(Digest::of_parts(&parts).0);
    rng.random_ratio(of_ten, 10).then(|| rng.random_range(minutes) * 60_000)
}
