//! `kubegrant project rename`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::project::ProjectNameView;
use crate::domain::name::ProjectName;
use crate::error::Failure;
use crate::ops;

/// Rename a project
///
/// Shared kubeconfigs that were handed out go on working; the names inside them stay as they were.
#[derive(clap::Args, Debug)]
pub(crate) struct ProjectRenameArgs {
    /// Which project
    #[arg(add = completion::projects())]
    name: ProjectName,
    /// The new name: a DNS label
    #[arg(long, value_name = "NAME")]
    to: ProjectName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ProjectRenameArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let change = ops::project::Rename {
        project: args.name,
        to: args.to,
    };
    let done = ops::project::rename(context.session, &change, &args.dry_run.intent()).await?;
    let Some((project, unchanged)) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&ProjectNameView::from(&project))?;
    context.output.status(&if unchanged {
        "Nothing was changed: it is called that already.".to_owned()
    } else {
        format!("Project '{}' is now '{}'.", change.project, change.to)
    });
    Ok(())
}
