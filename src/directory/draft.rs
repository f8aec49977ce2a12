//! A directory in the making: plain lists, checked as a whole when a version is built.

use super::Directory;
use crate::model::{Finding, Level, Person, PersonId, Posting, Region, SecretKey, Target};
use std::collections::{BTreeSet, HashSet};

/// The lists that a version is built from, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The regions, ancestors included.
    pub regions: Vec<Region>,
    /// The ground.
    pub targets: Vec<Target>,
    /// The people and devices.
    pub people: Vec<Person>,
    /// Who fills which post where.
    pub postings: Vec<Posting>,
}

/// The name of a person in timelines: a keyed digest of first number and name, equal in every version.
#[must_use]
pub fn person_id(key: &SecretKey, number: &str, name: &str) -> PersonId {
    let tag = key.derive("person").tag(&[number.as_bytes(), name.as_bytes()]);
    hex::encode(&tag[..8]).into()
}

// === impl Draft ===

impl Draft {
    /// Builds a version.
    ///
    /// # Errors
    /// Every contradiction in the lists: names given twice, ground and people that are not listed,
    /// targets above the county.
    pub fn build(self, version: u64) -> Result<Directory, Vec<Finding>> {
        let findings = self.check();
        if findings.is_empty() { Ok(Directory::new(version, self)) } else { Err(findings) }
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut fault = |place: String, reason: &str| findings.push(Finding::fatal(place, reason));
        let mut grounds = HashSet::new();
        for region in &self.regions {
            if !grounds.insert(region.code.as_str()) {
                fault(format!("region {}", region.code), "the code is listed twice");
            }
        }
        for target in &self.targets {
            let place = || format!("target {}", target.id);
            if !grounds.contains(target.region.as_str()) {
                fault(place(), &format!("its region {} is not in the directory", target.region));
            } else if target.region.level() < Level::County {
                fault(place(), "its region lies above the county; a target lies in a county or below");
            }
        }
        for target in &self.targets {
            if !grounds.insert(target.id.as_str()) {
                fault(format!("target {}", target.id), "the name is taken by another target or a region");
            }
        }
        let mut people = BTreeSet::new();
        for person in &self.people {
            if !people.insert(&person.id) {
                fault(format!("person {}", person.id), "the person is listed twice");
            }
        }
        for posting in &self.postings {
            let place = || format!("posting {} at {}", posting.post, posting.ground);
            if !grounds.contains(posting.ground.as_str()) {
                fault(place(), "the ground is neither a region nor a target of the directory");
            }
            if !people.contains(&posting.person) {
                fault(place(), &format!("person {} is not in the directory", posting.person));
            }
        }
        findings
    }
}
