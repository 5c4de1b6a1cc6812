//! `kubegrant project show`.

use crate::cli::completion;
use crate::cli::desk::Desk;
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

pub(crate) fn run(args: &ProjectShowArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let shown = ops::project::show(desk.session, &args.name)?;
    desk.output.show(&ProjectView::from(&shown))?;
    desk.say_doubt()?;
    Ok(())
}
