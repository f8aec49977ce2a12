//! The seeded simulator: the real cell, desk and journal on an invented world.
//!
//! - **Here:** the world (virtual time, messages, gateways, people, a duty room, crashes), the promises checked
//!   after every event, and the runs of many seeds.
//! - **Not here:** any copy of the engine's logic; people's habits (`gateway::simulator`).
//! - **Depends on:** everything above it.
//! - **Promises:** one thread, no wall clock; a seed gives the same run every time, and a failure
//!   prints the seed that makes it happen again.

mod apart;
mod checks;
mod duty;
mod faults;
mod outside;
mod run;
mod scene;
mod seeded;
mod world;

pub use checks::{Checks, Seen};
pub use faults::{Carriers, Faults};
pub use run::{Outcome, run_seed};
pub use scene::{Post, Scene, as_drill, built_in_plans, message_json, nujiang_plans};
pub use world::World;
