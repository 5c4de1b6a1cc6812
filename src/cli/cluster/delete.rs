//! `kubegrant cluster delete`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::life::RemovedView;
use crate::domain::Confirmed;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::{self, Intent};

/// Delete a cluster: everything of ours leaves it, verified, before its login goes
///
/// Asks for the cluster's name on a terminal; elsewhere it wants `--yes --confirm NAME`. With
/// `--forget` the cluster is not asked: for one that is gone for good; it says what may be left
/// behind. One that was cut off is pending: the same again, or `reconcile`, finishes it.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterDeleteArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    /// The cluster's name once more, instead of typing it
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// The cluster is gone for good: do not ask it; for organization owners
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ClusterDeleteArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    ops::remove::may_delete(desk.session, &args.name)?;
    let intent = intent(&args, desk)?;
    let cluster = args.name.clone();
    let done = if args.forget {
        ops::remove::forget(desk.session, &ops::remove::Forget { cluster }, &intent).await?
    } else {
        Box::pin(ops::remove::delete(
            desk.session,
            &ops::remove::Delete { cluster },
            &intent,
        ))
        .await
        .map_err(|error| Failure::from(error).or_forget(&args.name))?
    };
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&RemovedView::from(&done))?;
    let how = if done.forgotten {
        "forgotten; it was not asked"
    } else {
        "deleted"
    };
    desk.output
        .status(&format!("Cluster '{}' is {how}.", args.name));
    for left in &done.left_behind {
        desk.output.warn(&format!("left behind: {left}"));
    }
    if !done.forgotten && done.left_behind.is_empty() {
        desk.output
            .status("Nothing of ours is left on it (verified).");
    }
    Ok(())
}

/// Asks for the name of the cluster, unless it is a dry run.
fn intent(args: &ClusterDeleteArgs, desk: &mut Desk<'_>) -> Result<Intent, Failure> {
    if args.dry_run.is_on() {
        return Ok(Intent::Preview);
    }
    let name = args.name.as_str();
    let typed = match &args.confirm {
        Some(typed) if desk.yes => typed.clone(),
        _ => desk
            .prompt
            .typed_name(desk.output, "cluster", name, "`--yes --confirm NAME`")?,
    };
    let confirmed = Confirmed::from_typed_name(&typed, name).ok_or_else(|| {
        let why = format!("the typed name is not '{name}'; nothing was changed");
        Failure::words(Kind::Usage, &why, "")
    })?;
    Ok(Intent::Perform(confirmed))
}
