//! The shell of a cell: one active engine that owns its callouts, commits their events and acts on them.
//!
//! - **Here:** the cell (commands in, batches and effects out, no IO), the reply book, the words of people and what a
//!   short message answers (`named`), what is open for who calls back, what is read back to them, attempts that go out in
//!   one message (`bundle`), the lines of live calls (`lines`), orders on their way from the inbox (`opening`), the task
//!   that drives a cell on a journal and gateways, the live copies that readers see, canaries and locks of gateways, the
//!   one legal clock.
//! - **Not here:** what callouts decide (`engine`), how gateways talk (`gateway`), doors (`intake`).
//! - **Depends on:** everything from `model` to `dispatch`.
//! - **Promises:** nothing leaves before the commit that records it; after a failed or unknown commit
//!   the state is dropped and read again; one writer per cell, fenced by the lease's epoch.

mod acts;
mod book;
mod bundle;
mod calls_back;
mod canary;
mod cell;
pub mod clock;
mod drills;
mod effects;
mod engine;
mod entropy;
mod flush;
mod gallery;
mod handle;
mod holder;
mod lines;
mod load;
mod locks;
mod measure;
mod named;
mod opening;
mod read_back;
mod reads;
mod replies;
mod routing;
mod staging;
mod upcalls;

pub use acts::{Acts, Health, HealthPart, Orders};
pub use book::{CallKey, LINK_CHARS, ReplyBook};
pub use canary::{Canaries, CanaryDoor, CanaryRule, run_canaries};
pub use cell::{Cell, CellParts, CellSettings, Committed, GatewayInfo, Output, Ticket};
pub use engine::{EngineParts, run};
pub use entropy::{entropy, seed};
pub use gallery::{Forecasts, Gallery};
pub use handle::{Asks, EngineHandle, HealthProbe};
pub use holder::holder;
pub use locks::LockAct;
pub use replies::{BadFigure, ReplyWords, Said, Word, half_width};
pub use upcalls::{Deed, Kept, Stray, Vouched, subject_key};
