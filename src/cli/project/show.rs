//! `kubegrant project show`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::project::ProjectView;
use crate::domain::name::ProjectName;
use crate::error::Failure;
use crate::ops;

/// Show a project: members, clusters, and who holds which shared kubeconfig
///
/// Lists for each cluster and level the latest version, who may have it in their hands, and who
/// had an earlier one and must download again.
#[derive(clap::Args, Debug)]
pub(crate) struct ProjectShowArgs {
    /// Which project
    #[arg(add = completion::projects())]
    name: ProjectName,
}

pub(crate) fn run(args: &ProjectShowArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let doubt = context.doubt(ops::audit::Shown {
        project: Some(args.name.clone()),
        ..Default::default()
    });
    let shown = ops::project::show(context.session, &args.name)?;
    context.output.show(&ProjectView::from(&shown))?;
    context.say_doubt(doubt)
}
