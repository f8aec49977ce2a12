//! Invented persons on real ground: spread evenly over counties, and within a county over its villages.

use crate::directory::{Directory, Draft, person_id, yunnan};
use crate::model::{
    Channel, Contact, Level, Person, PersonId, Point, Posting, RegionCode, SecretKey, Target, TargetKind,
};
use anyhow::{anyhow, ensure};
use std::collections::BTreeSet;

/// The key under which the invented numbers are sealed.
pub(super) const KEY: [u8; 32] = [0x24; 32];
/// What the invented numbers begin with.
const NUMBERS: &str = "+86199";

/// The first `counties` counties of the divisions that have villages.
pub(super) fn counties(counties: usize) -> anyhow::Result<Vec<RegionCode>> {
    let all = yunnan().iter().map(|r| r.code.clone()).filter(|code| code.level() == Level::County);
    let found: Vec<_> = all.filter(|code| villages(code).next().is_some()).take(counties).collect();
    ensure!(found.len() == counties, "there are only {} counties", found.len());
    Ok(found)
}

fn villages(county: &RegionCode) -> impl Iterator<Item = &'static RegionCode> {
    yunnan().iter().map(|r| &r.code).filter(move |code| code.level() == Level::Village && county.holds(code))
}

/// A region and all above it.
fn above(region: &RegionCode) -> impl Iterator<Item = RegionCode> {
    std::iter::successors(Some(region.clone()), RegionCode::parent)
}

/// The place of a person in the order in which they were invented, by the number.
pub(super) fn serial(number: &str) -> Option<usize> {
    number.strip_prefix(NUMBERS)?.parse().ok()
}

/// A directory in which each person answers for one grid and is reached on all `channels`.
pub(super) fn directory(counties: &[RegionCode], persons: usize, channels: &[Channel]) -> anyhow::Result<Directory> {
    Ground::default().grids(counties, persons, &[("grid", 1)], channels).build()
}

/// A directory in the making.
#[derive(Default)]
pub(super) struct Ground {
    /// Whether all regions are in it and grids have points; else only what somebody lives in.
    whole: bool,
    draft: Draft,
}

// === impl Ground ===

impl Ground {
    /// Ground of which all regions are known, and the point of every grid.
    pub(super) fn province() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Adds grids, each with so many persons of its own in each post. Serials count on: those of a grid
    /// stand together, in the order of the posts.
    pub(super) fn grids(
        mut self,
        counties: &[RegionCode],
        grids: usize,
        posts: &[(&str, usize)],
        channels: &[Channel],
    ) -> Self {
        let villages: Vec<Vec<&RegionCode>> = counties.iter().map(|county| villages(county).collect()).collect();
        for i in 0..grids {
            let of_county = &villages[i % villages.len()];
            let region = of_county[i / villages.len() % of_county.len()].clone();
            let grid = self.draft.targets.len();
            let ground = format!("{region}-G{grid:06}");
            for (post, holders) in posts {
                for rank in 1..=*holders {
                    let person = self.person(channels);
                    let (post, ground) = ((*post).to_owned(), ground.clone());
                    self.draft.postings.push(Posting { post, ground, person, rank: rank as u8 });
                }
            }
            self.draft.targets.push(Target {
                id: ground.into(),
                name: format!("第{grid}网格"),
                kind: TargetKind::Grid,
                region,
                households: 20,
                persons: 70,
                special: 3,
                risk: 3,
                point: self.whole.then(|| point(grid)),
            });
        }
        self
    }

    fn person(&mut self, channels: &[Channel]) -> PersonId {
        let serial = self.draft.people.len();
        let (number, name) = (format!("{NUMBERS}{serial:08}"), format!("人{serial}"));
        let id = person_id(&SecretKey::new(KEY), &number, &name);
        let contact = Contact { id: format!("{id}.0").into(), number, channels: channels.to_vec() };
        let person = Person { id: id.clone(), name, contacts: vec![contact], language: "zh-CN".into(), away: None };
        self.draft.people.push(person);
        id
    }

    pub(super) fn build(mut self) -> anyhow::Result<Directory> {
        // Ground without anybody is another bench's concern.
        let lived_in: BTreeSet<RegionCode> = self.draft.targets.iter().flat_map(|t| above(&t.region)).collect();
        let within = yunnan().iter().filter(|r| self.whole || lived_in.contains(&r.code));
        self.draft.regions = within.cloned().collect();
        self.draft.build(1).map_err(|f| anyhow!("{f:?}"))
    }
}

/// Points spread over a box of 8 by 8 degrees, the same ones each time.
fn point(grid: usize) -> Point {
    let spread = |step: usize| (grid * step % 80_000) as f64 / 10_000.0;
    Point { lat: 21.0 + spread(7919), lon: 97.5 + spread(104_729) }
}
