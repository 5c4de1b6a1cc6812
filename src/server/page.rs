//! The page: what the command line does, for those who would rather click. Rendered here, without a script but
//! the one that carries a code from an address into a form.
//!
//! It has no rules and no words of its own: it asks for the same commands as everybody, in JSON, and shows what
//! they say. What changes something is one form, which names the command.

mod cluster;
mod clusters;
mod enter;
mod frame;
mod link;
mod oidc;
mod others;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::middleware::Next;
use axum::routing::{get, post};
use maud::Markup;
use serde_json::{Map, Value};

use super::api::Caller;
use super::{Call, ServerState, respond};
use crate::api::{Answer, ROUTES, Terminal};
use crate::secrets::{ExposeSecret, SecretString};

pub(super) use enter::{Codes, code};

/// The cookie of a session; browsers send it to this host alone, over TLS, and to no script.
const COOKIE: &str = "__Host-kubegrant";

/// What forms of the page ask for: nothing else is done at a page's word.
const DEEDS: [&str; 9] = [
    "access grant",
    "access revoke",
    "kubeconfig download",
    "kubeconfig rotate",
    "rbac unbind",
    "ssh-key download",
    "team restore",
    "team revoke",
    "team rotate",
];

/// What a form says where a grant is to end when it ends now.
const SAME_END: &str = "same";

/// Messages for a session that were not shown yet.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<HashMap<i64, Notice>>);

/// The messages of a command.
#[derive(Debug, Clone)]
struct Notice {
    exit: u8,
    text: String,
}

impl Notices {
    /// How many are kept: whoever does not look loses theirs.
    const MAX: usize = 10_000;

    fn put(&self, session: i64, notice: Notice) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= Self::MAX {
            kept.clear();
        }
        kept.insert(session, notice);
    }

    fn take(&self, session: i64) -> Option<Notice> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&session)
    }
}

/// Somebody who looks at the page.
#[derive(Clone)]
struct Visitor {
    caller: Caller,
    /// What stands in each of their forms: no other site knows it.
    form: String,
}

/// All pages.
pub(super) fn router(server: &Arc<ServerState>) -> Router<Arc<ServerState>> {
    let inside = Router::new()
        .route("/", get(clusters::show))
        .route("/clusters/{cluster}", get(cluster::show))
        .route("/clusters/{cluster}/roles", get(others::roles))
        .route("/projects", get(others::projects))
        .route("/projects/{project}", get(others::project))
        .route("/audit", get(others::audit))
        .route("/do", post(perform))
        .route("/leave", post(enter::leave))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(server),
            known,
        ));
    let outside = Router::new()
        .route("/enter", get(enter::show).post(enter::enter))
        .route("/oidc/login", get(oidc::begin))
        .route("/oidc/callback", get(oidc::finish))
        .route("/l/{id}", get(link::show).post(link::claim))
        .route("/style.css", get(frame::style))
        .route("/enter.js", get(frame::script));
    inside.merge(outside)
}

fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn cookie(headers: &HeaderMap) -> Option<SecretString> {
    let value = cookie_of(headers, COOKIE)?;
    (value.len() == 64).then(|| SecretString::from(value))
}

/// Whether a request that changes something comes from a page of ours: a browser says so, and who does not say
/// is none.
fn is_from_here(server: &ServerState, headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let origin =
        said("origin").is_some_and(|it| it.eq_ignore_ascii_case(server.authenticator.origin()));
    let site = said("sec-fetch-site").is_none_or(|it| it == "same-origin");
    origin && site
}

/// A page that cannot be shown, and what to do.
pub(super) fn refused(status: u16, what: &str, help: &str) -> Response<Body> {
    page(status, &frame::alone(what, &frame::sorry(what, help)))
}

fn page(status: u16, markup: &Markup) -> Response<Body> {
    respond::of_type(status, "text/html; charset=utf-8", markup.0.clone())
}

fn see(place: &str) -> Response<Body> {
    let mut answer = respond::of_type(303, "text/plain", "");
    if let Ok(place) = HeaderValue::from_str(place) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    answer
}

/// Lets those go on who are logged in; the others are told how.
async fn known(
    State(server): State<Arc<ServerState>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let is_change = !request.method().is_safe();
    if is_change && !is_from_here(&server, request.headers()) {
        return refused(
            403,
            "this did not come from a page of this server",
            "open the page at its own address, and do it there",
        );
    }
    let Some(token) = cookie(request.headers()) else {
        return see("/enter");
    };
    let form = server.authenticator.form_code(token.expose_secret());
    let found = server.with_store(move |server| server.authenticator.find(&server.app, &token));
    let (user, session) = match found.await {
        Some(Ok(Some((user, session)))) if session.way.is_page() => (user, session),
        Some(Ok(_)) => return see("/enter"),
        Some(Err(_)) | None => {
            return refused(503, "the store cannot be used", "try again in a moment");
        }
    };
    if !server.limits.may_call(session.id.0) {
        return refused(429, "that was too often", "wait a moment");
    }
    request.extensions_mut().insert(Visitor {
        caller: Caller {
            user,
            session: session.id,
            way: session.way,
        },
        form,
    });
    next.run(request).await
}

impl Visitor {
    /// Has a command carried out, with these arguments.
    async fn ask(
        &self,
        server: &Arc<ServerState>,
        verb: &[&str],
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        self.call(server, verb, fields.collect()).await
    }

    async fn call(
        &self,
        server: &Arc<ServerState>,
        verb: &[&str],
        fields: Map<String, Value>,
    ) -> Option<Answer> {
        let route = ROUTES.iter().find(|route| route.verb == verb)?;
        let call = Call {
            route,
            fields,
            user: self.caller.user.name.to_string(),
            way: Some(self.caller.way),
            format: "json".to_owned(),
            terminal: Terminal::default(),
            sitting: None,
        };
        server.run(call).await
    }

    /// The same, for what only looks: the data, or the page that says why there is none.
    async fn look(
        &self,
        server: &Arc<ServerState>,
        verb: &[&str],
        fields: &[(&str, &str)],
    ) -> Result<Value, Response<Body>> {
        let busy = || refused(503, "too much is going on", "try again in a moment");
        let answer = self.ask(server, verb, fields).await.ok_or_else(busy)?;
        if answer.exit == 0 {
            return Ok(serde_json::from_str(&answer.stdout).unwrap_or_default());
        }
        let shown = frame::messages(answer.exit, &answer.stderr);
        let status = crate::api::status(answer.exit);
        Err(page(
            status,
            &frame::whole(self, "Not to be had", None, &shown),
        ))
    }

    /// Messages for them that were not shown yet.
    fn notice(&self, server: &ServerState) -> Option<Notice> {
        server.notices.take(self.caller.session.0)
    }
}

/// Carries out what a form asks for.
async fn perform(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response<Body> {
    let Ok(Form(given)) = form else {
        return refused(
            400,
            "this is no form of this page",
            "go back, and try again",
        );
    };
    let mut fields: Map<String, Value> = Map::new();
    let (mut token, mut verb, mut back) = (String::new(), String::new(), "/".to_owned());
    for (name, value) in given {
        match name.as_str() {
            "form" => token = value,
            "verb" => verb = value,
            "back" => back = value,
            _ if value.is_empty() => {}
            _ => {
                fields.insert(name, Value::String(value));
            }
        }
    }
    if token != visitor.form {
        return refused(
            403,
            "this form is from another session",
            "go back, load the page again, and try once more",
        );
    }
    if !back.starts_with('/')
        || back.starts_with("//")
        || back.contains('\\')
        || back.chars().any(char::is_control)
    {
        "/".clone_into(&mut back);
    }
    // The level that a person chose is a command.
    if verb == "access set" {
        let ends_at = fields.remove("ends_at");
        if fields.get("lasting").and_then(Value::as_str) == Some(SAME_END) {
            fields.remove("lasting");
            fields.extend(ends_at.map(|it| ("until".to_owned(), it)));
        }
        let level = fields.get("level").and_then(Value::as_str);
        verb = if level == Some("none") {
            fields.retain(|name, _| name == "cluster" || name == "user" || name == "yes");
            "access revoke".to_owned()
        } else {
            "access grant".to_owned()
        };
    }
    let words: Vec<&str> = verb.split(' ').collect();
    if !DEEDS.contains(&verb.as_str()) {
        return refused(
            400,
            "there is no such command",
            "go back, and load the page again",
        );
    }
    let Some(answer) = visitor.call(&server, &words, fields.clone()).await else {
        return refused(503, "this cannot be done now", "try again in a moment");
    };
    if let Some(question) = answer.question.as_ref().filter(|_| answer.exit == 2) {
        let action = frame::FormAction {
            verb: &verb,
            back: &back,
        };
        let asked = frame::question(&visitor, question, action, &fields);
        return page(200, &frame::whole(&visitor, "Are you sure?", None, &asked));
    }
    if !answer.file.is_empty() {
        let cluster = fields.get("cluster").and_then(Value::as_str);
        let cluster = cluster.unwrap_or("kubeconfig");
        let name = if words == ["ssh-key", "download"] {
            format!("ssh-key-{cluster}.pem")
        } else {
            format!("{cluster}.kubeconfig")
        };
        return file(&name, &answer);
    }
    let notice = Notice {
        exit: answer.exit,
        text: answer.stderr.clone(),
    };
    server.notices.put(visitor.caller.session.0, notice);
    see(&back)
}

/// A file that is handed over: sealed to whoever is logged in, unless they have no key.
fn file(name: &str, answer: &Answer) -> Response<Body> {
    let is_sealed = answer.file.starts_with("-----BEGIN AGE");
    let end = if is_sealed { ".age" } else { "" };
    let mut handed = respond::of_type(200, "application/octet-stream", answer.file.clone());
    let name = format!("attachment; filename=\"{name}{end}\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        handed
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    handed
}

/// The name of a cluster or project in an address.
type Named = Path<String>;
