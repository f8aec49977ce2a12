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
            seen.push(list);
            table = format!("{}.", indexed(list, &seen));
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = match name.rsplit_once('.') {
                // A table of a list's element.
                Some((list, inner)) if seen.contains(&list) => format!("{}.{inner}.", indexed(list, &seen)),
                _ => format!("{name}."),
            };
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

/// A list by its key, with the index of each list in it: `gateway[1].template[0]`. `seen` holds the
/// lists so far, this one last.
fn indexed(list: &str, seen: &[&str]) -> String {
    match list.rsplit_once('.') {
        // Its elements are counted anew in each element of the list around it.
        Some((outer, name)) if seen.contains(&outer) => {
            let since = seen.iter().rposition(|s| *s == outer).unwrap_or_default();
            let index = seen[since..].iter().filter(|s| **s == list).count() - 1;
            format!("{}.{name}[{index}]", indexed(outer, &seen[..=since]))
        }
        _ => format!("{list}[{}]", seen.iter().filter(|s| **s == list).count().saturating_sub(1)),
    }
}
