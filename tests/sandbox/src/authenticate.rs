//! Who is asking: client certificates, the admin's token, `ServiceAccount` tokens.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::call::Call;
use crate::object::{self, hex, text};
use crate::resource;
use crate::status::Status;
use crate::token::{ISSUER, LEGACY_ISSUER};
use crate::user::{self, User};
use crate::world::World;

const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
/// How long a real server believes a token after its last check.
const CACHED_FOR: Duration = Duration::from_secs(10);
/// How long after the deletion began a bound token is still good, where a finalizer keeps its
/// account or the object it is bound to.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

impl World {
    /// Finds out who is asking. Fails with 401 for a credential that is not valid; nobody at all
    /// is `system:anonymous`.
    pub(crate) fn authenticate(&mut self, call: &Call) -> Result<User, Status> {
        if let Some(certificate) = &call.certificate {
            return self.authenticate_certificate(certificate);
        }
        let header = call.header("authorization");
        let Some(token) = header.strip_prefix("Bearer ").map(str::trim) else {
            return Ok(User::anonymous());
        };
        self.authenticate_token(call.server, token, &[])
            .ok_or_else(Status::unauthorized)
    }

    fn authenticate_certificate(&mut self, certificate: &[u8]) -> Result<User, Status> {
        if let Some(user) = self.certificates.get(certificate) {
            return Ok(user.clone());
        }
        let known = self
            .authority
            .recognize(certificate)
            .ok_or_else(Status::unauthorized)?;
        let mut user = User::authenticated(&known.user, known.groups);
        let hash = hex(&Sha256::digest(certificate));
        user.extra
            .insert(CREDENTIAL_ID.into(), vec![format!("X509SHA256={hash}")]);
        self.certificates
            .insert(certificate.to_owned(), user.clone());
        Ok(user)
    }

    /// The user of a bearer token, if it is valid for one of the audiences; none means the API
    /// server's own.
    pub(crate) fn authenticate_token(
        &mut self,
        server: usize,
        token: &str,
        audiences: &[&str],
    ) -> Option<User> {
        if token == self.admin_token {
            return Some(User::authenticated("admin", vec![user::MASTERS.into()]));
        }
        if !self.settings.token_cache {
            return self.check_token(token, audiences);
        }
        let now = Instant::now();
        self.token_cache
            .retain(|_, (_, at)| now.duration_since(*at) < CACHED_FOR);
        let key = (server, token.to_owned());
        if let Some((user, _)) = self.token_cache.get(&key) {
            return Some(user.clone());
        }
        let user = self.check_token(token, audiences)?;
        self.token_cache.insert(key, (user.clone(), now));
        Some(user)
    }

    /// Checks a `ServiceAccount` token against the live account, and against the live object it is
    /// bound to.
    fn check_token(&self, token: &str, audiences: &[&str]) -> Option<User> {
        let claims = self.signer.verify(token)?;
        if text(&claims, "/iss") == LEGACY_ISSUER {
            return self.check_legacy(&claims, token);
        }
        let wanted = if audiences.is_empty() {
            &[ISSUER][..]
        } else {
            audiences
        };
        if !object::texts(&claims, "/aud")
            .iter()
            .any(|one| wanted.contains(one))
        {
            return None;
        }
        let namespace = text(&claims, "/kubernetes.io/namespace");
        let name = text(&claims, "/kubernetes.io/serviceaccount/name");
        let uid = text(&claims, "/kubernetes.io/serviceaccount/uid");
        let account = self.live_account(namespace, name, uid)?;
        if self.is_long_deleted(account) {
            return None;
        }
        for (kind, plural) in [("secret", "secrets"), ("pod", "pods")] {
            let Some(bound) = claims.pointer(&format!("/kubernetes.io/{kind}")) else {
                continue;
            };
            let live = self
                .store
                .get(resource::named(plural), namespace, text(bound, "/name"))?;
            if object::uid(live) != text(bound, "/uid") || self.is_long_deleted(live) {
                return None;
            }
        }
        let mut user = User::account(namespace, name, uid);
        user.extra.insert(
            CREDENTIAL_ID.into(),
            vec![format!("JTI={}", text(&claims, "/jti"))],
        );
        for (claim, key) in [
            ("/kubernetes.io/pod/name", "pod-name"),
            ("/kubernetes.io/pod/uid", "pod-uid"),
            ("/kubernetes.io/node/name", "node-name"),
            ("/kubernetes.io/node/uid", "node-uid"),
        ] {
            let value = text(&claims, claim);
            if !value.is_empty() {
                let key = format!("authentication.kubernetes.io/{key}");
                user.extra.insert(key, vec![value.to_owned()]);
            }
        }
        Some(user)
    }

    fn check_legacy(&self, claims: &Value, token: &str) -> Option<User> {
        let claim = |key: &str| {
            let key = format!("kubernetes.io/serviceaccount/{key}");
            claims.get(key).and_then(Value::as_str).unwrap_or_default()
        };
        let namespace = claim("namespace");
        let name = claim("service-account.name");
        let uid = claim("service-account.uid");
        let account = self.live_account(namespace, name, uid)?;
        let secret = self
            .store
            .get(resource::named("secrets"), namespace, claim("secret.name"))?;
        // The token in a Secret has no leeway.
        if object::is_terminating(account) || object::is_terminating(secret) {
            return None;
        }
        let kept = text(secret, "/data/token");
        (kept == crate::world::encode(token)).then(|| User::account(namespace, name, uid))
    }

    fn live_account(&self, namespace: &str, name: &str, uid: &str) -> Option<&Value> {
        self.store
            .get(resource::named("serviceaccounts"), namespace, name)
            .filter(|account| object::uid(account) == uid)
    }

    fn is_long_deleted(&self, object: &Value) -> bool {
        DateTime::parse_from_rfc3339(text(object, "/metadata/deletionTimestamp"))
            .is_ok_and(|deleted| deleted.to_utc() < self.settings.clock.now() - LEEWAY)
    }
}
