//! The panels above the ground: tiers with their clocks, doors to knock on, people moved.

use super::panels::{Fragment, fragment};
use super::scene::{Due, Scene};
use super::target::{Standing, Tile};
use super::words;
use super::work::KnockView;
use crate::board::text::Texts;
use crate::evidence::{self, ClockStanding, Moved, TierStanding, WaitsFor};
use crate::model::Moves;
use askama::Template;

/// Targets named under a clock; the rest is counted.
const WAITS_MAX: usize = 6;
/// Door-knock tasks shown.
const KNOCKS_MAX: usize = 12;

#[derive(Template)]
#[template(path = "tiers.html", config = ".askama.toml")]
struct TiersHtml {
    t: &'static Texts,
    tiers: Vec<TierView>,
}

struct TierView {
    title: String,
    /// `open`, `waits`, or `over` when it never opened.
    class: &'static str,
    opened: Option<String>,
    opens: Option<(Due, String)>,
    action: String,
    moves: &'static str,
    counts: Vec<(&'static str, &'static str, &'static str, u32)>,
    clocks: Vec<ClockView>,
}

struct ClockView {
    title: String,
    /// `runs`, `good`, `late`, `bad`.
    class: &'static str,
    /// When it was met, or that it was missed.
    text: String,
    due: Option<Due>,
    /// Of several targets: met or late, and all.
    of: Option<(u32, u32)>,
    waits: Vec<(String, Vec<(bool, String)>)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "knocks.html", config = ".askama.toml")]
struct KnocksHtml<'a> {
    t: &'static Texts,
    id: &'a str,
    knocks: Vec<&'a KnockView>,
    more: usize,
}

#[derive(Template)]
#[template(path = "moves.html", config = ".askama.toml")]
struct MovesHtml<'a> {
    t: &'static Texts,
    shown: bool,
    m: &'a Moved,
    moved: String,
    moving: String,
    roster: String,
}

/// The tiers; hidden in a plan that is one tier without clocks of its own.
pub(super) fn tiers(scene: &Scene<'_>) -> Fragment {
    let all = evidence::tiers(scene.callout);
    let plain = |t: &TierStanding| t.opened_at.is_some() && t.moves == Moves::Nobody && t.action.is_empty();
    let units =
        |t: &TierStanding| t.clocks.iter().any(|c| c.of_tier || c.waits_for.iter().any(|w| !w.missing.is_empty()));
    let shown = all.len() > 1 || all.iter().any(|t| !plain(t) || units(t));
    let tiers = if shown { all.iter().map(|t| view(scene, t)).collect() } else { Vec::new() };
    fragment("tiers", &TiersHtml { t: scene.lang.texts(), tiers })
}

fn view(scene: &Scene<'_>, tier: &TierStanding) -> TierView {
    let t = scene.lang.texts();
    let opens = tier.due.filter(|_| tier.opened_at.is_none() && scene.callout.is_open());
    let totals = &tier.totals;
    let counts = [
        (Standing::Alarm, totals.exhausted),
        (Standing::Calling, totals.calling),
        (Standing::TakenOver, totals.taken_over),
        (Standing::Waiting, totals.waiting),
        (Standing::Satisfied, totals.satisfied),
        (Standing::Released, totals.released),
    ];
    TierView {
        title: tier.title.clone(),
        class: match (tier.opened_at, opens) {
            (Some(_), _) => "open",
            (None, Some(_)) => "waits",
            (None, None) => "over",
        },
        opened: tier.opened_at.map(words::day),
        opens: opens.map(|due| (scene.due(due), words::day(due))),
        action: tier.action.clone(),
        moves: words::moves(scene.lang, tier.moves),
        counts: counts.into_iter().filter(|c| c.1 > 0).map(|(s, n)| (s.class(), s.mark(), s.word(t), n)).collect(),
        clocks: tier.clocks.iter().map(|c| clock(scene, c)).collect(),
    }
}

fn clock(scene: &Scene<'_>, c: &ClockStanding) -> ClockView {
    let t = scene.lang.texts();
    let all = c.running + c.met + c.missed + c.late;
    let at = c.met_at.map(words::minute).unwrap_or_default();
    let (class, text, due) = match c {
        c if c.missed > 0 => ("bad", t.missed.to_owned(), c.due.filter(|_| c.running > 0)),
        c if c.running > 0 => ("runs", String::new(), c.due),
        c if c.late > 0 => ("late", format!("{} {at}", t.late), None),
        _ => ("good", format!("{} {at}", t.met), None),
    };
    // Whom a target's own clock waits for stands on its tile; units are named here.
    let named = |w: &&WaitsFor| c.of_tier || !w.missing.is_empty();
    let waits: Vec<_> = c.waits_for.iter().filter(named).collect();
    let units = |w: &WaitsFor| {
        let of = |units: &[String], reached| {
            units.iter().map(move |u| (reached, scene.unit(u, Some(w.target)))).collect::<Vec<_>>()
        };
        [of(&w.reached, true), of(&w.missing, false)].concat()
    };
    ClockView {
        title: match scene.lang {
            crate::board::text::Lang::Zh => c.title.clone(),
            crate::board::text::Lang::En => c.name.replace('_', " "),
        },
        class,
        text,
        due: due.map(|due| scene.due(due)),
        of: (all > 1).then_some((c.met + c.late, all)),
        more: waits.len().saturating_sub(WAITS_MAX),
        waits: waits.into_iter().take(WAITS_MAX).map(|w| (scene.target(w.target).to_owned(), units(w))).collect(),
    }
}

/// The doors that somebody has to knock on, those that nobody has reported first.
pub(super) fn knocks(scene: &Scene<'_>, tiles: &[Tile]) -> Fragment {
    let open = scene.callout.is_open();
    let mut knocks: Vec<&KnockView> = tiles.iter().filter(|_| open).filter_map(|t| t.knock.as_ref()).collect();
    knocks.sort_by_key(|k| (k.reported.is_some(), k.due.as_ref().map(|due| due.ms)));
    let more = knocks.len().saturating_sub(KNOCKS_MAX);
    knocks.truncate(KNOCKS_MAX);
    fragment("knocks", &KnocksHtml { t: scene.lang.texts(), id: scene.callout.id.as_str(), knocks, more })
}

/// Who was moved in all; hidden before anybody is to be moved.
pub(super) fn moves(scene: &Scene<'_>, m: &Moved) -> Fragment {
    let shown = m.any() || scene.callout.tiers.iter().any(|tier| tier.moves > Moves::Nobody);
    let html = MovesHtml {
        t: scene.lang.texts(),
        shown,
        m,
        moved: scene.people(m.moved),
        moving: scene.people(m.moving),
        roster: scene.people(m.roster),
    };
    fragment("moves", &html)
}

impl MovesHtml<'_> {
    /// The segments of the bar in thousandths of the roster: moved, moving, refused.
    fn bar(&self) -> Vec<(&'static str, u32, u32)> {
        let parts = [("covered", self.m.moved.persons), ("calling", self.m.moving.persons), ("alarm", self.m.refused)];
        let sum = parts.iter().map(|p| u64::from(p.1)).sum::<u64>();
        let all = u64::from(self.m.roster.persons).max(sum).max(1);
        let mut from = 0;
        let mut out = Vec::new();
        for (class, count) in parts {
            let wide = (u64::from(count) * 1000 / all) as u32;
            out.push((class, from, wide));
            from += wide;
        }
        out
    }
}
