//! `kubegrant audit accept`.

use crate::cli::confirm;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::audit::AcceptedView;
use crate::domain::text;
use crate::error::Failure;
use crate::ops;

/// Accept the store as it stands, after somebody changed it without kubegrant
///
/// For organization owners whose own record was not changed. Every command that relies on a changed
/// record, or on a store that is older than what this machine or a cluster knows, is refused until
/// a backup is restored or an owner accepts it here. What was wrong is recorded in the audit log
/// and stays there. A log whose events were changed cannot be accepted.
///
/// Another copy of the store may have gone on without this one. So what a restored backup leaves in
/// doubt is in doubt here, too: SSH keys are not handed out again, and each cluster must be looked at
/// (`reconcile`) before anything is issued on it. The clusters are asked: one that knows this very
/// log takes the doubt back for itself, unless this machine or another cluster knows a younger one.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant audit verify\n  \
    kubegrant audit accept --dry-run --reason \"repaired by hand\"\n  \
    kubegrant audit accept --reason \"repaired by hand, see ticket 4711\" --yes")]
pub(crate) struct AuditAcceptArgs {
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: &AuditAcceptArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let report = ops::audit::verify(context.session)?;
    for complaint in text::first_ones(&report.complaints()) {
        context.output.warn(&complaint);
    }
    let intent = confirm::intent(context, "Accept the store as it stands?", args.dry_run)?;
    let done = ops::audit::accept(context.session, &args.reason, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&AcceptedView::from(&done))?;
    context
        .output
        .status("The store is accepted as it stands; that is recorded.");
    for said in &done.clusters {
        context.output.warn(said);
    }
    for cluster in &done.doubted {
        context.output.warn(&format!(
            "somebody may have taken the SSH key of cluster '{cluster}' by another copy of the \
             store: put a new one on its nodes with `kubegrant ssh-key rotate {cluster}`"
        ));
    }
    if !done.looks.is_empty() {
        context.output.hint(
            "run `kubegrant reconcile` now: it ends what another copy of the store issued, and \
             until then nothing is issued on those clusters",
        );
    }
    ops::heads::overwrite(context.session).await?;
    Ok(())
}
