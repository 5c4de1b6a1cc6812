//! Answers: what each carries, whatever it is about.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::api::Outcome;

/// What every answer has. No script and no style of anybody else's is run, and no page of ours stands in one.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    // Not `no-referrer`: forms would say that they come from nowhere.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::STRICT_TRANSPORT_SECURITY,
        "max-age=31536000; includeSubDomains",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Puts what every answer has on one.
pub(super) fn guarded(mut answer: Response<Body>) -> Response<Body> {
    for (name, value) in HEADERS {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// An answer of a media type.
pub(super) fn of_type(status: u16, media: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = HeaderValue::from_static(media);
    answer.headers_mut().insert(header::CONTENT_TYPE, media);
    answer
}

/// A document.
pub(super) fn document(status: u16, value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => of_type(status, "application/json", bytes),
        Err(_) => of_type(500, "application/json", "{}"),
    }
}

/// A refusal by the server itself, before any command: what it is, and what would help.
pub(super) fn refusal(status: u16, what: &str, help: &str) -> Response<Body> {
    let exit = match status {
        202 => 6,
        401 | 403 => 4,
        404 => 3,
        400 | 405 | 413 | 415 => 2,
        409 | 429 => 5,
        502 => 8,
        503 => 7,
        _ => 1,
    };
    let hints = if help.is_empty() { vec![] } else { vec![help] };
    let outcome = Outcome {
        exit,
        error: Some(what),
        hints,
        ..Outcome::default()
    };
    document(status, &outcome)
}
