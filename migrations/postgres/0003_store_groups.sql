-- What a batch writes, in one call: a transaction that is begun and ended by the client costs a round
-- trip for every statement, and people wait for it. Arrays hold a column each.
--
-- Null when all is stored. The epoch under which the lease is held when that is not the writer's: then
-- nothing is stored. A conflict raises unique_violation, and nothing is stored.
create function store_groups(
    lease_cell text, lease_epoch bigint,
    -- The streams of the records, each with the sequence at which its first one begins.
    start_stream text[], start_seq bigint[],
    record_stream text[], record_first bigint[], record_count bigint[], record_at bigint[],
    record_version integer[], record_body bytea[], record_prev bytea[], record_hash bytea[],
    message_sender text[], message_identifier text[], message_warning text[], message_digest bytea[],
    name_identifier text[], name_sender text[], name_warning text[],
    inbox_taken text[],
    inbox_id text[], inbox_stream text[], inbox_colour smallint[], inbox_at bigint[], inbox_command text[],
    callout_stream text[], callout_warning text[], callout_region text[], callout_colour smallint[],
    callout_opened bigint[], callout_closed bigint[],
    blob_digest bytea[], blob_subject text[], blob_sealed bytea[],
    salt_subject text[], salt_bytes bytea[]
) returns bigint language plpgsql as $$
declare
    held bigint;
    stored bigint;
begin
    if lease_cell is not null then
        -- The row stays locked until the end, so the lease cannot change hands meanwhile.
        select epoch into held from lease where cell = lease_cell for share;
        if held is distinct from lease_epoch then
            return coalesce(held, 0);
        end if;
    end if;
    if cardinality(record_stream) > 0 then
        if exists (
            select from unnest(start_stream, start_seq) as s (stream, seq) where s.seq <> coalesce(
                (select r.first_seq + r.count from record as r where r.stream = s.stream
                 order by r.first_seq desc limit 1), 0)
        ) then
            raise unique_violation using message = 'a record does not begin where its stream ends';
        end if;
        -- Another writer may append between the check and the insert; then the primary key refuses it.
        insert into record (stream, first_seq, count, recorded_at, version, body, prev, hash)
            select * from unnest(record_stream, record_first, record_count, record_at, record_version,
                record_body, record_prev, record_hash);
    end if;
    if cardinality(message_sender) > 0 then
        insert into message (sender, identifier, warning, digest)
            select * from unnest(message_sender, message_identifier, message_warning, message_digest);
    end if;
    if cardinality(name_identifier) > 0 then
        -- A name that leads to another warning is left, and not counted.
        insert into message_name (identifier, sender, warning)
            select * from unnest(name_identifier, name_sender, name_warning)
            on conflict (identifier, sender) do update set warning = excluded.warning
            where message_name.warning = excluded.warning;
        get diagnostics stored = row_count;
        if stored < cardinality(name_identifier) then
            raise unique_violation using message = 'a name leads to another warning';
        end if;
    end if;
    if cardinality(inbox_taken) > 0 then
        delete from inbox where id = any (inbox_taken);
    end if;
    if cardinality(inbox_id) > 0 then
        insert into inbox (id, stream, colour, posted_at, command)
            select * from unnest(inbox_id, inbox_stream, inbox_colour, inbox_at, inbox_command)
            on conflict (id) do nothing;
    end if;
    if cardinality(callout_stream) > 0 then
        insert into callout (stream, warning, region, colour, opened_at, closed_at)
            select * from unnest(callout_stream, callout_warning, callout_region, callout_colour,
                callout_opened, callout_closed)
            on conflict (stream) do update set warning = excluded.warning, region = excluded.region,
            colour = excluded.colour, opened_at = excluded.opened_at, closed_at = excluded.closed_at;
    end if;
    if cardinality(blob_digest) > 0 then
        insert into blob (digest, subject, sealed)
            select * from unnest(blob_digest, blob_subject, blob_sealed) on conflict (digest) do nothing;
    end if;
    if cardinality(salt_subject) > 0 then
        insert into salt (subject, salt)
            select * from unnest(salt_subject, salt_bytes) on conflict (subject) do nothing;
    end if;
    return null;
end;
$$;
