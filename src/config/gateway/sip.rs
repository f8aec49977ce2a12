//! `[gateway.sip]`: a voice trunk that the engine itself places calls on.

use super::Faults;
use crate::config::Secret;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// A SIP trunk, and where the words of calls come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipSection {
    /// The other side: `host:port`, over UDP.
    pub trunk: String,
    /// Address and port that SIP is spoken from and taken on; `0.0.0.0` for the address that leads to the trunk.
    #[serde(default = "local")]
    pub local: SocketAddr,
    /// The address that the trunk sees, when it is another than the local one.
    pub public: Option<IpAddr>,
    /// Addresses that requests and keys are taken from beside the trunk's.
    #[serde(default)]
    pub peers: Vec<IpAddr>,
    /// The calling number, as the trunk wants it.
    pub caller: String,
    /// The domain in addresses; the trunk's host when left out.
    pub domain: Option<String>,
    /// User name of the digest authentication.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Cut off from the beginning of numbers.
    #[serde(default)]
    pub number_strip: String,
    /// Put in front of numbers.
    #[serde(default)]
    pub number_prefix: String,
    /// The first UDP port of media.
    #[serde(default = "rtp_port_min")]
    pub rtp_port_min: u16,
    /// The last one.
    #[serde(default = "rtp_port_max")]
    pub rtp_port_max: u16,
    /// Calls back that are taken at one time, beside `lines`; 0 for none.
    #[serde(default = "back_lines")]
    pub back_lines: usize,
    /// Addresses that calls back are taken from; the trunk's and `peers` when left out.
    #[serde(default)]
    pub back_peers: Vec<IpAddr>,
    /// Whether only a number counts that the trunk vouches for (`P-Asserted-Identity`), and none in `From`.
    #[serde(default)]
    pub back_asserted_only: bool,
    /// What somebody hears who calls back and has nothing to answer.
    #[serde(default = "back_words")]
    pub back_words: String,
    /// Milliseconds in which the trunk must say something to a call or a ping.
    #[serde(default = "first_answer_ms")]
    pub first_answer_ms: u64,
    /// Seconds that a phone rings.
    #[serde(default = "ring_s")]
    pub ring_s: u64,
    /// Seconds that a key is waited for after the last words.
    #[serde(default = "key_wait_s")]
    pub key_wait_s: u64,
    /// Seconds after which a call ends, whatever is being said.
    #[serde(default = "call_max_s")]
    pub call_max_s: u64,
    /// Seconds between two OPTIONS to the trunk; 0 for none.
    #[serde(default = "ping_s")]
    pub ping_s: u64,
    /// What makes speech from text.
    #[serde(default)]
    pub tts: Tts,
    /// The command of `tts = "command"`, with its arguments.
    #[serde(default)]
    pub tts_command: Vec<String>,
    /// Milliseconds that one text may take.
    #[serde(default = "tts_timeout_ms")]
    pub tts_timeout_ms: u64,
    /// Texts that are made into speech at one time.
    #[serde(default = "tts_parallel")]
    pub tts_parallel: usize,
    /// Folder of recordings (WAV).
    pub recordings: Option<PathBuf>,
    /// Bytes of speech that are kept in memory, one second is 8,000.
    #[serde(default = "cache_bytes_max")]
    pub cache_bytes_max: u64,
    /// Folder in which speech is kept over restarts.
    pub cache_dir: Option<PathBuf>,
    /// Bytes of speech that are kept there.
    #[serde(default = "cache_dir_bytes_max")]
    pub cache_dir_bytes_max: u64,
}

/// What makes speech from text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tts {
    /// The program `espeak-ng`.
    #[default]
    EspeakNg,
    /// A command of one's own.
    Command,
    /// Nothing: every text is a recording.
    Files,
}

// === impl SipSection ===

impl SipSection {
    pub(super) fn check(&self, at: &str, lines: usize, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.{key}");
        let at_port = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0);
        let reachable = self.trunk.rsplit_once(':').is_some_and(at_port);
        faults.require(reachable, key("trunk"), "must be host:port");
        faults.require(!self.local.ip().is_multicast(), key("local"), "must be an address of this machine");
        let dialled = |c: char| c.is_ascii_alphanumeric() || "+*#-._".contains(c);
        let plain = |text: &str| text.chars().all(dialled);
        faults.require(!self.caller.is_empty() && plain(&self.caller), key("caller"), "must be a number or a name");
        faults.require(plain(&self.number_strip), key("number_strip"), "must be the beginning of numbers");
        faults.require(plain(&self.number_prefix), key("number_prefix"), "must be the beginning of numbers");
        let host =
            |text: &String| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
        faults.require(self.domain.as_ref().is_none_or(host), key("domain"), "must be a host's name or address");
        let whole = self.user.is_some() == self.password.is_some();
        faults.require(whole, key("user"), "and password are given both or not at all");
        faults.positive(
            at,
            &[
                ("first_answer_ms", self.first_answer_ms),
                ("ring_s", self.ring_s),
                ("key_wait_s", self.key_wait_s),
                ("call_max_s", self.call_max_s),
                ("tts_timeout_ms", self.tts_timeout_ms),
                ("tts_parallel", self.tts_parallel as u64),
            ],
        );
        // Each line takes an even port.
        let ports = usize::from(self.rtp_port_max.saturating_sub(self.rtp_port_min)) / 2;
        let enough = self.rtp_port_min >= 1024 && ports >= lines.saturating_add(self.back_lines);
        let wanted = "must leave two ports above rtp_port_min for each of lines and back_lines";
        faults.require(enough, key("rtp_port_max"), wanted);
        faults.require(!self.back_words.trim().is_empty(), key("back_words"), "must be words");
        let command = !self.tts_command.is_empty();
        match self.tts {
            Tts::Command => {
                let named = |what: &str| self.tts_command.iter().any(|part| part.contains(what));
                let whole = command && named("{text_file}") && named("{out_file}");
                faults.require(whole, key("tts_command"), "must name {text_file} and {out_file}");
            }
            Tts::EspeakNg | Tts::Files => {
                faults.require(!command, key("tts_command"), "belongs to tts = \"command\"");
            }
        }
        let recorded = self.tts != Tts::Files || self.recordings.is_some();
        faults.require(recorded, key("recordings"), "tts = \"files\" needs a folder of recordings");
    }
}

fn local() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5060)
}

fn rtp_port_min() -> u16 {
    40_000
}

fn rtp_port_max() -> u16 {
    40_999
}

fn back_lines() -> usize {
    4
}

fn back_words() -> String {
    "您好，这里是预警叫应电话。目前没有需要您应答的叫应。".into()
}

fn first_answer_ms() -> u64 {
    5_000
}

fn ring_s() -> u64 {
    45
}

fn key_wait_s() -> u64 {
    8
}

fn call_max_s() -> u64 {
    300
}

fn ping_s() -> u64 {
    30
}

fn tts_timeout_ms() -> u64 {
    10_000
}

fn tts_parallel() -> usize {
    2
}

fn cache_bytes_max() -> u64 {
    64 << 20
}

fn cache_dir_bytes_max() -> u64 {
    256 << 20
}
