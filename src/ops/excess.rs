//! Whether a level is what it says on a cluster: asked of its authorizer before one is given.

use std::time::Duration;

use super::{Error, find};
use crate::domain::Confirmed;
use crate::domain::access::Power;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::level::{ANY_ACCOUNT, Excess};
use crate::kubernetes::observe::Look;
use crate::session::Session;

/// How long a grant, which otherwise needs no answer of a cluster, waits for this one.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// What is too much, a sentence each.
pub(super) fn sentences(cluster: &ClusterName, power: Power, found: &[Excess]) -> Vec<String> {
    found
        .iter()
        .map(|excess| sentence(cluster, power, excess))
        .collect()
}

fn sentence(cluster: &ClusterName, power: Power, excess: &Excess) -> String {
    let level = match power {
        Power::Bound => "a kubeconfig without a level",
        power => power.as_str(),
    };
    if excess.is_everything() && excess.reason.is_empty() {
        return format!(
            "cluster '{cluster}' allows everything to everybody who logs in, as an API server \
             without RBAC does (authorization mode AlwaysAllow): {level} is cluster-admin there"
        );
    }
    let what = if excess.is_everything() {
        "do anything".to_owned()
    } else {
        let words: Vec<&str> = excess.allowed.iter().map(|it| it.description).collect();
        words.join(", ")
    };
    let why = match excess.reason.as_str() {
        "" => "the authorizer names no binding",
        reason => reason,
    };
    format!("on cluster '{cluster}' {level} is more than it says: every account may {what} ({why})")
}

/// Refuses what is too much until somebody agreed to it; gives what they agreed to.
pub(super) fn agreed(found: Vec<String>, insists: Option<Confirmed>) -> Result<Vec<String>, Error> {
    if found.is_empty() || insists.is_some() {
        return Ok(found);
    }
    Err(Error::Escalates {
        what: found.join("; "),
    })
}

/// What a level that somebody is about to be given would have beyond it.
///
/// A cluster that does not answer in time keeps nobody from a decision: it is asked again before
/// anything is handed over.
pub(super) async fn of_level(session: &Session, cluster: &Cluster, power: Power) -> Vec<String> {
    let asked = async {
        let connection = session
            .connect(cluster, &find::installation(session)?)
            .await?;
        let found = connection.excess(ANY_ACCOUNT, power).await;
        found.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
    };
    match tokio::time::timeout(ANSWER_MAX, asked).await {
        Ok(Ok(found)) => sentences(&cluster.name, power, &found),
        Ok(Err(_)) | Err(_) => vec![],
    }
}

/// What was agreed to, for the audit log.
pub(super) fn although(found: &[String]) -> String {
    if found.is_empty() {
        String::new()
    } else {
        format!("; although {}", found.join("; "))
    }
}

/// What an account of a version that stands on the cluster has beyond what it carries.
pub(super) async fn of_account(
    connection: &Connection,
    cluster: &Cluster,
    power: Power,
    account: &str,
) -> Result<Vec<String>, Error> {
    let found = connection.excess(account, power).await;
    let found = found.map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })?;
    Ok(sentences(&cluster.name, power, &found))
}

/// What a version that is not begun yet would have beyond what it carries: what every account has.
/// Asked beside the look at the cluster that has to be taken anyway, so that it costs no time, and
/// before anything is recorded.
pub(super) async fn of_new_version(
    connection: &Connection,
    cluster: &Cluster,
    power: Power,
    look: &Look<'_>,
) -> Result<Vec<String>, Error> {
    let looked = async {
        let looked = connection.look_ahead(look).await;
        looked.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
    };
    let asked = of_account(connection, cluster, power, ANY_ACCOUNT);
    let (found, ()) = futures::try_join!(asked, looked)?;
    Ok(found)
}
