//! The sheet `responsible`: one row for each post that a person or loudspeaker fills. Rows with the
//! same number and name are one person.

use super::rows::{Column, Row, Rows};
use super::{ImportOptions, cells};
use crate::directory::{Number, person_id};
use crate::model::{
    Channel, Contact, ContactId, Finding, Person, PersonId, Posting, RegionCode, SecretKey, Severity, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

const POST: Column = Column::required("岗位", "post");
const GROUND: Column = Column::required("地点", "ground");
const NAME: Column = Column::required("姓名", "name");
const PHONE: Column = Column::required("电话", "phone");
const PHONE2: Column = Column::optional("电话2", "phone2");
const PHONE3: Column = Column::optional("电话3", "phone3");
const CHANNELS: Column = Column::optional("渠道", "channels");
const RANK: Column = Column::optional("顺序", "rank");
const LANGUAGE: Column = Column::optional("语言", "language");
const AWAY_FROM: Column = Column::optional("离岗起", "away_from");
const AWAY_UNTIL: Column = Column::optional("离岗止", "away_until");

pub(super) const COLUMNS: &[Column] =
    &[POST, GROUND, NAME, PHONE, PHONE2, PHONE3, CHANNELS, RANK, LANGUAGE, AWAY_FROM, AWAY_UNTIL];

/// A row that has been read.
struct Entry {
    post: String,
    ground: String,
    name: String,
    /// The filled phone cells, in order.
    lines: Vec<Filled>,
    rank: u8,
    language: String,
    away: Option<(Timestamp, Timestamp)>,
}

/// A filled phone cell.
struct Filled {
    column: Column,
    number: String,
    channels: Vec<Channel>,
}

/// The people so far, found by number.
struct Roll<'a> {
    key: &'a SecretKey,
    people: Vec<Person>,
    by_number: BTreeMap<String, Vec<usize>>,
}

/// People and postings of the good rows; every fault of the others is told.
pub(super) fn read(
    rows: &Rows,
    key: &SecretKey,
    regions: &BTreeSet<RegionCode>,
    targets: &BTreeSet<&str>,
    options: ImportOptions,
    findings: &mut Vec<Finding>,
) -> (Vec<Person>, Vec<Posting>) {
    let mut roll = Roll { key, people: Vec::new(), by_number: BTreeMap::new() };
    let mut postings: Vec<Posting> = Vec::new();
    let mut filled = BTreeSet::new();
    for row in rows.iter() {
        let Some(entry) = read_row(&row, regions, targets, findings) else { continue };
        for column in roll.held_by_others(&entry) {
            let reason = "another row has this number under another name; confirm that they share it, or correct one";
            let mut shared = row.fault(column, reason);
            if options.accept_shared_numbers {
                shared.severity = Severity::Notice;
            }
            findings.push(shared);
        }
        let posting = Posting { person: roll.enter(&entry), post: entry.post, ground: entry.ground, rank: entry.rank };
        if filled.insert((posting.post.clone(), posting.ground.clone(), posting.person.clone())) {
            postings.push(posting);
        } else {
            findings.push(row.fault(NAME, "an earlier row gives the same person the same post there"));
        }
    }
    (roll.people, postings)
}

fn read_row(
    row: &Row,
    regions: &BTreeSet<RegionCode>,
    targets: &BTreeSet<&str>,
    findings: &mut Vec<Finding>,
) -> Option<Entry> {
    let post = row.parse(POST, findings, cells::post);
    let ground = row.parse(GROUND, findings, |text| known_ground(text, regions, targets));
    let name = row.text(NAME, findings);
    let channels = row.parse_or(CHANNELS, Vec::new(), findings, cells::channels);
    let lines = channels.and_then(|wanted| lines(row, &wanted, findings));
    let rank = row.parse_or(RANK, 1, findings, |text| cells::whole(text, 99));
    let rank = rank.filter(|rank| {
        let first = *rank > 0;
        if !first {
            findings.push(row.fault(RANK, "the order counts from 1"));
        }
        first
    });
    let language = row.parse_or(LANGUAGE, "zh-CN".to_owned(), findings, cells::language);
    let from = row.parse_or(AWAY_FROM, Timestamp(0), findings, cells::from);
    let until = row.parse_or(AWAY_UNTIL, Timestamp(i64::MAX), findings, cells::until);
    let (from, until) = (from?, until?);
    if from >= until {
        findings.push(row.fault(AWAY_UNTIL, "the end of the absence does not lie after its beginning"));
        return None;
    }
    let away = row.get(AWAY_FROM).or(row.get(AWAY_UNTIL)).map(|_| (from, until));
    let rank = u8::try_from(rank?).ok()?;
    Some(Entry { post: post?, ground: ground?, name: name?, lines: lines?, rank, language: language?, away })
}

/// The filled phone cells. `wanted` empty means: whatever each line can carry.
fn lines(row: &Row, wanted: &[Channel], findings: &mut Vec<Finding>) -> Option<Vec<Filled>> {
    let filled = [PHONE, PHONE2, PHONE3].into_iter().filter(|c| *c == PHONE || row.get(*c).is_some());
    // Every cell is read, so that every fault is told.
    let read: Vec<Option<Filled>> =
        filled.map(|column| row.parse(column, findings, |text| line(column, text, wanted))).collect();
    read.into_iter().collect()
}

fn line(column: Column, text: &str, wanted: &[Channel]) -> Result<Filled, String> {
    if wanted.contains(&Channel::Broadcast) {
        return Ok(Filled { column, number: text.to_owned(), channels: vec![Channel::Broadcast] });
    }
    let number = Number::parse(text)?;
    let carried = number.line.channels().iter().copied();
    let channels: Vec<Channel> = carried.filter(|c| wanted.is_empty() || wanted.contains(c)).collect();
    if channels.is_empty() {
        return Err("a landline takes no short messages".to_owned());
    }
    Ok(Filled { column, number: number.e164, channels })
}

/// A target's id as it stands, or a region code without its trailing zeros.
fn known_ground(text: &str, regions: &BTreeSet<RegionCode>, targets: &BTreeSet<&str>) -> Result<String, String> {
    if targets.contains(text) {
        return Ok(text.to_owned());
    }
    let code = RegionCode::parse(text).ok().filter(|code| regions.contains(code));
    let reason = "the ground is neither a target of the sheet targets nor a region of the directory";
    code.map(|code| code.to_string()).ok_or_else(|| reason.to_owned())
}

// === impl Roll ===

impl Roll<'_> {
    /// The phone cells whose number only people of other names have so far.
    fn held_by_others(&self, entry: &Entry) -> Vec<Column> {
        let foreign = |line: &&Filled| {
            let holders = self.by_number.get(&line.number).map(Vec::as_slice).unwrap_or_default();
            !holders.is_empty() && holders.iter().all(|ix| self.people[*ix].name != entry.name)
        };
        entry.lines.iter().filter(foreign).map(|line| line.column).collect()
    }

    fn find(&self, entry: &Entry) -> Option<usize> {
        let mut holders = entry.lines.iter().filter_map(|line| self.by_number.get(&line.number)).flatten();
        holders.find(|ix| self.people[**ix].name == entry.name).copied()
    }

    /// The entry's person: one already there with one of the numbers and the name, or a new one.
    /// Numbers are united in order of mention; the first row tells the language.
    fn enter(&mut self, entry: &Entry) -> PersonId {
        let ix = self.find(entry).unwrap_or_else(|| {
            let first = entry.lines.first().map_or("", |line| line.number.as_str());
            let id = person_id(self.key, first, &entry.name);
            let (name, language) = (entry.name.clone(), entry.language.clone());
            self.people.push(Person { id, name, contacts: Vec::new(), language, away: None });
            self.people.len() - 1
        });
        let person = &mut self.people[ix];
        person.away = person.away.or(entry.away);
        for Filled { number, channels, .. } in &entry.lines {
            if let Some(contact) = person.contacts.iter_mut().find(|c| c.number == *number) {
                let known = contact.channels.clone();
                contact.channels.extend(channels.iter().filter(|c| !known.contains(c)));
                continue;
            }
            let id = ContactId::from(format!("{}.{}", person.id, person.contacts.len() + 1));
            person.contacts.push(Contact { id, number: number.clone(), channels: channels.clone() });
            self.by_number.entry(number.clone()).or_default().push(ix);
        }
        person.id.clone()
    }
}
