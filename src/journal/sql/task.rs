//! How writes are run.

use crate::journal::{Conflict, JournalError, Outcome};
use futures::future::BoxFuture;
use std::future::Future;
use std::iter;
use std::ops::Range;

/// Why a transaction stored nothing.
#[derive(Debug)]
pub(in crate::journal) enum Fault {
    /// One of its groups is in conflict.
    Conflict,
    /// Anything else.
    Journal(JournalError),
}

// === impl Fault ===

impl From<JournalError> for Fault {
    fn from(e: JournalError) -> Self {
        Self::Journal(e)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::Database(d) if d.is_unique_violation() => Self::Conflict,
            _ => Self::Journal(e.into()),
        }
    }
}

// === impl JournalError ===

impl From<sqlx::Error> for JournalError {
    fn from(e: sqlx::Error) -> Self {
        match e {
            sqlx::Error::ColumnDecode { index, source } => {
                Self::Damaged { place: format!("column {index}"), reason: source.to_string() }
            }
            // Data exceptions (SQLSTATE class 22, such as a zero byte in text): trying again cannot help.
            sqlx::Error::Database(d) if d.code().is_some_and(|c| c.len() == 5 && c.starts_with("22")) => {
                Self::Damaged { place: "a value to be stored".into(), reason: d.to_string() }
            }
            e => Self::Unavailable(e.to_string()),
        }
    }
}

/// Runs a write in a task of its own: whoever waits for it may stop waiting, the write goes on.
pub(in crate::journal) async fn detached<T: Send + 'static>(
    write: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<T> {
    let ended = tokio::spawn(write).await;
    ended.unwrap_or_else(|e| Err(JournalError::Unavailable(format!("the write was broken off: {e}"))))
}

/// Stores `count` groups in one transaction; when there is a conflict, each half in one of its own,
/// and so on, until the groups in conflict stand alone. The order of groups is kept, so the outcome
/// is that of storing them one by one.
pub(in crate::journal) async fn by_halves<'a>(
    count: usize,
    store: impl Fn(Range<usize>) -> BoxFuture<'a, Result<(), Fault>>,
) -> Outcome<Vec<Result<(), Conflict>>> {
    let mut results = vec![Ok(()); count];
    let mut todo: Vec<_> = iter::once(0..count).collect();
    while let Some(range) = todo.pop() {
        match store(range.clone()).await {
            Ok(()) => {}
            Err(Fault::Conflict) if range.len() == 1 => results[range.start] = Err(Conflict),
            Err(Fault::Conflict) => {
                let middle = range.start + range.len() / 2;
                todo.push(middle..range.end);
                todo.push(range.start..middle);
            }
            Err(Fault::Journal(e)) => return Err(e),
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::sync::Mutex;

    #[tokio::test]
    async fn halving_finds_the_bad_groups_and_stores_the_others_once_and_in_order() {
        let stored = Mutex::new(Vec::new());
        let tries = Mutex::new(0);
        let results = by_halves(1000, |range| {
            *tries.lock().unwrap() += 1;
            let bad = range.contains(&0) || range.contains(&613);
            if !bad {
                stored.lock().unwrap().extend(range);
            }
            async move { if bad { Err(Fault::Conflict) } else { Ok(()) } }.boxed()
        });
        let results = results.await.unwrap();
        assert!((0..1000).all(|i| results[i].is_err() == (i == 0 || i == 613)));
        assert_eq!(*stored.lock().unwrap(), (0..1000).filter(|i| ![0, 613].contains(i)).collect::<Vec<_>>());
        assert!(*tries.lock().unwrap() < 45, "{tries:?}");
    }

    #[tokio::test]
    async fn an_error_that_is_no_conflict_ends_it() {
        let lost = || JournalError::Unavailable("lost".into());
        let results = by_halves(4, |_| async move { Err(lost().into()) }.boxed()).await;
        assert_eq!(results, Err(lost()));
    }
}
