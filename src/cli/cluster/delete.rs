//! `kubegrant cluster delete`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::lifecycle::RemovedView;
use crate::domain::Confirmed;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::{self, Intent};

/// Delete a cluster: everything of ours leaves it, verified
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

pub(crate) async fn run(args: ClusterDeleteArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    ops::remove::may_delete(context.session, &args.name)?;
    let intent = intent(&args, context)?;
    let cluster = args.name.clone();
    let done = if args.forget {
        ops::remove::forget(context.session, &ops::remove::Forget { cluster }, &intent).await?
    } else {
        Box::pin(ops::remove::delete(
            context.session,
            &ops::remove::Delete { cluster },
            &intent,
        ))
        .await
        .map_err(|error| Failure::from(error).or_forget(&args.name))?
    };
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&RemovedView::from(&done))?;
    let how = if done.forgotten {
        "forgotten; it was not asked"
    } else {
        "deleted"
    };
    context
        .output
        .status(&format!("Cluster '{}' is {how}.", args.name));
    for left in &done.left_behind {
        context.output.warn(&format!("left behind: {left}"));
    }
    if !done.forgotten && done.left_behind.is_empty() {
        context
            .output
            .status("Nothing of ours is left on it (verified).");
    }
    Ok(())
}

/// Asks for the name of the cluster, unless it is a dry run.
fn intent(args: &ClusterDeleteArgs, context: &mut Context<'_>) -> Result<Intent, Failure> {
    if args.dry_run.is_on() {
        return Ok(Intent::Preview);
    }
    let name = args.name.as_str();
    let typed = match &args.confirm {
        Some(typed) if context.yes => typed.clone(),
        _ => {
            context
                .prompt
                .typed_name(context.output, "cluster", name, "`--yes --confirm NAME`")?
        }
    };
    let confirmed = Confirmed::from_typed_name(&typed, name).ok_or_else(|| {
        let why = format!("the typed name is not '{name}'; nothing was changed");
        Failure::description(Kind::Usage, &why, "")
    })?;
    Ok(Intent::Perform(confirmed))
}
