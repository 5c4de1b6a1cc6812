//! Comparing this machine's clock with a cluster's, where a command sets an end by it.

use std::time::Duration;

use super::find;
use crate::domain::name::ClusterName;
use crate::session::Session;
use crate::store;

/// How long a cluster may take to say what time it is.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Asks a cluster for its time, unless this run has asked it already. What cannot be asked (it is
/// away, or its login is not for this key) stays unknown: nothing depends on the answer.
pub(crate) async fn compare(session: &Session, name: &ClusterName) {
    let found = session
        .store()
        .and_then(|store| store.read(|tx| store::clusters::find(tx, name)));
    let (Ok(Some(cluster)), Ok(installation)) = (found, find::installation(session)) else {
        return;
    };
    if session.clocks(&cluster).is_some() {
        return;
    }
    let asked = session.connect(&cluster, &installation);
    let _unknown = tokio::time::timeout(WAIT_MAX, asked).await;
}
