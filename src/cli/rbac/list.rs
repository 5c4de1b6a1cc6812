//! `kubegrant rbac list`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::rbac::BindingView;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// List which roles are bound to whom
///
/// On clusters that you manage you see everybody's; elsewhere you see your own. With `--cluster`
/// the cluster is asked whether each role is still there, and whether it lets its holder escalate.
#[derive(clap::Args, Debug)]
pub(crate) struct RbacListArgs {
    /// Only this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
    /// Only this user
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
}

pub(crate) async fn run(args: RbacListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = ops::rbac::Filter {
        cluster: args.cluster,
        user: args.user,
    };
    let listed = ops::rbac::list(context.session, &filter).await?;
    if let Some(why) = &listed.not_asked {
        context
            .output
            .warn(&format!("the cluster was not asked: {why}"));
    }
    context
        .output
        .list(listed.lines.into_iter().map(BindingView::from))?;
    Ok(())
}
