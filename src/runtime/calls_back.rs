//! Calls back: what somebody who calls one of our numbers can answer.

use super::book::CallKey;
use super::cell::Cell;
use crate::engine;
use crate::gateway::OpenCall;
use crate::model::{AttemptIx, AttemptKey, Callout, GatewayId, STANDARD_CHINESE};
use std::cmp::Reverse;

/// Callouts that one call back is told of; who answers these hears of the others when calling again.
const OPEN_MAX: usize = 5;

impl Cell {
    /// What is open for whoever calls a gateway from a number: the graver colour first, of one colour what opened last.
    /// A gateway for drills knows of drills only.
    #[must_use]
    pub fn open_for(&self, gateway: &GatewayId, number: &str) -> Vec<OpenCall> {
        let drill = self.gateways.get(gateway).is_some_and(|g| g.lane.drill);
        let of_kind = self.book.by_number(number).filter(|(callout, _)| callout.is_drill() == drill);
        let mut open: Vec<_> = of_kind
            .filter_map(|key| {
                let callout = &self.live.get(&key.0)?.callout;
                let head = callout.head.as_ref()?;
                let attempt = engine::open_attempt(callout, key.1)?;
                Some(((Reverse(head.colour), Reverse(head.opened_at)), (key, callout, attempt)))
            })
            .collect();
        open.sort_by_key(|(order, _)| *order);
        open.into_iter().take(OPEN_MAX).filter_map(|(_, of)| self.open_call(of)).collect()
    }

    fn open_call(&self, (key, callout, attempt): (&CallKey, &Callout, AttemptIx)) -> Option<OpenCall> {
        let link = format!("{}{}", self.settings.link_base, self.book.link(key));
        let (language, speech) = engine::said_back(callout, attempt, &link)?;
        let language = language.unwrap_or(STANDARD_CHINESE).to_owned();
        Some(OpenCall { key: AttemptKey { callout: key.0.clone(), attempt }, language, speech })
    }
}
