//! A batch in PostgreSQL: one call of the function that the migrations make, its rows in arrays.

use super::statements as own;
use crate::journal::sql::{Fault, Flat, colour_number, int, json, natural};
use crate::journal::{Group, JournalError, Lease, Outcome};
use sqlx::PgPool;

/// Stores all groups or none.
pub(super) async fn store(pool: &PgPool, lease: Option<&Lease>, groups: &[Group]) -> Result<(), Fault> {
    let flat = Flat::of(groups);
    let starts = flat.starts().filter(|_| flat.names_agree()).ok_or(Fault::Conflict)?;
    let Flat { records, messages, names, taken, posts, callouts, blobs, salts } = flat;
    let commands: Vec<String> = posts.iter().map(|i| json(&i.command)).collect::<Outcome<_>>()?;
    let q = sqlx::query_scalar(own::STORE_GROUPS)
        .bind(lease.map(|l| l.cell.as_str()))
        .bind(lease.map(|l| int(l.epoch)))
        .bind(column(&starts, |(stream, _)| *stream))
        .bind(column(&starts, |(_, seq)| int(*seq)))
        .bind(column(&records, |r| r.stream.as_str()))
        .bind(column(&records, |r| int(r.first)))
        .bind(column(&records, |r| i64::from(r.count)))
        .bind(column(&records, |r| r.recorded_at.0))
        .bind(column(&records, |r| i32::from(r.version)))
        .bind(column(&records, |r| r.body.as_bytes()))
        .bind(column(&records, |r| &r.prev.0[..]))
        .bind(column(&records, |r| &r.hash.0[..]))
        .bind(column(&messages, |m| m.sender.as_str()))
        .bind(column(&messages, |m| m.identifier.as_str()))
        .bind(column(&messages, |m| m.warning.as_str()))
        .bind(column(&messages, |m| &m.digest.0[..]))
        .bind(column(&names, |n| n.identifier.as_str()))
        .bind(column(&names, |n| n.sender.as_str()))
        .bind(column(&names, |n| n.warning.as_str()))
        .bind(&taken)
        .bind(column(&posts, |i| i.id.as_str()))
        .bind(column(&posts, |i| i.stream.as_str()))
        .bind(column(&posts, |i| colour_number(i.colour)))
        .bind(column(&posts, |i| i.posted_at.0))
        .bind(commands)
        .bind(column(&callouts, |c| c.stream.as_str()))
        .bind(column(&callouts, |c| c.warning.as_str()))
        .bind(column(&callouts, |c| c.region.as_str()))
        .bind(column(&callouts, |c| colour_number(c.colour)))
        .bind(column(&callouts, |c| c.opened_at.0))
        .bind(column(&callouts, |c| c.closed_at.map(|at| at.0)))
        .bind(column(&blobs, |b| &b.digest.0[..]))
        .bind(column(&blobs, |b| b.subject.as_str()))
        .bind(column(&blobs, |b| &b.sealed[..]))
        .bind(column(&salts, |s| s.subject.as_str()))
        .bind(column(&salts, |s| &s.salt[..]));
    let held: Option<i64> = q.fetch_one(pool).await?;
    match (held, lease) {
        (Some(held), Some(lease)) => {
            let held = natural("lease", held)?;
            Err(JournalError::Fenced { cell: lease.cell.clone(), mine: lease.epoch, held }.into())
        }
        _ => Ok(()),
    }
}

/// One column of the rows.
fn column<'a, R, T: 'a>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
