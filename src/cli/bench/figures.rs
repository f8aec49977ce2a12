//! What a bench found: cases with figures and bars, for people and for machines.

use super::super::table;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One case of a bench.
#[derive(Debug, Serialize)]
pub(super) struct Case {
    /// The bench.
    pub bench: &'static str,
    /// What was measured, in words.
    pub case: String,
    /// The figures; names end in their unit.
    pub figures: serde_json::Map<String, Value>,
    /// What they are held against.
    pub bars: Vec<Bar>,
}

/// A bar that a figure is held against.
#[derive(Debug, Serialize)]
pub(super) struct Bar {
    /// What is held against it.
    pub what: &'static str,
    /// What was measured.
    pub measured: f64,
    /// The bar.
    pub bar: f64,
    /// Whether it was reached.
    pub met: bool,
}

// === impl Bar ===

impl Bar {
    pub(super) fn at_least(what: &'static str, measured: f64, bar: f64) -> Self {
        Self { what, measured, bar, met: measured >= bar }
    }

    pub(super) fn at_most(what: &'static str, measured: f64, bar: f64) -> Self {
        Self { what, measured, bar, met: measured <= bar }
    }
}

/// Median, 99th percentile and number of measurements.
pub(super) fn spread(values: &[f64]) -> Value {
    json!({ "p50": round(percentile(values, 50)), "p99": round(percentile(values, 99)), "n": values.len() })
}

pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

pub(super) fn percentile(values: &[f64], p: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * p / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Three digits are more than a shared machine repeats.
pub(super) fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(2.0 - value.abs().log10().floor());
    if scale < 1.0 { value.round() } else { (value * scale).round() / scale }
}

/// Prints cases: a table and its bars for each bench, or one JSON object.
pub(super) fn show(cases: &[Case], as_json: bool) {
    if as_json {
        println!("{}", json!({ "cores": cores(), "cases": cases }));
        return;
    }
    let mut benches: Vec<&str> = cases.iter().map(|c| c.bench).collect();
    benches.dedup();
    for bench in benches {
        let of_bench: Vec<&Case> = cases.iter().filter(|c| c.bench == bench).collect();
        println!("\n{bench}");
        // Cases of one bench may have figures of their own.
        let names: BTreeSet<&String> = of_bench.iter().flat_map(|c| c.figures.keys()).collect();
        let mut rows = vec![[String::new()].into_iter().chain(names.iter().map(|n| (*n).clone())).collect::<Vec<_>>()];
        for case in &of_bench {
            let values = names.iter().map(|name| case.figures.get(*name).map(cell).unwrap_or_default());
            rows.push([case.case.clone()].into_iter().chain(values).collect());
        }
        table::lines_of(&rows).iter().for_each(|line| println!("{line}"));
        for (case, bar) in of_bench.iter().flat_map(|c| c.bars.iter().map(move |b| (&c.case, b))) {
            let word = if bar.met { "met   " } else { "MISSED" };
            println!("  {word}  {case}: {} {} (bar {})", bar.what, round(bar.measured), bar.bar);
        }
    }
}

fn cell(value: &Value) -> String {
    match (value.get("p50"), value.get("p99")) {
        (Some(p50), Some(p99)) => format!("{p50} / {p99}"),
        _ => value.to_string().trim_matches('"').to_owned(),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}
