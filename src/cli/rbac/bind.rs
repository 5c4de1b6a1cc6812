//! `kubegrant rbac bind`.

use super::target::RbacTargetArgs;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::left_out::carried;
use crate::cli::views::rbac::OutcomeView;
use crate::cli::{completion, confirm};
use crate::domain::access::Access;
use crate::domain::name::{UserRef, parse_line};
use crate::error::Failure;
use crate::ops;

/// Bind a ClusterRole or Role of a cluster to a user
///
/// The role comes on top of the user's level, and takes effect at once on the kubeconfig that they
/// have. Who has no level downloads one that carries the bound roles alone. A role that would let
/// its holder escalate (become more than it says) is named as such, and needs `--yes` or an answer.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant rbac roles prod -n shop\n  \
    kubegrant rbac bind bob --cluster prod --cluster-role view -n shop\n  \
    kubegrant rbac bind bob -c prod --role deployer -n shop --reason \"release week\"")]
pub(crate) struct RbacBindArgs {
    /// Whose: name or e-mail
    #[arg(add = completion::users())]
    user: UserRef,
    #[command(flatten)]
    target: RbacTargetArgs,
    /// Why: recorded in the audit log
    #[arg(long, value_name = "TEXT", value_parser = parse_line, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: RbacBindArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut change = ops::rbac::Bind {
        bound: args.target.bound(),
        user: args.user,
        cluster: args.target.cluster,
        reason: args.reason,
        insists: None,
    };
    let intent = args.dry_run.intent();
    let done = match ops::rbac::bind(context.session, &change, &intent).await {
        Err(ops::Error::Escalates { what }) => {
            context.output.warn(&what);
            let question = format!("Bind it to '{}' all the same?", change.user);
            change.insists = Some(confirm::agree(context, &question)?);
            ops::rbac::bind(context.session, &change, &intent).await?
        }
        done => done?,
    };
    let Some(outcome) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&OutcomeView::from(&outcome))?;
    let (user, cluster, bound) = (&outcome.user, &outcome.cluster, &outcome.bound);
    let already = if outcome.unchanged {
        " already; nothing was changed"
    } else {
        ""
    };
    context
        .output
        .status(&if outcome.applied.pending.is_empty() {
            format!("'{user}' has {bound} on cluster '{cluster}'{already}.")
        } else {
            format!("It is recorded that '{user}' has {bound} on cluster '{cluster}'.")
        });
    for left in &outcome.more {
        context.output.warn(&carried(left));
    }
    context.say_applied(&outcome.applied)?;
    if !outcome.is_live && !outcome.unchanged {
        let carries = if outcome.access == Access::Bound {
            ": it carries the bound roles and no level"
        } else {
            ""
        };
        context.output.hint(&format!(
            "hand a kubeconfig over with `kubegrant kubeconfig download {cluster} --user {user}`\
             {carries}"
        ));
    }
    Ok(())
}
