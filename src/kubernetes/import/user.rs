//! Judges a user entry: how it logs in, and whether we take that over.

use super::entry::{EntryPlace, Fields};
use super::error::Refused;
use super::material::DataFields;
use super::{Entry, ExecPlugin, ImportOptions, OperatorCredential, material};
use secrecy::SecretString;

const KNOWN: &[&str] = &[
    "as",
    "as-groups",
    "as-uid",
    "as-user-extra",
    "auth-provider",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "exec",
    "extensions",
    "impersonate",
    "impersonate-groups",
    "impersonate-uid",
    "impersonate-user-extra",
    "password",
    "token",
    "tokenFile",
    "username",
];

const IMPERSONATION: &[&str] = &[
    "as",
    "as-groups",
    "as-uid",
    "as-user-extra",
    "impersonate",
    "impersonate-groups",
    "impersonate-uid",
    "impersonate-user-extra",
];

const KNOWN_EXEC: &[&str] = &[
    "apiVersion",
    "args",
    "command",
    "env",
    "installHint",
    "interactiveMode",
    "provideClusterInfo",
];

pub(super) fn read(
    entry: &Entry<'_>,
    options: &mut ImportOptions<'_>,
) -> Result<OperatorCredential, Refused> {
    let user = entry.name.as_str();
    let fields = entry.body(&EntryPlace::new("user", user))?;
    fields.only(KNOWN)?;
    for field in IMPERSONATION {
        if fields.node(field).is_some() {
            return Err(Refused::Impersonation {
                user: user.to_owned(),
                field,
            });
        }
    }
    if let Some(provider) = fields.mapping("auth-provider")? {
        let provider = provider
            .name("name")?
            .unwrap_or_else(|| "unnamed".to_owned());
        return Err(Refused::AuthProvider {
            user: user.to_owned(),
            provider,
        });
    }
    let exec = match fields.mapping("exec")? {
        None => None,
        Some(section) => Some(read_exec(&section, entry, options.allow_exec)?),
    };
    let token = read_token(&fields, entry, options)?;
    let basic = read_basic(&fields, user)?;
    if token.is_some() && basic.is_some() {
        let (first, second) = ("a token", "a password");
        return Err(Refused::TwoLogins {
            user: user.to_owned(),
            first,
            second,
        });
    }
    let pair = read_pair(&fields, entry, options)?;
    // What is written down goes before what would have to be run.
    token
        .or(pair)
        .or(basic)
        .or(exec.map(OperatorCredential::Exec))
        .ok_or_else(|| Refused::NoCredential {
            user: user.to_owned(),
        })
}

fn read_token(
    fields: &Fields<'_>,
    entry: &Entry<'_>,
    options: &mut ImportOptions<'_>,
) -> Result<Option<OperatorCredential>, Refused> {
    // client-go uses the file where both are given.
    if let Some(bytes) = material::read_file(fields, "tokenFile", entry.path, options)? {
        let place = fields.place("tokenFile");
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
        return material::token(text, place)
            .map(OperatorCredential::Token)
            .map(Some);
    }
    let Some(text) = fields.text("token")? else {
        return Ok(None);
    };
    material::token(&text, fields.place("token"))
        .map(OperatorCredential::Token)
        .map(Some)
}

fn read_basic(fields: &Fields<'_>, user: &str) -> Result<Option<OperatorCredential>, Refused> {
    let half = |present, absent| Refused::HalfPair {
        user: user.to_owned(),
        present,
        absent,
    };
    match (fields.name("username")?, fields.text("password")?) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(half("username", "password")),
        (None, Some(_)) => Err(half("password", "username")),
        (Some(username), Some(password)) => {
            // A colon ends the name in a basic login.
            if username.contains(':') {
                return Err(Refused::BadToken {
                    place: fields.place("username"),
                });
            }
            let password = SecretString::from(password);
            Ok(Some(OperatorCredential::Basic { username, password }))
        }
    }
}

fn read_pair(
    fields: &Fields<'_>,
    entry: &Entry<'_>,
    options: &mut ImportOptions<'_>,
) -> Result<Option<OperatorCredential>, Refused> {
    let half = |present, absent| Refused::HalfPair {
        user: entry.name.clone(),
        present,
        absent,
    };
    let certificate_fields = DataFields {
        data: "client-certificate-data",
        file: "client-certificate",
    };
    let key_fields = DataFields {
        data: "client-key-data",
        file: "client-key",
    };
    let certificate = material::read(fields, certificate_fields, entry.path, options)?;
    let key = material::read(fields, key_fields, entry.path, options)?;
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(half("client-certificate-data", "client-key-data")),
        (None, Some(_)) => Err(half("client-key-data", "client-certificate-data")),
        (Some((certificate, certificate_place)), Some((key, key_place))) => {
            Ok(Some(OperatorCredential::ClientCertificate {
                certificate_pem: material::client_certificate(&certificate, &certificate_place)?,
                key_pem: material::private_key(&key, &key_place)?,
            }))
        }
    }
}

fn read_exec(
    section: &Fields<'_>,
    entry: &Entry<'_>,
    allowed: bool,
) -> Result<ExecPlugin, Refused> {
    let user = entry.name.clone();
    let bad = |reason: &str| Refused::BadExec {
        user: user.clone(),
        reason: reason.to_owned(),
    };
    section.only(KNOWN_EXEC)?;
    let command = section
        .name("command")?
        .ok_or_else(|| bad("no `command` is given"))?;
    // As in kubectl: a path is relative to the file, a bare name is looked up in PATH.
    let is_path = command.contains('/') || command.contains('\\');
    let command = if is_path {
        material::resolve(entry.path, &command)
    } else {
        command.into()
    };
    let mut args = Vec::new();
    for argument in section.list("args")? {
        match argument {
            super::Node::Text(text) => args.push(text.clone()),
            other => {
                return Err(Refused::WrongKind {
                    place: format!("an item of {}", section.place("args")),
                    expected: "text",
                    found: other.kind(),
                });
            }
        }
    }
    let api_version = section
        .text("apiVersion")?
        .ok_or_else(|| bad("no `apiVersion` is given"))?;
    let plugin = ExecPlugin {
        command,
        args,
        env: read_env(section, &bad)?,
        api_version,
        install_hint: section.text("installHint")?,
        provide_cluster_info: section.flag("provideClusterInfo")?,
    };
    if !allowed {
        return Err(Refused::Exec {
            user,
            command: plugin.command_line(),
        });
    }
    match plugin.api_version.as_str() {
        "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1" => {}
        "client.authentication.k8s.io/v1alpha1" => {
            return Err(bad(
                "its `apiVersion` v1alpha1 was removed in Kubernetes 1.24; write v1beta1 or v1",
            ));
        }
        _ => {
            return Err(bad(
                "its `apiVersion` is not client.authentication.k8s.io/v1 or v1beta1",
            ));
        }
    }
    match section.text("interactiveMode")?.as_deref() {
        None | Some("Never" | "IfAvailable") => Ok(plugin),
        Some("Always") => Err(bad(
            "it wants to ask on the terminal (`interactiveMode: Always`)",
        )),
        Some(_) => Err(bad(
            "its `interactiveMode` is not Never, IfAvailable or Always",
        )),
    }
}

fn read_env(
    section: &Fields<'_>,
    bad: &dyn Fn(&str) -> Refused,
) -> Result<Vec<(String, String)>, Refused> {
    let mut variables = Vec::new();
    for item in section.list("env")? {
        let item = Fields::of(item, EntryPlace::root().item("env"))?;
        item.only(&["name", "value"])?;
        let name = item
            .name("name")?
            .ok_or_else(|| bad("a variable in `env` has no name"))?;
        // Either would make the process call panic or mean something else.
        if name.contains(['=', '\0']) {
            return Err(bad("a variable in `env` has a name with '='"));
        }
        variables.push((name, item.text("value")?.unwrap_or_default()));
    }
    Ok(variables)
}
