//! Ground while it is read: codes, rings and circles, each once.

use super::Findings;
use crate::model::{Area, Circle, Point, RegionCode};
use std::collections::BTreeSet;

/// Areas under construction: the same ground in two languages is one area, named by the first.
#[derive(Default)]
pub(super) struct Ground {
    areas: Vec<Area>,
    /// What is there already, written out: coordinates have no total order to compare by.
    seen: BTreeSet<String>,
}

/// The shapes and codes of one area while it is read.
#[derive(Default)]
pub(super) struct AreaDraft {
    area: Area,
    /// As in [`Ground`].
    seen: BTreeSet<String>,
}

// === impl Ground ===

impl Ground {
    /// Adds an area, unless its ground is there already.
    pub(super) fn add(&mut self, area: Area) {
        let name = bare(&area).then_some(&area.name);
        if self.seen.insert(format!("{:?}", (name, &area.codes, &area.polygons, &area.circles))) {
            self.areas.push(area);
        }
    }

    /// Whether any area has a code or a shape.
    pub(super) fn names_any(&self) -> bool {
        self.areas.iter().any(|a| !bare(a))
    }

    /// The areas, in the order met.
    pub(super) fn into_areas(self) -> Vec<Area> {
        self.areas
    }
}

/// Whether an area is only a name.
fn bare(area: &Area) -> bool {
    area.codes.is_empty() && area.polygons.is_empty() && area.circles.is_empty()
}

// === impl AreaDraft ===

impl AreaDraft {
    /// An area of a name.
    pub(super) fn named(name: String) -> Self {
        Self { area: Area { name, ..Area::default() }, ..Self::default() }
    }

    /// Adds the division codes of a text: one, or several between commas or blanks; doubled ones count
    /// once (the national profile doubles the first).
    pub(super) fn codes(&mut self, text: &str, place: &str, findings: &mut Findings) {
        let parts = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '，' | ';' | '、'));
        for part in parts.filter(|p| !p.is_empty()) {
            match RegionCode::parse(part) {
                Ok(code) if self.seen.insert(code.to_string()) => self.area.codes.push(code),
                Ok(_) => {}
                Err(reason) => findings.notice(place, reason),
            }
        }
    }

    /// Adds a ring (CAP 1.2 §3.2.4: at least four points, the last equal to the first). An unclosed one
    /// is closed with a notice; fewer than three corners are no ring.
    pub(super) fn ring(&mut self, mut points: Vec<Point>, place: &str, findings: &mut Findings) {
        if points.first() != points.last() {
            findings.notice(place, "the polygon is not closed; its first point is taken as its last");
            points.extend(points.first().copied());
        }
        if points.len() < 4 {
            return findings.notice(place, "a polygon needs at least four points; it is left out");
        }
        if self.seen.insert(format!("{points:?}")) {
            self.area.polygons.push(points);
        }
    }

    /// Adds a circle with its radius in metres.
    pub(super) fn circle(&mut self, centre: Point, radius_m: f64, place: &str, findings: &mut Findings) {
        if !radius_m.is_finite() || radius_m < 0.0 {
            return findings.notice(place, "the radius is not a length; the circle is left out");
        }
        let circle = Circle { centre, radius_m };
        if self.seen.insert(format!("{circle:?}")) {
            self.area.circles.push(circle);
        }
    }

    /// The area; one without ground gets a notice and keeps its name for the duty room.
    pub(super) fn done(self, place: &str, findings: &mut Findings) -> Area {
        if bare(&self.area) {
            findings.notice(place, "no division code, polygon or circle can be read in this area");
        }
        self.area
    }
}
