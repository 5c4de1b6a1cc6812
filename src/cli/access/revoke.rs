//! `kubegrant access revoke`.

use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::access::OutcomeView;
use crate::cli::{completion, confirm, reached};
use crate::domain::access::Access;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// Take a developer's access to a cluster away
///
/// Removes the grant and ends the kubeconfig that it gave. When the command exits with 0, the API
/// server has been asked and refuses it. Revoking twice changes nothing.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant access revoke bob --cluster prod --yes")]
pub(crate) struct AccessRevokeArgs {
    /// Developer who loses access: name or e-mail
    #[arg(add = completion::users())]
    user: UserRef,
    /// On which cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: AccessRevokeArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let question = format!(
        "Take the access of '{}' to cluster '{}' away?",
        args.user, args.cluster
    );
    let intent = confirm::intent(desk, &question, args.dry_run)?;
    let before = reached::of(desk, &args.user);
    let change = ops::access::RevokeAccess {
        user: args.user,
        cluster: args.cluster,
    };
    let done = ops::access::revoke(desk.session, &change, &intent).await?;
    let Some(outcome) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&OutcomeView::from(&outcome))?;
    let (user, cluster) = (&outcome.user, &outcome.cluster);
    let bound = outcome.access == Access::Bound;
    let none = if bound { "no grant on" } else { "no access to" };
    if outcome.unchanged {
        desk.output.status(&format!(
            "'{user}' has {none} cluster '{cluster}'; nothing was changed."
        ));
    } else {
        desk.output.status(&format!(
            "The grant of '{user}' on cluster '{cluster}' is removed."
        ));
    }
    if bound {
        desk.output.hint(&format!(
            "role bindings stay: `kubegrant rbac list --cluster {cluster} --user {user}`"
        ));
    }
    before.say_on(&outcome.cluster, desk);
    desk.say_applied(&outcome.applied)
}
