//! `kubegrant cluster relink`.

use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::cluster::RegisteredView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Renew a cluster's address, pins and manager from a fresh kubeconfig
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

pub(crate) async fn run(args: ClusterRelinkArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let question = format!(
        "Trust this kubeconfig as that of cluster '{}' from now on?",
        args.name
    );
    let intent = confirm::intent(desk, &question, args.dry_run)?;
    let wish = ops::cluster::Relink {
        cluster: args.name,
        source: args.source.source(desk)?,
        keep_credential: args.keep_credential,
        objects: args.made.options(),
    };
    let renewing = Box::pin(ops::cluster::relink(desk.session, &wish, &intent));
    let done = renewing.await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&RegisteredView::from(&done))?;
    for warning in &done.warnings {
        desk.output.warn(warning);
    }
    desk.output
        .status(&format!("Cluster '{}' is renewed.", done.cluster.name));
    desk.say_applied(&done.applied)
}
