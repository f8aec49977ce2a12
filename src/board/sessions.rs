//! Signed-in browsers: opaque random names, kept hashed and in memory. A restart signs everybody out.

use crate::config::Token;
use crate::model::{Digest, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A session lasts this long: one shift.
pub(super) const SESSION_MS: i64 = 12 * 3_600_000;
/// Sessions kept; the one that ends first makes room.
const SESSIONS_MAX: usize = 1024;

/// The sessions of this process.
#[derive(Default)]
pub(super) struct Sessions {
    by_digest: Mutex<HashMap<Digest, (Token, Timestamp)>>,
}

// === impl Sessions ===

impl Sessions {
    /// Opens a session and gives the name that its cookie holds.
    pub(super) fn open(&self, token: Token, entropy: [u8; 32], now: Timestamp) -> String {
        let name = hex::encode(entropy);
        let mut sessions = self.lock();
        sessions.retain(|_, (_, until)| *until > now);
        if sessions.len() >= SESSIONS_MAX
            && let Some(first) = sessions.iter().min_by_key(|(_, (_, until))| *until).map(|(d, _)| *d)
        {
            sessions.remove(&first);
        }
        sessions.insert(Digest::of(name.as_bytes()), (token, now.plus_ms(SESSION_MS)));
        name
    }

    /// Whose session it is, while it lasts.
    pub(super) fn get(&self, name: &str, now: Timestamp) -> Option<Token> {
        let sessions = self.lock();
        let (token, until) = sessions.get(&Digest::of(name.as_bytes()))?;
        (*until > now).then(|| token.clone())
    }

    pub(super) fn close(&self, name: &str) {
        self.lock().remove(&Digest::of(name.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, (Token, Timestamp)>> {
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
