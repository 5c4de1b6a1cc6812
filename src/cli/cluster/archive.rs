//! `kubegrant cluster archive` and `unarchive`.

use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::life::LifeView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Archive a cluster: it issues, rotates and hands out nothing
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

pub(crate) async fn run(args: ClusterArchiveArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let ends = if args.revoke_all {
        " and end every kubeconfig on it"
    } else {
        ""
    };
    let question = format!("Archive cluster '{}'{ends}?", args.name);
    let intent = confirm::intent(desk, &question, args.dry_run)?;
    let change = ops::life::Archive {
        cluster: args.name.clone(),
        revoke_all: args.revoke_all,
    };
    let done = ops::life::archive(desk.session, &change, &intent).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&LifeView::from(&done))?;
    desk.output
        .status(&format!("Cluster '{}' is archived.", args.name));
    if !args.revoke_all {
        desk.output.hint(&format!(
            "kubeconfigs that were handed out still work; end them with `kubegrant cluster archive {} --revoke-all`",
            args.name
        ));
    }
    desk.say_applied(&done.applied)
}

pub(crate) async fn run_unarchive(
    args: ClusterUnarchiveArgs,
    desk: &mut Desk<'_>,
) -> Result<(), Failure> {
    let change = ops::life::Unarchive {
        cluster: args.name.clone(),
    };
    let done = ops::life::unarchive(desk.session, &change, &args.dry_run.intent()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&LifeView::from(&done))?;
    desk.output
        .status(&format!("Cluster '{}' is active again.", args.name));
    Ok(())
}
