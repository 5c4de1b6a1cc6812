//! `kubegrant cluster list`.

use crate::cli::desk::Desk;
use crate::cli::views::cluster::LineView;
use crate::error::Failure;
use crate::ops;

/// List the clusters that you can see
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterListArgs {}

pub(crate) fn run(_args: &ClusterListArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let lines = ops::cluster::list(desk.session)?;
    desk.output.list(lines.iter().map(LineView::from))?;
    desk.say_revoked(None, None)?;
    Ok(())
}
