//! The `Status` object: every refusal of the API server.

use serde_json::{Map, Value, json};

use crate::resource::Resource;

/// A refusal, ready to be rendered as a Kubernetes `Status`.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// The HTTP status code.
    pub(crate) code: u16,
    /// The machine-readable reason, `Forbidden` for instance; may be empty.
    pub(crate) reason: &'static str,
    /// The sentence a person reads.
    pub(crate) message: String,
    /// The `details` object, absent when there is nothing to say.
    pub(crate) details: Option<Value>,
}

/// One cause inside `details.causes`.
pub(crate) struct Cause {
    /// `FieldValueInvalid` and its kin.
    pub(crate) reason: &'static str,
    /// The cause in words, without the field.
    pub(crate) message: String,
    /// The field's path.
    pub(crate) field: String,
}

impl Cause {
    /// A value that the rules of its field refuse.
    pub(crate) fn invalid(field: &str, value: &str, why: &str) -> Cause {
        Cause {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {why}"),
            field: field.to_owned(),
        }
    }

    /// A value that must not be there.
    pub(crate) fn forbidden(field: &str, why: &str) -> Cause {
        Cause {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {why}"),
            field: field.to_owned(),
        }
    }

    /// A field that has to be there.
    pub(crate) fn required(field: &str, why: &str) -> Cause {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Cause {
            reason: "FieldValueRequired",
            message,
            field: field.to_owned(),
        }
    }

    /// A value outside a closed list.
    pub(crate) fn unsupported(field: &str, value: &str, supported: &str) -> Cause {
        Cause {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value:?}: supported values: {supported:?}"),
            field: field.to_owned(),
        }
    }
}

impl Status {
    /// The body a client reads.
    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("kind".into(), "Status".into());
        body.insert("apiVersion".into(), "v1".into());
        body.insert("metadata".into(), json!({}));
        body.insert("status".into(), "Failure".into());
        body.insert("message".into(), self.message.clone().into());
        if !self.reason.is_empty() {
            body.insert("reason".into(), self.reason.into());
        }
        if let Some(details) = &self.details {
            body.insert("details".into(), details.clone());
        }
        body.insert("code".into(), self.code.into());
        Value::Object(body)
    }

    fn new(code: u16, reason: &'static str, message: String, details: Option<Value>) -> Status {
        Status {
            code,
            reason,
            message,
            details,
        }
    }

    /// 401: no credential that the server knows.
    pub(crate) fn unauthorized() -> Status {
        Status::new(401, "Unauthorized", "Unauthorized".into(), None)
    }

    /// 404 for one object.
    pub(crate) fn not_found(resource: &Resource, name: &str) -> Status {
        let message = format!("{} {name:?} not found", resource.qualified());
        Status::new(
            404,
            "NotFound",
            message,
            Some(details(resource.group, resource.plural, name)),
        )
    }

    /// 404 for a path whose resource the server does not have.
    pub(crate) fn no_such_resource() -> Status {
        Status::new(
            404,
            "NotFound",
            "the server could not find the requested resource".into(),
            Some(json!({})),
        )
    }

    /// 409 for a name that is taken, perhaps by an object that is on its way out.
    pub(crate) fn already_exists(resource: &Resource, name: &str, terminating: bool) -> Status {
        let going = if terminating {
            "object is being deleted: "
        } else {
            ""
        };
        let message = format!("{going}{} {name:?} already exists", resource.qualified());
        let details = details(resource.group, resource.plural, name);
        Status::new(409, "AlreadyExists", message, Some(details))
    }

    /// 409 for a stale write; `kind` is a plural or, for preconditions, a kind.
    pub(crate) fn conflict(group: &str, kind: &str, name: &str, why: &str) -> Status {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {why}",
            qualify(group, kind)
        );
        Status::new(409, "Conflict", message, Some(details(group, kind, name)))
    }

    /// 409 for fields that other managers own; the causes are already in words.
    pub(crate) fn apply_conflict(message: String, causes: &[Value]) -> Status {
        Status::new(409, "Conflict", message, Some(json!({ "causes": causes })))
    }

    /// 403 with the resource as the subject of the sentence.
    pub(crate) fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Status {
        let message = match (plural.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{} is forbidden: {why}", qualify(group, plural)),
            (false, false) => format!("{} {name:?} is forbidden: {why}", qualify(group, plural)),
        };
        Status::new(
            403,
            "Forbidden",
            message,
            Some(details(group, plural, name)),
        )
    }

    /// 403 for new content in a namespace that is going away.
    pub(crate) fn terminating(resource: &Resource, name: &str, namespace: &str) -> Status {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let mut status = Status::forbidden(resource.group, resource.plural, name, &why);
        if let Some(Value::Object(details)) = &mut status.details {
            details.insert(
                "causes".into(),
                json!([{
                    "reason": "NamespaceTerminating",
                    "message": format!("namespace {namespace} is being terminated"),
                    "field": "metadata.namespace",
                }]),
            );
        }
        status
    }

    /// 422 with its causes.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Status {
        let lines: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let text = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} {name:?} is invalid: {text}", qualify(group, kind));
        let mut details = details(group, kind, name);
        if let Value::Object(details) = &mut details {
            let causes = causes.iter().map(|cause| {
                json!({
                    "reason": cause.reason, "message": cause.message, "field": cause.field,
                })
            });
            details.insert("causes".into(), causes.collect());
        }
        Status::new(422, "Invalid", message, Some(details))
    }

    /// 400: the request makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Status {
        Status::new(400, "BadRequest", message.into(), None)
    }

    /// 405: the resource does not take this verb.
    pub(crate) fn method_not_allowed() -> Status {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Status::new(405, "MethodNotAllowed", message, Some(json!({})))
    }

    /// 406: the resource cannot be shown in this form.
    pub(crate) fn not_acceptable(message: String) -> Status {
        Status::new(406, "NotAcceptable", message, None)
    }

    /// 410: a list of a state that is no longer known, or the rest of one.
    pub(crate) fn expired(of_the_rest: bool) -> Status {
        let message = if of_the_rest {
            "The provided continue parameter is too old to display a consistent list result. You \
             can start a new list without the continue parameter, or use the continue token in \
             this response to retrieve the remainder of the results. Continuing with the provided \
             token results in an inconsistent list - objects that were created, modified, or \
             deleted between the time the first chunk was returned and now may show up in the list."
        } else {
            "The resourceVersion for the provided list is too old."
        };
        Status::new(410, "Expired", message.into(), None)
    }

    /// 413: a body that is too large; the limit in bytes.
    pub(crate) fn too_large(limit: usize) -> Status {
        let message = format!("Request entity too large: limit is {limit}");
        Status::new(413, "RequestEntityTooLarge", message, Some(json!({})))
    }

    /// 415: a body in a format the server does not read.
    pub(crate) fn unsupported_media_type(accepted: &str) -> Status {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             {accepted}"
        );
        Status::new(415, "UnsupportedMediaType", message, None)
    }

    /// 500: the sandbox itself is at fault.
    pub(crate) fn internal(why: &str) -> Status {
        let message = format!("Internal error occurred: {why}");
        let details = json!({ "causes": [{ "message": why }] });
        Status::new(500, "InternalError", message, Some(details))
    }

    /// What a fault answers: the status a real server gives with this code.
    pub(crate) fn fault(code: u16, retry_after_seconds: Option<u64>) -> Status {
        let (reason, message) = match code {
            400 => (
                "BadRequest",
                "the server rejected our request for an unknown reason",
            ),
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden: refused by a fault of the sandbox"),
            404 => (
                "NotFound",
                "the server could not find the requested resource",
            ),
            409 => (
                "Conflict",
                "Operation cannot be fulfilled: the object has been modified; please apply your \
                 changes to the latest version and try again",
            ),
            422 => (
                "Invalid",
                "the server rejected our request due to an error in our request",
            ),
            429 => (
                "TooManyRequests",
                "The apiserver is currently handling too many requests, please try again later.",
            ),
            500 => (
                "InternalError",
                "Internal error occurred: a fault of the sandbox",
            ),
            503 => ("ServiceUnavailable", "apiserver is shutting down"),
            504 => (
                "Timeout",
                "Timeout: request did not complete within the allotted timeout",
            ),
            _ => ("", "a fault of the sandbox"),
        };
        let details = retry_after_seconds.map(|seconds| json!({ "retryAfterSeconds": seconds }));
        Status::new(code, reason, message.into(), details)
    }
}

/// `plural.group`, or the plural alone in the core group.
pub(crate) fn qualify(group: &str, kind: &str) -> String {
    if group.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}.{group}")
    }
}

fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(key.into(), value.into());
        }
    }
    Value::Object(details)
}
