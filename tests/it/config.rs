//! Configuration: the default file is the documentation, faults name their place, secrets stay secret.

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
fn what_the_default_file_shows_of_cmpp_is_what_applies_when_it_is_left_out() {
    let documented = load(&documented_file(), &[]).unwrap();
    let shown = documented.gateways.into_iter().find_map(|g| g.cmpp).unwrap();
    let short = format!("[[gateway]]\nid = \"a\"\nkind = \"cmpp\"\nchannels = [\"sms\"]\n{CMPP}");
    let left_out = load(&short, &[]).unwrap().gateways.remove(0).cmpp.unwrap();
    assert_eq!(CmppSection { source: String::new(), ..shown }, left_out);
}

const CMPP: &str = "[gateway.cmpp]\naddress = \"192.0.2.10:7890\"\naccount = \"901234\"\n\
                    secret = \"env:CMPP_SECRET\"\naccess_number = \"10690123\"\n";

#[test]
fn a_cmpp_account_is_checked_key_by_key_and_its_secret_stays_one() {
    let gateway = |id: &str, kind: &str, channels: &str, table: &str| {
        format!("[[gateway]]\nid = \"{id}\"\nkind = \"{kind}\"\nchannels = [{channels}]\n{table}")
    };
    let wrong = "[gateway.cmpp]\naddress = \"h\"\naccount = \"90\"\nsecret = \"\"\naccess_number = \"+86\"\n\
                 fee_user_type = 3\nfee_type = \"1\"\nlevel = 10\nwindow = 0\njoin_wait_ms = 60000\nidle_test_s = 86401\n\
                 reconnect_max_ms = 1\ndown_results = [8]\ndead_number = [\"DELIVRD\"]\n";
    let text = gateway("a", "cmpp", "\"sms\", \"voice\"", wrong)
        + &gateway("b", "cmpp", "\"sms\"", "")
        + &gateway("c", "simulator", "\"sms\"", CMPP);
    let found: Vec<_> = faults(&text, &[]).into_iter().map(|f| f.key).collect();
    let of_table = [
        "address",
        "account",
        "secret",
        "access_number",
        "fee_type",
        "fee_terminal",
        "level",
        "window",
        "idle_test_s",
        "reconnect_max_ms",
        "join_wait_ms",
        "down_results",
        "dead_number",
    ];
    let mut expected = vec!["gateway[0].channels".to_owned()];
    expected.extend(of_table.map(|key| format!("gateway[0].cmpp.{key}")));
    expected.extend(["gateway[1]".to_owned(), "gateway[2].cmpp".to_owned()]);
    assert_eq!(found, expected);
    let hidden = gateway("a", "cmpp", "\"sms\"", &CMPP.replace("env:CMPP_SECRET", "hush-4711"));
    let config = load(&hidden, &[]).unwrap();
    let (shown, debug) = (config.print(), format!("{config:?}"));
    assert!(!shown.contains("hush-4711") && !debug.contains("hush-4711"));
    let line = shown.lines().find(|line| line.starts_with("access_number = ")).unwrap();
    assert!(line.ends_with("jiaoying.toml:9"), "{line}");
    // A carrier's secret is as long as the carrier makes it; one that cannot be had is a fault.
    assert_eq!(config.examine().0, []);
    let unset = load(&hidden.replace("hush-4711", "env:JIAOYING_NOT_SET_ANYWHERE"), &[]).unwrap().examine().0;
    assert_eq!(unset[0].key, "gateway[0].cmpp.secret");
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
fn secrets_are_never_shown() {
    const HIDDEN: &str = "hush-4711";
    let text = format!(
        "[store]\nurl = \"postgres://u:{HIDDEN}@db/j\"\n[amqp]\nurl = \"amqp://u:{HIDDEN}@b/\"\n[[gateway]]\n\
         id = \"a\"\nkind = \"http\"\nchannels = [\"sms\"]\nurl = \"https://a\"\nsecret = \"{HIDDEN}\"\n"
    );
    let config = load(&text, &[]).unwrap();
    for shown in [format!("{config:?}"), config.print(), serde_json::to_string(&config).unwrap()] {
        assert!(!shown.contains(HIDDEN), "{shown}");
    }
    for bad in [
        format!("[store]\nurl = \"mysql://u:{HIDDEN}@db/j\"\n"),
        format!("[store]\nurl = [\"{HIDDEN}\"]\n"),
        format!("[keys]\nmaster = \"{HIDDEN}\"\n"),
        format!("[amqp]\nurl = \"{HIDDEN}\nenabled = true\n"),
        format!("[http]\n[[http.token]]\nname = \"a\"\nsha256 = \"{HIDDEN}\"\nrights = [\"read\"]\n"),
    ] {
        let error = load(&bad, &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(HIDDEN), "{error:?}");
    }
    for (name, value) in [("JIAOYING__STORE__URL", HIDDEN), ("JIAOYING__KEYS__MASTER", HIDDEN)] {
        let error = load("", &[(name, value)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(HIDDEN), "{error:?}");
    }
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
fn print_tells_where_each_template_of_each_gateway_comes_from() {
    let gateway = |id: &str, templates: &[&str]| {
        let template = |id: &&str| {
            let p = "parameters = [{ name = \"p\", from = \"{place}\", max = 9 }]";
            format!("[[gateway.template]]\npurpose = \"sms\"\nid = \"{id}\"\ntext = \"{{p}}\"\n{p}\n")
        };
        let templates: String = templates.iter().map(template).collect();
        format!("[[gateway]]\nid = \"{id}\"\nkind = \"simulator\"\nchannels = [\"sms\"]\n{templates}")
    };
    let text = gateway("a", &["A1", "A2"]) + &gateway("b", &[]) + &gateway("c", &["C1"]);
    let shown = load(&text, &[]).unwrap().print();
    for id in ["A1", "A2", "C1"] {
        let line = 1 + text.lines().position(|l| l == format!("id = \"{id}\"")).unwrap();
        let told = shown.lines().find(|l| l.starts_with(&format!("id = \"{id}\""))).unwrap();
        assert!(told.ends_with(&format!("jiaoying.toml:{line}")), "{told}, not line {line}");
    }
    let again: Table = shown.parse().unwrap();
    assert_eq!(again["gateway"][2]["template"][0]["parameters"][0]["from"].as_str(), Some("{place}"));
    let found = faults(&text.replace("id = \"C1\"", "id = \"\""), &[]);
    assert_eq!(found[0].key, "gateway[2].template[0].id");
}

#[test]
fn broadcast_gateways_are_checked_key_by_key() {
    let text = r#"[[gateway]]
id = "a"
kind = "ebd"
channels = ["sms"]
[gateway.ebd]
url = "ftp://x"
source = "65332400000002010"
destination = "653324000000010101"
token = "short-secret"
sender_name = "x"
sender_code = "1"
state_file = "x"
sequence = [5, 5]
playing_codes = ["1"]

[[gateway]]
id = "b"
kind = "mqtt"
channels = ["broadcast"]
[gateway.mqtt]
url = "mqtt://user:pass-word@h"
ca_file = "x"
command_topic = "a/{speaker}"
state_topic = "a/{speaker}"
status_topic = "a/x-{speaker}"
all_topic = "a/#"
keep_alive_s = 1

[[gateway]]
id = "c"
kind = "mqtt"
channels = ["broadcast"]
"#;
    let found = faults(text, &[]);
    let keys: Vec<_> = found.iter().map(|f| f.key.trim_start_matches("gateway")).collect();
    let expected = [
        "[0].channels",
        "[0].ebd.url",
        "[0].ebd.source",
        "[0].ebd.token",
        "[0].ebd.sequence",
        "[0].ebd.playing_codes",
        "[1].mqtt.url",
        "[1].mqtt.ca_file",
        "[1].mqtt.status_topic",
        "[1].mqtt.command_topic",
        "[1].mqtt.state_topic",
        "[1].mqtt.all_topic",
        "[1].mqtt.keep_alive_s",
        "[2].mqtt",
    ];
    assert_eq!(keys, expected);
    let shown = format!("{found:?}");
    assert!(!shown.contains("short-secret") && !shown.contains("pass-word"), "{shown}");
    let wrong_kind =
        "[[gateway]]\nid = \"a\"\nkind = \"simulator\"\nchannels = [\"sms\"]\n[gateway.mqtt]\nurl = \"mqtt://h\"\n";
    assert_eq!(faults(wrong_kind, &[])[0].key, "gateway[0].mqtt");
    let printed = load(&format!("{}\n", wrong_kind.replace("simulator", "mqtt").replace("sms", "broadcast")), &[])
        .unwrap()
        .print();
    assert!(printed.contains("url = \"mqtt://h\"  # "), "a table of a list's element has its origin: {printed}");
}

#[test]
fn the_examples_of_the_document_on_broadcast_gateways_are_sound() {
    let doc = include_str!("../../docs/GATEWAY-BROADCAST.md");
    let blocks: Vec<_> = doc.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let kinds: Vec<_> = blocks.iter().map(|block| load(block, &[]).unwrap().gateways[0].kind).collect();
    assert_eq!(kinds, [GatewayKind::Ebd, GatewayKind::Mqtt]);
}

#[test]
fn secrets_come_from_files_and_variables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, " padded \r\n").unwrap();
    let file = Secret::new(&format!("file:{}", path.display()));
    assert_eq!(file.reveal().unwrap(), " padded ");
    assert_eq!(Secret::new("env:CARGO_MANIFEST_DIR").reveal().unwrap(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!(Secret::new("plain").reveal().unwrap(), "plain");
    let unset = Secret::new("env:JIAOYING_NOT_SET_ANYWHERE").reveal().unwrap_err();
    assert!(unset.to_string().contains("JIAOYING_NOT_SET_ANYWHERE"));
    std::fs::remove_file(&path).unwrap();
    assert!(file.reveal().unwrap_err().to_string().contains(path.to_str().unwrap()));
}

#[test]
fn the_master_key_is_created_once_and_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/master.key");
    let config = load(&format!("[keys]\nmaster = \"file:{}\"\n", path.display()), &[]).unwrap();
    assert!(config.keys.load().is_err(), "loading alone creates nothing");
    let (key, created) = config.keys.load_or_create().unwrap();
    assert!(created && key != [0; 32]);
    assert_eq!(config.keys.load_or_create().unwrap(), (key, false));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    std::fs::write(&path, "too short").unwrap();
    let error = config.keys.load_or_create().unwrap_err().to_string();
    assert!(error.contains("64 hex digits") && !error.contains("too short"), "{error}");
}

#[test]
fn a_key_made_by_root_belongs_to_whom_the_folder_belongs() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let dir = tempfile::tempdir().unwrap();
    if chown(dir.path(), Some(10480), Some(10480)).is_err() {
        return; // only root gives folders away
    }
    let path = dir.path().join("master.key");
    // A draft that a process of the same number left behind does not stand in the way, and is not followed.
    let elsewhere = dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "kept").unwrap();
    std::os::unix::fs::symlink(&elsewhere, path.with_extension(format!("new-{}", std::process::id()))).unwrap();
    let config = load(&format!("[keys]\nmaster = \"file:{}\"\n", path.display()), &[]).unwrap();
    config.keys.load_or_create().unwrap();
    let key = std::fs::metadata(&path).unwrap();
    assert_eq!((key.uid(), key.gid(), key.mode() & 0o777), (10480, 10480, 0o600));
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "kept");
}

#[test]
fn tokens_admit_by_digest_and_right() {
    // printf %s open-sesame | sha256sum
    let sha256 = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";
    let text = format!(
        "[http]\ninternal = \"0.0.0.0:8480\"\n[[http.token]]\nname = \"duty\"\nsha256 = \"{sha256}\"\nrights = [\"read\"]\n"
    );
    let http = load(&text, &[]).unwrap().http;
    let token = http.admit("open-sesame").unwrap();
    assert!(token.may(Right::Read) && !token.may(Right::Operate));
    assert!(http.admit("open-sesam").is_none() && http.admit(sha256).is_none());
    let twice = format!("{text}[[http.token]]\nname = \"local\"\nsha256 = \"{sha256}\"\nrights = []\n");
    let found: Vec<_> = faults(&twice, &[]).into_iter().map(|f| f.key).collect();
    assert_eq!(found, ["http.token[1].name", "http.token[1].rights", "http.token[1].sha256"]);
}

#[test]
fn certificates_that_cannot_be_used_are_named_with_file_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, text: Option<&str>| {
        let path = folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let fault = jiaoying::config::authorities(&path).unwrap_err().to_string();
        assert!(fault.contains(name), "{fault}");
        fault
    };
    assert!(refused("absent.pem", None).contains("No such file"));
    assert!(refused("empty.pem", Some("")).contains("no certificate"));
    assert!(refused("cut.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n")).contains("certificate 1"));
    let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(refused("other.pem", Some(other)).contains("certificate 1"));
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

#[test]
fn routes_name_carriers_that_there_are_and_a_canary_rings_no_person_by_mistake() {
    let gateway = "[[gateway]]\nid = \"a\"\nkind = \"simulator\"\nchannels = [\"sms\"]\n";
    let reasons = |text: &str| -> Vec<_> { faults(text, &[]).into_iter().map(|f| (f.key, f.reason)).collect() };
    let found = reasons(&format!("{gateway}carriers = [\"mobile\"]\nregions = [\"53332\"]\nweight = 0\n"));
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["gateway[0].weight", "gateway[0].regions", "gateway[0].carriers"], "{found:?}");
    let canary = format!("{gateway}[gateway.canary]\nnumbers = [\"13800138000\"]\nevery_s = 60\n");
    let found = reasons(&canary);
    assert_eq!(found.len(), 2, "no country's code, and within_s beyond every_s: {found:?}");
    assert!(!format!("{found:?}").contains("138001"), "a number stands in a fault");
    let budget = "[[carrier]]\nname = \"m\"\nprefixes = [\"+86139\"]\n";
    let found = reasons(&format!("{budget}burst = 5\n"));
    assert_eq!(found[0].0, "carrier[0].burst");
    let only = format!("{budget}{gateway}carriers = [\"m\"]\n");
    let notices = load(&only, &[]).unwrap().notices();
    assert!(notices.iter().any(|n| n.contains("no gateway takes sms for all")), "{notices:?}");
    let printed = load(&canary.replace("13800138000", "+8619900000000").replace("60", "600"), &[]).unwrap().print();
    assert!(printed.contains("every_s = 600  # "), "where a key of a gateway's table comes from: {printed}");
    assert!(reasons("[routing]\nprobe_max_ms = 10\n")[0].1.contains("probe_min_ms"));
}

#[test]
fn the_example_of_routes_is_sound() {
    let config = crate::support::documented(include_str!("../../docs/GATEWAYS.md"));
    assert_eq!((config.gateways.len(), config.carriers.len()), (4, 2));
    assert!(config.notices().iter().all(|n| !n.contains("for all carriers")), "{:?}", config.notices());
}
