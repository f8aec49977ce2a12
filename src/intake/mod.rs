//! intake

pub mod formats;
