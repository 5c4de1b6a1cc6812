//! `kubegrant cluster rotate-manager`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::life::LifeView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Give a cluster's manager a new login, and end the old one
///
/// The new one is proven with real calls and stored before the old one ends. It takes up to ten
/// seconds until the API server's cache has forgotten the old one; the command waits for that.
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
    desk: &mut Desk<'_>,
) -> Result<(), Failure> {
    let done = ops::life::rotate_manager(desk.session, &args.name, args.dry_run.mode()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&LifeView::from(&done))?;
    desk.output.status(&format!(
        "The manager of cluster '{}' has a new login.",
        args.name
    ));
    desk.say_applied(&done.applied)?;
    desk.output.status("The old one is refused.");
    Ok(())
}
