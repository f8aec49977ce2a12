//! Vendors' HTTP APIs: one signed client and one callback route; what a vendor wants is a dialect of pure functions.
//!
//! - **Here:** the client, the signatures, the dialects, the callback route behind its secret path.
//! - **Not here:** pacing, retries and failover (`dispatch`), what a callback means (`engine`), which words a
//!   vendor has registered (`config`, `model`).
//! - **Depends on:** `model`, `config`, the traits of `gateway`.
//! - **Promises:** one fact per attempt, in order, within the configured time; nothing but the vendor's own word
//!   for success counts as taken; what may have been taken is `Unknown`. Callbacks are confirmed only after
//!   [`Upcalls::take`](super::Upcalls::take). `docs/GATEWAY-VENDOR.md` tells what each vendor is told and asked.

pub mod acs3;
mod aliyun;
mod callbacks;
mod client;
mod dialect;
mod kannel;
mod references;
mod request;
mod signer;
mod sources;
pub mod tc3;
mod tencent;
mod twilio;
mod twiml;
pub mod webhook;

use super::http::Secret;
use super::inbox::Inbox;
use super::{CallbackLimits, Door, Opened, channels_of};
use crate::config::{GatewaySection, MenuKey, PATH_SECRET, VendorDialect, authorities, is_path_secret, network};
use crate::model::{Channel, GatewayId};
use aliyun::Aliyun;
use callbacks::Callbacks;
use dialect::Dialect;
use kannel::Kannel;
use references::References;
use sources::Sources;
use std::sync::Arc;
use tencent::Tencent;
use twilio::Twilio;

pub use client::VendorGateway;
pub use request::{Request, encode};

/// A section with its secrets.
#[derive(Clone)]
struct Settings {
    id: GatewayId,
    dialect: VendorDialect,
    channels: Vec<Channel>,
    url: String,
    ca_pem: Option<String>,
    timeout_ms: u64,
    batch_max: usize,
    account: String,
    key: Secret,
    app: Option<String>,
    region: Option<String>,
    sender: Option<String>,
    extension: bool,
    menu: Vec<MenuKey>,
    path_secret: Secret,
    public_url: Option<String>,
}

/// Opens a gateway of kind `vendor` with its callback route.
pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Opened, String> {
    let settings = Settings::of(section)?;
    let dialect = settings.speaker();
    let references = Arc::new(References::new());
    let gateway = VendorGateway::new(&settings, dialect.clone(), references.clone(), door.clock.clone())?;
    let vendor = section.vendor.as_ref().ok_or("vendor is missing")?;
    let networks = |list: &[String]| list.iter().filter_map(|text| network(text)).collect();
    let callbacks = Callbacks {
        inbox: Inbox { id: settings.id, sink: door.upcalls.clone(), limits: CallbackLimits::default() },
        path_secret: settings.path_secret,
        sources: Sources { allowed: networks(&vendor.sources), proxies: networks(&vendor.proxies) },
        dialect,
        references,
    };
    Ok(Opened { gateway: Arc::new(gateway), callbacks: callbacks.route() })
}

/// How many events a callback to a gateway of this section tells, and how many of its elements cannot be read; its
/// path and signature aside. For tests with bytes of any kind.
///
/// # Errors
/// Why the section cannot be used, or nothing can be read of the callback.
pub fn count_events(section: &GatewaySection, query: &[u8], body: &[u8]) -> Result<(usize, usize), String> {
    let dialect = Settings::of(section)?.speaker();
    callbacks::count(dialect.as_ref(), query, body, CallbackLimits::default().events_max)
}

// === impl Settings ===

impl Settings {
    fn of(section: &GatewaySection) -> Result<Self, String> {
        let vendor = section.vendor.as_deref().ok_or("vendor is missing")?;
        let ca_pem = section.ca_file.as_deref().map(authorities).transpose().map_err(|e| format!("ca_file: {e}"))?;
        let url = section.url.clone().or(vendor.dialect.endpoint().map(str::to_owned)).ok_or("url is missing")?;
        let path_secret = vendor.path_secret.reveal().map_err(|e| format!("vendor.path_secret: {e}"))?;
        if !is_path_secret(&path_secret) {
            return Err(format!("vendor.path_secret: {PATH_SECRET}"));
        }
        Ok(Self {
            id: section.id.as_str().into(),
            dialect: vendor.dialect,
            channels: channels_of(section),
            url,
            ca_pem,
            timeout_ms: section.timeout_ms(),
            batch_max: section.batch_max,
            account: vendor.account.clone(),
            key: vendor.key.reveal().map_err(|e| format!("vendor.key: {e}"))?.as_str().into(),
            app: vendor.app.clone(),
            region: vendor.region.clone(),
            sender: vendor.sender.clone(),
            extension: vendor.extension,
            menu: vendor.menu.clone(),
            path_secret: path_secret.as_str().into(),
            public_url: vendor.public_url.clone(),
        })
    }

    fn speaker(&self) -> Arc<dyn Dialect> {
        match self.dialect {
            VendorDialect::AliyunSms => Arc::new(Aliyun::new(self, false)),
            VendorDialect::AliyunVoice => Arc::new(Aliyun::new(self, true)),
            VendorDialect::TencentSms => Arc::new(Tencent::new(self, false)),
            VendorDialect::TencentVoice => Arc::new(Tencent::new(self, true)),
            VendorDialect::TwilioSms => Arc::new(Twilio::new(self, false)),
            VendorDialect::TwilioVoice => Arc::new(Twilio::new(self, true)),
            VendorDialect::Kannel => Arc::new(Kannel::new(self)),
        }
    }

    /// The address of callbacks as the vendor reaches it, without query.
    fn callback(&self) -> String {
        let public_url = self.public_url.as_deref().unwrap_or_default();
        format!("{public_url}/callbacks/{}/{}", self.id, self.path_secret.text())
    }
}
