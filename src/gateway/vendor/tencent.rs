//! Tencent Cloud: short messages (SendSms) and voice (SendTtsVoice).

use super::Settings;
use super::aliyun::bare;
use super::dialect::{
    Callback, Dialect, Event, Said, THROTTLED_MS, Told, What, digits, extension, reference, time, word,
};
use super::request::Request;
use super::signer::Signer;
use crate::gateway::scrub::scrub;
use crate::gateway::{Outgoing, ReadBack};
use crate::model::{Fact, Failure, Stage, Timestamp};
use axum::response::{IntoResponse, Json, Response};
use reqwest::Method;
use serde_json::{Value, json};

/// Tencent Cloud.
pub(super) struct Tencent {
    signer: Signer,
    voice: bool,
    app: String,
    region: Option<String>,
    extension: bool,
}

// === impl Tencent ===

impl Tencent {
    pub(super) fn new(settings: &Settings, voice: bool) -> Self {
        let (id, key) = (settings.account.clone(), settings.key.clone());
        let service = if voice { "vms" } else { "sms" };
        let Settings { app, region, extension, .. } = settings.clone();
        Self { signer: Signer::Tc3 { id, key, service }, voice, app: app.unwrap_or_default(), region, extension }
    }

    fn action(&self, body: &Value) -> Request {
        let (action, version) = if self.voice { ("SendTtsVoice", "2020-09-02") } else { ("SendSms", "2021-01-11") };
        let mut request = Request::new(Method::POST, "/");
        request.headers = vec![("x-tc-action", action.into()), ("x-tc-version", version.into())];
        request.headers.extend(self.region.clone().map(|region| ("x-tc-region", region)));
        request.body = body.to_string().into_bytes();
        request
    }

    /// The one status of an answer, for either API.
    fn status<'a>(&self, response: &'a Value) -> Option<&'a Value> {
        if self.voice { response.get("SendStatus") } else { response["SendStatusSet"].get(0) }
    }
}

impl Dialect for Tencent {
    fn signer(&self) -> &Signer {
        &self.signer
    }

    fn request(&self, attempt: &Outgoing, _now: Timestamp) -> Result<Request, String> {
        let template = attempt.template.as_ref().ok_or("no registered template")?;
        let values: Vec<_> = template.parameters.iter().map(|(_, value)| value).collect();
        let key = attempt.key.to_string();
        if self.voice {
            let times = attempt.speech.as_ref().map_or(2, |s| s.repeats).clamp(1, 3);
            return Ok(self.action(&json!({
                "TemplateId": template.id, "TemplateParamSet": values, "CalledNumber": attempt.number,
                "VoiceSdkAppid": self.app, "PlayTimes": times, "SessionContext": key,
            })));
        }
        let mut body = json!({
            "PhoneNumberSet": [attempt.number], "SmsSdkAppId": self.app, "SignName": bare(&template.sign),
            "TemplateId": template.id, "TemplateParamSet": values, "SessionContext": key,
        });
        if let Some(code) = attempt.code.as_deref().filter(|_| self.extension) {
            body["ExtendCode"] = code.into();
        }
        Ok(self.action(&body))
    }

    fn answer(&self, status: u16, body: &[u8]) -> Said {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let response = &body["Response"];
        if let Some(code) = word(&response["Error"], "Code") {
            return refused(&code, &word(&response["Error"], "Message").unwrap_or_default());
        }
        if status >= 300 {
            return Said::of_status(status, "");
        }
        let Some(of_number) = self.status(response) else { return Said::Unknown };
        match word(of_number, "Code").as_deref() {
            Some("Ok") | None => {
                let name = if self.voice { "CallId" } else { "SerialNo" };
                let reference = word(of_number, name).filter(|r| !r.is_empty());
                reference.map_or(Said::Unknown, |reference| Said::Taken(Some(reference)))
            }
            Some(code) => refused(code, &word(of_number, "Message").unwrap_or_default()),
        }
    }

    /// The sending action without a number: whoever signs wrong is told so before the number is missed.
    fn probe(&self) -> Request {
        self.action(&json!({}))
    }

    fn probed(&self, status: u16, body: &[u8]) -> Result<(), String> {
        match self.answer(status, body) {
            Said::Failed(..) => Ok(()),
            Said::Down { detail, .. } => Err(detail),
            Said::Taken(_) | Said::Unknown => Err(format!("HTTP {status}: not an answer of this API")),
        }
    }

    /// SessionContext comes back in the answer, and not in callbacks: they name SerialNo and CallId.
    fn reports_by_reference(&self) -> bool {
        true
    }

    fn read(&self, callback: &Callback, max: usize) -> Result<Told, String> {
        let mut told = Told::default();
        for element in callback.elements(max)? {
            told.add(if self.voice { call_event(&element) } else { sms_event(&element) });
        }
        Ok(told)
    }

    fn confirm(&self, _callback: &Callback, _said: &[ReadBack]) -> Response {
        Json(json!({ "result": 0, "errmsg": "OK" })).into_response()
    }
}

/// What an error code says. Limits of one number say nothing about others.
fn refused(code: &str, message: &str) -> Said {
    let detail = scrub(&format!("{code}: {message}"));
    let begins = |with: &[&str]| with.iter().any(|w| code.starts_with(w));
    if begins(&["RequestLimitExceeded", "LimitExceeded.GlobalSmsSendingRateLimit"]) {
        return Said::Down { detail, pause_ms: Some(THROTTLED_MS) };
    }
    // Whoever asks is not believed: nothing was looked at.
    const ACCOUNT: [&str; 13] = [
        "AuthFailure",
        "UnauthorizedOperation",
        "InternalError.RequestTimeException",
        "InternalError.SigFieldMissing",
        "InternalError.SigVerificationFail",
        "FailedOperation.InsufficientBalance",
        "FailedOperation.PhonenumberUnappliedOrExpired",
        "InvalidParameterValue.SdkApp",
        "LimitExceeded.AppDailyLimit",
        "LimitExceeded.AppGlobalDailyLimit",
        "LimitExceeded.AppMainlandChinaDailyLimit",
        "LimitExceeded.DailyLimit",
        "IpNotInWhitelist",
    ];
    if begins(&ACCOUNT) {
        return Said::Down { detail, pause_ms: None };
    }
    if begins(&["InternalError", "FailedOperation.AccessUpstreamTimeout"]) {
        return Said::Unknown;
    }
    if begins(&["InvalidParameterValue.IncorrectPhoneNumber", "InvalidParameterValue.CalledNumberVerifyFail"]) {
        return Said::Failed(Failure::DeadNumber, detail);
    }
    Said::Failed(Failure::Refused, detail)
}

/// A status report, or what somebody replied.
fn sms_event(element: &Value) -> Result<Vec<Event>, String> {
    if element["text"].is_string() {
        let text = word(element, "text").unwrap_or_default();
        let extension = word(element, "extend").and_then(|extend| extension(&extend, None));
        let at = word(element, "time").and_then(|at| time(&at));
        return Event::text(&number(element), &text, extension, at).map(|text| vec![text]);
    }
    let name = reference(element, "sid")?;
    let at = word(element, "user_receive_time").and_then(|at| time(&at));
    match word(element, "report_status").as_deref() {
        Some("SUCCESS") => Ok(vec![Event::reached(&name, Stage::Delivered, at)]),
        Some("FAIL") => {
            let [code, words] = ["errmsg", "description"].map(|n| word(element, n).unwrap_or_default());
            Ok(vec![Event::failed(&name, Failure::Undelivered, &format!("{code}: {words}"), at)])
        }
        _ => Err("report_status: neither SUCCESS nor FAIL".into()),
    }
}

/// How a call went, which key was pressed, or why it failed: three callbacks, in any order.
fn call_event(element: &Value) -> Result<Vec<Event>, String> {
    if let Some(key) = element.get("voicekey_callback") {
        let name = reference(key, "callid")?;
        let pressed = digits(&word(key, "keypress").unwrap_or_default())?;
        return Ok(vec![Event::of(&name, What::Digits(pressed), None)]);
    }
    if let Some(failure) = element.get("voice_failure_callback") {
        let name = reference(failure, "callid")?;
        let [code, reason] = ["failure_code", "failure_reason"].map(|n| word(failure, n).unwrap_or_default());
        return Ok(vec![Event::failed(&name, failure_of(&code, &reason), &format!("{code}: {reason}"), None)]);
    }
    let status = element.get("voiceprompt_callback").ok_or("none of the callbacks of a call")?;
    let name = reference(status, "callid")?;
    let at = |field: &str| word(status, field).and_then(|at| time(&at));
    match word(status, "result").as_deref() {
        Some("0") => {
            let ended = Event::of(&name, What::Fact(Fact::Ended), at("end_calltime"));
            Ok(vec![Event::reached(&name, Stage::PickedUp, at("accept_time")), ended])
        }
        Some("1") => Ok(vec![Event::failed(&name, Failure::NoAnswer, "result 1", at("end_calltime"))]),
        Some("2") => Ok(vec![Event::failed(&name, Failure::Undelivered, "result 2", at("end_calltime"))]),
        _ => Err("result: not 0, 1 or 2".into()),
    }
}

/// Code 8 is documented; of the others the words are all that is known.
fn failure_of(code: &str, reason: &str) -> Failure {
    let says = |words: &[&str]| words.iter().any(|w| reason.contains(w));
    match () {
        () if code == "8" || says(&["空号"]) => Failure::DeadNumber,
        () if says(&["忙", "占线", "正在通话"]) => Failure::Busy,
        () if says(&["拒"]) => Failure::Declined,
        () if says(&["无应答", "未接", "无人接"]) => Failure::NoAnswer,
        () => Failure::Undelivered,
    }
}

fn number(element: &Value) -> String {
    let [country, mobile] = ["nationcode", "mobile"].map(|n| word(element, n).unwrap_or_default());
    if mobile.starts_with('+') || country.is_empty() { mobile } else { format!("+{country}{mobile}") }
}
