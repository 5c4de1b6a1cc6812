//! WHAT IS DONE: one file per noun. No clap, no formats, no printing.
//!
//! A changing verb is a value that decides (`change`), and one runner carries it out
//! (docs/design.md, "How a change happens"). Verbs with work of their own on a cluster or on nodes go on
//! from what was recorded. `init`, `backup` and `restore`, which are about the store as a whole, and
//! `shell`, which must live before it is recorded, follow the steps by hand.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod backup;
mod change;
pub(crate) mod clock;
pub(crate) mod cluster;
pub(crate) mod credential;
pub(crate) mod doctor;
mod error;
mod excess;
pub(crate) mod explain;
pub(crate) mod find;
pub(crate) mod heads;
pub(crate) mod init;
mod journal;
pub(crate) mod kubeconfig;
pub(crate) mod lifecycle;
mod locked;
pub(crate) mod login;
mod manager;
mod obstacle;
pub(crate) mod offboard;
pub(crate) mod open;
pub(crate) mod organization;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod rbac;
pub(crate) mod reached;
pub(crate) mod reconcile;
pub(crate) mod reconciling;
pub(crate) mod remove;
mod reseal;
pub(crate) mod rotation;
pub(crate) mod share;
pub(crate) mod shell;
pub(crate) mod ssh_key;
pub(crate) mod status;
pub(crate) mod storage;
pub(crate) mod team;
pub(crate) mod user;
pub(crate) mod whoami;
pub(crate) mod whose;

pub(crate) use error::Error;
pub(crate) use journal::record_shut;
pub(crate) use obstacle::Obstacle;

pub(crate) use crate::store::all_tables as store_tables;

use crate::domain::effect::Facts;
use crate::domain::name::ClusterName;
use crate::domain::subject::SubjectName;
use crate::domain::{Confirmed, Timestamp};

/// Whether to carry something out or to say what would be done. Consent is a part of performing: a
/// dry run needs none, and gives none.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Intent<C = Confirmed> {
    /// Say what would be done, and touch nothing (`--dry-run`).
    Preview,
    /// Do it, with the proof of consent that it needs.
    Perform(C),
}

impl<C> Intent<C> {
    /// Whether nothing is to be touched.
    pub(crate) fn is_preview(&self) -> bool {
        matches!(self, Self::Preview)
    }
}

/// The consent that is given by typing the command: nothing is taken from anybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unasked;

/// What would be done.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// A sentence each.
    pub(crate) steps: Vec<String>,
    /// The effects on the store, as far as the command is made of such.
    pub(crate) effects: Vec<Facts>,
    /// The shared versions that would end with it, and who would have to download again.
    pub(crate) over: Vec<project::shared::Over>,
}

impl Planned {
    /// Adds what would be done beside.
    fn extend(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.effects.extend(other.effects);
        self.over.extend(other.over);
    }
}

impl<T> Done<T> {
    /// A preview in sentences alone.
    fn planned(steps: Vec<String>) -> Self {
        Self::Planned(Planned {
            steps,
            ..Planned::default()
        })
    }
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Done<T> {
    /// What would be done; nothing was touched.
    Planned(Planned),
    /// What was done.
    Did(T),
}

impl<T> Done<T> {
    /// The same with what was done in another shape.
    pub(crate) fn map<U>(self, shape: impl FnOnce(T) -> U) -> Done<U> {
        match self {
            Self::Planned(planned) => Done::Planned(planned),
            Self::Did(done) => Done::Did(shape(done)),
        }
    }
}

/// Something decided here and not yet true on a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// What is pending.
    pub(crate) what: String,
    /// Why it could not be made true now, if it was tried.
    pub(crate) why: Option<String>,
    /// Until when the old tokens may still work, as far as known.
    pub(crate) until: Option<Timestamp>,
}

/// A change of one cluster's access: how far it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied {
    /// Versions that ended, and were seen to be gone.
    pub(crate) ended: Vec<Ended>,
    /// What is pending.
    pub(crate) pending: Vec<Pending>,
    /// What people should know beside, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// A version that ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Whose it is: a user's, or a project's level.
    pub(crate) user: SubjectName,
    /// Its number.
    pub(crate) version: u32,
}

impl Applied {
    /// Adds what another cluster's change came to.
    pub(crate) fn extend(&mut self, other: Self) {
        self.ended.extend(other.ended);
        self.pending.extend(other.pending);
        self.notes.extend(other.notes);
    }
}
