//! `openapi.json`: what a server answers, made from the routes and from what the commands say of themselves.

use clap::{Arg, ArgAction, Command};
use serde_json::{Map, Value, json};

use super::relay;
use super::schema::{Schema, Views, any_of};
use super::shown;
use super::views::plan::PlanView;
use crate::api::{Method, ROOT, ROUTES, Route, in_path};

/// The document, as it is committed.
pub(crate) fn text() -> String {
    let mut views = Views::default();
    let paths = paths(&mut views);
    let mut schemas = Map::new();
    schemas.insert("Outcome".to_owned(), outcome());
    schemas.extend(views.into_schemas());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "kubegrant serve",
            "version": "v1",
            "description": "Each route carries out a command, for whoever is logged in: its data is that of \
                `-o json`, and the status says its exit code (0: 200, 2: 400, 3: 404, 4: 403, 5: 409, 6: 202, \
                7: 503, 8: 502). Made from the commands and what they show; see `kubegrant COMMAND --help`. \
                A later version may answer more fields.",
        },
        "servers": [{ "url": ROOT }],
        "security": [{ "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": { "type": "http", "scheme": "bearer" },
            },
            "responses": of_server(),
            "schemas": schemas,
        },
    });
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text + "\n"
}

/// [`crate::api::Outcome`].
fn outcome() -> Value {
    json!({
        "description": "What came of a request that did not simply succeed, or handed a file over.",
        "type": "object",
        "additionalProperties": false,
        "required": ["exit", "error", "hints", "warnings", "file", "data"],
        "properties": {
            "exit": { "type": "integer", "description": "The exit code of the command." },
            "error": { "type": ["string", "null"] },
            "hints": { "type": "array", "items": { "type": "string" } },
            "warnings": { "type": "array", "items": { "type": "string" } },
            "file": {
                "type": ["string", "null"],
                "description": "A kubeconfig, as an armored age file that the key of whoever asks opens.",
            },
            "data": { "description": "The JSON of `-o json`, where there is any and it was asked for." },
        },
    })
}

fn paths(views: &mut Views) -> Value {
    let mut paths = Map::new();
    let mut put = |path: &str, method: Method, operation: Value| {
        let place = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(place) = place.as_object_mut() {
            place.insert(method.as_str().to_lowercase(), operation);
        }
    };
    for step in LOGIN {
        put(step.path, Method::Post, step.operation());
    }
    for route in ROUTES {
        if let Some(command) = relay::command_of(route) {
            let operation = operation(route, &command, views);
            put(route.path, route.method, operation);
        }
    }
    Value::Object(paths)
}

/// How a session begins or ends.
struct LoginStep {
    path: &'static str,
    /// What it is for.
    summary: &'static str,
    /// The fields of the request, with their types.
    asks: &'static [(&'static str, &'static str)],
    /// The fields of the answer, with their types.
    answers: &'static [(&'static str, &'static str)],
}

/// What a session that begins is told by.
const BEGUN: &[(&str, &str)] = &[
    ("token", "string"),
    ("user", "string"),
    ("role", "string"),
    ("installation", "string"),
    ("ends_at", "integer"),
];

const LOGIN: [LoginStep; 9] = [
    LoginStep {
        path: "/login/challenge",
        summary: "Ask for a question to a key",
        asks: &[("key", "string")],
        answers: &[
            ("id", "string"),
            ("until", "integer"),
            ("sealed", "string"),
            ("text", "string"),
        ],
    },
    LoginStep {
        path: "/login",
        summary: "Begin a session with the answer of a key",
        asks: &[
            ("key", "string"),
            ("id", "string"),
            ("until", "integer"),
            ("answer?", "string"),
            ("signature?", "string"),
        ],
        answers: BEGUN,
    },
    LoginStep {
        path: "/login/device",
        summary: "Begin a login at the organization's OpenID issuer: what a person does in a browser (RFC 8628)",
        asks: &[],
        answers: &[
            ("device_code", "string"),
            ("user_code", "string"),
            ("verification_uri", "string"),
            ("verification_uri_complete?", "string"),
            ("expires_in", "integer"),
            ("interval", "integer"),
        ],
    },
    LoginStep {
        path: "/login/device/agreed",
        summary: "Begin a session once a person agreed there; 202 until they did",
        asks: &[("device_code", "string")],
        answers: BEGUN,
    },
    LoginStep {
        path: "/login/token",
        summary: "Begin a session with the ID token of a CI job",
        asks: &[("token", "string"), ("user?", "string")],
        answers: BEGUN,
    },
    LoginStep {
        path: "/logout",
        summary: "End one's own session",
        asks: &[],
        answers: &[("ended", "boolean")],
    },
    LoginStep {
        path: "/shell/here",
        summary: "Say that a shell is still in use: after a minute without it ends",
        asks: &[("id", "string")],
        answers: &[("lives", "boolean")],
    },
    LoginStep {
        path: "/shell/end",
        summary: "End a shell, and its credential",
        asks: &[("id", "string")],
        answers: &[("exit", "integer"), ("words", "string")],
    },
    LoginStep {
        path: "/browser",
        summary: "Get an address that opens the page, once",
        asks: &[],
        answers: &[("url", "string")],
    },
];

impl LoginStep {
    fn operation(&self) -> Value {
        let mut responses = json!({
            "200": { "description": "Done", "content": as_json(&closed(self.answers)) },
        });
        refusals(&mut responses, &outcome_ref());
        let mut operation = json!({
            "operationId": self.path.trim_matches('/').replace('/', "-"),
            "summary": self.summary,
            "responses": responses,
        });
        // Whoever logs in has no session yet.
        if self.path.starts_with("/login") {
            operation["security"] = json!([]);
        }
        if !self.asks.is_empty() {
            operation["requestBody"] = json!({
                "required": true,
                "content": as_json(&closed(self.asks)),
            });
        }
        operation
    }
}

/// An object with these fields and no others; `?` stands behind the name of one that may be left out.
pub(super) fn closed(fields: &[(&str, &str)]) -> Value {
    let names = fields.iter().map(|(name, _)| *name);
    let names: Vec<&str> = names.filter(|name| !name.ends_with('?')).collect();
    let properties = fields.iter().map(|(name, kind)| {
        let name = name.trim_end_matches('?');
        (name.to_owned(), json!({ "type": kind }))
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": names,
        "properties": properties.collect::<Map<_, _>>(),
    })
}

fn as_json(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn operation(route: &Route, command: &Command, views: &mut Views) -> Value {
    let arg = |name: &str| command.get_arguments().find(|arg| arg.get_id() == name);
    let in_query = matches!(route.method, Method::Get | Method::Delete);
    let mut parameters: Vec<Value> = in_path(route.path)
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true, "description": about(arg(name)),
                "schema": { "type": "string" },
            })
        })
        .collect();
    parameters.push(json!({
        "name": "output", "in": "query", "description": "The shape of the data",
        "schema": { "enum": ["json", "yaml", "table", "wide", "name"], "default": "json" },
    }));
    let fields = route.fields.iter();
    if in_query {
        parameters.extend(fields.clone().map(|name| {
            json!({
                "name": name, "in": "query", "description": about(arg(name)), "schema": schema(arg(name)),
            })
        }));
    }
    let mut operation = json!({
        "operationId": route.verb.join("-"),
        "summary": command.get_about().map(ToString::to_string).unwrap_or_default(),
        "description": format!("`kubegrant {}`", route.verb.join(" ")),
        "parameters": parameters,
        "responses": responses(route, views),
    });
    if !in_query {
        let properties = fields.map(|name| {
            let mut of_one = schema(arg(name));
            of_one["description"] = json!(about(arg(name)));
            ((*name).to_owned(), of_one)
        });
        operation["requestBody"] = json!({
            "content": { "application/json": { "schema": {
                "type": "object",
                "additionalProperties": false,
                "properties": properties.collect::<Map<_, _>>(),
            } } },
        });
    }
    operation
}

/// What an argument is for; `yes` is every command's.
fn about(arg: Option<&Arg>) -> String {
    let help = arg.and_then(Arg::get_help).map(ToString::to_string);
    help.unwrap_or_else(|| "Answer yes to every question".to_owned())
}

fn schema(arg: Option<&Arg>) -> Value {
    let is_switch = arg.is_none_or(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    if is_switch {
        return json!({ "type": "boolean" });
    }
    json!({ "type": "string" })
}

/// Whether a command shows a plan where it is asked with `dry_run`. Those of `team` list what would come of each
/// cluster, as they do of what was done.
fn shows_plan(route: &Route) -> bool {
    route.fields.contains(&"dry_run") && route.verb.first() != Some(&"team")
}

fn outcome_ref() -> Value {
    json!({ "$ref": "#/components/schemas/Outcome" })
}

/// An [`outcome`] of a command that shows this; with a file or without one.
fn outcome_of(data: &Value, hands_over: bool) -> Value {
    let mut properties = json!({ "data": data });
    if hands_over {
        properties["file"] = json!({ "type": "string" });
    }
    json!({ "allOf": [outcome_ref(), { "properties": properties }] })
}

fn responses(route: &Route, views: &mut Views) -> Value {
    let view = shown::schema(route.verb, views).unwrap_or_default();
    let hands_over = route.fixed.contains(&"--file=-") || route.verb == ["shell"];
    let nothing = json!({ "type": "null" });
    let done = if hands_over {
        // There is no data where another output was asked for.
        outcome_of(&any_of(&[view.clone(), nothing.clone()]), true)
    } else {
        view.clone()
    };
    let (done, refused) = if shows_plan(route) {
        let plan = PlanView::schema(views);
        let refused = any_of(&[view, plan.clone(), nothing]);
        (any_of(&[done, plan]), refused)
    } else {
        (done, any_of(&[view, nothing]))
    };
    let mut content = as_json(&done);
    content["text/plain"] = json!({ "schema": { "type": "string" } });
    let refused = outcome_of(&refused, false);
    let mut responses = json!({
        "200": {
            "description": "Done: the JSON of `-o json`, or as text what else `output` asks for",
            "content": content,
        },
        "202": {
            "description": "Recorded, and pending on the cluster",
            "content": as_json(&refused),
        },
    });
    refusals(&mut responses, &refused);
    responses
}

/// What every route may answer.
fn refusals(responses: &mut Value, refused: &Value) {
    responses["401"] = json!({ "$ref": "#/components/responses/NoSession" });
    responses["429"] = json!({ "$ref": "#/components/responses/TooOften" });
    responses["default"] =
        json!({ "description": "Refused, or not done", "content": as_json(refused) });
}

/// What the server itself says, whatever it was asked.
fn of_server() -> Value {
    let content = as_json(&outcome_ref());
    json!({
        "NoSession": { "description": "No session, or one that is over", "content": content },
        "TooOften": { "description": "Too often", "content": content },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_says_what_it_answers() {
        for route in ROUTES {
            let schema = shown::schema(route.verb, &mut Views::default());
            assert!(schema.is_some(), "{:?}", route.verb);
        }
    }
}
