//! `kubegrant team list`.

use crate::cli::completion;
use crate::cli::context::Context;
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

pub(crate) fn run(args: TeamListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = ops::team::Filter {
        cluster: args.cluster,
        user: args.user,
        show_revoked: args.show_revoked,
    };
    let doubt = context.doubt(ops::audit::Shown {
        cluster: filter.cluster.clone(),
        user: filter.user.clone(),
        ..Default::default()
    });
    let lines = ops::team::list(context.session, &filter)?;
    context.output.list(lines.into_iter().map(LineView::from))?;
    context.say_doubt(doubt)
}
