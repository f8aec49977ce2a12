//! Callbacks: what is believed, what is taken in which order, and what is confirmed in which words.

use super::*;
use crate::formats::targets;
use axum::extract::ConnectInfo;
use proptest::prelude::*;
use std::net::SocketAddr;

fn routes(dialect: VendorDialect) -> (Router, Arc<Sink>) {
    let (opened, sink) = opened(dialect, "http://127.0.0.1:9", "");
    (opened.callbacks, sink)
}

fn heard(n: u32, stage: Stage) -> Upcall {
    report(n, reached(stage), Some(at(1_782_850_689)))
}

fn text(from: &str, text: &str, extension: Option<&str>, reported_at: Option<Timestamp>) -> Upcall {
    Upcall::Text {
        from: from.into(),
        text: text.into(),
        key: None,
        extension: extension.map(str::to_owned),
        reported_at,
    }
}

#[tokio::test]
async fn aliyun_reports_and_replies() {
    let (routes, sink) = routes(VendorDialect::AliyunSms);
    let of = |n: u32, success: Value, code: &str| {
        json!({"phone_number": "13800000001", "send_time": "2026-07-01 04:18:00", "report_time": "2026-07-01 04:18:09",
               "success": success, "err_code": code, "err_msg": "13800000001 …", "sms_size": "1", "biz_id": "b^0",
               "out_id": key(n).to_string(), "new_field": {"of": ["next", "year"]}})
    };
    let stranger = json!({"success": true, "out_id": "of another system", "biz_id": "b"});
    let body = json!([
        of(1, json!(true), "DELIVERED"),
        stranger,
        of(2, json!(false), "MK:0001"),
        7,
        of(3, json!("maybe"), ""),
        of(4, json!("true"), "DELIVERED"),
        {"phone_number": "13800000009", "send_time": "2026-07-01 04:18:09", "content": "收到", "sign_name": "某县应急",
         "dest_code": "95187372", "sequence_id": 1},
    ]);
    let told = [
        heard(1, Stage::Delivered),
        report(2, failed(Failure::Undelivered, "MK:0001: *** …"), Some(at(1_782_850_689))),
        heard(4, Stage::Delivered),
        text("+8613800000009", "收到", Some("372"), Some(at(1_782_850_689))),
    ];
    // Repeats are passed on as they are: the engine knows what it knows.
    for _ in 0..2 {
        let confirmed = json!({"code": 0, "msg": "接收成功"});
        assert_eq!(post_json(&routes, &body).await, (StatusCode::OK, confirmed));
        assert_eq!(sink.all(), told);
    }
    let (status, _) = post_json(&routes, &json!([stranger])).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "nothing good must not look like a success");
    let (status, _, _) = call_back(&routes, post(&route(""), "application/json", "[{")).await;
    assert_eq!((status, sink.all().len()), (StatusCode::BAD_REQUEST, 0));
}

#[tokio::test]
async fn tencent_reports_name_the_serial_and_replies_the_extension() {
    let (url, _) = peer(vendor).await;
    let (opened, sink) = opened(VendorDialect::TencentSms, &url, "");
    assert!(opened.gateway.reports_by_reference());
    opened.gateway.submit(vec![attempt(Channel::Sms, 1)]).await;
    let of = |sid: &str, status: &str| {
        json!({"user_receive_time": "2026-07-01 04:18:09", "nationcode": "86", "mobile": "13800000001", "sid": sid,
               "report_status": status, "errmsg": "DELIVRD", "description": "…"})
    };
    let body = json!([of("s:1", "SUCCESS"), of("from before a restart", "FAIL"), of("", "SUCCESS"), null]);
    let confirmed = json!({"result": 0, "errmsg": "OK"});
    assert_eq!(post_json(&opened.callbacks, &body).await, (StatusCode::OK, confirmed.clone()));
    let fact = failed(Failure::Undelivered, "DELIVRD: …");
    let reported_at = Some(at(1_782_850_689));
    let receipt = Upcall::Receipt { reference: "from before a restart".into(), fact, reported_at };
    assert_eq!(sink.all(), [heard(1, Stage::Delivered), receipt]);
    let reply = json!({"extend": "372", "mobile": "13800000009", "nationcode": "86", "sign": "某县应急", "text": "１",
                       "time": 1_782_850_689});
    assert_eq!(post_json(&opened.callbacks, &reply).await, (StatusCode::OK, confirmed));
    assert_eq!(sink.all(), [text("+8613800000009", "１", Some("372"), reported_at)]);
}

#[tokio::test]
async fn kannel_reports_and_texts_of_any_charset() {
    let (routes, sink) = routes(VendorDialect::Kannel);
    let get = |query: String| {
        let routes = routes.clone();
        async move { call_back(&routes, Request::get(route(&query)).body(Body::empty()).unwrap()).await }
    };
    for (dlr, fact) in [
        ("8", Some(reached(Stage::Submitted))),
        ("4", None),
        ("1", Some(reached(Stage::Delivered))),
        ("2", Some(failed(Failure::Undelivered, "NACK/11: ***"))),
        ("16", Some(failed(Failure::Refused, "NACK/11: ***"))),
    ] {
        let query = format!("?key=533324-ab.1&dlr={dlr}&answer=NACK%2F11%3A+13800000001&at=1782850689");
        let (status, _, said) = get(query).await;
        assert_eq!((status, said.as_str()), (StatusCode::OK, ""), "Kannel would send the words on");
        let told: Vec<_> = fact.into_iter().map(|fact| report(1, fact, Some(at(1_782_850_689)))).collect();
        assert_eq!(sink.all(), told);
    }
    // As Kannel 1.4.5 sends them: UTF-16BE with the bytes that are letters left as they are.
    for (words, coding, charset, said) in [
        ("%001%00+e6R0", "2", "UTF-16BE", "1 收到"),
        ("%001%00+e6R0", "2", "", "1 收到"),
        ("1+hello", "0", "UTF-8", "1 hello"),
        ("%CA%D5%B5%BD", "0", "GBK", "收到"),
        ("%FF", "0", "", "\u{fffd}"),
    ] {
        let query = format!("?from=8613800000009&to=1069372&text={words}&coding={coding}&charset={charset}&at=0");
        assert_eq!(get(query).await.0, StatusCode::OK);
        assert_eq!(sink.all(), [text("+8613800000009", said, Some("372"), None)]);
    }
    for bad in ["", "?dlr=1", "?key=nonsense&dlr=1", "?key=533324-ab.1&dlr=99", "?from=x&text=1"] {
        assert_eq!(get(bad.into()).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(sink.all(), []);
}

#[tokio::test]
async fn nothing_is_confirmed_that_is_not_durable() {
    let report = json!([{"success": true, "out_id": "533324-ab.1", "err_code": "DELIVERED"}]);
    let (routes, sink) = routes(VendorDialect::AliyunSms);
    *sink.down.lock().unwrap() = true;
    let request = post(&route(""), "application/json", report.to_string());
    let (status, headers, said) = call_back(&routes, request).await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert!(!said.contains("store") && !said.contains("接收成功"), "{said}");
    *sink.down.lock().unwrap() = false;
    assert_eq!(post_json(&routes, &report).await.0, StatusCode::OK);
    assert_eq!(sink.all().len(), 1);
}

#[tokio::test]
async fn who_does_not_know_the_path_or_comes_from_elsewhere_changes_nothing() {
    let report = json!([{"success": true, "out_id": "533324-ab.1", "err_code": "DELIVERED"}]).to_string();
    let more = "sources = ['203.0.113.0/24']\nproxies = ['127.0.0.1']";
    let (opened, sink) = opened(VendorDialect::AliyunSms, "http://127.0.0.1:9", more);
    let from = |path: &str, peer: Option<&str>, forwarded: &str| {
        let mut request = post(path, "application/json", report.clone());
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4)));
        }
        let routes = opened.callbacks.clone();
        async move { call_back(&routes, request).await.0 }
    };
    let good = route("");
    for path in ["/callbacks/v/only-the-vendor-knowz", "/callbacks/v/only-the-vendor", "/callbacks/v/", "/callbacks/v"]
    {
        assert_eq!(from(path, Some("203.0.113.9"), "").await, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(from(&good, Some("198.51.100.1"), "203.0.113.9").await, StatusCode::FORBIDDEN);
    assert_eq!(from(&good, Some("127.0.0.1"), "203.0.113.9, 198.51.100.1").await, StatusCode::FORBIDDEN);
    assert_eq!(from(&good, None, "203.0.113.9").await, StatusCode::FORBIDDEN);
    assert_eq!(sink.all(), []);
    assert_eq!(from(&good, Some("203.0.113.9"), "").await, StatusCode::OK);
    assert_eq!(from(&good, Some("127.0.0.1"), "203.0.113.9").await, StatusCode::OK);
    assert_eq!(sink.all().len(), 2);
}

#[tokio::test]
async fn floods_are_bounded() {
    let (routes, sink) = routes(VendorDialect::AliyunSms);
    let one = r#"{"success":true,"out_id":"533324-ab.1"}"#;
    let many = format!("[{}]", vec![one; 10_001].join(","));
    let (status, _, _) = call_back(&routes, post(&route(""), "application/json", many)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _, _) = call_back(&routes, post(&route(""), "application/json", " ".repeat((1 << 20) + 1))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _, _) = call_back(&routes, post(&route(""), "application/json", "[".repeat(100_000))).await;
    assert_eq!((status, sink.all().len()), (StatusCode::BAD_REQUEST, 0));
}

#[tokio::test]
async fn a_callback_may_be_faster_than_the_answer_that_names_it() {
    let release = Arc::new(tokio::sync::Notify::new());
    let (asked, held) = (Arc::new(tokio::sync::Notify::new()), release.clone());
    let seen = asked.clone();
    let handler = move |_: Request<Body>| {
        let (seen, held) = (seen.clone(), held.clone());
        async move {
            seen.notify_one();
            held.notified().await;
            answer(200, json!({"Response": {"SendStatus": {"CallId": "t-1"}}}))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    let (opened, sink) = opened(VendorDialect::TencentVoice, &url, "");
    let submit = opened.gateway.submit(vec![attempt(Channel::Voice, 1)]);
    let call = async {
        asked.notified().await;
        let pressed = json!({"voicekey_callback": {"callid": "t-1", "keypress": "1"}});
        let called_back = post_json(&opened.callbacks, &pressed);
        let answer = async {
            tokio::task::yield_now().await;
            release.notify_one();
        };
        tokio::join!(called_back, answer).0
    };
    let (facts, (status, _)) = tokio::join!(submit, call);
    assert_eq!((facts, status), (vec![taken("t-1")], StatusCode::OK));
    assert_eq!(sink.all(), [Upcall::Key { key: key(1), digits: "1".into(), reported_at: None }]);
}

fn cases() -> u32 {
    if crate::support::servers::all() { 20_000 } else { 300 }
}

/// Words that callbacks are made of, in any order, with anything between.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "&",
        "=",
        "%",
        "%0",
        "+",
        "null",
        "1e999",
        "-1",
        "true",
        "key=533324-ab.1",
        "\"out_id\":\"533324-ab.1\"",
        "\"success\":false",
        "\"content\":\"1\"",
        "\"call_id\":\"c\"",
        "\"dtmf\":\"1\"",
        "\"status_code\":\"200000\"",
        "\"voicekey_callback\":{",
        "\"callid\":7",
        "\"sid\":[]",
        "\"text\":\"\"",
        "Digits=1",
        "CallStatus=completed",
        "Body=",
        "From=%2B86138",
        "dlr=1",
        "text=%D8",
        "coding=2",
        "charset=UTF-16BE",
    ]);
    let part = prop_oneof![word.prop_map(|w| w.as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 0..20)];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_tell_no_more_than_they_hold(query in bodies(), body in bodies(), json in any::<bool>()) {
        // Well-formed lists reach further.
        let body = if json { [b"[{", body.as_slice(), b"}]"].concat() } else { body };
        targets::callback(&[query.as_slice(), b"\n", body.as_slice()].concat());
    }
}
