//! The parts of a callout's page, each a fragment with a key: the live stream sends those that changed.

use super::card::Card;
use super::events::{Said, said};
use super::scene::{Due, Scene};
use super::target::{Standing, Tile};
use super::{tiers, words};
use crate::board::text::{Lang, Texts};
use crate::directory::Directory;
use crate::evidence::{MovedByRegion, Numbered, moved, retraction as retraction_of};
use crate::model::{CalloutId, ClockState, Level, RegionCode, ReportId, TargetIx};
use askama::Template;
use std::collections::BTreeMap;

/// Lists on the page are cut here; the rest is counted.
const LIST_MAX: usize = 8;
/// Alarms are cut later: they are what the page is for.
const ALARMS_MAX: usize = 24;
/// Those who have not confirmed a retraction are called one by one: the list is long.
const UNCONFIRMED_MAX: usize = 200;

/// A part of a page. The HTML's outermost element carries the key as `data-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::board) struct Fragment {
    pub key: String,
    pub html: String,
}

/// The parts of a callout's page.
pub(in crate::board) struct Panels {
    pub head: Fragment,
    pub alarms: Fragment,
    pub knocks: Fragment,
    pub tiers: Fragment,
    pub moves: Fragment,
    pub retraction: Fragment,
    pub clocks: Fragment,
    pub gaps: Fragment,
    pub events: Fragment,
    /// Townships, each with its villages.
    pub townships: Vec<(Fragment, Vec<Fragment>)>,
}

#[derive(Template)]
#[template(path = "head.html", config = ".askama.toml")]
struct HeadHtml<'a> {
    t: &'static Texts,
    c: &'a Card,
    instruction: &'a str,
    /// The hazard report that the warning was made of.
    report: Option<ReportId>,
}

#[derive(Template)]
#[template(path = "alarms.html", config = ".askama.toml")]
struct AlarmsHtml<'a> {
    t: &'static Texts,
    id: &'a str,
    alarms: Vec<(String, &'a Tile)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "retraction.html", config = ".askama.toml")]
struct RetractionHtml {
    t: &'static Texts,
    /// Told, confirmed, sounded; `None` when nothing was retracted.
    counts: Option<(u32, u32, u32)>,
    unconfirmed: Vec<(String, String)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "clocks.html", config = ".askama.toml")]
struct ClocksHtml {
    t: &'static Texts,
    rules: Vec<RuleLine>,
    next: Vec<(String, String, Due)>,
    more: usize,
}

struct RuleLine {
    title: String,
    running: usize,
    /// Undecided, of ground that stands as an alarm with no step running.
    passed: usize,
    met: usize,
    missed: usize,
}

#[derive(Template)]
#[template(path = "gaps.html", config = ".askama.toml")]
struct GapsHtml {
    t: &'static Texts,
    gaps: Vec<(String, String, &'static str)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "events.html", config = ".askama.toml")]
struct EventsHtml {
    t: &'static Texts,
    events: Vec<Said>,
}

#[derive(Template)]
#[template(path = "township.html", config = ".askama.toml")]
struct TownshipHtml<'a> {
    t: &'static Texts,
    key: &'a str,
    name: String,
    counts: Vec<(&'static str, &'static str, &'static str, usize)>,
    total: usize,
    moved: String,
}

#[derive(Template)]
#[template(path = "village.html", config = ".askama.toml")]
struct VillageHtml<'a> {
    id: &'a str,
    key: &'a str,
    name: String,
    done: bool,
    moved: String,
    t: &'static Texts,
    tiles: &'a [Tile],
}

#[derive(Template)]
#[template(path = "unverified.html", config = ".askama.toml")]
struct UnverifiedHtml<'a> {
    t: &'static Texts,
    ids: Vec<(&'a str, String, &'a str)>,
}

/// The banner of callouts that the engine refuses to work on; hidden when there is none.
pub(in crate::board) fn unverified(lang: Lang, directory: &Directory, ids: &[(CalloutId, String)]) -> Fragment {
    let place = |id: &CalloutId| directory.place(id.as_str().split('-').next().unwrap_or_default());
    let ids = ids.iter().map(|(id, reason)| (id.as_str(), place(id), reason.as_str())).collect();
    fragment("unverified", &UnverifiedHtml { t: lang.texts(), ids })
}

// === impl Panels ===

impl Panels {
    /// The parts of a callout that has begun; `tail` holds its last events, oldest first.
    pub(in crate::board) fn of(scene: &Scene<'_>, tail: &[Numbered]) -> Option<Self> {
        let card = Card::of(scene)?;
        let tiles: Vec<Tile> = (0..scene.callout.targets.len()).map(|ix| Tile::of(scene, ix as TargetIx)).collect();
        let moved = moved(scene.callout);
        Some(Self {
            head: head(scene, &card),
            alarms: alarms(scene, &tiles),
            knocks: tiers::knocks(scene, &tiles),
            tiers: tiers::tiers(scene),
            moves: tiers::moves(scene, &moved.all),
            retraction: retraction(scene),
            clocks: clocks(scene),
            gaps: gaps(scene),
            events: events(scene, tail),
            townships: townships(scene, &tiles, &moved),
        })
    }

    /// All parts.
    pub(in crate::board) fn all(&self) -> impl Iterator<Item = &Fragment> {
        let first = [&self.head, &self.alarms, &self.knocks, &self.tiers, &self.moves];
        let fixed = first.into_iter().chain([&self.retraction, &self.clocks, &self.gaps, &self.events]);
        fixed.chain(self.townships.iter().flat_map(|(t, vs)| std::iter::once(t).chain(vs)))
    }
}

fn head(scene: &Scene<'_>, card: &Card) -> Fragment {
    let instruction = scene.callout.head.as_ref().map_or("", |h| &h.words.instruction);
    let message = scene.callout.head.as_ref().map(|h| h.message.identifier.as_str());
    let report = message.and_then(crate::board::hazards::of_identifier);
    fragment("head", &HeadHtml { t: scene.lang.texts(), c: card, instruction, report })
}

fn alarms(scene: &Scene<'_>, tiles: &[Tile]) -> Fragment {
    let all: Vec<_> = tiles.iter().filter(|t| t.standing == Standing::Alarm).collect();
    let alarms = all.iter().take(ALARMS_MAX).map(|t| (scene.long_target(t.ix), *t)).collect();
    let more = all.len().saturating_sub(ALARMS_MAX);
    fragment("alarms", &AlarmsHtml { t: scene.lang.texts(), id: scene.callout.id.as_str(), alarms, more })
}

fn retraction(scene: &Scene<'_>) -> Fragment {
    let t = scene.lang.texts();
    let Some(r) = retraction_of(scene.callout) else {
        return fragment("retraction", &RetractionHtml { t, counts: None, unconfirmed: Vec::new(), more: 0 });
    };
    let who = |call: &u32| {
        let person = scene.callout.calls[*call as usize].person;
        (scene.person(person), scene.first_phone(person))
    };
    let html = RetractionHtml {
        t,
        counts: Some((r.told, r.confirmed, r.sounded)),
        unconfirmed: r.unconfirmed.iter().take(UNCONFIRMED_MAX).map(who).collect(),
        more: r.unconfirmed.len().saturating_sub(UNCONFIRMED_MAX),
    };
    fragment("retraction", &html)
}

fn clocks(scene: &Scene<'_>) -> Fragment {
    let callout = scene.callout;
    let line = |rule: usize| {
        let of_rule = || callout.clocks.iter().filter(|c| usize::from(c.rule) == rule);
        let count = |is: fn(&ClockState) -> bool| of_rule().filter(|c| is(&c.state)).count();
        RuleLine {
            title: scene.clock_title(&callout.rules[rule]),
            running: of_rule().filter(|c| scene.counts_down(c)).count(),
            passed: of_rule().filter(|c| c.state == ClockState::Running && !scene.counts_down(c)).count(),
            met: count(|s| matches!(s, ClockState::Met { .. })),
            missed: count(|s| matches!(s, ClockState::Missed { .. })),
        }
    };
    let mut running: Vec<_> = callout.clocks.iter().filter(|c| scene.counts_down(c)).collect();
    running.sort_by_key(|c| c.due);
    // Clocks of one rule that end together are one line.
    let mut groups: Vec<(String, String, Due, usize)> = Vec::new();
    for clock in running {
        let ((title, ground), due) = (scene.clock(clock), scene.due(clock.due));
        match groups.last_mut().filter(|g| g.0 == title && g.2.ms / 1000 == due.ms / 1000) {
            Some(group) => group.3 += 1,
            None => groups.push((title, ground, due, 1)),
        }
    }
    let t = scene.lang.texts();
    let more = groups.len().saturating_sub(LIST_MAX);
    let next = groups.into_iter().take(LIST_MAX).map(|(title, ground, due, count)| match count {
        1 => (title, ground, due),
        n => (title, format!("{n} {}", t.places), due),
    });
    let html = ClocksHtml { t, rules: (0..callout.rules.len()).map(line).collect(), next: next.collect(), more };
    fragment("clocks", &html)
}

fn gaps(scene: &Scene<'_>) -> Fragment {
    let gaps = &scene.callout.gaps;
    let name = |ground: &str| scene.directory.place(ground);
    let lines = gaps.iter().take(LIST_MAX).map(|g| {
        let step = g.step.map(|s| scene.step(s)).unwrap_or_default();
        (name(&g.ground), step, words::gap(scene.lang, g.reason))
    });
    let html = GapsHtml { t: scene.lang.texts(), gaps: lines.collect(), more: gaps.len().saturating_sub(LIST_MAX) };
    fragment("gaps", &html)
}

fn events(scene: &Scene<'_>, tail: &[Numbered]) -> Fragment {
    let events = tail.iter().rev().map(|e| said(scene, e)).collect();
    fragment("events", &EventsHtml { t: scene.lang.texts(), events })
}

fn townships(scene: &Scene<'_>, tiles: &[Tile], moved: &MovedByRegion) -> Vec<(Fragment, Vec<Fragment>)> {
    let mut grouped: BTreeMap<RegionCode, BTreeMap<RegionCode, Vec<Tile>>> = BTreeMap::new();
    for tile in tiles {
        let region = &scene.callout.targets[tile.ix as usize].spec.region;
        let township = region.at(Level::Township).unwrap_or_else(|| region.clone());
        grouped.entry(township).or_default().entry(region.clone()).or_default().push(tile.clone());
    }
    let all = |villages: &BTreeMap<RegionCode, Vec<Tile>>, s: Standing| {
        villages.values().flatten().filter(|t| t.standing == s).count()
    };
    let t = scene.lang.texts();
    let mut out = Vec::new();
    for (code, villages) in grouped {
        let counts = [Standing::Alarm, Standing::Calling, Standing::TakenOver, Standing::Waiting, Standing::Satisfied];
        let counts = counts.into_iter().map(|s| (s.class(), s.mark(), s.word(t), all(&villages, s)));
        let key = format!("tw-{code}");
        let head = TownshipHtml {
            t,
            key: &key,
            name: scene.region(&code),
            counts: counts.filter(|c| c.3 > 0).collect(),
            total: villages.values().map(Vec::len).sum(),
            moved: moved_in(scene, moved, &code),
        };
        let head = fragment(&key, &head);
        let of_village = |(region, tiles): (&RegionCode, &Vec<Tile>)| {
            // A region that is itself the ground needs no second heading.
            let (name, people) = match *region == code {
                true => (String::new(), String::new()),
                false => (scene.region(region), moved_in(scene, moved, region)),
            };
            village(scene, region, name, people, tiles)
        };
        out.push((head, villages.iter().map(of_village).collect()));
    }
    out
}

fn village(scene: &Scene<'_>, region: &RegionCode, name: String, moved: String, tiles: &[Tile]) -> Fragment {
    let key = format!("v-{region}");
    let (t, done) = (scene.lang.texts(), tiles.iter().all(Tile::is_quiet));
    fragment(&key, &VillageHtml { id: scene.callout.id.as_str(), key: &key, name, done, moved, t, tiles })
}

/// Who was moved in a region; empty before any report.
fn moved_in(scene: &Scene<'_>, moved: &MovedByRegion, region: &RegionCode) -> String {
    let t = scene.lang.texts();
    let Some(m) = moved.regions.get(region).filter(|m| m.any()) else { return String::new() };
    let mut parts = vec![format!("{} {}/{} {}", t.moved, m.moved.persons, m.roster.persons, t.persons)];
    parts.extend((m.moving.persons > 0).then(|| format!("{} {}", t.moving, m.moving.persons)));
    parts.extend((m.refused > 0).then(|| format!("{} {}", t.refusing, m.refused)));
    parts.join(" · ")
}

pub(in crate::board) fn fragment(key: &str, html: &impl Template) -> Fragment {
    Fragment { key: key.to_owned(), html: rendered(html) }
}

/// Renders a template. Writing into memory fails for no reason that a page could mend.
pub(in crate::board) fn rendered(html: &impl Template) -> String {
    html.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page part does not render");
        String::new()
    })
}
