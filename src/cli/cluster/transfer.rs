//! `kubegrant cluster transfer`.

use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::life::LifeView;
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

pub(crate) async fn run(args: ClusterTransferArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let handover = ops::life::handover(desk.session, &args.name, &args.to)?;
    if let Some((before, access)) = &handover.before
        && *before != handover.after
        && !args.dry_run.is_on()
    {
        desk.output.status(&format!(
            "After this, '{before}' has {} on cluster '{}'.",
            ops::life::words(*access),
            args.name
        ));
    }
    let question = format!("Transfer cluster '{}' to '{}'?", args.name, handover.after);
    let intent = confirm::intent(desk, &question, args.dry_run)?;
    let old = handover.before.as_ref();
    let old = old.and_then(|(before, _)| before.parse().ok());
    let before = old.map(|old| reached::of(desk, &old));
    let change = ops::life::Transfer {
        cluster: args.name.clone(),
        to: args.to.clone(),
    };
    let done = ops::life::transfer(desk.session, &change, &intent).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output
        .show(&LifeView::from(&done).owned_by(&handover.after))?;
    let now = if done.unchanged {
        " already; nothing was changed"
    } else {
        ""
    };
    desk.output.status(&format!(
        "'{}' owns cluster '{}'{now}.",
        handover.after, args.name
    ));
    if let Some(before) = before {
        before.say(desk);
    }
    desk.say_applied(&done.applied)
}
