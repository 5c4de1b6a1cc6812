//! `kubegrant cluster protect` and `unprotect`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::life::LifeView;
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

pub(crate) async fn run(args: ClusterProtectArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    set(desk, &args.name, args.dry_run, true).await
}

pub(crate) async fn run_unprotect(
    args: ClusterUnprotectArgs,
    desk: &mut Desk<'_>,
) -> Result<(), Failure> {
    set(desk, &args.name, args.dry_run, false).await
}

async fn set(
    desk: &mut Desk<'_>,
    name: &ClusterName,
    dry_run: DryRunArgs,
    protected: bool,
) -> Result<(), Failure> {
    let change = ops::life::Protect {
        cluster: name.clone(),
        protected,
    };
    let done = ops::life::protect(desk.session, &change, &dry_run.intent()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&LifeView::from(&done))?;
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
    desk.output
        .status(&format!("Cluster '{name}' is {is} {now}."));
    Ok(())
}
