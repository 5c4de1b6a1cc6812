//! `openapi.json`: what a server answers, made from the routes and from what the commands say of themselves.

use clap::{Arg, ArgAction, Command};
use serde_json::{Map, Value, json};

use super::relay;
use crate::api::{Method, ROOT, ROUTES, Route, in_path};

/// The document, as it is committed.
pub(crate) fn text() -> String {
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "kubegrant serve",
            "version": "v1",
            "description": "Each route carries out a command, for whoever is logged in: its data is that of \
                `-o json`, and the status says its exit code (0: 200, 2: 400, 3: 404, 4: 403, 5: 409, 6: 202, \
                7: 503, 8: 502). Made from the commands; see `kubegrant COMMAND --help`.",
        },
        "servers": [{ "url": ROOT }],
        "security": [{ "session": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "session": { "type": "http", "scheme": "bearer" },
            },
            "schemas": {
                "Outcome": {
                    "description": "What came of a command that did not simply succeed, or handed a file over.",
                    "type": "object",
                    "required": ["exit"],
                    "properties": {
                        "exit": { "type": "integer", "description": "The exit code of the command." },
                        "error": { "type": ["string", "null"] },
                        "hints": { "type": "array", "items": { "type": "string" } },
                        "warnings": { "type": "array", "items": { "type": "string" } },
                        "file": {
                            "type": ["string", "null"],
                            "description": "A kubeconfig, as an armored age file that the key of whoever asks opens.",
                        },
                        "data": { "description": "The JSON of `-o json`." },
                    },
                },
            },
        },
    });
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text + "\n"
}

fn paths() -> Value {
    let mut paths = Map::new();
    let mut put = |path: &str, method: Method, operation: Value| {
        let place = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(place) = place.as_object_mut() {
            place.insert(method.as_str().to_lowercase(), operation);
        }
    };
    for (path, summary, properties) in LOGIN {
        let needs = properties
            .iter()
            .map(|name| ((*name).to_owned(), json!({})));
        let body = json!({
            "required": true,
            "content": { "application/json": { "schema": {
                "type": "object", "required": properties, "properties": needs.collect::<Map<_, _>>(),
            } } },
        });
        let mut operation = json!({
            "operationId": path.trim_matches('/').replace('/', "-"),
            "summary": summary,
            "responses": responses(),
        });
        if path.starts_with("/login") {
            operation["security"] = json!([]);
        }
        if !properties.is_empty() {
            operation["requestBody"] = body;
        }
        put(path, Method::Post, operation);
    }
    for route in ROUTES {
        if let Some(command) = relay::command_of(route) {
            put(route.path, route.method, operation(route, &command));
        }
    }
    Value::Object(paths)
}

/// How a session begins and ends: each path, what it is for, and what it needs.
const LOGIN: [(&str, &str, &[&str]); 7] = [
    ("/login/challenge", "Ask for a question to a key", &["key"]),
    (
        "/login",
        "Begin a session with the answer of a key",
        &["key", "id", "until"],
    ),
    (
        "/login/device",
        "Begin a login at the organization's OpenID issuer: what a person does in a browser (RFC 8628)",
        &[],
    ),
    (
        "/login/device/agreed",
        "Begin a session once a person agreed there; 202 until they did",
        &["device_code"],
    ),
    (
        "/login/token",
        "Begin a session with the ID token of a CI job",
        &["token"],
    ),
    ("/logout", "End one's own session", &[]),
    ("/browser", "Get an address that opens the page, once", &[]),
];

fn operation(route: &Route, command: &Command) -> Value {
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
        "responses": responses(),
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

fn responses() -> Value {
    let outcome =
        json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Outcome" } } });
    let mut responses = json!({
        "200": { "description": "Done: the JSON of `-o json`", "content": { "application/json": {} } },
        "default": { "description": "Refused, or not done", "content": outcome },
    });
    let all = [
        ("202", "Recorded, and pending on the cluster"),
        ("401", "No session, or one that is over"),
        ("429", "Too often"),
    ];
    for (code, description) in all {
        responses[code] = json!({ "description": description, "content": outcome });
    }
    responses
}
