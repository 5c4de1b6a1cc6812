//! `kubegrant ssh-key config`.

use std::fmt::Write as _;

use crate::cli::completion;
use crate::cli::context::Context;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;
use crate::ops::ssh_key::Config;

/// Print the `Host` stanzas for `ssh_config`, one for each node
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key config prod >> ~/.ssh/config\n  \
    ssh prod-node-1")]
pub(crate) struct SshKeyConfigArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
}

pub(crate) async fn run(args: &SshKeyConfigArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let config = ops::ssh_key::config(context.session, &args.cluster).await?;
    context.output.raw(stanzas(&config).as_bytes())?;
    Ok(())
}

/// A path as `ssh_config` reads it: quoted where it has spaces.
fn path(config: &Config) -> String {
    let usual = || format!("ssh-key-{}.pem", config.cluster);
    let path = config.key_file.as_ref();
    let path = path.map_or_else(usual, |path| path.display().to_string());
    // A percent sign is a token to ssh; a quote or a line end cannot be written at all.
    let path: String = path
        .chars()
        .filter(|c| *c != '"' && !c.is_control())
        .collect();
    let path = path.replace('%', "%%");
    if path.contains(' ') {
        format!("\"{path}\"")
    } else {
        path
    }
}

fn stanzas(config: &Config) -> String {
    let mut text = String::new();
    let nodes = if config.nodes.is_empty() {
        vec![(
            "node".to_owned(),
            "<node-ip>".to_owned(),
            None,
            "root".to_owned(),
        )]
    } else {
        config.nodes.clone()
    };
    for (alias, address, port, login) in nodes {
        let port = port
            .map(|port| format!("  Port {port}\n"))
            .unwrap_or_default();
        write!(
            text,
            "Host {}-{alias}\n  HostName {address}\n{port}  User {login}\n  IdentityFile {}\n  \
             IdentitiesOnly yes\n",
            config.cluster,
            path(config)
        )
        .expect("a string takes all text");
    }
    text
}
