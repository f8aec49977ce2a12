//! Invented persons on real ground: spread evenly over counties, and within a county over its villages.

use crate::directory::{Directory, Draft, person_id, yunnan};
use crate::model::{Channel, Contact, Level, Person, Posting, RegionCode, SecretKey, Target, TargetKind};
use anyhow::{anyhow, ensure};
use std::collections::BTreeSet;

/// The key under which the invented numbers are sealed.
pub(super) const KEY: [u8; 32] = [0x24; 32];

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

/// A directory in which each person answers for one grid and is reached on all `channels`.
pub(super) fn directory(counties: &[RegionCode], persons: usize, channels: &[Channel]) -> anyhow::Result<Directory> {
    let key = SecretKey::new(KEY);
    let mut draft = Draft::default();
    let villages: Vec<Vec<&RegionCode>> = counties.iter().map(|county| villages(county).collect()).collect();
    for i in 0..persons {
        let of_county = &villages[i % villages.len()];
        let region = of_county[i / villages.len() % of_county.len()].clone();
        let ground = format!("{region}-G{i:06}");
        let (number, name) = (format!("+86199{i:08}"), format!("人{i}"));
        let id = person_id(&key, &number, &name);
        let contact = Contact { id: format!("{id}.0").into(), number, channels: channels.to_vec() };
        let person = Person { id: id.clone(), name, contacts: vec![contact], language: "zh-CN".into(), away: None };
        draft.people.push(person);
        draft.postings.push(Posting { post: "grid".into(), ground: ground.clone(), person: id, rank: 1 });
        draft.targets.push(Target {
            id: ground.into(),
            name: format!("第{i}网格"),
            kind: TargetKind::Grid,
            region,
            households: 20,
            persons: 70,
            special: 3,
            risk: 3,
            point: None,
        });
    }
    // Only regions with somebody in them: ground without anybody is another bench's concern.
    let lived_in: BTreeSet<RegionCode> = draft.targets.iter().flat_map(|t| above(&t.region)).collect();
    draft.regions = yunnan().iter().filter(|r| lived_in.contains(&r.code)).cloned().collect();
    draft.build(1).map_err(|f| anyhow!("{f:?}"))
}
