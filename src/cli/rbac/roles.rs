//! `kubegrant rbac roles`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::rbac::RoleView;
use crate::domain::name::{ClusterName, parse_namespace};
use crate::error::Failure;
use crate::ops;

/// List the roles of a cluster that can be bound, and what each allows
///
/// Without `-n` as they would be cluster-wide; with `-n` as they would be in that namespace, with
/// its own Roles. Those that would let their holder escalate are marked; `-o wide` says why.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant rbac roles prod\n  \
    kubegrant rbac roles prod -n shop -o wide")]
pub(crate) struct RbacRolesArgs {
    /// Of which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// In which namespace
    #[arg(short, long, value_parser = parse_namespace)]
    namespace: Option<String>,
    /// Also those of Kubernetes' own components (`system:…`)
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(args: &RbacRolesArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let namespace = args.namespace.as_deref();
    let offers = ops::rbac::roles(context.session, &args.cluster, namespace, args.all).await?;
    context
        .output
        .list(offers.into_iter().map(RoleView::from))?;
    Ok(())
}
