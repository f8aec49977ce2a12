//! The table held against the source, both ways: what is made has its Chinese, and what has Chinese is made.

use super::{SENTENCES, taken};
use std::path::Path;

/// Where findings are made.
const MAKERS: [&str; 8] = [
    "src/cli/registered.rs",
    "src/directory/draft.rs",
    "src/directory/import/",
    "src/directory/phone.rs",
    "src/intake/",
    "src/model/region.rs",
    "src/model/time.rs",
    "src/plan/",
];
/// Where none are made within these: the connection to a broker, and what a stream of reports proves.
const MAKES_NONE: [&str; 2] = ["src/intake/amqp/", "src/intake/reports/event.rs"];
/// What stands there in several English words and is no reason of a finding: places, words that a reason
/// takes over, sentences that have their Chinese beside them, lines of the log.
const NO_REASONS: [&str; 30] = [
    " at line ",
    "; {} target{} nobody there",
    "Extreme, Severe, Moderate, Minor",
    "Red, Orange, Yellow, Blue",
    "a number of seconds",
    "a report could not be acted on yet",
    "a report does not verify",
    "a scheduled drill was missed",
    "a scheduled drill was refused",
    "clock {}",
    "line 1, column 1",
    "line {}, column {}",
    "no name is left for the report",
    "posting {} at {}",
    "report {} changes too fast",
    "reports cannot be read now",
    "s have",
    "scheduled drill posted",
    "scheduled drills cannot be posted now",
    "target {}",
    "the engine does not hold its lease",
    "the warning of {} changes too fast",
    "the warning {} changes too fast",
    "tier {} step",
    "what is due for a report could not be done yet",
    "{} event {}",
    "{} line {}",
    "{} sheet",
    "{}: under \"{}\" nobody can be called at the top step \"{}\" for any of {} target{}.",
    "{}: under \"{}\", when nobody answers, the top step \"{}\" is called after {} at the latest{}.",
];
/// Put together from two literals.
const COMPOSED: &str = "not a time with an offset (such as 2026-07-01T04:18:00+08:00): {}; left out";

/// The string literals of each source file outside tests, with `{}` for whatever is filled in.
fn literals() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.starts_with("src/model/chinese/") {
                let source = std::fs::read_to_string(path).unwrap();
                files.push((name, literals_in(source.split("#[cfg(test)]").next().unwrap())));
            }
        }
    }
    files
}

fn literals_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/', '#']) {
        rest = &rest[at..];
        let line = rest.find('\n').unwrap_or(rest.len());
        if rest.starts_with("//") || rest.starts_with("#[") {
            rest = &rest[line..];
        } else if let Some(tail) = rest.strip_prefix('"') {
            let (literal, behind) = literal(tail);
            found.push(blanks(&literal));
            rest = behind;
        } else if let Some(tail) = rest.strip_prefix("'\\").map(|tail| &tail[1..]) {
            rest = &tail[tail.find('\'').unwrap() + 1..];
        } else {
            // A quotation mark as a character begins no string.
            rest = rest.strip_prefix("'\"'").unwrap_or(&rest[1..]);
        }
    }
    found
}

/// A literal up to its closing quotation mark, and what stands behind it.
fn literal(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &text[at + 1..]),
            '\\' => out.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => out.push(c),
        }
    }
    panic!("a string is not closed: {text}");
}

/// `{name:?}` as `{}`, and doubled braces as themselves.
fn blanks(literal: &str) -> String {
    let mut out = String::new();
    let mut rest = literal;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let inner = rest.strip_prefix('{').filter(|tail| !tail.starts_with('{')).and_then(|tail| tail.split_once('}'));
        if let Some((_, behind)) = inner {
            out.push_str("{}");
            rest = behind;
        } else {
            out.push_str(&rest[..1]);
            rest = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")).unwrap_or(&rest[1..]);
        }
    }
    out + rest
}

/// Whether a literal is a sentence of the table or a piece of one.
fn is_told(literal: &str) -> bool {
    SENTENCES.iter().any(|(en, _)| en.contains(literal) || taken(en, literal).is_some())
}

#[test]
fn every_sentence_that_is_made_has_its_chinese() {
    let (mut untold, mut seen) = (Vec::new(), Vec::new());
    let makes = |file: &str| {
        MAKERS.iter().any(|m| file.starts_with(m)) && !MAKES_NONE.iter().any(|none| file.starts_with(none))
    };
    for (file, literals) in literals().into_iter().filter(|(file, _)| makes(file)) {
        for literal in literals {
            let wordy = literal.contains(' ') && literal.contains(|c: char| c.is_ascii_lowercase());
            // Places have slashes, forms of times have percent signs.
            if !wordy || literal.contains(" / ") || literal.contains('%') || is_told(&literal) {
                continue;
            }
            if NO_REASONS.contains(&&*literal) {
                seen.push(literal);
            } else {
                untold.push((file.clone(), literal));
            }
        }
    }
    assert!(untold.is_empty(), "no Chinese in sentences.rs for {untold:#?}");
    for known in NO_REASONS {
        assert!(seen.iter().any(|literal| literal == known), "{known:?} stands nowhere and need not be named");
    }
}

/// A sentence that is changed where it is made, and not here, would fall back to English in silence.
#[test]
fn every_sentence_is_still_made_somewhere() {
    let literals: Vec<String> = literals().into_iter().flat_map(|(_, literals)| literals).collect();
    for (en, _) in SENTENCES.iter().filter(|(en, _)| *en != COMPOSED) {
        assert!(literals.iter().any(|literal| taken(en, literal).is_some()), "{en:?} stands nowhere in the source");
    }
}
