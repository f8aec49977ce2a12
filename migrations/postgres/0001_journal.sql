-- Text is compared by its bytes everywhere, so that both stores sort alike.
-- Times are integer microseconds since 1970-01-01T00:00:00Z.

create table record (
    stream      text collate "C" not null,
    first_seq   bigint not null,
    count       bigint not null,
    recorded_at bigint not null,
    version     integer not null,
    body        bytea not null,
    prev        bytea not null,
    hash        bytea not null,
    primary key (stream, first_seq)
);

-- colour: 0 blue, 1 yellow, 2 orange, 3 red. command: JSON as text, so that no byte of it changes.
create table inbox (
    id        text collate "C" primary key,
    stream    text collate "C" not null,
    colour    smallint not null,
    posted_at bigint not null,
    command   text not null
);

create table message (
    sender     text collate "C" not null,
    identifier text collate "C" not null,
    warning    text collate "C" not null,
    digest     bytea not null,
    primary key (sender, identifier)
);

create table callout (
    stream    text collate "C" primary key,
    warning   text collate "C" not null,
    region    text collate "C" not null,
    colour    smallint not null,
    opened_at bigint not null,
    closed_at bigint
);

-- The row stays when the lease is given back: its epoch must never run backwards.
create table lease (
    cell       text collate "C" primary key,
    epoch      bigint not null,
    holder     text collate "C",
    expires_at bigint not null
);

create table blob (
    digest  bytea primary key,
    subject text collate "C" not null,
    sealed  bytea not null
);

create table salt (
    subject text collate "C" primary key,
    salt    bytea not null
);

create table parked (
    id       text collate "C" primary key,
    at       bigint not null,
    door     text collate "C" not null,
    account  text collate "C",
    findings text not null,
    digest   bytea not null,
    subject  text collate "C" not null,
    sealed   bytea not null
);

create table directory (
    version   bigint primary key,
    published boolean not null,
    stored_at bigint not null
);

create table directory_chunk (
    version bigint not null references directory (version),
    place   bigint not null,
    bytes   bytea not null,
    primary key (version, place)
);

create table follower_cursor (
    follower text collate "C" not null,
    stream   text collate "C" not null,
    next_seq bigint not null,
    primary key (follower, stream)
);
