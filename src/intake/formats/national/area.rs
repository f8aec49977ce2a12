//! `area`: codes in one list, rings and lines, circles in metres.

use super::super::ground::AreaDraft;
use super::super::infos::text;
use super::super::values::{self, clean, numbers, quote};
use super::super::{Findings, xml::Element};
use crate::model::{Area, Point};

/// Latitudes of China and its seas, degrees.
const LATITUDES: std::ops::RangeInclusive<f64> = 0.0..=60.0;
/// Longitudes of China and its seas, degrees. No degree is in both ranges.
const LONGITUDES: std::ops::RangeInclusive<f64> = 70.0..=140.0;

/// Reads an area; a shape or code that cannot be read is left out with a notice.
pub(super) fn read(element: &Element, path: &str, findings: &mut Findings) -> Area {
    let name = text(element, "areaDesc", path, findings).unwrap_or_default();
    let mut area = AreaDraft::named(clean(name, &format!("{path}/areaDesc"), findings));
    for (path, geocode) in element.each("geocode", path) {
        area.codes(&geocode.text, &path, findings);
        // As CAP writes it: a name and a value.
        for value in geocode.children.iter().filter(|c| c.name == "value") {
            area.codes(&value.text, &format!("{path}/value"), findings);
        }
    }
    for (path, polygon) in element.each("polygon", path) {
        shape(&mut area, &polygon.text, &path, findings);
    }
    for (path, circle) in element.each("circle", path) {
        circle_into(&mut area, circle.text.trim(), &path, findings);
    }
    area.done(path, findings)
}

/// A closed ring is an area. An open one is a line, and a line has no width: the area between its
/// points is taken, and a line of two points has none.
fn shape(area: &mut AreaDraft, text: &str, place: &str, findings: &mut Findings) {
    let mut points = Vec::new();
    for pair in text.split_whitespace() {
        points.extend(point(pair, place, findings));
    }
    if points.is_empty() {
        return;
    }
    if points.first() != points.last() {
        let reason =
            "it is open: a line, which has no width; the area within its points is taken, and ground beside it is not";
        findings.notice(place, reason);
        points.extend(points.first().copied());
    }
    area.ring(points, place, findings);
}

/// `centre radius` with the radius in metres (kilometres belong to CAP); 0 is a point.
fn circle_into(area: &mut AreaDraft, text: &str, place: &str, findings: &mut Findings) {
    if text.is_empty() {
        return;
    }
    let parts: Vec<&str> = text.split_whitespace().collect();
    let radius = |text: &str| text.parse::<f64>().ok();
    let (centre, radius_m) = match parts[..] {
        [centre, metres] if numbers(centre).is_some() => (centre, radius(metres)),
        _ => ("", None),
    };
    let Some(radius_m) = radius_m else {
        return findings.notice(place, format!("{} is not \"latitude,longitude radius\"; left out", quote(text)));
    };
    if radius_m == 0.0 {
        findings.notice(place, "radius 0: a point; it covers only what lies exactly there");
    }
    if let Some(centre) = point(centre, place, findings) {
        area.circle(centre, radius_m, place, findings);
    }
}

/// A pair of degrees. The profile does not say which comes first; in China only one order is possible.
fn point(pair: &str, place: &str, findings: &mut Findings) -> Option<Point> {
    let Some((a, b)) = numbers(pair) else {
        findings.notice(place, format!("{} is not \"latitude,longitude\"; the point is left out", quote(pair)));
        return None;
    };
    if LATITUDES.contains(&b) && LONGITUDES.contains(&a) {
        findings.notice(place, format!("{a},{b} is longitude first; read as {b},{a}"));
        return Some(Point { lat: b, lon: a });
    }
    values::point(a, b, place, findings)
}
