//! `[[gateway]]`: the ways to reach people. What a protocol alone needs is a table of its own within, and a file here.

mod canary;
mod cmpp;
mod ebd;
mod mqtt;
mod sip;
mod smpp;
mod vendor;

pub use canary::{CanaryProof, CanarySection};
pub use cmpp::{CMPP_NUMBER_MAX, CmppCoding, CmppSection, CmppVersion};
pub use ebd::{EbdSection, EbdSignature, PostAs};
pub use mqtt::{MqttSection, OfflineSpeaker, SPEAKER};
pub use sip::{SipSection, Tts};
pub use smpp::{DefaultAlphabet, LongText, NumberForm, ReceiptId, SmppSection, Validity};
pub use vendor::{MenuKey, VendorDialect, VendorSection, network};
pub(crate) use vendor::{PATH_SECRET, is_path_secret};

use super::error::Faults;
use super::{Carrier, Secret, TemplateSection};
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
    /// Lower ones first; the others take what these have no room for.
    #[serde(default = "one")]
    pub priority: u32,
    /// Its share among the gateways of its priority.
    #[serde(default = "hundred_parts")]
    pub weight: u32,
    /// Names of the carriers whose numbers it takes; empty: all.
    #[serde(default)]
    pub carriers: Vec<String>,
    /// Codes of the command regions that it serves, with all below; empty: all.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Seconds after which it counts as silent while others tell; 0: never.
    #[serde(default = "quarter_hour")]
    pub silent_s: u64,
    /// Where attempts are posted to; only `http`, and `vendor` where it is not the vendor's public address.
    pub url: Option<String>,
    /// PEM certificates of the authorities that are trusted beside the system's; `http` and `vendor`.
    pub ca_file: Option<PathBuf>,
    /// What signs requests and callbacks; only `http`.
    pub secret: Option<Secret>,
    /// See [`GatewaySection::timeout_ms`]; `http` and `vendor`.
    pub timeout_ms: Option<u64>,
    /// See [`GatewaySection::is_idempotent`]; only `http`.
    pub idempotent: Option<bool>,
    /// See [`GatewaySection::callback_skew_s`]; only `http`.
    pub callback_skew_s: Option<u64>,
    /// What it is tried with before it is needed.
    pub canary: Option<CanarySection>,
    /// The account at a CMPP gateway; only `cmpp`.
    pub cmpp: Option<CmppSection>,
    /// What kind `smpp` needs, and no other.
    pub smpp: Option<SmppSection>,
    /// The emergency broadcast platform; only `ebd`.
    pub ebd: Option<EbdSection>,
    /// The broker of loudspeakers; only `mqtt`.
    pub mqtt: Option<MqttSection>,
    /// The trunk; only `sip`.
    pub sip: Option<SipSection>,
    /// What its vendor has registered. With any, nothing else goes through it.
    #[serde(rename = "template", default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<TemplateSection>,
    /// The vendor's API; only `vendor`.
    pub vendor: Option<Box<VendorSection>>,
}

/// What a gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    /// Plays phones and people; reaches nobody.
    Simulator,
    /// The generic HTTP gateway.
    Http,
    /// China Mobile's CMPP, 3.0 or 2.0.
    Cmpp,
    /// A short message centre that speaks SMPP 3.4.
    Smpp,
    /// A vendor's HTTP API.
    Vendor,
    /// An emergency broadcast platform (GD/J 082).
    Ebd,
    /// Loudspeakers behind an MQTT broker.
    Mqtt,
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
                ("weight", self.weight.into()),
            ],
        );
        faults.require(self.weight <= 10_000, key("weight"), "must be 1 to 10000");
        for region in &self.regions {
            let level = [2, 4, 6, 9, 12].contains(&region.len());
            let digits = region.bytes().all(|b| b.is_ascii_digit());
            faults.require(level && digits, key("regions"), "must be codes of 2, 4, 6, 9 or 12 digits");
        }
        if let Some(canary) = &self.canary {
            canary.check(at, faults);
            let rings = !self.channels.contains(&GatewayChannel::Broadcast) || self.channels.len() > 1;
            faults.require(rings, key("canary"), "a loudspeaker answers nothing by itself");
        }
        for (i, template) in self.templates.iter().enumerate() {
            template.check(&format!("{at}.template[{i}]"), faults);
        }
        faults.require(self.batch_max <= self.window, key("batch_max"), "must not exceed the window");
        let speaks = self.kind == GatewayKind::Cmpp;
        faults.require(self.cmpp.is_none() || speaks, key("cmpp"), "belongs to gateways of kind cmpp");
        if speaks {
            self.check_cmpp(at, faults);
        }
        self.check_smpp(at, faults);
        let alien = self.vendor.is_some() && self.kind != GatewayKind::Vendor;
        faults.require(!alien, key("vendor"), "belongs to gateways of kind vendor");
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
            GatewayKind::Vendor => self.check_vendor(at, faults),
            GatewayKind::Simulator
            | GatewayKind::Cmpp
            | GatewayKind::Ebd
            | GatewayKind::Mqtt
            | GatewayKind::Sip
            | GatewayKind::Smpp => {
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
        self.check_broadcast(at, faults);
    }

    fn check_broadcast(&self, at: &str, faults: &mut Faults) {
        let kinds = [(GatewayKind::Ebd, "ebd", self.ebd.is_some()), (GatewayKind::Mqtt, "mqtt", self.mqtt.is_some())];
        for (kind, name, given) in kinds {
            let key = format!("{at}.{name}");
            if self.kind == kind {
                faults.require(given, key, "kind needs a table of this name");
                let only = self.channels == [GatewayChannel::Broadcast];
                faults.require(only, format!("{at}.channels"), "loudspeakers serve broadcast only");
            } else {
                faults.require(!given, key, "belongs to gateways of the kind of its name");
            }
        }
        if let Some(ebd) = &self.ebd {
            ebd.check(&format!("{at}.ebd"), faults);
        }
        if let Some(mqtt) = &self.mqtt {
            mqtt.check(&format!("{at}.mqtt"), faults);
        }
    }

    fn check_smpp(&self, at: &str, faults: &mut Faults) {
        let of_kind = self.kind == GatewayKind::Smpp;
        match &self.smpp {
            Some(smpp) if of_kind => smpp.check(&format!("{at}.smpp"), faults),
            Some(_) => faults.add(format!("{at}.smpp"), "belongs to gateways of kind smpp"),
            None => faults.require(!of_kind, format!("{at}.smpp"), "kind smpp needs this table"),
        }
        let sms = !of_kind || self.channels.iter().all(|c| *c == GatewayChannel::Sms);
        faults.require(sms, format!("{at}.channels"), "kind smpp serves sms only");
    }

    fn check_vendor(&self, at: &str, faults: &mut Faults) {
        let given = [
            ("secret", self.secret.is_some()),
            ("idempotent", self.idempotent.is_some()),
            ("callback_skew_s", self.callback_skew_s.is_some()),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            faults.add(format!("{at}.{name}"), "belongs to gateways of kind http");
        }
        match &self.vendor {
            Some(vendor) => vendor.check(at, self, faults),
            None => faults.add(format!("{at}.vendor"), "kind vendor needs this table"),
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

    fn check_cmpp(&self, at: &str, faults: &mut Faults) {
        let sms = self.channels.iter().all(|channel| *channel == GatewayChannel::Sms);
        faults.require(sms, format!("{at}.channels"), "kind cmpp serves sms only");
        match &self.cmpp {
            Some(cmpp) => cmpp.check(&format!("{at}.cmpp"), faults),
            None => faults.add(at, "kind cmpp needs a table [gateway.cmpp]"),
        }
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

pub(super) fn check(gateways: &[GatewaySection], carriers: &[Carrier], faults: &mut Faults) {
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
        let known = gateway.carriers.iter().all(|name| carriers.iter().any(|c| c.name == *name));
        faults.require(known, format!("gateway[{i}].carriers"), "must name [[carrier]] sections");
    }
}

fn one() -> u32 {
    1
}

fn hundred_parts() -> u32 {
    100
}

fn quarter_hour() -> u64 {
    900
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
