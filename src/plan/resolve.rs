//! From a message to an order for each command region: plan, ground, and who is called in which step.

use super::{PlanFile, PlanSet, neighbours};
use crate::directory::{Cover, Covered, Directory};
use crate::model::{
    Beside, Colour, Gap, GapReason, Ground, Head, Holders, Level, Message, MessageKind, Order, PersonId, Plan, Raise,
    RegionCode, Seats, Step, Target, TargetId, TargetKind, Timestamp, WarningId, Words,
};
use std::collections::{BTreeMap, BTreeSet};

/// Which command regions a message reaches, and with what: what it covers, the neighbours that plans name, and the
/// prefectures and provinces that the tiers of a plan call in callouts of their own. Cheap beside the orders,
/// which are made one by one ([`Extent::order`]).
#[derive(Clone, Debug, Default)]
pub struct Extent {
    cover: BTreeMap<RegionCode, Covered>,
    beside: BTreeMap<TargetId, Beside>,
    wide: BTreeSet<RegionCode>,
}

/// Which command regions a message reaches.
#[must_use]
pub fn extent(directory: &Directory, plans: &PlanSet, message: &Message, cover: Cover) -> Extent {
    let (cover, beside) = neighbours::with_neighbours(directory, plans, message, cover);
    let mut wide = BTreeSet::new();
    for region in cover.regions.keys().filter(|_| message.kind != MessageKind::Cancel) {
        let tiers = plans.select(&message.hazard, colour_of(message), region).map_or(&[][..], |f| &f.plan.tiers);
        let levels = tiers.iter().filter_map(|t| t.level).filter(|level| *level < Level::County);
        wide.extend(levels.filter_map(|level| region.at(level)));
    }
    wide.retain(|above| !cover.regions.contains_key(above));
    Extent { cover: cover.regions, beside, wide }
}

// === impl Extent ===

impl Extent {
    /// The regions, in order of code, each with how many targets are covered in it.
    pub fn regions(&self) -> impl Iterator<Item = (&RegionCode, usize)> {
        let covered = self.cover.iter().map(|(region, covered)| (region, covered.targets.len()));
        covered.chain(self.wide.iter().map(|region| (region, 1)))
    }

    /// The order of the message in one region; one that releases all ground there when the region is not reached.
    /// `None` only without a plan, which no loaded set lacks.
    #[must_use]
    pub fn order(
        &self,
        directory: &Directory,
        plans: &PlanSet,
        message: &Message,
        warning_id: &WarningId,
        region: &RegionCode,
        now: Timestamp,
    ) -> Option<Order> {
        let nothing = Covered::default();
        let covered = self.cover.get(region).unwrap_or(&nothing);
        let mut order = order(directory, plans, message, warning_id, region, covered, now)?;
        for ground in order.ground.iter_mut().filter(|_| !self.beside.is_empty()) {
            ground.beside = self.beside.get(&ground.target.id).cloned();
        }
        if self.wide.contains(region) {
            order.ground = regional_ground(directory, &order.plan, region, [region.clone()].into(), now);
            order.gaps = order.ground.iter().flat_map(|g| vacancies(directory, &order.plan, g, now)).collect();
        }
        Some(order)
    }
}

/// The orders of a message to all regions that it reaches.
#[must_use]
pub fn orders(
    directory: &Directory,
    plans: &PlanSet,
    message: &Message,
    warning_id: &WarningId,
    cover: &Cover,
    now: Timestamp,
) -> BTreeMap<RegionCode, Order> {
    let extent = extent(directory, plans, message, cover.clone());
    let order = |region: &RegionCode| extent.order(directory, plans, message, warning_id, region, now);
    extent.regions().filter_map(|(region, _)| Some((region.clone(), order(region)?))).collect()
}

/// The colour that a message is acted on under.
#[must_use]
pub fn colour_of(message: &Message) -> Colour {
    message.colour.unwrap_or(match message.kind {
        MessageKind::Cancel => Colour::Blue,
        // Without a colour nobody can say that it is harmless.
        MessageKind::Alert | MessageKind::Update => Colour::Red,
    })
}

/// The order of a message in one command region. With nothing covered it releases all ground there,
/// as an Update does for a region that it no longer names.
fn order(
    directory: &Directory,
    plans: &PlanSet,
    message: &Message,
    warning_id: &WarningId,
    region: &RegionCode,
    covered: &Covered,
    now: Timestamp,
) -> Option<Order> {
    let colour = colour_of(message);
    let PlanFile { plan, .. } = plans.select(&message.hazard, colour, region)?;
    let (mut ground, mut gaps) = (Vec::new(), Vec::new());
    if message.kind != MessageKind::Cancel && !(covered.targets.is_empty() && covered.gaps.is_empty()) {
        let targets: Vec<&Target> = directory.targets_at(&covered.targets).collect();
        for tier in (0..plan.above()).filter(|t| plan.tiers[usize::from(*t)].level.is_none()) {
            ground.extend(targets.iter().map(|target| {
                let seats = seats(directory, plan, tier, target, now);
                Ground { target: named(directory, target), tier, seats, beside: None }
            }));
        }
        let codes = covered.gaps.iter().filter_map(|gap| RegionCode::parse(&gap.ground).ok());
        let touched = targets.iter().map(|t| t.region.clone()).chain(codes).collect();
        ground.extend(regional_ground(directory, plan, region, touched, now));
        gaps.extend(covered.gaps.iter().cloned());
        for found in ground.iter().flat_map(|g| vacancies(directory, plan, g, now)) {
            if !gaps.contains(&found) {
                gaps.push(found);
            }
        }
    }
    Some(Order {
        warning: warning_id.clone(),
        region: region.clone(),
        place: directory.place(region.as_str()),
        status: message.status,
        hazard: message.hazard.clone(),
        colour,
        message: message.reference(),
        words: words(message, colour),
        onset: message.onset,
        origin_time: message.origin_time,
        expires: message.expires,
        plan: plan.clone(),
        directory: directory.version(),
        ground,
        gaps,
        conflict: false,
        position: 0,
        retracted: false,
    })
}

/// The ground of the tiers that call for whole regions: those within the command region in which
/// something is covered.
fn regional_ground(
    directory: &Directory,
    plan: &Plan,
    region: &RegionCode,
    touched: BTreeSet<RegionCode>,
    now: Timestamp,
) -> Vec<Ground> {
    let mut ground = Vec::new();
    for (tier, level) in (0..plan.above()).filter_map(|t| Some((t, plan.tiers[usize::from(t)].level?))) {
        let within = |code: &RegionCode| code.at(level).filter(|code| region.holds(code));
        for code in touched.iter().filter_map(within).collect::<BTreeSet<_>>() {
            let mut target = whole(directory, &code);
            // The roster that figures from there are held against.
            for t in directory.targets_in(&code) {
                target.households += t.households;
                target.persons += t.persons;
                target.special += t.special;
            }
            let seats = seats(directory, plan, tier, &target, now);
            ground.push(Ground { target, tier, seats, beside: None });
        }
    }
    ground
}

/// A region as a target.
pub(super) fn whole(directory: &Directory, region: &RegionCode) -> Target {
    Target {
        id: region.as_str().into(),
        name: directory.place(region.as_str()),
        kind: TargetKind::Region,
        region: region.clone(),
        households: 0,
        persons: 0,
        special: 0,
        risk: 5,
        point: None,
    }
}

/// What a region hands up to its parent: the region itself as the one ground of the order, and the
/// parent's own posts to answer for it. Only posts at the parent itself are called: those below were
/// called already, those above get their own callout when the parent cannot answer either.
#[must_use]
pub fn raise(
    directory: &Directory,
    plans: &PlanSet,
    below: &Head,
    parent: &RegionCode,
    targets: u32,
    gaps: u32,
    now: Timestamp,
) -> Raise {
    let file = plans.select(&below.hazard, below.colour, parent);
    let plan = file.map_or_else(|| below.plan.clone(), |f| f.plan.clone());
    let target = whole(directory, &below.region);
    let tier = plan.above();
    let at_parent = |post: &str, holders| directory.seats_at(post, holders, parent.as_str(), now);
    let seats: Vec<_> = plan.steps.iter().map(|step| seats_of(step, tier, at_parent)).collect();
    let vacant = seats.iter().all(|s| s.answer.is_empty());
    let nobody = Gap { ground: target.id.to_string(), step: None, reason: GapReason::NobodyAtAll };
    let order = Order {
        warning: below.warning.clone(),
        region: parent.clone(),
        place: directory.place(parent.as_str()),
        status: below.status,
        hazard: below.hazard.clone(),
        colour: below.colour,
        message: below.message.clone(),
        words: below.words.clone(),
        onset: below.onset,
        origin_time: below.origin_time,
        expires: Some(below.expires),
        plan,
        directory: directory.version(),
        ground: vec![Ground { target, tier, seats, beside: None }],
        gaps: vacant.then_some(nobody).into_iter().collect(),
        conflict: false,
        // A raise says nothing of the ground that the parent's own orders name.
        position: 0,
        retracted: false,
    };
    Raise { order, targets, gaps, seq: 0 }
}

/// A target under a name that stands alone: people who answer for several villages must be told which
/// one. A grid called only `第1网格` takes its village's name in front.
fn named(directory: &Directory, target: &Target) -> Target {
    let village = directory.place(target.region.as_str());
    let ends = ["村民委员会", "居民委员会", "村委会", "居委会", "社区", "村"];
    let short = ends.iter().find_map(|end| village.strip_suffix(end)).unwrap_or(&village);
    let mut target = target.clone();
    if !short.is_empty() && !target.name.contains(short) {
        target.name = format!("{village}{}", target.name);
    }
    target
}

/// Who is called in each step of a plan for a target of a tier; nobody in the steps of other tiers.
pub(super) fn seats(
    directory: &Directory,
    plan: &Plan,
    tier: u8,
    target: &Target,
    now: Timestamp,
) -> Vec<Seats<PersonId>> {
    let seats_at_target = |post: &str, holders| directory.seats(post, holders, target, now);
    plan.steps.iter().map(|step| seats_of(step, tier, seats_at_target)).collect()
}

/// Who is called in a step; all holders of an alerted post are, as every loudspeaker shall sound.
fn seats_of(step: &Step, tier: u8, holders_of: impl Fn(&str, Holders) -> Vec<PersonId>) -> Seats<PersonId> {
    if step.tier != tier {
        return Seats::default();
    }
    let all = |posts: &[String], holders| {
        let mut found = Vec::new();
        for person in posts.iter().flat_map(|post| holders_of(post, holders)) {
            if !found.contains(&person) {
                found.push(person);
            }
        }
        found
    };
    Seats { answer: all(&step.posts, step.holders), alert: all(&step.alert, Holders::Everyone) }
}

/// The gaps of a target: one when nobody at all answers for it, else one per step that nobody fills.
/// That a post has no deputy is no gap as long as somebody holds it.
fn vacancies(directory: &Directory, plan: &Plan, ground: &Ground, now: Timestamp) -> Vec<Gap> {
    let Ground { target, tier, seats, .. } = ground;
    let gap = |step, reason| Gap { ground: target.id.to_string(), step, reason };
    if seats.iter().all(|s| s.answer.is_empty()) {
        return vec![gap(None, GapReason::NobodyAtAll)];
    }
    let held = |post: &String| !directory.seats(post, Holders::Everyone, target, now).is_empty();
    let vacant = plan.steps.iter().zip(seats).enumerate().filter(|(_, (step, seats))| {
        let deputies = step.holders == Holders::Deputies && step.posts.iter().any(held);
        step.tier == *tier && seats.answer.is_empty() && !deputies
    });
    vacant.map(|(ix, _)| gap(u8::try_from(ix).ok(), GapReason::NobodyInPost)).collect()
}

/// The Chinese words, or the first there are; a message without a headline gets one of its kind.
fn words(message: &Message, colour: Colour) -> Words {
    let wording = message.wording("zh").cloned().unwrap_or_default();
    let made = || format!("{}{}预警", message.hazard.zh(), colour.zh());
    Words {
        headline: if wording.headline.is_empty() { made() } else { wording.headline },
        description: wording.description,
        instruction: wording.instruction,
    }
}
