//! What an operator wants of write although it lets its holders escalate.

use std::collections::BTreeMap;

use crate::domain::cluster::Cluster;
use crate::domain::escalation;
use crate::domain::similar::similar;
use crate::ops::{Error, Obstacle};
use crate::session::Session;

/// What write will reach or carry that it should not, with a change of settings, and why.
pub(super) async fn insisted(
    session: &Session,
    before: &Cluster,
    after: &Cluster,
) -> Result<BTreeMap<String, String>, Error> {
    let mut insisted = included(session, before, after).await?;
    for allowed in after.write_allow.difference(&before.write_allow) {
        if let Some(why) = allowed.warning() {
            insisted.insert(format!("objects of '{allowed}'"), why);
        }
    }
    Ok(insisted)
}

/// Judges the namespaces that are to be included: there, excluded now, and open to be included.
async fn included(
    session: &Session,
    before: &Cluster,
    after: &Cluster,
) -> Result<BTreeMap<String, String>, Error> {
    let new: Vec<&String> = after.included.difference(&before.included).collect();
    let mut insisted = BTreeMap::new();
    if new.is_empty() {
        return Ok(insisted);
    }
    let on = &before.name;
    for namespace in &new {
        if escalation::is_never_included(namespace) {
            return Err(Error::Obstacle(Obstacle::NeverIncluded(
                (*namespace).clone(),
            )));
        }
        if after.excluded.contains(*namespace) {
            return Err(Error::Obstacle(Obstacle::Excluded {
                namespace: (*namespace).clone(),
                cluster: on.clone(),
            }));
        }
    }
    let seen = super::look(session, before).await?;
    for namespace in new {
        if !seen.observed.namespaces.contains(namespace) {
            let known = seen.observed.namespaces.iter().cloned();
            return Err(Error::Obstacle(Obstacle::NoNamespace {
                similar: similar(namespace, known),
                namespace: namespace.clone(),
                cluster: on.clone(),
            }));
        }
        let Some(why) = seen.escalation.excluded().get(namespace) else {
            return Err(Error::Obstacle(Obstacle::NotExcluded {
                namespace: namespace.clone(),
                cluster: on.clone(),
            }));
        };
        insisted.insert(format!("namespace '{namespace}'"), why.clone());
    }
    Ok(insisted)
}
