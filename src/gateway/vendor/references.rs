//! Which attempt a vendor's reference names, for callbacks that come before the engine knows it.

use crate::model::AttemptKey;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// References that are kept; the engine has the older ones.
const KEPT_MAX: usize = 10_000;
/// How long a callback waits for answers that are under way.
const WAIT: Duration = Duration::from_secs(2);

/// The newest references of one gateway.
pub(super) struct References {
    kept: Mutex<Kept>,
    under_way: watch::Sender<usize>,
}

#[derive(Default)]
struct Kept {
    keys: HashMap<String, AttemptKey>,
    oldest: VecDeque<String>,
}

/// A submit whose answer is under way.
pub(super) struct UnderWay<'a>(&'a References);

// === impl References ===

impl References {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::default(), under_way: watch::Sender::new(0) }
    }

    /// A submit begins; it ends when the result is dropped.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.under_way.send_modify(|n| *n += 1);
        UnderWay(self)
    }

    pub(super) fn learn(&self, reference: &str, key: &AttemptKey) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.keys.insert(reference.to_owned(), key.clone()).is_none() {
            kept.oldest.push_back(reference.to_owned());
        }
        while kept.oldest.len() > KEPT_MAX {
            let oldest = kept.oldest.pop_front().unwrap_or_default();
            kept.keys.remove(&oldest);
        }
    }

    pub(super) fn key(&self, reference: &str) -> Option<AttemptKey> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keys.get(reference).cloned()
    }

    /// The newest reference of an attempt.
    pub(super) fn reference(&self, key: &AttemptKey) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.oldest.iter().rev().find(|reference| kept.keys.get(*reference) == Some(key)).cloned()
    }

    /// Waits until no answer is under way, a little while at most: a callback can be faster than the answer
    /// that names its reference.
    pub(super) async fn settle(&self) {
        let mut under_way = self.under_way.subscribe();
        let _ = tokio::time::timeout(WAIT, under_way.wait_for(|n| *n == 0)).await;
    }
}

// === impl UnderWay ===

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|n| *n = n.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let references = References::new();
        let key = |attempt| AttemptKey { callout: "533324-ab".into(), attempt };
        for n in 0..KEPT_MAX as u32 + 3 {
            references.learn(&format!("r{n}"), &key(n));
        }
        assert_eq!((references.key("r2"), references.key("r3")), (None, Some(key(3))));
        assert_eq!(references.reference(&key(7)).as_deref(), Some("r7"));
        let kept = references.kept.lock().unwrap();
        assert_eq!((kept.keys.len(), kept.oldest.len()), (KEPT_MAX, KEPT_MAX));
    }

    #[tokio::test]
    async fn a_callback_waits_for_the_answer_that_names_it() {
        let references = References::new();
        let answered = async {
            let _under_way = references.begin();
            tokio::task::yield_now().await;
            references.learn("r", &AttemptKey { callout: "533324-ab".into(), attempt: 1 });
        };
        let called_back = async {
            references.settle().await;
            references.key("r").is_some()
        };
        assert!(tokio::join!(answered, called_back).1);
    }
}
