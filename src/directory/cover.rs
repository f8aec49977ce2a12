//! Which ground a message covers: codes by prefix, shapes against the targets' points, all united.

use super::Directory;
use crate::model::{Area, Circle, Gap, GapReason, Level, Point, RegionCode, Target, TargetId};
use geo::{BoundingRect, Distance, Haversine, Intersects, LineString, Polygon, Rect};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The targets, in directory order.
    pub targets: Vec<TargetId>,
    /// Covered ground that has no target, in order of code.
    pub gaps: Vec<Gap>,
}

/// What is gathered before it is put in order.
#[derive(Default)]
struct Gathered {
    /// Positions in the directory's order.
    targets: BTreeSet<usize>,
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
                    regions.entry(county).or_default().targets.insert(ix);
                }
            }
        }
        let regions = regions.into_iter().map(|(county, gathered)| (county, self.put_in_order(gathered))).collect();
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
        let targets = self.targets_in(code);
        let from = self.targets().partition_point(|t| t.region < *code);
        gathered.targets.extend(from..from + targets.len());
        let mut villages = self.villages_in(code).peekable();
        if villages.peek().is_none() && targets.is_empty() {
            gathered.gaps.insert(code.to_string(), GapReason::NoTarget);
        }
        for village in villages.filter(|v| self.targets_in(&v.code).is_empty()) {
            gathered.gaps.insert(village.code.to_string(), GapReason::NoTarget);
        }
    }

    /// Positions of the targets whose point lies in one of the area's shapes.
    fn in_shapes(&self, area: &Area) -> Vec<usize> {
        let shapes: Vec<Shape> = area.polygons.iter().filter_map(|ring| Shape::new(ring)).collect();
        if shapes.is_empty() && area.circles.is_empty() {
            return Vec::new();
        }
        let inside = |target: &Target| {
            target.point.is_some_and(|point| {
                shapes.iter().any(|s| s.holds(point)) || area.circles.iter().any(|c| in_circle(c, point))
            })
        };
        let targets = self.targets().iter().enumerate();
        targets.filter(|(_, target)| inside(target)).map(|(ix, _)| ix).collect()
    }

    fn put_in_order(&self, gathered: Gathered) -> Covered {
        let targets = gathered.targets.into_iter().map(|ix| self.targets()[ix].id.clone()).collect();
        Covered { targets, gaps: gaps(gathered.gaps) }
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
