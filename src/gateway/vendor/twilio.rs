//! Twilio and what imitates it: Messages and Calls, signed callbacks.

use super::Settings;
use super::dialect::{Callback, Dialect, Event, Name, Said, THROTTLED_MS, Told, What, digits, extension, word};
use super::request::{Request, form};
use super::signer::Signer;
use super::twiml::{Call, TRIES_MAX, response};
use super::webhook;
use crate::gateway::http::Secret;
use crate::gateway::scrub::scrub;
use crate::gateway::{Outgoing, ReadBack};
use crate::model::{Fact, Failure, Stage, Timestamp};
use axum::response::{IntoResponse, Response};
use reqwest::Method;
use serde_json::Value;

/// Seconds that a message may wait at Twilio, at most.
const VALIDITY_MAX_S: i64 = 36_000;
/// Seconds that a call rings, at most.
const RING_MAX_S: i64 = 60;

/// Twilio.
pub(super) struct Twilio {
    signer: Signer,
    voice: bool,
    account: String,
    token: Secret,
    sender: String,
    /// The address of callbacks, without query.
    callback: String,
    /// How its beginning may have been written when it was signed: with and without port.
    origins: Vec<String>,
}

// === impl Twilio ===

impl Twilio {
    pub(super) fn new(settings: &Settings, voice: bool) -> Self {
        let (account, token) = (settings.account.clone(), settings.key.clone());
        let signer = Signer::Basic { user: account.clone(), password: token.clone() };
        let public_url = settings.public_url.clone().unwrap_or_default();
        let (callback, origins) = (settings.callback(), origins(&public_url));
        let sender = settings.sender.clone().unwrap_or_default();
        Self { signer, voice, account, token, sender, callback, origins }
    }

    fn path(&self, below: &str) -> String {
        format!("/2010-04-01/Accounts/{}{below}.json", self.account)
    }

    fn post(&self, below: &str, fields: &[(&str, String)]) -> Request {
        let mut request = Request::new(Method::POST, &self.path(below));
        request.headers = vec![("content-type", "application/x-www-form-urlencoded".into())];
        request.body = form(fields.iter().map(|(name, value)| (*name, value.as_str()))).into_bytes();
        request
    }

    fn call_of(&self, callback: &Callback) -> Call {
        let text = |name: &str| callback.text(name).unwrap_or_default();
        let action = self.action(&text("key"));
        Call { action, language: text("lang"), wrong_key: text("wrong"), closing: text("end") }
    }

    fn action(&self, key: &str) -> String {
        format!("{}?{}", self.callback, form([("key", key)]))
    }

    fn event(&self, callback: &Callback) -> Result<Vec<Event>, String> {
        if let Some(text) = callback.text("Body") {
            let extension = extension(&callback.text("To").unwrap_or_default(), Some(&self.sender));
            let from = callback.text("From").unwrap_or_default();
            return Event::text(&from, &text, extension, None).map(|text| vec![text]);
        }
        let name = callback.key()?;
        if let Some(pressed) = pressed(callback) {
            return Ok(vec![Event::of(&name, What::Digits(digits(&pressed)?), None)]);
        }
        if self.voice { call_status(&name, callback) } else { message_status(&name, callback) }
    }
}

impl Dialect for Twilio {
    fn signer(&self) -> &Signer {
        &self.signer
    }

    fn request(&self, attempt: &Outgoing, now: Timestamp) -> Result<Request, String> {
        let action = self.action(&attempt.key.to_string());
        let left_s = attempt.valid_until.ms_since(now) / 1000;
        let mut fields = vec![("To", attempt.number.clone()), ("StatusCallback", action.clone())];
        if !self.voice {
            let from = if self.sender.starts_with("MG") { "MessagingServiceSid" } else { "From" };
            let validity = left_s.clamp(1, VALIDITY_MAX_S).to_string();
            fields.extend([(from, self.sender.clone()), ("Body", attempt.text.clone()), ("ValidityPeriod", validity)]);
            return Ok(self.post("/Messages", &fields));
        }
        let speech = attempt.speech.as_ref().ok_or("a call without a script")?;
        let (wrong_key, closing) = (speech.wrong_key.clone(), speech.closing.clone());
        let call = Call { action, language: attempt.language.clone(), wrong_key, closing };
        fields.extend([
            ("From", self.sender.clone()),
            ("Twiml", call.script(speech)?),
            ("Timeout", left_s.clamp(5, RING_MAX_S).to_string()),
        ]);
        let events = ["ringing", "answered", "completed"];
        fields.extend(events.map(|event| ("StatusCallbackEvent", event.to_owned())));
        Ok(self.post("/Calls", &fields))
    }

    fn answer(&self, status: u16, body: &[u8]) -> Said {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if (200..300).contains(&status) {
            return match (word(&body, "sid").filter(|sid| !sid.is_empty()), word(&body, "status").as_deref()) {
                (Some(_), Some("failed" | "undelivered")) => {
                    let code = word(&body, "error_code").unwrap_or_default();
                    Said::Failed(failure_of(&code).unwrap_or(Failure::Undelivered), scrub(&code))
                }
                (Some(sid), _) => Said::Taken(Some(sid)),
                (None, _) => Said::Unknown,
            };
        }
        let [code, message] = ["code", "message"].map(|n| word(&body, n).unwrap_or_default());
        let detail = scrub(&format!("{code}: {message}"));
        match (status, failure_of(&code)) {
            (429, _) => Said::Down { detail, pause_ms: Some(THROTTLED_MS) },
            (400..=499, Some(failure)) => Said::Failed(failure, detail),
            _ => Said::of_status(status, &detail),
        }
    }

    /// The account itself.
    fn probe(&self) -> Request {
        Request::new(Method::GET, &self.path(""))
    }

    fn probed(&self, status: u16, body: &[u8]) -> Result<(), String> {
        let account: Value = serde_json::from_slice(body).unwrap_or_default();
        let state = word(&account, "status");
        match (status, state.as_deref()) {
            (200, Some("active")) => Ok(()),
            (200, state) => Err(format!("the account is {}", scrub(state.unwrap_or("not shown")))),
            _ => Err(scrub(&format!("HTTP {status} {}", word(&account, "message").unwrap_or_default()))),
        }
    }

    fn withdrawal(&self, reference: &str) -> Option<Request> {
        // A message that was taken is gone; a call that rings can be hung up.
        let sid = reference.bytes().all(|b| b.is_ascii_alphanumeric());
        let canceled = [("Status", "canceled".to_owned())];
        (self.voice && sid).then(|| self.post(&format!("/Calls/{reference}"), &canceled))
    }

    fn believes(&self, callback: &Callback) -> Result<(), String> {
        let signature = callback.signature.as_deref().ok_or("no X-Twilio-Signature")?;
        let good = |origin: &String| {
            let url = format!("{origin}{}", callback.target);
            webhook::verify(self.token.bytes(), &url, &callback.form, signature)
        };
        if self.origins.iter().any(good) { Ok(()) } else { Err("X-Twilio-Signature does not belong to it".into()) }
    }

    fn read(&self, callback: &Callback, _max: usize) -> Result<Told, String> {
        let mut told = Told::default();
        told.add(self.event(callback));
        Ok(told)
    }

    fn confirm(&self, callback: &Callback, said: &[ReadBack]) -> Response {
        let words: Vec<_> = said.iter().map(|r| r.words.as_str()).collect();
        let asked = callback.text("ask").is_some() && pressed(callback).is_some();
        twiml(if asked { self.call_of(callback).after_key(&words.join(" ")) } else { response("") })
    }

    /// Twilio would tell the person of an error and hang up.
    fn postpone(&self, callback: &Callback) -> Option<Response> {
        let pressed = pressed(callback).filter(|_| callback.text("ask").is_some())?;
        let tries = callback.text("tries").and_then(|tries| tries.parse().ok()).unwrap_or(0);
        (tries < TRIES_MAX).then(|| twiml(self.call_of(callback).wait(&pressed, tries + 1)))
    }
}

/// The keys in a callback: as Twilio posts them, or as we sent the caller round again.
fn pressed(callback: &Callback) -> Option<String> {
    callback.text("Digits").or_else(|| callback.text("digits")).filter(|d| !d.is_empty())
}

fn message_status(name: &Name, callback: &Callback) -> Result<Vec<Event>, String> {
    let code = callback.text("ErrorCode").unwrap_or_default();
    Ok(match callback.text("MessageStatus").ok_or("neither a status nor a text")?.as_str() {
        "sent" => vec![Event::reached(name, Stage::Submitted, None)],
        "delivered" | "read" => vec![Event::reached(name, Stage::Delivered, None)],
        "undelivered" | "failed" => {
            vec![Event::failed(name, failure_of(&code).unwrap_or(Failure::Undelivered), &code, None)]
        }
        "canceled" => vec![Event::failed(name, Failure::Withdrawn, &code, None)],
        // On its way.
        _ => Vec::new(),
    })
}

fn call_status(name: &Name, callback: &Callback) -> Result<Vec<Event>, String> {
    let status = callback.text("CallStatus").ok_or("neither a status nor a key")?;
    let sip = callback.text("SipResponseCode").unwrap_or_default();
    let failed = |failure| Event::failed(name, failure, &format!("{status} {sip}"), None);
    Ok(match status.as_str() {
        "ringing" => vec![Event::reached(name, Stage::Delivered, None)],
        "in-progress" => vec![Event::reached(name, Stage::PickedUp, None)],
        // The report of an answer may have been lost.
        "completed" => {
            let ended = Event::of(name, What::Fact(Fact::Ended), None);
            vec![Event::reached(name, Stage::PickedUp, None), ended]
        }
        "busy" => vec![failed(Failure::Busy)],
        "no-answer" => vec![failed(Failure::NoAnswer)],
        "canceled" => vec![failed(Failure::Withdrawn)],
        "failed" if matches!(sip.as_str(), "404" | "410" | "604") => vec![failed(Failure::DeadNumber)],
        "failed" => vec![failed(Failure::Undelivered)],
        _ => Vec::new(),
    })
}

/// Error codes that say something about the number or the text.
fn failure_of(code: &str) -> Option<Failure> {
    match code {
        "21211" | "21217" | "21214" | "21614" | "30005" => Some(Failure::DeadNumber),
        "21610" | "21408" | "21612" | "21617" | "30004" | "30007" => Some(Failure::Refused),
        "30003" | "30006" | "30008" => Some(Failure::Undelivered),
        "20429" | "30001" => Some(Failure::GatewayDown),
        _ => None,
    }
}

fn twiml(document: String) -> Response {
    ([("content-type", "text/xml; charset=utf-8")], document).into_response()
}

/// `https://host`, with and without its port: Twilio signs either.
fn origins(public_url: &str) -> Vec<String> {
    let Ok(url) = reqwest::Url::parse(public_url) else { return Vec::new() };
    let host = url.host_str().unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = format!("{}://{host}{path}", url.scheme());
    vec![public_url.to_owned(), format!("{}://{host}:{port}{path}", url.scheme()), bare]
}
