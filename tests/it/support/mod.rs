//! What several test modules need: the private servers and a store to test on.

pub mod servers;
pub mod store;
