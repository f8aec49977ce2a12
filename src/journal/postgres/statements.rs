//! Statements in PostgreSQL's dialect. Rows are written many at once, a column to an array.

use crate::journal::sql::statements::statements;

statements! {
    /// Streams: those that hold records, with the sequence that comes next.
    ENDS = "select s.stream, r.first_seq + r.count from unnest($1::text[]) as s (stream) cross join lateral \
        (select first_seq, count from record where stream = s.stream order by first_seq desc limit 1) as r";
    /// Cell. The row stays locked until the transaction ends, so the lease cannot change hands meanwhile.
    EPOCH = "select epoch from lease where cell = $1 for share";
    /// All columns.
    ADD_RECORDS = "insert into record (stream, first_seq, count, recorded_at, version, body, prev, hash) \
        select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], \
        $6::bytea[], $7::bytea[], $8::bytea[])";
    /// All columns.
    ADD_MESSAGES = "insert into message (sender, identifier, warning, digest) \
        select * from unnest($1::text[], $2::text[], $3::text[], $4::bytea[])";
    /// All columns. A name that leads to another warning is left, and not counted.
    ADD_NAMES = "insert into message_name (identifier, sender, warning) \
        select * from unnest($1::text[], $2::text[], $3::text[]) \
        on conflict (identifier, sender) do update set warning = excluded.warning \
        where message_name.warning = excluded.warning";
    /// Ids.
    TAKE = "delete from inbox where id = any($1::text[])";
    /// All columns.
    POST = "insert into inbox (id, stream, colour, posted_at, command) \
        select * from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::text[]) \
        on conflict (id) do nothing";
    /// All columns.
    PUT_CALLOUTS = "insert into callout (stream, warning, region, colour, opened_at, closed_at) \
        select * from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::bigint[]) \
        on conflict (stream) do update set warning = excluded.warning, region = excluded.region, \
        colour = excluded.colour, opened_at = excluded.opened_at, closed_at = excluded.closed_at";
    /// All columns.
    ADD_BLOBS = "insert into blob (digest, subject, sealed) \
        select * from unnest($1::bytea[], $2::text[], $3::bytea[]) on conflict (digest) do nothing";
    /// All columns.
    ADD_SALTS = "insert into salt (subject, salt) \
        select * from unnest($1::text[], $2::bytea[]) on conflict (subject) do nothing";
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
        // The tables live in the session's own schema and go with it.
        let mut db = options.options([("search_path", "pg_temp")]).connect().await.unwrap();
        sqlx::migrate!("migrations/postgres").run(&mut db).await.unwrap();
        for (name, sql) in common::ALL.iter().chain(super::ALL) {
            let prepared = db.prepare(sql.into_sql_str()).await;
            assert!(prepared.is_ok(), "{name}: {}", prepared.unwrap_err());
        }
    }
}
