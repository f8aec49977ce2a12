//! Proof against a directory that plans reach the top of the chain, county by county.

use super::{
    PlanFile, PlanSet, example, neighbours,
    resolve::{seats, whole},
    units::spoken,
};
use crate::directory::Directory;
use crate::model::{
    Finding, Holders, Level, Need, RegionCode, Severity, Step, Target, TextKind, Timestamp, is_standard_chinese,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Faults, by plan. A fatal one is a reason to refuse the pair of plans and directory.
    pub findings: Vec<Finding>,
    /// How far each plan reaches in each county that has targets.
    pub reaches: Vec<Reach>,
}

/// How a plan reaches its top in one county.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The plan's file.
    pub file: String,
    /// The county.
    pub region: RegionCode,
    /// Its name.
    pub place: String,
    /// The tier's name for people; empty in a plan without tiers.
    pub tier: String,
    /// Its targets.
    pub targets: u32,
    /// Targets for which nobody answers in any step.
    pub nobody: u32,
    /// The steps and how they are filled.
    pub steps: Vec<StepFill>,
    /// The longest time in milliseconds, over all targets, from the start until the last step is
    /// called when nobody answers; a step that nobody fills for a target takes no time. `None` when
    /// nobody fills the last step for any target.
    pub longest_ms: Option<i64>,
    /// The same in one Chinese sentence.
    pub zh: String,
    /// The same in one English sentence.
    pub en: String,
}

/// How a step is filled in a county.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepFill {
    /// Its index in the plan.
    pub step: u8,
    /// The step's name.
    pub name: String,
    /// Targets for which nobody is called in it.
    pub vacant: u32,
    /// The most persons that it calls for one target.
    pub most: u32,
}

/// Holds plans against a directory: whether every step has somebody somewhere, whether k of them can
/// answer, and how long it takes in each county until the top of the chain is called.
#[must_use]
pub fn check(plans: &PlanSet, directory: &Directory, now: Timestamp) -> Report {
    let filled: BTreeSet<&str> = directory.postings().map(|p| p.post.as_str()).collect();
    let mut counties: BTreeMap<RegionCode, Vec<&Target>> = BTreeMap::new();
    for target in directory.targets() {
        counties
            .entry(target.region.at(Level::County).unwrap_or_else(|| target.region.clone()))
            .or_default()
            .push(target);
    }
    let mut report = Report { findings: Vec::new(), reaches: Vec::new() };
    for file in plans.files() {
        report.findings.extend(unfilled(file, &filled));
        report.findings.extend(neighbours::unknown(&file.file, &file.neighbours, directory));
        report.findings.extend(example::late_keys(file));
        report.findings.extend(unspoken(file, directory));
        let before = report.reaches.len();
        let within = |region: &RegionCode| {
            let scope = &file.scope.regions;
            scope.is_empty() || scope.iter().any(|code| code.holds(region) || region.holds(code))
        };
        for (region, targets) in counties.iter().filter(|(region, _)| within(region)) {
            for tier in 0..file.plan.above() {
                let regions: Vec<Target>;
                let ground = match file.plan.tiers[usize::from(tier)].level {
                    None => targets.clone(),
                    Some(level) if level < Level::County => continue,
                    Some(level) => {
                        let codes: BTreeSet<_> = targets.iter().filter_map(|t| t.region.at(level)).collect();
                        regions = codes.iter().map(|code| whole(directory, code)).collect();
                        regions.iter().collect()
                    }
                };
                report.reaches.push(reach(file, directory, region, tier, &ground, now));
            }
        }
        report.findings.extend(too_many_wanted(file, &report.reaches[before..]));
    }
    report.findings.extend(no_duty_above(plans, directory, counties.keys()));
    report
}

/// Steps whose posts nobody in the whole directory fills.
fn unfilled(file: &PlanFile, filled: &BTreeSet<&str>) -> Vec<Finding> {
    let plan = &file.plan;
    let empty = plan.steps.iter().enumerate().filter(|(_, s)| !s.posts.iter().any(|p| filled.contains(p.as_str())));
    let finding = |(ix, step): (usize, &Step)| {
        let reason = format!("nobody in the directory fills {}", step.posts.join(" or "));
        let place = step_place(file, ix);
        let level = plan.tiers[usize::from(step.tier)].level;
        // A county alone may have nobody above it in its directory.
        let wider = step.tier == plan.above() || level.is_some_and(|l| l < Level::County);
        if wider { Finding::notice(place, reason) } else { Finding::fatal(place, reason) }
    };
    empty.map(finding).collect()
}

/// Languages of people that a plan has no words in.
fn unspoken(file: &PlanFile, directory: &Directory) -> Vec<Finding> {
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    for person in directory.people().filter(|p| !is_standard_chinese(&p.language)) {
        *wanted.entry(&person.language).or_default() += 1;
    }
    let mut findings = Vec::new();
    for (language, persons) in wanted {
        let lacks = |kind: &TextKind| file.plan.texts.language(*kind, language).is_none();
        let missing: Vec<_> = [TextKind::Sms, TextKind::Voice].into_iter().filter(lacks).map(TextKind::name).collect();
        if !missing.is_empty() {
            let place = format!("{} / texts / lang / {language}", file.file);
            let reason = format!("no {} for {persons} persons; they get standard Chinese", missing.join(", "));
            findings.push(Finding::notice(place, reason));
        }
    }
    findings
}

/// `default.toml / step 4 (县值班)`: a step where it stands in its file.
pub(super) fn step_place(file: &PlanFile, ix: usize) -> String {
    let (plan, step) = (&file.plan, &file.plan.steps[ix]);
    let within = ix - usize::from(plan.first_step(step.tier)) + 1;
    let list = match &plan.tiers[usize::from(step.tier)].name {
        _ if step.tier == plan.above() => "above".to_owned(),
        _ if plan.tiers.len() == 2 => "step".to_owned(),
        tier => format!("tier {tier} step"),
    };
    format!("{} / {list} {within} ({})", file.file, step.name)
}

/// Steps that want more answers than any target has persons.
fn too_many_wanted(file: &PlanFile, reaches: &[Reach]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (ix, step) in file.plan.steps.iter().enumerate() {
        let of_step = reaches.iter().flat_map(|r| &r.steps).filter(|s| usize::from(s.step) == ix);
        let most = of_step.map(|s| s.most).max().unwrap_or_default();
        if let Need::K(k) = step.need
            && most > 0
            && u32::from(k) > most
        {
            let place = step_place(file, ix);
            let reason = format!("need k = {k}, but no target has more than {most} persons in this step");
            findings.push(Finding::fatal(place, reason));
        }
    }
    findings
}

/// Regions above counties with targets, in which nobody takes what goes up. Told, not refused: a
/// county alone may have nobody above it in its directory.
fn no_duty_above<'a>(
    plans: &PlanSet,
    directory: &Directory,
    counties: impl Iterator<Item = &'a RegionCode>,
) -> Vec<Finding> {
    let above: BTreeSet<RegionCode> =
        counties.flat_map(|c| [c.at(Level::Prefecture), c.at(Level::Province)]).flatten().collect();
    let mut findings = Vec::new();
    for file in plans.files() {
        for region in &above {
            let held = |post: &String| {
                !directory.seats_at(post, Holders::Everyone, region.as_str(), Timestamp::default()).is_empty()
            };
            let above = file.plan.steps.iter().filter(|s| s.tier == file.plan.above());
            if !above.flat_map(|s| &s.posts).any(held) {
                let place = format!("{} / above / {}", file.file, directory.place(region.as_str()));
                findings.push(Finding::notice(place, "nobody there takes what the regions below cannot answer for"));
            }
        }
    }
    findings
}

fn reach(
    file: &PlanFile,
    directory: &Directory,
    region: &RegionCode,
    tier: u8,
    targets: &[&Target],
    now: Timestamp,
) -> Reach {
    let plan = &file.plan;
    let own = plan.steps.iter().enumerate().filter(|(_, s)| s.tier == tier);
    let fill = |(ix, s): (usize, &Step)| StepFill { step: ix as u8, name: s.name.clone(), vacant: 0, most: 0 };
    let mut steps: Vec<StepFill> = own.map(fill).collect();
    let mut nobody = 0;
    let mut longest_ms = None;
    for target in targets {
        let seats = seats(directory, plan, tier, target, now);
        let counts: Vec<usize> = steps.iter().map(|s| seats[usize::from(s.step)].answer.len()).collect();
        for (step, count) in steps.iter_mut().zip(&counts) {
            step.vacant += u32::from(*count == 0);
            step.most = step.most.max(u32::try_from(*count).unwrap_or(u32::MAX));
        }
        nobody += u32::from(counts.iter().all(|c| *c == 0));
        if let Some((last, before)) = counts.split_last()
            && *last > 0
        {
            let filled = steps.iter().zip(before).filter(|(_, count)| **count > 0);
            longest_ms = longest_ms.max(Some(filled.map(|(s, _)| plan.steps[usize::from(s.step)].wait_ms).sum()));
        }
    }
    let place = directory.place(region.as_str());
    let targets = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let tier = plan.tiers[usize::from(tier)].title.clone();
    let (zh, en) = sentences(&plan.name, &tier, &place, &steps, targets, longest_ms);
    Reach { file: file.file.clone(), region: region.clone(), place, tier, targets, nobody, steps, longest_ms, zh, en }
}

fn sentences(
    plan: &str,
    tier: &str,
    place: &str,
    steps: &[StepFill],
    targets: u32,
    longest_ms: Option<i64>,
) -> (String, String) {
    let name = if tier.is_empty() { plan.to_owned() } else { format!("{plan} · {tier}") };
    let (top, vacant) = steps.last().map_or(("", 0), |s| (s.name.as_str(), s.vacant));
    match longest_ms {
        None => (
            format!("{place}：按“{name}”，{targets} 处责任区的最高一级“{top}”都无人可叫。"),
            format!(
                "{place}: under \"{name}\" nobody can be called at the top step \"{top}\" for any of {targets} target{}.",
                if targets == 1 { "" } else { "s" }
            ),
        ),
        Some(ms) => {
            let (zh_gap, en_gap) = if vacant == 0 {
                (String::new(), String::new())
            } else {
                (
                    format!("；{vacant} 处责任区在这一级无人"),
                    format!("; {vacant} target{} nobody there", if vacant == 1 { " has" } else { "s have" }),
                )
            };
            (
                format!(
                    "{place}：按“{name}”，一直无人应答时，最长 {}后叫到最高一级“{top}”{zh_gap}。",
                    spoken(ms, "分钟", "秒")
                ),
                format!(
                    "{place}: under \"{name}\", when nobody answers, the top step \"{top}\" is called after {} at the latest{en_gap}.",
                    spoken(ms, "min", "s")
                ),
            )
        }
    }
}

// === impl Report ===

impl Report {
    /// Whether nothing was found that is a reason to refuse.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.findings.iter().all(|f| f.severity != Severity::Fatal)
    }
}
