//! Clients of other makers sign in to the played gateway, submit and test the line: outside witnesses of the codec,
//! on which both the gateway and the played one stand.

use super::ismg::{ACCOUNT, FIRST, Ismg, SECRET, Script};
use super::ucs2;
use crate::support::servers;
use serde_json::{Value, json};
use tokio::process::Command;

async fn drive(python: &str, task: &str, ismg: &Ismg, texts: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign.py");
    let port = ismg.address.rsplit(':').next().unwrap();
    let args = [&[script, task, port, ACCOUNT, SECRET], texts].concat();
    let output = Command::new(python).env("PYTHONUTF8", "1").args(args).output().await.unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_client_of_2_0_by_another_maker_is_understood_and_understands() {
    let Some(python) = servers::judges() else { return };
    let ismg = Ismg::new(Script { results: [0, 0, 8].into(), ..Script::default() }).await;
    let long = "请立即组织转移。".repeat(12);
    let told = drive(&python, "cmpp2", &ismg, &["暴雨红色预警", &long]).await;
    let expected = json!({
        "status": 0, "proved": true, "version": 0x21, "tested": true,
        "submitted": [[FIRST, 0], [FIRST + 1, 0], [0, 8]],
    });
    assert_eq!(told, expected);
    let seen = ismg.until(|seen| seen.terminates == 1).await;
    assert_eq!((seen.connects[0].source_addr.as_str(), seen.connects[0].version), (ACCOUNT, 0x21));
    assert_eq!((seen.tests, seen.unreadable.len(), seen.submits.len()), (1, 0, 3));
    let [short, one, two] = &seen.submits[..] else { panic!() };
    assert_eq!((short.dest_terminal_ids.as_slice(), short.msg_fmt), (&["13800138000".to_owned()][..], 8));
    assert_eq!(
        (short.content.clone(), short.registered_delivery, short.msg_src.as_str()),
        (ucs2("暴雨红色预警"), 1, ACCOUNT)
    );
    assert_eq!((one.pk_total, one.pk_number, one.tp_udhi, two.pk_number), (2, 1, 1, 2));
    assert_eq!((&one.content[..3], &one.content[4..6], &two.content[4..6]), (&[5, 0, 3][..], &[2, 1][..], &[2, 2][..]));
    assert_eq!([&one.content[6..], &two.content[6..]].concat(), ucs2(&long));
}

#[tokio::test]
async fn a_client_of_3_0_by_another_maker_is_understood_and_understands() {
    let Some(python) = servers::judges() else { return };
    let ismg = Ismg::new(Script::default()).await;
    let told = drive(&python, "cmpp3", &ismg, &["暴雨红色预警"]).await;
    assert_eq!(told, json!({ "submitted": [[FIRST, 0]] }));
    let seen = ismg.until(|seen| seen.terminates == 1).await;
    assert_eq!((seen.connects[0].version, seen.unreadable.len()), (0x30, 0));
    let submit = &seen.submits[0];
    assert_eq!(
        (submit.dest_terminal_ids.as_slice(), submit.src_id.as_str()),
        (&["13800138000".to_owned()][..], "10690123")
    );
    assert_eq!(
        (submit.content.clone(), submit.service_id.as_str(), submit.fee_code.as_str()),
        (ucs2("暴雨红色预警"), "jy", "000000")
    );
}
