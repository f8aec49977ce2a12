//! The whole way: a bureau's document in, calls out, an answer back, events, board and timeline; with
//! an AMQP client that is not ours on PostgreSQL and RabbitMQ, and over HTTP on SQLite.

use crate::support::servers;
use crate::support::service::{Service, until};
use crate::support::store::{Kind, with_store};
use serde_json::Value;
use std::path::Path;
use tokio::process::Command;

/// A CAP file of today for one village, in the shape of the fixture.
pub fn cap(folder: &Path) -> String {
    let now = jiaoying::runtime::clock::now();
    let fixture = include_str!("../data/cap12-alert-red.xml");
    let text = fixture
        .replace("2026-07-01T04:18:00+08:00", &now.iso())
        .replace("2026-07-01T10:18:00+08:00", &now.plus_ms(3_600_000).iso())
        .replace("533324000000", "533324204201");
    let file = folder.join("warning.xml");
    std::fs::write(&file, &text).unwrap();
    file.display().to_string()
}

async fn callouts(service: &Service) -> Vec<Value> {
    let answer = service.client.get(format!("{}/api/v1/callouts", service.internal)).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    body["callouts"].as_array().unwrap().clone()
}

async fn satisfied(service: &Service, id: &str) -> bool {
    let all = callouts(service).await;
    let Some(callout) = all.iter().find(|c| c["id"] == id) else { return false };
    let totals = &callout["totals"];
    totals["targets"].as_u64() > Some(0)
        && totals["satisfied"].as_u64().unwrap() + totals["taken_over"].as_u64().unwrap()
            == totals["targets"].as_u64().unwrap()
}

/// Board, replay, export and offline verification of a callout, as an officer and an auditor see them.
async fn look(service: &Service, id: &str) {
    let get = async |path: String| {
        let answer = service.client.get(format!("{}{path}", service.internal)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    };
    assert!(get("/".into()).await.contains("红色"), "the overview shows the colour");
    let page = get(format!("/callouts/{id}")).await;
    assert!(page.contains("网格") && !page.contains("+86199"), "names, and no number in full");
    assert!(get(format!("/callouts/{id}?at=0.5")).await.contains("网格"), "replay");
    let metrics = get("/metrics".into()).await;
    assert!(metrics.contains("jiaoying_events_total"), "{metrics}");
    let export = get(format!("/callouts/{id}/export")).await;
    let verified = jiaoying::evidence::verify(export.as_bytes()).unwrap();
    assert!(verified.events > 10);
    let bent = export.replacen("released", "releasee", 1);
    assert!(jiaoying::evidence::verify(bent.as_bytes()).is_err(), "an altered export does not verify");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bureaus_amqp_client_gets_its_warning_called_out_and_answered() {
    let Some((broker, _turn)) = servers::amqp().await else { return };
    with_store(Kind::Postgres, |store| async move {
        let name = format!("bureau-{}", std::process::id());
        let section = format!(
            "url = \"{broker}\"\nexchange = \"{name}.w\"\nurgent_queue = \"{name}.u\"\nnormal_queue = \"{name}.n\"\n\
             parking_queue = \"{name}.p\"\nevents_exchange = \"{name}.e\"\n"
        );
        let mut service = Service::prepare(store.url.clone(), Some(&section), "533324204", true).await;
        service.start();
        service.ready().await;
        let file = cap(service.folder.path());
        let bureau = Command::new("/usr/bin/python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bureau.py"))
            .args([&broker, &name, &file, "30", "accepted", "attempt_released", "answered", "target_satisfied"])
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&bureau.stdout).into_owned();
        assert!(bureau.status.success(), "{told}\n{}\n{}", String::from_utf8_lossy(&bureau.stderr), service.log());
        let lines: Vec<Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let receipt = lines.iter().find(|l| l["key"] == "receipt.accepted").unwrap();
        assert_eq!(receipt["correlation"], "bureau-1");
        assert!(receipt["body"]["cover"][0]["targets"].as_u64() > Some(0), "{receipt}");
        let progress = lines.iter().find(|l| l["body"]["kind"] == "answered").unwrap();
        assert_eq!(progress["correlation"], "53332441600000_20260701041801");
        assert!(service.sink.count() > 0);
        let id = receipt["body"]["cover"][0]["callout"].as_str().unwrap().to_owned();
        until("the ground is covered or taken over", 30, || satisfied(&service, &id)).await;
        look(&service, &id).await;
        service.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_sqlite_over_http_and_by_link_and_by_an_operator() {
    let mut service = Service::prepare(None, None, "533324204", false).await;
    service.start();
    service.ready().await;
    let document = std::fs::read(cap(service.folder.path())).unwrap();
    let receipt = service.post(document.clone()).await;
    assert_eq!((&receipt["accepted"], &receipt["duplicate"]), (&true.into(), &false.into()), "{receipt}");
    let id = receipt["cover"][0]["callout"].as_str().unwrap().to_owned();
    assert_eq!(service.post(document).await["duplicate"], true);
    let wrong = service.post(b"<alert><broken".to_vec()).await;
    assert_eq!(wrong["accepted"], false);
    assert!(wrong["findings"][0]["place"].as_str().unwrap().contains("line"), "{wrong}");
    assert_eq!(service.post(b"<alert><broken".to_vec()).await["duplicate"], true, "parked before");
    let metrics = service.client.get(format!("{}/metrics", service.internal)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("jiaoying_parked_total 1\n"), "counted once: {metrics}");

    until("calls go out", 20, async || service.sink.count() > 0).await;
    // Nobody reacts here: somebody taps the link of a short message. Looking at it answers nothing.
    let text = || {
        let seen = service.sink.seen.lock().unwrap();
        let sms = seen.attempts.values().find(|(_, a)| a["text"].as_str().unwrap().contains("/a/"));
        sms.map(|(_, a)| a["text"].as_str().unwrap().to_owned())
    };
    until("a link goes out", 20, async || text().is_some()).await;
    let link = text().unwrap().split_whitespace().find(|w| w.starts_with("http")).unwrap().to_owned();
    let page = service.client.get(&link).send().await.unwrap();
    assert!(page.status().is_success());
    let state = async || -> Value {
        let answer = service.client.get(format!("{}/callouts/{id}.json", service.internal)).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let answers = |state: &Value| {
        let calls = state["calls"].as_array().unwrap().clone();
        calls.iter().flat_map(|c| c["links"].as_array().unwrap().clone()).filter(|l| !l["answer"].is_null()).count()
    };
    assert_eq!(answers(&state().await), 0, "a preview is no answer");
    let answered = service
        .client
        .post(&link)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("answer=yes")
        .send()
        .await
        .unwrap();
    assert!(answered.status().is_success(), "{}", answered.text().await.unwrap());
    assert!(answers(&state().await) > 0, "the tap is recorded when the page says so");

    // An operator answers for somebody of a target that is still wanted, with name and reason.
    let before = state().await;
    let wanted = before["calls"].as_array().unwrap().iter().position(|c| {
        c["purpose"] == "call_out" && c["links"].as_array().unwrap().iter().all(|l| l["answer"].is_null())
    });
    if let Some(call) = wanted {
        let act = serde_json::json!({ "call": call, "answer": "yes", "reason": "called back by radio", "operator": "duty officer" });
        let url = format!("{}/api/v1/callouts/{id}/answers", service.internal);
        let done = service.client.post(url).json(&act).send().await.unwrap();
        assert!(done.status().is_success(), "{}", done.text().await.unwrap());
        assert!(answers(&state().await) > answers(&before));
    }
    // A text from a number to which nothing was sent answers nothing and is kept where people look.
    let stray = serde_json::json!([{ "type": "reply", "from": "+8613000000001", "text": "收到" }]);
    let answered = answers(&state().await);
    crate::support::sink::call_back(&service.client, &service.sink.callbacks, &stray).await;
    let parked = service.client.get(format!("{}/parked", service.internal)).send().await.unwrap();
    assert!(parked.text().await.unwrap().contains("no open callout"), "the stray text stands on the board");
    assert!(answers(&state().await) >= answered);
    look(&service, &id).await;
    service.stop().await;
    assert!(!service.logs().contains("13000000001"), "the number stands in the log");
}
