//! Runs the command of a kubeconfig that prints a credential: once, and only when asked to.
//!
//! The command comes from the kubeconfig, so running it is running a stranger's program as the
//! operator. The caller asks first (`--allow-exec`); here the run is bounded in time and output, and
//! gets no terminal. What it prints is never shown, since it is the credential; what it says on its
//! error stream is shown at once, since somebody may have to do what it asks for.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::import::{ExecPlugin, Imported, OperatorCredential, yaml_document};
use crate::domain::text::clean;

mod stderr;
#[cfg(test)]
mod tests;

use stderr::Stderr;

/// How long what is left on the error stream is waited for, once the command has ended.
const REST_MAX: Duration = Duration::from_millis(200);
/// How much it may print.
const OUTPUT_MAX: u64 = 1024 * 1024;

/// How a command is run.
pub(crate) struct Run<'a> {
    /// How long it may take.
    pub(crate) limit: Duration,
    /// Where a command without a path is looked up: the value of `PATH`.
    pub(crate) search: Option<PathBuf>,
    /// Takes each line of its error stream as it comes.
    pub(crate) say: &'a dyn Fn(&str),
}

/// Why a command gave no credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    /// The command is not installed.
    #[error("`{command}` is not installed{}", hint_suffix(hint.as_deref()))]
    NotInstalled {
        /// The command line.
        command: String,
        /// How to install it, in the kubeconfig's words.
        hint: Option<String>,
    },
    /// The command cannot be started.
    #[error("`{command}` cannot be run")]
    NotRunnable {
        /// The command line.
        command: String,
        /// The error behind it.
        source: std::io::Error,
    },
    /// The command took too long.
    #[error("`{command}` did not end within {seconds} s; `--exec-timeout 10m` gives it more time")]
    TooSlow {
        /// The command line.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// The command failed.
    #[error("`{command}` failed ({status}): {complaint}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it wrote to its error stream, cleaned.
        complaint: String,
    },
    /// The command printed too much.
    #[error("`{command}` printed more than {bytes_max} bytes")]
    TooMuch {
        /// The command line.
        command: String,
        /// The limit.
        bytes_max: u64,
    },
    /// What the command printed is no credential.
    #[error("`{command}` printed no credential: {reason}")]
    NoCredential {
        /// The command line.
        command: String,
        /// What was wrong, never what was printed.
        reason: String,
    },
}

fn hint_suffix(hint: Option<&str>) -> String {
    hint.map(|hint| format!(": {}", clean(hint)))
        .unwrap_or_default()
}

/// Runs the command and takes the credential it prints.
pub(crate) async fn run_exec(
    plugin: &ExecPlugin,
    cluster: &Imported,
    run: &Run<'_>,
) -> Result<OperatorCredential, ExecError> {
    let command = plugin.command_line();
    let mut child = start(plugin, cluster, run)?;
    let group = Group::of(&child);
    let unreadable = |source| ExecError::NotRunnable {
        command: command.clone(),
        source,
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut printed = Zeroizing::new(Vec::new());
    let mut written = Stderr::new(&plugin.command, run.say);
    let running = async {
        let reading = async {
            if let Some(stdout) = stdout {
                stdout
                    .take(OUTPUT_MAX + 1)
                    .read_to_end(&mut printed)
                    .await?;
            }
            Ok::<_, std::io::Error>(())
        };
        tokio::try_join!(reading, child.wait())
    };
    // What it started and left behind, such as a browser, may keep the error stream open.
    let ended = {
        let reading_on = written.read(stderr);
        tokio::pin!(reading_on, running);
        let limited = tokio::time::timeout(run.limit, async {
            tokio::select! {
                ended = &mut running => (ended, false),
                () = &mut reading_on => (running.await, true),
            }
        });
        let ended = limited.await;
        if let Ok((_, false)) = &ended {
            tokio::time::timeout(REST_MAX, reading_on).await.ok();
        }
        ended
    };
    let Ok((ended, _)) = ended else {
        return Err(ExecError::TooSlow {
            command,
            seconds: run.limit.as_secs(),
        });
    };
    let ((), status) = ended.map_err(unreadable)?;
    if printed.len() as u64 > OUTPUT_MAX {
        return Err(ExecError::TooMuch {
            command,
            bytes_max: OUTPUT_MAX,
        });
    }
    group.leave();
    if !status.success() {
        let complaint = match clean(&written.beginning()) {
            silent if silent.is_empty() => "it said nothing".to_owned(),
            text => text,
        };
        return Err(ExecError::Failed {
            command,
            status: status.to_string(),
            complaint,
        });
    }
    read_credential(&printed, &plugin.api_version)
        .map_err(|reason| ExecError::NoCredential { command, reason })
}

/// The processes of a command, which end with it where it has to be cut off.
struct Group(Option<rustix::process::Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// It has ended by itself: what it left running is not ours to end.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let signal = rustix::process::Signal::KILL;
            rustix::process::kill_process_group(group, signal).ok();
        }
    }
}

/// Finds a command as kubectl does: a path as it stands, a bare name in `PATH`, never in the
/// working folder.
fn find(command: &Path, search: Option<&Path>) -> Option<PathBuf> {
    if command.components().count() > 1 || command.is_absolute() {
        return Some(command.to_owned());
    }
    std::env::split_paths(search?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(command))
        .find(|path| {
            use std::os::unix::fs::PermissionsExt as _;
            let found = path.metadata();
            found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
}

fn start(
    plugin: &ExecPlugin,
    cluster: &Imported,
    run: &Run<'_>,
) -> Result<tokio::process::Child, ExecError> {
    let absent = || ExecError::NotInstalled {
        command: plugin.command_line(),
        hint: plugin.install_hint.clone(),
    };
    let program = find(&plugin.command, run.search.as_deref()).ok_or_else(absent)?;
    tokio::process::Command::new(program)
        .args(&plugin.args)
        // Who we are is nothing to a plugin.
        .env_remove("KUBEGRANT_IDENTITY")
        .env_remove("KUBEGRANT_IDENTITY_FILE")
        .env_remove("KUBEGRANT_STORE")
        .env_remove("PGPASSWORD")
        .envs(plugin.env.iter().map(|(name, value)| (name, value)))
        .env("KUBERNETES_EXEC_INFO", exec_info(plugin, cluster))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| match source.kind() {
            // An absent command and an absent interpreter look the same; both are "not installed".
            std::io::ErrorKind::NotFound => absent(),
            _ => ExecError::NotRunnable {
                command: plugin.command_line(),
                source,
            },
        })
}

/// Writes what the command is told, as client-go does.
fn exec_info(plugin: &ExecPlugin, cluster: &Imported) -> String {
    let mut spec = serde_json::json!({ "interactive": false });
    if plugin.provide_cluster_info {
        use base64::Engine as _;
        let mut told = serde_json::json!({ "server": cluster.server });
        if let Some(pem) = &cluster.ca_pem {
            let data = base64::engine::general_purpose::STANDARD.encode(pem);
            told["certificate-authority-data"] = data.into();
        }
        if let Some(name) = &cluster.tls_server_name {
            told["tls-server-name"] = name.as_str().into();
        }
        if let Some(proxy) = &cluster.proxy_url {
            told["proxy-url"] = proxy.as_str().into();
        }
        if let Some(config) = &cluster.exec_config {
            told["config"] = config.clone();
        }
        spec["cluster"] = told;
    }
    serde_json::json!({
        "apiVersion": plugin.api_version,
        "kind": "ExecCredential",
        "spec": spec,
    })
    .to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<ExecStatus>,
}

#[derive(Deserialize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
struct ExecStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Reads the credential. Reasons never quote what was printed.
fn read_credential(printed: &[u8], api_version: &str) -> Result<OperatorCredential, String> {
    if printed.iter().all(u8::is_ascii_whitespace) {
        return Err("it printed nothing".to_owned());
    }
    let printed = printed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(printed);
    let read: Result<ExecCredential, _> = serde_json::from_slice(printed);
    // kubectl reads YAML here too.
    let credential = read.or_else(|error| {
        let yaml = str::from_utf8(printed).ok().and_then(yaml_document);
        let yaml = yaml.and_then(|root| serde_json::from_value(root).ok());
        yaml.ok_or_else(|| {
            let (line, column) = (error.line(), error.column());
            format!("it is not an ExecCredential in JSON or YAML (line {line}, column {column})")
        })
    })?;
    if credential.kind.as_deref() != Some("ExecCredential") {
        return Err("its `kind` is not ExecCredential".to_owned());
    }
    if credential.api_version.as_deref() != Some(api_version) {
        return Err(format!(
            "its `apiVersion` is not {}, as the kubeconfig asks",
            clean(api_version)
        ));
    }
    let status = credential.status.ok_or("it has no `status`")?;
    if let Some(text) = &status.expiration_timestamp {
        let ends = text.parse::<chrono::DateTime<chrono::Utc>>();
        ends.map_err(|_| "its `expirationTimestamp` is no time")?;
    }
    if let Some(token) = status.token.as_deref().filter(|token| !token.is_empty()) {
        return super::import::checked_token(token)
            .map(OperatorCredential::Token)
            .ok_or_else(|| "its token holds characters that cannot be sent".to_owned());
    }
    match (
        status.client_certificate_data.as_deref(),
        status.client_key_data.as_deref(),
    ) {
        (Some(certificate), Some(key)) => {
            super::import::checked_pair(certificate, key).map_err(|refused| refused.to_string())
        }
        (None, None) => Err("it has neither a token nor a client certificate".to_owned()),
        (Some(_), None) => Err("it has a client certificate and no key".to_owned()),
        (None, Some(_)) => Err("it has a key and no client certificate".to_owned()),
    }
}
