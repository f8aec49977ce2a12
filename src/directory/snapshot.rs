//! One version of the directory and the questions it answers.

use super::{Draft, Number, Places};
use crate::model::{
    Contact, ContactId, Holders, Level, Person, PersonId, Point, Posting, Region, RegionCode, Target, TargetId,
    Timestamp,
};
use foldhash::{HashMap, HashMapExt};
use std::collections::BTreeMap;
use std::ops::Range;

/// One version of the directory. It never changes; a new edition is a new version.
pub struct Directory {
    version: u64,
    /// In order of code, so that what lies in a region is one run.
    regions: Vec<Region>,
    /// In order of region and id: the directory's order.
    targets: Vec<Target>,
    /// The villages in which no target lies, in order of code.
    without_target: Vec<RegionCode>,
    /// In order of id.
    people: Vec<Person>,
    /// By ground, then post, rank and person.
    postings: Vec<(String, Vec<Posting>)>,
    target_ix: HashMap<TargetId, usize>,
    person_ix: HashMap<PersonId, usize>,
    /// Places in `postings`.
    ground_ix: HashMap<String, usize>,
    numbers: HashMap<String, Vec<PersonId>>,
}

// === impl Directory ===

impl Directory {
    /// Sorts and indexes a draft that has been checked.
    pub(super) fn new(version: u64, mut draft: Draft) -> Self {
        draft.regions.sort_by(|a, b| a.code.cmp(&b.code));
        for point in draft.targets.iter_mut().filter_map(|t| t.point.as_mut()) {
            *point = rounded(*point);
        }
        draft.targets.sort_by(|a, b| (&a.region, &a.id).cmp(&(&b.region, &b.id)));
        let target_ix = draft.targets.iter().enumerate().map(|(ix, t)| (t.id.clone(), ix)).collect();
        let people: BTreeMap<_, _> = draft.people.into_iter().map(|p| (p.id.clone(), p)).collect();
        let people: Vec<Person> = people.into_values().collect();
        let person_ix = people.iter().enumerate().map(|(ix, p)| (p.id.clone(), ix)).collect();
        let mut numbers: HashMap<String, Vec<PersonId>> = HashMap::new();
        for person in &people {
            for contact in &person.contacts {
                let holders = numbers.entry(contact.number.clone()).or_default();
                if holders.last() != Some(&person.id) {
                    holders.push(person.id.clone());
                }
            }
        }
        let mut postings: BTreeMap<String, Vec<Posting>> = BTreeMap::new();
        for posting in draft.postings {
            postings.entry(posting.ground.clone()).or_default().push(posting);
        }
        for list in postings.values_mut() {
            list.sort_by(|a, b| (&a.post, a.rank, &a.person).cmp(&(&b.post, b.rank, &b.person)));
            list.dedup_by(|b, a| (&a.post, &a.person) == (&b.post, &b.person));
        }
        let postings: Vec<_> = postings.into_iter().collect();
        let ground_ix = postings.iter().enumerate().map(|(ix, (ground, _))| (ground.clone(), ix)).collect();
        let Draft { regions, targets, .. } = draft;
        let villages = regions.iter().map(|r| &r.code).filter(|code| code.level() == Level::Village);
        let without_target = villages.filter(|code| run(&targets, code, |t| &t.region).is_empty()).cloned().collect();
        Self { version, regions, targets, without_target, people, postings, target_ix, person_ix, ground_ix, numbers }
    }

    /// The version's number.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All regions, in order of code.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// All targets, in directory order (region, then id).
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// All people and devices, in order of id.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.iter()
    }

    /// All postings, in order of ground, post and rank.
    pub fn postings(&self) -> impl Iterator<Item = &Posting> {
        self.postings.iter().flat_map(|(_, list)| list)
    }

    /// A region.
    #[must_use]
    pub fn region(&self, code: &RegionCode) -> Option<&Region> {
        let ix = self.regions.binary_search_by(|r| r.code.cmp(code)).ok()?;
        self.regions.get(ix)
    }

    /// The region itself when the directory knows it, else its nearest ancestor that it knows.
    #[must_use]
    pub fn known_ancestor(&self, code: &RegionCode) -> Option<RegionCode> {
        std::iter::successors(Some(code.clone()), RegionCode::parent).find(|c| self.region(c).is_some())
    }

    /// The name of a region code or target id; the text itself when the directory does not know it.
    #[must_use]
    pub fn place(&self, ground: &str) -> String {
        let target = self.target_named(ground).map(|t| &t.name);
        let region = || self.region(&RegionCode::parse(ground).ok()?).map(|r| &r.name);
        target.or_else(region).cloned().unwrap_or_else(|| ground.to_owned())
    }

    /// A target.
    #[must_use]
    pub fn target(&self, id: &TargetId) -> Option<&Target> {
        self.target_named(id.as_str())
    }

    fn target_named(&self, id: &str) -> Option<&Target> {
        self.target_ix.get(id).and_then(|ix| self.targets.get(*ix))
    }

    /// A person or device.
    #[must_use]
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.person_named(id.as_str())
    }

    fn person_named(&self, id: &str) -> Option<&Person> {
        self.person_ix.get(id).and_then(|ix| self.people.get(*ix))
    }

    /// A contact and whose it is.
    #[must_use]
    pub fn contact(&self, id: &ContactId) -> Option<(&Person, &Contact)> {
        let (person, _) = id.as_str().rsplit_once('.')?;
        let person = self.person_named(person)?;
        let contact = person.contacts.iter().find(|c| c.id == *id)?;
        Some((person, contact))
    }

    /// Who has a number, however it is written; speakers by their address as it stands.
    #[must_use]
    pub fn by_number(&self, number: &str) -> &[PersonId] {
        let known = |n: &str| self.numbers.get(n).map(Vec::as_slice);
        let normal = || Number::parse(number).ok().and_then(|n| known(&n.e164));
        known(number.trim()).or_else(normal).unwrap_or_default()
    }

    /// The targets in a region, in directory order.
    #[must_use]
    pub fn targets_in(&self, code: &RegionCode) -> &[Target] {
        &self.targets[self.places_in(code)]
    }

    /// The places of the targets in a region.
    #[must_use]
    pub fn places_in(&self, code: &RegionCode) -> Range<usize> {
        run(&self.targets, code, |t| &t.region)
    }

    /// The targets at places.
    pub fn targets_at(&self, places: &Places) -> impl Iterator<Item = &Target> {
        places.iter().filter_map(|place| self.targets.get(place))
    }

    /// The villages in a region in which no target lies, in order of code.
    pub(super) fn without_target(&self, code: &RegionCode) -> &[RegionCode] {
        &self.without_target[run(&self.without_target, code, |village| village)]
    }

    /// The villages in a region, itself included when it is one.
    pub fn villages_in(&self, code: &RegionCode) -> impl Iterator<Item = &Region> {
        self.regions_in(code, Level::Village)
    }

    /// The regions of a level in a region, itself included.
    pub fn regions_in(&self, code: &RegionCode, level: Level) -> impl Iterator<Item = &Region> {
        self.regions[run(&self.regions, code, |r| &r.code)].iter().filter(move |r| r.code.level() == level)
    }

    /// Who fills a post for a target: the postings at the target itself, else those of the nearest
    /// region upward that has any posting of that post. In order of rank.
    #[must_use]
    pub fn seats(&self, post: &str, holders: Holders, ground: &Target, now: Timestamp) -> Vec<PersonId> {
        let mut grounds = std::iter::once(ground.id.as_str()).chain(ground.region.lineage());
        let found = grounds.find(|g| self.has_post(post, g));
        found.map(|g| self.seats_at(post, holders, g, now)).unwrap_or_default()
    }

    /// Who fills a post at exactly this region code or target id, in order of rank.
    #[must_use]
    pub fn seats_at(&self, post: &str, holders: Holders, ground: &str, now: Timestamp) -> Vec<PersonId> {
        let postings = self.postings_at(ground);
        let mut ids = postings.iter().filter(|p| p.post == post).map(|p| &p.person);
        match holders {
            Holders::Present => {
                ids.find(|id| self.person(id).is_some_and(|p| !p.is_away(now))).cloned().into_iter().collect()
            }
            Holders::Deputies => ids.skip(1).cloned().collect(),
            Holders::Everyone => ids.cloned().collect(),
        }
    }

    fn postings_at(&self, ground: &str) -> &[Posting] {
        self.ground_ix.get(ground).map_or(&[], |ix| &self.postings[*ix].1)
    }

    fn has_post(&self, post: &str, ground: &str) -> bool {
        self.postings_at(ground).iter().any(|p| p.post == post)
    }
}

/// A point to the millionth of a degree (0.1 m): short decimals that JSON carries without loss.
fn rounded(point: Point) -> Point {
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    Point { lat: round(point.lat), lon: round(point.lon) }
}

/// Where the sorted items stand whose code lies in `code`: codes nest by prefix, so it is one run.
fn run<T>(items: &[T], code: &RegionCode, key: impl Fn(&T) -> &RegionCode) -> Range<usize> {
    let from = items.partition_point(|item| key(item) < code);
    from..from + items[from..].partition_point(|item| code.holds(key(item)))
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Directory(version {}, {} targets, {} people)", self.version, self.targets.len(), self.people.len())
    }
}
