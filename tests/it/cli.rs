//! The built command, as an engineer uses it: each test in a folder of its own with a SQLite store.

use jiaoying::directory::{Directory, encode, sample};
use jiaoying::engine;
use jiaoying::intake::formats;
use jiaoying::journal::{self, Batch, CalloutRow, Group, Record};
use jiaoying::model::{
    Callout, CalloutId, Colour, Command as Ask, Digest, Message, RegionCode, SecretKey, Status, Timestamp,
};
use jiaoying::plan;
use jiaoying::sim::{built_in_plans, message_json};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What a run of the command left.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> String {
    root().join("tests/data/directory").join(name).display().to_string()
}

fn plans() -> String {
    root().join("config/plans").display().to_string()
}

fn jiaoying(dir: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jiaoying"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("JIAOYING")) {
        command.env_remove(name);
    }
    let out = command.current_dir(dir).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: out.status.code().unwrap(), out: text(out.stdout), err: text(out.stderr) }
}

// === impl Ran ===

impl Ran {
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// The object on the last line.
    fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap()).unwrap()
    }
}

#[test]
fn a_good_folder_is_stored_and_published_and_the_next_one_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let report = jiaoying(dir.path(), &["import", &fixture("good"), "--json"]).code(0).json();
    assert_eq!((&report["version"], &report["published"]), (&1.into(), &true.into()), "{report}");
    assert_eq!(
        (&report["targets"], &report["people"], &report["findings"]),
        (&4.into(), &6.into(), &Value::from([0; 0]))
    );
    assert!(dir.path().join("data/master.key").exists());

    let shown = jiaoying(dir.path(), &["import", &fixture("good")]).code(0);
    assert!(shown.out.contains("version 2 stored and published: 4 targets"), "{}", shown.out);
    let versions = jiaoying(dir.path(), &["directory", "list", "--json"]).code(0).json()["versions"].clone();
    let in_force: Vec<bool> = (0..2).map(|ix| versions[ix]["in_force"].as_bool().unwrap()).collect();
    assert_eq!((versions.as_array().unwrap().len(), in_force), (2, vec![false, true]));
}

#[test]
fn a_faulty_folder_is_refused_whole_with_sheet_row_and_column_of_each_fault() {
    let dir = tempfile::tempdir().unwrap();
    let ran = jiaoying(dir.path(), &["import", &fixture("faulty")]).code(1);
    assert!(ran.out.contains("23 faults, 0 notices") && ran.out.contains("nothing was imported"), "{}", ran.out);
    let line = ran.out.lines().find(|l| l.contains("nearest known region")).unwrap();
    assert!(line.contains("名录中没有区划") && line.contains(" / region "), "both languages: {line}");
    let cells: Vec<&str> = line.split_whitespace().take(2).collect();
    assert_eq!(cells, ["4", "region"], "{line}");
    for secret in ["1990000200", "好人", "坏号"] {
        assert!(!ran.out.contains(secret), "{secret} in {}", ran.out);
    }
    let empty = jiaoying(dir.path(), &["directory", "list", "--json"]).code(0).json();
    assert_eq!(empty["versions"], Value::from([0; 0]));

    let report = jiaoying(dir.path(), &["import", &fixture("faulty"), "--json"]).code(1).json();
    let chinese = |f: &Value| !f["reason_zh"].as_str().unwrap().contains("详见英文");
    assert!(report["findings"].as_array().unwrap().iter().all(chinese), "{report}");
    let of = |sheet| report["findings"].as_array().unwrap().iter().filter(|f| f["sheet"] == sheet).count();
    assert_eq!((of("targets"), of("responsible"), &report["refused"]), (11, 12, &true.into()));
}

#[test]
fn a_draft_comes_into_force_only_when_it_is_published() {
    let dir = tempfile::tempdir().unwrap();
    jiaoying(dir.path(), &["import", &fixture("good")]).code(0);
    let draft = jiaoying(dir.path(), &["import", &fixture("faulty"), "--draft", "--json"]).code(0).json();
    assert_eq!((&draft["version"], &draft["published"], &draft["targets"]), (&2.into(), &false.into(), &1.into()));
    let targets =
        || jiaoying(dir.path(), &["directory", "show", "--json"]).code(0).json()["regions"][0]["targets"].clone();
    assert_eq!(targets(), 4, "the published one counts");
    jiaoying(dir.path(), &["directory", "publish", "2"]).code(0);
    assert_eq!(targets(), 1);
    let back = jiaoying(dir.path(), &["directory", "publish", "1"]).code(1);
    assert!(back.err.contains("older than 2"), "{}", back.err);
    let none = jiaoying(dir.path(), &["directory", "publish", "7"]).code(1);
    assert!(none.err.contains("no directory version 7"), "{}", none.err);
}

#[test]
fn a_version_that_says_it_is_another_never_comes_into_force() {
    let (dir, _) = with_callout(Status::Actual);
    let directory: Directory =
        sample(&RegionCode::parse("533324204").unwrap(), 1, &SecretKey::new([7; 32])).build(9).unwrap();
    let chunks = encode(&directory, &SecretKey::new([7; 32]));
    std::fs::write(dir.path().join("data/master.key"), "07".repeat(32)).unwrap();
    let url = format!("sqlite:{}", dir.path().join("data/jiaoying.db").display());
    let store = async {
        let journal = journal::open(&url).await.unwrap();
        assert_eq!(journal.put_directory(false, Timestamp(1), chunks).await.unwrap(), 1);
    };
    tokio::runtime::Runtime::new().unwrap().block_on(store);
    let ran = jiaoying(dir.path(), &["directory", "publish", "1"]).code(1);
    assert!(ran.err.contains("was made as version 9"), "{}", ran.err);
    let list = jiaoying(dir.path(), &["directory", "list"]).code(0);
    assert!(list.out.contains("unusable"), "{}", list.out);
    let next = jiaoying(dir.path(), &["import", &fixture("good"), "--json"]).code(0).json();
    assert_eq!(next["version"], 2);
}

#[test]
fn a_check_alone_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    jiaoying(dir.path(), &["import", &fixture("good"), "--check-only"]).code(0);
    jiaoying(dir.path(), &["import", &fixture("faulty"), "--check-only"]).code(1);
    let missing = jiaoying(dir.path(), &["import", "no-such-folder"]).code(1);
    assert!(missing.out.contains("no-such-folder"), "{}", missing.out);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_lost_key_is_never_replaced_by_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    jiaoying(dir.path(), &["import", &fixture("good")]).code(0);
    let key = dir.path().join("data/master.key");
    std::fs::remove_file(&key).unwrap();
    let ran = jiaoying(dir.path(), &["import", &fixture("good")]).code(1);
    assert!(ran.err.contains("master.key is not there"), "{}", ran.err);
    assert!(!key.exists(), "a new key would hide that the right one is lost");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    let ran = jiaoying(dir.path(), &["import", &fixture("good")]).code(1);
    assert!(ran.err.contains("wrong key or altered bytes"), "{}", ran.err);
}

#[test]
fn the_counts_name_posts_that_nobody_fills() {
    let dir = tempfile::tempdir().unwrap();
    jiaoying(dir.path(), &["import", &fixture("good")]).code(0);
    let counts = jiaoying(dir.path(), &["directory", "show", "--json"]).code(0).json();
    let county = &counts["regions"][0];
    assert_eq!((&county["region"], &county["persons"], &county["people"]), (&"533324".into(), &312.into(), &6.into()));
    // The new village has neither grid person nor loudspeaker; the slope has no loudspeaker.
    assert_eq!(county["vacant"], serde_json::json!({ "grid": 1, "speaker": 2 }));
    assert_eq!(counts["counties_without_target"], 128);
    let villages = jiaoying(dir.path(), &["directory", "show", "--region", "533324204", "--json"]).code(0).json();
    let codes: Vec<&str> =
        villages["regions"].as_array().unwrap().iter().map(|r| r["region"].as_str().unwrap()).collect();
    assert_eq!(codes, ["533324204", "533324204201", "533324204299"]);
    let text = jiaoying(dir.path(), &["directory", "show"]).code(0).out;
    assert!(text.contains("贡山") && text.contains("vacant speaker"), "{text}");
    // The township and the county have their duty rooms; nobody sits above them.
    let unfilled: Vec<&str> =
        counts["unfilled"].as_array().unwrap().iter().map(|u| u["post"].as_str().unwrap()).collect();
    assert_eq!(unfilled, ["province_duty", "prefecture_duty"]);
    assert!(text.contains("岗位空缺 / nobody in post: 5333 "), "{text}");
}

#[test]
fn the_template_is_refused_until_its_example_of_a_person_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    jiaoying(dir.path(), &["import", "--template", "sheets"]).code(0);
    let report = jiaoying(dir.path(), &["import", "sheets", "--check-only", "--json"]).code(1).json();
    let places: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|f| f["place"].as_str().unwrap()).collect();
    assert_eq!(
        places,
        ["responsible sheet / row 2 / column 电话"],
        "all headers are known, only the number is missing"
    );
    let again = jiaoying(dir.path(), &["import", "--template", "sheets"]).code(1);
    assert!(again.err.contains("责任区.csv"), "{}", again.err);
}

#[test]
fn plans_that_reach_the_top_are_accepted_and_others_refused() {
    let dir = tempfile::tempdir().unwrap();
    let check = |more: &[&str]| jiaoying(dir.path(), &[&["plan", "check", "--sample", "533324204"], more].concat());
    let good = check(&["--plans", &plans()]).code(0);
    let zh = good.out.lines().position(|l| l.contains("最长")).unwrap();
    assert!(good.out.lines().nth(zh + 1).unwrap().contains("at the latest"), "English stands beside Chinese");
    assert_eq!(check(&["--plans", &plans(), "--json"]).code(0).json()["accepted"], true);

    std::fs::create_dir(dir.path().join("plans")).unwrap();
    let text = std::fs::read_to_string(root().join("config/plans/default.toml")).unwrap();
    let empty = text.replace("posts = [\"county_duty\"]", "posts = [\"nobody_duty\"]");
    std::fs::write(dir.path().join("plans/default.toml"), empty).unwrap();
    let refused = check(&["--plans", "plans"]).code(1);
    let fault = "名录中无人担任 nobody_duty / nobody in the directory fills nobody_duty";
    assert!(refused.out.contains(fault), "{}", refused.out);
    assert!(refused.out.ends_with("refused, 1 fault\n"), "{}", refused.out);
    std::fs::write(dir.path().join("plans/default.toml"), "name = 1\n").unwrap();
    check(&["--plans", "plans", "--json"]).code(1);

    let unpublished = jiaoying(dir.path(), &["plan", "check", "--plans", &plans()]).code(1);
    assert!(!unpublished.err.is_empty());
}

#[test]
fn the_plans_are_held_against_the_directory_in_force() {
    let dir = tempfile::tempdir().unwrap();
    jiaoying(dir.path(), &["import", &fixture("good")]).code(0);
    // Nobody in these sheets is head of a village.
    let report = jiaoying(dir.path(), &["plan", "check", "--plans", &plans(), "--json"]).code(1).json();
    let places: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|f| f["place"].as_str().unwrap()).collect();
    assert!(places.iter().any(|p| p.contains("村负责人")), "{places:?}");
    assert_eq!(report["reaches"][0]["region"], "533324");
}

#[test]
fn a_wrong_configuration_is_refused_with_file_line_and_nearest_key() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.toml"), "[store]\n\nurll = \"sqlite:x.db\"\n").unwrap();
    let ran = jiaoying(dir.path(), &["config", "check", "--config", "a.toml"]).code(1);
    assert!(ran.out.contains("a.toml:3") && ran.out.contains("store.url"), "{}", ran.out);
    let json = jiaoying(dir.path(), &["config", "check", "--config", "a.toml", "--json"]).code(1).json();
    assert_eq!((&json["ok"], &json["faults"][0]["key"]), (&false.into(), &"store.urll".into()));
    // Every other command refuses it as well.
    let ran = jiaoying(dir.path(), &["directory", "list", "--config", "a.toml"]).code(1);
    assert!(ran.err.contains("a.toml:3"), "{}", ran.err);

    let c = "[store]\nurl = \"env:NO_SUCH_VARIABLE\"\n\n[http]\npublic_url = \"https://CHANGE-ME\"\n\n\
             [[http.token]]\nname = \"board\"\nsha256 = \"ZEROS\"\nrights = [\"read\"]\n\n\
             [[gateway]]\nid = \"a\"\nkind = \"http\"\nchannels = [\"sms\"]\nurl = \"https://a\"\nsecret = \"file:s\"\n";
    std::fs::write(dir.path().join("c.toml"), c.replace("ZEROS", &"0".repeat(64))).unwrap();
    let check = || jiaoying(dir.path(), &["config", "check", "--config", "c.toml"]).code(1).out;
    let out = check();
    for part in [
        "c.toml:2: store.url: the secret's environment variable NO_SUCH_VARIABLE is not set",
        "gateway[0].secret: cannot read the secret in s",
        "http.public_url still holds CHANGE-ME",
        "token \"board\" is a placeholder",
        "2 faults",
    ] {
        assert!(out.contains(part), "{part} in {out}");
    }
    std::fs::write(dir.path().join("s"), "sms-CHANGE-ME-geheim\n").unwrap();
    let out = check();
    assert!(out.contains("gateway[0].secret still holds CHANGE-ME") && out.contains("1 fault\n"), "{out}");
    std::fs::write(dir.path().join("s"), "too short\n").unwrap();
    let short = check();
    assert!(short.contains("gateway[0].secret") && short.contains("is shorter than 16 bytes"), "{short}");
    assert!(!short.contains("too short"), "{short}");
    assert!(!out.contains("geheim"), "{out}");

    std::fs::write(dir.path().join("b.toml"), "[store]\nurl = \"postgres://u:geheim@h/d\"\n").unwrap();
    jiaoying(dir.path(), &["config", "check", "--config", "b.toml"]).code(0);
    let printed = jiaoying(dir.path(), &["config", "print", "--config", "b.toml"]).code(0).out;
    assert!(printed.contains("url = \"…\"  # b.toml") && !printed.contains("geheim"), "{printed}");
    assert_eq!(jiaoying(dir.path(), &["no-such-command"]).code, 2);
}

#[test]
fn the_check_counts_short_messages_and_names_what_a_template_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = |purpose: &str, max: u32| {
        format!(
            "[plans]\ndir = \"{}\"\n\n[[gateway]]\nid = \"a\"\nkind = \"simulator\"\nchannels = [\"sms\"]\n\n\
             [[gateway.template]]\npurpose = \"{purpose}\"\nid = \"SMS_1\"\nsign = \"【某县应急】\"\ntext = \"{{p}}，回1#{{c}}\"\n\
             parameters = [{{ name = \"p\", from = \"{{place}}\", max = 20 }}, {{ name = \"c\", from = \"{{code}}\", max = {max} }}]\n",
            plans()
        )
    };
    let check = |purpose, max, code, json: &[&str]| {
        std::fs::write(dir.path().join("a.toml"), gateway(purpose, max)).unwrap();
        jiaoying(dir.path(), &[&["config", "check", "--config", "a.toml"], json].concat()).code(code)
    };
    let out = check("sms", 6, 0, &[]).out;
    let line = out.lines().find(|l| l.contains("default.toml") && l.contains(" sms ")).unwrap();
    assert!(line.contains("UCS-2, 3 条 segments") && line.contains("key sentence ends at 53"), "{line}");
    assert!(out.contains("没有 remind 的模板") && out.contains("no template for remind"), "{out}");
    assert!(!out.contains("no template for sms"), "{out}");
    let json = check("sms", 6, 0, &["--json"]).json();
    assert!(json["ok"] == true && json["texts"].as_array().unwrap().len() > 10, "{json}");
    let out = check("sms", 2, 1, &[]).out;
    assert!(out.contains("gateway a / template SMS_1") && out.contains("code needs 4"), "{out}");
    let out = check("call", 6, 1, &[]).out;
    assert!(out.contains("purpose is none of sms voice"), "{out}");
}

#[test]
fn the_simulator_tells_what_it_saw() {
    let dir = tempfile::tempdir().unwrap();
    let seen = jiaoying(dir.path(), &["simulate", "--seeds", "2", "--json"]).code(0).json();
    for key in ["seeds", "from", "events", "sends", "duplicates", "crashes", "lost", "violations"] {
        assert!(seen.get(key).is_some(), "{key} is missing in {seen}");
    }
    assert_eq!((&seen["seeds"], &seen["lost"]), (&2.into(), &0.into()));
    assert!(seen["events"].as_u64().unwrap() > 0);
}

/// A store with one callout of one event group, and the callout's name.
fn with_callout(status: Status) -> (TempDir, CalloutId) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let now = Timestamp::parse_iso("2026-07-01T04:18:00+08:00").unwrap();
    let region = RegionCode::parse("533324204").unwrap();
    let directory: Directory = sample(&region, 1, &SecretKey::new([0; 32])).build(1).unwrap();
    let body = message_json("A-1", "alert", &[], ("暴雨", "red"), &["533324204"], (now, now.plus_ms(3_600_000)));
    let message = Message { status, ..formats::parse(&body).message.unwrap() };
    let warning = message.warning_id();
    let cover = directory.cover(&message.areas);
    let orders = plan::orders(&directory, &built_in_plans().unwrap(), &message, &warning, &cover, now);
    let (county, order) = orders.into_iter().next().unwrap();
    let id = CalloutId::of(&county, &warning);
    let entries = engine::decide(&mut Callout::new(id.clone()), &Ask::Apply(Box::new(order)), now);
    let records = Record::chain(&id.stream(), 0, Digest::default(), now, &entries).unwrap();
    let row = CalloutRow {
        stream: id.stream(),
        warning: warning.to_string(),
        region: county.to_string(),
        colour: Colour::Red,
        opened_at: now,
        closed_at: None,
    };
    let url = format!("sqlite:{}", dir.path().join("data/jiaoying.db").display());
    let store = async {
        let journal = journal::open(&url).await.unwrap();
        let groups = vec![Group { records, callouts: vec![row], ..Group::default() }];
        journal.commit(Batch { lease: None, groups }).await.unwrap()[0].unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(store);
    (dir, id)
}

#[test]
fn an_export_verifies_offline_and_an_altered_one_does_not() {
    let (dir, id) = with_callout(Status::Actual);
    let export = |args: &[&str]| jiaoying(dir.path(), &[&["export", id.as_str()], args].concat());
    let made = export(&["-o", "a.jsonl", "--json"]).code(0).json();
    let piped = export(&[]).code(0).out;
    let file: PathBuf = dir.path().join("a.jsonl");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), piped, "the same bytes by either way");
    let twice = export(&["-o", "a.jsonl"]).code(1);
    assert!(twice.err.contains("a.jsonl"), "an export is never written over: {}", twice.err);
    let unknown = jiaoying(dir.path(), &["export", "530102-0000000000000000"]).code(1);
    assert!(unknown.err.contains("no callout 530102-"), "{}", unknown.err);

    // Offline: in a folder without store and configuration.
    let away = tempfile::tempdir().unwrap();
    let path = file.display().to_string();
    let noted = made["last_hash"].as_str().unwrap();
    let verified = jiaoying(away.path(), &["verify", &path, "--last-hash", noted, "--json"]).code(0).json();
    assert_eq!((&verified["verified"]["events"], &verified["ok"]), (&made["events"], &true.into()));
    let ran = jiaoying(away.path(), &["verify", &path, "--last-hash", &"00".repeat(32)]).code(1);
    assert!(ran.out.contains("the file ends elsewhere"), "{}", ran.out);
    std::fs::write(&file, piped.replacen("暴雨", "大风", 1)).unwrap();
    let ran = jiaoying(away.path(), &["verify", &path]).code(1);
    assert!(ran.out.contains("line 2") && ran.out.contains("not verified"), "{}", ran.out);
    assert_eq!(std::fs::read_dir(away.path()).unwrap().count(), 0);
}

#[test]
fn the_record_of_a_year_lists_drills_and_nothing_real() {
    for (status, drills) in [(Status::Exercise, true), (Status::Actual, false)] {
        let (dir, id) = with_callout(status);
        jiaoying(dir.path(), &["import", &fixture("good")]).code(0);
        let told = jiaoying(dir.path(), &["drills", "--year", "2026", "--json"]).code(0).json();
        let parts = told["parts"].as_array().unwrap();
        // The township and its six villages.
        assert_eq!(parts.len(), if drills { 7 } else { 0 }, "{told}");
        assert!(parts.iter().all(|p| p["callout"] == id.as_str() && p["suspended"] == false), "{told}");
        assert_eq!((&told["year"], &told["missed"]), (&2026.into(), &Value::Array(Vec::new())));
        let shown = jiaoying(dir.path(), &["drills", "--year", "2026"]).code(0).out;
        assert_eq!(shown.contains(id.as_str()), drills, "{shown}");
        assert!(shown.contains("2026 年演练记录"), "{shown}");
        let before = jiaoying(dir.path(), &["drills", "--year", "2025", "--json"]).code(0).json();
        assert_eq!(before["parts"], Value::Array(Vec::new()));
    }
}

#[test]
fn equal_seeds_give_equal_demos_and_every_figure_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let night = |seed: &str| {
        let args = ["demo", "--scene", "geohazard", "--seed", seed, "--speed", "1000000", "--port", "0", "--json"];
        jiaoying(dir.path(), &args).code(0).json()
    };
    let first = night("3");
    assert_eq!(first, night("3"));
    assert_ne!(first, night("4"));
    for key in ["targets", "satisfied", "taken_over", "exhausted", "answer_ms", "calls", "clocks", "verified"] {
        assert!(!first[key].is_null(), "{key}");
    }
    assert_eq!(first["verified"], true);
    assert!(first["answer_ms"]["p50"].as_i64() < first["answer_ms"]["p95"].as_i64(), "{first}");
    assert!(first["satisfied"].as_u64() > Some(40) && first["calls"]["voice"].as_u64() > Some(40), "{first}");
}

#[test]
fn every_scene_ends_with_its_clocks_met_and_missed_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let play = |scene: &str| {
        jiaoying(dir.path(), &["demo", "--scene", scene, "--speed", "1000000", "--port", "0", "--json"]).code(0).json()
    };
    let scenes: [(&str, &[&str], &[&str]); 4] = [
        ("nujiang", &["special_moved", "all_moved", "moving", "done", "door_knock"], &["h12", "h6", "h2_ground"]),
        ("earthquake", &["command_running", "teams_dispatched", "rescue_under_way"], &["province", "township"]),
        ("geohazard", &["moving", "done", "experts_out"], &["ground", "county"]),
        ("forest-fire", &["on_post", "crew_ready"], &["chain", "crew"]),
    ];
    for (scene, clocks, tiers) in scenes {
        let told = play(scene);
        assert_eq!((&told["scene"], &told["verified"]), (&scene.into(), &true.into()));
        let (mut met, mut missed) = (0, 0);
        for clock in clocks {
            let tally = |how: &str| told["clocks"][clock][how].as_u64().unwrap();
            assert!(tally("met") + tally("missed") > 0, "{scene} {clock}: {told}");
            met += tally("met");
            missed += tally("missed");
        }
        assert!(met > 0 && met + missed > 1, "{scene}: {told}");
        for tier in tiers {
            assert!(told["tiers"].as_array().unwrap().iter().any(|t| t["tier"] == *tier), "{scene} {tier}");
        }
        let counted = if scene == "nujiang" || scene == "geohazard" { "persons" } else { "milestones" };
        assert!(told["actions"][counted].as_u64() > Some(0), "{scene}: {told}");
    }
    // The drill is told apart: it was under way, its calls were hung up and its clocks stopped with it.
    let told = play("drill");
    let (drill, answer) = (&told["drills"][0], &told["drills"][0]["clocks"]["answer"]);
    assert!(drill["suspended"] == true && drill["hung_up"].as_u64() > Some(0), "{told}");
    assert!(answer["met"].as_u64() > Some(0) && answer["stopped"].as_u64() > Some(0), "{told}");
    assert!(told["clocks"]["answer"]["met"].as_u64() > Some(0) && told["satisfied"].as_u64() > Some(0), "{told}");
    assert_eq!((&told["scene"], &told["verified"]), (&"drill".into(), &true.into()));
}

#[test]
fn the_check_of_gateways_tells_which_work_and_leaves_with_1_when_one_fails() {
    let dir = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "[[gateway]]\nid = \"played\"\nkind = \"simulator\"\nchannels = [\"sms\", \"voice\"]\n\
         [[gateway]]\nid = \"gone\"\nkind = \"http\"\nchannels = [\"sms\"]\ndrill = true\n\
         url = \"http://127.0.0.1:{port}/\"\nsecret = \"a secret of sixteen bytes\"\n"
    );
    std::fs::write(dir.path().join("c.toml"), config).unwrap();
    let check = |rest: &[&str]| jiaoying(dir.path(), &[&["--config", "c.toml", "gateway", "check"], rest].concat());
    let told = check(&["--json"]).code(1).json();
    assert_eq!(told["ok"], false);
    let (played, gone) = (&told["gateways"][0], &told["gateways"][1]);
    assert_eq!((&played["id"], &played["well"]), (&"played".into(), &true.into()), "in the order of the file: {told}");
    assert_eq!((&gone["well"], &gone["drill"], &gone["kind"]), (&false.into(), &true.into(), &"http".into()), "{told}");
    let table = check(&[]).code(1).out;
    assert!(table.contains("played") && table.contains("不通 fails") && table.contains("sms,voice"), "{table}");
    assert!(check(&["played"]).code(0).out.lines().count() == 2, "one of them alone");
    assert!(check(&["nobody"]).code(1).err.contains("no gateway nobody"));
}
