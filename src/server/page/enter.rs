//! Coming in with a code that `kubegrant login --browser` made, and going out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use chrono::TimeDelta;
use maud::html;
use serde::Deserialize;

use super::{COOKIE, Hall, Visitor, frame, is_from_here, page, refused, see};
use crate::api::PageOpened;
use crate::domain::Timestamp;
use crate::domain::text::hex;
use crate::domain::user::UserId;
use crate::secrets::ExposeSecret;
use crate::server::accept::Peer;
use crate::server::api::Caller;
use crate::server::respond;

/// How long a code may be used, once.
const LIFE: TimeDelta = TimeDelta::minutes(1);
/// How many are known at once.
const MAX: usize = 1_000;

/// The codes that bring somebody in, each once.
#[derive(Debug, Default)]
pub(in crate::server) struct Codes(Mutex<BTreeMap<String, (UserId, Timestamp)>>);

impl Codes {
    fn put(&self, code: String, user: UserId, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, until)| now < *until);
        let is_room = known.len() < MAX;
        if is_room {
            known.insert(code, (user, now + LIFE));
        }
        is_room
    }

    fn take(&self, code: &str, now: Timestamp) -> Option<UserId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (user, until) = known.remove(code)?;
        (now < until).then_some(user)
    }
}

/// Makes a code for whoever asks: it opens the page as them, once, within a minute.
pub(in crate::server) async fn code(
    State(hall): State<Arc<Hall>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let code = hex(&hall.app.random::<32>());
    // What is kept opens nothing: somebody who reads the memory of a stopped server must not come in.
    let kept = hall.desk.form_code(&code);
    if !hall.codes.put(kept, caller.user.id, hall.app.now()) {
        return respond::refusal(503, "too many are on their way in", "try again in a minute");
    }
    let url = format!("{}/enter#{code}", hall.desk.origin());
    respond::document(200, &PageOpened { url })
}

/// How one comes in.
pub(super) async fn show() -> Response<Body> {
    let inside = html! {
        h1 { "kubegrant" }
        p { "You are not logged in here. Where you have kubegrant and your key, run" }
        p { code { "kubegrant login URL --browser" } }
        p { "with the address of this page, and open what it shows." }
        form method="post" action="/enter" {
            fieldset {
                label { "Code" input #code type="text" name="code" autocomplete="off" spellcheck="false" required; }
                button .main type="submit" { "Come in" }
            }
        }
        script src="/enter.js" {}
    };
    page(200, &frame::alone("Log in", &inside))
}

#[derive(Deserialize)]
pub(super) struct Given {
    code: String,
}

/// Brings somebody in who has a code.
pub(super) async fn enter(
    State(hall): State<Arc<Hall>>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form<Given>, FormRejection>,
) -> Response<Body> {
    if !is_from_here(&hall, &headers) {
        return refused(403, "this did not come from a page of this server", "");
    }
    if !hall.limits.may_log_in(from, "code") {
        return refused(429, "that was too often", "wait a minute");
    }
    let void = || {
        refused(
            401,
            "this code is void: it lets one in once, within a minute",
            "run `kubegrant login URL --browser` again",
        )
    };
    let Ok(Form(given)) = form else {
        return void();
    };
    let kept = hall.desk.form_code(&given.code);
    let Some(user) = hall.codes.take(&kept, hall.app.now()) else {
        return void();
    };
    let begun = hall.with_store(move |hall| {
        let way = ("browser", from.to_string());
        hall.desk.begin_for(&hall.app, user, (way.0, &way.1))
    });
    match begun.await {
        Some(Ok(Some(begun))) => {
            let mut answer = see("/");
            let token = begun.token.expose_secret();
            let cookie = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict");
            if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
                cookie.set_sensitive(true);
                answer.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            answer
        }
        Some(Ok(None)) => void(),
        Some(Err(_)) | None => refused(503, "the store cannot be used", "try again in a moment"),
    }
}

/// Ends the session of the page.
pub(super) async fn leave(
    State(hall): State<Arc<Hall>>,
    Extension(visitor): Extension<Visitor>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response<Body> {
    let given = form.map(|Form(given)| given).unwrap_or_default();
    let is_theirs = given
        .iter()
        .any(|(name, value)| name == "form" && *value == visitor.form);
    if !is_theirs {
        return refused(
            403,
            "this form is from another session",
            "load the page again",
        );
    }
    let caller = visitor.caller;
    let ended = hall.with_store(move |hall| hall.desk.end(&hall.app, &caller.user, caller.session));
    if !matches!(ended.await, Some(Ok(()))) {
        return refused(
            503,
            "the session could not be ended",
            "try again in a moment",
        );
    }
    let mut answer = see("/enter");
    let cookie = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn a_code_lets_one_in_once_and_not_for_long() {
        let codes = Codes::default();
        assert!(codes.put("a".to_owned(), UserId(1), at(0)));
        assert!(codes.put("b".to_owned(), UserId(2), at(0)));
        assert_eq!(codes.take("c", at(1)), None);
        assert_eq!(codes.take("a", at(59)), Some(UserId(1)));
        assert_eq!(codes.take("a", at(59)), None);
        assert_eq!(codes.take("b", at(60)), None);
        for number in 0..MAX {
            assert!(codes.put(number.to_string(), UserId(1), at(100)));
        }
        assert!(!codes.put("one more".to_owned(), UserId(1), at(100)));
        assert!(codes.put("one more".to_owned(), UserId(1), at(160)));
    }
}
