//! Signatures, both ways: what we sign by the vendors' own libraries, what they sign by ours; and that both ask for
//! the same.

use super::*;
use crate::support::servers;
use jiaoying::gateway::vendor::{acs3, tc3, webhook};
use std::collections::BTreeMap;

/// Asks a vendor's library; prints are JSON.
async fn library(python: &str, command: &str, told: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor_sdks.py");
    let run = tokio::process::Command::new(python)
        .args([script, command, told])
        .env("PYTHONUTF8", "1")
        .env("no_proxy", "127.0.0.1")
        .output();
    let output = run.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Our signature of a request that somebody else signed, with the headers that its signature names.
fn our_acs3(seen: &Seen) -> String {
    let names = seen.header("authorization").split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let headers: Vec<_> = names.split(';').map(|name| (name, seen.header(name))).collect();
    let signed = acs3::Signed {
        method: &seen.method,
        path: seen.uri.path(),
        query: seen.uri.query().unwrap_or_default(),
        headers: &headers,
        body: &seen.body,
    };
    acs3::authorization("testid", b"testsecret", &signed)
}

fn our_tc3(seen: &Seen, service: &str) -> String {
    let timestamp = seen.header("x-tc-timestamp").parse().unwrap();
    let signed = tc3::Signed { host: seen.header("host"), service, timestamp, body: &seen.body };
    tc3::authorization("testid", b"testsecret", &signed)
}

/// The library's signature of a request of ours.
async fn their_acs3(python: &str, seen: &Seen) -> Value {
    let names = seen.header("authorization").split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let headers: BTreeMap<_, _> = names.split(';').map(|name| (name, seen.header(name))).collect();
    let query: BTreeMap<_, _> = seen.query().into_iter().collect();
    let told = json!({
        "method": seen.method, "path": seen.uri.path(), "query": query, "headers": headers,
        "payload": seen.header("x-acs-content-sha256"), "id": "testid", "key": "testsecret",
    });
    library(python, "aliyun-sign", &told.to_string()).await
}

/// The query with the variables of the template parsed: their order means nothing.
fn asked(seen: &Seen) -> BTreeMap<String, Value> {
    let value = |(name, text): (String, String)| {
        let value = if name.ends_with("Param") || name.ends_with("Params") {
            serde_json::from_str(&text).unwrap()
        } else {
            Value::from(text)
        };
        (name, value)
    };
    seen.query().into_iter().map(value).collect()
}

#[tokio::test]
async fn aliyun_and_we_sign_and_ask_alike() {
    let Some(python) = servers::sdks() else { return };
    let (url, log) = peer(vendor).await;
    assert_eq!(library(&python, "aliyun", address(&url)).await, json!(["b^0", "c^1", "c^1"]));
    let theirs: Vec<Seen> = log.lock().unwrap().drain(..).collect();
    let menu = "menu = [{ key = '1', code = 'TTS_2' }, { key = '2', code = 'TTS_3' }]";
    let ours = [(VendorDialect::AliyunSms, ""), (VendorDialect::AliyunVoice, ""), (VendorDialect::AliyunVoice, menu)];
    for (theirs, (dialect, more)) in theirs.iter().zip(ours) {
        assert_eq!(theirs.header("authorization"), our_acs3(theirs), "their request, our signature");
        let reference = if dialect == VendorDialect::AliyunSms { "b^0" } else { "c^1" };
        let facts = gateway(dialect, &url, more).submit(vec![attempt(channel(dialect), 1)]).await;
        assert_eq!(facts, [taken(reference)]);
        let ours = log.lock().unwrap().pop().unwrap();
        assert_eq!(their_acs3(&python, &ours).await, ours.header("authorization"), "our request, their signature");
        assert_eq!(asked(&ours), asked(theirs));
        for header in ["x-acs-action", "x-acs-version", "x-acs-content-sha256"] {
            assert_eq!(ours.header(header), theirs.header(header), "{header}");
        }
        assert_eq!((ours.method.as_str(), ours.uri.path()), (theirs.method.as_str(), theirs.uri.path()));
        assert_eq!(ours.header("x-acs-date"), "2026-06-30T20:18:00Z");
        assert_eq!(ours.header("x-acs-signature-nonce").len(), 32);
    }
    assert_eq!(theirs.len(), 3);
}

#[tokio::test]
async fn tencent_and_we_sign_and_ask_alike() {
    let Some(python) = servers::sdks() else { return };
    let (url, log) = peer(vendor).await;
    assert_eq!(library(&python, "tencent", address(&url)).await, json!(["s:1", "t-1"]));
    let theirs: Vec<Seen> = log.lock().unwrap().drain(..).collect();
    let ours = [(VendorDialect::TencentSms, "sms", "s:1"), (VendorDialect::TencentVoice, "vms", "t-1")];
    for (theirs, (dialect, service, reference)) in theirs.iter().zip(ours) {
        assert_eq!(theirs.header("authorization"), our_tc3(theirs, service), "their request, our signature");
        let facts = gateway(dialect, &url, "").submit(vec![attempt(channel(dialect), 1)]).await;
        assert_eq!(facts, [taken(reference)]);
        let ours = log.lock().unwrap().pop().unwrap();
        let told = json!({
            "host": ours.header("host"), "timestamp": NOW_S, "date": "2026-06-30", "service": service,
            "body": std::str::from_utf8(&ours.body).unwrap(), "key": "testsecret",
        });
        let signature = library(&python, "tencent-sign", &told.to_string()).await;
        let authorization = ours.header("authorization");
        assert_eq!(authorization.split("Signature=").nth(1), signature.as_str(), "our request, their signature");
        assert_eq!(ours.json(), theirs.json());
        for header in ["x-tc-action", "x-tc-version", "x-tc-region", "content-type"] {
            assert_eq!(ours.header(header), theirs.header(header), "{header}");
        }
    }
    assert_eq!(theirs.len(), 2);
}

#[tokio::test]
async fn no_two_requests_have_one_nonce() {
    let (url, log) = peer(vendor).await;
    let attempts = (0..20).map(|n| attempt(Channel::Sms, n)).collect();
    gateway(VendorDialect::AliyunSms, &url, "").submit(attempts).await;
    let mut nonces: Vec<_> =
        log.lock().unwrap().iter().map(|seen| seen.header("x-acs-signature-nonce").to_owned()).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 20);
}

#[tokio::test]
async fn twilio_and_we_sign_alike() {
    let Some(python) = servers::sdks() else { return };
    let url = format!("{PUBLIC}{}", route("?key=533324-ab.1"));
    let form = json!({"MessageSid": "SM1", "MessageStatus": "delivered", "Body": "收到 1+1&", "From": "+86138"});
    let fields: Vec<_> =
        form.as_object().unwrap().iter().map(|(n, v)| (n.clone(), v.as_str().unwrap().as_bytes().to_vec())).collect();
    let asked = json!({"token": "testsecret", "url": url, "form": form}).to_string();
    let theirs = library(&python, "twilio-sign", &asked).await;
    let ours = webhook::sign(b"testsecret", &url, &fields);
    assert_eq!(theirs, ours.as_str());
    assert!(webhook::verify(b"testsecret", &url, &fields, theirs.as_str().unwrap()));
    let check = async |url: &str, signature: &str| {
        let told = json!({"token": "testsecret", "url": url, "form": form, "signature": signature});
        library(&python, "twilio-check", &told.to_string()).await
    };
    assert_eq!(check(&url, &ours).await, json!(true));
    assert_eq!(check(&format!("{url}&x=1"), &ours).await, json!(false), "the library can say no");
    // And what it signed is believed on the route.
    let (opened, sink) = opened(VendorDialect::TwilioSms, "http://127.0.0.1:9", "");
    let pairs: Vec<_> = form.as_object().unwrap().iter().filter(|(n, _)| *n != "Body" && *n != "From").collect();
    let body = reqwest::Url::parse_with_params("http://x/", pairs.iter().map(|(n, v)| (n, v.as_str().unwrap())));
    let body = body.unwrap().query().unwrap().to_owned();
    let form: serde_json::Map<_, _> = pairs.into_iter().map(|(n, v)| (n.clone(), v.clone())).collect();
    let told = json!({"token": "testsecret", "url": url, "form": form});
    let signature = library(&python, "twilio-sign", &told.to_string()).await;
    for (signature, status) in [(signature.as_str().unwrap(), StatusCode::OK), ("AAAA", StatusCode::UNAUTHORIZED)] {
        let mut request = post(&route("?key=533324-ab.1"), "application/x-www-form-urlencoded", body.clone());
        request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
        assert_eq!(call_back(&opened.callbacks, request).await.0, status);
    }
    assert_eq!(sink.all(), [report(1, reached(Stage::Delivered), None)]);
}
