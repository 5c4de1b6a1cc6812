//! `kubegrant team list`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::views::team::LineView;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// List everybody's latest kubeconfig version on every cluster
///
/// Versions that are revoked are left out unless the user is blocked, or `--show-revoked` asks for
/// them.
#[derive(clap::Args, Debug)]
pub(crate) struct TeamListArgs {
    /// Only this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
    /// Only this user
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
    /// Also those whose latest version is revoked
    #[arg(long)]
    show_revoked: bool,
}

pub(crate) fn run(args: TeamListArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let filter = ops::team::Filter {
        cluster: args.cluster,
        user: args.user,
        show_revoked: args.show_revoked,
    };
    let lines = ops::team::list(desk.session, &filter)?;
    desk.output.list(lines.into_iter().map(LineView::from))?;
    desk.say_doubt()?;
    Ok(())
}
