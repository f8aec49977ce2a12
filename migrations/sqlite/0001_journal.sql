-- Times are integer microseconds since 1970-01-01T00:00:00Z.

create table record (
    stream      text not null,
    first_seq   integer not null,
    count       integer not null,
    recorded_at integer not null,
    version     integer not null,
    body        blob not null,
    prev        blob not null,
    hash        blob not null,
    primary key (stream, first_seq)
) strict;

-- colour: 0 blue, 1 yellow, 2 orange, 3 red. command: JSON as text, so that no byte of it changes.
create table inbox (
    id        text primary key,
    stream    text not null,
    colour    integer not null,
    posted_at integer not null,
    command   text not null
) strict;

create table message (
    sender     text not null,
    identifier text not null,
    warning    text not null,
    digest     blob not null,
    primary key (sender, identifier)
) strict, without rowid;

create table callout (
    stream    text primary key,
    warning   text not null,
    region    text not null,
    colour    integer not null,
    opened_at integer not null,
    closed_at integer
) strict;

-- The row stays when the lease is given back: its epoch must never run backwards.
create table lease (
    cell       text primary key,
    epoch      integer not null,
    holder     text,
    expires_at integer not null
) strict, without rowid;

create table blob (
    digest  blob primary key,
    subject text not null,
    sealed  blob not null
) strict;

create table salt (
    subject text primary key,
    salt    blob not null
) strict, without rowid;

create table parked (
    id       text primary key,
    at       integer not null,
    door     text not null,
    account  text,
    findings text not null,
    digest   blob not null,
    subject  text not null,
    sealed   blob not null
) strict;

create table directory (
    version   integer primary key,
    published integer not null,
    stored_at integer not null
) strict;

create table directory_chunk (
    version integer not null references directory (version),
    place   integer not null,
    bytes   blob not null,
    primary key (version, place)
) strict;

create table follower_cursor (
    follower text not null,
    stream   text not null,
    next_seq integer not null,
    primary key (follower, stream)
) strict, without rowid;
