//! Logging in with an OpenID issuer's word: at a terminal by the device flow, and with the token of a CI job.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::Response;

use super::{done, fault, too_often};
use crate::api::{DeviceAnswer, DeviceQuestion, TokenLogin};
use crate::domain::login::Way;
use crate::domain::oidc::{Claims, IssuerUrl, Provider};
use crate::domain::text::chain;
use crate::oidc::{Audience, Error, Expected, Party, issuer};
use crate::ops::login::{self, Found, Proven};
use crate::server::accept::Peer;
use crate::server::{ServerState, respond};

/// How long to wait between two questions where the issuer does not say (RFC 8628, section 3.2), in seconds.
const INTERVAL: u64 = 5;
/// The least that is asked of anybody, in seconds.
const INTERVAL_MIN: u64 = 2;
/// The longest code of a device that is passed on, in bytes.
const CODE_BYTES_MAX: usize = 4096;

impl ServerState {
    /// Whom people log in with.
    pub(in crate::server) async fn provider(self: &Arc<Self>) -> Result<Option<Provider>, ()> {
        match self.with_store(|server| login::provider(&server.app)).await {
            Some(Ok(provider)) => Ok(provider),
            Some(Err(error)) => {
                (self.log)(&format!("logging in: {}", chain(&error)));
                Err(())
            }
            None => Err(()),
        }
    }

    /// What this server is to the issuer of the organization.
    pub(in crate::server) fn party<'a>(&'a self, provider: &'a Provider) -> Party<'a> {
        Party {
            issuer: &provider.issuer,
            client_id: &provider.client_id,
            // What proves this server to one issuer is shown to no other.
            secret: self.client_secret.as_ref().and_then(|(of, secret)| {
                let is_it = of.issuer == provider.issuer && of.client_id == provider.client_id;
                is_it.then_some(secret)
            }),
        }
    }

    /// Begins a session for whoever a token is of.
    pub(in crate::server) async fn let_in(
        self: &Arc<Self>,
        token: CheckedToken,
    ) -> Option<Result<Found, crate::ops::Error>> {
        let from = token.from;
        let found = self.with_store(move |server| {
            let proven = Proven {
                issuer: &token.issuer,
                claims: &token.claims,
                wanted: token.wanted.as_deref(),
            };
            let from = from.to_string();
            server
                .authenticator
                .begin_by_token(&server.app, &proven, token.way, &from)
        });
        let found = found.await;
        let counted = match &found {
            Some(Ok(Found::One(_))) => &self.counts.logins,
            _ => &self.counts.refused_logins,
        };
        counted.fetch_add(1, Ordering::Relaxed);
        if let Some(Ok(Found::Nobody(bearer))) = &found {
            (self.log)(&format!(
                "a login from {from} was refused: nobody logs in as {bearer}"
            ));
        }
        found
    }
}

/// A token that was checked, and how it came.
pub(in crate::server) struct CheckedToken {
    /// Whose it is said to be by the issuer.
    pub(in crate::server) claims: Claims,
    /// Who issued it.
    pub(in crate::server) issuer: IssuerUrl,
    /// The user whom its bearer wants to be, where it may be several.
    pub(in crate::server) wanted: Option<String>,
    /// How its bearer logs in.
    pub(in crate::server) way: Way,
    /// From which address.
    pub(in crate::server) from: std::net::IpAddr,
}

/// What would help whoever a token does not let in.
struct Help<'a> {
    /// Where nobody logs in by it.
    nobody: &'a str,
    /// Where several do.
    several: &'a str,
}

fn no_store() -> Response<Body> {
    respond::refusal(503, "the store cannot be used", "try again in a moment")
}

fn no_provider() -> Response<Body> {
    respond::refusal(
        404,
        "people log in here with their keys alone",
        "run `kubegrant login URL` with your key",
    )
}

/// What whoever asked an issuer in vain is told.
fn not_had(server: &ServerState, error: &Error) -> Response<Body> {
    (server.log)(&format!("logging in: {error}"));
    match error {
        Error::Unreachable { .. } | Error::Garbled { .. } => respond::refusal(
            502,
            "the OpenID issuer cannot be asked now",
            "try again in a moment; the server's log says more",
        ),
        Error::Lacks { .. } => respond::refusal(404, &error.to_string(), ""),
        Error::Refused { .. } | Error::Token(_) => respond::refusal(401, &error.to_string(), ""),
    }
}

fn answered(
    server: &ServerState,
    found: Option<Result<Found, crate::ops::Error>>,
    help: &Help<'_>,
) -> Response<Body> {
    match found {
        Some(Ok(Found::One(begun))) => done(&begun),
        Some(Ok(Found::Nobody(bearer))) => {
            let what = format!("nobody logs in here as {bearer}");
            respond::refusal(401, &what, help.nobody)
        }
        Some(Ok(Found::Several(names))) => {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let what = format!("several log in by this token: {}", names.join(", "));
            respond::refusal(409, &what, help.several)
        }
        Some(Err(error)) => fault(server, &error),
        None => respond::refusal(500, "this is a fault of kubegrant", "please report it"),
    }
}

/// Begins the login of somebody at a terminal.
pub(in crate::server) async fn device(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
) -> Response<Body> {
    if !server.limits.may_ask_issuer(from) {
        return too_often();
    }
    let provider = match server.provider().await {
        Ok(Some(provider)) => provider,
        Ok(None) => return no_provider(),
        Err(()) => return no_store(),
    };
    match server.issuers.device(&server.party(&provider)).await {
        Err(error) => not_had(&server, &error),
        Ok(device) => respond::document(
            200,
            &DeviceQuestion {
                device_code: device.code,
                user_code: device.user_code,
                verification_uri: device.verification_uri,
                verification_uri_complete: device.verification_uri_complete,
                expires_in: device.expires_in,
                interval: device.interval.unwrap_or(INTERVAL).max(INTERVAL_MIN),
            },
        ),
    }
}

/// Says whether somebody agreed, and begins their session.
pub(in crate::server) async fn agreed(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    body: Result<Json<DeviceAnswer>, JsonRejection>,
) -> Response<Body> {
    let Ok(Json(answer)) = body else {
        return respond::refusal(400, "this is no code of a device", "");
    };
    if answer.device_code.len() > CODE_BYTES_MAX {
        return respond::refusal(400, "this is no code of a device", "");
    }
    if !server.limits.may_ask_issuer(from) || !server.limits.may_come_with(&answer.device_code) {
        return too_often();
    }
    let provider = match server.provider().await {
        Ok(Some(provider)) => provider,
        Ok(None) => return no_provider(),
        Err(()) => return no_store(),
    };
    let now = server.app.now().timestamp();
    let party = server.party(&provider);
    let agreed = server
        .issuers
        .agreed(&party, &answer.device_code, now)
        .await;
    match agreed {
        // Not yet (RFC 8628, section 3.5): whoever asks goes on.
        Err(Error::Refused { code, .. }) if is_pending(&code) => respond::refusal(202, &code, ""),
        Err(error) => not_had(&server, &error),
        Ok(claims) => {
            let token = CheckedToken {
                claims,
                issuer: provider.issuer,
                wanted: None,
                way: Way::Oidc,
                from,
            };
            let found = server.let_in(token).await;
            let help = Help {
                nobody: &ask_to_be_linked(),
                several: "let all but one log in otherwise: `kubegrant user set-oidc USER --none`",
            };
            answered(&server, found, &help)
        }
    }
}

fn is_pending(code: &str) -> bool {
    matches!(code, "authorization_pending" | "slow_down")
}

/// What helps somebody whom nobody linked.
pub(in crate::server) fn ask_to_be_linked() -> String {
    "ask an organization owner or admin to run `kubegrant user set-oidc USER --subject SUBJECT`"
        .to_owned()
}

/// Begins a session for the job that a token is of.
pub(in crate::server) async fn token(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    body: Result<Json<TokenLogin>, JsonRejection>,
) -> Response<Body> {
    let no_token = || respond::refusal(400, "this is no ID token", "");
    let Ok(Json(given)) = body else {
        return no_token();
    };
    if !server.limits.may_ask_issuer(from) || !server.limits.may_come_with(&given.token) {
        return too_often();
    }
    let named = issuer(&given.token).and_then(|it| it.parse::<IssuerUrl>().ok());
    let Some(named) = named else {
        return no_token();
    };
    let asked = named.clone();
    let looked = server.with_store(move |server| login::is_issuer_of_jobs(&server.app, &asked));
    match looked.await {
        Some(Ok(true)) => {}
        Some(Ok(false)) => {
            let what = "no job logs in here with tokens of this issuer";
            return respond::refusal(
                401,
                what,
                "an admin adds it: `kubegrant user add NAME --job`",
            );
        }
        Some(Err(error)) => return fault(&server, &error),
        None => return respond::refusal(500, "this is a fault of kubegrant", "please report it"),
    }
    let expected = Expected {
        issuer: named.as_str(),
        audience: Audience::Server(server.authenticator.origin()),
        nonce: None,
        access_token: None,
        now: server.app.now().timestamp(),
    };
    match server.issuers.verify(&named, &given.token, &expected).await {
        Err(error) => not_had(&server, &error),
        Ok(claims) => {
            let token = CheckedToken {
                claims,
                issuer: named,
                wanted: given.user,
                way: Way::Job,
                from,
            };
            let found = server.let_in(token).await;
            let help = Help {
                nobody: "its claims are not those that were pinned: see `kubegrant user show NAME`",
                several: "name one with `--user NAME`",
            };
            answered(&server, found, &help)
        }
    }
}
