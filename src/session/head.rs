//! The head of the audit log, kept beside the operator: where whoever can write the store cannot.
//!
//! One file per installation, in the state folder of this machine's user. It is written after the
//! commit, so a killed run leaves it behind the log, never ahead; and in place with one short
//! write, which costs no fsync: after a power cut it may be older, or empty, which counts as absent.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{App, Session, nofollow, nonblock};
use crate::domain::audit::Head;
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::witness::{Found, annotation};
use crate::store::{self, ReadTxn, audit::Against};

/// The file's length: one write, never torn in two by a kill.
const BYTES: usize = 128;

/// What the file is called in errors.
const HEAD: &str = "head of the audit log";

/// What is known of the store on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing yet.
    Nothing,
    /// The store fits this head.
    Fits(Head),
    /// The head is from before an owner accepted or restored the store.
    Superseded(Head),
    /// The store is older, or another one.
    Differs(Head, String),
}

/// Why what stands in the place of a head on a cluster is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoHead {
    /// It has no tag.
    Untagged,
    /// Its tag, or all of it, is not ours.
    Foreign,
    /// It is of a time that has not come.
    Future,
}

/// A head on a cluster that is not relied upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// Which cluster.
    pub(crate) cluster: String,
    /// The annotation of the namespace `kubegrant` that it stands in.
    pub(crate) annotation: String,
    /// Why.
    pub(crate) why: NoHead,
}

impl App {
    /// Where this installation's head is kept; `None` where no home is known.
    fn head_path(&self, installation: &InstallationId) -> Option<PathBuf> {
        let folder = self.state_dir.as_ref()?;
        Some(folder.join(format!("head-{installation}")))
    }

    /// The head that this machine knows of an installation.
    ///
    /// One that cannot be read is not one that is unknown: an older store would go for the newest.
    pub(crate) fn kept_head(&self, installation: &InstallationId) -> store::Result<Option<Head>> {
        let Some(path) = self.head_path(installation) else {
            return Ok(None);
        };
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(nofollow() | nonblock())
            .open(&path);
        match opened {
            Ok(file) => {
                check(&file, &path)?;
                Ok(read(&file))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => {
                store::file::check_named(&path, HEAD)?;
                Err(store::Error::Io { path, source })
            }
        }
    }

    /// The installation whose store it is, which is another one in no process; `None` where nobody made it yet.
    fn find_installation(&self) -> store::Result<Option<InstallationId>> {
        if self.installation.get().is_none()
            && let Some(found) = self.store()?.read(store::meta::find_installation)?
        {
            return Ok(Some(self.installation.get_or_init(|| found).clone()));
        }
        Ok(self.installation.get().cloned())
    }

    /// Compares the store with the head that this machine knows, and looks at both together.
    ///
    /// The head is read before the look begins: other runs go on meanwhile, and a head that is
    /// younger than what is looked at would seem to come from another store. What differs is
    /// looked at once more, since the head may have been read while another run wrote it.
    pub(crate) fn look<T>(
        &self,
        mut work: impl FnMut(&ReadTxn<'_>, Known) -> store::Result<T>,
    ) -> store::Result<T> {
        let store = self.store()?;
        let installation = self.find_installation()?;
        let kept = || {
            let installation = installation.as_ref();
            installation.map_or(Ok(None), |installation| self.kept_head(installation))
        };
        let mut last_look = false;
        loop {
            store.look_again();
            let kept = kept()?;
            let looked = store.read(|tx| {
                let known = known(tx, kept)?;
                if matches!(known, Known::Differs(..)) && !last_look {
                    return Ok(None);
                }
                work(tx, known).map(Some)
            });
            match looked {
                Ok(None) => last_look = true,
                Ok(Some(value)) => return Ok(value),
                Err(error) => return Err(error),
            }
        }
    }

    /// Checks that the store is what this program left: the users and the organization, and that
    /// it is not older than what this machine knows.
    pub(crate) fn trust(&self) -> store::Result<()> {
        self.look(|tx, known| {
            if let Known::Differs(_, why) = known {
                return Err(store::Error::RolledBack {
                    place: "this machine".to_owned(),
                    annotation: None,
                    why,
                });
            }
            store::integrity::check(tx, store::integrity::Scope::Organization)
        })
    }

    /// Keeps the head, if this process recorded anything. What cannot be kept is said, not fatal: what
    /// was recorded stands.
    pub(crate) fn keep_head(&self) -> Result<(), std::io::Error> {
        if !self.has_recorded() {
            return Ok(());
        }
        let store = self.store().map_err(std::io::Error::other)?;
        let found = store.read(|tx| {
            let installation = store::meta::find_installation(tx)?;
            Ok::<_, store::Error>(installation.zip(store::audit::head(tx)?))
        });
        let Some((installation, head)) = found.map_err(std::io::Error::other)? else {
            return Ok(());
        };
        let Some(path) = self.head_path(&installation) else {
            return Ok(());
        };
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(nofollow())
                .open(&path)
        };
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(&path);
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)?;
                open()?
            }
            other => other?,
        };
        check(&file, &path).map_err(std::io::Error::other)?;
        // Of two runs the slower must not take the head back.
        if read(&file).is_some_and(|kept| (kept.epoch, kept.seq) >= (head.epoch, head.seq)) {
            return Ok(());
        }
        let line = format!(
            "{head:<width$}\n",
            head = head.to_string(),
            width = BYTES - 1
        );
        file.write_all_at(line.as_bytes(), 0)
    }
}

impl Session {
    /// Compares the store with the head that a cluster holds. What is no head of ours is noted, and
    /// counts as absent: whoever can write it there can also take it away. Gives the error where the
    /// store is older than it, or another one.
    pub(super) fn heed(
        &self,
        cluster: &Cluster,
        connection: &mut Connection,
        found: Option<Found>,
    ) -> store::Result<Option<store::Error>> {
        let head = match found {
            None => return Ok(None),
            Some(Found::Proven(head)) if head.is_believed_at(self.now()) => head,
            Some(found) => {
                let why = match found {
                    Found::Proven(_) => NoHead::Future,
                    Found::Untagged => NoHead::Untagged,
                    Found::Foreign => NoHead::Foreign,
                };
                self.note(Note {
                    cluster: cluster.name.to_string(),
                    annotation: annotation(connection.installation()),
                    why,
                });
                return Ok(None);
            }
        };
        let distrust = match self.store()?.read(|tx| store::audit::against(tx, &head))? {
            Against::Fits | Against::Superseded => None,
            Against::Differs { why } => Some(store::Error::RolledBack {
                place: format!("cluster '{}'", cluster.name),
                annotation: Some(annotation(connection.installation())),
                why,
            }),
        };
        connection.set_witnessed(head);
        Ok(distrust)
    }

    /// Keeps what somebody should be told when the run ends; each thing once.
    fn note(&self, note: Note) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Gives what somebody should be told.
    pub(crate) fn take_notes(&self) -> Vec<Note> {
        self.notes.take()
    }
}

/// Checks that nobody else can say what the head is.
fn check(file: &std::fs::File, path: &Path) -> store::Result<()> {
    store::file::check_open(file, path, HEAD)?;
    let elsewhere = "set XDG_STATE_HOME to a directory of your own";
    store::file::check_directory(path.parent().unwrap_or(path), elsewhere)
}

/// How a store stands to a head.
fn known(tx: &ReadTxn<'_>, kept: Option<Head>) -> store::Result<Known> {
    let Some(kept) = kept else {
        return Ok(Known::Nothing);
    };
    Ok(match store::audit::against(tx, &kept)? {
        Against::Fits => Known::Fits(kept),
        Against::Superseded => Known::Superseded(kept),
        Against::Differs { why } => Known::Differs(kept, why),
    })
}

fn read(file: &std::fs::File) -> Option<Head> {
    let mut bytes = [0; BYTES];
    file.read_exact_at(&mut bytes, 0).ok()?;
    std::str::from_utf8(&bytes).ok()?.trim_end().parse().ok()
}
