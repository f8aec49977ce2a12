//! Statements in SQLite's dialect.

use crate::journal::sql::statements::statements;

statements! {
    /// JSON array of streams: those that hold records, with the sequence that comes next.
    ENDS = "select r.stream, r.first_seq + r.count from json_each($1) as s join record as r \
        on r.stream = s.value and r.first_seq = (select max(first_seq) from record where stream = s.value)";
    /// Cell.
    EPOCH = "select epoch from lease where cell = $1";
    /// All columns.
    ADD_RECORD = "insert into record (stream, first_seq, count, recorded_at, version, body, prev, hash) \
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// All columns.
    ADD_MESSAGE = "insert into message (sender, identifier, warning, digest) values ($1, $2, $3, $4)";
    /// All columns. A name that leads to another warning is left, and not counted.
    ADD_NAME = "insert into message_name (identifier, sender, warning) values ($1, $2, $3) \
        on conflict (identifier, sender) do update set warning = excluded.warning \
        where message_name.warning = excluded.warning";
    /// JSON array of ids.
    TAKE = "delete from inbox where id in (select value from json_each($1))";
    /// All columns.
    POST = "insert into inbox (id, stream, colour, posted_at, command) values ($1, $2, $3, $4, $5) \
        on conflict (id) do nothing";
    /// All columns.
    PUT_CALLOUT = "insert into callout (stream, warning, region, colour, opened_at, closed_at) \
        values ($1, $2, $3, $4, $5, $6) on conflict (stream) do update set warning = excluded.warning, \
        region = excluded.region, colour = excluded.colour, opened_at = excluded.opened_at, \
        closed_at = excluded.closed_at";
    /// All columns.
    ADD_BLOB = "insert into blob (digest, subject, sealed) values ($1, $2, $3) on conflict (digest) do nothing";
    /// All columns.
    ADD_SALT = "insert into salt (subject, salt) values ($1, $2) on conflict (subject) do nothing";
    /// JSON array of ids to leave out, limit. All of a callout's items stand under its gravest colour, so that
    /// a later one never overtakes an earlier.
    INBOX = "select i.id, i.stream, i.colour, i.posted_at, i.command from inbox as i \
        join (select stream, max(colour) as colour from inbox group by stream) as s on s.stream = i.stream \
        where i.id not in (select value from json_each($1)) order by s.colour desc, i.posted_at, i.id limit $2";
    /// Cell, holder, milliseconds. Nothing comes back when another holder's lease still runs.
    ACQUIRE = "insert into lease (cell, epoch, holder, expires_at) \
        values ($1, 1, $2, cast(unixepoch('subsec') * 1000000 as integer) + $3 * 1000) \
        on conflict (cell) do update set holder = excluded.holder, expires_at = excluded.expires_at, \
        epoch = case when lease.holder = excluded.holder then lease.epoch else lease.epoch + 1 end \
        where lease.holder is null or lease.holder = excluded.holder \
        or lease.expires_at <= cast(unixepoch('subsec') * 1000000 as integer) returning epoch";
    /// Version, place, bytes.
    PUT_CHUNK = "insert into directory_chunk (version, place, bytes) values ($1, $2, $3)";
    /// Follower, stream, next sequence.
    SET_CURSOR = "insert into follower_cursor (follower, stream, next_seq) values ($1, $2, $3) \
        on conflict (follower, stream) do update set next_seq = excluded.next_seq";
}

#[cfg(test)]
mod tests {
    use crate::journal::sql::statements as common;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Executor, SqlSafeStr};

    #[tokio::test]
    async fn every_statement_fits_the_tables() {
        let mut db = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        sqlx::migrate!("migrations/sqlite").run(&mut db).await.unwrap();
        for (name, sql) in common::ALL.iter().chain(super::ALL) {
            let prepared = db.prepare(sql.into_sql_str()).await;
            assert!(prepared.is_ok(), "{name}: {}", prepared.unwrap_err());
        }
    }
}
