//! `kubegrant cluster transfer`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::lifecycle::LifecycleView;
use crate::cli::{completion, confirm, reached};
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// Assign a cluster to another user
///
/// Says first what the old owner will have. Kubeconfigs that no longer fit are ended; the
/// cluster's secrets are sealed to the new owner and no longer to the old one.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterTransferArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    /// The new owner: name or e-mail
    #[arg(long, value_name = "USER", add = completion::users())]
    to: UserRef,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ClusterTransferArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let handover = ops::lifecycle::handover(context.session, &args.name, &args.to)?;
    if let Some(before) = &handover.before
        && before.name != handover.after
        && !args.dry_run.is_on()
    {
        context.output.status(&format!(
            "After this, '{}' has {} on cluster '{}'.",
            before.name,
            ops::lifecycle::description(before.access),
            args.name
        ));
    }
    let question = format!("Transfer cluster '{}' to '{}'?", args.name, handover.after);
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let old = handover.before.as_ref();
    let old = old.and_then(|before| before.name.parse().ok());
    let before = old.map(|old| reached::of(context, &old));
    let change = ops::lifecycle::Transfer {
        cluster: args.name.clone(),
        to: args.to.clone(),
    };
    let done = ops::lifecycle::transfer(context.session, &change, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context
        .output
        .show(&LifecycleView::from(&done).owned_by(&handover.after))?;
    let now = if done.unchanged {
        " already; nothing was changed"
    } else {
        ""
    };
    context.output.status(&format!(
        "'{}' owns cluster '{}'{now}.",
        handover.after, args.name
    ));
    if let Some(before) = before {
        before.say(context);
    }
    context.say_applied(&done.applied)
}
