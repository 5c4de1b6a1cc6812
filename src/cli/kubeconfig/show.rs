//! `kubegrant kubeconfig show`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::kubeconfig::VersionView;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// Show the versions of a kubeconfig, and who was handed them
///
/// The project's shared ones, where the cluster is in a project, are shown to its members too.
#[derive(clap::Args, Debug)]
pub(crate) struct KubeconfigShowArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// Whose, if not yours; for organization owners and admins
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
}

pub(crate) fn run(args: KubeconfigShowArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let KubeconfigShowArgs { cluster, user } = args;
    let versions = ops::kubeconfig::show(context.session, &cluster, user.as_ref())?;
    let views = versions
        .into_iter()
        .map(|version| VersionView::new(cluster.as_str(), version));
    context.output.list(views)?;
    context.say_revoked(user.as_ref(), Some(&cluster))?;
    Ok(())
}
