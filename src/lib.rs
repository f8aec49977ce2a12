//! jiaoying (叫应): the warning call-out engine.
//!
//! A functional core in an asynchronous shell. The folders below stand in the order in which they
//! may use each other: a module uses only those above it (telemetry and config are usable by all).
//! `docs/ARCHITECTURE.md` tells why; `tests/it/tidy.rs` holds the arrows to it.

pub mod telemetry;

pub mod config;

pub mod backoff;

pub mod model;

pub mod engine;

pub mod directory;

pub mod plan;

pub mod journal;

pub mod gateway;

pub mod dispatch;

pub mod runtime;

pub mod intake;

pub mod evidence;

pub mod board;

pub mod sim;

pub mod cli;
