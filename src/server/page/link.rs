//! A direct link: looking at it takes nothing, the button claims it, once.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Path, State};
use axum::http::{HeaderMap, Response};
use maud::html;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Named, ServerState, file, frame, is_from_here, page, refused};
use crate::api::{ROUTES, Terminal};
use crate::ops::share::{Claim, LinkSecret};
use crate::server::Call;
use crate::server::accept::Peer;

/// Shows the button. It is the same for every name: who previews addresses learns and takes nothing.
pub(super) async fn show(Path(id): Named) -> Response<Body> {
    let inside = html! {
        h1 { "Your kubeconfig" }
        p { "Somebody made this link for you. It gives you your kubeconfig once: press the button when you are ready to keep the file." }
        form method="post" action={ "/l/" (id) } data-keep="yes" {
            fieldset {
                label { "Secret (the part of the address behind #)"
                    input #code type="text" name="secret" autocomplete="off" spellcheck="false" required;
                }
                button .main type="submit" { "Get my kubeconfig" }
            }
        }
        script src="/enter.js" {}
    };
    page(200, &frame::alone("Your kubeconfig", &inside))
}

#[derive(Deserialize)]
pub(super) struct Given {
    secret: String,
}

fn void() -> Response<Body> {
    refused(
        404,
        "this link is void: it is used, over, or was never one",
        "ask whoever sent it to you for another",
    )
}

/// Claims it.
pub(super) async fn claim(
    State(server): State<Arc<ServerState>>,
    Extension(Peer(from)): Extension<Peer>,
    Path(id): Named,
    headers: HeaderMap,
    form: Result<Form<Given>, FormRejection>,
) -> Response<Body> {
    if !is_from_here(&server, &headers) {
        return refused(
            403,
            "this did not come from a page of this server",
            "open the link itself",
        );
    }
    if !server.limits.may_log_in(from, &id) {
        return refused(429, "that was too often", "wait a minute");
    }
    let Ok(Form(given)) = form else {
        return void();
    };
    let claimed = server.with_store(move |server| {
        let link = LinkSecret {
            id: &id,
            secret: &given.secret,
        };
        server
            .authenticator
            .claim(&server.app, &link, &from.to_string())
    });
    let claim = match claimed.await {
        Some(Ok(Some(claim))) => claim,
        Some(Ok(None)) => return void(),
        Some(Err(_)) | None => {
            return refused(503, "the store cannot be used", "try again in a moment");
        }
    };
    // To its end, also where whoever claimed it has left.
    let server = Arc::clone(&server);
    let handed = tokio::spawn(async move { hand_over(&server, claim).await });
    handed
        .await
        .unwrap_or_else(|_| refused(500, "this is a fault of kubegrant", "please report it"))
}

async fn hand_over(server: &Arc<ServerState>, claim: Claim) -> Response<Body> {
    let cluster = claim.cluster.to_string();
    let route = ROUTES
        .iter()
        .find(|it| it.verb == ["kubeconfig", "download"]);
    let Some(route) = route else {
        return void();
    };
    let mut fields = Map::new();
    fields.insert("cluster".to_owned(), Value::String(cluster.clone()));
    let call = Call {
        route,
        fields,
        user: claim.user.name.to_string(),
        way: None,
        format: "json".to_owned(),
        terminal: Terminal::default(),
        sitting: None,
    };
    let answer = server.run(call).await;
    match answer {
        Some(answer) if !answer.file.is_empty() => file(&format!("{cluster}.kubeconfig"), &answer),
        other => {
            let (exit, words) = match &other {
                Some(answer) => (answer.exit, answer.stderr.clone()),
                None => (7, "error: too much is going on".to_owned()),
            };
            let released = server.with_store(move |server| {
                server
                    .authenticator
                    .release(&server.app, &claim, "nothing was handed over")
            });
            let _told = released.await;
            let said = html! {
                h1 { "Not now" }
                (frame::messages(exit, &words))
                p { "Nothing was handed over, and the link still waits." }
            };
            page(crate::api::status(exit), &frame::alone("Not now", &said))
        }
    }
}
