//! `kubegrant project create`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::project::ProjectLineView;
use crate::domain::name::{ProjectName, parse_line};
use crate::error::Failure;
use crate::ops;

/// Make a project
///
/// A project is a group of clusters with members. On each cluster it has one shared kubeconfig for
/// viewers (read) and one for editors and owners (admin: `cluster-admin` there). Making a project
/// touches no cluster.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project create shop --description \"the web shop\"\n  \
    kubegrant cluster set prod --project shop\n  \
    kubegrant project add-member alice --project shop --role owner")]
pub(crate) struct ProjectCreateArgs {
    /// Name: a DNS label
    name: ProjectName,
    /// One line for people
    #[arg(long, value_name = "TEXT", value_parser = parse_line, default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ProjectCreateArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let change = ops::project::Create {
        name: args.name,
        description: args.description,
    };
    let done = ops::project::create(context.session, &change, &args.dry_run.intent()).await?;
    let name = &change.name;
    let Some(line) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&ProjectLineView::from(&line))?;
    context.output.status(&format!("Project '{name}' is made."));
    context.output.hint(&format!(
        "put clusters in it with `kubegrant cluster set CLUSTER --project {name}`"
    ));
    Ok(())
}
