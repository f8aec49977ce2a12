//! A version as bytes for storage: JSON chunks of at most 1,000 entries, personal data sealed.
//!
//! The first chunk counts what follows, so that a lost chunk is noticed. Equal parts of two versions
//! give equal chunks, which a store that names blobs by digest keeps once. Names and numbers are
//! sealed under a key per person; that key stands in the person's record, itself sealed under the
//! installation's key. Erasing a person is blanking the record's `key`: opening uses nothing else.

use super::{Directory, Draft};
use crate::model::{
    Channel, Contact, ContactId, Finding, Person, PersonId, Posting, Region, Sealed, SecretKey, Target, Timestamp,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

const FORMAT: u32 = 1;
const CHUNK: usize = 1000;

/// Why stored bytes are no directory.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A chunk is not what this build writes.
    #[error("directory chunk {chunk} does not read")]
    Chunk {
        /// Its position, from 0.
        chunk: usize,
        /// What the reader says.
        #[source]
        source: serde_json::Error,
    },
    /// The first chunk is not a head of a format this build knows.
    #[error("the directory does not begin with a head of format {FORMAT}")]
    Head,
    /// Chunks are missing or too many.
    #[error("the directory is not complete: its chunks hold other counts than its head says")]
    Incomplete,
    /// A record is sealed under another key or was altered.
    #[error("the record of person {0} does not open: wrong key or altered bytes")]
    Sealed(PersonId),
    /// The lists contradict each other.
    #[error("the directory contradicts itself: {}", .0.iter().map(Finding::to_string).collect::<Vec<_>>().join("; "))]
    Contradiction(Vec<Finding>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Chunk {
    Head(Head),
    Regions(Vec<Region>),
    Targets(Vec<Target>),
    People(Vec<Record>),
    Postings(Vec<Posting>),
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Head {
    format: u32,
    version: u64,
    regions: usize,
    targets: usize,
    people: usize,
    postings: usize,
}

/// A person as stored: what the directory needs to say who fills a post is open, the rest is sealed.
#[derive(Serialize, Deserialize)]
struct Record {
    id: PersonId,
    /// The person's key, sealed under the installation's; blank once erased.
    key: String,
    /// [`Secrets`], sealed under the person's key.
    sealed: String,
    contacts: Vec<(ContactId, Vec<Channel>)>,
    language: String,
    away: Option<(Timestamp, Timestamp)>,
}

#[derive(Serialize, Deserialize)]
struct Secrets {
    name: String,
    numbers: Vec<String>,
}

/// A version as chunks of JSON, head first.
#[must_use]
pub fn encode(directory: &Directory, key: &SecretKey) -> Vec<Vec<u8>> {
    let people: Vec<&Person> = directory.people().collect();
    let postings: Vec<&Posting> = directory.postings().collect();
    let head = Head {
        format: FORMAT,
        version: directory.version(),
        regions: directory.regions().len(),
        targets: directory.targets().len(),
        people: people.len(),
        postings: postings.len(),
    };
    let mut chunks = vec![Chunk::Head(head)];
    chunks.extend(directory.regions().chunks(CHUNK).map(|c| Chunk::Regions(c.to_vec())));
    chunks.extend(directory.targets().chunks(CHUNK).map(|c| Chunk::Targets(c.to_vec())));
    chunks.extend(people.chunks(CHUNK).map(|c| Chunk::People(c.iter().map(|p| Record::seal(p, key)).collect())));
    chunks.extend(postings.chunks(CHUNK).map(|c| Chunk::Postings(c.iter().copied().cloned().collect())));
    chunks.iter().map(json).collect()
}

/// The version that was stored. An erased person keeps id and posts, and has neither name nor contacts.
///
/// # Errors
/// [`DecodeError`]; no part of a damaged version is used.
pub fn decode(chunks: &[Vec<u8>], key: &SecretKey) -> Result<Directory, DecodeError> {
    let mut head = None;
    let mut draft = Draft::default();
    for (ix, bytes) in chunks.iter().enumerate() {
        match serde_json::from_slice(bytes).map_err(|source| DecodeError::Chunk { chunk: ix, source })? {
            Chunk::Head(found) if ix == 0 && found.format == FORMAT => head = Some(found),
            Chunk::Head(_) => return Err(DecodeError::Head),
            Chunk::Regions(list) => draft.regions.extend(list),
            Chunk::Targets(list) => draft.targets.extend(list),
            Chunk::Postings(list) => draft.postings.extend(list),
            Chunk::People(list) => {
                for record in list {
                    draft.people.push(record.open(key)?);
                }
            }
        }
    }
    let head = head.ok_or(DecodeError::Head)?;
    let found = Head {
        regions: draft.regions.len(),
        targets: draft.targets.len(),
        people: draft.people.len(),
        postings: draft.postings.len(),
        ..head
    };
    if found != head {
        return Err(DecodeError::Incomplete);
    }
    draft.build(head.version).map_err(DecodeError::Contradiction)
}

// === impl Record ===

impl Record {
    fn seal(person: &Person, master: &SecretKey) -> Self {
        let own = master.derive(&context(&person.id));
        let numbers = person.contacts.iter().map(|c| c.number.clone()).collect();
        let secrets = Secrets { name: person.name.clone(), numbers };
        Self {
            id: person.id.clone(),
            key: BASE64_STANDARD.encode(master.seal(&context(&person.id), own.bytes()).0),
            sealed: BASE64_STANDARD.encode(own.seal(&context(&person.id), &json(&secrets)).0),
            contacts: person.contacts.iter().map(|c| (c.id.clone(), c.channels.clone())).collect(),
            language: person.language.clone(),
            away: person.away,
        }
    }

    fn open(self, master: &SecretKey) -> Result<Person, DecodeError> {
        let mut person = Person {
            id: self.id.clone(),
            name: String::new(),
            contacts: Vec::new(),
            language: self.language.clone(),
            away: self.away,
        };
        if self.key.is_empty() {
            return Ok(person);
        }
        let secrets = self.secrets(master).ok_or_else(|| DecodeError::Sealed(self.id.clone()))?;
        let contacts = self.contacts.into_iter().zip(secrets.numbers);
        person.contacts = contacts.map(|((id, channels), number)| Contact { id, number, channels }).collect();
        person.name = secrets.name;
        Ok(person)
    }

    fn secrets(&self, master: &SecretKey) -> Option<Secrets> {
        let context = context(&self.id);
        let own = master.open(&context, &unbase64(&self.key)?).ok()?;
        let own = SecretKey::new(own.try_into().ok()?);
        let secrets: Secrets = serde_json::from_slice(&own.open(&context, &unbase64(&self.sealed)?).ok()?).ok()?;
        (secrets.numbers.len() == self.contacts.len()).then_some(secrets)
    }
}

/// What a person's key is derived for, and what binds sealed bytes to the person.
fn context(person: &PersonId) -> String {
    format!("person/{person}")
}

fn unbase64(text: &str) -> Option<Sealed> {
    BASE64_STANDARD.decode(text).ok().map(Sealed)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Serialising plain data into a vector cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}
