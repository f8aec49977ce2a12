//! Signing in with a token, and out.

use super::auth::{Inside, SESSION_COOKIE, same_origin};
use super::refusal::Refusal;
use super::sessions::SESSION_MS;
use super::shell::{Shell, Speaks, cookie};
use super::view::rendered;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "sign-in.html", config = ".askama.toml")]
struct SignInHtml {
    s: Shell,
    next: String,
    wrong: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Entering {
    token: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn page(
    State(inside): State<Arc<Inside>>,
    Speaks(lang): Speaks,
    Query(asked): Query<Asked>,
) -> Response {
    if inside.board.http.tokens.is_empty() {
        return Redirect::to("/").into_response();
    }
    let s = Shell::for_account(&inside, None, lang);
    Html(rendered(&SignInHtml { s, next: asked.next, wrong: false })).into_response()
}

pub(super) async fn enter(
    State(inside): State<Arc<Inside>>,
    Speaks(lang): Speaks,
    headers: HeaderMap,
    form: Result<Form<Entering>, FormRejection>,
) -> Response {
    if let Err(refusal) = same_origin(&headers, true) {
        return refusal.page(lang);
    }
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => return Refusal::from(rejection).page(lang),
    };
    let Some(token) = inside.board.http.admit(form.token.trim()) else {
        let status = if inside.brake.allows() { StatusCode::UNAUTHORIZED } else { StatusCode::TOO_MANY_REQUESTS };
        let s = Shell::for_account(&inside, None, lang);
        return (status, Html(rendered(&SignInHtml { s, next: form.next, wrong: true }))).into_response();
    };
    let name = inside.sessions.open(token.clone(), (inside.board.entropy)(), inside.board.acts.now());
    let cookie = format!("{SESSION_COOKIE}={name}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict", SESSION_MS / 1000);
    let Ok(cookie) = HeaderValue::from_str(&cookie) else { return Refusal::Unavailable.into_response() };
    // Only to a page of ours: `//host` and `https:` lead elsewhere.
    let own = form.next.starts_with('/') && !form.next.starts_with("//") && !form.next.contains('\\');
    let next = if own { form.next.as_str() } else { "/" };
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

pub(super) async fn leave(State(inside): State<Arc<Inside>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = same_origin(&headers, false) {
        return refusal.into_response();
    }
    if let Some(name) = cookie(&headers, SESSION_COOKIE) {
        inside.sessions.close(&name);
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    ([(header::SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response()
}
