//! Logins in something that was found somewhere: a kubeconfig, or a bare token.

use zeroize::Zeroizing;

use super::tree::{self, Placed};

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// One way to log in that was found.
pub(crate) struct FoundLogin {
    /// The name of the user entry; `None` for a bare token.
    pub(crate) name: Option<String>,
    /// What it is.
    pub(crate) kind: FoundKind,
}

/// What was found.
pub(crate) enum FoundKind {
    /// A token.
    Token(Zeroizing<String>),
    /// Something that we never hand out, in words.
    Other(&'static str),
}

/// Reads what was found; `None` where it is neither a kubeconfig nor a token.
pub(crate) fn logins(bytes: &[u8]) -> Option<Vec<FoundLogin>> {
    let text = str::from_utf8(bytes).ok()?;
    if let Some(token) = bare_token(text) {
        return Some(vec![FoundLogin {
            name: None,
            kind: FoundKind::Token(Zeroizing::new(token.to_owned())),
        }]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = tree::parse(text).ok().flatten()?;
    let found = root.get("users")?.items()?.iter().map(|item| FoundLogin {
        name: Some(
            item.get("name")
                .and_then(Placed::text)
                .unwrap_or_default()
                .to_owned(),
        ),
        kind: kind(item.get("user")),
    });
    Some(found.collect())
}

fn kind(user: Option<&Placed>) -> FoundKind {
    let Some(user) = user else {
        return FoundKind::Other("it has no login");
    };
    let has = |key: &str| user.get(key).is_some_and(|value| !value.is_null());
    if let Some(token) = user.get("token").and_then(Placed::text) {
        return FoundKind::Token(Zeroizing::new(token.trim().to_owned()));
    }
    FoundKind::Other(
        if has("client-certificate-data") || has("client-certificate") {
            "it is a client certificate"
        } else if has("exec") || has("auth-provider") {
            "it asks a program for its login"
        } else if has("tokenFile") {
            "its token is in another file"
        } else if has("username") {
            "it is a name and a password"
        } else {
            "it has no login"
        },
    )
}

/// A token on its own, perhaps as it stands in a header.
fn bare_token(text: &str) -> Option<&str> {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text
        .strip_prefix("Authorization:")
        .map_or(text, str::trim_start);
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'=');
    let shaped = text.len() <= TOKEN_BYTES_MAX
        && text.bytes().all(good)
        && text.bytes().filter(|c| *c == b'.').count() == 2
        && text.split('.').all(|part| part.len() >= 8);
    shaped.then_some(text)
}
