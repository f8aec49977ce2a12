//! Every plan that ships, loaded or to be picked: it parses, says where its numbers come from, reaches the top
//! of the chain, and its short message says what matters first.

use super::{DEFAULT, draft};
use jiaoying::model::{Severity, Timestamp};
use jiaoying::plan::{PlanFile, PlanSet, check};
use std::path::Path;

fn shipped() -> Vec<PlanFile> {
    let mut files = Vec::new();
    for folder in ["config/plans", "config/presets"] {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push(PlanFile::parse(&name, &text).unwrap_or_else(|f| panic!("{f:?}")));
        }
    }
    files
}

#[test]
fn all_are_there_and_every_number_says_where_it_comes_from() {
    let files = shipped();
    assert_eq!(files.len(), 9);
    let honest =
        |source: &str| ["预置", "推定", "二手", "2025-", "不是通用规定"].iter().any(|mark| source.contains(mark));
    for PlanFile { file, plan, .. } in &files {
        assert!(!plan.clocks.is_empty(), "{file}");
        for clock in &plan.clocks {
            assert!(honest(&clock.source), "{file}: {}: {}", clock.name, clock.source);
        }
        // A plan without tiers is one nameless tier.
        for tier in plan.tiers[..usize::from(plan.above())].iter().filter(|t| !t.title.is_empty()) {
            assert!(honest(&tier.source), "{file}: {}: {}", tier.name, tier.source);
        }
        assert!(plan.night.iter().all(|night| honest(&night.source)), "{file}");
        assert!(plan.checklist.is_empty(), "{file}: nobody has read the official text of the four items");
    }
}

#[test]
fn each_reaches_the_top_of_a_full_directory() {
    let directory = draft("533324").build(1).unwrap();
    for file in shipped() {
        let name = file.file.clone();
        let mut files = vec![PlanFile::parse("open.toml", DEFAULT).unwrap()];
        if name == "default.toml" {
            files.clear();
        }
        files.push(file);
        let report = check(&PlanSet::new(files).unwrap(), &directory, Timestamp::default());
        let faults: Vec<_> = report.findings.iter().filter(|f| f.severity == Severity::Fatal).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
        assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
        for reach in report.reaches.iter().filter(|r| r.file == name) {
            assert!(reach.longest_ms.is_some() && reach.nobody == 0, "{name}: {}", reach.en);
        }
    }
}

#[test]
fn what_is_to_be_done_and_said_stands_in_the_first_seventy_characters() {
    for PlanFile { file, plan, .. } in shipped() {
        let longest = plan.tiers.iter().map(|t| t.action.as_str()).max_by_key(|a| a.chars().count()).unwrap();
        let filled = [
            ("{colour}", "红色"),
            ("{hazard}", "地质灾害气象风险"),
            ("{place}", "贡山独龙族怒族自治县"),
            ("{count}", "1"),
            ("{action}", longest),
            ("{code}", "372"),
        ];
        let sms = filled.iter().fold(plan.texts.sms.clone(), |text, (name, value)| text.replace(name, value));
        let first: String = sms.chars().take(70).collect();
        assert!(first.contains("1#372") && first.contains(longest), "{file}: {first}");
        assert!(sms.ends_with("{link}"), "{file}: the link stands last, where nothing clings to it");
    }
}
