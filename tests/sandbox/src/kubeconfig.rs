//! Writes kubeconfigs with everything inline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::certificate::Issued;

/// What a kubeconfig's user entry carries.
pub(crate) enum Login<'a> {
    /// A client certificate and its key.
    Certificate(&'a Issued),
    /// A bearer token.
    Token(&'a str),
}

/// Renders a kubeconfig with one context named `sandbox`.
pub(crate) fn render(url: &str, ca_pem: &str, login: &Login<'_>) -> String {
    let user = match login {
        Login::Certificate(issued) => json!({
            "client-certificate-data": STANDARD.encode(&issued.certificate_pem),
            "client-key-data": STANDARD.encode(&issued.key_pem),
        }),
        Login::Token(token) => json!({ "token": token }),
    };
    let config: Value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "sandbox",
            "cluster": {
                "certificate-authority-data": STANDARD.encode(ca_pem),
                "server": url,
            },
        }],
        "contexts": [{
            "name": "sandbox",
            "context": { "cluster": "sandbox", "user": "sandbox" },
        }],
        "current-context": "sandbox",
        "preferences": {},
        "users": [{ "name": "sandbox", "user": user }],
    });
    // Every JSON document is YAML; serializing to YAML keeps it readable for a person.
    serde_saphyr::to_string(&config).unwrap_or_else(|_| config.to_string())
}
