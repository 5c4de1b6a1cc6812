//! `kubegrant cluster check`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::cluster::CheckView;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops;

/// Check a cluster: reachable, pins, rights, drift
///
/// Changes nothing. Names what others hold that leads to our accounts or to cluster-admin, whoever
/// made it, and asks the API server whether a level is what it says. Exits with 0 when what is ours
/// is as it should be, 6 when `reconcile` or `relink` has something to do, 7 when the cluster is not
/// the one that was registered, 8 when it cannot be reached.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterCheckArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
}

pub(crate) async fn run(args: &ClusterCheckArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let checked = Box::pin(ops::cluster::check(context.session, &args.name)).await?;
    let drift = checked.has_drift();
    let lacks_rights = !checked.missing_rights.is_empty();
    let is_widened = !checked.widened.is_empty() || !checked.issuer_may.is_empty();
    let dangers = checked.ways_in.len() + checked.excess.len();
    context.output.show(&CheckView::from(checked))?;
    if dangers > 0 {
        let findings = if dangers == 1 {
            "1 finding".to_owned()
        } else {
            format!("{dangers} findings")
        };
        context.output.warn(&format!(
            "cluster '{}': {findings} by which others come to our accounts, or our accounts have more \
             than their level",
            args.name
        ));
    }
    if lacks_rights || is_widened {
        context.output.hint(&format!(
            "put the rights of the manager and the issuer right with `kubegrant cluster relink {}`",
            args.name
        ));
    }
    if drift {
        context
            .output
            .hint(&format!("run `kubegrant reconcile {}`", args.name));
        return Err(Failure::description(
            Kind::Pending,
            &format!("cluster '{}' does not hold what the store says", args.name),
            "",
        ));
    }
    Ok(())
}
