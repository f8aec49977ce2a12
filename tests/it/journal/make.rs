//! Sample rows.

use jiaoying::journal::{
    Batch, Blob, CalloutRow, Conflict, Group, InboxItem, Journal, MessageName, MessageRow, Parked, Record, Salt,
};
use jiaoying::model::{Colour, Command, Digest, Finding, StreamId, Timestamp};

/// Records of one event each: places `from..to` of a stream, chained from the start.
pub fn records(stream: &str, from: u64, to: u64) -> Vec<Record> {
    let stream = StreamId::from(stream);
    let (mut prev, mut all) = (Digest::default(), Vec::new());
    for n in 0..to {
        let at = Timestamp(1_760_000_000_000_001 + n as i64);
        let entry = (at, format!("事件 {n}: \u{1F30A} \"quoted\" \\ back\u{0}slash"));
        all.extend(Record::chain(&stream, n, prev, at, &[entry]).unwrap());
        prev = all.last().unwrap().hash;
    }
    all.split_off(from as usize)
}

/// A group of such records.
pub fn group(stream: &str, from: u64, to: u64) -> Group {
    Group { records: records(stream, from, to), ..Group::default() }
}

pub fn message(identifier: &str) -> MessageRow {
    MessageRow {
        sender: "530000".into(),
        identifier: identifier.into(),
        warning: "00ff".into(),
        digest: Digest::of(identifier.as_bytes()),
    }
}

pub fn name(identifier: &str, warning: &str) -> MessageName {
    MessageName { identifier: identifier.into(), sender: "530000".into(), warning: warning.into() }
}

/// An item of a callout of its own.
pub fn item(id: &str, colour: Colour, posted_at: i64) -> InboxItem {
    item_of(&format!("533324-{id}"), id, colour, posted_at)
}

pub fn item_of(stream: &str, id: &str, colour: Colour, posted_at: i64) -> InboxItem {
    InboxItem { id: id.into(), stream: stream.into(), colour, posted_at: Timestamp(posted_at), command: Command::Tick }
}

pub fn callout(stream: &str, opened_at: i64, closed_at: Option<i64>) -> CalloutRow {
    CalloutRow {
        stream: stream.into(),
        warning: "00ff".into(),
        region: "533324".into(),
        colour: Colour::Orange,
        opened_at: Timestamp(opened_at),
        closed_at: closed_at.map(Timestamp),
    }
}

pub fn blob(bytes: &[u8]) -> Blob {
    Blob { digest: Digest::of(bytes), subject: "person/1".into(), sealed: bytes.into() }
}

pub fn salt(subject: &str, byte: u8) -> Salt {
    Salt { subject: subject.into(), salt: [byte; 32] }
}

pub fn parked(id: &str, at: i64) -> Parked {
    Parked {
        id: id.into(),
        at: Timestamp(at),
        door: "http".into(),
        account: (at % 2 == 0).then(|| "moji".into()),
        findings: vec![Finding::fatal("/alert/info[1]", "没有颜色")],
        raw: blob(id.as_bytes()),
    }
}

/// Stores groups under no lease.
pub async fn commit(journal: &dyn Journal, groups: Vec<Group>) -> Vec<Result<(), Conflict>> {
    journal.commit(Batch { lease: None, groups }).await.unwrap()
}
