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
    let mode = args.dry_run.mode();
    let ends = if args.revoke_all {
        " and end every kubeconfig on it"
    } else {
        ""
    };
    let question = format!("Archive cluster '{}'{ends}?", args.name);
    let confirmed = confirm::ask(desk, &question, mode)?;
    let done =
        ops::life::archive(desk.session, &args.name, args.revoke_all, mode, confirmed).await?;
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
    let done = ops::life::unarchive(desk.session, &args.name, args.dry_run.mode()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&LifeView::from(&done))?;
    desk.output
        .status(&format!("Cluster '{}' is active again.", args.name));
    Ok(())
}
