//! `[gateway.smpp]`: what a gateway of kind `smpp` needs.

use super::super::error::Faults;
use crate::config::Secret;
use serde::{Deserialize, Serialize};

/// A short message centre that is reached by SMPP 3.4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmppSection {
    /// `HOST:PORT`.
    pub address: String,
    /// The account, 1 to 15 characters.
    pub system_id: String,
    /// Its password, at most 8 bytes (SMPP 3.4 §5.2.2).
    pub password: Secret,
    /// The kind of system that binds, when the centre wants one; at most 12 characters.
    pub system_type: String,
    /// The service of each message, when the centre wants one; at most 5 characters.
    pub service_type: String,
    /// The number that messages come from and replies go to.
    pub source: String,
    /// Type of number of `source` (SMPP 3.4 §5.2.5).
    pub source_ton: u8,
    /// Numbering plan of `source` (SMPP 3.4 §5.2.6).
    pub source_npi: u8,
    /// Whether a call's reply code is appended to `source`, so that a bare word tells what it answers.
    pub extension: bool,
    /// How the numbers of persons are written.
    pub destination: NumberForm,
    /// Type of number of persons' numbers.
    pub destination_ton: u8,
    /// Numbering plan of persons' numbers.
    pub destination_npi: u8,
    /// The calling code of the country that numbers without one belong to.
    pub country: String,
    /// How a text that is longer than one message is sent.
    pub long_text: LongText,
    /// What the centre takes `default_coding` for.
    pub default_alphabet: DefaultAlphabet,
    /// The data coding of the default alphabet.
    pub default_coding: u8,
    /// The data coding of UCS-2.
    pub ucs2_coding: u8,
    /// How the end of an attempt's time is told.
    pub validity: Validity,
    /// How receipts write the message identifier, compared with the answer to a submit.
    pub receipt_id: ReceiptId,
    /// Minutes by which the centre's local time, as its receipts have it, is ahead of UTC.
    pub utc_offset_min: i32,
    /// Milliseconds in which a request must be answered; then its fate is unknown.
    pub timeout_ms: u64,
    /// Milliseconds for opening a connection.
    pub connect_timeout_ms: u64,
    /// Seconds between two questions whether the centre is still there.
    pub enquire_link_s: u64,
    /// Milliseconds to wait after the centre said that it is asked too much.
    pub throttle_pause_ms: u64,
    /// The shortest pause before connecting again, in milliseconds.
    pub backoff_min_ms: u64,
    /// The longest pause before connecting again, in milliseconds.
    pub backoff_max_ms: u64,
    /// Seconds before signing in again after the centre refused the account or its password.
    pub refused_retry_s: u64,
}

/// How numbers are written to the centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// With the country's calling code, without a plus sign.
    International,
    /// Without the calling code of the own country.
    National,
}

/// How a text that is longer than one message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongText {
    /// Several messages, joined by a header in each (3GPP TS 23.040 §9.2.3.24.1).
    Udh,
    /// Several messages, joined by the `sar_*` parameters (SMPP 3.4 §5.3.2.22 to 24).
    Sar,
    /// One message in the parameter `message_payload` (SMPP 3.4 §5.3.2.32).
    Payload,
}

/// The alphabet behind the default data coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultAlphabet {
    /// The GSM 7-bit default alphabet, one character per octet.
    Gsm7,
    /// ISO 8859-1.
    Latin1,
}

/// How the end of an attempt's time is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// As a span (SMPP 3.4 §7.1.1.2).
    Relative,
    /// As a time, in UTC (SMPP 3.4 §7.1.1.1).
    Absolute,
    /// Not at all: the centre's own default holds.
    None,
}

/// How receipts write the identifier that the answer to the submit gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptId {
    /// In the same way.
    Same,
    /// In decimal digits; the answer had it in hexadecimal ones.
    Decimal,
    /// In hexadecimal digits; the answer had it in decimal ones.
    Hex,
}

// === impl SmppSection ===

impl SmppSection {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.{key}");
        let port = self.address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let reachable = port.is_some_and(|(host, port)| !host.is_empty() && port > 0);
        faults.require(reachable, key("address"), "must be HOST:PORT");
        let texts = [
            ("system_id", &self.system_id, 1, 15),
            ("system_type", &self.system_type, 0, 12),
            ("service_type", &self.service_type, 0, 5),
        ];
        for (name, text, min, max) in texts {
            let fits = (min..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
            faults.require(fits, key(name), &format!("must have {min} to {max} printable ASCII characters"));
        }
        let secret = self.password.here().is_none_or(|p| p.len() <= 8 && p.is_ascii());
        faults.require(secret, key("password"), "must have at most 8 ASCII characters");
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let source = digits(&self.source) && self.source.len() <= 20;
        faults.require(source, key("source"), "must be of 1 to 20 digits");
        let country = digits(&self.country) && self.country.len() <= 3 && !self.country.starts_with('0');
        faults.require(country, key("country"), "must be a calling code of 1 to 3 digits");
        let apart = self.default_coding != self.ucs2_coding;
        faults.require(apart, key("ucs2_coding"), "must differ from default_coding");
        let offset = self.utc_offset_min.abs() <= 14 * 60;
        faults.require(offset, key("utc_offset_min"), "must be within 14 hours of UTC");
        faults.positive(
            at,
            &[
                ("timeout_ms", self.timeout_ms),
                ("connect_timeout_ms", self.connect_timeout_ms),
                ("enquire_link_s", self.enquire_link_s),
                ("backoff_min_ms", self.backoff_min_ms),
                ("refused_retry_s", self.refused_retry_s),
            ],
        );
        let grows = self.backoff_max_ms >= self.backoff_min_ms;
        faults.require(grows, key("backoff_max_ms"), "must not be below backoff_min_ms");
    }
}

impl Default for SmppSection {
    fn default() -> Self {
        Self {
            address: String::new(),
            system_id: String::new(),
            password: Secret::new(""),
            system_type: String::new(),
            service_type: String::new(),
            source: String::new(),
            source_ton: 0,
            source_npi: 1,
            extension: false,
            destination: NumberForm::International,
            destination_ton: 1,
            destination_npi: 1,
            country: "86".into(),
            long_text: LongText::Udh,
            default_alphabet: DefaultAlphabet::Gsm7,
            default_coding: 0,
            ucs2_coding: 8,
            validity: Validity::Relative,
            receipt_id: ReceiptId::Same,
            utc_offset_min: 480,
            timeout_ms: 10_000,
            connect_timeout_ms: 5_000,
            enquire_link_s: 30,
            throttle_pause_ms: 1_000,
            backoff_min_ms: 500,
            backoff_max_ms: 30_000,
            refused_retry_s: 60,
        }
    }
}
