//! Kannel: sendsms out, dlr-url and get-url back.

use super::Settings;
use super::dialect::{Callback, Dialect, Event, Said, Told, extension, time};
use super::request::{Request, form};
use super::signer::Signer;
use crate::gateway::http::Secret;
use crate::gateway::{Outgoing, ReadBack};
use crate::model::{Failure, Stage, Timestamp};
use axum::response::{IntoResponse, Response};
use encoding_rs::{Encoding, UTF_8};
use reqwest::Method;

/// Delivered 1, failed 2, on its way 8, rejected 16: all but "buffered".
const DLR_MASK: &str = "27";
/// What Kannel fills into the address of a report, beside the key.
const DLR_FIELDS: &str = "dlr=%d&answer=%A&at=%T";

/// Kannel.
pub(super) struct Kannel {
    signer: Signer,
    user: String,
    password: Secret,
    sender: Option<String>,
    extension: bool,
    /// Where reports go, without query.
    callback: String,
}

// === impl Kannel ===

impl Kannel {
    pub(super) fn new(settings: &Settings) -> Self {
        let (user, password, callback) = (settings.account.clone(), settings.key.clone(), settings.callback());
        let Settings { sender, extension, .. } = settings.clone();
        Self { signer: Signer::Within, user, password, sender, extension, callback }
    }

    fn sendsms(&self) -> Request {
        let mut request = Request::new(Method::GET, "");
        request.query.insert("username".into(), self.user.clone());
        request.query.insert("password".into(), self.password.text().to_owned());
        request
    }
}

impl Dialect for Kannel {
    fn signer(&self) -> &Signer {
        &self.signer
    }

    fn request(&self, attempt: &Outgoing, now: Timestamp) -> Result<Request, String> {
        let mut request = self.sendsms();
        let code = attempt.code.as_deref().filter(|_| self.extension).unwrap_or_default();
        let from = self.sender.as_ref().map(|sender| format!("{sender}{code}"));
        // Whole minutes, never more than what is left but for the first.
        let minutes = (attempt.valid_until.ms_since(now) / 60_000).max(1);
        let key = form([("key", attempt.key.to_string().as_str())]);
        let fields = [
            ("to", attempt.number.clone()),
            ("text", attempt.text.clone()),
            ("coding", if attempt.text.is_ascii() { "0" } else { "2" }.to_owned()),
            ("charset", "UTF-8".to_owned()),
            ("validity", minutes.to_string()),
            ("dlr-mask", DLR_MASK.to_owned()),
            ("dlr-url", format!("{}?{key}&{DLR_FIELDS}", self.callback)),
        ];
        request.query.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        request.query.extend(from.map(|from| ("from".to_owned(), from)));
        Ok(request)
    }

    fn answer(&self, status: u16, body: &[u8]) -> Said {
        let text = String::from_utf8_lossy(body);
        match status {
            // "0: Accepted for delivery", "3: Queued for later delivery".
            202 if text.starts_with("0:") || text.starts_with("3:") => Said::Taken(None),
            200..=299 => Said::Unknown,
            _ => Said::of_status(status, &text),
        }
    }

    /// A sendsms without a number.
    fn probe(&self) -> Request {
        self.sendsms()
    }

    fn probed(&self, status: u16, body: &[u8]) -> Result<(), String> {
        match self.answer(status, body) {
            Said::Failed(..) => Ok(()),
            Said::Down { detail, .. } => Err(detail),
            Said::Taken(_) | Said::Unknown => Err(format!("HTTP {status}: not an answer of sendsms")),
        }
    }

    fn read(&self, callback: &Callback, _max: usize) -> Result<Told, String> {
        let mut told = Told::default();
        told.add(if callback.text("dlr").is_some() { report(callback) } else { self.text(callback) });
        Ok(told)
    }

    /// Empty: Kannel would send the words of an answer to whoever wrote.
    fn confirm(&self, _callback: &Callback, _said: &[ReadBack]) -> Response {
        ([("content-type", "text/plain")], "").into_response()
    }
}

impl Kannel {
    /// What somebody wrote: in the charset that Kannel names, which is UTF-16BE for anything but GSM letters.
    fn text(&self, callback: &Callback) -> Result<Vec<Event>, String> {
        let bytes = callback.query.iter().find(|(name, _)| name == "text").map(|(_, bytes)| bytes.as_slice());
        let charset = callback.text("charset").unwrap_or_default();
        let coding = callback.text("coding").unwrap_or_default();
        let named = if coding == "2" && charset.is_empty() { "UTF-16BE" } else { charset.as_str() };
        let encoding = Encoding::for_label(named.as_bytes()).unwrap_or(UTF_8);
        let (text, _) = encoding.decode_without_bom_handling(bytes.ok_or("neither a report nor a text")?);
        let extension = extension(&callback.text("to").unwrap_or_default(), self.sender.as_deref());
        let at = callback.text("at").and_then(|at| time(&at));
        Event::text(&callback.text("from").unwrap_or_default(), &text, extension, at).map(|text| vec![text])
    }
}

fn report(callback: &Callback) -> Result<Vec<Event>, String> {
    let name = callback.key()?;
    let at = callback.text("at").and_then(|at| time(&at));
    let answer = callback.text("answer").unwrap_or_default();
    Ok(match callback.text("dlr").unwrap_or_default().as_str() {
        "1" => vec![Event::reached(&name, Stage::Delivered, at)],
        "2" => vec![Event::failed(&name, Failure::Undelivered, &answer, at)],
        "8" => vec![Event::reached(&name, Stage::Submitted, at)],
        "16" => vec![Event::failed(&name, Failure::Refused, &answer, at)],
        // Buffered: the next one tells more.
        "4" => Vec::new(),
        _ => return Err("dlr: not 1, 2, 4, 8 or 16".into()),
    })
}
