//! Plans (预案): which posts are called for a warning, in which steps, under which clocks.
//!
//! - **Here:** plan files and their strict reading ([`PlanFile`]), the set of an installation and the
//!   choice among them ([`PlanSet`]), the order that a message becomes in each command region
//!   ([`extent`], [`orders`], [`raise`]), neighbours that are called sideways ([`Neighbour`]), the proof that a plan reaches the top of the chain ([`check`]), and how
//!   long its short messages become ([`figures`]) and what gateways' templates lack ([`check_templates`]).
//! - **Not here:** what happens when a step starts or a clock runs out (`engine`), who answers for
//!   which ground (`directory`).
//! - **Depends on:** `model`, `directory`, and the list of placeholders that `engine` fills in.
//! - **Promises:** a file with a fault is refused with its place, never read in part; no two plans can
//!   be equally fit for a warning, and one always fits; equal input gives equal orders.

mod check;
mod example;
mod file;
mod neighbours;
mod resolve;
mod rules;
mod set;
mod templates;
mod texts;
mod units;

pub use check::{Reach, Report, StepFill, check};
pub use example::{TextFigure, figures, late_keys};
pub use file::PlanFile;
pub use neighbours::Neighbour;
pub use resolve::{Extent, colour_of, extent, orders, raise};
pub use set::PlanSet;
pub use templates::check_templates;
