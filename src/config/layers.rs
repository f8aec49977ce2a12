//! The layers of a configuration, and from which of them each value comes.
//!
//! Each layer is parsed behind as many line ends as the layers below it have bytes. A span in the
//! merged tree therefore names its layer, and one deserialisation reports every fault at its place.

use super::error::{ConfigError, Fault};
use super::known::{self, DEFAULT_FILE, join};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// Environment variables that begin with this set a key: `JIAOYING__STORE__URL`.
pub const ENV_PREFIX: &str = "JIAOYING__";

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The default file.
    #[default]
    Default,
    /// A line of the user's file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(String),
}

/// The origin of each value, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<String, Origin>);

/// The layers, lowest first.
pub(super) struct Layers(Vec<Layer>);

struct Layer {
    source: Source,
    /// Where its own text begins.
    start: usize,
    /// Its text behind `start` line ends.
    padded: String,
}

enum Source {
    Default,
    File(PathBuf),
    /// The variables, one a line.
    Env(Vec<String>),
}

// === impl Layers ===

impl Layers {
    /// The default file alone.
    pub(super) fn new() -> Self {
        Self(vec![Layer { source: Source::Default, start: 0, padded: DEFAULT_FILE.to_owned() }])
    }

    /// Lays a user's file on top.
    pub(super) fn push_file(&mut self, path: &Path, text: &str) {
        self.push(Source::File(path.into()), text.trim_start_matches('\u{feff}'));
    }

    /// Lays the overrides among environment variables on top. Each becomes a line of TOML, as text
    /// where the default is a text and as a TOML value otherwise.
    pub(super) fn push_env(&mut self, env: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        let mut overrides: Vec<_> = env.filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
        overrides.sort();
        let (mut names, mut lines, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in overrides {
            let key = name[ENV_PREFIX.len()..].to_lowercase().replace("__", ".");
            match override_line(&key, &value) {
                Ok(line) => {
                    names.push(name);
                    lines.push(line);
                }
                Err(reason) => faults.push(Fault { origin: Origin::Env(name), key, reason }),
            }
        }
        self.push(Source::Env(names), &lines.join("\n"));
        if faults.is_empty() { Ok(()) } else { Err(ConfigError::Faults(faults)) }
    }

    fn push(&mut self, source: Source, text: &str) {
        let start = self.0.last().map_or(0, |below| below.padded.len() + 1);
        self.0.push(Layer { source, start, padded: "\n".repeat(start) + text });
    }

    /// The merged layers as typed sections.
    pub(super) fn read(&self) -> Result<super::Config, ConfigError> {
        let mut merged = DeTable::new();
        for layer in &self.0 {
            let table = DeTable::parse(&layer.padded).map_err(|error| self.fault(&error, ""))?;
            merge(&mut merged, table.into_inner());
        }
        self.refuse_unknown(&merged)?;
        let mut spans = BTreeMap::new();
        collect_spans("", &merged, &mut spans);
        let end = self.0.last().map_or(0, |layer| layer.padded.len());
        let tree = toml::de::Deserializer::from(Spanned::new(0..end, merged));
        let mut config = super::Config::deserialize(tree).map_err(|error| {
            let at = error.span().unwrap_or_default();
            let inside = |span: &Range<usize>| span.start <= at.start && at.end <= span.end;
            // The innermost; a list of one table has the same span as the table.
            let depth = |(key, span): &(&String, &Range<usize>)| (span.len(), std::cmp::Reverse(key.len()));
            let key = spans.iter().filter(|(_, span)| inside(span)).min_by_key(depth);
            self.fault(&error, key.map_or("", |(key, _)| key))
        })?;
        config.origins = Origins(spans.into_iter().map(|(key, span)| (key, self.origin(&span))).collect());
        Ok(config)
    }

    fn refuse_unknown(&self, merged: &DeTable<'_>) -> Result<(), ConfigError> {
        let mut unknown = Vec::new();
        known::unknown_keys("", merged, &known::documented_keys(), &mut unknown);
        unknown.sort_by_key(|u| u.span.start);
        let fault = |u: known::Unknown| Fault {
            origin: self.origin(&u.span),
            reason: known::unknown(u.nearest.as_deref()),
            key: u.key,
        };
        if unknown.is_empty() {
            return Ok(());
        }
        Err(ConfigError::Faults(unknown.into_iter().map(fault).collect()))
    }

    fn fault(&self, error: &toml::de::Error, key: &str) -> ConfigError {
        // Only the message: the library's full text quotes the line, which may hold a secret.
        let origin = self.origin(&error.span().unwrap_or_default());
        ConfigError::Faults(vec![Fault { origin, key: key.to_owned(), reason: error.message().to_owned() }])
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        let Some(layer) = self.0.iter().rfind(|layer| layer.start <= span.start) else { return Origin::Default };
        let before = layer.padded.as_bytes().get(layer.start..span.start).unwrap_or_default();
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        match &layer.source {
            Source::Default => Origin::Default,
            Source::File(path) => Origin::File { path: path.clone(), line: lines + 1 },
            Source::Env(names) => Origin::Env(names.get(lines).cloned().unwrap_or_default()),
        }
    }
}

/// A line of TOML that sets a key to what an environment variable says.
fn override_line(key: &str, value: &str) -> Result<String, String> {
    #[expect(clippy::unwrap_used, reason = "built in and tested")]
    let defaults: Table = DEFAULT_FILE.parse().unwrap();
    let default = key.split_once('.').and_then(|(section, name)| defaults.get(section)?.get(name));
    match default {
        None if known::documented_keys().iter().any(|k| k == key) => {
            Err("stands in a list of tables or is one: set it in a file".to_owned())
        }
        None => {
            let settable: Vec<String> = defaults
                .iter()
                .filter_map(|(section, table)| Some((section, table.as_table()?)))
                .flat_map(|(section, table)| table.keys().map(move |name| join(section, name)))
                .collect();
            Err(known::unknown(known::nearest(key, &settable).map(|near| env_name(&near)).as_deref()))
        }
        // A JSON string is a basic string of TOML, on one line.
        Some(Value::String(_)) => Ok(format!("{key} = {}", serde_json::Value::from(value))),
        Some(_) if value.contains('\n') => Err("must be one line".to_owned()),
        Some(_) => Ok(format!("{key} = {value}")),
    }
}

fn env_name(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Lays `high` over `low`: tables key by key, anything else whole.
fn merge<'a>(low: &mut DeTable<'a>, high: DeTable<'a>) {
    for (key, value) in high {
        if let DeValue::Table(_) = value.get_ref()
            && let Some(DeValue::Table(below)) = low.get_mut(&**key.get_ref()).map(Spanned::as_mut)
        {
            if let DeValue::Table(above) = value.into_inner() {
                merge(below, above);
            }
        } else {
            // Removed first: insertion alone would keep the lower layer's span of the key.
            low.remove(&**key.get_ref());
            low.insert(key, value);
        }
    }
}

/// The spans of all values and of the tables in lists.
fn collect_spans(prefix: &str, table: &DeTable<'_>, spans: &mut BTreeMap<String, Range<usize>>) {
    for (name, value) in table {
        let key = join(prefix, name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => collect_spans(&key, inner, spans),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let key = format!("{key}[{i}]");
                        collect_spans(&key, inner, spans);
                        spans.insert(key, item.span());
                    }
                }
                spans.insert(key, value.span());
            }
            _ => {
                spans.insert(key, value.span());
            }
        }
    }
}

// === impl Origins, Origin ===

impl Origins {
    /// The origin of a key or of the nearest table around it.
    pub(super) fn of(&self, key: &str) -> Origin {
        let mut key = key;
        loop {
            if let Some(origin) = self.0.get(key) {
                return origin.clone();
            }
            let Some(end) = key.rfind(['.', '[']) else { return Origin::Default };
            key = &key[..end];
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => f.write_str(name),
        }
    }
}
