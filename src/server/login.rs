//! Logging in by the key that one has, and out.

pub(super) mod oidc;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::Response;

use super::accept::Peer;
use super::api::Caller;
use super::{ServerState, respond};
use crate::api::{LoginAnswer, LoginBegin, LoginDone, LoginQuestion};
use crate::domain::Timestamp;
use crate::domain::login::Way;
use crate::domain::text::chain;
use crate::ops::login::{Answered, Begun, QuestionRef};
use crate::secrets::{ExposeSecret, Recipient};

/// What whoever is not let in is told, whatever the reason.
fn not_let_in() -> Response<Body> {
    respond::refusal(
        401,
        "nobody who may log in has this key",
        "ask an organization owner or admin which key they know of you",
    )
}

fn too_often() -> Response<Body> {
    respond::refusal(429, "too many tries to log in", "wait a minute")
}

fn no_key() -> Response<Body> {
    respond::refusal(
        400,
        "this is no public key: an age key, or one of ssh-ed25519",
        "",
    )
}

fn fault(server: &ServerState, error: &(dyn std::error::Error + 'static)) -> Response<Body> {
    (server.log)(&format!("logging in: {}", chain(error)));
    respond::refusal(503, "the store cannot be used", "try again in a moment")
}

/// Asks a key to prove itself.
pub(super) async fn begin(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    body: Result<Json<LoginBegin>, JsonRejection>,
) -> Response<Body> {
    let Ok(Json(begin)) = body else {
        return no_key();
    };
    let Ok(key) = begin.key.parse::<Recipient>() else {
        return no_key();
    };
    if !server.limits.may_log_in(from, &key.to_string()) {
        return too_often();
    }
    let asked = server.authenticator.ask(&server.app, &key);
    match asked {
        Ok(question) => respond::document(
            200,
            &LoginQuestion {
                id: question.id,
                until: question.until.timestamp(),
                sealed: String::from_utf8_lossy(&question.sealed).into_owned(),
                text: question.text,
            },
        ),
        Err(error) => fault(&server, &error),
    }
}

/// Begins a session for whoever proved a key.
pub(super) async fn finish(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    body: Result<Json<LoginAnswer>, JsonRejection>,
) -> Response<Body> {
    let Ok(Json(answer)) = body else {
        return respond::refusal(400, "this is no answer of a key", "");
    };
    let Ok(key) = answer.key.parse::<Recipient>() else {
        return no_key();
    };
    if !server.limits.may_log_in(from, &key.to_string()) {
        return too_often();
    }
    let until = Timestamp::from_timestamp(answer.until, 0).unwrap_or_default();
    let begun = server.with_store(move |server| {
        let question = QuestionRef {
            id: &answer.id,
            until,
        };
        let (answered, way) = if answer.signature.is_empty() {
            (Answered::Opened(&answer.answer), Way::Key)
        } else {
            (Answered::Signed(&answer.signature), Way::Signature)
        };
        if !server
            .authenticator
            .is_answered(&server.app, &key, &question, &answered)
        {
            return Ok(None);
        }
        server
            .authenticator
            .begin(&server.app, &key, way, &from.to_string())
    });
    match begun.await {
        Some(Ok(Some(begun))) => {
            server.counts.logins.fetch_add(1, Ordering::Relaxed);
            done(&begun)
        }
        Some(Ok(None)) => {
            server.counts.refused_logins.fetch_add(1, Ordering::Relaxed);
            (server.log)(&format!("a login from {from} was refused"));
            not_let_in()
        }
        Some(Err(error)) => fault(&server, &error),
        None => respond::refusal(500, "this is a fault of kubegrant", "please report it"),
    }
}

fn done(begun: &Begun) -> Response<Body> {
    respond::document(
        200,
        &LoginDone {
            token: begun.token.expose_secret().to_owned(),
            user: begun.user.name.to_string(),
            role: begun.user.role.to_string(),
            installation: begun.installation.to_string(),
            ends_at: begun.ends_at.timestamp(),
        },
    )
}

/// Ends one's own session.
pub(super) async fn out(
    State(server): State<Arc<ServerState>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let ended = server.with_store(move |server| {
        server
            .authenticator
            .end(&server.app, &caller.user, caller.session)
    });
    match ended.await {
        Some(Ok(())) => respond::document(200, &serde_json::json!({"ended": true})),
        Some(Err(error)) => fault(&server, &error),
        None => respond::refusal(500, "this is a fault of kubegrant", "please report it"),
    }
}
