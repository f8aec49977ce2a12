//! A callout as one card, and the figures at the head of its page.

use super::scene::{Due, Scene};
use super::words;
use crate::board::text::{Lang, Texts};
use crate::dispatch::ForecastPart;
use crate::journal::CalloutRow;
use crate::model::{Colour, Status, Timestamp, Totals};
use askama::Template;

/// The figures of a callout.
#[derive(Clone, Debug)]
pub(in crate::board) struct Card {
    pub id: String,
    pub place: String,
    /// Hazard and colour in words.
    pub kind: String,
    pub colour: Colour,
    pub headline: String,
    /// `演练` and the like; empty for the real thing.
    pub not_real: &'static str,
    pub totals: Totals,
    pub gaps: usize,
    pub raised: u32,
    /// The regions below that handed their ground up to this one; empty when a message opened it.
    pub raised_from: Vec<String>,
    pub opened: Timestamp,
    pub opened_text: String,
    pub expires_text: String,
    pub closed: Option<&'static str>,
    /// The clock or step that runs out next: its name, its ground, the moment.
    pub next: Option<(String, String, Due)>,
    /// What is queued, by step and channel.
    pub forecast: Vec<ForecastLine>,
}

/// When what a step has queued on a channel will have been called.
#[derive(Clone, Debug)]
pub(in crate::board) struct ForecastLine {
    pub step: String,
    pub channel: &'static str,
    pub waiting: usize,
    /// The time of day; `None` when nothing takes it now.
    pub done: Option<String>,
    /// The budget that holds it back.
    pub limited_by: Option<String>,
}

/// A closed callout that is only in the catalogue.
pub(in crate::board) struct Past {
    pub id: String,
    pub place: String,
    /// `演练`; empty for the real thing.
    pub not_real: &'static str,
    pub colour: Colour,
    pub colour_word: &'static str,
    pub from: String,
    pub until: String,
}

#[derive(Template)]
#[template(path = "card.html", config = ".askama.toml")]
struct CardHtml<'a> {
    t: &'static Texts,
    c: &'a Card,
}

/// The card as HTML, keyed by the callout.
pub(in crate::board) fn card_html(lang: Lang, card: &Card) -> String {
    super::panels::rendered(&CardHtml { t: lang.texts(), c: card })
}

fn line(scene: &Scene<'_>, part: &ForecastPart) -> ForecastLine {
    let steps = scene.callout.head.as_ref().map(|h| &h.plan.steps);
    let step = steps.and_then(|steps| steps.get(usize::from(part.step)));
    ForecastLine {
        step: step.map_or_else(String::new, |s| s.name.clone()),
        channel: words::channel(scene.lang, part.channel),
        waiting: part.waiting,
        done: part.done_at.map(words::clock),
        limited_by: part.limited_by.as_ref().map(|by| match by.as_str() {
            "person" => scene.lang.texts().person_budget.to_owned(),
            carrier => format!("{} {carrier}", scene.lang.texts().carrier),
        }),
    }
}

// === impl Card ===

impl Card {
    /// The card of a callout that has begun.
    pub(in crate::board) fn of(scene: &Scene<'_>) -> Option<Self> {
        let (callout, t) = (scene.callout, scene.lang.texts());
        let head = callout.head.as_ref()?;
        let running = callout.clocks.iter().filter(|c| scene.counts_down(c)).min_by_key(|c| c.due);
        let next = running.map(|c| (c.due, scene.clock(c)));
        let opens = (0..).zip(&callout.tiers).filter(|(_, tier)| tier.opened_at.is_none());
        let opens = opens.filter_map(|(ix, tier)| Some((tier.due?, (scene.tier(ix), t.opens.to_owned()))));
        let next = next.into_iter().chain(opens).min_by_key(|(due, _)| *due).filter(|_| callout.is_open());
        Some(Self {
            id: callout.id.to_string(),
            place: head.place.clone(),
            kind: words::kind(scene.lang, &head.hazard, head.colour),
            colour: head.colour,
            headline: head.words.headline.clone(),
            not_real: match head.status {
                Status::Actual => "",
                Status::Exercise => t.drill,
                Status::System | Status::Test | Status::Draft => t.test,
            },
            totals: callout.totals(),
            gaps: callout.gaps.len(),
            raised: callout.raised,
            raised_from: callout.raised_from().into_iter().map(|region| scene.region(region)).collect(),
            opened: head.opened_at,
            opened_text: words::day(head.opened_at),
            expires_text: words::day(head.expires),
            closed: callout.closed.map(|reason| words::close(scene.lang, reason)),
            next: next.map(|(due, (title, ground))| (title, ground, scene.due(due))),
            forecast: scene.forecast.map(|f| f.parts.iter().map(|p| line(scene, p)).collect()).unwrap_or_default(),
        })
    }

    /// Where the segments of the coverage bar begin and how long they are, in thousandths.
    pub(in crate::board) fn bar(&self) -> Vec<(&'static str, u32, u32)> {
        let t = &self.totals;
        let all = t.targets.max(1);
        let parts = [
            ("covered", t.satisfied),
            ("taken", t.taken_over),
            ("calling", t.calling),
            ("alarm", t.exhausted),
            ("waiting", t.waiting),
            ("released", t.released),
        ];
        let mut sum = 0;
        let mut out = Vec::new();
        for (class, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            let from = sum * 1000 / all;
            sum += count;
            out.push((class, from, sum * 1000 / all - from));
        }
        out
    }

    /// Alarms first, then the stronger colour, then the older.
    pub(in crate::board) fn order(&self) -> impl Ord + use<> {
        use std::cmp::Reverse;
        (!self.not_real.is_empty(), Reverse(self.totals.exhausted > 0), Reverse(self.colour), self.opened)
    }
}

// === impl Past ===

impl Past {
    pub(in crate::board) fn of(lang: Lang, row: &CalloutRow, place: String) -> Self {
        Self {
            id: row.stream.to_string(),
            place,
            not_real: if row.stream.callout().is_some_and(|c| c.is_drill()) { lang.texts().drill } else { "" },
            colour: row.colour,
            colour_word: words::colour(lang, row.colour),
            from: words::day(row.opened_at),
            until: row.closed_at.map(words::day).unwrap_or_default(),
        }
    }
}
