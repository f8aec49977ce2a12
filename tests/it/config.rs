//! Configuration: the default file is the documentation, faults name their place, secrets stay secret.

mod gateways;
mod secrets;

use jiaoying::config::{
    CmppSection, Config, ConfigError, DEFAULT_FILE, Fault, GatewayKind, Origin, Right, Secret, SipSection, StoreKind,
    documented_file,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jiaoying.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn faults(text: &str, env: &[(&str, &str)]) -> Vec<Fault> {
    match load(text, env) {
        Err(ConfigError::Faults(faults)) => faults,
        other => panic!("expected faults, got {other:?}"),
    }
}

fn line(fault: &Fault) -> usize {
    match &fault.origin {
        Origin::File { line, .. } => *line,
        other => panic!("expected a line of the file, got {other}"),
    }
}

fn keys(prefix: &str, table: &Table, out: &mut BTreeSet<String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => keys(&key, inner, out),
            Value::Array(items) if items.iter().any(Value::is_table) => {
                items.iter().filter_map(Value::as_table).for_each(|item| keys(&key, item, out));
            }
            _ => {
                out.insert(key);
            }
        }
    }
}

#[test]
fn the_default_file_and_the_sections_name_the_same_keys() {
    // Sections refuse keys they do not have, so loading shows that every documented key exists.
    let config = load(&documented_file(), &[]).unwrap();
    let (mut documented, mut typed) = (BTreeSet::new(), BTreeSet::new());
    keys("", &documented_file().parse().unwrap(), &mut documented);
    keys("", &Table::try_from(&config).unwrap(), &mut typed);
    assert_eq!(documented, typed);
    assert!(typed.contains("http.token.sha256") && typed.contains("gateway.callback_skew_s"));
}

#[test]
fn what_the_default_file_shows_as_off_is_what_applies_when_it_is_left_out() {
    let documented = load(&documented_file(), &[]).unwrap();
    let shown = documented.gateways.iter().find(|g| g.id == "sms-main").unwrap();
    let short = "[[gateway]]\nid = \"sms-main\"\nkind = \"http\"\nchannels = [\"sms\"]\n\
                 url = \"https://sms.example.net/v1/attempts\"\nsecret = \"env:SMS_MAIN_SECRET\"\n";
    let left_out = load(short, &[]).unwrap();
    let left_out = &left_out.gateways[0];
    assert_eq!(left_out.timeout_ms(), shown.timeout_ms.unwrap());
    assert_eq!(left_out.is_idempotent(), shown.idempotent.unwrap());
    assert_eq!(left_out.callback_skew_s(), shown.callback_skew_s.unwrap());
    assert_eq!((left_out.rate_per_s, left_out.burst), (shown.rate_per_s, shown.burst));
    assert_eq!((left_out.window, left_out.lines, left_out.batch_max), (shown.window, shown.lines, shown.batch_max));
    assert_eq!((left_out.priority, left_out.weight), (shown.priority, shown.weight));
    assert_eq!((&left_out.carriers, &left_out.regions), (&shown.carriers, &shown.regions));
    assert_eq!(left_out.silent_s, shown.silent_s);
    let canary = load(&format!("{short}[gateway.canary]\nnumbers = [\"+8619900000000\"]\n"), &[]).unwrap();
    assert_eq!(canary.gateways[0].canary, shown.canary);
    let trunk = documented.gateways.iter().find_map(|g| g.sip.clone()).unwrap();
    let short = "[[gateway]]\nid = \"v\"\nkind = \"sip\"\nchannels = [\"voice\"]\n[gateway.sip]\n\
                 trunk = \"sip.example.net:5060\"\ncaller = \"12379\"\n";
    let none = SipSection { public: None, domain: None, user: None, password: None, ..trunk };
    let none = SipSection { recordings: None, cache_dir: None, ..none };
    assert_eq!(load(short, &[]).unwrap().gateways.remove(0).sip, Some(none));
    let sender = load("[[sender]]\nname = \"a\"\naccount = \"a\"\n", &[]).unwrap().senders.remove(0);
    let default = &documented.senders[0];
    assert_eq!((&sender.senders, &sender.regions), (&default.senders, &default.regions));
    assert_eq!((&sender.hazards, &sender.statuses), (&default.hazards, &default.statuses));
}

#[test]
fn every_key_of_the_default_file_is_explained() {
    let mut explained = false;
    for line in DEFAULT_FILE.lines() {
        match line.strip_prefix("# ") {
            Some(_) => explained = true,
            None if line.trim().is_empty() => explained = false,
            None => {}
        }
        // Within [[gateway]] of kind http the common keys are explained above.
        let key = line.contains(" = ") && !line.starts_with('#');
        assert!(!key || explained, "{line:?} has no comment above it");
    }
}

#[test]
fn the_default_runs_one_process_without_a_broker() {
    let config = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(StoreKind::of(&config.store.url.reveal().unwrap()), Some(StoreKind::Sqlite));
    assert!(!config.amqp.enabled);
    assert!(config.http.internal.ip().is_loopback() && config.http.tokens.is_empty());
    assert!(config.notices().iter().any(|n| n.contains("no person is reached")), "{:?}", config.notices());
}

#[test]
fn the_example_of_a_production_installation_is_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaoying.toml");
    let config = Config::load(Some(&path), std::iter::empty()).unwrap();
    assert!(config.amqp.enabled && config.notices().is_empty(), "{:?}", config.notices());
}

#[test]
fn unknown_keys_are_refused_all_at_once_with_line_and_nearest_key() {
    let text = "[runtime]\nflush_event_max = 9\n\n[stor]\nurl = \"sqlite:x\"\n\n[intake]\nshutdown_grace_s = 1\n\n\
                [[gateway]]\nid = \"a\"\nkind = \"simulator\"\nchanels = []\n";
    let faults = faults(text, &[]);
    let found: Vec<_> =
        faults.iter().map(|f| (line(f), f.key.as_str(), f.reason.rsplit(' ').next().unwrap())).collect();
    assert_eq!(
        found,
        [
            (2, "runtime.flush_event_max", "runtime.flush_events_max"),
            (4, "stor", "store"),
            (8, "intake.shutdown_grace_s", "runtime.shutdown_grace_s"),
            (13, "gateway.chanels", "gateway.channels"),
        ]
    );
}

#[test]
fn a_key_that_is_near_nothing_is_compared_with_nothing() {
    for text in ["[runtime]\nwhatever_this_is = 9\n", "[phantasy]\n"] {
        let found = faults(text, &[]);
        assert_eq!(found[0].reason, "unknown key", "{}", found[0]);
    }
    let found = faults("", &[("JIAOYING__STORE__SOMETHING_ELSE", "1")]);
    assert_eq!(found[0].reason, "unknown key");
}

#[test]
fn a_token_that_may_post_belongs_to_a_sender() {
    let token = |account: &str| {
        let digest = "ab".repeat(32);
        format!(
            "[[http.token]]\nname = \"met\"\nsha256 = \"{digest}\"\nrights = [\"post\"]\n\
             [[sender]]\nname = \"气象台\"\naccount = \"{account}\"\n"
        )
    };
    assert!(load(&token("met"), &[]).is_ok());
    let found = faults(&token("other"), &[]);
    assert_eq!((found[0].key.as_str(), line(&found[0])), ("http.token[0].rights", 4));
    assert!(found[0].reason.contains("would be parked"), "{}", found[0]);
}

#[test]
fn wrong_types_and_broken_toml_name_their_line() {
    let wrong = faults("[cell]\nname = \"a\"\nlease_ttl_s = \"long\"\n", &[]);
    assert_eq!((line(&wrong[0]), wrong[0].key.as_str()), (3, "cell.lease_ttl_s"));
    assert_eq!(line(&faults("[cell]\n\nname = \"a\nlease_ttl_s = 15\n", &[])[0]), 3);
    let missing = faults("[cell]\nname = \"a\"\n\n[[gateway]]\nid = \"a\"\nkind = \"http\"\n", &[]);
    assert_eq!((line(&missing[0]), missing[0].key.as_str()), (4, "gateway[0]"));
    assert!(missing[0].reason.contains("channels"), "{}", missing[0]);
    let bom_and_crlf = faults("\u{feff}[cell]\r\nname = 3\r\n", &[]);
    assert_eq!(line(&bom_and_crlf[0]), 2);
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Some(Path::new("/nowhere/jiaoying.toml")), std::iter::empty()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/jiaoying.toml"), "{error}");
}

#[test]
fn contradictions_are_collected_with_key_and_place() {
    let text = r#"[http]
internal = "0.0.0.0:8480"
public_url = "https://jy.example.cn/"

[replies]
cannot = ["2", "OK "]

[[gateway]]
id = "Big SMS"
kind = "http"
channels = ["sms"]
batch_max = 200

[[gateway]]
id = "sim"
kind = "simulator"
channels = ["voice"]
timeout_ms = 5
"#;
    let faults = faults(text, &[("JIAOYING__RUNTIME__FLUSH_EVENTS_MAX", "0")]);
    let found: Vec<_> = faults.iter().map(|f| (f.key.as_str(), f.origin.to_string())).collect();
    let file = |line: usize| move |origin: &str| origin.ends_with(&format!("jiaoying.toml:{line}"));
    let expect = |key: &str, is: &dyn Fn(&str) -> bool| {
        assert!(found.iter().any(|(k, origin)| *k == key && is(origin)), "{key} in {faults:#?}");
    };
    expect("http.internal", &file(2));
    expect("http.public_url", &file(3));
    expect("replies.cannot", &file(6));
    expect("gateway[0].id", &file(9));
    expect("gateway[0].batch_max", &file(12));
    expect("gateway[0].url", &file(8));
    expect("gateway[0].secret", &file(8));
    expect("gateway[1].timeout_ms", &file(18));
    expect("runtime.flush_events_max", &|origin| origin == "JIAOYING__RUNTIME__FLUSH_EVENTS_MAX");
    assert_eq!(faults.len(), 9, "{faults:#?}");
}

#[test]
fn a_keyword_that_could_be_an_answer_is_refused() {
    for (text, key) in [
        ("[reports]\nkeywords = [\"到\"]", "reports.keywords"),
        ("[reports]\nkeywords = [\"12\"]", "reports.keywords"),
        ("[reports]\nkeywords = [\" \"]", "reports.keywords"),
        ("[reports]\nsource = \"\"", "reports.source"),
        ("[reports]\nanswer_within_s = 0", "reports.answer_within_s"),
        ("[reports]\ntrusted_colour = \"pink\"", "reports.trusted_colour"),
        ("[reports]\ntrusted_posts = [\"grid\"]\ntrusted_hazards = []", "reports.trusted_hazards"),
        ("[[sender]]\nname = \"x\"\naccount = \"hazard-reports\"", "sender[0].account"),
    ] {
        assert!(faults(text, &[]).iter().any(|fault| fault.key == key), "{text}: {:?}", faults(text, &[]));
    }
    load("[reports]\nkeywords = []", &[]).unwrap();
}

#[test]
fn files_lie_over_defaults_and_the_environment_over_both() {
    let text = "[cell]\nname = \"county\"\n\n[[gateway]]\nid = \"mine\"\nkind = \"simulator\"\nchannels = [\"sms\"]\n";
    let env = [
        ("JIAOYING__STORE__URL", "postgres://u:p@db/jiaoying"),
        ("JIAOYING__CELL__LEASE_TTL_S", "30"),
        ("JIAOYING__REPLIES__YES", "[\"行\"]"),
        ("JIAOYING__PLANS__DIR", "plans\nof \"mine\" \\ 7"),
        ("JIAOYING_CONFIG", "left alone"),
        ("PATH", "left alone"),
    ];
    let config = load(text, &env).unwrap();
    assert_eq!((config.cell.name.as_str(), config.cell.lease_ttl_s), ("county", 30));
    assert_eq!(config.store.url, Secret::new("postgres://u:p@db/jiaoying"));
    assert_eq!(config.replies.yes, ["行"]);
    assert_eq!(config.plans.dir, PathBuf::from("plans\nof \"mine\" \\ 7"));
    assert_eq!(config.gateways.len(), 1, "a list of tables replaces the default's");
    assert!(config.origin("cell.name").to_string().ends_with("jiaoying.toml:2"));
    assert_eq!(config.origin("store.url").to_string(), "JIAOYING__STORE__URL");
    assert_eq!(config.origin("runtime.flush_events_max"), Origin::Default);
    assert!(config.origin("gateway[0].rate_per_s").to_string().ends_with("jiaoying.toml:4"));
}

#[test]
fn overrides_that_set_nothing_are_refused() {
    let refused = |name: &str, value: &str| {
        let faults = faults("", &[(name, value)]);
        assert_eq!(faults[0].origin, Origin::Env(name.to_owned()));
        faults[0].reason.clone()
    };
    assert!(refused("JIAOYING__STORE__ULR", "x").ends_with("JIAOYING__STORE__URL"));
    assert!(refused("JIAOYING__FLUSH_EVENTS_MAX", "1").ends_with("JIAOYING__RUNTIME__FLUSH_EVENTS_MAX"));
    assert!(refused("JIAOYING__GATEWAY__ID", "x").contains("file"));
    refused("JIAOYING__CELL__LEASE_TTL_S", "soon");
    refused("JIAOYING__CELL__LEASE_TTL_S", "9\n[http]");
}

#[test]
fn print_shows_what_is_in_force_and_where_it_comes_from() {
    let text = "[cell]\nname = \"county\"\n\n[[gateway]]\nid = \"mine\"\nkind = \"simulator\"\nchannels = [\"sms\"]\n";
    let config = load(text, &[("JIAOYING__STORE__URL", "env:DATABASE_URL")]).unwrap();
    let shown = config.print();
    let has = |start: &str, end: &str| shown.lines().any(|l| l.starts_with(start) && l.ends_with(end));
    assert!(has("name = \"county\"  # ", "jiaoying.toml:2"), "{shown}");
    assert!(has("url = \"env:DATABASE_URL\"  # ", "JIAOYING__STORE__URL"), "{shown}");
    assert!(has("id = \"mine\"  # ", "jiaoying.toml:5"), "{shown}");
    assert!(has("lease_ttl_s = 5", "5"), "{shown}");
    let again: Table = shown.parse().unwrap();
    assert_eq!(again["gateway"][0]["id"].as_str(), Some("mine"));
}

#[test]
fn budgets_are_checked_and_a_contract_yields_to_nothing() {
    let text = "[[carrier]]\nname = \"m\"\nprefixes = [\"139\"]\nrate_per_s = 0\nburst = 1\ncontract = true\n\
                yields_to = \"red\"\n[[carrier]]\nname = \"m\"\nprefixes = [\"+86130\"]\nrate_per_s = 1\nburst = 1\n\
                yields_to = \"pink\"\n[person_budget]\nper_hour = 0\n";
    let found: Vec<_> = faults(text, &[]).into_iter().map(|f| f.key).collect();
    let expected = [
        "carrier[0].prefixes",
        "carrier[0].rate_per_s",
        "carrier[0].yields_to",
        "carrier[1].name",
        "carrier[1].yields_to",
        "person_budget.per_hour",
    ];
    assert_eq!(found, expected);
    let empty = faults("[person_budget]\nyields_to = \"red\"\n", &[]);
    assert_eq!(empty[0].key, "person_budget", "a budget without a number limits nothing");
}
