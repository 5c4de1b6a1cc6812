//! `kubegrant team rotate`.

use super::act::{self, ActArgs};
use crate::cli::confirm;
use crate::cli::context::Context;
use crate::error::Failure;
use crate::ops::team::Verb;

/// End a user's latest version, and begin the next
///
/// Nothing is handed out until the next download. Lifts a block. The old version is dead before
/// the new one begins. With `--all-users` whoever is blocked stays blocked; where it is cut short,
/// `reconcile` goes on.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant team rotate bob --cluster prod --yes\n  \
    kubegrant team rotate --all-users --cluster prod --yes\n  \
    kubegrant team rotate --all-users --all-clusters --yes")]
pub(crate) struct TeamRotateArgs {
    #[command(flatten)]
    act: ActArgs,
}

pub(crate) async fn run(args: TeamRotateArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!("End the kubeconfig of {}?", args.act.description());
    let intent = confirm::intent(context, &question, args.act.dry_run)?;
    act::run(args.act, Verb::Rotate, intent, context).await
}
