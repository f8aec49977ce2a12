//! What each way of answering, or not answering, is turned into.

use super::*;
use jiaoying::config::Config;

/// The fact and the pause that an answer leads to.
async fn said(dialect: VendorDialect, status: u16, body: &str) -> (Fact, Option<Timestamp>) {
    let text = body.to_owned();
    let (url, _) = peer(move |_| answer(status, text.clone())).await;
    let gateway = gateway(dialect, &url, "");
    let fact = gateway.submit(vec![attempt(channel(dialect), 1)]).await.remove(0);
    (fact, gateway.pause_until())
}

const UNKNOWN: Fact = Fact::Unknown { resent: false };

#[tokio::test]
async fn aliyun_codes() {
    let code = |code: &str| json!({"Code": code, "Message": "13800000001 …", "RequestId": "r"}).to_string();
    let detail = |code: &str| format!("{code}: *** …");
    let cases = [
        ("isv.MOBILE_NUMBER_ILLEGAL", Failure::DeadNumber),
        // Of one number: the next way to the person comes at once, and other persons are called through it.
        ("isv.BUSINESS_LIMIT_CONTROL", Failure::Refused),
        ("isv.BLACK_KEY_CONTROL_LIMIT", Failure::Refused),
        ("isv.SMS_TEMPLATE_ILLEGAL", Failure::Refused),
        ("isv.AMOUNT_NOT_ENOUGH", Failure::GatewayDown),
        ("isv.OUT_OF_SERVICE", Failure::GatewayDown),
        ("isp.RAM_PERMISSION_DENY", Failure::GatewayDown),
        ("isv.DAY_LIMIT_CONTROL", Failure::GatewayDown),
    ];
    for dialect in [VendorDialect::AliyunSms, VendorDialect::AliyunVoice] {
        for (name, failure) in cases {
            // The HTTP status is 200 also when nothing was sent.
            assert_eq!(said(dialect, 200, &code(name)).await, (failed(failure, &detail(name)), None), "{name}");
        }
        let (fact, pause) = said(dialect, 400, &code("Throttling.User")).await;
        assert_eq!(fact, failed(Failure::GatewayDown, &detail("Throttling.User")));
        assert_eq!(pause, Some(at(NOW_S + 1)));
        let (fact, _) = said(dialect, 403, &code("SignatureDoesNotMatch")).await;
        assert_eq!(fact, failed(Failure::GatewayDown, &detail("SignatureDoesNotMatch")));
        for (status, body) in [
            (200, code("isp.SYSTEM_ERROR")),
            (200, r#"{"Code":"OK"}"#.into()),
            (200, "{}".into()),
            (200, "<html>".into()),
            (200, String::new()),
            (500, String::new()),
            (502, "<html>".into()),
        ] {
            assert_eq!(said(dialect, status, &body).await.0, UNKNOWN, "{status} {body}");
        }
        assert_eq!(said(dialect, 503, "").await.0, failed(Failure::GatewayDown, "HTTP 503"));
    }
}

#[tokio::test]
async fn tencent_codes() {
    let of_number =
        |code: &str| json!({"Response": {"SendStatusSet": [{"SerialNo": "", "Code": code, "Message": "…"}]}});
    let error = |code: &str| json!({"Response": {"Error": {"Code": code, "Message": "…"}}});
    let cases = [
        ("InvalidParameterValue.IncorrectPhoneNumber", Failure::DeadNumber),
        ("LimitExceeded.PhoneNumberThirtySecondLimit", Failure::Refused),
        ("LimitExceeded.DeliveryFrequencyLimit", Failure::Refused),
        ("FailedOperation.PhoneNumberInBlacklist", Failure::Refused),
        ("InvalidParameterValue.TemplateParameterLengthLimit", Failure::Refused),
        ("FailedOperation.InsufficientBalanceInSmsPackage", Failure::GatewayDown),
        ("LimitExceeded.AppDailyLimit", Failure::GatewayDown),
        ("UnauthorizedOperation.ServiceSuspendDueToArrears", Failure::GatewayDown),
        ("AuthFailure.SignatureFailure", Failure::GatewayDown),
    ];
    for (code, failure) in cases {
        let fact = failed(failure, &format!("{code}: …"));
        assert_eq!(said(VendorDialect::TencentSms, 200, &of_number(code).to_string()).await.0, fact, "{code}");
        for dialect in [VendorDialect::TencentSms, VendorDialect::TencentVoice] {
            assert_eq!(said(dialect, 200, &error(code).to_string()).await.0, fact, "{code}");
        }
    }
    let (fact, pause) = said(VendorDialect::TencentSms, 200, &error("RequestLimitExceeded").to_string()).await;
    assert_eq!((fact, pause), (failed(Failure::GatewayDown, "RequestLimitExceeded: …"), Some(at(NOW_S + 1))));
    for body in [
        error("InternalError.Timeout").to_string(),
        of_number("Ok").to_string(),
        r#"{"Response":{"SendStatusSet":[]}}"#.into(),
        "{}".into(),
    ] {
        assert_eq!(said(VendorDialect::TencentSms, 200, &body).await.0, UNKNOWN, "{body}");
    }
}

#[tokio::test]
async fn twilio_codes() {
    let error = |code: u32| json!({"code": code, "message": "The number +8613800000001 …", "status": 400}).to_string();
    let detail = |code: u32| format!("{code}: The number +*** …").replace(&code.to_string(), "***");
    for dialect in [VendorDialect::TwilioSms, VendorDialect::TwilioVoice] {
        for (code, failure) in [
            (21211, Failure::DeadNumber),
            (21614, Failure::DeadNumber),
            (21610, Failure::Refused),
            (21408, Failure::Refused),
            (99999, Failure::Refused),
        ] {
            let fact = said(dialect, 400, &error(code)).await.0;
            let prefix = if code == 99999 { "HTTP 400 " } else { "" };
            assert_eq!(fact, failed(failure, &format!("{prefix}{}", detail(code))), "{code}");
        }
        let (fact, pause) = said(dialect, 429, &error(20429)).await;
        assert!(matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. }), "{fact:?}");
        assert_eq!(pause, Some(at(NOW_S + 1)));
        let (fact, _) = said(dialect, 401, &error(20003)).await;
        assert!(matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. }), "{fact:?}");
        assert_eq!(said(dialect, 200, "{}").await.0, UNKNOWN);
        assert_eq!(said(dialect, 500, &error(20500)).await.0, UNKNOWN);
    }
}

#[tokio::test]
async fn kannel_answers() {
    let said = |status, body| said(VendorDialect::Kannel, status, body);
    assert_eq!(said(202, "0: Accepted for delivery").await.0, reached(Stage::Submitted));
    assert_eq!(said(202, "3: Queued for later delivery").await.0, reached(Stage::Submitted));
    assert_eq!(said(202, "").await.0, UNKNOWN);
    assert_eq!(said(200, "<html>a captive portal</html>").await.0, UNKNOWN);
    let refused = "HTTP 400 Sender missing and no global set, rejected";
    assert_eq!(said(400, &refused[9..]).await.0, failed(Failure::Refused, refused));
    let down = "HTTP 403 Authorization failed for sendsms";
    assert_eq!(said(403, &down[9..]).await.0, failed(Failure::GatewayDown, down));
    let busy = "HTTP 503 Temporal failure, try again later.";
    assert_eq!(said(503, &busy[9..]).await.0, failed(Failure::GatewayDown, busy));
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_and_shown_and_ends() {
    let waits = Arc::new(Mutex::new(true));
    let state = waits.clone();
    let (url, _) = peer(move |seen| {
        if *state.lock().unwrap() {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")]).into_response()
        } else {
            vendor(seen)
        }
    })
    .await;
    let gateway = gateway(VendorDialect::AliyunSms, &url, "");
    gateway.submit(vec![attempt(Channel::Sms, 1)]).await;
    assert_eq!(gateway.pause_until(), Some(at(NOW_S + 7)));
    assert_eq!((gateway.condition().well, gateway.condition().detail.as_str()), (false, "HTTP 503"));
    *waits.lock().unwrap() = false;
    gateway.submit(vec![attempt(Channel::Sms, 2)]).await;
    assert_eq!((gateway.pause_until(), gateway.condition().well), (None, true));
}

#[tokio::test]
async fn one_bad_attempt_spoils_no_other() {
    let (url, _) = peer(|seen| {
        let to = field(&seen.query(), "PhoneNumbers").unwrap();
        match to.as_str() {
            "13800000002" => answer(200, json!({"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": ""})),
            _ => vendor(seen),
        }
    })
    .await;
    let mut attempts: Vec<_> = (1..=3).map(|n| attempt(Channel::Sms, n)).collect();
    attempts[0].template = None;
    let facts = gateway(VendorDialect::AliyunSms, &url, "").submit(attempts).await;
    let dead = failed(Failure::DeadNumber, "isv.MOBILE_NUMBER_ILLEGAL: ");
    assert_eq!(facts, [failed(Failure::Refused, "no registered template"), dead, taken("b^0")]);
}

#[tokio::test]
async fn a_check_tells_who_is_not_believed() {
    let refusals = [
        (VendorDialect::AliyunSms, 404, json!({"Code": "InvalidAccessKeyId.NotFound", "Message": "…"}).to_string()),
        (
            VendorDialect::TencentSms,
            200,
            json!({"Response": {"Error": {"Code": "AuthFailure.SecretIdNotFound"}}}).to_string(),
        ),
        (VendorDialect::TwilioSms, 401, json!({"code": 20003, "message": "Authenticate"}).to_string()),
        (VendorDialect::Kannel, 403, "Authorization failed for sendsms".to_owned()),
    ];
    for (dialect, status, body) in refusals {
        let (url, log) = peer(move |_| answer(status, body.clone())).await;
        let seen = gateway(dialect, &url, "").check().await;
        assert!(seen.is_err(), "{dialect:?}: {seen:?}");
        assert_eq!(log.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_code_of_a_call_becomes_the_extension_only_when_that_is_open() {
    let (url, log) = peer(vendor).await;
    for (dialect, of) in [(VendorDialect::AliyunSms, "SmsUpExtendCode"), (VendorDialect::TencentSms, "ExtendCode")] {
        for (more, code) in [("", None), ("extension = true", Some("372".to_owned()))] {
            gateway(dialect, &url, more).submit(vec![attempt(Channel::Sms, 1)]).await;
            let seen = log.lock().unwrap().pop().unwrap();
            let found = field(&seen.query(), of).or_else(|| seen.json()[of].as_str().map(str::to_owned));
            assert_eq!(found, code, "{dialect:?}");
        }
    }
    gateway(VendorDialect::Kannel, &url, "extension = true").submit(vec![attempt(Channel::Sms, 1)]).await;
    assert_eq!(field(&log.lock().unwrap().pop().unwrap().query(), "from").as_deref(), Some("1069372"));
}

#[test]
fn the_documented_sections_are_valid_and_their_secrets_secret() {
    let doc = include_str!("../../../../docs/GATEWAY-VENDOR.md");
    let config: Config = crate::support::documented(doc);
    let dialects: Vec<_> = config.gateways.iter().filter_map(|g| Some(g.vendor.as_ref()?.dialect)).collect();
    assert_eq!(dialects, ALL);
    let shown = format!("{config:?}");
    assert!(!shown.contains("of-the-document"), "{shown}");
    for section in &config.gateways {
        let opened = open(section, &door(Arc::default())).unwrap();
        assert_eq!(opened.gateway.id().as_str(), section.id);
    }
}

#[test]
fn every_fault_of_a_section_is_named() {
    let load = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()), std::iter::empty()).unwrap_err().to_string()
    };
    let text = "[[gateway]]\nid = 'v'\nkind = 'vendor'\nchannels = ['voice']\nsecret = 'x'\n[gateway.vendor]\n\
                dialect = 'tencent_sms'\naccount = ''\nkey = 'k'\npath_secret = 'short'\nsources = ['nowhere']\n\
                menu = [{ key = '1', code = 'x' }]\n";
    let faults = load(text);
    for key in [
        "channels",
        "secret",
        "template",
        "vendor.account",
        "vendor.app",
        "vendor.path_secret",
        "vendor.sources",
        "vendor.menu",
    ] {
        assert!(faults.contains(&format!("gateway[0].{key}: ")), "{key} in {faults}");
    }
    assert!(!faults.contains("short"), "{faults}");
    let faults = load("[[gateway]]\nid = 'v'\nkind = 'vendor'\nchannels = ['sms']\n");
    assert!(faults.contains("gateway[0].vendor: kind vendor needs this table"), "{faults}");
}

#[test]
fn secrets_that_cannot_be_had_are_named_and_not_shown() {
    let doc = include_str!("../../../../docs/GATEWAY-VENDOR.md");
    let section = doc.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let text = section
        .replacen("\"secret-of-the-document\"", "\"env:JIAOYING_NOT_SET_ANYWHERE\"", 1)
        .replace("\"path-of-the-document-2\"", "\"env:CARGO_PKG_NAME\"");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let config = Config::load(Some(file.path()), std::iter::empty()).unwrap();
    let (faults, _) = config.examine();
    let keys: Vec<_> = faults.iter().map(|f| f.key.as_str()).filter(|key| key.starts_with("gateway")).collect();
    assert_eq!(keys, ["gateway[0].vendor.key", "gateway[1].vendor.path_secret"], "{faults:?}");
    let refused = open(&config.gateways[1], &door(Arc::default())).err().unwrap().to_string();
    assert!(refused.contains("voice-aliyun") && refused.contains("path_secret"), "{refused}");
}
