//! Callbacks of gateways: what is believed, what is taken, and what is confirmed.

use super::{NOW_S, SECRET, attempt, clock, config, signature};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use futures::future::BoxFuture;
use jiaoying::gateway::http::{CallbackLimits, Clock, callbacks};
use jiaoying::gateway::{NotTaken, ReadBack, Upcall, Upcalls};
use jiaoying::model::{Fact, GatewayId, Stage, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// Writes upcalls down; refuses while it is told to.
#[derive(Default)]
struct Sink {
    taken: Mutex<Vec<(GatewayId, Vec<Upcall>)>>,
    down: Mutex<bool>,
}

impl Upcalls for Sink {
    fn take(&self, gateway: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        Box::pin(async move {
            if *self.down.lock().unwrap() {
                return Err(NotTaken("the store is down".into()));
            }
            let key = |upcall: &Upcall| match upcall {
                Upcall::Key { key, digits, .. } => {
                    Some(ReadBack { key: key.clone(), words: format!("已记录：{digits}") })
                }
                _ => None,
            };
            let read_back = upcalls.iter().filter_map(key).collect();
            self.taken.lock().unwrap().push((gateway, upcalls));
            Ok(read_back)
        })
    }
}

async fn call_back(
    sink: &Arc<Sink>,
    path: &str,
    signed_at: i64,
    body: &str,
    sig: &str,
) -> (StatusCode, HeaderMap, Value) {
    let limits = CallbackLimits { body_max_bytes: 4096, ..CallbackLimits::default() };
    let routes = callbacks(&config("http://localhost/v1", ""), sink.clone(), clock(), limits);
    let request = Request::post(path)
        .header("x-jiaoying-timestamp", signed_at.to_string())
        .header("x-jiaoying-signature", sig)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = routes.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
}

async fn signed(sink: &Arc<Sink>, body: &str) -> (StatusCode, HeaderMap, Value) {
    let sig = signature(&NOW_S.to_string(), body.as_bytes());
    call_back(sink, "/callbacks/sms-a", NOW_S, body, &sig).await
}

#[tokio::test]
async fn good_events_are_taken_bad_ones_named_and_repeats_passed_on() {
    let sink = Arc::new(Sink::default());
    let body = json!([
        {"type": "delivered", "key": "533324-ab.1", "at": "2026-07-01T04:18:09+08:00"},
        {"type": "key", "key": "533324-ab.1", "digits": "eins"},
        {"type": "reply", "from": "+8613800000001", "text": "收到"},
    ])
    .to_string();
    for _ in 0..2 {
        let (status, _, answer) = signed(&sink, &body).await;
        assert_eq!((status, &answer["taken"]), (StatusCode::OK, &json!(2)));
        assert_eq!(answer["refused"][0]["index"], 1);
        assert!(answer["refused"][0]["reason"].as_str().unwrap().starts_with("digits:"));
    }
    let key = attempt(1).key;
    let reported_at = Some(Timestamp::parse_iso("2026-07-01T04:18:09+08:00").unwrap());
    let fact = Fact::Reached { stage: Stage::Delivered, reference: None };
    let upcalls = vec![
        Upcall::Report { key, fact, reported_at },
        Upcall::Text {
            from: "+8613800000001".into(),
            text: "收到".into(),
            key: None,
            extension: None,
            reported_at: None,
        },
    ];
    let once = (GatewayId::from("sms-a"), upcalls);
    assert_eq!(*sink.taken.lock().unwrap(), [once.clone(), once]);
}

#[tokio::test]
async fn what_was_recorded_of_a_key_is_read_back() {
    let sink = Arc::new(Sink::default());
    let body = json!([
        {"type": "picked_up", "key": "533324-ab.1"},
        {"type": "key", "key": "533324-ab.1", "digits": "1"},
    ]);
    let (status, _, answer) = signed(&sink, &body.to_string()).await;
    let read_back = json!([{"key": "533324-ab.1", "words": "已记录：1"}]);
    assert_eq!((status, answer), (StatusCode::OK, json!({"taken": 2, "refused": [], "read_back": read_back})));
    // What is not durable is not read back.
    *sink.down.lock().unwrap() = true;
    let (status, _, answer) = signed(&sink, &body.to_string()).await;
    assert_eq!((status, &answer["read_back"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::Null));
}

#[tokio::test]
async fn one_event_needs_no_list_and_a_request_without_any_good_one_is_no_success() {
    let sink = Arc::new(Sink::default());
    let (status, _, answer) = signed(&sink, r#"{"type":"ended","key":"533324-ab.1"}"#).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"taken": 1, "refused": []})));
    let (status, _, answer) = signed(&sink, r#"{"type":"boo","key":"533324-ab.1"}"#).await;
    assert_eq!((status, &answer["refused"][0]["index"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(0)));
    let (status, _, _) = signed(&sink, "[").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _, _) = signed(&sink, &format!("[\"{}\"]", "x".repeat(5000))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(sink.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_signed_by_the_gateway_changes_nothing() {
    let sink = Arc::new(Sink::default());
    let body = r#"{"type":"ended","key":"533324-ab.1"}"#;
    let good = |at: i64| signature(&at.to_string(), body.as_bytes());
    let unauthorised = [
        (NOW_S, "v1=00".to_owned()),
        (NOW_S, String::new()),
        (NOW_S + 1, good(NOW_S)),
        (NOW_S - 301, good(NOW_S - 301)),
        (NOW_S + 301, good(NOW_S + 301)),
    ];
    for (at, sig) in unauthorised {
        let (status, _, _) = call_back(&sink, "/callbacks/sms-a", at, body, &sig).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{at} {sig}");
    }
    let (status, _, _) = call_back(&sink, "/callbacks/sms-b", NOW_S, body, &good(NOW_S)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(sink.taken.lock().unwrap().is_empty());
    let (status, _, _) = call_back(&sink, "/callbacks/sms-a", NOW_S - 300, body, &good(NOW_S - 300)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_is_confirmed_while_the_store_is_down() {
    let sink = Arc::new(Sink::default());
    *sink.down.lock().unwrap() = true;
    let body = r#"{"type":"key","key":"533324-ab.1","digits":"1"}"#;
    let (status, headers, answer) = signed(&sink, body).await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert!(!answer.to_string().contains("store"), "inner reasons stay inside: {answer}");
    *sink.down.lock().unwrap() = false;
    assert_eq!(signed(&sink, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_example_of_the_documentation_works() {
    let doc = include_str!("../../../docs/GATEWAY-HTTP.md");
    let script = doc.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    // The script signs with the host's clock.
    let output = std::process::Command::new("date").arg("+%s").output().unwrap();
    let now: i64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    let clock: Clock = Arc::new(move || Timestamp(now * 1_000_000));
    let sink = Arc::new(Sink::default());
    let routes = callbacks(&config("http://localhost/v1", ""), sink.clone(), clock, CallbackLimits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let output = tokio::process::Command::new("sh")
        .args(["-ec", script])
        .envs([("JIAOYING", url.as_str()), ("GATEWAY", "sms-a"), ("SECRET", SECRET), ("no_proxy", "127.0.0.1")])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = doc.rsplit("prints `").next().and_then(|rest| rest.split('`').next()).unwrap();
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sink.taken.lock().unwrap()[0].1.len(), 2);
    // The section of the configuration is valid too.
    let config = crate::support::documented(doc);
    assert_eq!(config.gateways[0].id, "sms-a");
}
