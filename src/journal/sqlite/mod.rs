//! The journal in SQLite: for the demo, for tests and for small islands.
//!
//! - **Here:** one file in WAL mode with synchronous=FULL, one writer, a few readers.
//! - **Not here:** what both SQL stores share (`sql`).
//! - **Depends on:** `sql`, the types of `journal`.
//! - **Promises:** all of the trait's, for one process per file.

mod commit;
mod statements;

use super::sql::{
    BlobSql, CalloutSql, DirectorySql, InboxSql, MessageSql, NameSql, ParkedSql, RecordSql, beyond, by_halves, checked,
    cursor, detached, held, int, json, natural, no_directory, salt, statements as common,
};
use super::{
    Batch, Blob, CalloutRow, Conflict, DirectoryVersion, InboxItem, Journal, JournalError, Lease, MessageName,
    MessageRow, Outcome, Parked, Record, SelectCallouts,
};
use crate::model::{Digest, StreamId, Timestamp};
use futures::future::{BoxFuture, FutureExt};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use statements as own;
use std::str::FromStr;
use std::time::Duration;

const READERS: u32 = 4;
/// How long a call waits for a free connection, and a writer for another process's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// A journal in one SQLite file.
pub(super) struct SqliteJournal {
    writer: SqlitePool,
    readers: SqlitePool,
}

// === impl SqliteJournal ===

impl SqliteJournal {
    /// Opens `sqlite:<path>`, makes the file when there is none, and runs the migrations.
    pub(super) async fn open(url: &str) -> Outcome<Self> {
        let refuse = |reason: String| JournalError::Unavailable(format!("the SQLite file: {reason}"));
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(refuse("a journal needs a file".into()));
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|e| refuse(e.to_string()))?
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full);
        let place = options.get_filename().display().to_string();
        let pool = || SqlitePoolOptions::new().acquire_timeout(PATIENCE).max_lifetime(None).idle_timeout(None);

        // Erased salts are overwritten, not only unlinked.
        let writing = options.clone().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let writing = writing.pragma("secure_delete", "on").optimize_on_close(true, None);
        let writer = pool().max_connections(1).connect_with(writing).await;
        let writer = writer.map_err(|e| refuse(format!("{place}: {e}")))?;
        let mut db = writer.acquire().await?;
        // `run` gives a future that cannot be sent between threads.
        let migrated = sqlx::migrate!("migrations/sqlite").run_direct(None, &mut *db, false).await;
        migrated.map_err(|e| refuse(format!("{place}: {e}")))?;
        drop(db);

        let readers = pool().max_connections(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Runs a write on the writer, in a task of its own.
    fn write<'a, T, F>(&'a self, write: impl FnOnce(SqlitePool) -> F + Send + 'a) -> BoxFuture<'a, Outcome<T>>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        async move { detached(write(self.writer.clone())).await }.boxed()
    }
}

impl Journal for SqliteJournal {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Outcome<Vec<Result<(), Conflict>>>> {
        self.write(async move |db| {
            let Batch { lease, groups } = &batch;
            by_halves(groups.len(), |range| commit::store(&db, lease.as_ref(), &groups[range]).boxed()).await
        })
    }

    fn read(&self, stream: StreamId, from: u64, limit: usize) -> BoxFuture<'_, Outcome<Vec<Record>>> {
        async move {
            let q = sqlx::query_as::<_, RecordSql>(common::READ).bind(stream.as_str()).bind(int(from));
            checked(q.bind(int(limit)).fetch_all(&self.readers).await?)
        }
        .boxed()
    }

    fn streams(&self, prefix: String) -> BoxFuture<'_, Outcome<Vec<StreamId>>> {
        async move {
            let q = sqlx::query_scalar::<_, String>(common::STREAMS).bind(&prefix).bind(beyond(&prefix));
            Ok(q.fetch_all(&self.readers).await?.into_iter().map(StreamId::from).collect())
        }
        .boxed()
    }

    fn inbox(&self, except: Vec<String>, limit: usize) -> BoxFuture<'_, Outcome<Vec<InboxItem>>> {
        async move {
            let q = sqlx::query_as::<_, InboxSql>(own::INBOX).bind(json(&except)?).bind(int(limit));
            checked(q.fetch_all(&self.readers).await?)
        }
        .boxed()
    }

    fn message(&self, sender: String, identifier: String) -> BoxFuture<'_, Outcome<Option<MessageRow>>> {
        async move {
            let q = sqlx::query_as::<_, MessageSql>(common::MESSAGE).bind(sender).bind(identifier);
            q.fetch_optional(&self.readers).await?.map(MessageRow::try_from).transpose()
        }
        .boxed()
    }

    fn names(&self, identifier: String) -> BoxFuture<'_, Outcome<Vec<MessageName>>> {
        async move {
            let rows = sqlx::query_as::<_, NameSql>(common::NAMES).bind(identifier).fetch_all(&self.readers).await?;
            Ok(rows.into_iter().map(MessageName::from).collect())
        }
        .boxed()
    }

    fn callouts(&self, select: SelectCallouts) -> BoxFuture<'_, Outcome<Vec<CalloutRow>>> {
        async move {
            let q = match select {
                SelectCallouts::Open => sqlx::query_as::<_, CalloutSql>(common::CALLOUTS_OPEN),
                SelectCallouts::ClosedSince(at) => sqlx::query_as(common::CALLOUTS_CLOSED_SINCE).bind(at.0),
                SelectCallouts::Before { before, limit } => {
                    sqlx::query_as(common::CALLOUTS_BEFORE).bind(before.0).bind(int(limit))
                }
            };
            checked(q.fetch_all(&self.readers).await?)
        }
        .boxed()
    }

    fn acquire(&self, cell: String, holder: String, ttl_ms: i64) -> BoxFuture<'_, Outcome<Option<Lease>>> {
        self.write(async move |db| {
            let q = sqlx::query_scalar::<_, i64>(own::ACQUIRE).bind(&cell).bind(holder).bind(ttl_ms);
            let epoch = q.fetch_optional(&db).await?;
            epoch.map(|n| Ok(Lease { cell, epoch: natural("lease", n)? })).transpose()
        })
    }

    fn holder(&self, cell: String) -> BoxFuture<'_, Outcome<Option<(Lease, String)>>> {
        async move {
            let q = sqlx::query_as(common::HOLDER).bind(&cell);
            held(q.fetch_optional(&self.readers).await?, cell)
        }
        .boxed()
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Outcome<()>> {
        self.write(async move |db| {
            sqlx::query(common::RELEASE).bind(lease.cell).bind(int(lease.epoch)).execute(&db).await?;
            Ok(())
        })
    }

    fn blob(&self, digest: Digest) -> BoxFuture<'_, Outcome<Option<Blob>>> {
        async move {
            let q = sqlx::query_as::<_, BlobSql>(common::BLOB).bind(&digest.0[..]);
            q.fetch_optional(&self.readers).await?.map(Blob::try_from).transpose()
        }
        .boxed()
    }

    fn salt(&self, subject: String) -> BoxFuture<'_, Outcome<Option<[u8; 32]>>> {
        async move {
            let q = sqlx::query_scalar(common::SALT).bind(subject);
            q.fetch_optional(&self.readers).await?.map(salt).transpose()
        }
        .boxed()
    }

    fn erase(&self, subject: String) -> BoxFuture<'_, Outcome<()>> {
        self.write(async move |db| {
            sqlx::query(common::ERASE).bind(subject).execute(&db).await?;
            Ok(())
        })
    }

    fn park(&self, parked: Parked) -> BoxFuture<'_, Outcome<bool>> {
        self.write(async move |db| {
            let q = sqlx::query(common::PARK).bind(parked.id).bind(parked.at.0).bind(parked.door).bind(parked.account);
            let q = q.bind(json(&parked.findings)?).bind(&parked.raw.digest.0[..]);
            let done = q.bind(parked.raw.subject).bind(parked.raw.sealed).execute(&db).await?;
            Ok(done.rows_affected() > 0)
        })
    }

    fn parked(&self, limit: usize) -> BoxFuture<'_, Outcome<Vec<Parked>>> {
        async move {
            let q = sqlx::query_as::<_, ParkedSql>(common::PARKED).bind(int(limit));
            checked(q.fetch_all(&self.readers).await?)
        }
        .boxed()
    }

    fn put_directory(
        &self,
        published: bool,
        stored_at: Timestamp,
        chunks: Vec<Vec<u8>>,
    ) -> BoxFuture<'_, Outcome<u64>> {
        self.write(async move |db| {
            let mut tx = db.begin_with(commit::BEGIN).await?;
            let q = sqlx::query_scalar(common::PUT_DIRECTORY).bind(published).bind(stored_at.0);
            let version: i64 = q.fetch_one(&mut *tx).await?;
            for (place, bytes) in chunks.into_iter().enumerate() {
                let q = sqlx::query(own::PUT_CHUNK).bind(version).bind(int(place)).bind(bytes);
                q.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            natural("directory", version)
        })
    }

    fn publish_directory(&self, version: u64) -> BoxFuture<'_, Outcome<()>> {
        self.write(async move |db| {
            let done = sqlx::query(common::PUBLISH_DIRECTORY).bind(int(version)).bind(true).execute(&db).await?;
            if done.rows_affected() == 0 { Err(no_directory(version)) } else { Ok(()) }
        })
    }

    fn directory(&self, version: Option<u64>) -> BoxFuture<'_, Outcome<Option<DirectoryVersion>>> {
        async move {
            let q = match version {
                Some(v) => sqlx::query_as::<_, DirectorySql>(common::DIRECTORY).bind(int(v)),
                None => sqlx::query_as(common::DIRECTORY_LAST).bind(true),
            };
            let Some(row) = q.fetch_optional(&self.readers).await? else { return Ok(None) };
            let chunks = sqlx::query_scalar(common::CHUNKS).bind(row.version).fetch_all(&self.readers).await?;
            row.with(chunks).map(Some)
        }
        .boxed()
    }

    fn cursors(&self, follower: String) -> BoxFuture<'_, Outcome<Vec<(StreamId, u64)>>> {
        async move {
            let rows = sqlx::query_as(common::CURSORS).bind(follower).fetch_all(&self.readers).await?;
            rows.into_iter().map(cursor).collect()
        }
        .boxed()
    }

    fn set_cursors(&self, follower: String, cursors: Vec<(StreamId, u64)>) -> BoxFuture<'_, Outcome<()>> {
        self.write(async move |db| {
            let mut tx = db.begin_with(commit::BEGIN).await?;
            for (stream, next) in cursors {
                let q = sqlx::query(own::SET_CURSOR).bind(&follower).bind(stream.as_str()).bind(int(next));
                q.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        })
    }
}
