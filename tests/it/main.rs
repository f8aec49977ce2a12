//! The one integration binary. One module per promise or door; helpers live in `support`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod amqp;
mod bench;
mod board;
mod bundles;
mod canary;
mod cli;
mod config;
mod directory;
mod drills;
mod end_to_end;
mod engine;
mod failover;
mod formats;
mod gateway;
mod intake;
mod journal;
mod plan;
mod promises;
mod replies;
mod reports;
mod storm;
mod support;
mod survival;
mod texts;
mod tidy;
