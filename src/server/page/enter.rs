//! Coming in with a code that `kubegrant login --browser` made, and going out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use chrono::TimeDelta;
use maud::html;
use serde::Deserialize;

use super::{COOKIE, ServerState, Visitor, frame, is_from_here, page, refused, see};
use crate::api::PageOpened;
use crate::domain::Timestamp;
use crate::domain::login::SessionId;
use crate::domain::text::hex;
use crate::ops::login::Begun;
use crate::secrets::ExposeSecret;
use crate::server::accept::Peer;
use crate::server::api::Caller;
use crate::server::respond;

/// How long a code may be used, once.
const LIFE: TimeDelta = TimeDelta::minutes(1);

/// The codes that bring somebody in, each once; one for each session that is open.
#[derive(Debug, Default)]
pub(in crate::server) struct Codes(Mutex<BTreeMap<SessionId, (String, Timestamp)>>);

impl Codes {
    /// Puts the code of a session in the place of the one that it had.
    fn put(&self, code: String, session: SessionId, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, until)| now < *until);
        known.insert(session, (code, now + LIFE));
    }

    fn take(&self, code: &str, now: Timestamp) -> Option<SessionId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(_, (it, _))| it == code);
        let session = *found?.0;
        let (_, until) = known.remove(&session)?;
        (now < until).then_some(session)
    }
}

/// Makes a code for whoever asks: it opens the page as them, once, within a minute.
pub(in crate::server) async fn code(
    State(server): State<Arc<ServerState>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let code = hex(&server.app.random::<32>());
    // What is kept opens nothing: somebody who reads the memory of a stopped server must not come in.
    let kept = server.authenticator.form_code(&code);
    server.codes.put(kept, caller.session, server.app.now());
    let url = format!("{}/enter#{code}", server.authenticator.origin());
    respond::document(200, &PageOpened { url })
}

/// How one comes in.
pub(super) async fn show(
    State(server): State<Arc<ServerState>>,
    headers: HeaderMap,
) -> Response<Body> {
    let before = match super::cookie(&headers) {
        None => None,
        Some(token) => {
            let found =
                server.with_store(move |server| server.authenticator.find(&server.app, &token));
            found
                .await
                .and_then(Result::ok)
                .flatten()
                .map(|(user, _)| user.name)
        }
    };
    let provider = server.provider().await.ok().flatten();
    // A link must not make anybody somebody else unasked.
    let keep = before.is_some().then_some("yes");
    let inside = html! {
        h1 { "kubegrant" }
        @if let Some(user) = &before {
            p .warning { "You are logged in here as " strong { (user) } ". Whose code is it that you come in with?" }
            p { a href="/" { "Stay " (user) } }
        } @else {
            p { "You are not logged in here." }
        }
        @if let Some(provider) = &provider {
            p { a .button href="/oidc/login" { "Log in at " (provider.issuer.short()) } }
            p { "Or, where you have kubegrant and your key, run" }
        } @else {
            p { "Where you have kubegrant and your key, run" }
        }
        p { code { "kubegrant login URL --browser" } }
        p { "with the address of this page, and open what it shows." }
        form method="post" action="/enter" data-keep=[keep] {
            fieldset {
                label { "Code" input #code type="text" name="code" autocomplete="off" spellcheck="false" required; }
                button .main type="submit" { "Come in" }
            }
        }
        script src="/enter.js" {}
    };
    page(200, &frame::alone("Log in", &inside))
}

#[derive(Deserialize)]
pub(super) struct Given {
    code: String,
}

/// Brings somebody in who has a code.
pub(super) async fn enter(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form<Given>, FormRejection>,
) -> Response<Body> {
    if !is_from_here(&server, &headers) {
        return refused(403, "this did not come from a page of this server", "");
    }
    if !server.limits.may_log_in(from, "code") {
        return refused(429, "that was too often", "wait a minute");
    }
    let void = || {
        refused(
            401,
            "this code is void: it lets one in once, within a minute",
            "run `kubegrant login URL --browser` again",
        )
    };
    let Ok(Form(given)) = form else {
        return void();
    };
    let kept = server.authenticator.form_code(&given.code);
    let Some(session) = server.codes.take(&kept, server.app.now()) else {
        return void();
    };
    let begun = server.with_store(move |server| {
        let from = from.to_string();
        server
            .authenticator
            .begin_within(&server.app, session, &from)
    });
    match begun.await {
        Some(Ok(Some(begun))) => {
            let mut answer = see("/");
            give_cookie(&mut answer, &begun);
            answer
        }
        Some(Ok(None)) => void(),
        Some(Err(_)) | None => refused(503, "the store cannot be used", "try again in a moment"),
    }
}

/// Gives a browser what opens its session.
pub(super) fn give_cookie(answer: &mut Response<Body>, begun: &Begun) {
    let token = begun.token.expose_secret();
    let cookie = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Ends the session of the page.
pub(super) async fn leave(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response<Body> {
    let given = form.map(|Form(given)| given).unwrap_or_default();
    let is_theirs = given
        .iter()
        .any(|(name, value)| name == "form" && *value == visitor.form);
    if !is_theirs {
        return refused(
            403,
            "this form is from another session",
            "load the page again",
        );
    }
    let caller = visitor.caller;
    let ended = server.with_store(move |server| {
        server
            .authenticator
            .end(&server.app, &caller.user, caller.session)
    });
    if !matches!(ended.await, Some(Ok(()))) {
        return refused(
            503,
            "the session could not be ended",
            "try again in a moment",
        );
    }
    let mut answer = see("/enter");
    let cookie = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn a_code_lets_one_in_once_and_not_for_long() {
        let codes = Codes::default();
        codes.put("a".to_owned(), SessionId(1), at(0));
        codes.put("b".to_owned(), SessionId(2), at(0));
        assert_eq!(codes.take("c", at(1)), None);
        assert_eq!(codes.take("a", at(59)), Some(SessionId(1)));
        assert_eq!(codes.take("a", at(59)), None);
        assert_eq!(codes.take("b", at(60)), None);
        // One that is made again voids the one before.
        codes.put("d".to_owned(), SessionId(3), at(0));
        codes.put("e".to_owned(), SessionId(3), at(0));
        assert_eq!(codes.take("d", at(1)), None);
        assert_eq!(codes.take("e", at(1)), Some(SessionId(3)));
    }
}
