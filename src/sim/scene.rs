//! Scenes: the ground, the plans and the messages of a simulated night.

use crate::directory::{Directory, sample};
use crate::intake::{Sender, Senders};
use crate::model::{Finding, RegionCode, SecretKey, Status, Timestamp};
use crate::plan::{PlanFile, PlanSet};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::sync::Arc;

/// A document that is posted at a time.
#[derive(Clone, Debug)]
pub struct Post {
    /// When.
    pub at: Timestamp,
    /// The document.
    pub body: Vec<u8>,
}

/// What a world is made of.
pub struct Scene {
    /// When the world begins.
    pub begins: Timestamp,
    /// The ground and its people.
    pub directory: Arc<Directory>,
    /// The plans.
    pub plans: Arc<PlanSet>,
    /// Who may post.
    pub senders: Senders,
    /// The messages.
    pub posts: Vec<Post>,
    /// The master key.
    pub key: SecretKey,
}

/// The plans that ship with the program.
///
/// # Errors
/// The faults of the files; none in a released build.
pub fn built_in_plans() -> Result<PlanSet, Vec<Finding>> {
    let files = [
        ("default.toml", include_str!("../../config/plans/default.toml")),
        ("rainstorm-red.toml", include_str!("../../config/plans/rainstorm-red.toml")),
    ];
    let files = files.into_iter().map(|(name, text)| PlanFile::parse(name, text)).collect::<Result<_, _>>()?;
    PlanSet::new(files)
}

/// A message in the JSON form.
#[must_use]
pub fn message_json(
    identifier: &str,
    kind: &str,
    references: &[&str],
    (hazard, colour): (&str, &str),
    codes: &[&str],
    (sent, expires): (Timestamp, Timestamp),
) -> Vec<u8> {
    let headline = format!("虚构气象台发布{hazard}预警（模拟）");
    json!({
        "sender": "simulated office", "identifier": identifier, "sent": sent.iso(), "status": "actual", "kind": kind,
        "references": references, "hazard": hazard, "colour": colour, "expires": expires.iso(),
        "wording": [{"language": "zh-CN", "headline": headline, "description": "模拟", "instruction": "请立即到岗。"}],
        "areas": [{"name": "模拟区域", "codes": codes}],
    })
    .to_string()
    .into_bytes()
}

/// The same message as a drill.
#[must_use]
pub fn as_drill(message: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(message).replacen("\"status\":\"actual\"", "\"status\":\"exercise\"", 1).into_bytes()
}

// === impl Scene ===

impl Scene {
    /// A scene drawn from a seed: one township's ground, one or two warnings with repeats, upgrades,
    /// a contradiction, ground that nobody knows, and a cancel.
    ///
    /// # Errors
    /// The faults of the shipped plans or of the invented directory; none in a released build.
    pub fn random(seed: u64) -> Result<Self, Vec<Finding>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let key = SecretKey::new([7; 32]);
        let places = ["533324204", "533324100", "533301105", "533324200"];
        let place = places[rng.random_range(0..places.len())];
        let region = RegionCode::parse(place).map_err(|e| vec![Finding::fatal("scene", e)])?;
        let directory = Arc::new(sample(&region, seed, &key).build(1)?);
        let begins = Timestamp(1_780_000_000_000_000 + (seed as i64 % 1000) * 1_000_000);
        let after = |s: i64| begins.plus_ms(s * 1000);
        let ends = after(rng.random_range(1200..4000));
        let mut posts = Vec::new();
        let mut post = |s: i64, body: Vec<u8>| posts.push(Post { at: after(s), body });
        let colour = ["red", "orange", "yellow"][rng.random_range(0..3)];
        // The real thing sometimes comes when a drill has begun.
        let first_at = if rng.random_ratio(1, 2) { 1 } else { rng.random_range(2..300) };
        let first = message_json("A1", "alert", &[], ("暴雨", colour), &[place], (begins, ends));
        post(first_at, first.clone());
        if rng.random_ratio(1, 3) {
            post(rng.random_range(1..300), first);
        }
        if rng.random_ratio(1, 3) {
            let at = rng.random_range(5..600);
            let codes = [place, "533399"];
            post(at, message_json("A2", "update", &["A1"], ("暴雨", "red"), &codes, (after(at), ends)));
        }
        if rng.random_ratio(1, 4) {
            let at = rng.random_range(5..400);
            post(at, message_json("A1", "alert", &[], ("暴雨", "red"), &[place], (begins, ends)));
        }
        if rng.random_ratio(1, 3) {
            let at = rng.random_range(1..500);
            post(at, message_json("B1", "alert", &[], ("大风", "blue"), &[place], (after(at), ends)));
        }
        if rng.random_ratio(1, 4) {
            let at = rng.random_range(100..1200);
            post(at, message_json("A9", "cancel", &["A1"], ("暴雨", colour), &[place], (after(at), ends)));
        }
        if rng.random_ratio(1, 5) {
            post(2, b"<alert><broken".to_vec());
        }
        // Drills beside it, under the same identifiers: before, during, and with a Cancel of their own.
        if rng.random_ratio(1, 2) {
            let at = rng.random_range(0..900);
            let drill_colour = ["red", "yellow"][rng.random_range(0..2)];
            let alert = message_json("A1", "alert", &[], ("暴雨", drill_colour), &[place], (after(at), ends));
            post(at, as_drill(&alert));
            if rng.random_ratio(1, 2) {
                let at = at + rng.random_range(30..900);
                let cancel = message_json("A9", "cancel", &["A1"], ("暴雨", colour), &[place], (after(at), ends));
                post(at, as_drill(&cancel));
            }
        }
        Ok(Self { begins, directory, plans: Arc::new(built_in_plans()?), senders: Self::senders(), posts, key })
    }

    /// One sender that may post everything.
    #[must_use]
    pub fn senders() -> Senders {
        let yunnan = RegionCode::parse("53").into_iter().collect();
        let statuses = vec![Status::Actual, Status::Exercise, Status::Test];
        Senders(vec![Sender {
            name: "simulated bureau".into(),
            account: "bureau".into(),
            senders: Vec::new(),
            regions: yunnan,
            hazards: Vec::new(),
            statuses,
        }])
    }
}
