//! A journal of each kind, made for one test and removed after it.

use super::servers;
use futures::FutureExt;
use jiaoying::journal::{Journal, MemoryJournal, open};
use jiaoying::model::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The kinds of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// A store and the means to reach around it.
pub struct Store {
    pub journal: Arc<dyn Journal>,
    /// The URL that opens it again; none in memory.
    pub url: Option<String>,
    memory: Option<(Arc<MemoryJournal>, AtomicI64)>,
}

// === impl Store ===

impl Store {
    /// Lets time pass by the store's clock.
    pub async fn pass(&self, ms: i64) {
        match &self.memory {
            Some((memory, now)) => memory.set_now(Timestamp(now.fetch_add(ms * 1000, Ordering::SeqCst) + ms * 1000)),
            None => tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await,
        }
    }
}

/// Runs a test on a new store of a kind; the store is removed whether the test passes or panics.
pub async fn with_store<F>(kind: Kind, test: impl FnOnce(Store) -> F)
where
    F: Future<Output = ()>,
{
    match kind {
        Kind::Memory => {
            let memory = Arc::new(MemoryJournal::default());
            let journal = memory.clone();
            test(Store { journal, url: None, memory: Some((memory, AtomicI64::new(0))) }).await;
        }
        Kind::Sqlite => {
            let folder = TempDir::new().unwrap();
            let url = format!("sqlite:{}", folder.path().join("journal.db").display());
            test(Store { journal: open(&url).await.unwrap(), url: Some(url), memory: None }).await;
        }
        Kind::Postgres => {
            let Some(server) = servers::postgres() else { return };
            let (name, url) = new_database(&server).await;
            let store = Store { journal: open(&url).await.unwrap(), url: Some(url), memory: None };
            let ended = AssertUnwindSafe(test(store)).catch_unwind().await;
            administer(&server, format!("drop database {name} with (force)")).await;
            if let Err(panic) = ended {
                resume_unwind(panic);
            }
        }
    }
}

async fn new_database(server: &str) -> (String, String) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("jiaoying_test_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    administer(server, format!("create database {name}")).await;
    let (base, _) = server.rsplit_once('/').unwrap();
    (name.clone(), format!("{base}/{name}"))
}

async fn administer(server: &str, statement: String) {
    let mut db = PgConnection::connect(server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}
