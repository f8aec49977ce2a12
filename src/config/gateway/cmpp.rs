//! `[gateway.cmpp]`: what only a gateway of kind `cmpp` needs. The protocol's own numbers are the defaults.

use crate::config::Secret;
use crate::config::error::Faults;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Digits of a sender's number (Src_Id), extension included.
pub const CMPP_NUMBER_MAX: usize = 21;

/// An account at a CMPP gateway (ISMG) and the manners of its contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CmppSection {
    /// Where the gateway listens, `host:port`; the protocol's port for long connections is 7890.
    pub address: String,
    /// The account (Source_Addr, the SP's code), six characters.
    pub account: String,
    /// The shared secret of the account.
    pub secret: Secret,
    /// Whether the gateway must prove that it knows the secret too (AuthenticatorISMG).
    #[serde(default = "yes")]
    pub verify: bool,
    /// What is spoken.
    #[serde(default)]
    pub version: CmppVersion,
    /// Our number at the carrier (Src_Id), digits.
    pub access_number: String,
    /// Whether the contract lets us put digits behind our number: a call's reply code is then part of the sender.
    #[serde(default)]
    pub extension: bool,
    /// Service_Id as the contract names it, at most ten characters.
    #[serde(default)]
    pub service_id: String,
    /// Fee_UserType: 0 the receiver pays, 1 the sender, 2 we, 3 whom `fee_terminal` names.
    #[serde(default = "two")]
    pub fee_user_type: u8,
    /// FeeType, two digits.
    #[serde(default = "fee_type")]
    pub fee_type: String,
    /// FeeCode in fen, at most six digits.
    #[serde(default = "fee_code")]
    pub fee_code: String,
    /// Fee_terminal_Id; empty unless `fee_user_type` is 3.
    #[serde(default)]
    pub fee_terminal: String,
    /// Msg_level, 0 to 9.
    #[serde(default)]
    pub level: u8,
    /// How texts are coded.
    #[serde(default)]
    pub coding: CmppCoding,
    /// Whether numbers of mainland China go out with 86 in front.
    #[serde(default)]
    pub country_code: bool,
    /// Parts of one text, at most; a longer text is refused.
    #[serde(default = "ten")]
    pub parts_max: u8,
    /// Messages submitted and not yet answered, at most (W).
    #[serde(default = "window")]
    pub window: usize,
    /// Seconds without traffic after which the line is tested (C).
    #[serde(default = "idle_test_s")]
    pub idle_test_s: u64,
    /// Milliseconds to wait for an answer (T).
    #[serde(default = "response_timeout_ms")]
    pub response_timeout_ms: u64,
    /// Tests without an answer after which the line is dropped (N).
    #[serde(default = "three")]
    pub tests_max: u32,
    /// Milliseconds for connecting and signing in.
    #[serde(default = "ten_thousand")]
    pub connect_timeout_ms: u64,
    /// Milliseconds before the first new connection; doubled up to `reconnect_max_ms`, less a random part.
    #[serde(default = "thousand")]
    pub reconnect_min_ms: u64,
    /// See `reconnect_min_ms`.
    #[serde(default = "minute_ms")]
    pub reconnect_max_ms: u64,
    /// Seconds before signing in again after the account was refused.
    #[serde(default = "five_minutes_s")]
    pub refused_retry_s: u64,
    /// Milliseconds without submits after flow control (result 8).
    #[serde(default = "thousand")]
    pub flow_pause_ms: u64,
    /// Milliseconds to wait for the other parts of a long reply.
    #[serde(default = "twenty_thousand")]
    pub join_wait_ms: u64,
    /// Results of a submit that are about our account and not about this message.
    #[serde(default = "down_results")]
    pub down_results: Vec<u32>,
    /// States of a report that say that there is no such number.
    #[serde(default = "dead_number")]
    pub dead_number: Vec<String>,
    /// Whether the gateway takes CMPP_CANCEL.
    #[serde(default)]
    pub cancel: bool,
    /// Where the numbers come from.
    #[serde(default)]
    pub source: String,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CmppVersion {
    /// 3.0, and 2.0 when the gateway says that this is too high.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// 2.0 only.
    #[serde(rename = "2.0")]
    V20,
    /// 2.1, which is 2.0 under another number.
    #[serde(rename = "2.1")]
    V21,
    /// 3.0 only.
    #[serde(rename = "3.0")]
    V30,
}

/// How texts are coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CmppCoding {
    /// Msg_Fmt 8.
    #[default]
    Ucs2,
    /// Msg_Fmt 0 for ASCII alone, 15 for what GBK can say, 8 for anything else.
    Gbk,
}

// === impl CmppSection ===

impl CmppSection {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.{key}");
        let port = self.address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        faults.require(port.is_some_and(|p| p.parse::<u16>().is_ok()), key("address"), "must be host:port");
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        faults.require(self.account.len() == 6 && plain(&self.account), key("account"), "must be of six characters");
        faults.require(!self.secret.is_empty(), key("secret"), "is missing");
        let number = &self.access_number;
        let fits = (1..=CMPP_NUMBER_MAX).contains(&number.len()) && digits(number);
        faults.require(fits, key("access_number"), "must be of 1 to 21 digits");
        let service = self.service_id.len() <= 10 && plain(&self.service_id);
        faults.require(service, key("service_id"), "must be of at most ten characters");
        faults.require(self.fee_user_type <= 3, key("fee_user_type"), "must be 0 to 3");
        faults.require(self.fee_type.len() == 2 && digits(&self.fee_type), key("fee_type"), "must be of two digits");
        let code = self.fee_code.len() <= 6 && digits(&self.fee_code);
        faults.require(code, key("fee_code"), "must be of at most six digits");
        let payer = self.fee_terminal.len() <= CMPP_NUMBER_MAX && digits(&self.fee_terminal);
        faults.require(payer, key("fee_terminal"), "must be of at most 21 digits");
        let named = (self.fee_user_type == 3) != self.fee_terminal.is_empty();
        faults.require(named, key("fee_terminal"), "belongs to fee_user_type = 3");
        faults.require(self.level <= 9, key("level"), "must be 0 to 9");
        faults.positive(
            at,
            &[
                ("parts_max", self.parts_max.into()),
                ("window", self.window as u64),
                ("idle_test_s", self.idle_test_s),
                ("response_timeout_ms", self.response_timeout_ms),
                ("tests_max", self.tests_max.into()),
                ("connect_timeout_ms", self.connect_timeout_ms),
                ("reconnect_min_ms", self.reconnect_min_ms),
                ("refused_retry_s", self.refused_retry_s),
                ("flow_pause_ms", self.flow_pause_ms),
                ("join_wait_ms", self.join_wait_ms),
            ],
        );
        let day = Duration::from_secs(86_400);
        for (name, time) in [
            ("idle_test_s", Duration::from_secs(self.idle_test_s)),
            ("response_timeout_ms", Duration::from_millis(self.response_timeout_ms)),
            ("connect_timeout_ms", Duration::from_millis(self.connect_timeout_ms)),
            ("reconnect_max_ms", Duration::from_millis(self.reconnect_max_ms)),
            ("refused_retry_s", Duration::from_secs(self.refused_retry_s)),
            ("flow_pause_ms", Duration::from_millis(self.flow_pause_ms)),
        ] {
            faults.require(time <= day, key(name), "must be at most a day");
        }
        let rising = self.reconnect_max_ms >= self.reconnect_min_ms;
        faults.require(rising, key("reconnect_max_ms"), "must not be less than reconnect_min_ms");
        // The parts that came are confirmed only with the rest; until then the gateway must not have given up.
        let patient = self.join_wait_ms < self.response_timeout_ms;
        faults.require(patient, key("join_wait_ms"), "must be less than response_timeout_ms");
        let results = self.down_results.iter().all(|result| *result != 0 && *result != 8);
        faults.require(results, key("down_results"), "must name neither 0 (taken) nor 8 (flow control)");
        let states = self.dead_number.iter().all(|s| (1..=7).contains(&s.len()) && plain(s) && s != "DELIVRD");
        faults.require(states, key("dead_number"), "must be of states with 1 to 7 characters");
    }
}

fn yes() -> bool {
    true
}

fn two() -> u8 {
    2
}

fn three() -> u32 {
    3
}

fn ten() -> u8 {
    10
}

fn window() -> usize {
    16
}

fn fee_type() -> String {
    "01".into()
}

fn fee_code() -> String {
    "0".into()
}

fn idle_test_s() -> u64 {
    180
}

fn response_timeout_ms() -> u64 {
    60_000
}

fn thousand() -> u64 {
    1_000
}

fn ten_thousand() -> u64 {
    10_000
}

fn twenty_thousand() -> u64 {
    20_000
}

fn minute_ms() -> u64 {
    60_000
}

fn five_minutes_s() -> u64 {
    300
}

fn down_results() -> Vec<u32> {
    vec![3, 5, 7, 10, 11, 12]
}

fn dead_number() -> Vec<String> {
    vec!["MK:0001".into(), "MN:0001".into()]
}
