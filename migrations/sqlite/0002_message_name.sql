-- Every identifier that a message of a warning bears or refers to, also before its own message came.
create table message_name (
    identifier text not null,
    sender     text not null,
    warning    text not null,
    primary key (identifier, sender)
) strict, without rowid;

insert into message_name (identifier, sender, warning) select identifier, sender, warning from message;
