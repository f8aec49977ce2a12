//! The sections of gateways, key by key, and the routes between them.

use super::*;

const CMPP: &str = "[gateway.cmpp]\naddress = \"192.0.2.10:7890\"\naccount = \"901234\"\n\
                    secret = \"env:CMPP_SECRET\"\naccess_number = \"10690123\"\n";

#[test]
fn what_the_default_file_shows_of_cmpp_is_what_applies_when_it_is_left_out() {
    let documented = load(&documented_file(), &[]).unwrap();
    let shown = documented.gateways.into_iter().find_map(|g| g.cmpp).unwrap();
    let short = format!("[[gateway]]\nid = \"a\"\nkind = \"cmpp\"\nchannels = [\"sms\"]\n{CMPP}");
    let left_out = load(&short, &[]).unwrap().gateways.remove(0).cmpp.unwrap();
    assert_eq!(CmppSection { source: String::new(), ..shown }, left_out);
}

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
    let doc = include_str!("../../../docs/GATEWAY-BROADCAST.md");
    let blocks: Vec<_> = doc.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let kinds: Vec<_> = blocks.iter().map(|block| load(block, &[]).unwrap().gateways[0].kind).collect();
    assert_eq!(kinds, [GatewayKind::Ebd, GatewayKind::Mqtt]);
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
    let config = crate::support::documented(include_str!("../../../docs/GATEWAYS.md"));
    assert_eq!((config.gateways.len(), config.carriers.len()), (4, 2));
    assert!(config.notices().iter().all(|n| !n.contains("for all carriers")), "{:?}", config.notices());
}
