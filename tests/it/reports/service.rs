//! A report all the way through the real program, and a kill in between.

use crate::support::service::{Service, until};
use crate::support::sink::call_back;
use jiaoying::directory::sample;
use jiaoying::model::{Channel, RegionCode, SecretKey};
use serde_json::{Value, json};

/// The number of a grid person of the service's directory.
fn grid() -> String {
    let key = SecretKey::from_hex(&"42".repeat(32)).unwrap();
    let draft = sample(&RegionCode::parse(super::rig::PLACE).unwrap(), 1, &key);
    let holder = &draft.postings.iter().find(|p| p.post == "grid").unwrap().person;
    let person = draft.people.iter().find(|p| p.id == *holder).unwrap();
    person.contacts_on(Channel::Sms).next().unwrap().number.clone()
}

async fn reports(service: &Service) -> Vec<Value> {
    let answer = service.client.get(format!("{}/api/v1/reports", service.internal)).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    body["reports"].as_array().cloned().unwrap_or_default()
}

async fn page(service: &Service, path: &str) -> String {
    let answer = service.client.get(format!("{}{path}", service.internal)).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grid_persons_text_becomes_a_warning_that_calls_out() {
    let mut service = Service::prepare(None, None, super::rig::PLACE, false).await;
    service.start();
    service.ready().await;
    let number = grid();
    let text = json!([{ "type": "reply", "from": number, "text": "险情 村后滑坡" }]);
    call_back(&service.client, &service.sink.callbacks, &text).await;
    let id = reports(&service).await[0]["id"].as_str().unwrap().to_owned();
    let sent = |service: &Service, wanted: &dyn Fn(&str, &Value) -> bool| {
        let seen = service.sink.seen.lock().unwrap();
        seen.attempts.iter().any(|(key, (_, attempt))| wanted(key, attempt))
    };
    until("the reporter is told the number", 20, async || {
        let confirms = |_: &str, a: &Value| a["to"] == *number && a["text"].as_str().unwrap().contains(&id);
        sent(&service, &confirms)
    })
    .await;
    assert!(page(&service, "/").await.contains("村后滑坡"), "on the overview");

    // The process dies; what was reported is there, and the carrier's repetition is no second report.
    service.kill().await;
    service.start();
    service.ready().await;
    until("the reports are read", 20, async || !reports(&service).await.is_empty()).await;
    call_back(&service.client, &service.sink.callbacks, &text).await;
    assert_eq!(reports(&service).await.len(), 1);

    let accept = format!("{}/api/v1/reports/{id}/accept", service.internal);
    let body = json!({ "hazard": "滑坡", "colour": "red", "operator": "李明" });
    let answer = service.client.post(accept).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let raised: Value = answer.json().await.unwrap();
    let callout = raised["callouts"][0].as_str().unwrap().to_owned();
    until("people are called", 20, async || sent(&service, &|key, _| key.starts_with(&callout))).await;
    let shown = page(&service, &format!("/callouts/{callout}")).await;
    assert!(shown.contains(&format!("/reports/{id}")), "the callout leads to its report");
    let shown = page(&service, &format!("/reports/{id}")).await;
    assert!(shown.contains(&format!("/callouts/{callout}")) && !shown.contains(&number), "and back, without numbers");
    let export = page(&service, &format!("/reports/{id}/export")).await;
    assert!(jiaoying::evidence::verify(export.as_bytes()).unwrap().report.is_some());
    assert!(page(&service, "/metrics").await.contains("hazard_reports_total{channel=\"sms\",outcome=\"accepted\"} 1"));

    // With the words of an answer it is one, and goes to the engine.
    let calls = json!([{ "type": "reply", "from": number, "text": "险情 收到" }]);
    call_back(&service.client, &service.sink.callbacks, &calls).await;
    assert_eq!(reports(&service).await.len(), 1);
    service.stop().await;
    assert!(!service.logs().contains(&number[3..]), "the number stands in the log");
}
