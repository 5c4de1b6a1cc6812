//! `kubegrant audit verify`.

use crate::cli::context::Context;
use crate::cli::views::audit::VerdictView;
use crate::domain::text;
use crate::error::{Failure, Kind};
use crate::ops;

/// Check that nobody wrote to the store without kubegrant
///
/// Every event carries the hash of the one before, the signature of whoever did it, what it changed, and
/// a digest of all records that decide who may do what. All of it is checked from the first event on: that
/// each is signed with the key that was its actor's then, and that all together tell the records as they
/// are. Events of an older kubegrant have no signature; from which event on all have one is said. The last hash is kept on this machine and on the clusters, so that an older store, a
/// log that was cut off at its end, and one that was written anew are noticed too.
#[derive(clap::Args, Debug)]
pub(crate) struct AuditVerifyArgs {}

pub(crate) fn run(_args: &AuditVerifyArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    context.session.end_at_once();
    let report = ops::audit::verify(context.session)?;
    context.output.show(&VerdictView::from(&report))?;
    if report.is_good() {
        return Ok(());
    }
    let mut complaints = text::first_ones(&report.complaints()).into_iter();
    let first = complaints.next().unwrap_or_default();
    for more in complaints {
        context.output.warn(&more);
    }
    Err(Failure::description(
        Kind::Unsafe,
        &first,
        "compare with a backup: somebody wrote to the store without kubegrant",
    ))
}
