//! Reads an operator's kubeconfig strictly: text in, plain values out.
//!
//! A kubeconfig may come from anywhere, and kubectl does what it says: it runs commands, reads
//! files, skips certificate checks. This reader does none of that unasked. It opens no file (they
//! are handed in), runs nothing, takes one chosen context, and refuses with a reason what it
//! cannot take over. Only the chosen context, its cluster and its user are judged; the others need
//! to be readable.
//!
//! A list of files merges as client-go merges `KUBECONFIG`: the first file that has an entry of a
//! name wins it whole, `current-context` comes from the first file that sets it, and relative
//! paths belong to the folder of the file that holds the entry.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::domain::similar::similar;

mod entry;
mod error;
mod groups;
mod material;
mod server;
#[cfg(test)]
mod tests;
mod user;
mod yaml;

pub(crate) use error::{ImportError, Refused};
pub(crate) use groups::{certificate_groups, certificate_validity};
pub(crate) use server::{is_server_name, normalize as normalize_address};

use entry::{EntryPlace, Fields};
use yaml::Node;

/// One kubeconfig file, already read.
pub(crate) struct KubeconfigFile {
    /// Where it was read from; relative references start in its folder.
    pub(crate) path: PathBuf,
    /// Its content.
    pub(crate) text: Zeroizing<String>,
}

/// What the operator allows while importing.
pub(crate) struct ImportOptions<'a> {
    /// The context to take; otherwise `current-context`, or the only one.
    pub(crate) context: Option<&'a str>,
    /// Whether referenced files may be read.
    pub(crate) inline_files: bool,
    /// Whether a command for logging in may be taken over (it is not run here).
    pub(crate) allow_exec: bool,
    /// Reads a referenced file; called only when `inline_files` is set.
    pub(crate) read_file: &'a mut dyn FnMut(&Path) -> std::io::Result<Vec<u8>>,
}

/// One context of a kubeconfig, checked and complete.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The context's name.
    pub(crate) context: String,
    /// The API server's address, normalized: `https://host[:port][/path]`.
    pub(crate) server: String,
    /// The certificate authorities, as PEM and nothing else; `None` means the system's.
    pub(crate) ca_pem: Option<String>,
    /// The name to expect in the server's certificate, if not the host's.
    pub(crate) tls_server_name: Option<String>,
    /// The proxy to go through.
    pub(crate) proxy_url: Option<String>,
    /// How to log in.
    pub(crate) credential: OperatorCredential,
    /// What the cluster's entry has for login commands.
    pub(crate) exec_config: Option<serde_json::Value>,
    /// What was passed over and a person may want to know, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// How an operator logs in.
///
/// kubectl sends a token and a client certificate together when a user has both (AKS writes such
/// files, both for one identity). Here the token is taken and the certificate left: a token alone
/// says what it is, can be replaced, and works through proxies that end TLS.
#[derive(Debug)]
pub(crate) enum OperatorCredential {
    /// A bearer token.
    Token(SecretString),
    /// A client certificate and its private key.
    ClientCertificate {
        /// The certificate chain, as PEM and nothing else.
        certificate_pem: String,
        /// The private key, as PEM and nothing else.
        key_pem: SecretString,
    },
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A command that prints a credential.
    Exec(ExecPlugin),
}

/// A command that prints a credential, as a kubeconfig describes it.
#[derive(Clone)]
pub(crate) struct ExecPlugin {
    /// The command; an absolute path, or a bare name to be looked up in `PATH`.
    pub(crate) command: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Variables to set for it.
    pub(crate) env: Vec<(String, String)>,
    /// `client.authentication.k8s.io/v1` or `…/v1beta1`.
    pub(crate) api_version: String,
    /// What to say when the command is not installed.
    pub(crate) install_hint: Option<String>,
    /// Whether the command is told about the cluster.
    pub(crate) provide_cluster_info: bool,
}

impl ExecPlugin {
    /// Writes the command line as it would be typed, safe to show. Variables stay out: they may
    /// hold secrets.
    pub(crate) fn command_line(&self) -> String {
        let mut words = vec![self.command.display().to_string()];
        words.extend(self.args.iter().cloned());
        crate::domain::text::clean(&words.join(" "))
    }
}

impl std::fmt::Debug for ExecPlugin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ExecPlugin")
            .field("command", &self.command)
            .field("args", &self.args)
            .field("api_version", &self.api_version)
            .finish_non_exhaustive()
    }
}

/// Takes one context out of the files.
pub(crate) fn import(
    files: &[KubeconfigFile],
    mut options: ImportOptions<'_>,
) -> Result<Imported, ImportError> {
    let first = files.first().ok_or_else(|| ImportError {
        path: PathBuf::from("kubeconfig"),
        refused: Refused::NoFile,
    })?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |refused| ImportError { path, refused }
    };

    let mut merged = Merged::default();
    for file in files {
        merged.add(file).map_err(at(&file.path))?;
    }
    let context = merged.choose(options.context).map_err(at(&first.path))?;
    let place = EntryPlace::new("context", &context.name);
    context.plain_name("contexts").map_err(at(context.path))?;
    let fields = context.body(&place).map_err(at(context.path))?;
    let chosen = read_context(&fields, &context.name).map_err(at(context.path))?;

    let cluster = Merged::find(&merged.clusters, &chosen.cluster).ok_or_else(|| {
        at(context.path)(Refused::UnknownCluster {
            context: context.name.clone(),
            name: chosen.cluster.clone(),
        })
    })?;
    let user = Merged::find(&merged.users, &chosen.user).ok_or_else(|| {
        at(context.path)(Refused::UnknownUser {
            context: context.name.clone(),
            name: chosen.user.clone(),
        })
    })?;
    cluster.plain_name("clusters").map_err(at(cluster.path))?;
    user.plain_name("users").map_err(at(user.path))?;
    // The cluster is judged first: nothing is read or taken over for a server of no worth.
    let endpoint = server::read(cluster, &mut options).map_err(at(cluster.path))?;
    let credential = user::read(user, &mut options).map_err(at(user.path))?;
    let notes = (endpoint.unreadable > 0).then(|| {
        let count = endpoint.unreadable;
        let (certificates, are) = match count {
            1 => ("certificate", "was"),
            _ => ("certificates", "were"),
        };
        format!(
            "{count} {certificates} of the authority of cluster '{}' cannot be read and {are} left \
             out",
            cluster.name
        )
    });
    Ok(Imported {
        exec_config: endpoint.exec_config,
        notes: notes.into_iter().collect(),
        context: context.name.clone(),
        server: endpoint.server,
        ca_pem: endpoint.ca_pem,
        tls_server_name: endpoint.tls_server_name,
        proxy_url: endpoint.proxy_url,
        credential,
    })
}

/// Takes a token that came from elsewhere, if it can be sent.
pub(crate) fn checked_token(token: &str) -> Option<SecretString> {
    material::token(token.trim(), String::new()).ok()
}

/// Takes a client certificate and its key, both PEM, that came from elsewhere.
pub(crate) fn checked_pair(certificate: &str, key: &str) -> Result<OperatorCredential, Refused> {
    Ok(OperatorCredential::ClientCertificate {
        certificate_pem: material::client_certificate(
            certificate.as_bytes(),
            "`clientCertificateData`",
        )?,
        key_pem: material::private_key(key.as_bytes(), "`clientKeyData`")?,
    })
}

/// Reads one YAML document that came from elsewhere, as strictly as a kubeconfig.
pub(crate) fn yaml_document(text: &str) -> Option<serde_json::Value> {
    yaml::read(text).ok().map(|root| (&root).into())
}

/// A named entry and the file it came from.
struct Entry<'a> {
    name: String,
    body: Node,
    path: &'a Path,
}

impl Entry<'_> {
    /// Refuses a name that people cannot read as what it is.
    fn plain_name(&self, list: &'static str) -> Result<(), Refused> {
        entry::plain(&self.name, || EntryPlace::root().item(list).field("name"))
    }

    fn body<'n>(&'n self, place: &EntryPlace) -> Result<Fields<'n>, Refused> {
        Fields::of(&self.body, place.clone())
    }
}

struct ChosenContext {
    cluster: String,
    user: String,
}

fn read_context(fields: &Fields<'_>, context: &str) -> Result<ChosenContext, Refused> {
    let missing = |field| Refused::Missing {
        place: EntryPlace::new("context", context).field(field),
    };
    // Not taken over, but still judged: a file with a hidden character in it is refused.
    fields.name("namespace")?;
    Ok(ChosenContext {
        cluster: fields.name("cluster")?.ok_or_else(|| missing("cluster"))?,
        user: fields.name("user")?.ok_or_else(|| missing("user"))?,
    })
}

/// All files as one.
#[derive(Default)]
struct Merged<'a> {
    clusters: Vec<Entry<'a>>,
    contexts: Vec<Entry<'a>>,
    users: Vec<Entry<'a>>,
    current: Option<String>,
}

impl<'a> Merged<'a> {
    fn add(&mut self, file: &'a KubeconfigFile) -> Result<(), Refused> {
        let root = yaml::read(&file.text)?;
        let Node::Map(_) = root else {
            return Err(Refused::NotKubeconfig {
                reason: what_else(&file.text, &root),
            });
        };
        let fields = Fields::of(&root, EntryPlace::root())?;
        for (field, expected) in [("apiVersion", "v1"), ("kind", "Config")] {
            if let Some(found) = fields.text(field)?
                && found != expected
            {
                let found = crate::domain::text::clean(&found);
                return Err(Refused::NotKubeconfig {
                    reason: format!("its `{field}` is '{found}', not '{expected}'"),
                });
            }
        }
        let path = &file.path;
        add_entries(
            &mut self.clusters,
            entries(&fields, "clusters", "cluster")?,
            path,
        );
        add_entries(
            &mut self.contexts,
            entries(&fields, "contexts", "context")?,
            path,
        );
        add_entries(&mut self.users, entries(&fields, "users", "user")?, path);
        let current = fields.text("current-context")?;
        self.current = self.current.take().or(current);
        Ok(())
    }

    fn find<'m>(entries: &'m [Entry<'a>], name: &str) -> Option<&'m Entry<'a>> {
        entries.iter().find(|entry| entry.name == name)
    }

    fn choose(&self, wanted: Option<&str>) -> Result<&Entry<'a>, Refused> {
        let clean = crate::domain::text::clean;
        let available = || {
            self.contexts
                .iter()
                .map(|entry| clean(&entry.name))
                .collect()
        };
        if wanted.is_none()
            && let Some(current) = &self.current
        {
            entry::plain(current, || EntryPlace::root().field("current-context"))?;
        }
        match (wanted.or(self.current.as_deref()), self.contexts.as_slice()) {
            (_, []) => Err(Refused::NoContexts),
            (None, [only]) => Ok(only),
            (None, _) => Err(Refused::ContextNotChosen {
                available: available(),
            }),
            (Some(name), contexts) => {
                Self::find(contexts, name).ok_or_else(|| Refused::UnknownContext {
                    name: clean(name),
                    similar: similar(name, contexts.iter().map(|entry| entry.name.as_str()))
                        .first()
                        .map(|name| clean(name)),
                    available: available(),
                })
            }
        }
    }
}

/// Says what a file is that is none of ours to read, and what makes it one.
fn what_else(text: &str, root: &Node) -> String {
    use base64::Engine as _;
    let bare: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let decoded = base64::engine::general_purpose::STANDARD.decode(bare.as_bytes());
    let decoded = Zeroizing::new(decoded.unwrap_or_default());
    if decoded.windows(8).any(|part| part == b"clusters") {
        "it is one in base64; `base64 -d FILE` writes what is in it".to_owned()
    } else {
        format!("it is {}", root.kind())
    }
}

/// The entries of a list of one file: their names, and what stands under `body`.
fn entries(
    fields: &Fields<'_>,
    list: &'static str,
    body: &str,
) -> Result<Vec<(String, Node)>, Refused> {
    let mut seen = std::collections::HashSet::new();
    let mut found = Vec::new();
    for item in fields.list(list)? {
        let item = Fields::of(item, EntryPlace::root().item(list))?;
        // An entry without a name cannot be meant by anybody: it spoils nothing that is.
        let Some(name) = item.text("name")? else {
            continue;
        };
        if !seen.insert(name.clone()) {
            return Err(Refused::DuplicateEntry { kind: list, name });
        }
        let body = item.node(body).cloned().unwrap_or(Node::Map(Vec::new()));
        found.push((name, body));
    }
    Ok(found)
}

/// Adds the entries of one file whose names no earlier file has.
fn add_entries<'a>(entries: &mut Vec<Entry<'a>>, found: Vec<(String, Node)>, path: &'a Path) {
    // Names of earlier files; a set, since a long list must not cost quadratic time.
    let earlier: std::collections::HashSet<String> =
        entries.iter().map(|entry| entry.name.clone()).collect();
    for (name, body) in found {
        if !earlier.contains(&name) {
            entries.push(Entry { name, body, path });
        }
    }
}
