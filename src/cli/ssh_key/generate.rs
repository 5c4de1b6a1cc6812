//! `kubegrant ssh-key generate`.

use super::KeyType;
use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::ssh_key::KeyView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops::ssh_key::{self, AddKey, Origin};

/// Make the key pair of a cluster's nodes
///
/// The private half is sealed to the organization's owners and admins and the cluster's owner, and
/// handed out once (`ssh-key download`); the public half is in the clear.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key generate prod\n  \
    kubegrant ssh-key install prod -i ~/.ssh/id_ed25519\n  \
    kubegrant ssh-key download prod")]
pub(crate) struct SshKeyGenerateArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// Which kind of key
    #[arg(
        long = "type",
        value_enum,
        default_value = "ed25519",
        value_name = "TYPE"
    )]
    kind: KeyType,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: SshKeyGenerateArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = AddKey {
        cluster: args.cluster.clone(),
        origin: Origin::Generate(args.kind.into()),
    };
    let done = Box::pin(ssh_key::add(
        context.session,
        &change,
        &args.dry_run.intent(),
    ))
    .await?;
    let Some(shown) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&KeyView::from(&shown))?;
    context
        .output
        .status(&format!("Cluster '{}' has an SSH key.", args.cluster));
    super::say_new(&shown, context);
    Ok(())
}
