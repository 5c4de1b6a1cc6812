//! What the clusters' clocks say, as far as this run has asked a cluster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::App;
use crate::domain::Timestamp;
use crate::domain::clock::Clocks;
use crate::domain::cluster::{Cluster, ClusterId};

/// What was seen of the clusters' clocks.
#[derive(Debug, Default)]
pub(super) struct Seen {
    clocks: Mutex<BTreeMap<ClusterId, (String, Clocks)>>,
    kept: AtomicBool,
}

impl Seen {
    fn all(&self) -> MutexGuard<'_, BTreeMap<ClusterId, (String, Clocks)>> {
        // Whoever panicked with it has not left half a clock.
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Notes what a cluster's clock says. One that says nothing leaves ours to go by: every API
    /// server says it, and a grant must end also where something between takes it away.
    pub(super) fn note_clock(&self, cluster: &Cluster, there: Option<Timestamp>) {
        let here = self.now();
        let clocks = Clocks {
            here,
            there: there.unwrap_or(here),
        };
        self.clocks
            .all()
            .insert(cluster.id, (cluster.name.to_string(), clocks));
    }

    /// What the two clocks said, if the cluster was asked.
    pub(crate) fn clocks(&self, cluster: &Cluster) -> Option<Clocks> {
        self.clocks
            .all()
            .get(&cluster.id)
            .map(|(_, clocks)| *clocks)
    }

    /// The time by which tokens of a cluster end: its own, where ours is another.
    pub(crate) fn now_on(&self, cluster: &Cluster) -> Timestamp {
        match self.clocks(cluster).filter(|clocks| !clocks.agree()) {
            Some(clocks) => clocks.there,
            None => self.now(),
        }
    }

    /// Remembers that something would have ended by time, and did not.
    pub(crate) fn note_kept(&self) {
        self.clocks.kept.store(true, Ordering::Relaxed);
    }

    /// Whether something would have ended by time, and did not.
    pub(crate) fn has_kept(&self) -> bool {
        self.clocks.kept.load(Ordering::Relaxed)
    }

    /// The clusters whose clock says something else than ours.
    pub(crate) fn clocks_that_differ(&self) -> Vec<(String, Clocks)> {
        let seen = self.clocks.all();
        let differ = seen.values().filter(|(_, clocks)| !clocks.agree());
        differ.cloned().collect()
    }
}
