//! Configuration: typed sections, the default file, checks.
//!
//! - **Here:** one file per section, the layers (default file, user's file, environment), where each
//!   value comes from, secrets and how they are read, files of certificates.
//! - **Not here:** policy (`plan`), people (`directory`); both are data with versions, not settings.
//! - **Depends on:** `telemetry` (the form of the log). Usable by all.
//! - **Promises:** the default file `config/jiaoying.toml` names every key; an unknown key is refused
//!   with its place and the known one that is near; a secret is never shown; loading reads no secret,
//!   and checking touches neither the store nor the network.

mod amqp;
mod authorities;
mod budget;
mod cell;
mod dispatch;
mod drill;
mod error;
mod examine;
mod gateway;
mod http;
mod intake;
mod keys;
mod known;
mod layers;
mod log;
mod plans;
mod print;
mod replies;
mod reports;
mod routing;
mod runtime;
mod secret;
mod sender;
mod store;
mod template;

pub use amqp::Amqp;
pub use authorities::{AuthoritiesError, authorities};
pub use budget::{Carrier, PersonBudget};
pub use cell::Cell;
pub use dispatch::Dispatch;
pub use drill::Drill;
pub use error::{ConfigError, Fault};
pub use gateway::*;
pub use http::{Http, LOCAL_ACCOUNT, Right, Token};
pub use intake::Intake;
pub use keys::{KeyError, Keys};
pub use known::{DEFAULT_FILE, documented_file};
pub use layers::{ENV_PREFIX, Origin};
pub use log::Log;
pub use plans::Plans;
pub use replies::Replies;
pub use reports::Reports;
pub use routing::Routing;
pub use runtime::Runtime;
pub use secret::{Secret, SecretError};
pub use sender::{Sender, SenderStatus};
pub use store::{Store, StoreKind};
pub use template::{ParameterSection, TemplateSection};

use error::Faults;
use layers::{Layers, Origins};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The configuration in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cell.
    pub cell: Cell,
    /// The journal.
    pub store: Store,
    /// What seals personal data.
    pub keys: Keys,
    /// The two listeners.
    pub http: Http,
    /// The broker.
    pub amqp: Amqp,
    /// Who may post warnings.
    #[serde(rename = "sender")]
    pub senders: Vec<Sender>,
    /// The ways to reach people.
    #[serde(rename = "gateway")]
    pub gateways: Vec<GatewaySection>,
    /// How gateways are chosen.
    pub routing: Routing,
    /// What carriers carry.
    #[serde(rename = "carrier", default)]
    pub carriers: Vec<Carrier>,
    /// How often one person is called.
    pub person_budget: Option<PersonBudget>,
    /// How due calls go out.
    pub dispatch: Dispatch,
    /// Drills that are posted by themselves.
    #[serde(rename = "drill", default)]
    pub drills: Vec<Drill>,
    /// The plans.
    pub plans: Plans,
    /// Limits of what doors take in.
    pub intake: Intake,
    /// How short messages are read.
    pub replies: Replies,
    /// Hazard reports from below.
    pub reports: Reports,
    /// The engine's shell.
    pub runtime: Runtime,
    /// The log.
    pub log: Log,
    #[serde(skip)]
    origins: Origins,
}

// === impl Config ===

impl Config {
    /// Lays a user's file and the overrides among `env` over the default file, and checks the result.
    ///
    /// # Errors
    /// Every fault found, each with place, key and reason; no fault shows a secret.
    pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut layers = Layers::new();
        if let Some(path) = path {
            let text =
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
            layers.push_file(path, &text);
        }
        layers.push_env(env)?;
        let config: Self = layers.read()?;
        let faults = config.check();
        if faults.is_empty() { Ok(config) } else { Err(ConfigError::Faults(faults)) }
    }

    /// What contradicts itself or cannot work, over all sections.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.cell.check(&mut faults);
        self.store.check(&mut faults);
        self.keys.check(&mut faults);
        self.http.check(&mut faults);
        self.amqp.check(&mut faults);
        sender::check(&self.senders, &mut faults);
        sender::check_tokens(&self.senders, &self.http.tokens, &mut faults);
        gateway::check(&self.gateways, &self.carriers, &mut faults);
        self.routing.check(&mut faults);
        budget::check(&self.carriers, self.person_budget.as_ref(), &mut faults);
        self.dispatch.check(&mut faults);
        drill::check(&self.drills, &mut faults);
        self.plans.check(&mut faults);
        self.intake.check(&mut faults);
        self.replies.check(&mut faults);
        self.reports.check(&self.replies, &mut faults);
        self.runtime.check(&mut faults);
        self.log.check(&mut faults);
        faults.located(&self.origins)
    }

    /// What is allowed but should be known before relying on this installation, a sentence each.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.gateways.iter().all(|g| g.kind == GatewayKind::Simulator) {
            out.push("every gateway is a simulator: no person is reached".to_owned());
        }
        if !self.drills.is_empty() && !self.gateways.iter().any(|g| g.drill) {
            out.push("drills are scheduled and no gateway is for drills: they ring nobody".to_owned());
        }
        for channel in [GatewayChannel::Sms, GatewayChannel::Voice, GatewayChannel::Broadcast] {
            let mut of = self.gateways.iter().filter(|g| !g.drill && g.channels.contains(&channel)).peekable();
            if of.peek().is_some() && of.all(|g| !(g.carriers.is_empty() && g.regions.is_empty())) {
                let name = channel.name();
                out.push(format!("no gateway takes {name} for all carriers and regions: what none is for is not sent"));
            }
        }
        if self.http.tokens.is_empty() {
            out.push("the internal listener has no token: everybody on this machine may do everything".to_owned());
        }
        if self.http.public_url.starts_with("http://") && !self.http.public.ip().is_loopback() {
            out.push("answer links begin with http://: anybody on their way can read them".to_owned());
        }
        out
    }

    /// Where the value of a key (`store.url`, `gateway[0].id`) comes from; for a key that was not
    /// given, where the table around it does.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.of(key)
    }

    /// The configuration in force as TOML, each value with where it comes from, secrets as `…`.
    #[must_use]
    pub fn print(&self) -> String {
        print::print(self)
    }
}
