//! The ID token of a CI job: made for the job's run, and shown to our server alone.

use std::path::PathBuf;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Http;
use super::http::Error;
use crate::artifact::file::read_bounded;
use crate::domain::text::{hex, percent_encoded};
use crate::env::Env;
use crate::secrets::SecretString;

/// The largest token that is read, in bytes.
const BYTES_MAX: usize = 64 * 1024;
/// The variable that holds a token, where the CI puts it there.
const TOKEN: &str = "KUBEGRANT_ID_TOKEN";
/// The variable that names a file with one.
const TOKEN_FILE: &str = "KUBEGRANT_ID_TOKEN_FILE";
/// Where GitHub's jobs ask for one, and with what.
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Why a job has no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// There is none.
    #[error("there is no ID token of a CI job here")]
    None,
    /// The file.
    #[error("cannot read `{}`", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// The error behind it.
        #[source]
        source: crate::artifact::file::FileError,
    },
    /// GitHub gave none.
    #[error("GitHub gave no ID token: {0}")]
    GitHub(String),
}

#[derive(Deserialize)]
struct GitHub {
    value: String,
}

/// The token of this job, for a server.
pub(crate) async fn token(env: &Env, origin: &str) -> Result<SecretString, Error> {
    if let Some(path) = env.path_variable(TOKEN_FILE) {
        let path = env.current_dir.join(path);
        let read = read_bounded(&path, BYTES_MAX).map(Zeroizing::new);
        let bytes = read.map_err(|source| JobError::File { path, source })?;
        return Ok(SecretString::from(String::from_utf8_lossy(&bytes).trim()));
    }
    if let Some(token) = env.variable(TOKEN) {
        return Ok(SecretString::from(token.trim()));
    }
    let (Some(url), Some(bearer)) = (env.variable(GITHUB_URL), env.variable(GITHUB_TOKEN)) else {
        return Err(JobError::None.into());
    };
    let joint = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joint}audience={}", percent_encoded(origin));
    let bearer = SecretString::from(bearer);
    let (status, bytes) = Http::fetch(&url, &bearer, env).await?;
    let given = serde_json::from_slice::<GitHub>(&bytes).ok();
    let given = given.filter(|_| status == 200);
    let given = given.ok_or_else(|| JobError::GitHub(format!("status {status}")))?;
    Ok(SecretString::from(given.value))
}

/// What tells this run of a job from others, without giving anything away.
pub(super) fn run(env: &Env) -> String {
    let file = env.path_variable(TOKEN_FILE).and_then(|path| {
        let path = env.current_dir.join(path);
        read_bounded(&path, BYTES_MAX).ok().map(Zeroizing::new)
    });
    let of = [TOKEN, GITHUB_TOKEN];
    let variable = of.iter().find_map(|name| env.variable(name));
    let told = match (&file, variable) {
        (Some(bytes), _) => bytes.as_slice(),
        (None, Some(text)) => text.as_bytes(),
        (None, None) => b"",
    };
    hex(&Sha256::digest(told))
}
