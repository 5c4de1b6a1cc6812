//! Sessions that go on from one command to the next, where what can be made again lies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::api::LoginDone;
use crate::artifact::file::{Overwrite, ensure_private_dir, read_own, write_private};
use crate::domain::text::hex;
use crate::env::Env;

/// The largest that is read, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// A session that is kept.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Kept {
    /// What opens it.
    pub(crate) token: String,
    /// Who is logged in.
    pub(crate) user: String,
    /// Of which installation.
    pub(crate) installation: String,
    /// When it ends at the latest, in seconds since 1970.
    pub(crate) ends_at: i64,
}

impl From<&LoginDone> for Kept {
    fn from(done: &LoginDone) -> Self {
        Self {
            token: done.token.clone(),
            user: done.user.clone(),
            installation: done.installation.clone(),
            ends_at: done.ends_at,
        }
    }
}

/// Where the session at a server that was begun with a proof of this name is kept.
fn place(env: &Env, origin: &str, key: &str) -> Option<PathBuf> {
    let name = hex(&Sha256::digest(format!("{origin}\n{key}").as_bytes()));
    let mut folders = env.cache_dirs().into_iter();
    let folder = folders.find(|folder| ensure_private_dir(folder).is_ok())?;
    Some(folder.join(format!("session-{name}")))
}

/// The session that is kept, if there is one that has not ended by time.
pub(crate) fn kept(env: &Env, origin: &str, key: &str) -> Option<Kept> {
    let bytes = read_own(&place(env, origin, key)?, BYTES_MAX).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    (env.now().timestamp() < kept.ends_at).then_some(kept)
}

/// Keeps a session; where there is no place for it, the next command begins another.
pub(crate) fn keep(env: &Env, origin: &str, key: &str, session: &Kept) {
    let Some(path) = place(env, origin, key) else {
        return;
    };
    if let Ok(text) = serde_json::to_vec(session).map(Zeroizing::new) {
        let _kept_or_not = write_private(&path, &text, Overwrite::Force);
    }
}

/// Forgets it.
pub(crate) fn forget(env: &Env, origin: &str, key: &str) {
    if let Some(path) = place(env, origin, key) {
        let _gone_or_never_there = std::fs::remove_file(path);
    }
}
