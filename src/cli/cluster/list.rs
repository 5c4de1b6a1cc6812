//! `kubegrant cluster list`.

use crate::cli::context::Context;
use crate::cli::views::cluster::LineView;
use crate::error::Failure;
use crate::ops;

/// List the clusters that you can see
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterListArgs {}

pub(crate) fn run(_args: &ClusterListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let lines = ops::cluster::list(context.session)?;
    context.output.list(lines.iter().map(LineView::from))?;
    context.say_revoked(None, None)?;
    Ok(())
}
