//! The keys there are, as the default file documents them.

use std::ops::Range;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The default file: bottom layer and documentation in one.
pub const DEFAULT_FILE: &str = include_str!("../../config/jiaoying.toml");

/// Letters that a slip of the pen gets wrong.
const NEAR: usize = 2;

/// A key that nobody knows.
pub(super) struct Unknown {
    pub(super) span: Range<usize>,
    pub(super) key: String,
    pub(super) nearest: Option<String>,
}

/// The default file with the settings that are off switched on: it names every key there is.
#[must_use]
pub fn documented_file() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    DEFAULT_FILE.lines().map(on).collect::<Vec<_>>().join("\n")
}

/// Every key there is: `store`, `store.url`, `gateway.id`. Elements of lists count as one table.
pub(super) fn documented_keys() -> Vec<String> {
    let mut keys = Vec::new();
    // The default file is part of the binary and read by every test of this folder.
    #[expect(clippy::unwrap_used, reason = "built in and tested")]
    let table: Table = documented_file().parse().unwrap();
    collect("", &table, &mut keys);
    keys.sort();
    keys.dedup();
    keys
}

fn collect(prefix: &str, table: &Table, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = join(prefix, name);
        match value {
            Value::Table(inner) => collect(&key, inner, keys),
            Value::Array(items) => items.iter().filter_map(Value::as_table).for_each(|t| collect(&key, t, keys)),
            _ => {}
        }
        keys.push(key);
    }
}

/// The keys of `table` that are not among `known`, each with the nearest that is.
pub(super) fn unknown_keys(prefix: &str, table: &DeTable<'_>, known: &[String], out: &mut Vec<Unknown>) {
    for (name, value) in table {
        let key = join(prefix, name.get_ref());
        if known.binary_search(&key).is_err() {
            out.push(Unknown { span: name.span(), nearest: nearest(&key, known), key });
            continue;
        }
        match value.get_ref() {
            DeValue::Table(inner) => unknown_keys(&key, inner, known, out),
            DeValue::Array(items) => {
                for item in items.iter() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        unknown_keys(&key, inner, known, out);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The known key that was most likely meant: at most [`NEAR`] letters off, or the right word in another
/// table. `None` when nothing is near: a far guess only misleads.
pub(super) fn nearest(key: &str, known: &[String]) -> Option<String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let far = |other: &String| distance(key, other).min(1 + distance(&last(key), &last(other)));
    known.iter().map(|other| (far(other), other)).filter(|(far, _)| *far <= NEAR).min().map(|(_, other)| other.clone())
}

/// The reason of the fault, with the key that was likely meant.
pub(super) fn unknown(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "unknown key".to_owned(), |near| format!("unknown key; the nearest known one is {near}"))
}

pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Levenshtein distance: insertions, deletions and replacements from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
