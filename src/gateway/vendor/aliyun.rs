//! Alibaba Cloud: short messages (SendSms) and voice (SingleCallByTts, IvrCall).

use super::Settings;
use super::dialect::{
    Callback, Dialect, Event, Name, Said, THROTTLED_MS, Told, What, digits, extension, national, our_key, reference,
    time, word,
};
use super::request::Request;
use super::signer::Signer;
use crate::config::MenuKey;
use crate::gateway::scrub::scrub;
use crate::gateway::{Outgoing, ReadBack};
use crate::model::{Fact, Failure, Filled, Stage, Timestamp};
use axum::response::{IntoResponse, Json, Response};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// The version of both APIs.
const VERSION: &str = "2017-05-25";
/// Milliseconds in which a key of a menu must be pressed.
const KEY_TIMEOUT_MS: &str = "10000";

/// Alibaba Cloud.
pub(super) struct Aliyun {
    signer: Signer,
    voice: bool,
    sender: Option<String>,
    extension: bool,
    menu: Vec<MenuKey>,
}

// === impl Aliyun ===

impl Aliyun {
    pub(super) fn new(settings: &Settings, voice: bool) -> Self {
        let (id, key) = (settings.account.clone(), settings.key.clone());
        let Settings { sender, extension, menu, .. } = settings.clone();
        Self { signer: Signer::Acs3 { id, key }, voice, sender, extension, menu }
    }

    fn action(&self, query: Vec<(&str, String)>) -> Request {
        let action = match (self.voice, self.menu.is_empty()) {
            (false, _) => "SendSms",
            (true, true) => "SingleCallByTts",
            (true, false) => "IvrCall",
        };
        let mut request = Request::new(Method::POST, "/");
        request.headers = vec![("x-acs-action", action.into()), ("x-acs-version", VERSION.into())];
        request.query = query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        request
    }

    fn sms(&self, attempt: &Outgoing, template: &Filled) -> Request {
        let mut query = vec![
            ("PhoneNumbers", national(&attempt.number).to_owned()),
            ("SignName", bare(&template.sign).to_owned()),
            ("TemplateCode", template.id.clone()),
            ("TemplateParam", parameters(template)),
            ("OutId", attempt.key.to_string()),
        ];
        query.extend(attempt.code.clone().filter(|_| self.extension).map(|code| ("SmsUpExtendCode", code)));
        self.action(query)
    }

    /// OutId holds 15 bytes, less than a key of ours: what comes back is known by its CallId.
    fn call(&self, attempt: &Outgoing, template: &Filled) -> Request {
        let times = attempt.speech.as_ref().map_or(2, |s| s.repeats).clamp(1, 3).to_string();
        let mut query = vec![("CalledNumber", national(&attempt.number).to_owned()), ("PlayTimes", times)];
        query.extend(self.sender.clone().map(|sender| ("CalledShowNumber", sender)));
        if self.menu.is_empty() {
            query.extend([("TtsCode", template.id.clone()), ("TtsParam", parameters(template))]);
            return self.action(query);
        }
        query.extend([("StartCode", template.id.clone()), ("StartTtsParams", parameters(template))]);
        query.push(("Timeout", KEY_TIMEOUT_MS.to_owned()));
        let mut request = self.action(query);
        for (n, key) in (1..).zip(&self.menu) {
            request.query.insert(format!("MenuKeyMap.{n}.Key"), key.key.clone());
            request.query.insert(format!("MenuKeyMap.{n}.Code"), key.code.clone());
        }
        request
    }

    fn element(&self, element: &Value) -> Result<Vec<Event>, String> {
        if self.voice {
            call_report(element)
        } else if element["content"].is_string() {
            let from = word(element, "phone_number").unwrap_or_default();
            let sent_to = word(element, "dest_code").unwrap_or_default();
            let at = word(element, "send_time").and_then(|at| time(&at));
            let extension = extension(&sent_to, self.sender.as_deref());
            Event::text(&from, &word(element, "content").unwrap_or_default(), extension, at).map(|text| vec![text])
        } else {
            sms_report(element)
        }
    }
}

impl Dialect for Aliyun {
    fn signer(&self) -> &Signer {
        &self.signer
    }

    fn request(&self, attempt: &Outgoing, _now: Timestamp) -> Result<Request, String> {
        let template = attempt.template.as_ref().ok_or("no registered template")?;
        Ok(if self.voice { self.call(attempt, template) } else { self.sms(attempt, template) })
    }

    fn answer(&self, status: u16, body: &[u8]) -> Said {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(code) = word(&body, "Code") else {
            return if status < 300 { Said::Unknown } else { Said::of_status(status, "") };
        };
        if code == "OK" {
            let name = if self.voice { "CallId" } else { "BizId" };
            // Without it nothing tells that anything will happen.
            return word(&body, name).map_or(Said::Unknown, |reference| Said::Taken(Some(reference)));
        }
        refused(&code, &word(&body, "Message").unwrap_or_default(), status)
    }

    /// The sending action without a number: whoever signs wrong is told so before the number is missed.
    fn probe(&self) -> Request {
        self.action(Vec::new())
    }

    fn probed(&self, status: u16, body: &[u8]) -> Result<(), String> {
        match self.answer(status, body) {
            Said::Failed(..) => Ok(()),
            Said::Down { detail, .. } => Err(detail),
            Said::Taken(_) | Said::Unknown => Err(format!("HTTP {status}: not an answer of this API")),
        }
    }

    fn reports_by_reference(&self) -> bool {
        self.voice
    }

    fn read(&self, callback: &Callback, max: usize) -> Result<Told, String> {
        let mut told = Told::default();
        for element in callback.elements(max)? {
            told.add(self.element(&element));
        }
        Ok(told)
    }

    fn confirm(&self, _callback: &Callback, _said: &[ReadBack]) -> Response {
        Json(json!({ "code": 0, "msg": "接收成功" })).into_response()
    }
}

/// What a code other than OK says. Limits of one number say nothing about others.
fn refused(code: &str, message: &str, status: u16) -> Said {
    let detail = scrub(&format!("{code}: {message}"));
    let begins = |with: &[&str]| with.iter().any(|w| code.starts_with(w));
    // Whether it was taken is not known.
    if begins(&["isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "isp.UNKNOWN", "InternalError", "SignatureNonceUsed"]) {
        return Said::Unknown;
    }
    if begins(&["Throttling", "ServiceUnavailable"]) {
        return Said::Down { detail, pause_ms: Some(THROTTLED_MS) };
    }
    if begins(&["isv.MOBILE_NUMBER_ILLEGAL", "isv.CALLED_NUMBER_ILLEGAL", "isv.INVALID_CALLED_NUMBER"]) {
        return Said::Failed(Failure::DeadNumber, detail);
    }
    const ACCOUNT: [&str; 18] = [
        "isp.RAM_PERMISSION_DENY",
        "isv.RAM_",
        "isv.OUT_OF_SERVICE",
        "isv.PRODUCT_UN",
        "isv.ACCOUNT_",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.DAY_LIMIT_CONTROL",
        "isv.MONTH_LIMIT_CONTROL",
        "isv.BILLING_",
        "InvalidAccessKeyId",
        "InvalidTimeStamp",
        "InvalidSecurityToken",
        "IncompleteSignature",
        "SignatureDoesNotMatch",
        "Forbidden",
        "NoPermission",
        "InvalidAction",
        "InvalidVersion",
    ];
    if begins(&ACCOUNT) {
        return Said::Down { detail, pause_ms: None };
    }
    match Said::of_status(status, &detail) {
        down @ Said::Down { .. } if status == 429 || status == 503 => down,
        Said::Unknown if status >= 500 => Said::Unknown,
        _ => Said::Failed(Failure::Refused, detail),
    }
}

/// SmsReport.
fn sms_report(element: &Value) -> Result<Vec<Event>, String> {
    let name = Name::Key(our_key(&word(element, "out_id").unwrap_or_default()).map_err(|e| format!("out_id: {e}"))?);
    let at = word(element, "report_time").and_then(|at| time(&at));
    let code = word(element, "err_code").unwrap_or_default();
    match word(element, "success").as_deref() {
        Some("true") => Ok(vec![Event::reached(&name, Stage::Delivered, at)]),
        Some("false") => {
            let detail = format!("{code}: {}", word(element, "err_msg").unwrap_or_default());
            let failure = if code.contains("BLACK") { Failure::Refused } else { Failure::Undelivered };
            Ok(vec![Event::failed(&name, failure, &detail, at)])
        }
        _ => Err("success: neither true nor false".into()),
    }
}

/// VoiceCallReport (while the call goes on) and VoiceReport (when it is over).
fn call_report(element: &Value) -> Result<Vec<Event>, String> {
    let name = reference(element, "call_id")?;
    let at = ["status_time", "end_time"].iter().find_map(|n| word(element, n)).and_then(|at| time(&at));
    let code = word(element, "status_code").ok_or("no status_code")?;
    let detail = format!("{code}: {}", word(element, "status_msg").unwrap_or_default());
    let mut events = Vec::new();
    let over = element["end_time"].is_string() || element["duration"].is_string();
    let answered = word(element, "start_time").filter(|at| !at.trim().is_empty());
    if let Some(start) = &answered {
        events.push(Event::reached(&name, Stage::PickedUp, time(start)));
    }
    let pressed = word(element, "dtmf").filter(|d| !d.is_empty()).map(|d| digits(&d)).transpose();
    if let Ok(Some(pressed)) = &pressed {
        events.push(Event::of(&name, What::Digits(pressed.clone()), at));
    }
    let failed = |failure| Event::failed(&name, failure, &detail, at);
    match code.as_str() {
        "200000" => events.push(Event::reached(&name, Stage::Heard, at)),
        "200001" => events.push(failed(Failure::HungUp)),
        "200002" => events.push(failed(Failure::Busy)),
        "200003" => events.push(failed(Failure::NoAnswer)),
        "200004" => events.push(failed(Failure::DeadNumber)),
        "200104" | "200105" | "200117" | "200118" => events.push(failed(Failure::Refused)),
        "200121" => events.push(failed(Failure::GatewayDown)),
        "200005" | "200006" | "200007" | "200010" | "200011" => events.push(failed(Failure::Undelivered)),
        // What a call that goes on is at, in words.
        _ => match word(element, "smart_status_code").as_deref() {
            Some("RINGING") => events.push(Event::reached(&name, Stage::Delivered, at)),
            Some("ANSWERED") => events.push(Event::reached(&name, Stage::PickedUp, at)),
            _ if over && answered.is_none() => events.push(failed(Failure::Undelivered)),
            _ => {}
        },
    }
    if over && answered.is_some() {
        events.push(Event::of(&name, What::Fact(Fact::Ended), at));
    }
    // Keys that cannot be read lose nothing else.
    if events.is_empty() { pressed.map(|_| events) } else { Ok(events) }
}

/// The variables of a template, as the API wants them: texts only.
fn parameters(template: &Filled) -> String {
    let texts = template.parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    Value::Object(texts.collect::<Map<_, _>>()).to_string()
}

/// A signature without its brackets.
pub(super) fn bare(sign: &str) -> &str {
    sign.trim().trim_start_matches(['【', '[']).trim_end_matches(['】', ']'])
}
