//! The address that files carry instead of the registered one: tried before it is recorded.

use crate::domain::cluster::{Address, Cluster, PublicAddress, host_of};
use crate::kubernetes::error::{Error as ClusterError, TlsFault};
use crate::kubernetes::import::{is_server_name, normalize_address};
use crate::ops::{Error, Obstacle, find};
use crate::session::Session;

/// Reads an address as it is typed, and writes it the one way that addresses are stored.
pub(crate) fn parse_address(text: &str) -> Result<String, String> {
    normalize_address(text).map_err(|fault| fault.to_string())
}

/// Reads the name of a certificate.
pub(crate) fn parse_host(text: &str) -> Result<String, String> {
    if is_server_name(text) {
        Ok(text.to_owned())
    } else {
        Err("it is not a host name or an address".to_owned())
    }
}

/// Tries a public address with the manager's login, which is sent only to a server that proves to be
/// the registered one: by the pinned authority, under the name of the address or under the name that
/// the registered server has.
///
/// Gives the address with the certificate's name where files need it, and what a person should
/// know: from where this runs, it may be out of reach.
pub(super) async fn tried(
    session: &Session,
    cluster: &Cluster,
    public: PublicAddress,
) -> Result<(PublicAddress, Vec<String>), Error> {
    let outcome = ask(session, cluster, &public).await;
    if let Err(ClusterError::Tls {
        fault: TlsFault::WrongName { .. },
        ..
    }) = &outcome
        && public.tls_server_name.is_none()
        && let Some(name) = registered_name(&cluster.address)
    {
        let named = PublicAddress {
            tls_server_name: Some(name.clone()),
            ..public.clone()
        };
        if let Ok(uid) = ask(session, cluster, &named).await {
            judge(cluster, &named, &uid)?;
            let note = format!(
                "the certificate at {} is not for that name: files also say `tls-server-name: {name}`",
                named.server
            );
            return Ok((named, vec![note]));
        }
    }
    match outcome {
        Ok(uid) => {
            judge(cluster, &public, &uid)?;
            Ok((public, vec![]))
        }
        Err(
            error @ (ClusterError::Unreachable { .. }
            | ClusterError::Timeout { .. }
            | ClusterError::Interrupted { .. }),
        ) => {
            let note = format!(
                "{} could not be tried from here ({error}): try a file where it will be used",
                public.server
            );
            Ok((public, vec![note]))
        }
        Err(source) => Err(Error::Public {
            server: public.server,
            source,
        }),
    }
}

async fn ask(
    session: &Session,
    cluster: &Cluster,
    public: &PublicAddress,
) -> Result<String, ClusterError> {
    let there = Cluster {
        address: public.over(&cluster.address),
        ..cluster.clone()
    };
    let login = find::installation(session)
        .ok()
        .and_then(|id| Some((session.manager_login(cluster, &id).ok()?, id)));
    let Some((login, installation)) = login else {
        return Err(ClusterError::Unreachable {
            server: public.server.clone(),
            reason: "your key does not open the cluster's login".to_owned(),
        });
    };
    let connection = session.connect_with(&there, &installation, &login)?;
    connection.cluster_uid().await
}

/// The name that the registered server proves itself under.
fn registered_name(address: &Address) -> Option<String> {
    let host = || host_of(&address.server).map(str::to_owned);
    address.tls_server_name.clone().or_else(host)
}

fn judge(cluster: &Cluster, public: &PublicAddress, uid: &str) -> Result<(), Error> {
    if uid == cluster.kube_system_uid {
        return Ok(());
    }
    Err(Error::Obstacle(Obstacle::AnotherCluster {
        cluster: cluster.name.clone(),
        server: public.server.clone(),
    }))
}
