//! A batch in PostgreSQL: one insert per table, its rows in arrays.
//!
//! Another writer may append to a stream between the check and the insert; then the primary key
//! refuses the insert, and that is a conflict all the same.

use super::statements as own;
use crate::journal::sql::{Fault, Flat, colour_number, int, json, natural};
use crate::journal::{CalloutRow, Group, InboxItem, JournalError, Lease, MessageRow, Outcome, Record};
use sqlx::{PgConnection, PgPool};
use std::collections::HashMap;

/// Stores all groups or none.
pub(super) async fn store(pool: &PgPool, lease: Option<&Lease>, groups: &[Group]) -> Result<(), Fault> {
    let mut tx = pool.begin().await?;
    match fill(&mut tx, lease, &Flat::of(groups)).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(fault) => {
            tx.rollback().await?;
            Err(fault)
        }
    }
}

async fn fill(db: &mut PgConnection, lease: Option<&Lease>, flat: &Flat<'_>) -> Result<(), Fault> {
    if let Some(lease) = lease {
        check_lease(db, lease).await?;
    }
    if !flat.records.is_empty() {
        if !flat.continues(&ends(db, &flat.streams()).await?) {
            return Err(Fault::Conflict);
        }
        add_records(db, &flat.records).await?;
    }
    if !flat.messages.is_empty() {
        add_messages(db, &flat.messages).await?;
    }
    if !flat.names.is_empty() {
        let q = sqlx::query(own::ADD_NAMES).bind(column(&flat.names, |n| n.identifier.as_str()));
        let q = q.bind(column(&flat.names, |n| n.sender.as_str())).bind(column(&flat.names, |n| n.warning.as_str()));
        if !flat.names_agree() || q.execute(&mut *db).await?.rows_affected() < flat.names.len() as u64 {
            return Err(Fault::Conflict);
        }
    }
    if !flat.taken.is_empty() {
        sqlx::query(own::TAKE).bind(&flat.taken).execute(&mut *db).await?;
    }
    if !flat.posts.is_empty() {
        post(db, &flat.posts).await?;
    }
    if !flat.callouts.is_empty() {
        put_callouts(db, &flat.callouts).await?;
    }
    if !flat.blobs.is_empty() {
        let q = sqlx::query(own::ADD_BLOBS).bind(column(&flat.blobs, |b| &b.digest.0[..]));
        let q = q.bind(column(&flat.blobs, |b| b.subject.as_str())).bind(column(&flat.blobs, |b| &b.sealed[..]));
        q.execute(&mut *db).await?;
    }
    if !flat.salts.is_empty() {
        let q = sqlx::query(own::ADD_SALTS).bind(column(&flat.salts, |s| s.subject.as_str()));
        q.bind(column(&flat.salts, |s| &s.salt[..])).execute(&mut *db).await?;
    }
    Ok(())
}

async fn check_lease(db: &mut PgConnection, lease: &Lease) -> Outcome<()> {
    let epoch: Option<i64> = sqlx::query_scalar(own::EPOCH).bind(&lease.cell).fetch_optional(db).await?;
    let held = natural("lease", epoch.unwrap_or(0))?;
    if held == lease.epoch {
        return Ok(());
    }
    Err(JournalError::Fenced { cell: lease.cell.clone(), mine: lease.epoch, held })
}

async fn ends(db: &mut PgConnection, streams: &[&str]) -> Outcome<HashMap<String, u64>> {
    let rows: Vec<(String, i64)> = sqlx::query_as(own::ENDS).bind(streams).fetch_all(db).await?;
    rows.into_iter().map(|(stream, end)| Ok((stream, natural("record", end)?))).collect()
}

async fn add_records(db: &mut PgConnection, records: &[&Record]) -> sqlx::Result<()> {
    let q = sqlx::query(own::ADD_RECORDS)
        .bind(column(records, |r| r.stream.as_str()))
        .bind(column(records, |r| int(r.first)))
        .bind(column(records, |r| i64::from(r.count)))
        .bind(column(records, |r| r.recorded_at.0))
        .bind(column(records, |r| i32::from(r.version)))
        .bind(column(records, |r| r.body.as_bytes()))
        .bind(column(records, |r| &r.prev.0[..]))
        .bind(column(records, |r| &r.hash.0[..]));
    q.execute(db).await?;
    Ok(())
}

async fn add_messages(db: &mut PgConnection, messages: &[&MessageRow]) -> sqlx::Result<()> {
    let q = sqlx::query(own::ADD_MESSAGES)
        .bind(column(messages, |m| m.sender.as_str()))
        .bind(column(messages, |m| m.identifier.as_str()))
        .bind(column(messages, |m| m.warning.as_str()))
        .bind(column(messages, |m| &m.digest.0[..]));
    q.execute(db).await?;
    Ok(())
}

async fn post(db: &mut PgConnection, items: &[&InboxItem]) -> Outcome<()> {
    let commands: Vec<String> = items.iter().map(|i| json(&i.command)).collect::<Outcome<_>>()?;
    let q = sqlx::query(own::POST)
        .bind(column(items, |i| i.id.as_str()))
        .bind(column(items, |i| i.stream.as_str()))
        .bind(column(items, |i| colour_number(i.colour)))
        .bind(column(items, |i| i.posted_at.0))
        .bind(commands);
    q.execute(db).await?;
    Ok(())
}

async fn put_callouts(db: &mut PgConnection, rows: &[&CalloutRow]) -> sqlx::Result<()> {
    let q = sqlx::query(own::PUT_CALLOUTS)
        .bind(column(rows, |c| c.stream.as_str()))
        .bind(column(rows, |c| c.warning.as_str()))
        .bind(column(rows, |c| c.region.as_str()))
        .bind(column(rows, |c| colour_number(c.colour)))
        .bind(column(rows, |c| c.opened_at.0))
        .bind(column(rows, |c| c.closed_at.map(|at| at.0)));
    q.execute(db).await?;
    Ok(())
}

/// One column of the rows.
fn column<'a, R, T: 'a>(rows: &[&'a R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|r| value(r)).collect()
}
