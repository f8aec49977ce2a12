//! The house rules that a compiler does not know: arrows between modules, size, maps, words.

use std::fs;
use std::path::{Path, PathBuf};

/// No source file is longer.
const LINES_MAX: usize = 500;

/// Usable by all, whatever stands above them.
const USABLE_BY_ALL: [&str; 2] = ["telemetry", "config"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a path, in order; the path itself when it is a file.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| files(path)).collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "rs");
    let read = |path: PathBuf| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    files(&root().join("src")).into_iter().filter(rust).map(read).collect()
}

/// The modules in the order in which lib.rs names them.
fn order(lib: &str) -> Vec<String> {
    lib.lines().filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned())).collect()
}

/// The top-level module that a source file belongs to; none for lib.rs and main.rs.
fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix("src").ok()?;
    let first = below.iter().next()?.to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

/// The top-level modules that a source text names behind `crate::`, with the line of each.
fn arrows(source: &str) -> Vec<(usize, String)> {
    let comments_gone = source.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    let text = comments_gone.collect::<Vec<_>>().join("\n");
    let mut out = Vec::new();
    for (at, path) in text.match_indices("crate::") {
        let line = text[..at].lines().count().max(1);
        let rest = &text[at + path.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            out.extend(heads(group).into_iter().map(|name| (line, name)));
        } else {
            out.push((line, word(rest)));
        }
    }
    out
}

/// The first words of the members of a group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut out, mut start) = (0, Vec::new(), 0);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                out.push(word(group[start..i].trim()));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    out.retain(|name| !name.is_empty());
    out
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_use_only_modules_above_them() {
    let order = order(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let place = |name: &str| order.iter().position(|m| m == name);
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let Some(module) = module_of(&path) else { continue };
        let own = place(&module).unwrap_or_else(|| panic!("{} belongs to no module of lib.rs", path.display()));
        for (line, used) in arrows(&text) {
            let allowed = match place(&used) {
                Some(other) => other <= own || USABLE_BY_ALL.contains(&used.as_str()),
                // Neither a module nor a name of lib.rs: lib.rs holds nothing but modules.
                None => false,
            };
            if !allowed {
                faults.push(format!("{}:{line}: {module} must not use {used}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn arrows_are_found_wherever_they_hide() {
    let text = "//! [`crate::sim`]\nuse crate::model::{A, B};\nuse crate::{\n    journal::{Record, memory::X},\n    plan,\n};\n\
                pub(crate) fn f() {\n    crate::board::g();\n    // crate::cli\n}\n";
    let found = arrows(text);
    let names: Vec<_> = found.iter().map(|(line, name)| (*line, name.as_str())).collect();
    assert_eq!(names, [(2, "model"), (3, "journal"), (3, "plan"), (8, "board")]);
    assert_eq!(order("pub mod a;\n\nmod hidden;\npub mod b;\n"), ["a", "b"]);
    assert_eq!(module_of(Path::new("src/gateway/http/mod.rs")).as_deref(), Some("gateway"));
    assert_eq!(module_of(Path::new("src/main.rs")), None);
}

#[test]
fn no_source_file_is_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "longer than {LINES_MAX} lines: {long:?}");
}

#[test]
fn every_folder_begins_with_its_map() {
    for (path, text) in sources() {
        if !path.ends_with("mod.rs") {
            continue;
        }
        assert!(text.starts_with("//! "), "{} does not begin with a doc comment", path.display());
        let top = path.iter().count() == 3;
        let map: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for part in ["Here:", "Not here:", "Depends on:", "Promises:"] {
            let empty = text.lines().count() == 1;
            assert!(empty || !top || map.contains(part), "the map of {} lacks {part}", path.display());
        }
    }
}

#[test]
fn every_test_runs_and_nothing_is_left_undone() {
    // Put together here, so that this file does not hold them.
    let banned = [
        ["#[ign", "ore"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["/wo", "rk/"],
        ["sha", "red/"],
        ["Clau", "de"],
        ["Chat", "GPT"],
    ]
    .map(|parts| parts.concat());
    let tops = [
        "src",
        "tests",
        "docs",
        "config",
        "deploy",
        "migrations",
        "benches",
        ".ci",
        "README.md",
        "README.zh-CN.md",
        "CHANGELOG.md",
        "Cargo.toml",
        ".clippy.toml",
    ];
    let mut faults = Vec::new();
    let mut read = 0;
    for path in tops.iter().flat_map(|top| files(&root().join(top))) {
        // What is no text holds no words.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        read += 1;
        for (i, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                faults.push(format!("{}:{}: {word}", path.display(), i + 1));
            }
        }
    }
    assert!(read > 30, "only {read} files were read");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
