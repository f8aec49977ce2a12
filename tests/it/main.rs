//! The one integration binary. One module per promise or door; helpers live in `support`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod board;
mod config;
mod directory;
mod formats;
mod journal;
mod plan;
mod tidy;
