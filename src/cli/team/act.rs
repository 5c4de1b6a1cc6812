//! What the changing verbs of `kubegrant team` have in common.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::project::change::say_over;
use crate::cli::views::team::ReportView;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::error::Failure;
use crate::ops::team::{ProgressEvent, TeamRequest, Verb, Where, Whose, act};
use crate::ops::{Applied, Intent};

/// Whose credential, and where.
#[derive(clap::Args, Debug)]
#[command(
    group = clap::ArgGroup::new("whose").required(true).args(["user", "all_users"]),
    group = clap::ArgGroup::new("place").required(true).args(["cluster", "project", "all_clusters"])
)]
pub(crate) struct ActArgs {
    /// Whose kubeconfig: name or e-mail
    #[arg(add = completion::users())]
    pub(crate) user: Option<UserRef>,
    /// Everybody's own, as after a leak
    #[arg(long)]
    pub(crate) all_users: bool,
    /// On which cluster
    #[arg(short, long, add = completion::clusters())]
    pub(crate) cluster: Option<ClusterName>,
    /// On the clusters of a project
    #[arg(long, add = completion::projects())]
    pub(crate) project: Option<ProjectName>,
    /// On every cluster where there is anything to do
    #[arg(long)]
    pub(crate) all_clusters: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRunArgs,
}

impl ActArgs {
    /// Where it happens.
    pub(crate) fn place(&self) -> Where {
        match (&self.cluster, &self.project) {
            (Some(cluster), _) => Where::Cluster(cluster.clone()),
            (None, Some(project)) => Where::Project(project.clone()),
            (None, None) => Where::AllClusters,
        }
    }

    /// Whose it is about.
    pub(crate) fn whose(&self) -> Whose {
        match &self.user {
            Some(user) => Whose::User(user.clone()),
            None => Whose::Everybody,
        }
    }

    /// Whose kubeconfig it is about, and where, in words.
    pub(crate) fn description(&self) -> String {
        let whose = match &self.user {
            Some(user) => format!("'{user}'"),
            None => "EVERY user".to_owned(),
        };
        match self.place() {
            Where::Cluster(cluster) => format!("{whose} on cluster '{cluster}'"),
            Where::Project(project) => format!("{whose} on the clusters of project '{project}'"),
            Where::AllClusters => format!("{whose} on every cluster"),
        }
    }
}

/// Does it, says what came of each cluster, and ends with the exit code that is true.
pub(crate) async fn run<C: Clone>(
    args: ActArgs,
    action: Verb,
    intent: Intent<C>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (whose, place) = (args.whose(), args.place());
    let mut progress = None;
    let many = args.cluster.is_none();
    let request = TeamRequest {
        whose: &whose,
        place: &place,
        action: &action,
    };
    let reports = act(context.session, &request, &intent, &mut |event| {
        match (event, &progress) {
            // One cluster needs no progress: what came of it is said at once.
            (ProgressEvent::Begins(total), _) if many => {
                progress = Some(context.output.progress(total, "clusters"));
            }
            (ProgressEvent::Finished(report), Some(progress)) => match &report.outcome {
                Ok(_) => progress.done(report.cluster.as_str()),
                Err(error) => progress.failed(report.cluster.as_str(), &error.to_string()),
            },
            (ProgressEvent::Begins(_) | ProgressEvent::Finished(_), _) => {}
        }
    })
    .await?;
    drop(progress);
    let user = match &whose {
        Whose::User(user) => user.to_string(),
        Whose::Everybody => "*".to_owned(),
    };
    context
        .output
        .list(reports.iter().map(|it| ReportView::new(&user, it)))?;
    if matches!(intent, Intent::Preview) {
        context.output.status("Nothing was changed (dry run).");
        let failed = reports.into_iter().filter_map(|it| it.outcome.err());
        return say_failed(failed.map(Failure::from).collect(), context);
    }
    if reports.is_empty() {
        context
            .output
            .status("There is nothing to do on any cluster.");
    }
    let mut applied = Applied::default();
    let mut failures = Vec::new();
    for report in reports {
        match report.outcome {
            Ok(outcome) => {
                context
                    .output
                    .status(&format!("{}.", first_upper(&outcome.truth())));
                say_over(&outcome.over, context);
                applied.extend(outcome.applied);
            }
            Err(error) => failures.push(Failure::from(error)),
        }
    }
    // What is pending outweighs what failed: it stands recorded.
    let pending = context.say_applied(&applied);
    let failed = say_failed(failures, context);
    pending.and(failed)
}

/// Says each failure, and ends with the code of the first.
fn say_failed(failures: Vec<Failure>, context: &mut Context<'_>) -> Result<(), Failure> {
    for failure in &failures {
        let (message, causes) = failure.lines();
        context.output.error(&message, &causes, &failure.hints);
    }
    match failures.into_iter().next() {
        Some(failure) => Err(Failure::reported(failure.kind)),
        None => Ok(()),
    }
}

fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
