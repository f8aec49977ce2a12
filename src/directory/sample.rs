//! An invented directory over real divisions, for demos, drills of the software and tests.
//!
//! The same region, seed and key give the same draft. Names are put together from common characters,
//! numbers come from +861990000xxxx on, points are made up: nobody real is in it.

use super::{Draft, Number, person_id, yunnan};
use crate::model::{
    Channel, Contact, ContactId, Level, Person, PersonId, Point, Posting, Region, RegionCode, SecretKey, Target,
    TargetKind,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SURNAMES: &str = "李王张杨和赵刘陈马普段罗白岩丰熊肯孔木余";
const GIVEN: &str = "文明建国春华志强玉兰晓红秀英永福光荣新民丽芳学军海龙";

/// The posts beside duty, grid, village and loudspeaker that the shipped plans name, by level of the region.
const POSTS: [(Level, &[&str]); 5] = [
    (Level::Province, &["command"]),
    (Level::Prefecture, &["command"]),
    (Level::County, &["command", "fire_rescue", "natural_resources", "forestry", "party_head", "government_head"]),
    (Level::Township, &["command"]),
    (Level::Village, &["monitor", "ranger"]),
];

/// Every this-many-th village (counting from the fifth) has nobody in the grid post: gaps to be found.
const GAP_EVERY: usize = 17;

struct Sampler<'a> {
    rng: ChaCha8Rng,
    key: &'a SecretKey,
    next_number: u32,
    draft: Draft,
}

/// Invents ground and people for every village of a region of Yunnan: one to three grids with a grid
/// person (some share one), deputies for a third of them, a village head and a loudspeaker, two duty
/// officers for each township and county, for the prefectures above, and for the province; and one
/// person in each other post that the shipped plans name, where there is such a post.
#[must_use]
pub fn sample(region: &RegionCode, seed: u64, key: &SecretKey) -> Draft {
    let draft = Draft { regions: yunnan().to_vec(), ..Draft::default() };
    let mut sampler = Sampler { rng: ChaCha8Rng::seed_from_u64(seed), key, next_number: 0, draft };
    let mut villages = 0;
    let within = || yunnan().iter().filter(|r| region.holds(&r.code) || r.code.holds(region));
    for place in within() {
        let duty = match place.code.level() {
            Level::Province => "province_duty",
            Level::Prefecture => "prefecture_duty",
            Level::County => "county_duty",
            Level::Township => "township_duty",
            Level::Village => {
                sampler.village(place, villages % GAP_EVERY == 4);
                villages += 1;
                continue;
            }
        };
        for _ in 0..2 {
            let officer = sampler.person();
            sampler.post(duty, place.code.as_str(), &officer, 1);
        }
    }
    // Behind all others, so that a new post gives nobody else another name or number.
    for place in within() {
        let level = place.code.level();
        for post in POSTS.iter().filter(|(of, _)| *of == level).flat_map(|(_, posts)| *posts) {
            let holder = sampler.person();
            sampler.post(post, place.code.as_str(), &holder, 1);
        }
    }
    sampler.draft
}

// === impl Sampler ===

impl Sampler<'_> {
    fn village(&mut self, village: &Region, nobody: bool) {
        let head = self.person();
        self.post("village", village.code.as_str(), &head, 1);
        let speaker = self.speaker(village);
        self.post("speaker", village.code.as_str(), &speaker, 1);
        let mut last = None;
        for number in 1..=self.rng.random_range(1..=3u32) {
            let target = self.grid(village, number);
            if !nobody {
                let shared = last.take_if(|_| self.rng.random_ratio(1, 3));
                let holder = shared.unwrap_or_else(|| self.person());
                self.post("grid", &target, &holder, 1);
                if self.rng.random_ratio(1, 3) {
                    let deputy = self.person();
                    self.post("grid", &target, &deputy, 2);
                }
                last = Some(holder);
            }
        }
    }

    /// Adds a grid and gives back its id.
    fn grid(&mut self, village: &Region, number: u32) -> String {
        let id = format!("{}-G{number:03}", village.code);
        let households = self.rng.random_range(8..120u32);
        let persons = households * self.rng.random_range(25..42u32) / 10;
        let point = self.point(&village.code);
        self.draft.targets.push(Target {
            id: id.as_str().into(),
            name: format!("{}第{number}网格", short(&village.name)),
            kind: TargetKind::Grid,
            region: village.code.clone(),
            households,
            persons,
            special: persons * self.rng.random_range(2..15u32) / 100,
            risk: self.rng.random_range(0..=5),
            point: Some(point),
        });
        id
    }

    /// A made-up point, near those of the same township: codes close to each other lie close.
    fn point(&mut self, village: &RegionCode) -> Point {
        let digits = |from: usize, to: usize| village.as_str()[from..to].parse::<u32>().map_or(0.0, f64::from);
        let (county, township) = (digits(2, 6), digits(6, 9));
        Point {
            lat: 22.0 + (county * 0.137) % 6.0 + (township * 0.017) % 0.4 + self.rng.random_range(0.0..0.05),
            lon: 98.0 + (county * 0.211) % 7.0 + (township * 0.023) % 0.4 + self.rng.random_range(0.0..0.05),
        }
    }

    fn person(&mut self) -> PersonId {
        let surname = self.pick(SURNAMES);
        let name = format!("{surname}{}{}", self.pick(GIVEN), self.pick(GIVEN));
        let number = Number { e164: format!("+86199{:08}", self.next_number), line: super::Line::Mobile };
        self.next_number += 1;
        self.add(name, number.e164, number.line.channels().to_vec())
    }

    fn speaker(&mut self, village: &Region) -> PersonId {
        let name = format!("{}应急广播", short(&village.name));
        self.add(name, format!("speaker-{}", village.code), vec![Channel::Broadcast])
    }

    fn add(&mut self, name: String, number: String, channels: Vec<Channel>) -> PersonId {
        let id = person_id(self.key, &number, &name);
        let contact = Contact { id: ContactId::from(format!("{id}.1")), number, channels };
        let language = "zh-CN".to_owned();
        self.draft.people.push(Person { id: id.clone(), name, contacts: vec![contact], language, away: None });
        id
    }

    fn post(&mut self, post: &str, ground: &str, person: &PersonId, rank: u8) {
        let posting = Posting { post: post.into(), ground: ground.into(), person: person.clone(), rank };
        self.draft.postings.push(posting);
    }

    fn pick(&mut self, characters: &str) -> char {
        let count = characters.chars().count();
        characters.chars().nth(self.rng.random_range(0..count)).unwrap_or('李')
    }
}

/// A village's name without the words for its committee.
fn short(name: &str) -> &str {
    let stem = ["村民委员会", "居民委员会", "村委会", "居委会", "社区"].iter().find_map(|end| name.strip_suffix(end));
    stem.filter(|s| !s.is_empty()).unwrap_or(name)
}
