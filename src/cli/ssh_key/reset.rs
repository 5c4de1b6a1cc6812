//! `kubegrant ssh-key reset`.

use super::KeyType;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::ssh_key::KeyView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Make a new key pair after a hand-out that went wrong; never the old one again
///
/// The old private half is destroyed here at once. The nodes still accept the old key wherever it
/// is: `ssh-key rotate` brings them the new one and removes the old.
#[derive(clap::Args, Debug)]
pub(crate) struct SshKeyResetArgs {
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

pub(crate) async fn run(args: &SshKeyResetArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let name = &args.cluster;
    let question = format!("Destroy the SSH key of cluster '{name}' and make a new one?");
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let change = ops::ssh_key::Reset {
        cluster: name.clone(),
        kind: args.kind.into(),
    };
    let done = Box::pin(ops::ssh_key::reset(context.session, &change, &intent)).await?;
    let Some(shown) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&KeyView::from(&shown))?;
    context
        .output
        .status(&format!("Cluster '{name}' has a new SSH key."));
    for item in &shown.pending {
        context.output.warn(item);
    }
    context.output.hint(&format!(
        "bring it to the nodes with `kubegrant ssh-key rotate {name} -i KEYFILE`, with a key that \
         they accept"
    ));
    Ok(())
}
