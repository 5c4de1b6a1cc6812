//! Public keys as programs write them and people pass them on.

use ssh_key::public::{Ed25519PublicKey, KeyData};

use super::{AGE, Recipient, RecipientError, SSH, has_prefix};

/// The length of an ssh-ed25519 key in base64.
const SSH_LENGTH: usize = 68;

/// Reads a public key file: one key, comments aside, in whatever form programs write one.
pub(crate) fn parse_public_key_file(bytes: impl AsRef<[u8]>) -> Result<Recipient, RecipientError> {
    text(&super::super::text::read_loosely(bytes.as_ref()))
}

/// Reads the one public key in a text: an `age1…` or an `ssh-ed25519 …` line, perhaps with options
/// of `authorized_keys` and wrapped, or a block of RFC 4716 or of PEM.
pub(super) fn text(text: &str) -> Result<Recipient, RecipientError> {
    // Windows editors put a byte order mark in front; old ones end lines with a return alone.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace('\r', "\n");
    if let Some(error) = text.lines().find_map(secret) {
        return Err(error);
    }
    if let Some(found) = block(&text) {
        return found;
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let Some(first) = lines.first() else {
        return Err(RecipientError::Empty);
    };
    let count = lines.iter().filter(|line| begins_a_key(line)).count();
    if count > 1 {
        return Err(RecipientError::SeveralKeys { count });
    }
    if let Some(error) = unusable(first) {
        return Err(error);
    }
    let whole = lines.join(" ");
    let (first, rest) = whole
        .split_once(char::is_whitespace)
        .unwrap_or((&whole, ""));
    if first == SSH {
        return ssh(rest);
    }
    if has_prefix(first, "age1") {
        let invalid = RecipientError::Invalid { kind: AGE };
        // An age key has no comment: what follows is its other half, after a line was wrapped.
        let whole: String = whole.split_whitespace().collect();
        return Recipient::from_age(whole.parse().map_err(|_| invalid)?);
    }
    match after_options(&whole) {
        Some(Ok((kind, rest))) if kind == SSH => ssh(rest),
        Some(Ok((kind, _))) => Err(unusable(kind).unwrap_or(RecipientError::Unrecognized)),
        Some(Err(error)) => Err(error),
        None if whole.split_whitespace().any(|word| word == SSH) => Err(RecipientError::TextBefore),
        None => Err(RecipientError::Unrecognized),
    }
}

/// Reads what follows `ssh-ed25519`: the key, which terminals and mails may have wrapped, and
/// perhaps a comment.
fn ssh(rest: &str) -> Result<Recipient, RecipientError> {
    let invalid = RecipientError::Invalid { kind: SSH };
    let mut body = String::new();
    for word in rest.split_whitespace() {
        if body.len() >= SSH_LENGTH {
            break;
        }
        body.push_str(word);
    }
    let key = ssh_key::PublicKey::from_openssh(&format!("{SSH} {body}"));
    Recipient::from_ssh(key.map_err(|_| invalid)?.key_data().clone())
}

/// Whether a line is the first of a key.
fn begins_a_key(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_ssh = first == SSH
        || first.contains("-cert-v0")
        || matches!(unusable(line), Some(RecipientError::UnsupportedSsh { .. }));
    is_ssh || has_prefix(first, "age1") || matches!(after_options(line), Some(Ok(_)))
}

/// The options that may stand before a key in `authorized_keys`, sshd(8).
const OPTIONS: &[&str] = &[
    "agent-forwarding",
    "cert-authority",
    "command",
    "environment",
    "expiry-time",
    "from",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "permitlisten",
    "permitopen",
    "port-forwarding",
    "principals",
    "pty",
    "restrict",
    "tunnel",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];

/// The kind of a key and what follows, where options stand before it.
fn after_options(line: &str) -> Option<Result<(&str, &str), RecipientError>> {
    let (mut quoted, mut escaped) = (false, false);
    let (mut start, mut end) = (0, line.len());
    let mut options = Vec::new();
    for (at, c) in line.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                options.push(line.get(start..at)?);
                start = at + 1;
            }
            c if c.is_whitespace() && !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
        escaped = c == '\\';
    }
    options.push(line.get(start..end)?);
    let name = |option: &&str| option.split('=').next().unwrap_or_default().to_lowercase();
    let names: Vec<String> = options.iter().map(name).collect();
    if !names.iter().all(|name| OPTIONS.contains(&name.as_str())) {
        return None;
    }
    if names.iter().any(|name| name == "cert-authority") {
        return Some(Err(RecipientError::Authority));
    }
    let rest = line.get(end..)?.trim_start();
    Some(Ok(rest.split_once(char::is_whitespace)?))
}

/// Reads a block of RFC 4716 or PEM; nothing where there is none.
fn block(text: &str) -> Option<Result<Recipient, RecipientError>> {
    if text.contains("-----BEGIN AGE ENCRYPTED FILE") {
        return Some(Err(RecipientError::AgeFile));
    }
    if text.trim_start().starts_with("PuTTY-User-Key-File") {
        return Some(Err(RecipientError::Putty));
    }
    let (_, after) = text
        .split_once("---- BEGIN ")
        .or_else(|| text.split_once("-----BEGIN "))?;
    if after.contains("-BEGIN ") || after.contains("- BEGIN ") {
        let count = text.matches("BEGIN ").count();
        return Some(Err(RecipientError::SeveralKeys { count }));
    }
    let (label, body) = after.split_once("--")?;
    let body = body
        .split("-END ")
        .next()
        .and_then(|body| body.split("- END ").next());
    let body = body.unwrap_or_default();
    Some(match label.trim() {
        "SSH2 PUBLIC KEY" => rfc4716(body),
        "PUBLIC KEY" => spki(body),
        "RSA PUBLIC KEY" => Err(RecipientError::UnsupportedSsh { kind: "ssh-rsa" }),
        "CERTIFICATE" => Err(RecipientError::NotAKey {
            what: "a certificate",
        }),
        "CERTIFICATE REQUEST" => Err(RecipientError::NotAKey {
            what: "a request for a certificate",
        }),
        "PGP PUBLIC KEY BLOCK" => Err(RecipientError::NotAKey { what: "a PGP key" }),
        _ => Err(RecipientError::NotAKey {
            what: "something else in PEM",
        }),
    })
}

fn decode(body: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let packed: String = body
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(packed)
        .ok()
}

/// Reads the body of an SSH2 public key: headers, which may go on after a backslash, and the key.
fn rfc4716(body: &str) -> Result<Recipient, RecipientError> {
    let mut key = String::new();
    let mut goes_on = false;
    for line in body.lines() {
        let is_header = goes_on || line.contains(": ") || line.trim_end().ends_with(':');
        goes_on = is_header && line.trim_end().ends_with('\\');
        if !is_header {
            key.push_str(line);
        }
    }
    let invalid = || RecipientError::Invalid { kind: "SSH2" };
    let bytes = decode(&key).ok_or_else(invalid)?;
    let kind = bytes.get(4..).unwrap_or_default();
    let line = String::from_utf8_lossy(kind.get(..kind.len().min(32)).unwrap_or_default());
    if !kind.starts_with(SSH.as_bytes()) || kind.starts_with(b"ssh-ed25519-") {
        return Err(unusable(&line).unwrap_or_else(invalid));
    }
    let key = ssh_key::PublicKey::from_bytes(&bytes).map_err(|_| invalid())?;
    Recipient::from_ssh(key.key_data().clone())
}

/// Reads the body of a public key in PEM as openssl writes it.
fn spki(body: &str) -> Result<Recipient, RecipientError> {
    use pkcs8::spki::SubjectPublicKeyInfoRef;
    let invalid = || RecipientError::Invalid { kind: "PEM" };
    let bytes = decode(body).ok_or_else(invalid)?;
    let info = SubjectPublicKeyInfoRef::try_from(bytes.as_slice()).map_err(|_| invalid())?;
    let kind = match info.algorithm.oid.to_string().as_str() {
        "1.3.101.112" => {
            let point = info.subject_public_key.as_bytes().ok_or_else(invalid)?;
            let point = point.try_into().map_err(|_| invalid())?;
            return Recipient::from_ssh(KeyData::Ed25519(Ed25519PublicKey(point)));
        }
        "1.2.840.113549.1.1.1" => "ssh-rsa",
        "1.2.840.10045.2.1" => "ecdsa",
        "1.2.840.10040.4.1" => "ssh-dss",
        "1.3.101.110" => "X25519 (without its age form)",
        _ => "such",
    };
    Err(RecipientError::UnsupportedSsh { kind })
}

/// Recognizes a line that belongs to something private.
fn secret(line: &str) -> Option<RecipientError> {
    let line = line.trim();
    let private = line.contains("PRIVATE KEY-----")
        || line.contains("PRIVATE KEY ----")
        || has_prefix(line, "AGE-SECRET-KEY-")
        || has_prefix(line, "AGE-PLUGIN-");
    private.then_some(RecipientError::PrivateKey)
}

/// Recognizes keys that exist and that secrets cannot be sealed to.
fn unusable(line: &str) -> Option<RecipientError> {
    if let Some(error) = secret(line) {
        return Some(error);
    }
    if has_prefix(line, "SHA256:") || has_prefix(line, "MD5:") {
        return Some(RecipientError::NotAKey {
            what: "a fingerprint",
        });
    }
    let first = line.split_whitespace().next().unwrap_or_default();
    if first.contains("-cert-v0") {
        return Some(RecipientError::NotAKey {
            what: "an SSH certificate (its key is in the file without `-cert`)",
        });
    }
    // The kinds come from this table and never from the text, which could be anything.
    let ssh = [
        ("ssh-rsa", "ssh-rsa"),
        ("rsa-sha2-", "ssh-rsa"),
        ("ssh-dss", "ssh-dss"),
        ("ecdsa-", "ecdsa"),
        ("sk-", "security-key (sk)"),
        ("ssh-ed448", "ssh-ed448"),
    ];
    if let Some((_, kind)) = ssh.iter().find(|(prefix, _)| first.starts_with(prefix)) {
        return Some(RecipientError::UnsupportedSsh { kind });
    }
    let rest = first.get(4..).filter(|_| has_prefix(first, "age1"))?;
    if has_prefix(rest, "pq1") || has_prefix(rest, "tagpq1") {
        return Some(RecipientError::UnsupportedAge {
            kind: "post-quantum",
        });
    }
    // Bech32 data never holds a `1`, so a second one ends the name of a plugin.
    rest.contains('1')
        .then_some(RecipientError::UnsupportedAge {
            kind: "hardware and plugin",
        })
}
