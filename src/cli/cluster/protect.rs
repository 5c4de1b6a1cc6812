//! `kubegrant cluster protect` and `unprotect`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::lifecycle::LifecycleView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Protect a cluster from being deleted or archived
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterProtectArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Lift a cluster's protection
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterUnprotectArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ClusterProtectArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    set(context, &args.name, args.dry_run, true).await
}

pub(crate) async fn run_unprotect(
    args: ClusterUnprotectArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    set(context, &args.name, args.dry_run, false).await
}

async fn set(
    context: &mut Context<'_>,
    name: &ClusterName,
    dry_run: DryRunArgs,
    protected: bool,
) -> Result<(), Failure> {
    let change = ops::lifecycle::Protect {
        cluster: name.clone(),
        protected,
    };
    let done = ops::lifecycle::protect(context.session, &change, &dry_run.intent()).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&LifecycleView::from(&done))?;
    let is = if protected {
        "protected"
    } else {
        "not protected"
    };
    let now = if done.unchanged {
        "already; nothing was changed"
    } else {
        "now"
    };
    context
        .output
        .status(&format!("Cluster '{name}' is {is} {now}."));
    Ok(())
}
