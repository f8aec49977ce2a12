//! What pages show, worked out from a callout's state and nothing else: the live board and the replay
//! are the same functions of two states.

mod card;
mod detail;
mod events;
mod link;
mod panels;
mod scene;
mod target;
mod tiers;
mod words;
mod work;

pub(super) use card::{Card, Past, card_html};
pub(super) use detail::TargetDetail;
pub(super) use events::what;
pub(super) use link::{LinkTarget, link_targets};
pub(super) use panels::{Fragment, Panels, fragment, rendered, unverified};
pub(super) use scene::Scene;
pub(super) use words::{answer, channel, clock, day, exact_day, kind, why};
