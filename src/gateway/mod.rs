//! Gateways: one small trait between dispatch and the ways to reach people.
//!
//! - **Here:** the trait, what goes out, what comes back, how a gateway is opened from its section, what those over
//!   HTTP share (`wire`, `inbox`), and one folder per protocol.
//! - **Not here:** who is called when (`engine`), in what order and how fast (`dispatch`).
//! - **Depends on:** `model`, `config`, `backoff`, `telemetry`, the numbers of `directory`.
//! - **Promises:** a gateway never loses an attempt silently: every attempt of a submit has exactly
//!   one fact in its answer, [`Fact::Unknown`] when the wire died; what comes back later is confirmed
//!   to the other side only after [`Upcalls::take`] said it is durable.

pub mod cmpp;
pub mod ebd;
pub mod http;
mod inbox;
mod later;
pub mod mqtt;
mod open;
mod scrub;
pub mod simulator;
pub mod sip;
pub mod smpp;
pub mod vendor;
mod wire;

pub use inbox::CallbackLimits;
pub use later::LateUpcalls;
pub use open::{Clock, Door, OpenError, Opened, channels_of, open};

use crate::model::{AttemptKey, Channel, Fact, Filled, GatewayId, Speech, Timestamp};
use futures::future::{BoxFuture, FutureExt, ready};
use std::fmt;

/// One attempt on its way to a gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Names the attempt; the idempotency key.
    pub key: AttemptKey,
    /// The channel.
    pub channel: Channel,
    /// E.164 number or speaker address.
    pub number: String,
    /// The words to send, speak or play, as the person receives them.
    pub text: String,
    /// The registered template that makes these words, where the gateway wants one.
    pub template: Option<Filled>,
    /// What a voice call says, in order.
    pub speech: Option<Speech>,
    /// The reply code of the call, when an answer is wanted: a gateway with numbers behind its own may use it as
    /// the sender's extension, so that a bare word tells what it answers.
    pub code: Option<String>,
    /// BCP 47 tag of the words' language.
    pub language: String,
    /// Whether it is a drill's; such attempts go through gateways for drills only.
    pub drill: bool,
    /// The colour's name, for the gateway's own priorities.
    pub colour: &'static str,
    /// After this it must be neither sent nor delivered.
    pub valid_until: Timestamp,
}

/// Something a gateway tells of its own accord.
#[derive(Clone, PartialEq, Eq)]
pub enum Upcall {
    /// About an attempt: a receipt, a ring, the end of a call.
    Report {
        /// The attempt.
        key: AttemptKey,
        /// What.
        fact: Fact,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// A key was pressed in a voice call.
    Key {
        /// The attempt.
        key: AttemptKey,
        /// The digits.
        digits: String,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// A key was pressed in a call that the person placed to the gateway, after what is open for an attempt was said.
    CalledBack {
        /// The attempt.
        key: AttemptKey,
        /// The digits.
        digits: String,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// A short message came in.
    Text {
        /// E.164 number of who sent it.
        from: String,
        /// The words.
        text: String,
        /// The attempt it answers, when the gateway can tell.
        key: Option<AttemptKey>,
        /// The digits behind the gateway's own number that it was sent to: a reply code, when the gateway used
        /// [`Outgoing::code`] as its sender's extension.
        extension: Option<String>,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// As [`Upcall::Report`], of the attempt that this gateway submitted under a reference of its own; for protocols
    /// whose receipts name nothing else. The engine knows references also of attempts from before a restart.
    Receipt {
        /// The reference, as the submit's [`Fact::Reached`] had it.
        reference: String,
        /// What.
        fact: Fact,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// As [`Upcall::Key`], of the attempt that a reference names, as [`Upcall::Receipt`]: some vendors tell a key by
    /// the name of the call alone.
    Pressed {
        /// The reference, as the submit's [`Fact::Reached`] had it.
        reference: String,
        /// The digits.
        digits: String,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
}

/// How a gateway stands, as far as it knows without calling anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Whether it takes attempts.
    pub well: bool,
    /// How it is, or what is wrong. Without secrets and numbers.
    pub detail: String,
}

/// Why upcalls were not taken: the other side should try again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not durable: {0}")]
pub struct NotTaken(pub String);

/// What is said to somebody who pressed a key: what became of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// The attempt.
    pub key: AttemptKey,
    /// The words. They name the person: never in a log.
    pub words: String,
}

/// What somebody who calls a gateway can answer.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The attempt that an answer is to.
    pub key: AttemptKey,
    /// BCP 47 tag of the words' language.
    pub language: String,
    /// What is said.
    pub speech: Speech,
}

/// Takes what gateways tell. Done means durable (or known and of no effect).
pub trait Upcalls: Send + Sync {
    /// Takes a list of upcalls of one gateway; all or none. Returns what is read back, once per attempt
    /// of which a key came: the record that it speaks of is durable.
    fn take(&self, gateway: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>>;

    /// What is open for whoever calls a gateway from an E.164 number, in the order in which it is to be said. Not knowing
    /// is an error: nobody is told that nothing is open when that is not sure.
    fn open_for(&self, _gateway: GatewayId, _number: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        ready(Ok(Vec::new())).boxed()
    }
}

/// A way to reach people.
pub trait Gateway: Send + Sync {
    /// Its name in the configuration.
    fn id(&self) -> &GatewayId;

    /// The channels it serves.
    fn channels(&self) -> &[Channel];

    /// Whether it honours the idempotency key: an unknown attempt may be submitted again under it.
    fn is_idempotent(&self) -> bool;

    /// How many attempts it takes in one submit; at least 1.
    fn batch_max(&self) -> usize;

    /// Submits attempts. One fact per attempt, in order: reached `Submitted` (or further), failed,
    /// or unknown. Never hangs: it has a time limit of its own.
    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>>;

    /// Until when it asked to be left alone.
    fn pause_until(&self) -> Option<Timestamp> {
        None
    }

    /// Hangs up a ringing call or withdraws a message that was not delivered yet, when it can.
    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()>;

    /// Whether it tells [`Upcall::Receipt`] or [`Upcall::Pressed`]: the engine then remembers its references.
    fn reports_by_reference(&self) -> bool {
        false
    }

    /// How it stands: of a protocol with sessions, whether it is connected and signed in.
    fn condition(&self) -> Condition {
        Condition { well: true, detail: "not known to be down".into() }
    }

    /// Connects and signs in as far as that can be done without calling anybody; what was seen, or what is wrong,
    /// for people. Has a time limit of its own.
    fn check(&self) -> BoxFuture<'_, Result<String, String>>;
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} on {})", self.key, self.channel.name())
    }
}

impl fmt::Debug for OpenCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenCall({})", self.key)
    }
}

impl fmt::Debug for ReadBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadBack({})", self.key)
    }
}

impl fmt::Debug for Upcall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report { key, fact, .. } => write!(f, "Report({key}, {fact:?})"),
            Self::Key { key, .. } => write!(f, "Key({key})"),
            Self::CalledBack { key, .. } => write!(f, "CalledBack({key})"),
            Self::Text { key, .. } => write!(f, "Text({key:?})"),
            Self::Receipt { reference, fact, .. } => write!(f, "Receipt({reference}, {fact:?})"),
            Self::Pressed { reference, .. } => write!(f, "Pressed({reference})"),
        }
    }
}
