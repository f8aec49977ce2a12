//! `jiaoying bench all --short --json`: every bench works. How fast it is stands nowhere here.

use crate::support::servers;
use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;

const BENCHES: [&str; 8] = ["fan_out", "storm", "priority", "timers", "recovery", "growth", "intake", "faults"];

#[tokio::test]
async fn all_benches_run_and_lose_nothing() {
    let (Some(postgres), Some((amqp, _turn))) = (servers::postgres(), servers::amqp().await) else { return };
    let run = Command::new(env!("CARGO_BIN_EXE_jiaoying"))
        .args(["bench", "all", "--short", "--json"])
        .env("JIAOYING_TEST_POSTGRES", postgres)
        .env("JIAOYING_TEST_AMQP", amqp)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = run.await.unwrap();
    let (said, told) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{told}");
    let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let cases = report["cases"].as_array().unwrap();
    for bench in BENCHES {
        assert!(cases.iter().any(|case| case["bench"] == bench), "{bench} is missing in {said}");
    }
    for case in cases {
        let figures = &case["figures"];
        for key in ["lost", "duplicates"] {
            assert!(figures.get(key).is_none_or(|count| *count == 0), "{key} in {case}");
        }
        // A figure that was not taken would be null.
        assert!(figures.as_object().unwrap().values().all(measured), "{case}");
    }
    let counted = cases.iter().filter(|case| case["figures"].get("lost").is_some());
    assert!(counted.count() >= 6, "losses are counted in too few cases: {said}");
}

fn measured(figure: &Value) -> bool {
    match figure {
        Value::Null => false,
        Value::Object(parts) => parts.values().all(measured),
        Value::Array(parts) => parts.iter().all(measured),
        _ => true,
    }
}
