//! `kubegrant project delete`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::project::ProjectNameView;
use crate::cli::{completion, confirm};
use crate::domain::name::ProjectName;
use crate::error::Failure;
use crate::ops;

/// Delete a project
///
/// Refused while it has clusters: take them out first, which ends its shared kubeconfigs there.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant cluster set prod --no-project\n  \
    kubegrant project delete shop --yes")]
pub(crate) struct ProjectDeleteArgs {
    /// Which project
    #[arg(add = completion::projects())]
    name: ProjectName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ProjectDeleteArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let name = &args.name;
    let question = format!("Delete project '{name}', with its list of members?");
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let change = ops::project::Delete {
        project: name.clone(),
    };
    let done = ops::project::delete(context.session, &change, &intent).await?;
    let Some(project) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&ProjectNameView::from(&project))?;
    context
        .output
        .status(&format!("Project '{name}' is deleted."));
    Ok(())
}
