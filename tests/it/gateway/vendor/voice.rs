//! Calls: what is said, which key was pressed, what is read back.

use super::*;
use jiaoying::gateway::vendor::webhook;

fn pressed(n: u32, digits: &str) -> Upcall {
    Upcall::Key { key: key(n), digits: digits.into(), reported_at: None }
}

#[tokio::test]
async fn aliyun_calls_are_known_by_their_call_id() {
    let (url, log) = peer(vendor).await;
    let (opened, sink) = opened(VendorDialect::AliyunVoice, &url, "");
    opened.gateway.submit(vec![attempt(Channel::Voice, 1)]).await;
    // OutId holds 15 bytes: no key of ours.
    assert_eq!(field(&log.lock().unwrap()[0].query(), "OutId"), None);
    let reported_at = Some(at(1_782_850_689));
    let during = |more: Value| {
        let mut event = json!({"call_id": "c^1", "status_time": "2026-07-01 04:18:09", "status_code": "300000"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let body = json!([during(json!({"dtmf": "1", "smart_status_code": "ANSWERED"}))]);
    assert_eq!(post_json(&opened.callbacks, &body).await, (StatusCode::OK, json!({"code": 0, "msg": "接收成功"})));
    let key_pressed = Upcall::Key { key: key(1), digits: "1".into(), reported_at };
    assert_eq!(sink.all(), [key_pressed, report(1, reached(Stage::PickedUp), reported_at)]);
    let over = |code: &str, start: &str| {
        json!({"call_id": "c^1", "start_time": start, "end_time": "2026-07-01 04:18:09", "duration": "10",
               "status_code": code, "status_msg": "…", "hangup_direction": "用户", "dtmf": ""})
    };
    let picked_up = report(1, reached(Stage::PickedUp), Some(at(1_782_850_680)));
    let ended = report(1, Fact::Ended, reported_at);
    let started = "2026-07-01 04:18:00";
    post_json(&opened.callbacks, &json!([over("200000", started)])).await;
    assert_eq!(sink.all(), [picked_up.clone(), report(1, reached(Stage::Heard), reported_at), ended.clone()]);
    post_json(&opened.callbacks, &json!([over("200001", started)])).await;
    let hung_up = report(1, failed(Failure::HungUp, "***: …"), reported_at);
    assert_eq!(sink.all(), [picked_up, hung_up, ended]);
    for (code, failure) in [
        ("200002", Failure::Busy),
        ("200003", Failure::NoAnswer),
        ("200004", Failure::DeadNumber),
        ("200005", Failure::Undelivered),
        ("200010", Failure::Undelivered),
        ("200105", Failure::Refused),
        ("200121", Failure::GatewayDown),
        ("299999", Failure::Undelivered),
    ] {
        post_json(&opened.callbacks, &json!([over(code, "")])).await;
        assert_eq!(sink.all(), [report(1, failed(failure, "***: …"), reported_at)], "{code}");
    }
}

#[tokio::test]
async fn tencent_tells_key_and_status_apart_and_in_any_order() {
    let (url, _) = peer(vendor).await;
    let (opened, sink) = opened(VendorDialect::TencentVoice, &url, "");
    opened.gateway.submit(vec![attempt(Channel::Voice, 1)]).await;
    let status = |callid: &str, result: &str| {
        json!({"voiceprompt_callback": {"result": result, "accept_time": "1782850680", "call_from": "", "callid": callid,
               "end_calltime": "1782850689", "fee": "1", "mobile": "13800000001", "nationcode": "86",
               "start_calltime": "1782850670"}})
    };
    let press =
        |callid: &str| json!({"voicekey_callback": {"callid": callid, "keypress": "2", "mobile": "13800000001"}});
    let cause = |code: u8, reason: &str| json!({"voice_failure_callback": {"callid": "t-1", "failure_code": code, "failure_reason": reason}});
    let ended = report(1, Fact::Ended, Some(at(1_782_850_689)));
    let answered = [report(1, reached(Stage::PickedUp), Some(at(1_782_850_680))), ended];
    for first in [press("t-1"), status("t-1", "0")] {
        let second = if first.get("voicekey_callback").is_some() { status("t-1", "0") } else { press("t-1") };
        for body in [&first, &second] {
            assert_eq!(
                post_json(&opened.callbacks, body).await,
                (StatusCode::OK, json!({"result": 0, "errmsg": "OK"}))
            );
            let told = sink.all();
            if body.get("voicekey_callback").is_some() {
                assert_eq!(told, [pressed(1, "2")]);
            } else {
                assert_eq!(told, answered);
            }
        }
    }
    // Of a call from before a restart the engine has the name.
    post_json(&opened.callbacks, &press("t-0")).await;
    assert_eq!(sink.all(), [Upcall::Pressed { reference: "t-0".into(), digits: "2".into(), reported_at: None }]);
    for (body, failure) in [
        (status("t-1", "1"), Failure::NoAnswer),
        (status("t-1", "2"), Failure::Undelivered),
        (cause(8, "空号"), Failure::DeadNumber),
        (cause(3, "用户正忙"), Failure::Busy),
        (cause(4, "用户拒接"), Failure::Declined),
        (cause(5, "无应答"), Failure::NoAnswer),
        (cause(6, "关机"), Failure::Undelivered),
    ] {
        post_json(&opened.callbacks, &body).await;
        let told = sink.all();
        assert!(
            matches!(&told[..], [Upcall::Report { fact: Fact::Failed { failure: f, .. }, .. }] if *f == failure),
            "{body}: {told:?}"
        );
    }
}

/// A form that Twilio posts, signed.
fn form(query: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let path = route(query);
    let owned: Vec<_> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
    let signature = webhook::sign(b"testsecret", &format!("{PUBLIC}{path}"), &owned);
    let body = reqwest::Url::parse_with_params("http://x/", fields).unwrap().query().unwrap_or_default().to_owned();
    let mut request = post(&path, "application/x-www-form-urlencoded", body);
    request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
    request
}

/// The text of each element of this name, and its attributes.
fn elements(xml: &str, name: &str) -> Vec<(String, String)> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut found, mut inside) = (Vec::new(), false);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) if start.name().as_ref() == name => {
                let action = start.attributes().flatten().find(|a| a.key.as_ref() == "action");
                let action =
                    action.map(|a| quick_xml::escape::unescape(&a.value).unwrap().into_owned()).unwrap_or_default();
                found.push((action, String::new()));
                inside = true;
            }
            quick_xml::events::Event::End(end) if end.name().as_ref() == name => inside = false,
            quick_xml::events::Event::Text(text) if inside => found.last_mut().unwrap().1 += &*text,
            quick_xml::events::Event::GeneralRef(reference) if inside => {
                let plain = match &*reference {
                    "lt" => "<",
                    "gt" => ">",
                    "amp" => "&",
                    "quot" => "\"",
                    "apos" => "'",
                    other => panic!("{other}"),
                };
                found.last_mut().unwrap().1 += plain;
            }
            quick_xml::events::Event::Eof => return found,
            _ => {}
        }
    }
}

fn said(xml: &str) -> Vec<String> {
    elements(xml, "Say").into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn twilio_reads_the_script_takes_the_key_and_reads_it_back() {
    let (url, log) = peer(vendor).await;
    let (opened, sink) = opened(VendorDialect::TwilioVoice, &url, "");
    assert_eq!(opened.gateway.submit(vec![attempt(Channel::Voice, 1)]).await, [taken("SM0123456789")]);
    let seen = log.lock().unwrap().pop().unwrap();
    assert_eq!(seen.uri.path(), "/2010-04-01/Accounts/testid/Calls.json");
    assert_eq!(seen.header("authorization"), "Basic dGVzdGlkOnRlc3RzZWNyZXQ=");
    let asked = seen.form();
    assert_eq!(field(&asked, "To").as_deref(), Some("+8613800000001"));
    assert_eq!(field(&asked, "StatusCallback"), Some(format!("{PUBLIC}{}", route("?key=533324-ab.1"))));
    let events: Vec<_> = asked.iter().filter(|(n, _)| n == "StatusCallbackEvent").map(|(_, v)| v.as_str()).collect();
    assert_eq!(events, ["ringing", "answered", "completed"]);
    let script = field(&asked, "Twiml").unwrap();
    let once = ["红色暴雨预警 <孔当村>。", "收到请按1，不能到岗请按2。"];
    let words = [["防汛叫应。"].as_slice(), &once, &once, &["没有收到按键。", "再见。"]].concat();
    assert_eq!(said(&script), words, "{script}");
    let (action, _) = elements(&script, "Gather").remove(0);
    let query = action.strip_prefix(&format!("{PUBLIC}{}", route(""))).unwrap();

    // The key is posted to where the script says, and what was recorded is said.
    let call = |query: &str, digits: &str| {
        let request = form(query, &[("CallSid", "CA1"), ("CallStatus", "in-progress"), ("Digits", digits)]);
        let routes = opened.callbacks.clone();
        async move { call_back(&routes, request).await }
    };
    let (status, headers, xml) = call(query, "1").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "text/xml; charset=utf-8"));
    assert_eq!((said(&xml), sink.all()), (vec!["已记录：1".to_owned(), "再见。".into()], vec![pressed(1, "1")]));
    // A key that means nothing: nothing was recorded, and another can be pressed.
    let (_, _, xml) = call(query, "9").await;
    assert_eq!(said(&xml), ["按键无效，请重新按键。", "再见。"]);
    assert_eq!(elements(&xml, "Gather")[0].0, action);
    sink.all();

    // What is not durable is not read back: the caller is kept waiting, then the key comes again.
    *sink.down.lock().unwrap() = true;
    let mut next = query.to_owned();
    for _ in 0..5 {
        let request = form(&next, if next == query { &[("Digits", "2")] } else { &[("CallSid", "CA1")] });
        let (status, _, xml) = call_back(&opened.callbacks, request).await;
        assert_eq!((status, said(&xml)), (StatusCode::OK, vec![]));
        let (_, redirect) = elements(&xml, "Redirect").remove(0);
        next = redirect.strip_prefix(&format!("{PUBLIC}{}", route(""))).unwrap().to_owned();
    }
    let (status, _, _) = call_back(&opened.callbacks, form(&next, &[("CallSid", "CA1")])).await;
    assert_eq!((status, sink.all()), (StatusCode::SERVICE_UNAVAILABLE, vec![]));
    *sink.down.lock().unwrap() = false;
    let (status, _, xml) = call_back(&opened.callbacks, form(&next, &[("CallSid", "CA1")])).await;
    assert_eq!((status, said(&xml)[0].as_str(), sink.all()), (StatusCode::OK, "已记录：2", vec![pressed(1, "2")]));
}

#[tokio::test]
async fn twilio_statuses_of_calls_and_messages() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<Fact>);
    let cases: [Case<'_>; 11] = [
        ("CallStatus", &[("CallStatus", "initiated")], vec![]),
        ("CallStatus", &[("CallStatus", "ringing")], vec![reached(Stage::Delivered)]),
        ("CallStatus", &[("CallStatus", "in-progress")], vec![reached(Stage::PickedUp)]),
        ("CallStatus", &[("CallStatus", "completed")], vec![reached(Stage::PickedUp), Fact::Ended]),
        ("CallStatus", &[("CallStatus", "busy")], vec![failed(Failure::Busy, "busy")]),
        ("CallStatus", &[("CallStatus", "no-answer")], vec![failed(Failure::NoAnswer, "no-answer")]),
        (
            "CallStatus",
            &[("CallStatus", "failed"), ("SipResponseCode", "404")],
            vec![failed(Failure::DeadNumber, "failed 404")],
        ),
        ("MessageStatus", &[("MessageStatus", "queued")], vec![]),
        ("MessageStatus", &[("MessageStatus", "sent")], vec![reached(Stage::Submitted)]),
        ("MessageStatus", &[("MessageStatus", "delivered")], vec![reached(Stage::Delivered)]),
        (
            "MessageStatus",
            &[("MessageStatus", "undelivered"), ("ErrorCode", "30003")],
            vec![Fact::Failed { failure: Failure::Undelivered, detail: Some("***".into()) }],
        ),
    ];
    for (of, fields, facts) in cases {
        let dialect = if of == "CallStatus" { VendorDialect::TwilioVoice } else { VendorDialect::TwilioSms };
        let (opened, sink) = opened(dialect, "http://127.0.0.1:9", "");
        let (status, _, _) = call_back(&opened.callbacks, form("?key=533324-ab.1", fields)).await;
        let told: Vec<_> = facts.into_iter().map(|fact| report(1, fact, None)).collect();
        assert_eq!((status, sink.all()), (StatusCode::OK, told), "{fields:?}");
    }
}

#[tokio::test]
async fn twilio_messages_go_out_and_come_in() {
    let (url, log) = peer(vendor).await;
    let (opened, sink) = opened(VendorDialect::TwilioSms, &url, "");
    opened.gateway.submit(vec![attempt(Channel::Sms, 1)]).await;
    let asked = log.lock().unwrap().pop().unwrap().form();
    let expected = [("Body", "【叫应】暴雨红色预警，收到回1"), ("From", "+15551234567"), ("ValidityPeriod", "600")];
    for (name, value) in expected {
        assert_eq!(field(&asked, name).as_deref(), Some(value));
    }
    let fields = [("MessageSid", "SM2"), ("From", "+8613800000009"), ("To", "+15551234567"), ("Body", "收到")];
    let (status, _, said) = call_back(&opened.callbacks, form("", &fields)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(said.ends_with("<Response></Response>"), "{said}");
    let (from, text) = ("+8613800000009".into(), "收到".into());
    assert_eq!(sink.all(), [Upcall::Text { from, text, key: None, extension: None, reported_at: None }]);
    // Signed for another form, or not at all.
    let mut forged = form("", &fields);
    *forged.body_mut() = Body::from("MessageSid=SM2&From=%2B8613800000009&Body=2");
    assert_eq!(call_back(&opened.callbacks, forged).await.0, StatusCode::UNAUTHORIZED);
    let mut unsigned = form("", &fields);
    unsigned.headers_mut().remove("x-twilio-signature");
    assert_eq!((call_back(&opened.callbacks, unsigned).await.0, sink.all()), (StatusCode::UNAUTHORIZED, vec![]));
}

#[tokio::test]
async fn a_twilio_call_that_is_not_wanted_any_more_is_hung_up() {
    let (url, log) = peer(vendor).await;
    let gateway = gateway(VendorDialect::TwilioVoice, &url, "");
    gateway.submit(vec![attempt(Channel::Voice, 1)]).await;
    log.lock().unwrap().clear();
    gateway.withdraw(key(2)).await;
    assert!(log.lock().unwrap().is_empty(), "nothing is known of it");
    gateway.withdraw(key(1)).await;
    let seen = log.lock().unwrap().pop().unwrap();
    assert_eq!(seen.uri.path(), "/2010-04-01/Accounts/testid/Calls/SM0123456789.json");
    assert_eq!(seen.form(), [("Status".to_owned(), "canceled".to_owned())]);
}

#[tokio::test]
async fn a_script_that_is_too_long_is_said_once_or_refused() {
    let (url, log) = peer(vendor).await;
    let gateway = gateway(VendorDialect::TwilioVoice, &url, "");
    let long = |n: usize| {
        let mut call = attempt(Channel::Voice, 1);
        call.speech.as_mut().unwrap().text = "雨".repeat(n);
        call
    };
    assert_eq!(gateway.submit(vec![long(2000)]).await, [taken("SM0123456789")]);
    let script = field(&log.lock().unwrap().pop().unwrap().form(), "Twiml").unwrap();
    assert_eq!(said(&script).iter().filter(|words| words.starts_with('雨')).count(), 1);
    let refused = failed(Failure::Refused, "the script is longer than 4000 characters");
    assert_eq!(gateway.submit(vec![long(5000)]).await, [refused]);
}
