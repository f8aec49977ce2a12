//! Hazard reports (险情报告) on the board: who reported what from where, what was decided, and the acts.

mod acts;
mod line;
mod pages;

pub(super) use acts::{accept_api, accept_form, dismiss_api, dismiss_form, end_api, end_form, list_api, one_api, post};
pub(super) use line::of_identifier;
pub(super) use pages::{export, list, one, open_fragment};
