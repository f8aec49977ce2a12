//! Who answers for which ground: regions, targets, people and the posts they fill.
//!
//! - **Here:** one immutable version of the directory ([`Directory`]), how one is made ([`Draft`],
//!   [`import`], [`sample`]), which ground a message covers ([`Cover`], as runs of places:
//!   [`Places`]), and how a version is stored with its personal data sealed ([`encode`], [`decode`]).
//! - **Not here:** what is done about the ground (`plan`, `engine`), where versions are kept (`journal`).
//! - **Depends on:** `model`.
//! - **Promises:** a version never changes once built; equal input gives equal order, so equal covers
//!   and equal bytes; whatever lies inside a covered code is either a target or a named gap; numbers
//!   and names appear in no error and no log.

mod cover;
mod draft;
mod encode;
mod import;
mod phone;
mod places;
mod regions;
mod sample;
mod snapshot;

pub use cover::{Cover, Covered};
pub use draft::{Draft, person_id};
pub use encode::{DecodeError, decode, encode};
pub use import::{Book, ImportOptions, Imported, import};
pub use phone::{Line, Number};
pub use places::Places;
pub use regions::yunnan;
pub use sample::sample;
pub use snapshot::Directory;
