//! `kubegrant cluster relink`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::cluster::RegisteredView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Renew address, pins and manager from a fresh kubeconfig
///
/// For a cluster that moved, got a new CA, lost its manager, or was rebuilt. Pins are renewed only
/// here. Where the cluster was rebuilt, all credentials of the old one end.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterRelinkArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    source: super::source::SourceArgs,
    /// Keep the operator's credential (sealed) instead of a manager's token
    #[arg(long)]
    keep_credential: bool,
    #[command(flatten)]
    made: super::made::MadeArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ClusterRelinkArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!(
        "Trust this kubeconfig as that of cluster '{}' from now on?",
        args.name
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let wanted = ops::cluster::Relink {
        cluster: args.name,
        source: args.source.source(context)?,
        keep_credential: args.keep_credential,
        objects: args.made.options(),
    };
    let renewing = Box::pin(ops::cluster::relink(context.session, &wanted, &intent));
    let done = renewing.await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&RegisteredView::from(&done))?;
    for warning in &done.warnings {
        context.output.warn(warning);
    }
    context
        .output
        .status(&format!("Cluster '{}' is renewed.", done.cluster.name));
    context.say_applied(&done.applied)
}
