//! `kubegrant audit accept`.

use crate::cli::confirm;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::audit::AcceptedView;
use crate::error::Failure;
use crate::ops;

/// Accept the store as it stands, after somebody changed it without kubegrant
///
/// For organization owners whose own record was not changed. Every command that relies on a changed
/// record, or on a store that is older than what this machine or a cluster knows, is refused until
/// a backup is restored or an owner accepts it here. What was wrong is recorded in the audit log
/// and stays there. A log whose events were changed cannot be accepted.
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

pub(crate) async fn run(args: &AuditAcceptArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let mode = args.dry_run.mode();
    let report = ops::audit::verify(desk.session)?;
    for complaint in report.complaints() {
        desk.output.warn(&complaint);
    }
    let confirmed = confirm::ask(desk, "Accept the store as it stands?", mode)?;
    let done = ops::audit::accept(desk.session, &args.reason, mode, confirmed)?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&AcceptedView::from(&done))?;
    desk.output
        .status("The store is accepted as it stands; that is recorded.");
    ops::heads::overwrite(desk.session).await?;
    Ok(())
}
