//! Statements that both dialects read alike.

/// Declares statements and, for the test that prepares them all, their list.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(in crate::journal) const $name: &str = $sql;)*
        /// All of the above with their names.
        #[cfg(test)]
        pub(in crate::journal) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(in crate::journal) use statements;

statements! {
    /// Stream, from, limit. Starts at the record that holds `from`, found by the primary key.
    READ = "select stream, first_seq, count, recorded_at, version, body, prev, hash from record \
        where stream = $1 and first_seq + count > $2 and first_seq >= \
        coalesce((select max(first_seq) from record where stream = $1 and first_seq <= $2), 0) \
        order by first_seq limit $3";
    /// Beginning, and what follows everything that begins so.
    STREAMS = "select stream from record where first_seq = 0 and stream >= $1 and stream < $2 order by stream";
    /// Sender, identifier.
    MESSAGE = "select sender, identifier, warning, digest from message where sender = $1 and identifier = $2";
    /// Identifier.
    NAMES = "select identifier, sender, warning from message_name where identifier = $1 order by sender";
    /// Nothing.
    CALLOUTS_OPEN = "select stream, warning, region, colour, opened_at, closed_at from callout \
        where closed_at is null order by stream";
    /// Moment.
    CALLOUTS_CLOSED_SINCE = "select stream, warning, region, colour, opened_at, closed_at from callout \
        where closed_at >= $1 order by stream";
    /// Moment, limit.
    CALLOUTS_BEFORE = "select stream, warning, region, colour, opened_at, closed_at from callout \
        where opened_at < $1 order by opened_at desc, stream limit $2";
    /// Cell.
    HOLDER = "select epoch, holder from lease where cell = $1 and holder is not null";
    /// Cell, epoch.
    RELEASE = "update lease set holder = null where cell = $1 and epoch = $2";
    /// Digest.
    BLOB = "select digest, subject, sealed from blob where digest = $1";
    /// Subject.
    SALT = "select salt from salt where subject = $1";
    /// Subject.
    ERASE = "delete from salt where subject = $1";
    /// All columns.
    PARK = "insert into parked (id, at, door, account, findings, digest, subject, sealed) \
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing";
    /// Limit.
    PARKED = "select id, at, door, account, findings, digest, subject, sealed from parked \
        order by at desc, id limit $1";
    /// Published, stored at. Takes the next number.
    PUT_DIRECTORY = "insert into directory (version, published, stored_at) \
        select coalesce(max(version), 0) + 1, $1, $2 from directory returning version";
    /// Version, published.
    PUBLISH_DIRECTORY = "update directory set published = $2 where version = $1";
    /// Version.
    DIRECTORY = "select version, published, stored_at from directory where version = $1";
    /// Published.
    DIRECTORY_LAST = "select version, published, stored_at from directory where published = $1 \
        order by version desc limit 1";
    /// Version.
    CHUNKS = "select bytes from directory_chunk where version = $1 order by place";
    /// Follower.
    CURSORS = "select stream, next_seq from follower_cursor where follower = $1 order by stream";
}
