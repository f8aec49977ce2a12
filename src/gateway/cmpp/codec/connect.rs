//! Signing in. The secret itself never goes over the wire; each side shows by a digest that it knows it.

use super::field::{Reader, Writer};
use super::{CodecError, Version};
use md5::{Digest as _, Md5};

/// CMPP_CONNECT.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// Source_Addr: the account, six characters.
    pub source_addr: String,
    /// AuthenticatorSource.
    pub authenticator: [u8; 16],
    /// Version, the highest that the caller speaks.
    pub version: u8,
    /// Timestamp, the digits MMDDHHMMSS as a number.
    pub timestamp: u32,
}

/// CMPP_CONNECT_RESP.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectResp {
    /// Status: 0 signed in, 1 malformed, 2 no such account, 3 wrong digest, 4 version too high, 5 and above others.
    pub status: u32,
    /// AuthenticatorISMG.
    pub authenticator: [u8; 16],
    /// Version, the highest that the gateway speaks.
    pub version: u8,
    /// Whether Status has one byte, as in 2.0, and not four.
    pub short: bool,
}

// === impl Connect ===

impl Connect {
    /// For an account. `timestamp` is MMDDHHMMSS of now.
    #[must_use]
    pub fn new(account: &str, secret: &str, version: Version, timestamp: u32) -> Self {
        let authenticator = Self::authenticator(account, secret, timestamp);
        Self { source_addr: account.to_owned(), authenticator, version: version.byte(), timestamp }
    }

    /// MD5(Source_Addr + nine zero bytes + secret + Timestamp as ten digits).
    #[must_use]
    pub fn authenticator(account: &str, secret: &str, timestamp: u32) -> [u8; 16] {
        let digits = format!("{timestamp:010}");
        let parts = [account.as_bytes(), &[0; 9], secret.as_bytes(), digits.as_bytes()];
        Md5::digest(parts.concat()).into()
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            source_addr: r.text("Source_Addr", 6)?,
            authenticator: r.digest("AuthenticatorSource")?,
            version: r.u8("Version")?,
            timestamp: r.u32("Timestamp")?,
        })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.text("Source_Addr", &self.source_addr, 6);
        w.bytes(&self.authenticator);
        w.u8(self.version);
        w.u32(self.timestamp);
    }
}

// === impl ConnectResp ===

impl ConnectResp {
    /// An answer that proves knowledge of the secret. `source` is the AuthenticatorSource of the request.
    #[must_use]
    pub fn new(status: u32, source: &[u8; 16], secret: &str, version: Version) -> Self {
        let short = version != Version::V30;
        let authenticator = Self::authenticator(status, short, source, secret);
        Self { status, authenticator, version: version.byte(), short }
    }

    /// MD5(Status + AuthenticatorSource + secret), Status as wide as it goes over the wire.
    fn authenticator(status: u32, short: bool, source: &[u8; 16], secret: &str) -> [u8; 16] {
        let wide = status.to_be_bytes();
        let status = if short { &wide[3..] } else { &wide[..] };
        Md5::digest([status, source, secret.as_bytes()].concat()).into()
    }

    /// Whether who answered knows the secret. Gateways differ in how wide Status is in the digest.
    #[must_use]
    pub fn proves(&self, source: &[u8; 16], secret: &str) -> bool {
        [true, false].into_iter().any(|w| self.authenticator == Self::authenticator(self.status, w, source, secret))
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let short = match r.left() {
            18 => true,
            21 => false,
            other => return Err(r.fault("Total_Length", format!("a body of {other} bytes; wants 18 or 21"))),
        };
        let status = if short { r.u8("Status")?.into() } else { r.u32("Status")? };
        Ok(Self { status, authenticator: r.digest("AuthenticatorISMG")?, version: r.u8("Version")?, short })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.status("Status", self.status, !self.short);
        w.bytes(&self.authenticator);
        w.u8(self.version);
    }
}
