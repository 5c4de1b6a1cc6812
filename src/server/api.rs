//! The routes: who asks, what, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{QueryRejection, RawPathParamsRejection};
use axum::extract::{DefaultBodyLimit, Extension, Query, RawPathParams, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::routing::{MethodFilter, get, on, post};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{Call, ServerState, login, page, respond, shells};
use crate::api::{Answer, Method, Outcome, ROOT, ROUTES, RUN_TYPE, Route, TERMINAL_HEADER, status};
use crate::domain::login::{SessionId, Way};
use crate::domain::user::User;
use crate::secrets::SecretString;

/// The largest request that is read, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long one may take to come in.
const BODY_MAX: Duration = Duration::from_secs(10);
/// The shapes of data that can be asked for.
const FORMATS: [&str; 5] = ["json", "yaml", "table", "wide", "name"];

/// Who asks, with a session that is open.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who it is.
    pub(super) user: User,
    /// By which session.
    pub(super) session: SessionId,
    /// How it was begun.
    pub(super) way: Way,
}

/// All that is answered.
pub(super) fn router(server: Arc<ServerState>) -> Router {
    let mut calls = Router::new()
        .route("/logout", post(login::out))
        .route("/browser", post(page::code))
        .route("/shell/here", post(shells::here))
        .route("/shell/end", post(shells::end));
    for route in ROUTES {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        };
        let answer = move |server, caller, given, query, request| {
            let address = Addressed {
                route,
                given,
                query,
            };
            call(server, caller, address, request)
        };
        calls = calls.route(route.path, on(filter, answer));
    }
    let calls = calls.layer(axum::middleware::from_fn_with_state(
        Arc::clone(&server),
        known,
    ));
    let api = Router::new()
        .route("/login/challenge", post(login::begin))
        .route("/login", post(login::finish))
        .route("/login/device", post(login::oidc::device))
        .route("/login/device/agreed", post(login::oidc::agreed))
        .route("/login/token", post(login::oidc::token))
        .merge(calls);
    Router::new()
        .nest(ROOT, api)
        .merge(page::router(&server))
        .fallback(|uri: Uri| async move { nothing(&uri, 404, "there is nothing here") })
        .method_not_allowed_fallback(|uri: Uri| async move {
            nothing(&uri, 405, "this is not how it is asked for")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&server),
            counted,
        ))
        .with_state(server)
}

/// Reads a request whole before anything is done with it, in bounded time and size, and counts its answer.
async fn counted(
    State(server): State<Arc<ServerState>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(BODY_MAX, to_bytes(body, BODY_BYTES_MAX)).await;
    let answer = match read {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Ok(Err(_)) => respond::refusal(413, "the request is too large", ""),
        Err(_) => respond::refusal(408, "the request did not come in time", ""),
    };
    server.counts.answered(answer.status().as_u16());
    answer
}

/// What is not there: for a program, or for a person.
fn nothing(uri: &Uri, status: u16, what: &str) -> Response<Body> {
    if uri.path().starts_with(ROOT) {
        respond::refusal(status, what, "")
    } else {
        page::refused(status, what, "")
    }
}

fn not_logged_in() -> Response<Body> {
    let mut answer = respond::refusal(
        401,
        "nobody is logged in with this session",
        "run `kubegrant login URL`",
    );
    let bearer = header::HeaderValue::from_static("Bearer");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    answer
}

fn token(headers: &HeaderMap) -> Option<SecretString> {
    let mut said = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (said.next()?, said.next());
    let token = first.to_str().ok()?.strip_prefix("Bearer ")?;
    let is_one = second.is_none() && token.len() == 64;
    is_one.then(|| SecretString::from(token))
}

/// Lets those go on who have a session.
async fn known(
    State(server): State<Arc<ServerState>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let Some(token) = token(request.headers()) else {
        return not_logged_in();
    };
    let found = server
        .with_store(move |server| server.authenticator.find(&server.app, &token))
        .await;
    let (user, session) = match found {
        // What opens a page opens nothing else.
        Some(Ok(Some((user, session)))) if !session.way.is_page() => (user, session),
        Some(Ok(_)) => return not_logged_in(),
        Some(Err(error)) => {
            (server.log)(&format!(
                "a session: {}",
                crate::domain::text::chain(&error)
            ));
            return respond::refusal(503, "the store cannot be used", "try again in a moment");
        }
        None => return respond::refusal(500, "this is a fault of kubegrant", "please report it"),
    };
    if !server.limits.may_call(session.id.0) {
        return respond::refusal(429, "this session asks too often", "wait a moment");
    }
    request.extensions_mut().insert(Caller {
        user,
        session: session.id,
        way: session.way,
    });
    next.run(request).await
}

/// What stands in the path.
type Given = Result<RawPathParams, RawPathParamsRejection>;
/// What stands in the query.
type Asked = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// What was asked for, by its address.
struct Addressed {
    route: &'static Route,
    given: Given,
    query: Asked,
}

/// Carries out what a route is about.
async fn call(
    State(server): State<Arc<ServerState>>,
    Extension(caller): Extension<Caller>,
    address: Addressed,
    request: Request,
) -> Response<Body> {
    let route = address.route;
    let (Ok(given), Ok(Query(query))) = (address.given, address.query) else {
        return respond::refusal(400, "the address makes no sense", "");
    };
    let (head, body) = request.into_parts();
    let mut fields = Map::new();
    let mut format = "json".to_owned();
    for (name, value) in query {
        if name == "output" {
            format = value;
            continue;
        }
        match fields.entry(name) {
            serde_json::map::Entry::Vacant(place) => {
                place.insert(Value::String(value));
            }
            serde_json::map::Entry::Occupied(mut place) => {
                let before = place.get().clone();
                place.insert(Value::Array(vec![before, Value::String(value)]));
            }
        }
    }
    if !FORMATS.contains(&format.as_str()) {
        return respond::refusal(
            400,
            "there is no such output",
            "json, yaml, table, wide or name",
        );
    }
    match posted(route, &head.headers, body).await {
        Ok(posted) => fields.extend(posted),
        Err(refused) => return refused,
    }
    for (name, value) in &given {
        fields.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    let terminal = head.headers.get(TERMINAL_HEADER);
    let terminal = terminal.and_then(|it| it.to_str().ok()?.parse().ok());
    let call = Call {
        route,
        fields,
        user: caller.user.name.to_string(),
        way: Some(caller.way),
        format,
        terminal: terminal.unwrap_or_default(),
        sitting: None,
    };
    let is_json = call.format == "json";
    let is_plan = call.fields.get("dry_run").is_some_and(|it| *it == true);
    let answered = if route.verb == ["shell"] && !is_plan {
        server.begin_shell(call, &caller).await
    } else {
        server.run(call).await
    };
    let Some(answer) = answered else {
        return respond::refusal(503, "too much is going on", "try again in a moment");
    };
    let wants_all = head
        .headers
        .get(header::ACCEPT)
        .is_some_and(|it| it == RUN_TYPE);
    if wants_all {
        return respond::document(status(answer.exit), &answer);
    }
    plain(answer, is_json)
}

/// What comes in the body of a request that has one.
async fn posted(
    route: &Route,
    headers: &HeaderMap,
    body: Body,
) -> Result<Map<String, Value>, Response<Body>> {
    if matches!(route.method, Method::Get | Method::Delete) {
        return Ok(Map::new());
    }
    let read = to_bytes(body, BODY_BYTES_MAX).await;
    let bytes = read.map_err(|_| respond::refusal(413, "the request is too large", ""))?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    // Another site's form can send no JSON.
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let is_json = is_json.and_then(|it| it.split(';').next()) == Some("application/json");
    if !is_json {
        return Err(respond::refusal(415, "the body is not said to be JSON", ""));
    }
    serde_json::from_slice(&bytes)
        .map_err(|_| respond::refusal(400, "the body is no JSON object", ""))
}

/// The answer for those who read JSON: the data, or why there is none.
fn plain(mut answer: Answer, is_json: bool) -> Response<Body> {
    let code = status(answer.exit);
    let data = std::mem::take(&mut answer.stdout);
    if answer.exit == 0 && answer.file.is_empty() {
        // A public key is a line in every format.
        let media = if is_json && serde_json::from_str::<IgnoredAny>(&data).is_ok() {
            "application/json"
        } else {
            "text/plain; charset=utf-8"
        };
        return respond::of_type(code, media, data);
    }
    let messages = messages(&answer.stderr);
    let of_kind = |kind: &str| -> Vec<&str> {
        let of_this = messages.iter().filter(|(it, _)| *it == kind);
        of_this.map(|(_, text)| text.as_str()).collect()
    };
    let outcome = Outcome {
        exit: answer.exit,
        error: of_kind("error:").first().copied(),
        hints: of_kind("hint:"),
        warnings: of_kind("warning:"),
        file: Some(answer.file.as_str()).filter(|file| !file.is_empty()),
        data: match serde_json::from_str(&data) {
            Ok(data) if is_json => data,
            _ if data.is_empty() => Value::Null,
            _ => Value::String(data),
        },
    };
    respond::document(code, &outcome)
}

/// The messages of a command, by kind: a line without a kind goes on with the one before.
fn messages(text: &str) -> Vec<(&'static str, String)> {
    let mut messages: Vec<(&'static str, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let kinds = ["error:", "hint:", "warning:"];
        let kind = kinds.into_iter().find(|kind| line.starts_with(kind));
        match (kind, messages.last_mut()) {
            (Some(kind), _) => {
                let rest = line.strip_prefix(kind).unwrap_or_default();
                messages.push((kind, rest.trim().to_owned()));
            }
            (None, Some((_, before))) if line.starts_with(' ') => {
                before.push('\n');
                before.push_str(line.trim());
            }
            (None, _) => messages.push(("", line.to_owned())),
        }
    }
    messages
}

/// How the server is, for machines of one's own.
pub(super) fn health(server: Arc<ServerState>) -> Router {
    let ready = |State(server): State<Arc<ServerState>>| async move {
        let looked = server
            .with_store(|server| server.authenticator.is_ready(&server.app))
            .await;
        if looked == Some(true) {
            (StatusCode::OK, "ready\n")
        } else {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "it cannot serve: see its log\n",
            )
        }
    };
    let metrics = |State(server): State<Arc<ServerState>>| async move { server.counts.text() };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(server)
}
