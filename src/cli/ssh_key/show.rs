//! `kubegrant ssh-key show`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::ssh_key::KeyView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Show the SSH key of a cluster: fingerprint, who took it, where it is installed
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key show prod\n  \
    kubegrant ssh-key show prod --public >> ~/.ssh/authorized_keys")]
pub(crate) struct SshKeyShowArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// Only the line for `authorized_keys`
    #[arg(long)]
    public: bool,
}

pub(crate) async fn run(args: &SshKeyShowArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let shown = ops::ssh_key::show(context.session, &args.cluster).await?;
    if args.public {
        let line = format!("{}\n", shown.pair.public);
        context.output.raw(line.as_bytes())?;
        return Ok(());
    }
    context.output.show(&KeyView::from(&shown))?;
    for item in &shown.pending {
        context.output.warn(item);
    }
    Ok(())
}
