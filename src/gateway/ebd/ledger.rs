//! The ledger: which message identifiers were given, and which messages may still be played. A file of lines,
//! written before a message goes out, so that no identifier is given twice and a restart knows what it may stop.

use crate::model::{AttemptKey, Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages that are remembered beyond their time, for what the platform tells late.
const KEPT_MS: i64 = 3_600_000;

/// A message that went out, or was about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Its identifier, 30 digits.
    pub(super) ebmid: String,
    /// When it ends by itself.
    pub(super) until: Timestamp,
    /// The attempts that it carries, and where each plays.
    pub(super) members: Vec<Member>,
    /// Questions that were asked about it.
    #[serde(skip)]
    pub(super) polls: u32,
    /// What was told of it last, so that it is not told again.
    #[serde(skip)]
    pub(super) told: Option<String>,
    /// Whether the platform took it that the message is cancelled.
    #[serde(skip)]
    pub(super) cancelled: bool,
}

/// An attempt of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) key: String,
    /// Area or resource.
    pub(super) place: String,
    /// Whether it is not wanted any more.
    #[serde(skip)]
    pub(super) withdrawn: bool,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A message goes out.
    Open(Open),
    /// It needs no more attention.
    Done(String),
}

/// The messages of one gateway.
pub(super) struct Ledger {
    source: String,
    sequence: [u16; 2],
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: File,
    /// Whether the last line may have been broken off.
    torn: bool,
    /// The day of the last identifier, `yyyymmdd`, and the next sequence number of it.
    day: String,
    next: u32,
    open: BTreeMap<String, Open>,
    by_key: HashMap<String, String>,
}

// === impl Ledger ===

impl Ledger {
    /// Reads the file, or begins one. A line that was broken off is passed over; it belongs to a message that
    /// never went out.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(super) fn open(path: &Path, source: &str, sequence: [u16; 2], now: Timestamp) -> Result<Self, String> {
        let fault = |e: std::io::Error| format!("{}: {e}", path.display());
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        let mut open = BTreeMap::new();
        let mut last = String::new();
        let bytes = match std::fs::read(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(fault)?,
        };
        for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Open(message)) => {
                    last = message.ebmid.clone().max(last);
                    open.insert(message.ebmid.clone(), message);
                }
                Ok(Line::Done(ebmid)) => drop(open.remove(&ebmid)),
                Err(_) => tracing::warn!(file = %path.display(), "a line that is none of ours"),
            }
        }
        open.retain(|_, message| message.until.plus_ms(KEPT_MS) > now);
        let (day, next) = after(&last, source, sequence);
        // The last identifier stays in the file, whatever became of its message.
        let given =
            Open { ebmid: last, until: Timestamp(0), members: Vec::new(), polls: 0, told: None, cancelled: false };
        let file = rewrite(path, &given, &open).map_err(fault)?;
        let by_key = open.values().flat_map(keys).collect();
        let inner = Inner { file, torn: false, day, next, open, by_key };
        Ok(Self { source: source.to_owned(), sequence, path: path.into(), inner: Mutex::new(inner) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an identifier to a message and writes both down.
    ///
    /// # Errors
    /// When the day's identifiers are used up, or the file cannot be written: nothing may go out then.
    pub(super) fn begin(&self, members: Vec<Member>, until: Timestamp, now: Timestamp) -> Result<Open, String> {
        let mut inner = self.inner();
        let today = now.to_cst().format("%Y%m%d").to_string();
        // A clock that went back must not give yesterday's identifiers again.
        if today > inner.day {
            (inner.day, inner.next) = (today, self.sequence[0].into());
        }
        if inner.next > self.sequence[1].into() {
            return Err("the message identifiers of this day are used up".into());
        }
        let ebmid = format!("{}{}{:04}", self.source, inner.day, inner.next);
        let message = Open { ebmid, until, members, polls: 0, told: None, cancelled: false };
        inner.append(&Line::Open(message.clone())).map_err(|e| format!("{}: {e}", self.path.display()))?;
        inner.next += 1;
        inner.by_key.extend(keys(&message));
        inner.open.insert(message.ebmid.clone(), message.clone());
        Ok(message)
    }

    /// A message by its identifier.
    pub(super) fn get(&self, ebmid: &str) -> Option<Open> {
        self.inner().open.get(ebmid).cloned()
    }

    /// Marks an attempt as not wanted. The message, when none of its attempts is wanted any more.
    pub(super) fn withdraw(&self, key: &AttemptKey) -> Option<Open> {
        let mut inner = self.inner();
        let key = key.to_string();
        let ebmid = inner.by_key.get(&key)?.clone();
        let message = inner.open.get_mut(&ebmid)?;
        message.members.iter_mut().filter(|m| m.key == key).for_each(|m| m.withdrawn = true);
        message.is_unwanted().then(|| message.clone())
    }

    /// The platform took it that a message is cancelled.
    pub(super) fn cancelled(&self, ebmid: &str) {
        if let Some(message) = self.inner().open.get_mut(ebmid) {
            message.cancelled = true;
        }
    }

    /// The messages to ask about, each counted as asked once more. Those whose time is over leave.
    pub(super) fn due(&self, polls_max: u32, now: Timestamp) -> Vec<Open> {
        let mut inner = self.inner();
        let over: Vec<String> =
            inner.open.values().filter(|m| m.until.plus_ms(KEPT_MS) <= now).map(|m| m.ebmid.clone()).collect();
        over.iter().for_each(|ebmid| inner.finish(ebmid));
        let asked = inner.open.values_mut().filter(|m| m.until > now && m.polls < polls_max);
        asked.map(|m| (m.polls += 1, m.clone()).1).collect()
    }

    /// What was told of a message.
    pub(super) fn told(&self, ebmid: &str, what: String) {
        if let Some(message) = self.inner().open.get_mut(ebmid) {
            message.told = Some(what);
        }
    }

    /// A message needs no more attention.
    pub(super) fn finish(&self, ebmid: &str) {
        self.inner().finish(ebmid);
    }
}

impl Inner {
    fn append(&mut self, line: &Line) -> std::io::Result<()> {
        let mut text = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
        self.torn = true;
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.torn = false;
        Ok(())
    }

    fn finish(&mut self, ebmid: &str) {
        let Some(message) = self.open.remove(ebmid) else { return };
        message.members.iter().for_each(|m| drop(self.by_key.remove(&m.key)));
        // When this is lost, the platform is asked once more after a restart.
        if let Err(e) = self.append(&Line::Done(ebmid.to_owned())) {
            tracing::warn!(error = %e, "the end of a message is not written down");
        }
    }
}

// === impl Open ===

impl Open {
    /// Whether none of its attempts is wanted any more.
    pub(super) fn is_unwanted(&self) -> bool {
        !self.members.is_empty() && self.members.iter().all(|m| m.withdrawn)
    }

    /// The reference of a member in a timeline: the identifier, and a mark of the place when there are several.
    /// The place itself stands in no timeline.
    pub(super) fn reference(&self, member: &Member) -> String {
        if self.members.len() == 1 { self.ebmid.clone() } else { reference(&self.ebmid, &member.place) }
    }
}

/// The reference of an attempt at a place, in a message with several.
pub(super) fn reference(ebmid: &str, place: &str) -> String {
    let digest = Digest::of_parts(&[b"ebd", ebmid.as_bytes(), place.as_bytes()]);
    format!("{ebmid}-{}", hex::encode(&digest.0[..8]))
}

fn keys(message: &Open) -> Vec<(String, String)> {
    message.members.iter().map(|m| (m.key.clone(), message.ebmid.clone())).collect()
}

/// The day of an identifier of ours, and the sequence number behind it.
fn after(last: &str, source: &str, sequence: [u16; 2]) -> (String, u32) {
    let begin = (String::new(), u32::from(sequence[0]));
    let Some(rest) = last.strip_prefix(source).filter(|rest| rest.len() == 12 && rest.is_ascii()) else { return begin };
    let (day, number) = rest.split_at(8);
    (day.to_owned(), number.parse::<u32>().map_or(begin.1, |n| (n + 1).max(begin.1)))
}

/// Writes the file anew, without what is over.
fn rewrite(path: &Path, given: &Open, open: &BTreeMap<String, Open>) -> std::io::Result<File> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    for message in std::iter::once(given).filter(|m| !m.ebmid.is_empty()).chain(open.values()) {
        serde_json::to_writer(&file, &Line::Open(message.clone()))?;
        file.write_all(b"\n")?;
    }
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "123456789012345678";

    fn member(n: u32) -> Member {
        Member { key: format!("533324-ab.{n}"), place: format!("53332410{n:04}"), withdrawn: false }
    }

    fn at(iso: &str) -> Timestamp {
        Timestamp::parse_iso(iso).unwrap()
    }

    #[test]
    fn no_identifier_is_given_twice_over_restarts_torn_lines_and_midnight() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/ebd.state");
        let now = at("2026-07-01T23:00:00+08:00");
        let open = || Ledger::open(&path, SOURCE, [7, 9], now).unwrap();
        let ledger = open();
        let until = now.plus_ms(600_000);
        assert_eq!(ledger.begin(vec![member(0)], until, now).unwrap().ebmid, format!("{SOURCE}202607010007"));
        ledger.finish(&format!("{SOURCE}202607010007"));
        drop(ledger);
        let ledger = open();
        assert_eq!(ledger.get(&format!("{SOURCE}202607010007")), None, "only its number is kept");
        assert_eq!(ledger.begin(vec![member(1), member(2)], until, now).unwrap().ebmid[26..], *"0008");
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"open\":{\"ebm").unwrap();
        let ledger = open();
        assert_eq!(ledger.begin(vec![member(3)], until, now).unwrap().ebmid[26..], *"0009");
        assert!(ledger.begin(vec![member(4)], until, now).unwrap_err().contains("used up"));
        let tomorrow = at("2026-07-02T00:00:00+08:00");
        assert_eq!(ledger.begin(vec![member(5)], until, tomorrow).unwrap().ebmid[18..], *"202607020007");
        assert_eq!(
            ledger.begin(vec![member(6)], until, now).unwrap().ebmid[18..],
            *"202607020008",
            "the clock went back"
        );
        assert_eq!(open().get(&format!("{SOURCE}202607010008")).unwrap().members, [member(1), member(2)]);
    }

    #[test]
    fn a_message_is_cancelled_when_nobody_wants_it_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ebd.state");
        let now = at("2026-07-01T23:00:00+08:00");
        let open = || Ledger::open(&path, SOURCE, [0, 9999], now).unwrap();
        let message = open().begin(vec![member(1), member(2)], now.plus_ms(1000), now).unwrap();
        let ledger = open();
        let key = |n| AttemptKey { callout: "533324-ab".into(), attempt: n };
        assert_eq!(ledger.withdraw(&key(1)), None);
        assert_eq!(ledger.withdraw(&key(9)), None);
        assert_eq!(ledger.withdraw(&key(2)).unwrap().ebmid, message.ebmid);
        assert_eq!(ledger.due(1, now).len(), 1);
        assert_eq!(ledger.due(1, now).len(), 0, "asked often enough");
        ledger.due(9, now.plus_ms(KEPT_MS + 1000));
        assert_eq!(ledger.get(&message.ebmid), None, "its time is over");
    }
}
