//! The user's own kubeconfig: entries merged into it, and taken out again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::artifact::file::{FileError, SharedFile};
use crate::artifact::merge::{self, Addition, BYTES_MAX, Mark, MergeError, Merged};
use crate::domain::installation::InstallationId;
use crate::domain::name::ClusterName;
use crate::domain::subject::SubjectName;
use crate::ops::{Done, Error, Intent, Obstacle, Unasked, find};
use crate::secrets::text;
use crate::session::Session;

/// How long another program may hold the lock.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often a file may change under our hands.
const TRIES_MAX: usize = 50;

/// What a change of the user's kubeconfig came to, for people.
#[derive(Debug, Default)]
pub(crate) struct MergeNews {
    /// Whether the layout made it necessary to lose the comments.
    pub(crate) rewritten: bool,
    /// The user's own contexts that refer to a login that is gone.
    pub(crate) dangling: Vec<String>,
    /// Entries that stay, because the user's own contexts refer to them.
    pub(crate) kept: Vec<String>,
    /// The context that became current; empty where there is none any more.
    pub(crate) current: Option<String>,
    /// The permission bits, where others can read it.
    pub(crate) open_mode: Option<u32>,
    /// How many entries came or went.
    pub(crate) changed: usize,
}

impl MergeNews {
    fn add(&mut self, merged: Merged) {
        self.rewritten |= merged.rewritten;
        self.dangling.extend(merged.dangling);
        self.kept.extend(merged.kept);
        self.current = merged.current.or(self.current.take());
        self.changed += merged.changed;
    }
}

/// The file that kubectl would change: the first of `KUBECONFIG`, else `~/.kube/config`.
pub(super) fn usual_path(session: &Session) -> Result<PathBuf, Error> {
    let env = &session.workspace.env;
    let listed = env.path_variable("KUBECONFIG").and_then(|list| {
        let mut paths = std::env::split_paths(&list);
        paths.find(|path| !path.as_os_str().is_empty())
    });
    listed
        .map(|path| env.current_dir.join(path))
        .or_else(|| Some(env.home_dir()?.join(".kube/config")))
        .ok_or_else(|| Error::Obstacle(Obstacle::NoKubeconfigPlace))
}

/// Checks that entries of these names can be merged, so that nothing is minted in vain.
pub(super) fn check(
    path: &Path,
    additions: &[Addition<'_>],
    set_current: bool,
) -> Result<(), Error> {
    let file = SharedFile::find(path)?;
    let read = file.read(BYTES_MAX)?;
    let text = text(read.bytes.as_deref()).map_err(failed(&file))?;
    merge_all(text, additions, set_current).map_err(failed(&file))?;
    Ok(())
}

/// Merges entries into a kubeconfig.
pub(super) async fn add(
    path: &Path,
    additions: &[Addition<'_>],
    set_current: bool,
) -> Result<MergeNews, Error> {
    change(path, |text| merge_all(text, additions, set_current)).await
}

fn merge_all(
    before: &str,
    additions: &[Addition<'_>],
    set_current: bool,
) -> Result<(Zeroizing<String>, MergeNews), MergeError> {
    let mut text = Zeroizing::new(before.to_owned());
    let mut news = MergeNews::default();
    for addition in additions {
        let mut merged = merge::merge(&text, addition, set_current)?;
        text = std::mem::take(&mut merged.text);
        news.add(merged);
    }
    Ok((text, news))
}

fn text(bytes: Option<&Vec<u8>>) -> Result<&str, MergeError> {
    let bytes = bytes.map(Vec::as_slice).unwrap_or_default();
    if text::is_utf16(bytes) {
        return Err(MergeError::Utf16);
    }
    // As it stands, with a mark at its beginning: it is written back with it.
    text::check(bytes).map_err(MergeError::NotText)
}

fn failed(file: &SharedFile) -> impl Fn(MergeError) -> Error {
    |source| Error::Merge {
        path: file.path().to_owned(),
        source,
    }
}

/// Reads, changes and replaces, under kubectl's lock, until nobody came between.
async fn change(
    path: &Path,
    how: impl Fn(&str) -> Result<(Zeroizing<String>, MergeNews), MergeError>,
) -> Result<MergeNews, Error> {
    let file = SharedFile::find(path)?;
    file.make_folder()?;
    let started = tokio::time::Instant::now();
    let _lock = loop {
        if let Some(lock) = file.try_lock()? {
            break lock;
        }
        if started.elapsed() > LOCK_WAIT_MAX {
            return Err(file.locked().into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    for _ in 0..TRIES_MAX {
        let read = file.read(BYTES_MAX)?;
        let before = text(read.bytes.as_deref()).map_err(failed(&file))?;
        let (after, mut news) = how(before).map_err(failed(&file))?;
        if after.len() > BYTES_MAX {
            return Err(Error::File(FileError::TooLarge {
                path: file.path().to_owned(),
                max: BYTES_MAX,
            }));
        }
        news.open_mode = (read.mode & 0o077 != 0).then_some(read.mode);
        if after.as_str() == before || file.replace(&read, after.as_bytes(), BYTES_MAX)? {
            return Ok(news);
        }
    }
    Err(Error::File(FileError::Restless {
        path: file.path().to_owned(),
    }))
}

/// What `kubeconfig remove` came to.
#[derive(Debug)]
pub(crate) struct Removed {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// From which file.
    pub(crate) path: PathBuf,
    /// What was changed.
    pub(crate) news: MergeNews,
}

/// What is to be taken out of a kubeconfig.
#[derive(Debug)]
pub(crate) struct RemoveRequest {
    /// The entries of which cluster.
    pub(crate) cluster: ClusterName,
    /// Of which installation, where there is no store that says it.
    pub(crate) installation: Option<InstallationId>,
    /// From which file, unless it is the usual one.
    pub(crate) file: Option<PathBuf>,
}

/// Takes this installation's entries of a cluster out of the user's kubeconfig.
///
/// Nothing is asked of the rules: it is the user's own file, and access may have ended long ago.
pub(crate) async fn remove(
    session: &Session,
    wanted: &RemoveRequest,
    intent: &Intent<Unasked>,
) -> Result<Done<Removed>, Error> {
    let cluster = &wanted.cluster;
    let installation = match &wanted.installation {
        Some(installation) => installation.clone(),
        None => find::installation(session)?,
    };
    let path = match &wanted.file {
        Some(file) => session.workspace.env.current_dir.join(file),
        None => usual_path(session)?,
    };
    let shared = SharedFile::find(&path)?;
    let read = shared.read(BYTES_MAX)?;
    let now = text(read.bytes.as_deref()).map_err(failed(&shared))?;
    let found = merge::remove(now, &installation, cluster.as_str()).map_err(failed(&shared))?;
    if intent.is_preview() {
        let lines = match found.changed {
            0 => vec![],
            number => vec![format!(
                "take {number} entries of cluster '{cluster}' out of `{}`",
                path.display()
            )],
        };
        return Ok(Done::planned(lines));
    }
    let news = if found.changed == 0 {
        MergeNews::default()
    } else {
        change(&path, |text| {
            let mut merged = merge::remove(text, &installation, cluster.as_str())?;
            let mut news = MergeNews::default();
            let text = std::mem::take(&mut merged.text);
            news.add(merged);
            Ok((text, news))
        })
        .await?
    };
    Ok(Done::Did(Removed {
        cluster: cluster.clone(),
        path,
        news,
    }))
}

/// The mark of a hand-over's entries.
pub(super) fn mark(
    installation: &InstallationId,
    cluster: &ClusterName,
    subject: SubjectName,
) -> Mark {
    Mark {
        installation: installation.clone(),
        cluster: cluster.to_string(),
        subject: Some(subject),
    }
}
