//! Runs a sandbox by hand, until Ctrl-C.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use kubegrant_sandbox::Sandbox;

const USAGE: &str = "usage: kubegrant-sandbox [--port N] [--kubeconfig FILE] [--token-cache] \
                     [--max-token-ttl SECONDS] [--list-wait MS] [--servers N]";

fn main() -> anyhow::Result<()> {
    let mut builder = Sandbox::builder();
    let mut kubeconfig = PathBuf::from("sandbox.kubeconfig");
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().context(USAGE);
        builder = match argument.as_str() {
            "--port" => builder.port(value()?.parse().context(USAGE)?),
            "--kubeconfig" => {
                kubeconfig = value()?.into();
                builder
            }
            "--token-cache" => builder.token_cache(true),
            "--max-token-ttl" => {
                let seconds = value()?.parse().context(USAGE)?;
                builder.max_token_ttl(Some(Duration::from_secs(seconds)))
            }
            "--list-wait" => {
                let wait = value()?.parse().context(USAGE)?;
                builder.list_wait(Duration::from_millis(wait))
            }
            "--servers" => builder.servers(value()?.parse().context(USAGE)?),
            _ => bail!(USAGE),
        };
    }
    let sandbox = builder.start()?;
    write_private(&kubeconfig, &sandbox.admin_kubeconfig())
        .with_context(|| format!("cannot write {}", kubeconfig.display()))?;
    say(&sandbox.url(), &kubeconfig);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(tokio::signal::ctrl_c())?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the path is what a script waits for")]
fn say(url: &str, kubeconfig: &Path) {
    println!("{}", kubeconfig.display());
    println!("serving {url}; press Ctrl-C to stop");
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    // An admin credential never exists with wider permissions, not even for a moment.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
