//! `kubegrant cluster rotate-manager`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::lifecycle::LifecycleView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Make another account a cluster's manager
///
/// The new one is proven with real calls, and its login is stored, before the old one ends with
/// every token that anybody minted for it. It takes up to ten seconds until the API server's cache
/// has forgotten them; the command waits for that. Who had full access to the cluster could have
/// minted tokens of other accounts too: `cluster rotate-accounts` ends those as well.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterRotateManagerArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ClusterRotateManagerArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = ops::rotation::RotateManager {
        cluster: args.name.clone(),
    };
    let intent = args.dry_run.intent();
    let done = Box::pin(ops::rotation::rotate_manager(
        context.session,
        &change,
        &intent,
    ));
    let Some(done) = context.planned(done.await?)? else {
        return Ok(());
    };
    context.output.show(&LifecycleView::from(&done))?;
    context.say_applied(&done.applied)?;
    context.output.status(&format!(
        "Account '{}' is the manager of cluster '{}'. The one before is gone, and its tokens are \
         refused.",
        done.cluster.manager, args.name
    ));
    Ok(())
}
