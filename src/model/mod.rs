//! The nouns: message, warning, colour, hazard, region, person, post, plan, callout, attempt, clock, event.
//!
//! - **Here:** plain data with its units, parsing of single values, and the sealing of personal data
//!   (pure functions over bytes).
//! - **Not here:** decisions (`engine`), IO of any kind, a clock, randomness.
//! - **Depends on:** nothing of this crate.
//! - **Promises:** every stored value has one serialised form; times are integer microseconds; maps
//!   are ordered, so equal states serialise to equal bytes.

mod action;
mod call;
mod callout;
mod chinese;
mod clock;
mod colour;
mod command;
mod event;
mod fact;
mod hazard;
mod id;
mod message;
mod person;
mod phrasing;
mod plan;
mod region;
mod seal;
mod segments;
mod time;

pub use action::*;
pub use call::*;
pub use callout::*;
pub use clock::*;
pub use colour::*;
pub use command::*;
pub use event::*;
pub use fact::*;
pub use hazard::*;
pub use id::*;
pub use message::*;
pub use person::*;
pub use phrasing::*;
pub use plan::*;
pub use region::*;
pub use seal::*;
pub use segments::*;
pub use time::*;
