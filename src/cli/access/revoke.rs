//! `kubegrant access revoke`.

use crate::cli::context::Context;
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

pub(crate) async fn run(args: AccessRevokeArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!(
        "Take the access of '{}' to cluster '{}' away?",
        args.user, args.cluster
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let before = reached::of(context, &args.user);
    let change = ops::access::RevokeAccess {
        user: args.user,
        cluster: args.cluster,
    };
    let done = ops::access::revoke(context.session, &change, &intent).await?;
    let Some(outcome) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&OutcomeView::from(&outcome))?;
    let (user, cluster) = (&outcome.user, &outcome.cluster);
    let bound = outcome.access == Access::Bound;
    let none = if bound { "no grant on" } else { "no access to" };
    if outcome.unchanged {
        context.output.status(&format!(
            "'{user}' has {none} cluster '{cluster}'; nothing was changed."
        ));
    } else {
        context.output.status(&format!(
            "The grant of '{user}' on cluster '{cluster}' is removed."
        ));
    }
    if bound {
        context.output.hint(&format!(
            "role bindings stay: `kubegrant rbac list --cluster {cluster} --user {user}`"
        ));
    }
    before.say_on(&outcome.cluster, context);
    context.say_applied(&outcome.applied)
}
