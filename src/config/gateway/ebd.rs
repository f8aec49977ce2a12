//! `[gateway.ebd]`: an emergency broadcast platform that takes packages (EBD) by HTTP.

use super::super::Secret;
use super::super::error::Faults;
use super::GATEWAY_SECRET_MIN;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Digits of the code of a platform (EBRID).
const EBRID_DIGITS: usize = 18;

/// An emergency broadcast platform. What GD/J 082 leaves to the two sides, or what its implementations differ in,
/// is a key here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EbdSection {
    /// Where packages are posted to.
    pub url: String,
    /// `https`: file of PEM certificates of authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Our code (EBRID), 18 digits: the source of packages, the begin of message identifiers.
    pub source: String,
    /// The other side's code, 18 digits.
    pub destination: String,
    /// What its packages must be posted with, as the last part of our address.
    pub token: Option<Secret>,
    /// How a package is posted.
    #[serde(default)]
    pub post_as: PostAs,
    /// How packages are signed, both ways.
    #[serde(default)]
    pub signature: EbdSignature,
    /// The shared secret of `hmac_sha256`.
    pub secret: Option<Secret>,
    /// Who issues messages (SenderName).
    pub sender_name: String,
    /// The code of who issues messages (SenderCode).
    pub sender_code: String,
    /// The event code (EventType) of every message: an attempt does not say its hazard.
    #[serde(default = "event_type")]
    pub event_type: String,
    /// The severity codes of red, orange, yellow and blue.
    #[serde(default = "severity_codes")]
    pub severity_codes: [String; 4],
    /// Where message identifiers and open messages are remembered.
    pub state_file: PathBuf,
    /// The sequence numbers of a day's messages, first and last.
    #[serde(default = "sequence")]
    pub sequence: [u16; 2],
    /// Result codes that mean taken. The first is ours to say so.
    #[serde(default = "accepted_codes")]
    pub accepted_codes: Vec<String>,
    /// The result code that we refuse with.
    #[serde(default = "refused_code")]
    pub refused_code: String,
    /// State codes (BrdStateCode) that say nothing yet.
    #[serde(default = "pending_codes")]
    pub pending_codes: Vec<String>,
    /// State codes that mean: it waits for its time.
    #[serde(default = "waiting_codes")]
    pub waiting_codes: Vec<String>,
    /// State codes that mean: it is being played.
    #[serde(default = "playing_codes")]
    pub playing_codes: Vec<String>,
    /// State codes that mean: it was played.
    #[serde(default = "played_codes")]
    pub played_codes: Vec<String>,
    /// State codes that mean: it was not played, or not as asked.
    #[serde(default = "failed_codes")]
    pub failed_codes: Vec<String>,
    /// State codes that mean: it was cancelled.
    #[serde(default = "cancelled_codes")]
    pub cancelled_codes: Vec<String>,
    /// Percent of the area that must have been covered for played to count as played.
    #[serde(default = "coverage_min_percent")]
    pub coverage_min_percent: u8,
    /// Milliseconds from the begin of a request to its answer.
    #[serde(default = "ten_thousand")]
    pub timeout_ms: u64,
    /// Seconds between questions about open messages; 0: the platform tells of its own accord.
    #[serde(default = "twenty")]
    pub poll_s: u64,
    /// Questions about one message, at most.
    #[serde(default = "polls_max")]
    pub polls_max: u32,
    /// Seconds between heartbeats; 0: none are sent.
    #[serde(default = "sixty")]
    pub heartbeat_s: u64,
    /// Seconds without a word after which the platform counts as offline.
    #[serde(default = "three_hundred")]
    pub offline_after_s: u64,
    /// Bytes of a package that are read.
    #[serde(default = "package_max_bytes")]
    pub package_max_bytes: usize,
}

/// How a package is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostAs {
    /// As the file of a form (multipart/form-data).
    #[default]
    Form,
    /// As the body.
    Body,
}

/// How packages are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EbdSignature {
    /// The signature's value is empty; the token says who posts.
    #[default]
    None,
    /// HMAC-SHA-256 of the business data with a shared secret, in Base64. Outside the standard.
    HmacSha256,
}

// === impl EbdSection ===

impl EbdSection {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.{key}");
        let url = reqwest::Url::parse(&self.url).ok();
        let http = url.as_ref().is_some_and(|u| matches!(u.scheme(), "http" | "https") && u.password().is_none());
        faults.require(http, key("url"), "wants an http:// or https:// URL without credentials");
        let tls = self.ca_file.is_none() || self.url.starts_with("https://");
        faults.require(tls, key("ca_file"), "is used by https:// only");
        for (name, code) in [("source", &self.source), ("destination", &self.destination)] {
            let digits = code.len() == EBRID_DIGITS && code.bytes().all(|b| b.is_ascii_digit());
            faults.require(digits, key(name), "wants a code of 18 digits");
        }
        // What stands in the configuration is judged here, what is kept elsewhere when the gateway is opened.
        let long = |secret: &Option<Secret>| match secret {
            Some(secret) => secret.here().is_none_or(|s| s.len() >= GATEWAY_SECRET_MIN),
            None => false,
        };
        match self.signature {
            EbdSignature::None => {
                let why = "without a signature nothing else says who posts; wants at least 16 letters or digits";
                faults.require(long(&self.token), key("token"), why);
                faults.require(self.secret.is_none(), key("secret"), "is used by signature = \"hmac_sha256\" only");
            }
            EbdSignature::HmacSha256 => {
                faults.require(long(&self.secret), key("secret"), "hmac_sha256 wants at least 16 bytes");
            }
        }
        faults.require(!self.sender_name.is_empty(), key("sender_name"), "must not be empty");
        faults.require(!self.state_file.as_os_str().is_empty(), key("state_file"), "must name a file");
        let [first, last] = self.sequence;
        faults.require(first < last && last <= 9999, key("sequence"), "wants first and last, within 0 to 9999");
        faults.require(!self.accepted_codes.is_empty(), key("accepted_codes"), "must name at least one code");
        let mut seen = Vec::new();
        for (name, codes) in self.codes() {
            let new = codes.iter().all(|c| !seen.contains(&c));
            faults.require(new, key(name), "holds a code that means something else too");
            seen.extend(codes);
        }
        faults.require(self.coverage_min_percent <= 100, key("coverage_min_percent"), "must be 0 to 100");
        faults.positive(at, &[("timeout_ms", self.timeout_ms), ("offline_after_s", self.offline_after_s)]);
        faults.require(self.package_max_bytes >= 4096, key("package_max_bytes"), "must be at least 4096");
    }

    fn codes(&self) -> [(&'static str, &[String]); 6] {
        [
            ("pending_codes", &self.pending_codes),
            ("waiting_codes", &self.waiting_codes),
            ("playing_codes", &self.playing_codes),
            ("played_codes", &self.played_codes),
            ("failed_codes", &self.failed_codes),
            ("cancelled_codes", &self.cancelled_codes),
        ]
    }
}

fn list(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|c| (*c).to_owned()).collect()
}

fn event_type() -> String {
    "00000".to_owned()
}

fn severity_codes() -> [String; 4] {
    ["1", "2", "3", "4"].map(str::to_owned)
}

fn sequence() -> [u16; 2] {
    [0, 9999]
}

fn accepted_codes() -> Vec<String> {
    list(&["1", "0"])
}

fn refused_code() -> String {
    "5".to_owned()
}

fn pending_codes() -> Vec<String> {
    list(&["0"])
}

fn waiting_codes() -> Vec<String> {
    list(&["1"])
}

fn playing_codes() -> Vec<String> {
    list(&["2"])
}

fn played_codes() -> Vec<String> {
    list(&["3"])
}

fn failed_codes() -> Vec<String> {
    list(&["4"])
}

fn cancelled_codes() -> Vec<String> {
    list(&["5"])
}

fn coverage_min_percent() -> u8 {
    90
}

fn ten_thousand() -> u64 {
    10_000
}

fn twenty() -> u64 {
    20
}

fn polls_max() -> u32 {
    180
}

fn sixty() -> u64 {
    60
}

fn three_hundred() -> u64 {
    300
}

fn package_max_bytes() -> usize {
    4 << 20
}
