//! A token is tried before it is handed over: at the address that its file names, it must be the
//! account's that it was minted for. A proxy with logins of its own in front of the API server, or
//! one of several API servers that lacks a key, would refuse it in somebody else's hands.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{Api, PostParams};
use secrecy::SecretString;
use tokio::time::Instant;

use super::connection::{Connection, Right};
use super::error::Error;
use crate::domain::account_name;
use crate::domain::plan::NAMESPACE;
use crate::domain::text::clean;

/// How long an API server may take to hear of an account that another one made.
pub(crate) const NEWS_MAX: Duration = Duration::from_secs(3);
/// The pause before a token that was refused is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// How often in turn a token must be accepted that was refused before.
const ACCEPTED_ENOUGH: u32 = 4;

/// What everybody may ask.
const ANYTHING: Right = Right {
    verb: "get",
    group: "",
    resource: "namespaces",
    subresource: "",
    namespace: "",
    name: NAMESPACE,
};

impl Connection {
    /// Uses a token once, at the same address; refuses where it is not the account's there.
    pub(crate) async fn try_token(&self, token: &SecretString, account: &str) -> Result<(), Error> {
        let holder = self.with_token(token)?;
        let started = Instant::now();
        let (mut accepted, mut refused) = (0, false);
        loop {
            match holder.is_account(account).await {
                Ok(()) => accepted += 1,
                Err(error) if error.is_unauthorized() && accepted > 0 => {
                    return Err(self.divided());
                }
                Err(error) if error.is_unauthorized() && started.elapsed() < NEWS_MAX => {
                    refused = true;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(self.of_the_address(error)),
            }
            // Refused and then accepted: late news, or another API server at the same address.
            if accepted >= ACCEPTED_ENOUGH || accepted > 0 && !refused {
                return Ok(());
            }
        }
    }

    /// Whether the API server knows who asks.
    pub(crate) async fn is_known(&self) -> bool {
        self.missing_rights(&[ANYTHING]).await.is_ok()
    }

    /// An answer to whoever has a token: one that no API server gives, or that sends to a login page,
    /// is a proxy's.
    pub(crate) fn of_the_address(&self, error: Error) -> Error {
        match error {
            Error::Unauthorized { message, .. } => self.no_token(message),
            Error::Redirected { .. } | Error::Garbled { .. } => self.no_token(error.to_string()),
            error => error,
        }
    }

    /// The address takes no token of an account.
    fn no_token(&self, message: String) -> Error {
        Error::TokenRefused {
            server: self.server().to_owned(),
            message,
        }
    }

    /// The API servers at the address differ.
    pub(crate) fn divided(&self) -> Error {
        Error::Divided {
            server: self.server().to_owned(),
        }
    }

    /// Asks the API server who we are: this account, or there is an error.
    async fn is_account(&self, account: &str) -> Result<(), Error> {
        let wanted = account_name::login_name(account);
        let asked = Api::<SelfSubjectReview>::all(self.client.clone())
            .create(&PostParams::default(), &SelfSubjectReview::default())
            .await;
        let found = match asked.map_err(|error| Error::from_kube(error, "who we are")) {
            Ok(found) => found,
            // Known, and not allowed to ask; or a rule that wants no such object.
            Err(Error::Forbidden { message, .. }) if message.contains(&wanted) => return Ok(()),
            Err(Error::Refused { .. }) => return Ok(()),
            Err(Error::Forbidden { message, .. }) => return Err(self.no_token(message)),
            // Kubernetes before 1.28 cannot say it. What everybody who is known may ask tells as much.
            Err(error) if error.is_not_found() => {
                return self.missing_rights(&[ANYTHING]).await.map(drop);
            }
            Err(error) => return Err(error),
        };
        let user = found.status.and_then(|status| status.user_info);
        let user = user.and_then(|user| user.username).unwrap_or_default();
        if user == wanted {
            return Ok(());
        }
        Err(self.no_token(format!("it takes its holder for '{}'", clean(&user))))
    }
}
