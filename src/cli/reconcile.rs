//! `kubegrant reconcile`.

use super::context::Context;
use super::global::DryRunArgs;
use super::views::reconcile::ClusterView;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops;

/// Bring clusters up to date with the store
///
/// Makes true what is pending, finishes deletions that were cut off, repairs what was changed by hand, joins new
/// namespaces to write, and ends what has expired; on all clusters that you manage, or on those
/// named. Run it from cron as often as you like: twice changes nothing. In the working directory it
/// removes the unnamed file that a download may leave when it is killed at its last step. Exits
/// with 6 while anything is pending, with 8 if nothing is pending but a cluster could not be reached.
#[derive(clap::Args, Debug)]
pub(crate) struct ReconcileArgs {
    /// Only these clusters
    #[arg(value_name = "CLUSTER", add = super::completion::clusters())]
    clusters: Vec<ClusterName>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ReconcileArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let total = if args.clusters.is_empty() {
        manageable(context)?
    } else {
        args.clusters.len()
    };
    // One cluster's progress is its result.
    let progress = (total > 1).then(|| context.output.progress(total, "clusters"));
    let intent = args.dry_run.intent();
    let reports = ops::reconcile::reconcile(
        context.session,
        &args.clusters,
        &intent,
        &mut |report| match (&progress, &report.failed) {
            (Some(progress), None) => progress.done(report.cluster.as_str()),
            (Some(progress), Some(error)) => {
                progress.failed(report.cluster.as_str(), &error.to_string());
            }
            (None, _) => {}
        },
    )
    .await?;
    drop(progress);
    context.output.list(
        reports
            .iter()
            .map(|it| ClusterView::new(it, intent.is_preview())),
    )?;
    if intent.is_preview() {
        context.output.status("Nothing was changed (dry run).");
    }
    let pending: Vec<ops::Pending> = reports.iter().flat_map(|it| it.pending.clone()).collect();
    let mut failures: Vec<Failure> = Vec::new();
    for report in reports {
        for note in &report.notes {
            context
                .output
                .warn(&format!("cluster '{}': {note}", report.cluster));
        }
        if let Some(error) = report.failed {
            let failure = Failure::from(error).or_forget(&report.cluster);
            let (message, causes) = failure.lines();
            context.output.error(&message, &causes, &failure.hints);
            failures.push(failure);
        }
    }
    if !pending.is_empty() {
        let count = pending.len();
        let things = if count == 1 { "thing is" } else { "things are" };
        let mut failure = Failure::description(
            Kind::Pending,
            &format!("{count} {things} recorded here and not yet true on a cluster"),
            "run `kubegrant reconcile` again when the cluster answers",
        );
        let asks = ops::status::asks(context.session, &pending)?;
        let mine = |item: &ops::Pending| asks.iter().all(|ask| ask.cluster != item.cluster);
        if !pending.iter().any(mine) {
            failure.hints.clear();
        }
        failure
            .hints
            .extend(asks.iter().map(ops::status::Ask::description));
        return Err(failure);
    }
    // The gravest first: damage and wrong clusters, then the unreachable.
    failures.sort_by_key(|failure| failure.kind == Kind::Unreachable);
    match failures.into_iter().next() {
        Some(failure) => Err(Failure::reported(failure.kind)),
        None => Ok(()),
    }
}

/// How many clusters the actor manages: only their lines say what is pending.
fn manageable(context: &Context<'_>) -> Result<usize, Failure> {
    let lines = ops::cluster::list(context.session)?;
    Ok(lines.iter().filter(|line| line.pending.is_some()).count())
}
