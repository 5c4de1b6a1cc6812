//! `kubegrant project rotate` and `kubegrant project revoke`.

use super::change;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::project::OverView;
use crate::cli::{completion, confirm, reached};
use crate::domain::name::{ClusterName, ProjectName};
use crate::domain::project::SharedLevel;
use crate::error::Failure;
use crate::ops::Applied;
use crate::ops::project::shared::{EndRequest, Ending, Which, act};

/// Which shared kubeconfigs.
#[derive(clap::Args, Debug)]
pub(crate) struct ActArgs {
    /// Of which project
    #[arg(add = completion::projects())]
    project: ProjectName,
    /// Only on this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
    /// Only of this level
    #[arg(long, value_parser = level_values())]
    level: Option<SharedLevel>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

fn level_values() -> impl clap::builder::TypedValueParser<Value = SharedLevel> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(SharedLevel::ALL.map(SharedLevel::as_str))
        .try_map(|text| text.parse().map_err(std::io::Error::other))
}

/// End a project's shared kubeconfigs, and begin the next versions
///
/// A shared version dies everywhere at once, read back from the cluster. Says who held it and must
/// download again; `project show` goes on saying who has not yet.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project rotate shop --yes\n  \
    kubegrant project rotate shop --cluster prod --level admin --yes")]
pub(crate) struct ProjectRotateArgs {
    #[command(flatten)]
    act: ActArgs,
}

/// End a project's shared kubeconfigs
///
/// A shared version dies everywhere at once, read back from the cluster. The members stay: the
/// next download of one of them issues a new version.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project revoke shop --level admin --yes")]
pub(crate) struct ProjectRevokeArgs {
    #[command(flatten)]
    act: ActArgs,
}

pub(crate) async fn rotate(
    args: ProjectRotateArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    run(args.act, Ending::Rotate, context).await
}

pub(crate) async fn revoke(
    args: ProjectRevokeArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    run(args.act, Ending::Revoke, context).await
}

async fn run(args: ActArgs, action: Ending, context: &mut Context<'_>) -> Result<(), Failure> {
    let verb = match action {
        Ending::Rotate => "Rotate",
        Ending::Revoke => "Revoke",
    };
    let question = format!(
        "{verb} the shared kubeconfigs of project '{}', for everybody who has them?",
        args.project
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let which = Which {
        cluster: args.cluster,
        level: args.level,
    };
    let request = EndRequest {
        project: &args.project,
        which: &which,
        action,
    };
    let done = act(context.session, &request, &intent).await?;
    let Some(reports) = context.planned(done)? else {
        return Ok(());
    };
    let mut applied = Applied::default();
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for report in reports {
        match report.outcome {
            Ok((over, done)) => {
                let true_now = done.pending.is_empty();
                all.extend(over.into_iter().map(|over| (over, true_now)));
                applied.extend(done);
            }
            Err(error) => failures.push(Failure::from(error)),
        }
    }
    let views = all.iter();
    context
        .output
        .list(views.map(|(over, applied)| OverView::new(over, *applied)))?;
    if all.is_empty() && failures.is_empty() {
        context
            .output
            .status("There is nothing to end: no such shared kubeconfig is live.");
    }
    let over: Vec<_> = all.into_iter().map(|(over, _)| over).collect();
    change::say_over(&over, context);
    let full: Vec<_> = over.iter().filter(|over| over.was_full).collect();
    let mut clusters: Vec<_> = full.iter().map(|over| over.cluster.clone()).collect();
    clusters.dedup();
    if let Some(first) = full.first() {
        reached::say(
            &format!("whoever held '{}'", first.owner),
            &clusters,
            context,
        );
    }
    // What is pending outweighs what failed: it stands recorded.
    let pending = context.say_applied(&applied);
    for failure in &failures {
        let (message, causes) = failure.lines();
        context.output.error(&message, &causes, &failure.hints);
    }
    pending?;
    match failures.into_iter().next() {
        Some(failure) => Err(Failure::reported(failure.kind)),
        None => Ok(()),
    }
}
