//! `kubegrant cluster check`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::views::cluster::CheckView;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops;

/// Check a cluster: reachable, pins, version, rights, drift, and where write reaches
///
/// Changes nothing. Exits with 0 when all is as it should be, 6 when `reconcile` has something to
/// do, 7 when the cluster is not the one that was registered, 8 when it cannot be reached.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterCheckArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
}

pub(crate) async fn run(args: &ClusterCheckArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let checked = Box::pin(ops::cluster::check(desk.session, &args.name)).await?;
    let drift = checked.has_drift();
    let lacks_rights = !checked.missing_rights.is_empty();
    desk.output.show(&CheckView::from(checked))?;
    if lacks_rights {
        desk.output.hint(&format!(
            "give the manager its rights back with `kubegrant cluster relink {}`",
            args.name
        ));
    }
    if drift {
        desk.output
            .hint(&format!("run `kubegrant reconcile {}`", args.name));
        return Err(Failure::words(
            Kind::Owed,
            &format!("cluster '{}' does not hold what the store says", args.name),
            "",
        ));
    }
    Ok(())
}
