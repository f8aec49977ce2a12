-- Every identifier that a message of a warning bears or refers to, also before its own message came.
create table message_name (
    identifier text collate "C" not null,
    sender     text collate "C" not null,
    warning    text collate "C" not null,
    primary key (identifier, sender)
);

insert into message_name (identifier, sender, warning) select identifier, sender, warning from message;
