-- What the peers on PostgreSQL record beside their jobs.
create table person (id int primary key, village text not null, name text not null, number text not null);
create index on person (village);
create table call (
    key text primary key,
    person int not null references person,
    released_at timestamptz not null default now(),
    outcome text,
    escalation text,
    answered_at timestamptz
);
