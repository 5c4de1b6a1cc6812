//! `kubegrant project list`.

use crate::cli::context::Context;
use crate::cli::views::project::ProjectLineView;
use crate::error::Failure;
use crate::ops;

/// List projects
///
/// Organization owners and admins see all, others those that they are members of.
#[derive(clap::Args, Debug)]
pub(crate) struct ProjectListArgs {}

pub(crate) fn run(_: &ProjectListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let lines = ops::project::list(context.session)?;
    context
        .output
        .list(lines.iter().map(ProjectLineView::from))?;
    Ok(())
}
