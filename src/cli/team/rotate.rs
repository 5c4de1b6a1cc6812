//! `kubegrant team rotate`.

use super::act::{self, ActArgs};
use crate::cli::confirm;
use crate::cli::context::Context;
use crate::error::Failure;
use crate::ops::team::Verb;

/// End a user's latest version, and begin the next
///
/// Nothing is handed out until the next download. Lifts a block. The old version is dead before
/// the new one begins.
#[derive(clap::Args, Debug)]
pub(crate) struct TeamRotateArgs {
    #[command(flatten)]
    act: ActArgs,
}

pub(crate) async fn run(args: TeamRotateArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let (user, place) = (&args.act.user, args.act.place_words());
    let question = format!("End the kubeconfig of '{user}' {place}?");
    let intent = confirm::intent(context, &question, args.act.dry_run)?;
    act::run(args.act, Verb::Rotate, intent, context).await
}
