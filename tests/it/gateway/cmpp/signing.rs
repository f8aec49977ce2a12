//! Signing in and out: versions, wrong credentials, tests of the line.

use super::ismg::{Ismg, SECRET, Script};
use super::*;
use jiaoying::gateway::cmpp::codec::Pdu;

fn versions(ismg: &Ismg) -> Vec<u8> {
    ismg.seen().connects.iter().map(|c| c.version).collect()
}

#[tokio::test]
async fn an_older_gateway_is_spoken_to_in_its_version() {
    let ismg = Ismg::new(Script { old: true, state: Some("DELIVRD"), ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(attempt(1)).await, reached("7100000000000001"));
    assert_eq!(side.sink.until(1).await, [delivered(1)]);
    assert_eq!(versions(&ismg), [0x30, 0x20]);
    assert_eq!(side.gateway.condition().detail, "signed in with CMPP 2.0");
    // Later too, without asking again.
    ismg.hang_up();
    ismg.until(|seen| seen.connects.len() == 3).await;
    assert_eq!(versions(&ismg), [0x30, 0x20, 0x20]);
}

#[tokio::test]
async fn an_older_gateway_that_takes_the_account_all_the_same_is_understood() {
    let ismg = Ismg::new(Script { old_and_lenient: true, state: Some("DELIVRD"), ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(attempt(1)).await, reached("7100000000000001"));
    assert_eq!(side.sink.until(1).await, [delivered(1)]);
    assert_eq!((versions(&ismg), ismg.seen().unreadable), (vec![0x30], vec![]));
    let side = Side::new(&ismg.address, "version = '3.0'");
    let told = side.until(|c| c.detail != "connecting").await;
    assert_eq!((told.well, told.detail.as_str()), (false, "the gateway speaks 2.0 only"));
}

#[tokio::test]
async fn what_somebody_has_to_change_is_told_once_and_tried_seldom() {
    let wrong_secret = |address: &str| {
        let section = format!("address = '{address}'\naccount = '901234'\nsecret = 's'\naccess_number = '1'\n{QUICK}");
        Side::of(toml::from_str(&section).unwrap(), "wrong-0815")
    };
    type Make = Box<dyn Fn(&str) -> Side>;
    let cases: Vec<(Script, Make, &str)> = vec![
        (Script::default(), Box::new(wrong_secret), "status 3: the secret is wrong"),
        (
            Script { statuses: [2].into(), ..Script::default() },
            Box::new(|a| Side::new(a, QUICK)),
            "status 2: the gateway does not know the account",
        ),
        (
            Script { old: true, ..Script::default() },
            Box::new(|a| Side::new(a, &format!("version = '3.0'\n{QUICK}"))),
            "status 4: the version is too high (3.0)",
        ),
        (
            Script { impostor: true, ..Script::default() },
            Box::new(|a| Side::new(a, QUICK)),
            "the gateway does not prove that it knows the secret (AuthenticatorISMG)",
        ),
    ];
    for (script, make, detail) in cases {
        let ismg = Ismg::new(script).await;
        let side = make(&ismg.address);
        let fact = side.one(attempt(1)).await;
        assert_eq!(fact, Fact::Failed { failure: Failure::GatewayDown, detail: Some(detail.into()) });
        let condition = side.gateway.condition();
        assert_eq!((condition.well, condition.detail.as_str()), (false, detail));
        assert!(!detail.contains(SECRET) && !detail.contains("0815"));
        // Many times the back-off after which a gateway that is merely away would be tried again.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(ismg.seen().connects.len(), 1, "{detail}");
        assert!(ismg.seen().submits.is_empty(), "no number goes to somebody who is not known");
        // Somebody who checks need not wait.
        let checked = side.gateway.check().await;
        assert_eq!(ismg.seen().connects.len(), 2, "{checked:?}");
    }
    let ismg = Ismg::new(Script { impostor: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, "verify = false");
    assert_eq!(side.one(attempt(1)).await, reached("7100000000000001"));
}

#[tokio::test]
async fn a_gateway_that_is_busy_is_tried_again() {
    let ismg = Ismg::new(Script { statuses: [5, 9].into(), ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    assert_eq!(ismg.seen().connects.len(), 3);
    assert_eq!(side.gateway.check().await.unwrap(), "signed in with CMPP 3.0, the line answers");
    assert_eq!(ismg.seen().tests, 1);
}

#[tokio::test]
async fn the_line_is_tested_when_idle_and_dropped_when_nothing_answers() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, &format!("idle_test_s = 1\n{QUICK}"));
    ismg.until(|seen| seen.tests == 2).await;
    assert!(side.gateway.condition().well);
    ismg.script(|s| s.dead = true);
    let seen = ismg.until(|seen| seen.connects.len() == 2).await;
    assert!((5..=6).contains(&seen.tests), "{} tests, of which three were not answered", seen.tests);
    ismg.script(|s| s.dead = false);
    side.until(|c| c.well).await;
    assert_eq!(failure(&side.one(attempt(1)).await), None);
}

#[tokio::test]
async fn the_other_side_may_test_and_sign_off_too() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    ismg.send(Version::V30, Pdu::ActiveTest);
    ismg.until(|seen| seen.test_answers == 1).await;
    ismg.send(Version::V30, Pdu::Terminate);
    ismg.until(|seen| seen.terminate_answers == 1 && seen.connects.len() == 2).await;
    side.until(|c| c.well).await;
    assert_eq!(failure(&side.one(attempt(1)).await), None);
}

#[tokio::test]
async fn the_end_of_the_service_signs_off_and_so_does_that_of_the_gateway() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    side.stop.cancel();
    ismg.until(|seen| seen.terminates == 1 && seen.ended == 1).await;
    let told = side.until(|c| !c.well).await;
    assert_eq!(told.detail, "stopped");
    assert_eq!(failure(&side.one(attempt(1)).await), Some(Failure::GatewayDown));
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    drop(side);
    ismg.until(|seen| seen.terminates == 2 && seen.ended == 2).await;
    assert_eq!(ismg.seen().connects.len(), 2);
}
