//! `kubegrant kubeconfig rotate`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::kubeconfig::RotateView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// End your kubeconfig for a cluster, and begin the next version
///
/// The old version is dead before the new one begins; if it cannot be ended, nothing new begins
/// and the command exits with 6. Download the new version afterwards.
#[derive(clap::Args, Debug)]
pub(crate) struct KubeconfigRotateArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: KubeconfigRotateArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let done = ops::kubeconfig::rotate(desk.session, &args.cluster, args.dry_run.mode()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&RotateView::from(&done))?;
    desk.say_applied(&done.applied)?;
    desk.output.status(&format!(
        "Version {} of '{}' on cluster '{}' has begun.",
        done.begun, done.user, done.cluster
    ));
    desk.output.hint(&format!(
        "download it with `kubegrant kubeconfig download {} --force`",
        done.cluster
    ));
    Ok(())
}
