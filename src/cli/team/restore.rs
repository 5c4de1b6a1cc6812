//! `kubegrant team restore`.

use super::act::{self, ActArgs};
use crate::cli::confirm;
use crate::cli::context::Context;
use crate::error::Failure;
use crate::ops::team::Verb;

/// Lift a user's block, so that they can download again
///
/// Nothing is minted: the next download issues the next version.
#[derive(clap::Args, Debug)]
pub(crate) struct TeamRestoreArgs {
    #[command(flatten)]
    act: ActArgs,
}

pub(crate) async fn run(args: TeamRestoreArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let intent = args.act.dry_run.intent();
    if args.act.all_users && !args.act.dry_run.is_on() {
        // Somebody's may have another reason than the others'.
        let question = format!(
            "Lift the block of {}, whyever it was put?",
            args.act.description()
        );
        confirm::agree(context, &question)?;
    }
    act::run(args.act, Verb::Restore, intent, context).await
}
