//! `[[gateway]]`: the ways to reach people. What a protocol alone needs is a table of its own within, and a file here.

mod sip;

pub use sip::{SipSection, Tts};

use super::error::Faults;
use super::{Secret, TemplateSection};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes that a gateway's secret has at least: what signs can else be guessed.
pub const GATEWAY_SECRET_MIN: usize = 16;

/// A way to reach people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySection {
    /// The name in timelines and metrics.
    pub id: String,
    /// What it speaks.
    pub kind: GatewayKind,
    /// What it serves.
    pub channels: Vec<GatewayChannel>,
    /// Whether it is for drills: it takes nothing else, and drills go through no other.
    #[serde(default)]
    pub drill: bool,
    /// Attempts submitted a second, at most.
    #[serde(default = "fifty")]
    pub rate_per_s: u32,
    /// Attempts that may go at once after a pause.
    #[serde(default = "fifty")]
    pub burst: u32,
    /// Attempts submitted and not yet answered, at most.
    #[serde(default = "hundred")]
    pub window: usize,
    /// Voice calls at one time, at most.
    #[serde(default = "thirty")]
    pub lines: usize,
    /// Attempts in one submit, at most.
    #[serde(default = "twenty")]
    pub batch_max: usize,
    /// Where attempts are posted to; only `http`.
    pub url: Option<String>,
    /// PEM certificates of the authorities that are trusted beside the system's; only `http`.
    pub ca_file: Option<PathBuf>,
    /// What signs requests and callbacks; only `http`.
    pub secret: Option<Secret>,
    /// See [`GatewaySection::timeout_ms`]; only `http`.
    pub timeout_ms: Option<u64>,
    /// See [`GatewaySection::is_idempotent`]; only `http`.
    pub idempotent: Option<bool>,
    /// See [`GatewaySection::callback_skew_s`]; only `http`.
    pub callback_skew_s: Option<u64>,
    /// The trunk; only `sip`.
    pub sip: Option<SipSection>,
    /// What its vendor has registered. With any, nothing else goes through it.
    #[serde(rename = "template", default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<TemplateSection>,
}

/// What a gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    /// Plays phones and people; reaches nobody.
    Simulator,
    /// The generic HTTP gateway.
    Http,
    /// A SIP trunk.
    Sip,
}

/// What a gateway serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayChannel {
    /// Short message.
    Sms,
    /// Voice call.
    Voice,
    /// Emergency broadcast.
    Broadcast,
}

// === impl GatewaySection, GatewayChannel ===

impl GatewaySection {
    /// Milliseconds that a submit may take; after them its attempts are unknown.
    #[must_use]
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(10_000)
    }

    /// Whether it honours the idempotency key.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent.unwrap_or(false)
    }

    /// Seconds that the time in a callback's signature may be from ours.
    #[must_use]
    pub fn callback_skew_s(&self) -> u64 {
        self.callback_skew_s.unwrap_or(300)
    }

    fn check(&self, at: &str, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.{key}");
        // The id is a label of metrics and a part of callback paths.
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let named = !self.id.is_empty() && self.id.chars().all(plain);
        faults.require(named, key("id"), "must be of lower-case letters, digits, - and _");
        faults.require(!self.channels.is_empty(), key("channels"), "must name at least one of sms, voice, broadcast");
        faults.positive(
            at,
            &[
                ("rate_per_s", self.rate_per_s.into()),
                ("burst", self.burst.into()),
                ("window", self.window as u64),
                ("lines", self.lines as u64),
                ("batch_max", self.batch_max as u64),
                ("timeout_ms", self.timeout_ms()),
                ("callback_skew_s", self.callback_skew_s()),
            ],
        );
        for (i, template) in self.templates.iter().enumerate() {
            template.check(&format!("{at}.template[{i}]"), faults);
        }
        faults.require(self.batch_max <= self.window, key("batch_max"), "must not exceed the window");
        match &self.sip {
            Some(sip) if self.kind == GatewayKind::Sip => {
                sip.check(&key("sip"), self.lines, faults);
                let voice = self.channels == [GatewayChannel::Voice];
                faults.require(voice, key("channels"), "kind sip serves voice");
            }
            Some(_) => faults.add(key("sip"), "belongs to gateways of kind sip"),
            None => faults.require(self.kind != GatewayKind::Sip, key("sip"), "kind sip needs [gateway.sip]"),
        }
        match self.kind {
            GatewayKind::Http => self.check_http(at, faults),
            GatewayKind::Simulator | GatewayKind::Sip => {
                let given = [
                    ("url", self.url.is_some()),
                    ("ca_file", self.ca_file.is_some()),
                    ("secret", self.secret.is_some()),
                    ("timeout_ms", self.timeout_ms.is_some()),
                    ("idempotent", self.idempotent.is_some()),
                    ("callback_skew_s", self.callback_skew_s.is_some()),
                ];
                for (name, _) in given.into_iter().filter(|(_, given)| *given) {
                    faults.add(key(name), "belongs to gateways of kind http");
                }
            }
        }
    }

    fn check_http(&self, at: &str, faults: &mut Faults) {
        let url = self.url.as_deref().unwrap_or_default();
        let reachable = url.starts_with("https://") || url.starts_with("http://");
        faults.require(reachable, format!("{at}.url"), "kind http needs an http:// or https:// URL");
        let tls = self.ca_file.is_none() || url.starts_with("https://");
        faults.require(tls, format!("{at}.ca_file"), "is used by https:// only");
        let signed = self.secret.as_ref().is_some_and(|secret| !secret.is_empty());
        faults.require(signed, format!("{at}.secret"), "kind http needs a secret");
    }
}

impl GatewayChannel {
    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Broadcast => "broadcast",
        }
    }
}

pub(super) fn check(gateways: &[GatewaySection], faults: &mut Faults) {
    let real = gateways.iter().any(|g| !g.drill);
    faults.require(
        real,
        "gateway",
        "without a gateway nobody can be called; those with drill = true are for drills only",
    );
    for (i, gateway) in gateways.iter().enumerate() {
        gateway.check(&format!("gateway[{i}]"), faults);
        let taken = gateways[..i].iter().any(|g| g.id == gateway.id);
        faults.require(!taken, format!("gateway[{i}].id"), "is taken by another gateway");
    }
}

fn fifty() -> u32 {
    50
}

fn hundred() -> usize {
    100
}

fn thirty() -> usize {
    30
}

fn twenty() -> usize {
    20
}
