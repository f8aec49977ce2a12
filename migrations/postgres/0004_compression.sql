-- Bodies are written while somebody waits for the first call: LZ4 takes a tenth of the time that
-- PostgreSQL's own method does. A server that was built without it keeps that one.
do $$
begin
    alter table record alter column body set compression lz4;
    alter table inbox alter column command set compression lz4;
exception when feature_not_supported then
    raise notice 'this server has no lz4';
end;
$$;

-- What is sealed cannot be made smaller: nobody shall try.
alter table blob alter column sealed set storage external;
alter table parked alter column sealed set storage external;
