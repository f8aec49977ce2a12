//! The generic HTTP gateway against real local peers: what goes over the wire, and what each way of
//! answering, or not answering, is turned into.

mod callbacks;
mod cmpp;
pub mod contract;
mod ebd;
mod mqtt;
mod sip;
mod smpp;
mod tls;
pub mod told;
mod vendor;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use jiaoying::gateway::http::{Clock, HttpGateway, HttpGatewayConfig};
use jiaoying::gateway::{Gateway, Outgoing};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, Filled, Speech, Stage, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SECRET: &str = "at least sixteen bytes";
const NOW_S: i64 = 1_782_850_680;

fn clock() -> Clock {
    Arc::new(|| Timestamp(NOW_S * 1_000_000))
}

fn config(url: &str, extra: &str) -> HttpGatewayConfig {
    let section = format!("id = 'sms-a'\nurl = '{url}'\nsecret = '{SECRET}'\nchannels = ['sms']\n{extra}");
    toml::from_str(&section).unwrap()
}

fn gateway(url: &str, extra: &str) -> HttpGateway {
    HttpGateway::new(config(url, extra), clock()).unwrap()
}

fn attempt(n: u32) -> Outgoing {
    Outgoing {
        key: AttemptKey { callout: "533324-ab".into(), attempt: n },
        channel: Channel::Sms,
        number: format!("+86138000000{n:02}"),
        text: "【叫应】暴雨红色预警".into(),
        template: None,
        speech: None,
        code: None,
        language: "zh-CN".into(),
        drill: false,
        colour: "red",
        valid_until: Timestamp((NOW_S + 600) * 1_000_000),
    }
}

fn attempts(n: u32) -> Vec<Outgoing> {
    (0..n).map(attempt).collect()
}

fn reached(reference: Option<&str>) -> Fact {
    Fact::Reached { stage: Stage::Submitted, reference: reference.map(str::to_owned) }
}

fn failed(failure: Failure, detail: Option<&str>) -> Fact {
    Fact::Failed { failure, detail: detail.map(str::to_owned) }
}

const UNKNOWN: Fact = Fact::Unknown { resent: false };

/// An independent maker of signatures.
fn signature(timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&[timestamp.as_bytes(), b".", body].concat());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

/// A peer that checks the signature of every request, writes it down, and answers what it is told.
async fn peer<R: IntoResponse>(answer: impl Fn(&Value) -> R + Clone + Send + Sync + 'static) -> (String, Seen) {
    let seen = Seen::default();
    let log = seen.clone();
    let handler = move |uri: axum::http::Uri, headers: HeaderMap, body: Bytes| async move {
        let timestamp = headers["x-jiaoying-timestamp"].to_str().unwrap();
        if headers["x-jiaoying-signature"] != signature(timestamp, &body) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let body: Value = serde_json::from_slice(&body).unwrap();
        log.lock().unwrap().push((uri.path().to_owned(), headers, body.clone()));
        answer(&body).into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
    (url, seen)
}

/// A peer that reads a request and then writes these bytes and closes, or keeps quiet when there are none.
async fn raw_peer(answer: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut quiet = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 65536];
            let _ = stream.read(&mut request).await;
            match answer {
                Some(bytes) => drop(stream.write_all(bytes).await),
                None => quiet.push(stream),
            }
        }
    });
    url
}

fn json_answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

#[tokio::test]
async fn a_signed_batch_goes_out_and_results_map_by_key_not_by_place() {
    let (url, seen) = peer(|_| {
        let results = json!([
            {"key": "533324-ab.4", "status": "rejected", "reason": "13800000004 blacklisted"},
            {"key": "533324-ab.3", "status": "rejected", "retry": true},
            {"key": "533324-ab.2", "status": "rejected", "reason": "dead_number"},
            {"key": "533324-ab.1", "status": "accepted"},
            {"key": "533324-ab.0", "status": "accepted", "reference": "r-0"},
        ]);
        json_answer(200, &json!({ "results": results }))
    })
    .await;
    let facts = gateway(&url, "").submit(attempts(5)).await;
    let expected = [
        reached(Some("r-0")),
        reached(None),
        failed(Failure::DeadNumber, Some("dead_number")),
        failed(Failure::GatewayDown, None),
        failed(Failure::Refused, Some("*** blacklisted")),
    ];
    assert_eq!(facts, expected);

    let seen = seen.lock().unwrap();
    let (path, headers, body) = &seen[0];
    assert_eq!((seen.len(), path.as_str()), (1, "/v1"));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-jiaoying-timestamp"], NOW_S.to_string());
    assert_eq!(headers["idempotency-key"].len(), 64);
    let sent = json!({
    "key": "533324-ab.0", "channel": "sms", "to": "+8613800000000", "text": "【叫应】暴雨红色预警",
        "language": "zh-CN", "colour": "red", "drill": false, "valid_until": "2026-07-01T04:28:00.000+08:00",
    });
    assert_eq!(body["attempts"][0], sent);
}

#[tokio::test]
async fn a_template_and_a_script_go_over_the_wire_beside_the_whole_text() {
    let (url, seen) = peer(|_| json_answer(200, &json!({ "results": [] }))).await;
    let template = Filled {
        id: "SMS_1".into(),
        sign: "【某县应急】".into(),
        parameters: vec![("b".into(), "红色".into()), ("a".into(), "孔当村…".into())],
        cut: vec!["a".into()],
    };
    let speech = Speech {
        text: "请转移。".into(),
        recording: Some("bo.wav".into()),
        prompt: "请按1。".into(),
        repeats: 2,
        pause_s: 3,
        unconfirmed: "没有得到确认。".into(),
        wrong_key: "按键无效。".into(),
        no_key: "没有按键。".into(),
        ..Speech::default()
    };
    let attempts = vec![
        Outgoing { template: Some(template), ..attempt(0) },
        Outgoing { channel: Channel::Voice, speech: Some(speech), language: "bo".into(), ..attempt(1) },
    ];
    gateway(&url, "").submit(attempts).await;
    let (_, _, body) = seen.lock().unwrap()[0].clone();
    let template = json!({
        "id": "SMS_1", "sign": "【某县应急】", "cut": ["a"],
        "parameters": [{"name": "b", "value": "红色"}, {"name": "a", "value": "孔当村…"}],
    });
    assert_eq!((&body["attempts"][0]["template"], &body["attempts"][0]["script"]), (&template, &Value::Null));
    let script = json!({
        "opening": "", "text": "请转移。", "recording": "bo.wav", "prompt": "请按1。", "repeats": 2, "pause_s": 3,
        "unconfirmed": "没有得到确认。", "wrong_key": "按键无效。", "no_key": "没有按键。", "closing": "",
    });
    assert_eq!((&body["attempts"][1]["script"], &body["attempts"][1]["language"]), (&script, &json!("bo")));
    assert_eq!(body["attempts"][1]["text"], "【叫应】暴雨红色预警");
}

#[tokio::test]
async fn what_was_not_answered_clearly_is_unknown_and_the_rest_stands() {
    let (url, _) = peer(|_| {
        let results = json!([
            {"key": "533324-ab.0", "status": "accepted"},
            {"key": "533324-ab.1", "status": "perhaps"},
            {"key": "533324-ab.2", "status": "accepted"},
            {"key": "533324-ab.2", "status": "rejected"},
            {"key": "533324-ab.9", "status": "accepted"},
            17,
        ]);
        json_answer(200, &json!({ "results": results }))
    })
    .await;
    let facts = gateway(&url, "").submit(attempts(4)).await;
    assert_eq!(facts, [reached(None), UNKNOWN, UNKNOWN, UNKNOWN]);
    let idempotent = gateway(&url, "idempotent = true").submit(attempts(4)).await;
    assert_eq!(idempotent[3], Fact::Unknown { resent: true });
}

#[tokio::test]
async fn every_status_has_its_fact() {
    let down = |n: u16| failed(Failure::GatewayDown, Some(&format!("HTTP {n}")));
    let table = [
        (202, UNKNOWN),
        (302, down(302)),
        (400, failed(Failure::Refused, Some("HTTP 400"))),
        (401, down(401)),
        (409, UNKNOWN),
        (422, failed(Failure::Refused, Some("HTTP 422"))),
        (429, down(429)),
        (500, UNKNOWN),
        (502, UNKNOWN),
        (503, down(503)),
        (504, UNKNOWN),
    ];
    for (status, fact) in table {
        let (url, _) = peer(move |_| StatusCode::from_u16(status).unwrap()).await;
        assert_eq!(gateway(&url, "").submit(attempts(2)).await, [fact.clone(), fact], "{status}");
    }
    let (url, _) = peer(|_| json_answer(400, &json!({"reason": "no such template"}))).await;
    let facts = gateway(&url, "").submit(attempts(1)).await;
    assert_eq!(facts, [failed(Failure::Refused, Some("HTTP 400: no such template"))]);
}

#[tokio::test]
async fn a_pause_that_was_asked_for_shows_and_ends_with_the_next_good_answer() {
    let busy = Arc::new(Mutex::new(true));
    let flag = busy.clone();
    let (url, _) = peer(move |_| {
        let busy = *flag.lock().unwrap();
        let status = if busy { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
        (status, [("retry-after", "7")], "{}")
    })
    .await;
    let gateway = gateway(&url, "");
    assert_eq!(gateway.pause_until(), None);
    gateway.submit(attempts(1)).await;
    assert_eq!(gateway.pause_until(), Some(clock()().plus_ms(7000)));
    *busy.lock().unwrap() = false;
    gateway.submit(attempts(1)).await;
    assert_eq!(gateway.pause_until(), None);
}

#[tokio::test]
async fn a_gateway_that_hangs_leaves_unknown_within_the_time_limit() {
    let url = raw_peer(None).await;
    let begun = Instant::now();
    let facts = gateway(&url, "timeout_ms = 300\nconnect_timeout_ms = 100").submit(attempts(2)).await;
    assert_eq!(facts, [UNKNOWN, UNKNOWN]);
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_lost_at_any_point_of_the_answer_is_unknown() {
    let cuts: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"results\":[",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n][",
    ];
    for cut in cuts {
        let url = raw_peer(Some(cut)).await;
        assert_eq!(gateway(&url, "").submit(attempts(1)).await, [UNKNOWN], "{}", String::from_utf8_lossy(cut));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let (url, _) = peer(|body| {
        let key = &body["attempts"][0]["key"];
        json_answer(200, &json!({"results": [{"key": key, "status": "accepted"}], "padding": "x".repeat(5000)}))
    })
    .await;
    assert_eq!(gateway(&url, "").submit(attempts(1)).await, [reached(None)]);
    assert_eq!(gateway(&url, "answer_max_bytes = 2000").submit(attempts(1)).await, [UNKNOWN]);
}

#[tokio::test]
async fn a_refused_port_is_a_gateway_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let facts = gateway(&url, "").submit(attempts(1)).await;
    assert_eq!(facts, [failed(Failure::GatewayDown, Some("no connection"))]);
}

#[tokio::test]
async fn stale_attempts_are_never_sent_and_large_submits_are_split() {
    let (url, seen) = peer(|body| {
        let accepted = |a: &Value| json!({"key": a["key"], "status": "accepted"});
        let results: Vec<_> = body["attempts"].as_array().unwrap().iter().map(accepted).collect();
        json_answer(200, &json!({ "results": results }))
    })
    .await;
    let mut list = attempts(5);
    list[1].valid_until = clock()();
    let facts = gateway(&url, "batch_max = 2").submit(list).await;
    let mut expected = vec![reached(None); 5];
    expected[1] = failed(Failure::Expired, None);
    assert_eq!(facts, expected);
    let mut sizes: Vec<_> =
        seen.lock().unwrap().iter().map(|(_, _, body)| body["attempts"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 2]);
}

#[tokio::test]
async fn withdrawing_is_signed_and_names_the_key() {
    let (url, seen) = peer(|_| StatusCode::NO_CONTENT).await;
    gateway(&url, "").withdraw(attempt(3).key).await;
    let seen = seen.lock().unwrap();
    assert_eq!((seen[0].0.as_str(), &seen[0].2), ("/v1/withdraw", &json!({"key": "533324-ab.3"})));
}

/// The generic HTTP gateway under the contract of all gateways.
struct Http;

impl contract::Rig for Http {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let (url, _) = peer(|body| {
                let taken = |a: &Value| json!({ "key": a["key"], "status": "accepted" });
                json_answer(
                    200,
                    &json!({ "results": body["attempts"].as_array().unwrap().iter().map(taken).collect::<Vec<_>>() }),
                )
            })
            .await;
            Arc::new(gateway(&url, "")) as Arc<dyn Gateway>
        })
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        let limits = "timeout_ms = 300\nconnect_timeout_ms = 100";
        Box::pin(async move { Arc::new(gateway(&raw_peer(None).await, limits)) as Arc<dyn Gateway> })
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/v1", listener.local_addr().unwrap());
            drop(listener);
            Arc::new(gateway(&url, "")) as Arc<dyn Gateway>
        })
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(n)
    }
}

#[tokio::test]
async fn the_http_gateway_keeps_the_contract() {
    contract::holds(&Http).await;
}
