//! Writes the kubeconfig that is handed out.
//!
//! It is written by a typed serializer, never by a template, and read back before it leaves: a
//! name made to break out of its line ends in an error here, not in somebody's kubectl.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::merge::{MARK, Mark, Names};

#[cfg(test)]
mod tests;

/// What goes into a kubeconfig: one cluster, one user, one context.
pub(crate) struct KubeconfigFields {
    /// The name of the cluster entry.
    pub(crate) cluster: String,
    /// The API server's address.
    pub(crate) server: String,
    /// The certificate authorities, PEM; `None` means the reader's system's.
    pub(crate) ca_pem: Option<String>,
    /// The name to expect in the server's certificate.
    pub(crate) tls_server_name: Option<String>,
    /// The proxy to go through.
    pub(crate) proxy_url: Option<String>,
    /// The name of the user entry.
    pub(crate) user: String,
    /// The name of the context.
    pub(crate) context: String,
    /// The namespace to begin in.
    pub(crate) namespace: Option<String>,
    /// The login.
    pub(crate) login: Login,
}

/// How the user of a kubeconfig logs in.
pub(crate) enum Login {
    /// With a token that stands in the file.
    Token(SecretString),
    /// With a token that kubectl asks this program for: no secret stands in the file.
    Renewing {
        /// The name of the renewal, or the path of its file.
        renewal: String,
    },
}

/// The program that kubectl asks: by its bare name, which kubectl's allow lists can name too.
const PLUGIN: &str = "kubegrant";
/// The API in which kubectl asks.
const EXEC_API_VERSION: &str = "client.authentication.k8s.io/v1";
/// What kubectl says where the program is not installed.
const INSTALL_HINT: &str = "This kubeconfig renews itself with kubegrant, which is not installed here, or not in a folder of \
     PATH. Get the program from whoever gave you the kubeconfig and put it in one, e.g. \
     /usr/local/bin/kubegrant; `kubegrant credential --help` must work. Without it, ask for a \
     kubeconfig that holds its login: `kubegrant kubeconfig download CLUSTER` without `--renew`.";

/// Why no kubeconfig was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// A field that would make a kubeconfig nobody can use.
    #[error("a kubeconfig needs a {field}")]
    Empty {
        /// The field's name.
        field: &'static str,
    },
    /// The serializer gave up.
    #[error("the kubeconfig for cluster '{cluster}' cannot be written")]
    Write {
        /// The cluster entry.
        cluster: String,
    },
    /// What was written says something else than what was meant.
    #[error("the kubeconfig for cluster '{cluster}' would not be read as it was meant")]
    Changed {
        /// The cluster entry.
        cluster: String,
    },
}

// kubectl writes its own files in this order.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    clusters: Vec<NamedCluster>,
    contexts: Vec<NamedContext>,
    #[serde(rename = "current-context")]
    current_context: String,
    users: Vec<NamedUser>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Cluster {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<NamedExtension>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, Clone)]
#[serde(deny_unknown_fields)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, Clone)]
#[serde(deny_unknown_fields)]
struct Context {
    cluster: String,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<NamedExtension>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct User {
    #[zeroize(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exec: Option<Exec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[zeroize(skip)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<NamedExtension>,
}

/// The program that is asked for a token.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Exec {
    api_version: String,
    args: Vec<String>,
    command: String,
    install_hint: String,
    interactive_mode: String,
    provide_cluster_info: bool,
}

impl User {
    fn of(login: &Login, extensions: Vec<NamedExtension>) -> Self {
        let (exec, token) = match login {
            Login::Token(token) => (None, Some(token.expose_secret().to_owned())),
            Login::Renewing { renewal } => {
                let exec = Exec {
                    api_version: EXEC_API_VERSION.to_owned(),
                    args: ["credential", "--renewal", renewal]
                        .map(str::to_owned)
                        .into(),
                    command: PLUGIN.to_owned(),
                    install_hint: INSTALL_HINT.to_owned(),
                    // An identity may have a passphrase, which only a person can give.
                    interactive_mode: "IfAvailable".to_owned(),
                    provide_cluster_info: false,
                };
                (Some(exec), None)
            }
        };
        Self {
            exec,
            token,
            extensions,
        }
    }
}

/// Reads a kubeconfig that this program made, with a token in it; nothing of any other.
pub(crate) fn read(text: &SecretString) -> Option<KubeconfigFields> {
    let config: Config = serde_saphyr::from_str(text.expose_secret()).ok()?;
    let ([cluster], [context], [user]) = (
        config.clusters.as_slice(),
        config.contexts.as_slice(),
        config.users.as_slice(),
    ) else {
        return None;
    };
    let ca = cluster.cluster.certificate_authority_data.as_ref();
    let ca = ca.map(|text| {
        STANDARD
            .decode(text)
            .ok()
            .and_then(|it| String::from_utf8(it).ok())
    });
    Some(KubeconfigFields {
        cluster: cluster.name.clone(),
        server: cluster.cluster.server.clone(),
        ca_pem: match ca {
            None => None,
            Some(ca) => Some(ca?),
        },
        tls_server_name: cluster.cluster.tls_server_name.clone(),
        proxy_url: cluster.cluster.proxy_url.clone(),
        user: user.name.clone(),
        context: context.name.clone(),
        namespace: context.context.namespace.clone(),
        login: match (&user.user.token, &user.user.exec) {
            (Some(token), None) if !token.trim().is_empty() => {
                Login::Token(SecretString::from(token.as_str()))
            }
            // No program of somebody else's choice.
            _ => return None,
        },
    })
}

/// What programs may add to an entry, and kubectl keeps.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone)]
#[serde(deny_unknown_fields)]
struct NamedExtension {
    name: String,
    extension: Extension,
}

/// The mark by which merged entries are known again.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone)]
#[serde(deny_unknown_fields)]
struct Extension {
    installation: String,
    cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

/// Writes a kubeconfig, and reads it back to be sure.
pub(crate) fn render(fields: &KubeconfigFields) -> Result<SecretString, RenderError> {
    render_all(std::slice::from_ref(fields))
}

/// Writes one kubeconfig with the entries of several clusters. With more than one, none is the
/// current context: nobody should change the wrong cluster because its name came first.
pub(crate) fn render_all(all: &[KubeconfigFields]) -> Result<SecretString, RenderError> {
    let mut whole: Option<Config> = None;
    for fields in all {
        let mut one = config(fields, None, fields.namespace.as_deref())?;
        match &mut whole {
            None => whole = Some(one),
            Some(whole) => {
                whole.clusters.append(&mut one.clusters);
                whole.contexts.append(&mut one.contexts);
                whole.users.append(&mut one.users);
                whole.current_context.clear();
            }
        }
    }
    let cluster = all.first().map(|fields| fields.cluster.clone());
    let cluster = cluster.ok_or(RenderError::Empty { field: "cluster" })?;
    let whole = whole.ok_or(RenderError::Empty { field: "cluster" })?;
    Ok(SecretString::from(written(&whole, &cluster)?.as_str()))
}

/// Writes the entries of a hand-over as one-item lists, marked: of clusters, contexts, users.
pub(super) fn render_items(
    fields: &KubeconfigFields,
    mark: &Mark,
    names: &Names,
) -> Result<[Zeroizing<String>; 3], RenderError> {
    let mut config = config(fields, Some(mark), None)?;
    for item in &mut config.clusters {
        item.name.clone_from(&names.cluster);
    }
    let contexts = names.contexts.iter().flat_map(|to_be| {
        config.contexts.iter().map(|item| {
            let mut item = item.clone();
            item.name.clone_from(&to_be.name);
            item.context.namespace.clone_from(&to_be.namespace);
            item.context.cluster.clone_from(&names.cluster);
            item.context.user.clone_from(&names.user);
            item
        })
    });
    let contexts = contexts.collect();
    config.contexts = contexts;
    for item in &mut config.users {
        item.name.clone_from(&names.user);
    }
    let cluster = &fields.cluster;
    Ok([
        written(&config.clusters, cluster)?,
        written(&config.contexts, cluster)?,
        written(&config.users, cluster)?,
    ])
}

/// Serializes, and reads back to be sure.
fn written<T>(value: &T, cluster: &str) -> Result<Zeroizing<String>, RenderError>
where
    T: Serialize + serde::de::DeserializeOwned + PartialEq,
{
    let cluster = || cluster.to_owned();
    // Folded lines would put data below its key, and kubectl misreads some block scalars.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(value, options)
        .map(Zeroizing::new)
        .map_err(|_| RenderError::Write { cluster: cluster() })?;
    match serde_saphyr::from_str::<T>(&text) {
        Ok(read) if read == *value => Ok(text),
        _ => Err(RenderError::Changed { cluster: cluster() }),
    }
}

fn config(
    fields: &KubeconfigFields,
    mark: Option<&Mark>,
    namespace: Option<&str>,
) -> Result<Config, RenderError> {
    let required = [
        ("cluster name", fields.cluster.as_str()),
        ("server address", fields.server.as_str()),
        ("user name", fields.user.as_str()),
        ("context name", fields.context.as_str()),
        match &fields.login {
            Login::Token(token) => ("token", token.expose_secret()),
            Login::Renewing { renewal } => ("renewal", renewal.as_str()),
        },
    ];
    for (field, value) in required {
        if value.is_empty() {
            return Err(RenderError::Empty { field });
        }
    }
    let extensions = |with_subject: bool| -> Vec<NamedExtension> {
        let mark = mark.map(|mark| NamedExtension {
            name: MARK.to_owned(),
            extension: Extension {
                installation: mark.installation.to_string(),
                cluster: mark.cluster.clone(),
                subject: mark
                    .subject
                    .as_ref()
                    .filter(|_| with_subject)
                    .map(ToString::to_string),
            },
        });
        mark.into_iter().collect()
    };
    Ok(Config {
        api_version: "v1".to_owned(),
        kind: "Config".to_owned(),
        clusters: vec![NamedCluster {
            name: fields.cluster.clone(),
            cluster: Cluster {
                server: fields.server.clone(),
                certificate_authority_data: fields.ca_pem.as_ref().map(|pem| STANDARD.encode(pem)),
                tls_server_name: fields.tls_server_name.clone(),
                proxy_url: fields.proxy_url.clone(),
                extensions: extensions(false),
            },
        }],
        contexts: vec![NamedContext {
            name: fields.context.clone(),
            context: Context {
                cluster: fields.cluster.clone(),
                user: fields.user.clone(),
                namespace: namespace.map(str::to_owned),
                extensions: extensions(true),
            },
        }],
        current_context: fields.context.clone(),
        users: vec![NamedUser {
            name: fields.user.clone(),
            user: User::of(&fields.login, extensions(true)),
        }],
    })
}
