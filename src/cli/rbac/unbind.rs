//! `kubegrant rbac unbind`.

use super::target::RbacTargetArgs;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::rbac::OutcomeView;
use crate::cli::{completion, confirm, reached};
use crate::domain::name::UserRef;
use crate::error::Failure;
use crate::ops;

/// Unbind a ClusterRole or Role from a user
///
/// Takes effect at once on the kubeconfig that they have: when the command exits with 0, the API
/// server has been asked. The kubeconfig itself goes on, unless nothing else is left for it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant rbac unbind bob --cluster prod --cluster-role view -n shop --yes")]
pub(crate) struct RbacUnbindArgs {
    /// Whose: name or e-mail
    #[arg(add = completion::users())]
    user: UserRef,
    #[command(flatten)]
    target: RbacTargetArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: RbacUnbindArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let change = ops::rbac::Unbind {
        bound: args.target.bound(),
        user: args.user,
        cluster: args.target.cluster,
    };
    let question = format!(
        "Unbind {} from '{}' on cluster '{}'?",
        change.bound, change.user, change.cluster
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let before = reached::of(context, &change.user);
    let done = ops::rbac::unbind(context.session, &change, &intent).await?;
    let Some(outcome) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&OutcomeView::from(&outcome))?;
    let (user, cluster, bound) = (&outcome.user, &outcome.cluster, &outcome.bound);
    if outcome.unchanged {
        context.output.status(&format!(
            "{bound} is not bound to '{user}' on cluster '{cluster}'; nothing was changed."
        ));
        context.say_applied(&outcome.applied)?;
        context.output.hint(&format!(
            "`kubegrant rbac list --cluster {cluster} --user {user}` lists what is"
        ));
        return Ok(());
    }
    context
        .output
        .status(&if outcome.applied.pending.is_empty() {
            format!("{bound} is no longer bound to '{user}' on cluster '{cluster}'.")
        } else {
            format!("It is recorded that {bound} is not bound to '{user}' on cluster '{cluster}'.")
        });
    before.say_on(&outcome.cluster, context);
    context.say_applied(&outcome.applied)
}
