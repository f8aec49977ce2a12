//! The configuration in force, as people read it.

use super::{Config, Origin};

/// TOML, each value with a comment that names where it comes from unless that is the default file.
pub(super) fn print(config: &Config) -> String {
    // Sections are plain data whose keys are texts.
    #[expect(clippy::unwrap_used, reason = "plain data always has a TOML form; every section is tested")]
    let text = toml::to_string(config).unwrap();
    let (mut table, mut seen, mut out) = (String::new(), Vec::new(), String::new());
    for line in text.lines() {
        out.push_str(line);
        if let Some(list) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            let index = seen.iter().filter(|name| **name == list).count();
            seen.push(list);
            table = format!("{list}[{index}].");
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            let origin = config.origin(&format!("{table}{key}"));
            if origin != Origin::Default {
                out.push_str(&format!("  # {origin}"));
            }
        }
        out.push('\n');
    }
    out
}
