//! What every page has around it: language, frame, headers.

use super::auth::{Account, Inside};
use super::text::{Lang, Texts};
use crate::config::LOCAL_ACCOUNT;
use crate::model::Timestamp;
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderValue, header, request::Parts};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;

/// Nothing but our own files, no script or style in the page, no frame around it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The cookie that remembers the language.
const LANG_COOKIE: &str = "jiaoying_lang";

/// The frame of a page.
pub(super) struct Shell {
    pub t: &'static Texts,
    /// Who is signed in; `None` on a listener without tokens.
    pub account: Option<String>,
    pub now: Timestamp,
    /// The time of day.
    pub wall: String,
    /// Where the live stream is; `None` when the page does not change.
    pub live: Option<String>,
    /// Shown when the stream is broken.
    pub lost: &'static str,
}

/// The language a request asks for: the address, then the cookie, then Chinese.
pub(super) struct Speaks(pub Lang);

// === impl Shell ===

impl Shell {
    pub(super) fn new(inside: &Inside, account: &Account, lang: Lang) -> Self {
        Self::for_account(inside, Some(&account.name).filter(|n| *n != LOCAL_ACCOUNT).cloned(), lang)
    }

    pub(super) fn for_account(inside: &Inside, account: Option<String>, lang: Lang) -> Self {
        let now = inside.board.acts.now();
        let lost = lang.pick("实时连接已断开，正在重连", "Live connection lost, reconnecting");
        Self { t: lang.texts(), account, now, wall: super::view::clock(now), live: None, lost }
    }
}

// === impl Speaks ===

impl<S: Send + Sync> FromRequestParts<S> for Speaks {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = asked_lang(parts.uri.query());
        let kept = || cookie(&parts.headers, LANG_COOKIE).and_then(|c| Lang::parse(&c));
        Ok(Self(asked.or_else(kept).unwrap_or_default()))
    }
}

fn asked_lang(query: Option<&str>) -> Option<Lang> {
    query?.split('&').find_map(|pair| Lang::parse(pair.strip_prefix("lang=")?))
}

/// The value of a cookie.
pub(super) fn cookie(headers: &axum::http::HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = all.flat_map(|v| v.split(';')).filter_map(|p| p.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
}

/// Puts the protective headers on every answer, and remembers a language that was asked for.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let asked = asked_lang(request.uri().query());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(lang) = asked {
        let cookie = format!("{LANG_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax", lang.name());
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    response
}
