//! Why a request gets no page: one short answer, as JSON for programs and as a plain page for people.

use super::shell::Speaks;
use super::text::Lang;
use super::view::exact_day;
use crate::model::Timestamp;
use askama::Template;
use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::borrow::Cow;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing there.
    NotFound,
    /// The callout had not been opened at the moment that is asked for; when it was.
    NotOpened(Timestamp),
    /// Not signed in.
    Unauthorized,
    /// Signed in without the right, or a POST from elsewhere.
    Forbidden(&'static str),
    /// The request says nothing that can be done.
    Unprocessable(&'static str),
    /// A value of one field cannot be: the field, and why in Chinese and English.
    Field(String, String, String),
    /// More bytes than are read.
    TooLarge,
    /// It contradicts what is.
    Conflict(&'static str),
    /// Somebody decided before: who and when, in Chinese and English.
    Decided(String),
    /// Too many wrong tries.
    TooMany,
    /// The store or the engine cannot take or give it now.
    Unavailable,
    /// The timeline does not verify.
    Damaged,
}

#[derive(Template)]
#[template(path = "message.html", config = ".askama.toml")]
struct MessageHtml<'a> {
    t: &'static super::text::Texts,
    text: &'a str,
    hint: &'a str,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NotOpened(_) => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Unprocessable(_) | Self::Field(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict(_) | Self::Decided(_) => StatusCode::CONFLICT,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Why, in Chinese and English.
    pub(super) fn reason(&self) -> Cow<'static, str> {
        let fixed = match self {
            Self::NotFound => "没有此项 / there is no such thing here",
            Self::NotOpened(opened) => {
                let at = opened.iso();
                return format!("此刻叫应尚未开始；开始于 {at} / not opened yet; opened at {at}").into();
            }
            Self::Field(field, zh, en) => return format!("{field}：{zh} / {field}: {en}").into(),
            Self::Decided(reason) => return reason.clone().into(),
            Self::Unauthorized => "须有令牌 / a token is needed",
            Self::Forbidden(reason) | Self::Unprocessable(reason) | Self::Conflict(reason) => reason,
            Self::TooLarge => "内容过大 / too large",
            Self::TooMany => "尝试过多 / too many wrong tries",
            Self::Unavailable => "存储暂不可用，请稍后再试 / the store is not available; try again",
            Self::Damaged => "时间线校验不通过 / the timeline does not verify",
        };
        fixed.into()
    }

    /// The refusal as a page.
    pub(super) fn page(&self, lang: Lang) -> Response {
        let t = lang.texts();
        let (text, hint) = match self {
            Self::NotFound => (t.not_found, "".into()),
            Self::NotOpened(opened) => (t.not_yet, format!("{} {}", t.opened_at, exact_day(*opened)).into()),
            Self::Unavailable => (t.unavailable, "".into()),
            Self::Damaged => (t.damaged, "".into()),
            other => (t.refused, reason_in(lang, other)),
        };
        message(lang, self.status(), text, &hint)
    }
}

impl From<FormRejection> for Refusal {
    /// A form that cannot be read, in our words.
    fn from(rejection: FormRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            _ => Self::Unprocessable("表单不完整，请返回重填 / the form is not complete: go back and fill it in again"),
        }
    }
}

/// Why in one language.
pub(super) fn reason_in(lang: Lang, refusal: &Refusal) -> Cow<'static, str> {
    one_language(lang, refusal.reason())
}

/// The half of `中文 / English` that a page wants; a program gets both.
fn one_language(lang: Lang, reason: Cow<'static, str>) -> Cow<'static, str> {
    match reason.split_once(" / ") {
        Some((zh, en)) => lang.pick(zh, en).to_owned().into(),
        None => reason,
    }
}

impl IntoResponse for Refusal {
    /// The refusal as JSON.
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.reason() }));
        let mut response = (self.status(), body).into_response();
        match self {
            Self::Unauthorized => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

/// A plain page with one sentence.
pub(super) fn message(lang: Lang, status: StatusCode, text: &str, hint: &str) -> Response {
    let html = super::view::rendered(&MessageHtml { t: lang.texts(), text, hint });
    (status, Html(html)).into_response()
}

/// Whatever has no route.
pub(super) async fn not_found(Speaks(lang): Speaks) -> Response {
    Refusal::NotFound.page(lang)
}
