//! `kubegrant team restore`.

use super::act::{self, ActArgs};
use crate::cli::desk::Desk;
use crate::domain::Confirmed;
use crate::error::{Failure, Kind};
use crate::ops::team::Action;

/// Lift a user's block, so that they can download again
///
/// Nothing is minted: the next download issues the next version.
#[derive(clap::Args, Debug)]
pub(crate) struct TeamRestoreArgs {
    #[command(flatten)]
    act: ActArgs,
}

pub(crate) async fn run(args: TeamRestoreArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    // Takes nothing from anybody: asking for it is consent enough.
    let confirmed = Confirmed::from_consent(true)
        .ok_or_else(|| Failure::words(Kind::Internal, "consent was given", ""))?;
    act::run(args.act, Action::Restore, confirmed, desk).await
}
