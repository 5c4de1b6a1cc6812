//! Approaching a cluster with the operator's kubeconfig, and taking the manager into custody.

use std::path::PathBuf;
use std::time::Duration;

use super::custody::Custody;
use crate::artifact::file::read_bounded;
use crate::domain::cluster::{Address, Cluster, ManagerKind, WriteScope};
use crate::domain::mark::Marks;
use crate::domain::name::ClusterName;
use crate::domain::text::chain;
use crate::domain::{KUBECONFIG_BYTES_MAX, Timestamp};
use crate::kubernetes::client::Login;
use crate::kubernetes::connection::{Connection, Right};
use crate::kubernetes::exec::{Run, run_exec};
use crate::kubernetes::import::{
    ImportError, ImportOptions, Imported, KubeconfigFile, OperatorCredential, Refused,
    certificate_validity, import,
};
use crate::kubernetes::manager::{MANAGER_RIGHTS, OPERATOR_RIGHTS};
use crate::kubernetes::token::claims_end;
use crate::ops::journal::Journal;
use crate::ops::manager::Canary;
use crate::ops::{Error, Obstacle, Pending, find, manager, reconciling};
use crate::secrets::ExposeSecret as _;
use crate::secrets::text;
use crate::session::Session;

/// The largest file that a kubeconfig may point to, in bytes.
const REFERENCED_BYTES_MAX: usize = 1024 * 1024;

/// Where the operator's login comes from.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The kubeconfigs, first one first.
    pub(crate) files: Vec<PathBuf>,
    /// Whether they were named, so that a missing one is an error.
    pub(crate) named: bool,
    /// The context.
    pub(crate) context: Option<String>,
    /// Whether referenced files may be read.
    pub(crate) inline_files: bool,
    /// Whether the exec plugin may be run, once.
    pub(crate) allow_exec: bool,
    /// How long it may take.
    pub(crate) exec_timeout: Duration,
}

/// Reads and judges the operator's kubeconfig. Nothing in it is executed unless allowed.
pub(super) fn read_source(session: &Session, source: &Source) -> Result<Imported, Error> {
    let mut files = Vec::new();
    for path in &source.files {
        // kubectl skips absent files of the KUBECONFIG list, and so do we.
        if !source.named && matches!(path.try_exists(), Ok(false)) {
            continue;
        }
        let given = session.workspace.read_given(path, KUBECONFIG_BYTES_MAX)?;
        // Guessed letters would make it another kubeconfig than the one that was given.
        let text = text::read(&given.bytes).map_err(|source| Error::Text {
            what: given.name.clone(),
            source,
        })?;
        if text
            .trim_start()
            .starts_with("-----BEGIN AGE ENCRYPTED FILE-----")
        {
            return Err(Error::Obstacle(Obstacle::SealedKubeconfig(given.name)));
        }
        files.push(KubeconfigFile {
            path: given.path,
            text,
        });
    }
    if files.is_empty() {
        return Err(Error::Obstacle(Obstacle::NoKubeconfig));
    }
    let mut read_file = |path: &std::path::Path| {
        read_bounded(path, REFERENCED_BYTES_MAX)
            .map(|bytes| bytes.to_vec())
            .map_err(|error| std::io::Error::other(error.to_string()))
    };
    let options = ImportOptions {
        context: source.context.as_deref(),
        inline_files: source.inline_files,
        allow_exec: source.allow_exec,
        read_file: &mut read_file,
    };
    import(&files, options).map_err(Error::Import)
}

/// The contexts that a person may choose from, where the kubeconfigs have several and say nothing of
/// which. One that comes through a pipe is not looked at: it can be read once.
pub(crate) fn open_choice(session: &Session, source: &Source) -> Vec<String> {
    let is_lasting = |path: &PathBuf| path.is_file() || !path.exists();
    if source.context.is_some() || !source.files.iter().all(is_lasting) {
        return Vec::new();
    }
    match read_source(session, source) {
        Err(Error::Import(ImportError {
            refused: Refused::ContextNotChosen { available },
            ..
        })) => available,
        // Whatever else is wrong is said when it is done.
        _ => Vec::new(),
    }
}

pub(super) fn login(credential: &OperatorCredential) -> Option<Login> {
    Some(match credential {
        OperatorCredential::Token(token) => Login::Token(token.clone()),
        OperatorCredential::ClientCertificate {
            certificate_pem,
            key_pem,
        } => Login::ClientCertificate {
            certificate_pem: certificate_pem.clone(),
            key_pem: key_pem.clone(),
        },
        OperatorCredential::Basic { username, password } => Login::Basic {
            username: username.clone(),
            password: password.clone(),
        },
        OperatorCredential::Exec(_) => return None,
    })
}

/// The operator's view of a cluster before it is registered.
pub(super) struct Approach {
    pub(super) imported: Imported,
    pub(super) address: Address,
    pub(super) connection: Connection,
    pub(super) uid: String,
    pub(super) version: String,
}

impl Approach {
    /// Puts labels and annotations on everything that is made.
    pub(super) fn with_marks(mut self, marks: &Marks) -> Self {
        self.connection = self.connection.with_marks(marks.clone());
        self
    }
}

/// Connects as the operator and asks what must be known before anything is made.
pub(super) async fn approach(
    session: &Session,
    name: &ClusterName,
    source: &Source,
    keep_credential: bool,
) -> Result<Approach, Error> {
    let mut imported = read_source(session, source)?;
    let context = imported.context.clone();
    let failed = |source| Error::Approach {
        context: context.clone(),
        cluster: name.to_string(),
        source,
    };
    if let OperatorCredential::Exec(plugin) = &imported.credential {
        if keep_credential {
            return Err(Error::Obstacle(Obstacle::PluginNotKept));
        }
        let run = Run {
            limit: source.exec_timeout,
            search: session.workspace.env.path_variable("PATH"),
            say: &|line| session.workspace.say(line),
        };
        let given = run_exec(plugin, &imported, &run).await;
        imported.credential = given.map_err(Error::Exec)?;
    }
    let expired = expired(&imported.credential, session.now());
    let address = Address {
        server: imported.server.clone(),
        ca_pem: imported.ca_pem.clone(),
        tls_server_name: imported.tls_server_name.clone(),
        proxy_url: imported.proxy_url.clone(),
    };
    let endpoint = session.endpoint(&address).map_err(failed)?;
    let login =
        login(&imported.credential).ok_or_else(|| Error::Obstacle(Obstacle::NoCredential))?;
    let installation = find::installation(session)?;
    let connection = Connection::open(&endpoint, login, &installation).map_err(failed)?;
    let uid = connection.cluster_uid().await;
    let uid = uid.map_err(|source| match expired {
        Some(why) if source.is_about_login() => Error::ExpiredLogin {
            context: context.clone(),
            why,
            source,
        },
        _ => failed(source),
    })?;
    let rights: &[Right] = if keep_credential {
        &MANAGER_RIGHTS
    } else {
        &OPERATOR_RIGHTS
    };
    let (version, missing) =
        futures::try_join!(connection.version(), connection.missing_rights(rights))
            .map_err(failed)?;
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(|it| it.named(&installation)).collect();
        return Err(Error::Rights {
            context: imported.context,
            missing: missing.join(", "),
        });
    }
    Ok(Approach {
        imported,
        address,
        connection,
        uid,
        version,
    })
}

/// Looks whether the login says of itself that its time is over, or has not come. The API server is
/// the one to judge; this is the reason where it refuses.
fn expired(credential: &OperatorCredential, now: Timestamp) -> Option<String> {
    let time = |at: Timestamp| at.format("%Y-%m-%d %H:%M UTC").to_string();
    match credential {
        OperatorCredential::ClientCertificate {
            certificate_pem, ..
        } => {
            let (begins, ends) = certificate_validity(certificate_pem)?;
            if now < begins {
                let begins = time(begins);
                return Some(format!(
                    "client certificate is not valid before {begins} (is the clock right?)"
                ));
            }
            (now > ends).then(|| format!("client certificate expired on {}", time(ends)))
        }
        OperatorCredential::Token(token) => {
            let ends = Timestamp::from_timestamp(claims_end(token.expose_secret())?, 0)?;
            (now > ends).then(|| format!("token expired on {}", time(ends)))
        }
        OperatorCredential::Basic { .. } | OperatorCredential::Exec(_) => None,
    }
}

/// Ends the accounts and logins of the manager that the store does not hold: of runs that were cut
/// off, and of before a renewal; waits until the API server refuses the one `before`. What could
/// not be ended is pending; `reconcile` does it again.
pub(super) async fn retire_others(
    session: &Session,
    cluster: &Cluster,
    before: Option<&str>,
    journal: &Journal,
) -> Option<Pending> {
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let retired = async {
        let installation = find::installation(session)?;
        let connection = session.connect(cluster, &installation).await?;
        let canary = match before {
            Some(account) => Canary::of(session, cluster, &connection, account).await,
            None => None,
        };
        let issuer = cluster.issuer.iter().map(|it| it.account.as_str());
        let present: Vec<&str> = [cluster.manager.as_str()]
            .into_iter()
            .chain(issuer)
            .collect();
        let ended = connection.end_other_managers(&present).await;
        ended.map_err(failed)?;
        Box::pin(manager::finish(
            session, cluster, connection, journal, canary,
        ))
        .await?;
        Ok::<_, Error>(())
    };
    let error: Error = retired.await.err()?;
    Some(reconciling::older_logins(cluster, Some(chain(&error))))
}

pub(super) fn warnings(
    approach: &Approach,
    custody: &Custody,
    scope: WriteScope,
    now: Timestamp,
) -> Vec<String> {
    let mut warnings = approach.imported.notes.clone();
    if scope == WriteScope::Cluster {
        warnings.push(WRITE_SCOPE_WARNING.to_owned());
    }
    if custody.kind == ManagerKind::Operator {
        warnings.push(
            "the operator's own credential is kept (sealed): whoever opens it is that operator"
                .to_owned(),
        );
    }
    if let Some(end) = custody.expires_at
        && (end - now).num_days() < 366
    {
        warnings.push(format!(
            "the manager's token ends on {}: renew it before with `kubegrant cluster relink`",
            end.format("%Y-%m-%d")
        ));
    }
    if let OperatorCredential::ClientCertificate {
        certificate_pem, ..
    } = &approach.imported.credential
        && crate::kubernetes::import::certificate_groups(certificate_pem)
            .iter()
            .any(|group| group == "system:masters")
    {
        warnings.push(
            "the kubeconfig's client certificate is of group system:masters, which Kubernetes \
             cannot revoke: keep it offline"
                .to_owned(),
        );
    }
    warnings
}

/// The warning that goes with the plain cluster-wide `edit`.
pub(crate) const WRITE_SCOPE_WARNING: &str = "write is cluster-wide `edit`: its holders can mint tokens of every account, kube-system's and \
     the manager's too, and so become cluster-admin";
