//! `[gateway.vendor]`: a vendor's HTTP API.

use super::{GATEWAY_SECRET_MIN, GatewayChannel, GatewaySection};
use crate::config::Secret;
use crate::config::error::Faults;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a gateway of kind `vendor` needs beside the keys of all gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorSection {
    /// Whose API it is.
    pub dialect: VendorDialect,
    /// Who asks: access key id, secret id, account SID or user name.
    pub account: String,
    /// What signs the requests, or the password.
    pub key: Secret,
    /// The application's number at the vendor; Tencent.
    pub app: Option<String>,
    /// The region that requests name; Tencent.
    pub region: Option<String>,
    /// The number that calls or messages come from.
    pub sender: Option<String>,
    /// Whether the reply code of a call is put behind the sender's number.
    #[serde(default)]
    pub extension: bool,
    /// What the keys of a call lead to; Aliyun voice. With any, calls collect keys.
    #[serde(default)]
    pub menu: Vec<MenuKey>,
    /// The last part of the callback address: who does not know it is not believed.
    pub path_secret: Secret,
    /// How the vendor reaches the public listener, without the last slash.
    pub public_url: Option<String>,
    /// Addresses or networks that callbacks come from; empty: any.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Addresses or networks of our own proxies, which name the caller in X-Forwarded-For.
    #[serde(default)]
    pub proxies: Vec<String>,
}

/// Whose API a gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorDialect {
    /// Alibaba Cloud short messages (dysmsapi 2017-05-25).
    AliyunSms,
    /// Alibaba Cloud voice (dyvmsapi 2017-05-25).
    AliyunVoice,
    /// Tencent Cloud short messages (sms 2021-01-11).
    TencentSms,
    /// Tencent Cloud voice (vms 2020-09-02).
    TencentVoice,
    /// Twilio messages (2010-04-01), and what imitates them.
    TwilioSms,
    /// Twilio calls (2010-04-01), and what imitates them.
    TwilioVoice,
    /// Kannel's sendsms.
    Kannel,
}

/// A key of a call's menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuKey {
    /// The digit.
    pub key: String,
    /// The vendor's name for the template or recording that is then played.
    pub code: String,
}

/// An address or a network (`203.0.113.7`, `203.0.113.0/24`).
#[must_use]
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))
}

// === impl VendorSection, VendorDialect ===

impl VendorSection {
    pub(super) fn check(&self, at: &str, gateway: &GatewaySection, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.vendor.{key}");
        let url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        let endpoint = gateway.url.as_deref().or(self.dialect.endpoint());
        faults.require(endpoint.is_some_and(url), format!("{at}.url"), "this dialect needs an http:// or https:// URL");
        let served = gateway.channels.iter().all(|c| *c == self.dialect.channel());
        faults.require(served, format!("{at}.channels"), "the dialect serves one channel, sms or voice, and no other");
        faults.require(!self.account.trim().is_empty(), key("account"), "must not be empty");
        faults.require(!self.key.is_empty(), key("key"), "must not be empty");
        let registered = !self.dialect.sends_templates() || !gateway.templates.is_empty();
        faults.require(registered, format!("{at}.template"), "the vendor sends nothing but registered templates");
        let (app, sender) = (self.app.is_some(), self.sender.is_some());
        faults.require(app || !self.dialect.needs_app(), key("app"), "this dialect needs it");
        faults.require(sender || !self.dialect.needs_sender(), key("sender"), "this dialect needs it");
        let reached = self.public_url.as_deref().is_some_and(|u| url(u) && !u.ends_with('/'));
        let told =
            "this dialect tells the vendor where to call back: an http:// or https:// URL without the last slash";
        faults.require(reached || !self.dialect.needs_public_url(), key("public_url"), told);
        let menu = self.menu.is_empty() || (self.dialect == VendorDialect::AliyunVoice && sender);
        faults.require(menu, key("menu"), "belongs to aliyun_voice with a sender");
        if let Some(secret) = self.path_secret.here() {
            faults.require(is_path_secret(secret), key("path_secret"), PATH_SECRET);
        }
        for (list, name) in [(&self.sources, "sources"), (&self.proxies, "proxies")] {
            let good = list.iter().all(|text| network(text).is_some());
            faults.require(good, key(name), "wants addresses or networks such as 203.0.113.0/24");
        }
    }
}

impl VendorDialect {
    /// The public address of its API, where there is one.
    #[must_use]
    pub fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::AliyunSms => Some("https://dysmsapi.aliyuncs.com"),
            Self::AliyunVoice => Some("https://dyvmsapi.aliyuncs.com"),
            Self::TencentSms => Some("https://sms.tencentcloudapi.com"),
            Self::TencentVoice => Some("https://vms.tencentcloudapi.com"),
            Self::TwilioSms | Self::TwilioVoice => Some("https://api.twilio.com"),
            Self::Kannel => None,
        }
    }

    /// The one channel that it serves.
    #[must_use]
    pub fn channel(self) -> GatewayChannel {
        match self {
            Self::AliyunSms | Self::TencentSms | Self::TwilioSms | Self::Kannel => GatewayChannel::Sms,
            Self::AliyunVoice | Self::TencentVoice | Self::TwilioVoice => GatewayChannel::Voice,
        }
    }

    fn sends_templates(self) -> bool {
        matches!(self, Self::AliyunSms | Self::AliyunVoice | Self::TencentSms | Self::TencentVoice)
    }

    fn needs_app(self) -> bool {
        matches!(self, Self::TencentSms | Self::TencentVoice)
    }

    fn needs_sender(self) -> bool {
        matches!(self, Self::TwilioSms | Self::TwilioVoice)
    }

    fn needs_public_url(self) -> bool {
        matches!(self, Self::TwilioSms | Self::TwilioVoice | Self::Kannel)
    }
}

/// What a path secret must be.
pub(crate) const PATH_SECRET: &str = "wants at least 16 letters, digits, - and _";

/// Whether a text can be the secret part of a callback address.
#[must_use]
pub(crate) fn is_path_secret(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() >= GATEWAY_SECRET_MIN && text.bytes().all(plain)
}
