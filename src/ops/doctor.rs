//! `doctor`: whether what the program needs is there, and well. It changes nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::{StreamExt as _, stream};

use super::{Error, cluster, find};
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::text::{clean, rfc3339};
use crate::session::Session;

/// How many clusters are asked side by side, as `reconcile` does.
const CLUSTERS_AT_ONCE: usize = 16;
/// How long a program may take to say its version.
const VERSION_MAX: Duration = Duration::from_secs(10);

/// How it is about one thing.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is well.
    Well(String),
    /// It is not there, and need not be: what follows, and what to do for those who want it.
    Absent {
        /// What follows.
        what: String,
        /// What to do.
        next: String,
    },
    /// It was not looked at, and why.
    Unasked(String),
    /// It is not well.
    Failed(Error),
    /// The clocks of these clusters say something else than this machine's.
    Clocks(String),
}

/// One thing, and how it is about it.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) what: String,
    /// How it is.
    pub(crate) found: Found,
}

impl Finding {
    fn new(what: &str, found: Found) -> Self {
        Self {
            what: what.to_owned(),
            found,
        }
    }

    fn of(what: &str, found: Result<String, Error>) -> Self {
        Self::new(what, found.map_or_else(Found::Failed, Found::Well))
    }
}

/// Looks at everything, one after the other; at the clusters side by side.
pub(crate) async fn examine(session: &Session) -> Vec<Finding> {
    // The store first: without one, the identity says nothing.
    let (store, identity) = (store(session), identity(session));
    let you = if store.is_ok() && identity.is_ok() {
        Finding::of("you", you(session))
    } else {
        let why = "without a store and an identity you are nobody".to_owned();
        Finding::new("you", Found::Unasked(why))
    };
    let mut findings = vec![
        Finding::of("store", store),
        Finding::of("identity", identity),
        Finding::new("modes", modes(session)),
        you,
    ];
    let clusters = match reachable(session).await {
        Ok(clusters) => clusters,
        Err(_) => vec![Finding::new(
            "clusters",
            Found::Unasked("not known without a store and an identity".to_owned()),
        )],
    };
    let answered = |finding: &&Finding| matches!(finding.found, Found::Well(_));
    let answered = clusters.iter().filter(answered).count();
    findings.push(Finding::new("clock", clock(session, answered)));
    findings.push(Finding::new("ssh", ssh(session).await));
    findings.push(Finding::new("kubectl", kubectl(session).await));
    findings.extend(clusters);
    findings
}

fn identity(session: &Session) -> Result<String, Error> {
    let identity = session.identity().map_err(Error::Session)?;
    let key = identity.recipient().fingerprint();
    Ok(format!("{}, {key}", session.identity_place()))
}

fn store(session: &Session) -> Result<String, Error> {
    let store = session.store()?;
    session.trust()?;
    Ok(format!("`{}`", store.path().display()))
}

/// What the modes are. Whether they will do is judged where the files are opened.
fn modes(session: &Session) -> Found {
    let identity = session.identity_place();
    let identity = Path::new(identity.trim_matches('`'));
    let mut modes = Vec::new();
    for (what, path) in [
        ("identity", Some(identity)),
        ("store", session.store().ok().map(crate::store::Store::path)),
    ] {
        let found = path.and_then(|path| std::fs::metadata(path).ok());
        if let Some(found) = found {
            modes.push(format!(
                "{what} {:04o}",
                found.permissions().mode() & 0o7777
            ));
        }
    }
    match modes.as_slice() {
        [] => Found::Unasked("no file is there".to_owned()),
        modes => Found::Well(modes.join(", ")),
    }
}

fn you(session: &Session) -> Result<String, Error> {
    let actor = find::principal(session, Action::Status)?;
    Ok(format!(
        "'{}', {} of the organization",
        actor.user.name,
        actor.user.role.as_str()
    ))
}

/// Asks the clusters that the actor manages; names the others.
async fn reachable(session: &Session) -> Result<Vec<Finding>, Error> {
    let actor = find::principal(session, Action::Status)?;
    let lines = cluster::list(session)?;
    let mut asked = Vec::new();
    for line in lines {
        let manages = cluster::manages(session, &actor, &line.cluster)?;
        asked.push((line.cluster, manages));
    }
    let findings = stream::iter(asked).map(|(cluster, manages)| async move {
        let what = format!("cluster {}", cluster.name);
        if manages {
            Finding::of(&what, answers(session, &cluster).await)
        } else {
            let why = "your key opens no login of it: ask with your own kubeconfig";
            Finding::new(&what, Found::Unasked(why.to_owned()))
        }
    });
    Ok(findings.buffered(CLUSTERS_AT_ONCE).collect().await)
}

async fn answers(session: &Session, cluster: &Cluster) -> Result<String, Error> {
    let installation = find::installation(session)?;
    let connection = session.connect(cluster, &installation).await?;
    let version = connection
        .version()
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })?;
    Ok(format!("{version} at {}", cluster.address.server))
}

fn clock(session: &Session, answered: usize) -> Found {
    let differ = session.clocks_that_differ();
    if differ.is_empty() {
        return match answered {
            0 => Found::Unasked("no cluster told its time".to_owned()),
            1 => Found::Well("agrees with that of 1 cluster".to_owned()),
            _ => Found::Well(format!("agrees with those of {answered} clusters")),
        };
    }
    let differ = differ.into_iter().map(|(cluster, clocks)| {
        format!(
            "{} here, {} on cluster '{cluster}'",
            rfc3339(clocks.here),
            rfc3339(clocks.there)
        )
    });
    Found::Clocks(differ.collect::<Vec<_>>().join("; "))
}

async fn ssh(session: &Session) -> Found {
    match said(session, "ssh", &["-V"]).await {
        Some(said) => Found::Well(first_line(&said)),
        None => Found::Absent {
            what: "not installed: keys cannot be put on nodes".to_owned(),
            next: "install OpenSSH's client, if clusters have SSH keys".to_owned(),
        },
    }
}

async fn kubectl(session: &Session) -> Found {
    let said = said(session, "kubectl", &["version", "--client", "-o", "json"]).await;
    let Some(said) = said else {
        return Found::Absent {
            what: "not installed: kubegrant does without".to_owned(),
            next: "install kubectl where kubeconfigs are used".to_owned(),
        };
    };
    let version: Option<serde_json::Value> = serde_json::from_str(&said).ok();
    let version = version.and_then(|it| {
        let version = it["clientVersion"]["gitVersion"].as_str();
        version.map(clean)
    });
    Found::Well(version.unwrap_or_else(|| "does not say its version".to_owned()))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    clean(line)
}

/// What a program says on both streams, if it is installed and ends in time.
async fn said(session: &Session, name: &str, args: &[&str]) -> Option<String> {
    let env = &session.workspace.env;
    let program = program(&env.path_variable("PATH")?, name)?;
    let variables = env.variables.iter();
    let mut command = tokio::process::Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(variables.filter(|(name, _)| !name.starts_with("KUBEGRANT_")))
        .current_dir(&env.current_dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(VERSION_MAX, command.output()).await;
    let ended = ended.ok()?.ok()?;
    let said = [ended.stdout, ended.stderr].concat();
    Some(String::from_utf8_lossy(&said).into_owned())
}

/// Where a program is; a relative entry of `PATH` would run whatever lies in the working directory.
fn program(path: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| {
        let program = folder.join(name);
        let found = std::fs::metadata(&program).ok()?;
        (found.is_file() && found.permissions().mode() & 0o111 != 0).then_some(program)
    })
}
