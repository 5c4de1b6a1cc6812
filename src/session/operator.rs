//! An operator's own credential, as it is sealed where it is kept (`--keep-credential`).

use crate::kubernetes::client::Login;
use crate::kubernetes::import::OperatorCredential;
use crate::secrets::{ExposeSecret, SecretString};

/// Writes an operator's credential as the text that is sealed (`--keep-credential`).
pub(crate) fn operator_text(credential: &OperatorCredential) -> Option<SecretString> {
    let value = match credential {
        OperatorCredential::Token(token) => serde_json::json!({ "token": token.expose_secret() }),
        OperatorCredential::ClientCertificate {
            certificate_pem,
            key_pem,
        } => serde_json::json!({
            "certificate": certificate_pem, "key": key_pem.expose_secret(),
        }),
        OperatorCredential::Basic { username, password } => serde_json::json!({
            "username": username, "password": password.expose_secret(),
        }),
        OperatorCredential::Exec(_) => return None,
    };
    Some(SecretString::from(value.to_string()))
}

/// Reads back what [`operator_text`] wrote.
pub(super) fn operator_login(text: &SecretString) -> Option<Login> {
    let value: serde_json::Value = serde_json::from_str(text.expose_secret()).ok()?;
    let part = |name: &str| value.get(name).and_then(|v| v.as_str()).map(str::to_owned);
    if let Some(token) = part("token") {
        return Some(Login::Token(SecretString::from(token)));
    }
    if let (Some(certificate_pem), Some(key)) = (part("certificate"), part("key")) {
        return Some(Login::ClientCertificate {
            certificate_pem,
            key_pem: SecretString::from(key),
        });
    }
    Some(Login::Basic {
        username: part("username")?,
        password: SecretString::from(part("password")?),
    })
}
