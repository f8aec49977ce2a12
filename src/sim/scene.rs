//! Scenes: the ground, the plans and the messages of a simulated night.

use crate::directory::Directory;
use crate::intake::{Sender, Senders};
use crate::model::{Finding, RegionCode, SecretKey, Status, Timestamp};
use crate::plan::{PlanFile, PlanSet};
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
        ("earthquake.toml", include_str!("../../config/plans/earthquake.toml")),
        ("forest-fire.toml", include_str!("../../config/plans/forest-fire.toml")),
        ("geohazard.toml", include_str!("../../config/plans/geohazard.toml")),
        ("rainstorm-red.toml", include_str!("../../config/plans/rainstorm-red.toml")),
    ];
    let files = files.into_iter().map(|(name, text)| PlanFile::parse(name, text)).collect::<Result<_, _>>()?;
    PlanSet::new(files)
}

/// The plans that ship with the program, and the preset for floods in Nujiang ("1262").
///
/// # Errors
/// As [`built_in_plans`].
pub fn nujiang_plans() -> Result<PlanSet, Vec<Finding>> {
    let mut files = built_in_plans()?.files().to_vec();
    files.push(PlanFile::parse("nujiang-flood.toml", include_str!("../../config/presets/nujiang-flood.toml"))?);
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
