//! Vendors' HTTP APIs, each against a local peer, the vendors' own libraries, and a real Kannel.

mod answers;
mod callbacks;
mod kannel;
mod service;
mod signatures;
mod voice;

use super::contract;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use jiaoying::config::{GatewaySection, VendorDialect};
use jiaoying::gateway::{Door, Gateway, NotTaken, Opened, Outgoing, ReadBack, Upcall, Upcalls, open};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, Filled, GatewayId, Speech, Stage, Timestamp};
use jiaoying::telemetry::Metrics;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const NOW_S: i64 = 1_782_850_680;
const PATH: &str = "only-the-vendor-knows";
const PUBLIC: &str = "https://call.example.gov.cn";
const ALL: [VendorDialect; 7] = [
    VendorDialect::AliyunSms,
    VendorDialect::AliyunVoice,
    VendorDialect::TencentSms,
    VendorDialect::TencentVoice,
    VendorDialect::TwilioSms,
    VendorDialect::TwilioVoice,
    VendorDialect::Kannel,
];

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

/// Writes upcalls down; refuses while it is told to.
#[derive(Default)]
struct Sink {
    taken: Mutex<Vec<Upcall>>,
    down: Mutex<bool>,
}

impl Upcalls for Sink {
    fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        Box::pin(async move {
            if *self.down.lock().unwrap() {
                return Err(NotTaken("the store is down".into()));
            }
            let read = |upcall: &Upcall| match upcall {
                // 9 means nothing: nothing was recorded.
                Upcall::Key { key, digits, .. } if digits != "9" => {
                    Some(ReadBack { key: key.clone(), words: format!("已记录：{digits}") })
                }
                _ => None,
            };
            let read_back = upcalls.iter().filter_map(read).collect();
            self.taken.lock().unwrap().extend(upcalls);
            Ok(read_back)
        })
    }
}

impl Sink {
    fn all(&self) -> Vec<Upcall> {
        std::mem::take(&mut *self.taken.lock().unwrap())
    }
}

fn section(dialect: VendorDialect, url: &str, more: &str) -> GatewaySection {
    let name = serde_json::to_value(dialect).unwrap();
    let (channel, account) = (dialect.channel().name(), "testid");
    let sender = match dialect {
        VendorDialect::TwilioSms | VendorDialect::TwilioVoice => "+15551234567",
        VendorDialect::Kannel => "1069",
        VendorDialect::AliyunVoice => "02150000000",
        _ => "95187",
    };
    let text = format!(
        "id = 'v'\nkind = 'vendor'\nchannels = ['{channel}']\nurl = '{url}'\ntimeout_ms = 1000\n[vendor]\ndialect = {name}\n\
         account = '{account}'\nkey = 'testsecret'\napp = '1400'\nregion = 'ap-guangzhou'\nsender = '{sender}'\n\
         path_secret = '{PATH}'\npublic_url = '{PUBLIC}'\n{more}"
    );
    toml::from_str(&text).unwrap()
}

fn door(sink: Arc<Sink>) -> Door {
    Door {
        upcalls: sink,
        clock: Arc::new(|| at(NOW_S)),
        metrics: Metrics::new(),
        stop: CancellationToken::new(),
        seed: 7,
    }
}

fn opened(dialect: VendorDialect, url: &str, more: &str) -> (Opened, Arc<Sink>) {
    let sink = Arc::new(Sink::default());
    (open(&section(dialect, url, more), &door(sink.clone())).unwrap(), sink)
}

fn gateway(dialect: VendorDialect, url: &str, more: &str) -> Arc<dyn Gateway> {
    opened(dialect, url, more).0.gateway
}

fn key(n: u32) -> AttemptKey {
    AttemptKey { callout: "533324-ab".into(), attempt: n }
}

fn attempt(channel: Channel, n: u32) -> Outgoing {
    let parameters = [("kind", "红色暴雨"), ("code", "372")].map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    Outgoing {
        key: key(n),
        channel,
        number: format!("+86138000000{n:02}"),
        text: "【叫应】暴雨红色预警，收到回1".into(),
        template: Some(Filled { id: "SMS_1".into(), sign: "【某县应急】".into(), parameters, cut: Vec::new() }),
        speech: Some(speech()),
        code: Some("372".into()),
        language: "zh-CN".into(),
        drill: false,
        colour: "red",
        valid_until: at(NOW_S + 600),
    }
}

fn speech() -> Speech {
    Speech {
        opening: "防汛叫应。".into(),
        text: "红色暴雨预警 <孔当村>。".into(),
        recording: None,
        prompt: "收到请按1，不能到岗请按2。".into(),
        repeats: 2,
        pause_s: 2,
        unconfirmed: String::new(),
        wrong_key: "按键无效，请重新按键。".into(),
        no_key: "没有收到按键。".into(),
        closing: "再见。".into(),
    }
}

fn channel(dialect: VendorDialect) -> Channel {
    if dialect.channel().name() == "voice" { Channel::Voice } else { Channel::Sms }
}

fn reached(stage: Stage) -> Fact {
    Fact::Reached { stage, reference: None }
}

fn taken(reference: &str) -> Fact {
    Fact::Reached { stage: Stage::Submitted, reference: Some(reference.into()) }
}

fn failed(failure: Failure, detail: &str) -> Fact {
    Fact::Failed { failure, detail: Some(detail.into()) }
}

fn report(n: u32, fact: Fact, reported_at: Option<Timestamp>) -> Upcall {
    Upcall::Report { key: key(n), fact, reported_at }
}

/// A request that a peer saw.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The fields of the query.
    fn query(&self) -> Vec<(String, String)> {
        fields(self.uri.query().unwrap_or_default())
    }

    /// The fields of a form.
    fn form(&self) -> Vec<(String, String)> {
        fields(std::str::from_utf8(&self.body).unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// By the decoder of another maker than ours.
fn fields(text: &str) -> Vec<(String, String)> {
    reqwest::Url::parse(&format!("http://x/?{text}")).unwrap().query_pairs().into_owned().collect()
}

fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A peer that writes requests down and answers what it is told.
async fn peer<R: IntoResponse>(answer: impl Fn(&Seen) -> R + Clone + Send + Sync + 'static) -> (String, Log) {
    let log = Log::default();
    let kept = log.clone();
    let handler = move |request: Request<Body>| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let seen = Seen { method: parts.method.to_string(), uri: parts.uri, headers: parts.headers, body };
        let response: Response = answer(&seen).into_response();
        kept.lock().unwrap().push(seen);
        response
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (url, log)
}

fn answer(status: u16, body: impl ToString) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

/// What each vendor answers to a good request, and to one without a number.
fn vendor(seen: &Seen) -> Response {
    let sent_to = |names: &[&str]| names.iter().any(|name| field(&seen.query(), name).is_some());
    if seen.header("authorization").starts_with("ACS3") {
        return match sent_to(&["PhoneNumbers", "CalledNumber"]) {
            true => answer(200, json!({"Code": "OK", "Message": "OK", "BizId": "b^0", "CallId": "c^1"})),
            false => answer(400, json!({"Code": "MissingPhoneNumbers", "Message": "PhoneNumbers is mandatory"})),
        };
    }
    if seen.header("authorization").starts_with("TC3") {
        let body = seen.json();
        let error = json!({"Response": {"Error": {"Code": "MissingParameter", "Message": "…"}, "RequestId": "r"}});
        return match (body["PhoneNumberSet"].is_array(), body["CalledNumber"].is_string()) {
            (true, _) => answer(200, json!({"Response": {"SendStatusSet": [{"SerialNo": "s:1", "Code": "Ok"}]}})),
            (_, true) => answer(200, json!({"Response": {"SendStatus": {"CallId": "t-1", "SessionContext": ""}}})),
            _ => answer(200, error),
        };
    }
    match (seen.header("authorization"), seen.method.as_str()) {
        ("", _) if sent_to(&["to"]) => answer(202, "0: Accepted for delivery"),
        ("", _) => answer(400, "Missing receiver number, rejected"),
        (_, "GET") => answer(200, json!({"sid": "testid", "status": "active"})),
        _ => answer(201, json!({"sid": "SM0123456789", "status": "queued"})),
    }
}

struct Rig(VendorDialect);

impl contract::Rig for Rig {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async { gateway(self.0, &peer(vendor).await.0, "") })
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    kept.push(stream);
                }
            });
            gateway(self.0, &url, "")
        })
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            drop(listener);
            gateway(self.0, &url, "")
        })
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(channel(self.0), n)
    }
}

#[tokio::test]
async fn every_vendor_keeps_the_contract() {
    for dialect in ALL {
        contract::holds(&Rig(dialect)).await;
    }
}

/// Calls a route back as a vendor does.
async fn call_back(routes: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = routes.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn post(path: &str, kind: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("content-type", kind).body(body.into()).unwrap()
}

fn route(query: &str) -> String {
    format!("/callbacks/v/{PATH}{query}")
}

async fn post_json(routes: &Router, body: &Value) -> (StatusCode, Value) {
    let (status, _, said) = call_back(routes, post(&route(""), "application/json", body.to_string())).await;
    (status, serde_json::from_str(&said).unwrap_or_default())
}
