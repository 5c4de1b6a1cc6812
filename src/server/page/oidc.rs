//! Coming in by way of the organization's OpenID issuer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use maud::html;
use serde::Deserialize;

use super::{ServerState, cookie_of, enter, frame, page, refused, see};
use crate::domain::login::Way;
use crate::oidc::{CodeGrant, Error};
use crate::ops::login::{Away, Found};
use crate::server::accept::Peer;
use crate::server::login::oidc::{CheckedToken, ask_to_be_linked};

/// The cookie that ties a login at the issuer to the browser that began it.
const COOKIE: &str = "__Host-kubegrant-oidc";
/// Where the issuer sends a browser back to.
const CALLBACK: &str = "/oidc/callback";

fn not_had(server: &ServerState, error: &Error) -> Response<Body> {
    (server.log)(&format!("logging in: {error}"));
    match error {
        Error::Refused { .. } | Error::Token(_) => {
            refused(401, &error.to_string(), "begin again at /enter")
        }
        _ => refused(
            502,
            "the OpenID issuer cannot be asked now",
            "try again in a moment; the server's log says more",
        ),
    }
}

fn no_store() -> Response<Body> {
    refused(503, "the store cannot be used", "try again in a moment")
}

/// Whether a page of ours, or a person, asks for a page: a browser says what else it may be.
fn is_ours(headers: &HeaderMap) -> bool {
    let says = |name: &str, allowed: &[&str]| {
        let said = headers.get(name).map(|it| it.to_str().unwrap_or_default());
        said.is_none_or(|it| allowed.contains(&it))
    };
    says("sec-fetch-site", &["same-origin", "none"]) && says("sec-fetch-dest", &["document"])
}

/// Sends a browser to the issuer.
pub(super) async fn begin(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
) -> Response<Body> {
    // Another site makes nobody somebody else: there it is asked first.
    if !is_ours(&headers) {
        return see("/enter");
    }
    if !server.limits.may_ask_issuer(from) {
        return refused(429, "that was too often", "wait a minute");
    }
    let provider = match server.provider().await {
        Ok(Some(provider)) => provider,
        Ok(None) => return see("/enter"),
        Err(()) => return no_store(),
    };
    let Away { kept, asked } = server.authenticator.ask_issuer(&server.app, &provider);
    let callback = format!("{}{CALLBACK}", server.authenticator.origin());
    let party = server.party(&provider);
    match server.issuers.begin(&party, &callback, &asked).await {
        Err(error) => not_had(&server, &error),
        Ok(place) => {
            let mut answer = see(&place);
            // The way back comes from another site, and must bring it.
            let cookie =
                format!("{COOKIE}={kept}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                answer.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            answer
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Brought {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    iss: Option<String>,
}

/// Lets somebody in whom the issuer sends back.
pub(super) async fn finish(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    brought: Result<Query<Brought>, QueryRejection>,
) -> Response<Body> {
    let void = || {
        refused(
            401,
            "this login is void: it was not begun here, or too long ago",
            "begin again at /enter",
        )
    };
    if !server.limits.may_ask_issuer(from) {
        return refused(429, "that was too often", "wait a minute");
    }
    let Ok(Query(brought)) = brought else {
        return void();
    };
    let Ok(provider) = server.provider().await else {
        return no_store();
    };
    let (Some(provider), Some(kept)) = (provider, cookie_of(&headers, COOKIE)) else {
        return void();
    };
    let Some(asked) =
        server
            .authenticator
            .asked_issuer(&server.app, &provider, kept, &brought.state)
    else {
        return void();
    };
    if let Some(code) = brought.error {
        let code: String = code.chars().take(60).collect();
        let description = None;
        return not_had(&server, &Error::Refused { code, description });
    }
    let Some(code) = brought.code else {
        return void();
    };
    // RFC 9207: another issuer's code is not taken to this one.
    if brought.iss.is_some_and(|it| it != provider.issuer.as_str()) {
        return void();
    }
    let callback = format!("{}{CALLBACK}", server.authenticator.origin());
    let party = server.party(&provider);
    let now = server.app.now().timestamp();
    let grant = CodeGrant {
        code: &code,
        callback: &callback,
        asked: &asked,
    };
    let finished = server.issuers.finish(&party, &grant, now).await;
    let claims = match finished {
        Ok(claims) => claims,
        Err(error) => return not_had(&server, &error),
    };
    let token = CheckedToken {
        claims,
        issuer: provider.issuer,
        wanted: None,
        way: Way::OidcBrowser,
        from,
    };
    match server.let_in(token).await {
        Some(Ok(Found::One(begun))) => {
            let user = begun.user.name.to_string();
            let inside = html! {
                h1 { "kubegrant" }
                p { "You are logged in as " strong { (user) } "." }
                p { a href="/" { "My clusters" } }
            };
            let mut answer = page(200, &frame::alone("Logged in", &inside));
            // Not a redirect: it would count as the issuer's, and bring no cookie that is for our pages alone.
            let onward = HeaderValue::from_static("0; url=/");
            answer.headers_mut().insert(header::REFRESH, onward);
            enter::give_cookie(&mut answer, &begun);
            let over = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
            if let Ok(over) = HeaderValue::from_str(&over) {
                answer.headers_mut().append(header::SET_COOKIE, over);
            }
            answer
        }
        Some(Ok(Found::Nobody(bearer))) => refused(
            401,
            &format!("nobody logs in here as {bearer}"),
            &ask_to_be_linked(),
        ),
        Some(Ok(Found::Several(_))) => refused(
            401,
            "several log in here by this token",
            "ask an organization owner or admin to let all but one log in otherwise: `kubegrant user set-oidc USER --none`",
        ),
        Some(Err(_)) | None => no_store(),
    }
}
