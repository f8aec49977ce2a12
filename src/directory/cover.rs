//! Which ground a message covers: codes by prefix, shapes against the targets' points, all united.

use super::{Directory, Places};
use crate::model::{Area, Circle, Gap, GapReason, Level, Point, RegionCode};
use geo::{BoundingRect, Distance, Haversine, Intersects, LineString, Polygon, Rect};
use std::collections::BTreeMap;

/// The ground of a message, by command region (the county).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// What is covered in each command region; a region without targets stands here with its gaps.
    pub regions: BTreeMap<RegionCode, Covered>,
    /// What the message names and no command region of this directory holds: unknown codes, and
    /// areas that name no ground at all. [`Directory::known_ancestor`] tells whom to ask.
    pub outside: Vec<Gap>,
}

/// What is covered in one command region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// The targets.
    pub targets: Places,
    /// Covered ground that has no target, in order of code.
    pub gaps: Vec<Gap>,
}

/// What is gathered before the gaps are put in order.
#[derive(Default)]
struct Gathered {
    targets: Places,
    gaps: BTreeMap<String, GapReason>,
}

/// A polygon with the box that rules most points out.
struct Shape {
    polygon: Polygon,
    bounds: Rect,
}

// === impl Directory ===

impl Directory {
    /// What a message's areas cover. Nothing that they name disappears: it is a target, a gap in its
    /// command region, or a gap outside.
    #[must_use]
    pub fn cover(&self, areas: &[Area]) -> Cover {
        let mut regions: BTreeMap<RegionCode, Gathered> = BTreeMap::new();
        let mut outside: BTreeMap<String, GapReason> = BTreeMap::new();
        for area in areas {
            let mut named = false;
            for code in &area.codes {
                named = true;
                if !self.cover_code(code, &mut regions) {
                    outside.insert(code.to_string(), GapReason::UnknownArea);
                }
            }
            let hits = self.in_shapes(area);
            if hits.is_empty() && !named {
                let name = if area.name.is_empty() { "未命名区域" } else { &area.name };
                outside.insert(name.to_owned(), GapReason::UnknownArea);
            }
            for ix in hits {
                if let Some(county) = self.targets()[ix].region.at(Level::County) {
                    regions.entry(county).or_default().targets.add(ix..ix + 1);
                }
            }
        }
        let covered = |g: Gathered| Covered { targets: g.targets, gaps: gaps(g.gaps) };
        let regions = regions.into_iter().map(|(county, gathered)| (county, covered(gathered))).collect();
        Cover { regions, outside: gaps(outside) }
    }

    /// Gathers what lies in a code; false when neither it nor its county is known.
    fn cover_code(&self, code: &RegionCode, regions: &mut BTreeMap<RegionCode, Gathered>) -> bool {
        let county = code.at(Level::County);
        if self.region(code).is_none() {
            let Some(county) = county.filter(|c| self.region(c).is_some()) else { return false };
            regions.entry(county).or_default().gaps.insert(code.to_string(), GapReason::UnknownArea);
            return true;
        }
        if let Some(county) = county {
            self.cover_part(code, regions.entry(county).or_default());
            return true;
        }
        let mut counties = self.regions_in(code, Level::County).peekable();
        let any = counties.peek().is_some();
        for county in counties {
            self.cover_part(&county.code, regions.entry(county.code.clone()).or_default());
        }
        any
    }

    /// Gathers a known code at or below the county: its targets, and its villages that have none.
    fn cover_part(&self, code: &RegionCode, gathered: &mut Gathered) {
        let places = self.places_in(code);
        if places.is_empty() && self.villages_in(code).next().is_none() {
            gathered.gaps.insert(code.to_string(), GapReason::NoTarget);
        }
        let without = self.without_target(code).iter();
        gathered.gaps.extend(without.map(|village| (village.to_string(), GapReason::NoTarget)));
        gathered.targets.add(places);
    }

    /// Places of the targets whose point lies in one of the area's shapes.
    fn in_shapes(&self, area: &Area) -> Vec<usize> {
        let shapes: Vec<Shape> = area.polygons.iter().filter_map(|ring| Shape::new(ring)).collect();
        if shapes.is_empty() && area.circles.is_empty() {
            return Vec::new();
        }
        let inside = |point| shapes.iter().any(|s| s.holds(point)) || area.circles.iter().any(|c| in_circle(c, point));
        let targets = self.targets().iter().enumerate();
        targets.filter(|(_, target)| target.point.is_some_and(inside)).map(|(ix, _)| ix).collect()
    }
}

// === impl Shape ===

impl Shape {
    fn new(ring: &[Point]) -> Option<Self> {
        let line: LineString = ring.iter().map(|p| (p.lon, p.lat)).collect();
        let polygon = Polygon::new(line, Vec::new());
        let bounds = polygon.bounding_rect()?;
        Some(Self { polygon, bounds })
    }

    /// A point on the edge counts: who stands on the line is called.
    fn holds(&self, point: Point) -> bool {
        let point = geo_point(point);
        self.bounds.intersects(&point) && self.polygon.intersects(&point)
    }
}

fn in_circle(circle: &Circle, point: Point) -> bool {
    Haversine.distance(geo_point(circle.centre), geo_point(point)) <= circle.radius_m
}

fn geo_point(point: Point) -> geo::Point {
    geo::Point::new(point.lon, point.lat)
}

fn gaps(found: BTreeMap<String, GapReason>) -> Vec<Gap> {
    found.into_iter().map(|(ground, reason)| Gap { ground, step: None, reason }).collect()
}
