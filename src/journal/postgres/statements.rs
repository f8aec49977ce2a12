//! Statements in PostgreSQL's dialect. Rows are written many at once, a column to an array.

use crate::journal::sql::statements::statements;

statements! {
    /// Lease, then the columns of all rows; see the migration that makes the function.
    STORE_GROUPS = "select store_groups($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
        $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)";
    /// Ids to leave out, limit. All of a callout's items stand under its gravest colour, so that
    /// a later one never overtakes an earlier.
    INBOX = "select i.id, i.stream, i.colour, i.posted_at, i.command from inbox as i \
        join (select stream, max(colour) as colour from inbox group by stream) as s on s.stream = i.stream \
        where i.id <> all($1::text[]) order by s.colour desc, i.posted_at, i.id limit $2";
    /// Cell, holder, milliseconds. Nothing comes back when another holder's lease still runs.
    ACQUIRE = "insert into lease (cell, epoch, holder, expires_at) \
        values ($1, 1, $2, (extract(epoch from clock_timestamp()) * 1000000)::bigint + $3::bigint * 1000) \
        on conflict (cell) do update set holder = excluded.holder, expires_at = excluded.expires_at, \
        epoch = case when lease.holder = excluded.holder then lease.epoch else lease.epoch + 1 end \
        where lease.holder is null or lease.holder = excluded.holder \
        or lease.expires_at <= (extract(epoch from clock_timestamp()) * 1000000)::bigint returning epoch";
    /// Nothing. Numbers of versions are given out one transaction at a time.
    LOCK_DIRECTORY = "lock table directory in share row exclusive mode";
    /// Version, chunks.
    PUT_CHUNKS = "insert into directory_chunk (version, place, bytes) \
        select $1, c.place - 1, c.bytes from unnest($2::bytea[]) with ordinality as c (bytes, place)";
    /// Follower, streams, next sequences.
    SET_CURSORS = "insert into follower_cursor (follower, stream, next_seq) \
        select $1, * from unnest($2::text[], $3::bigint[]) \
        on conflict (follower, stream) do update set next_seq = excluded.next_seq";
}

#[cfg(test)]
mod tests {
    use crate::journal::postgres::testing;
    use crate::journal::sql::statements as common;
    use sqlx::{ConnectOptions, Executor, SqlSafeStr};

    #[tokio::test]
    async fn every_statement_fits_the_tables() {
        let Some(options) = testing::server() else { return };
        let mut db = options.connect().await.unwrap();
        // A schema of its own: functions are not found among what is temporary. Nothing of it is kept.
        db.execute("begin; create schema statements; set local search_path to statements").await.unwrap();
        for migration in sqlx::migrate!("migrations/postgres").iter() {
            db.execute(migration.sql.clone()).await.unwrap();
        }
        for (name, sql) in common::ALL.iter().chain(super::ALL) {
            let prepared = db.prepare(sql.into_sql_str()).await;
            assert!(prepared.is_ok(), "{name}: {}", prepared.unwrap_err());
        }
    }
}
