//! `kubegrant cluster archive` and `unarchive`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::lifecycle::LifecycleView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Archive a cluster: it hands out nothing any more
///
/// Kubeconfigs that were handed out go on working unless `--revoke-all` ends them. Listing,
/// revoking and unarchiving work as before.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterArchiveArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    /// End every live kubeconfig too
    #[arg(long)]
    revoke_all: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Take a cluster out of the archive
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterUnarchiveArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ClusterArchiveArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let ends = if args.revoke_all {
        " and end every kubeconfig on it"
    } else {
        ""
    };
    let question = format!("Archive cluster '{}'{ends}?", args.name);
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let change = ops::lifecycle::Archive {
        cluster: args.name.clone(),
        revoke_all: args.revoke_all,
    };
    let done = ops::lifecycle::archive(context.session, &change, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&LifecycleView::from(&done))?;
    context
        .output
        .status(&format!("Cluster '{}' is archived.", args.name));
    if !args.revoke_all {
        context.output.hint(&format!(
            "kubeconfigs that were handed out still work; end them with `kubegrant cluster archive {} --revoke-all`",
            args.name
        ));
    }
    context.say_applied(&done.applied)
}

pub(crate) async fn run_unarchive(
    args: ClusterUnarchiveArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = ops::lifecycle::Unarchive {
        cluster: args.name.clone(),
    };
    let done = ops::lifecycle::unarchive(context.session, &change, &args.dry_run.intent()).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&LifecycleView::from(&done))?;
    context
        .output
        .status(&format!("Cluster '{}' is active again.", args.name));
    Ok(())
}
