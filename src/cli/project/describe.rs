//! `kubegrant project describe`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::project::ProjectNameView;
use crate::domain::name::{ProjectName, parse_line};
use crate::error::Failure;
use crate::ops;

/// Set a project's description
///
/// It is for people: `project list -o wide` and `project show` show it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project describe shop \"the web shop\"")]
pub(crate) struct ProjectDescribeArgs {
    /// Which project
    #[arg(add = completion::projects())]
    name: ProjectName,
    /// One line for people; `""` for none
    #[arg(value_name = "TEXT", value_parser = parse_line)]
    description: String,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ProjectDescribeArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = ops::project::Describe {
        project: args.name,
        description: args.description,
    };
    let done = ops::project::describe(context.session, &change, &args.dry_run.intent()).await?;
    let Some((project, unchanged)) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&ProjectNameView::from(&project))?;
    context.output.status(&if unchanged {
        "Nothing was changed: that is its description already.".to_owned()
    } else {
        format!("The description of project '{}' is set.", change.project)
    });
    Ok(())
}
