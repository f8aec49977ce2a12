//! How the door stands.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How the door stands, for readiness and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorStatus {
    /// Every part has a connection.
    pub connected: bool,
    /// Both queues are consumed, and the desk takes what comes.
    pub consuming: bool,
    /// The broker has stopped reading from us: it is short of memory or disk.
    pub blocked: bool,
    /// Since when the three above stand as they do.
    pub since: Instant,
    /// The last thing that went wrong, also when it is over.
    pub last_error: Option<String>,
}

/// A part of the door, with a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Urgent,
    Normal,
    Events,
}

#[derive(Clone, Copy, Default)]
pub(super) struct PartStatus {
    pub(super) connected: bool,
    pub(super) consuming: bool,
    pub(super) blocked: bool,
    /// The desk takes nothing now.
    pub(super) held: bool,
}

pub(super) struct Status(Mutex<Inner>);

struct Inner {
    parts: [PartStatus; 3],
    shown: DoorStatus,
}

// === impl Status ===

impl Status {
    pub(super) fn get(&self) -> DoorStatus {
        self.lock().shown.clone()
    }

    /// Changes how a part stands.
    pub(super) fn set(&self, part: Part, change: impl FnOnce(&mut PartStatus)) {
        let mut inner = self.lock();
        change(&mut inner.parts[part as usize]);
        let [urgent, normal, events] = inner.parts;
        let takes = |p: PartStatus| p.consuming && !p.held;
        let now = (
            urgent.connected && normal.connected && events.connected,
            takes(urgent) && takes(normal),
            urgent.blocked || normal.blocked || events.blocked,
        );
        let shown = &mut inner.shown;
        if now != (shown.connected, shown.consuming, shown.blocked) {
            (shown.connected, shown.consuming, shown.blocked) = now;
            shown.since = Instant::now();
        }
    }

    /// Whether a part is blocked.
    pub(super) fn is_blocked(&self, part: Part) -> bool {
        self.lock().parts[part as usize].blocked
    }

    /// Notes what went wrong.
    pub(super) fn error(&self, part: Part, error: &str) {
        self.lock().shown.last_error = Some(format!("{}: {error}", part.name()));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Status {
    fn default() -> Self {
        let shown =
            DoorStatus { connected: false, consuming: false, blocked: false, since: Instant::now(), last_error: None };
        Self(Mutex::new(Inner { parts: [PartStatus::default(); 3], shown }))
    }
}

// === impl Part ===

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Events => "events",
        }
    }
}
