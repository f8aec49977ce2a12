//! Who asks, and whether they may.

use super::brake::Brake;
use super::refusal::Refusal;
use super::sessions::Sessions;
use super::shell::cookie;
use super::state::BoardState;
use crate::config::{LOCAL_ACCOUNT, Right, Token};
use crate::model::SecretKey;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::num::NonZeroU32;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The cookie that names a session.
pub(super) const SESSION_COOKIE: &str = "jiaoying_session";
/// Wrong tokens in the sign-in form, a minute.
const WRONG_TOKENS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("30 is not zero");

/// The internal router's own state.
pub(super) struct Inside {
    pub board: Arc<BoardState>,
    pub sessions: Sessions,
    pub brake: Brake,
    /// Makes form tokens; another one in each process.
    form_key: SecretKey,
}

/// What a group of routes asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    Read,
    Operate,
    Post,
    /// As `Read`, but free on a loopback listener.
    Metrics,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The token's name, or `local`.
    pub name: String,
    /// What a form of this account carries, so that no other page can post it.
    pub form_token: String,
    /// Whether the request itself carried the token: such a request comes from no foreign page.
    bearer: bool,
    /// Whether it is a session's cookie that names the account.
    session: bool,
}

// === impl Inside ===

impl Inside {
    pub(super) fn new(board: Arc<BoardState>) -> Self {
        let form_key = SecretKey::new((board.entropy)());
        Self { board, sessions: Sessions::default(), brake: Brake::per_minute(WRONG_TOKENS_PER_MINUTE), form_key }
    }

    /// Who asks, if they may.
    fn identify(&self, guard: Guard, headers: &HeaderMap) -> Result<Account, Refusal> {
        let http = &self.board.http;
        if http.tokens.is_empty() {
            // A foreign page that rebinds its name to 127.0.0.1 still sends its own name here.
            if host(headers).is_some_and(|h| !is_loopback(h)) {
                return Err(Refusal::Forbidden(
                    "未配置令牌时只接受 localhost / without tokens only localhost may be asked for",
                ));
            }
            return Ok(self.account(LOCAL_ACCOUNT, LOCAL_ACCOUNT, (false, false)));
        }
        if guard == Guard::Metrics && http.internal.ip().is_loopback() {
            return Ok(self.account(LOCAL_ACCOUNT, LOCAL_ACCOUNT, (false, false)));
        }
        let (token, account) = if let Some(presented) = bearer(headers) {
            let token = http.admit(presented).ok_or(Refusal::Unauthorized)?.clone();
            let account = self.account(&token.name, presented, (true, false));
            (token, account)
        } else {
            let name = cookie(headers, SESSION_COOKIE).ok_or(Refusal::Unauthorized)?;
            let token: Token = self.sessions.get(&name, self.board.acts.now()).ok_or(Refusal::Unauthorized)?;
            let account = self.account(&token.name, &name, (false, true));
            (token, account)
        };
        let right = match guard {
            Guard::Read | Guard::Metrics => Right::Read,
            Guard::Operate => Right::Operate,
            Guard::Post => Right::Post,
        };
        if token.may(right) {
            Ok(account)
        } else {
            Err(Refusal::Forbidden("此令牌无此权限 / the token lacks the right"))
        }
    }

    fn account(&self, name: &str, secret: &str, (bearer, session): (bool, bool)) -> Account {
        let form_token = hex::encode(self.form_key.tag(&[b"form", secret.as_bytes()]));
        Account { name: name.to_owned(), form_token, bearer, session }
    }
}

// === impl Account ===

impl Account {
    /// Refuses a form that did not come from a page of this session.
    pub(super) fn sent(&self, form_token: &str) -> Result<(), Refusal> {
        let ours = self.bearer || self.form_token.as_bytes().ct_eq(form_token.as_bytes()).into();
        let strange = "表单不属于本次登录，请刷新页面再试 / the form is not of this session";
        if ours { Ok(()) } else { Err(Refusal::Forbidden(strange)) }
    }
}

/// Lets a request through with its account, or refuses it. Browsers are sent to the sign-in page.
pub(super) async fn guard(
    State((inside, guard)): State<(Arc<Inside>, Guard)>,
    mut request: Request,
    next: Next,
) -> Response {
    let account = match inside.identify(guard, request.headers()) {
        Ok(account) => account,
        Err(Refusal::Unauthorized) if wants_page(&request) => {
            return Redirect::to(&format!("/sign-in?next={}", next_of(request.uri()))).into_response();
        }
        Err(refusal) => return refusal.into_response(),
    };
    let looks = request.method() == Method::GET || request.method() == Method::HEAD;
    if !looks
        && !account.bearer
        && let Err(refusal) = same_origin(request.headers(), !account.session)
    {
        return refusal.into_response();
    }
    request.extensions_mut().insert(account);
    next.run(request).await
}

/// Whether a POST comes from a page of ours. A browser always says where a POST comes from; what says
/// nothing is a program.
///
/// # Errors
/// When another site sent it; and from a program, unless those may (`programs`): a session is a browser's,
/// a program has a token of its own.
pub(super) fn same_origin(headers: &HeaderMap, programs: bool) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin"), _) => Ok(()),
        (None, Some(origin)) if origin.split_once("://").is_some_and(|(_, named)| Some(named) == host(headers)) => {
            Ok(())
        }
        (None, None) if programs => Ok(()),
        (None, None) => Err(Refusal::Forbidden(
            "登录会话只供浏览器使用；程序请带令牌 / a session is for browsers: a program sends its token",
        )),
        _ => Err(Refusal::Forbidden("请求来自其他网站 / the request comes from another site")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok());
    request.method() == Method::GET && accept.is_some_and(|a| a.contains("text/html"))
}

/// Where to go after signing in. The query stays behind: it could not be told from that of the sign-in page.
fn next_of(uri: &Uri) -> &str {
    uri.path()
}
