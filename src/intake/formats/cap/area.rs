//! CAP 1.2 §3.2.4 `area`.

use super::super::ground::AreaDraft;
use super::super::infos::text;
use super::super::values::{self, clean, numbers, quote};
use super::super::{Findings, xml::Element};
use super::expect;
use crate::model::{Area, Point};

/// Reads an area; a shape or code that cannot be read is left out with a notice.
pub(super) fn read(element: &Element, path: &str, findings: &mut Findings) -> Area {
    expect(element, path, &["areaDesc"], findings);
    let name = text(element, "areaDesc", path, findings).unwrap_or_default();
    let mut area = AreaDraft::named(clean(name, &format!("{path}/areaDesc"), findings));
    for (path, geocode) in element.each("geocode", path) {
        // Whatever the valueName: a value that is a division code counts as one.
        expect(geocode, &path, &["value"], findings);
        for value in geocode.children.iter().filter(|c| c.name == "value") {
            area.codes(&value.text, &format!("{path}/value"), findings);
        }
    }
    for (path, polygon) in element.each("polygon", path) {
        let corners = pairs(&polygon.text).filter_map(|pair| corner(pair, &path, findings)).collect::<Vec<_>>();
        if !polygon.text.trim().is_empty() {
            area.ring(corners, &path, findings);
        }
    }
    for (path, circle) in element.each("circle", path) {
        circle_into(&mut area, &circle.text, &path, findings);
    }
    area.done(path, findings)
}

fn pairs(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

fn corner(pair: &str, place: &str, findings: &mut Findings) -> Option<Point> {
    let Some((lat, lon)) = numbers(pair) else {
        findings.notice(place, format!("{} is not \"latitude,longitude\"; the point is left out", quote(pair)));
        return None;
    };
    values::point(lat, lon, place, findings)
}

/// `lat,lon radius` with the radius in kilometres (metres belong to the national profile).
fn circle_into(area: &mut AreaDraft, text: &str, place: &str, findings: &mut Findings) {
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let parts: Vec<&str> = text.split_whitespace().collect();
    let read = match parts[..] {
        [centre, radius] => numbers(centre).zip(radius.parse::<f64>().ok()),
        _ => None,
    };
    match read {
        Some(((lat, lon), km)) => {
            if let Some(centre) = values::point(lat, lon, place, findings) {
                area.circle(centre, km * 1000.0, place, findings);
            }
        }
        None => findings.notice(place, format!("{} is not \"latitude,longitude radius\"; left out", quote(text))),
    }
}
