//! `kubegrant audit verify`.

use crate::cli::desk::Desk;
use crate::cli::views::audit::VerdictView;
use crate::error::{Failure, Kind};
use crate::ops;

/// Check that no event of the audit log was changed, removed or inserted
///
/// Every event carries the hash of the one before. Keep the last hash elsewhere (a CI log will do)
/// to notice a log that was cut off at its end.
#[derive(clap::Args, Debug)]
pub(crate) struct AuditVerifyArgs {}

pub(crate) fn run(_args: &AuditVerifyArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let verdict = ops::audit::verify(desk.session)?;
    desk.output.show(&VerdictView::from(&verdict))?;
    match verdict {
        ops::audit::Verdict::Whole { .. } => Ok(()),
        ops::audit::Verdict::Broken { seq, why } => Err(Failure::words(
            Kind::Unsafe,
            &format!("event {seq} of the audit log is not as it was written: {why}"),
            "compare with a backup: somebody wrote to the store without kubegrant",
        )),
    }
}
