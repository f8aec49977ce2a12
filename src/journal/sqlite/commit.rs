//! A batch in SQLite: single-row inserts in one transaction. There is one writer, so nothing can
//! change between a check and the insert that relies on it.

use super::statements as own;
use crate::journal::sql::{Fault, Flat, colour_number, int, json, natural};
use crate::journal::{Group, JournalError, Lease, Outcome};
use sqlx::{SqliteConnection, SqlitePool};
use std::collections::HashMap;

/// The transaction takes the write lock at once: a lock taken later, after reading, may fail.
pub(super) const BEGIN: &str = "begin immediate";

/// Stores all groups or none.
pub(super) async fn store(pool: &SqlitePool, lease: Option<&Lease>, groups: &[Group]) -> Result<(), Fault> {
    let mut tx = pool.begin_with(BEGIN).await?;
    match fill(&mut tx, lease, &Flat::of(groups)).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(fault) => {
            tx.rollback().await?;
            Err(fault)
        }
    }
}

async fn fill(db: &mut SqliteConnection, lease: Option<&Lease>, flat: &Flat<'_>) -> Result<(), Fault> {
    if let Some(lease) = lease {
        check_lease(db, lease).await?;
    }
    check_starts(db, &flat.starts().ok_or(Fault::Conflict)?).await?;
    for m in &flat.messages {
        let q = sqlx::query(own::ADD_MESSAGE).bind(&m.sender).bind(&m.identifier).bind(&m.warning);
        q.bind(&m.digest.0[..]).execute(&mut *db).await?;
    }
    if !flat.names_agree() {
        return Err(Fault::Conflict);
    }
    for n in &flat.names {
        let q = sqlx::query(own::ADD_NAME).bind(&n.identifier).bind(&n.sender).bind(&n.warning);
        if q.execute(&mut *db).await?.rows_affected() == 0 {
            return Err(Fault::Conflict);
        }
    }
    for r in &flat.records {
        let q = sqlx::query(own::ADD_RECORD).bind(r.stream.as_str()).bind(int(r.first)).bind(i64::from(r.count));
        let q = q.bind(r.recorded_at.0).bind(i32::from(r.version)).bind(r.body.as_bytes());
        q.bind(&r.prev.0[..]).bind(&r.hash.0[..]).execute(&mut *db).await?;
    }
    if !flat.taken.is_empty() {
        sqlx::query(own::TAKE).bind(json(&flat.taken)?).execute(&mut *db).await?;
    }
    for i in &flat.posts {
        let q = sqlx::query(own::POST).bind(&i.id).bind(i.stream.as_str()).bind(colour_number(i.colour));
        q.bind(i.posted_at.0).bind(json(&i.command)?).execute(&mut *db).await?;
    }
    for c in &flat.callouts {
        let q = sqlx::query(own::PUT_CALLOUT).bind(c.stream.as_str()).bind(&c.warning).bind(&c.region);
        let q = q.bind(colour_number(c.colour)).bind(c.opened_at.0).bind(c.closed_at.map(|at| at.0));
        q.execute(&mut *db).await?;
    }
    for b in &flat.blobs {
        let q = sqlx::query(own::ADD_BLOB).bind(&b.digest.0[..]).bind(&b.subject).bind(&b.sealed);
        q.execute(&mut *db).await?;
    }
    for s in &flat.salts {
        sqlx::query(own::ADD_SALT).bind(&s.subject).bind(&s.salt[..]).execute(&mut *db).await?;
    }
    Ok(())
}

async fn check_lease(db: &mut SqliteConnection, lease: &Lease) -> Outcome<()> {
    let epoch: Option<i64> = sqlx::query_scalar(own::EPOCH).bind(&lease.cell).fetch_optional(db).await?;
    let held = natural("lease", epoch.unwrap_or(0))?;
    if held == lease.epoch {
        return Ok(());
    }
    Err(JournalError::Fenced { cell: lease.cell.clone(), mine: lease.epoch, held })
}

/// Whether records begin where their streams end.
async fn check_starts(db: &mut SqliteConnection, starts: &[(&str, u64)]) -> Result<(), Fault> {
    if starts.is_empty() {
        return Ok(());
    }
    let streams: Vec<_> = starts.iter().map(|(stream, _)| stream).collect();
    let rows: Vec<(String, i64)> = sqlx::query_as(own::ENDS).bind(json(&streams)?).fetch_all(db).await?;
    let ends: HashMap<_, _> = rows.iter().map(|(stream, end)| (stream.as_str(), *end)).collect();
    let follows = |(stream, first): &(&str, u64)| ends.get(stream).copied().unwrap_or(0) == int(*first);
    if starts.iter().all(follows) { Ok(()) } else { Err(Fault::Conflict) }
}
