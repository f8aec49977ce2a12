//! `[gateway.mqtt]`: loudspeakers behind an MQTT broker.

use super::super::Secret;
use super::super::error::Faults;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What stands for the speaker's address in a topic.
pub const SPEAKER: &str = "{speaker}";

/// A broker that loudspeakers are connected to. It must speak MQTT 5; the speakers need not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSection {
    /// `mqtt://HOST[:PORT]`, or `mqtts://` with TLS.
    pub url: String,
    /// `mqtts`: file of PEM certificates of the authorities that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name of the session at the broker, by default `jiaoying-` and the gateway's id.
    pub client_id: Option<String>,
    /// Signs in.
    pub username: Option<String>,
    /// Signs in.
    pub password: Option<Secret>,
    /// Where a speaker takes commands, with `{speaker}` for its address.
    #[serde(default = "command_topic")]
    pub command_topic: String,
    /// Where a speaker tells what becomes of commands.
    #[serde(default = "state_topic")]
    pub state_topic: String,
    /// Where a speaker, and its last will, tells whether it is there; retained.
    #[serde(default = "status_topic")]
    pub status_topic: String,
    /// Where all speakers listen.
    #[serde(default = "all_topic")]
    pub all_topic: String,
    /// What becomes of an attempt to a speaker that is offline.
    #[serde(default)]
    pub offline: OfflineSpeaker,
    /// How often a speaker shall say the words.
    #[serde(default = "three")]
    pub repeat: u32,
    /// Whether the speakers promise that a key that comes twice is played once.
    #[serde(default)]
    pub idempotent: bool,
    /// Milliseconds in which the broker must acknowledge a command.
    #[serde(default = "ten_thousand")]
    pub timeout_ms: u64,
    /// Seconds of silence after which the wire is probed.
    #[serde(default = "thirty")]
    pub keep_alive_s: u16,
    /// Seconds that the broker shall keep what speakers tell while this side is away.
    #[serde(default = "day")]
    pub session_expiry_s: u32,
    /// Bytes of a message, either way.
    #[serde(default = "message_max_bytes")]
    pub message_max_bytes: u32,
    /// The pause before connecting again grows from this one.
    #[serde(default = "backoff_min_ms")]
    pub backoff_min_ms: u64,
    /// And to this one.
    #[serde(default = "ten_thousand")]
    pub backoff_max_ms: u64,
}

/// What becomes of an attempt to a speaker whose last word was that it is offline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineSpeaker {
    /// It fails at once and nothing is published: the ladder goes on.
    #[default]
    Fail,
    /// It is left with the broker until it is no longer valid.
    Queue,
}

// === impl MqttSection ===

impl MqttSection {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.{key}");
        let url = reqwest::Url::parse(&self.url).ok();
        let scheme = url.as_ref().map_or("", |u| u.scheme());
        let host = url.as_ref().and_then(|u| u.host_str()).is_some_and(|h| !h.is_empty());
        faults.require(
            host && matches!(scheme, "mqtt" | "mqtts"),
            key("url"),
            "wants mqtt://HOST[:PORT] or mqtts://HOST[:PORT]",
        );
        let bare = url.as_ref().is_none_or(|u| u.username().is_empty() && u.password().is_none());
        faults.require(bare, key("url"), "must not hold credentials; they are username and password");
        faults.require(self.ca_file.is_none() || scheme == "mqtts", key("ca_file"), "is used by mqtts:// only");
        let pair = self.username.is_some() || self.password.is_none();
        faults.require(pair, key("password"), "wants a username too");
        for (name, topic) in [
            ("command_topic", &self.command_topic),
            ("state_topic", &self.state_topic),
            ("status_topic", &self.status_topic),
        ] {
            let levels = topic.split('/').filter(|level| *level == SPEAKER).count();
            let once = levels == 1 && topic.matches(['{', '}']).count() == 2;
            faults.require(once, key(name), "wants {speaker} as one whole level");
        }
        faults.require(!self.all_topic.contains(['{', '}']), key("all_topic"), "is one topic for all speakers");
        let topics = [&self.command_topic, &self.state_topic, &self.status_topic, &self.all_topic];
        for (name, topic) in ["command_topic", "state_topic", "status_topic", "all_topic"].iter().zip(topics) {
            let plain = !topic.is_empty() && !topic.contains(['+', '#', '\0']);
            faults.require(plain, key(name), "must be a topic without + and #");
            let alone = topics.iter().filter(|other| **other == topic).count() == 1;
            faults.require(alone, key(name), "is also the topic of something else");
        }
        faults.positive(
            at,
            &[
                ("repeat", self.repeat.into()),
                ("timeout_ms", self.timeout_ms),
                ("session_expiry_s", self.session_expiry_s.into()),
                ("backoff_min_ms", self.backoff_min_ms),
            ],
        );
        faults.require(self.keep_alive_s >= 5, key("keep_alive_s"), "must be at least 5");
        faults.require(self.message_max_bytes >= 1024, key("message_max_bytes"), "must be at least 1024");
        let grows = self.backoff_max_ms >= self.backoff_min_ms;
        faults.require(grows, key("backoff_max_ms"), "must not be below backoff_min_ms");
    }
}

fn command_topic() -> String {
    format!("jiaoying/{SPEAKER}/cmd")
}

fn state_topic() -> String {
    format!("jiaoying/{SPEAKER}/state")
}

fn status_topic() -> String {
    format!("jiaoying/{SPEAKER}/status")
}

fn all_topic() -> String {
    "jiaoying/all".to_owned()
}

fn three() -> u32 {
    3
}

fn thirty() -> u16 {
    30
}

fn backoff_min_ms() -> u64 {
    100
}

fn ten_thousand() -> u64 {
    10_000
}

fn day() -> u32 {
    86_400
}

fn message_max_bytes() -> u32 {
    65_536
}
