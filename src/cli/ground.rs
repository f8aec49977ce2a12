//! What a directory version holds, region by region, and which posts nobody fills.

use super::table;
use crate::directory::Directory;
use crate::model::{Holders, Level, RegionCode, Target, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The counts of one region.
#[derive(Debug, Serialize)]
struct Count {
    region: RegionCode,
    place: String,
    targets: usize,
    households: u32,
    persons: u32,
    /// People and devices with a post in the region.
    people: usize,
    villages_without_target: usize,
    /// By post: targets for which nobody fills it, at the target or above.
    vacant: BTreeMap<String, usize>,
}

/// A duty post above the village that nobody fills, though ground lies below it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Unfilled {
    region: RegionCode,
    place: String,
    post: &'static str,
}

/// The duty of each level above the village, as the shipped plans name it.
const DUTIES: [(Level, &str, &str); 4] = [
    (Level::Township, "township_duty", "乡镇值班"),
    (Level::County, "county_duty", "县值班"),
    (Level::Prefecture, "prefecture_duty", "州市值班"),
    (Level::Province, "province_duty", "省值班"),
];
/// Unfilled posts named on the screen; the rest is counted.
const NAMED_MAX: usize = 30;

#[derive(Debug, Serialize)]
struct Counts {
    version: u64,
    regions: Vec<Count>,
    /// Counties of the directory in which there is no target at all.
    counties_without_target: usize,
    /// Duty posts above the village that nobody fills.
    unfilled: Vec<Unfilled>,
}

/// Prints the counts: by county, or one level below `region` when that is a county or smaller.
pub(super) fn show(directory: &Directory, region: Option<&RegionCode>, as_json: bool) -> anyhow::Result<()> {
    let counts = count(directory, region);
    if as_json {
        println!("{}", serde_json::to_string(&counts)?);
        return Ok(());
    }
    let posts: BTreeSet<&String> = counts.regions.iter().flat_map(|c| c.vacant.keys()).collect();
    let mut head: Vec<String> = [
        "区划 region",
        "",
        "责任区 targets",
        "户 households",
        "人 persons",
        "责任人 people",
        "无责任区村 villages without",
    ]
    .map(str::to_owned)
    .to_vec();
    head.extend(posts.iter().map(|post| format!("空缺 vacant {post}")));
    let mut rows = vec![head];
    for c in &counts.regions {
        let numbers = [c.targets, c.households as usize, c.persons as usize, c.people, c.villages_without_target];
        let vacant = posts.iter().map(|post| c.vacant.get(*post).copied().unwrap_or_default());
        let numbers = numbers.into_iter().chain(vacant).map(|n| n.to_string());
        rows.push([c.region.to_string(), c.place.clone()].into_iter().chain(numbers).collect());
    }
    table::lines_of(&rows).iter().for_each(|line| println!("{line}"));
    let none = counts.counties_without_target;
    if none > 0 {
        let (en, have) = if none == 1 { ("county", "has") } else { ("counties", "have") };
        println!("{none} 个县没有任何责任区 / {none} {en} {have} no target");
    }
    for u in counts.unfilled.iter().take(NAMED_MAX) {
        let zh = DUTIES.iter().find(|d| d.1 == u.post).map_or("", |d| d.2);
        println!("岗位空缺 / nobody in post: {} {} {zh} {}", u.region, u.place, u.post);
    }
    let more = counts.unfilled.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        println!("另有 {more} 个岗位空缺，用 --region 或 --json 查看 / and {more} more: --region or --json");
    }
    Ok(())
}

fn count(directory: &Directory, within: Option<&RegionCode>) -> Counts {
    let level = match within.map(RegionCode::level) {
        None | Some(Level::Province | Level::Prefecture) => Level::County,
        Some(Level::County) => Level::Township,
        Some(Level::Township | Level::Village) => Level::Village,
    };
    let group = |region: &RegionCode| region.at(level).unwrap_or_else(|| region.clone());
    let inside = |region: &RegionCode| within.is_none_or(|code| code.holds(region));
    let mut targets: BTreeMap<RegionCode, Vec<&Target>> = BTreeMap::new();
    for target in directory.targets().iter().filter(|t| inside(&t.region)) {
        targets.entry(group(&target.region)).or_default().push(target);
    }
    let mut people: BTreeMap<RegionCode, BTreeSet<&str>> = BTreeMap::new();
    for posting in directory.postings() {
        let target = directory.target(&posting.ground.as_str().into());
        let ground = target.map(|t| t.region.clone()).or_else(|| RegionCode::parse(&posting.ground).ok());
        if let Some(ground) = ground {
            people.entry(group(&ground)).or_default().insert(posting.person.as_str());
        }
    }
    let posts: BTreeSet<&str> = directory.postings().map(|p| p.post.as_str()).collect();
    let counties = directory.regions().iter().filter(|r| r.code.level() == Level::County && inside(&r.code));
    let counties_without_target = counties.filter(|r| directory.targets_in(&r.code).is_empty()).count();
    let regions = targets.into_iter().map(|(region, targets)| Count {
        place: directory.place(region.as_str()),
        targets: targets.len(),
        households: targets.iter().map(|t| t.households).sum(),
        persons: targets.iter().map(|t| t.persons).sum(),
        people: people.get(&region).map_or(0, BTreeSet::len),
        villages_without_target: directory
            .villages_in(&region)
            .filter(|village| directory.targets_in(&village.code).is_empty())
            .count(),
        vacant: vacant(directory, &posts, &targets),
        region,
    });
    let (version, regions) = (directory.version(), regions.collect());
    Counts { version, regions, counties_without_target, unfilled: unfilled(directory, inside) }
}

/// The duty posts that nobody fills in the regions above the targets that are `inside`, those of the
/// highest regions first: what is missing there is missing for all ground below.
fn unfilled(directory: &Directory, inside: impl Fn(&RegionCode) -> bool) -> Vec<Unfilled> {
    let grounds: BTreeSet<&RegionCode> =
        directory.targets().iter().map(|t| &t.region).filter(|region| inside(region)).collect();
    let mut found = BTreeSet::new();
    for (level, post, _) in DUTIES {
        let regions: BTreeSet<RegionCode> = grounds.iter().filter_map(|ground| ground.at(level)).collect();
        for region in regions {
            if directory.seats_at(post, Holders::Everyone, region.as_str(), Timestamp(0)).is_empty() {
                found.insert(Unfilled { place: directory.place(region.as_str()), region, post });
            }
        }
    }
    let mut found: Vec<Unfilled> = found.into_iter().collect();
    found.sort_by_key(|u| u.region.level());
    found
}

/// By post, the targets for which nobody fills it; posts without a gap are left out.
fn vacant(directory: &Directory, posts: &BTreeSet<&str>, targets: &[&Target]) -> BTreeMap<String, usize> {
    let nobody =
        |post: &str, target: &Target| directory.seats(post, Holders::Everyone, target, Timestamp(0)).is_empty();
    let gaps = posts.iter().map(|post| ((*post).to_owned(), targets.iter().filter(|t| nobody(post, t)).count()));
    gaps.filter(|(_, count)| *count > 0).collect()
}
