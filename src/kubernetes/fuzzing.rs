//! What an API server may answer, as functions that take any bytes (see `crate::fuzzing`).

use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest};
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SubjectAccessReview};
use k8s_openapi::api::core::v1::{Namespace, Node, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::ObjectList;
use serde::de::DeserializeOwned;

use super::client::judge;
use super::error::Error;
use super::token;
use crate::domain::text::is_treacherous;

/// The codes that the first byte chooses from.
const CODES: [u16; 12] = [200, 201, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503];

fn showable(error: &Error) {
    let text = error.to_string();
    assert!(!text.chars().any(is_treacherous), "{text:?}");
}

/// Reads an answer as one kind of object, as kube does.
fn read<T: DeserializeOwned>(body: &[u8]) {
    if let Err(error) = serde_json::from_slice::<T>(body) {
        showable(&Error::from_kube(kube::Error::SerdeError(error), "it"));
    }
}

/// Any answer: the first byte chooses the code, the rest is the body.
pub(crate) fn answer(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    let code = CODES[usize::from(*choice) % CODES.len()];
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    let whole = match judge(response, true) {
        Ok(whole) => whole,
        Err(error) => return showable(&error),
    };
    let body = futures::executor::block_on(whole.into_body().collect());
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if code >= 400 {
        // Whatever was sent, a refusal is a `Status` by now.
        let status: kube::core::Status = serde_json::from_slice(&body).expect("a Status");
        assert_eq!(status.code, code);
        showable(&Error::from_kube(kube::Error::Api(Box::new(status)), "it"));
        return;
    }
    read::<ObjectList<Namespace>>(&body);
    read::<ObjectList<Node>>(&body);
    read::<ObjectList<ServiceAccount>>(&body);
    read::<ObjectList<ClusterRole>>(&body);
    read::<ObjectList<Role>>(&body);
    read::<ObjectList<ClusterRoleBinding>>(&body);
    read::<ObjectList<RoleBinding>>(&body);
    read::<ServiceAccount>(&body);
    read::<Secret>(&body);
    read::<SelfSubjectReview>(&body);
    read::<SelfSubjectAccessReview>(&body);
    read::<SubjectAccessReview>(&body);
    if let Ok(given) = serde_json::from_slice::<TokenRequest>(&body)
        && let Some(status) = given.status
    {
        token_of(status.token);
    }
}

/// Any token.
pub(crate) fn token(bytes: &[u8]) {
    token_of(String::from_utf8_lossy(bytes).into_owned());
}

fn token_of(text: String) {
    if let Some(claims) = token::claims(&text) {
        let _secret = claims.secret();
    }
    match token::read(text, "alice-00000000-v1", "a token") {
        Ok(minted) => {
            let id = minted.jti.unwrap_or_default();
            assert!(!id.chars().any(is_treacherous), "{id:?}");
        }
        Err(error) => showable(&error),
    }
}
