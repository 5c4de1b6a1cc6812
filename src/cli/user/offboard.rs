//! `kubegrant user offboard`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::project::change::say_over;
use crate::cli::views::offboard::{FarewellView, LeavingView, ReceiptView};
use crate::cli::{completion, confirm, reached};
use crate::domain::name::UserRef;
use crate::error::Failure;
use crate::ops;

/// Let a user leave: end everything of theirs everywhere, with a receipt
///
/// Says first what they have. Refuses while a cluster would be without owner. Ends grants and
/// kubeconfigs on every cluster, disables the user, and lists what a person must still rotate at
/// its source.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant user offboard bob --new-owner carol --yes -o json > receipt.json")]
pub(crate) struct UserOffboardArgs {
    /// Who leaves: name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
    /// Who owns their clusters then
    #[arg(long, value_name = "USER", add = completion::users())]
    new_owner: Option<UserRef>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserOffboardArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let change = ops::offboard::Offboard {
        user: args.name.clone(),
        new_owner: args.new_owner,
    };
    let farewell = ops::offboard::preview(context.session, &change).await?;
    if args.dry_run.is_on() {
        context.output.show(&FarewellView::from(&farewell))?;
        context.output.status("Nothing was changed (dry run).");
        return Ok(());
    }
    let leaving = farewell.leaving;
    let view = LeavingView::from(&leaving);
    // The plan is talk: stdout is for the receipt.
    for line in view.lines() {
        context.output.status(&line);
    }
    let question = format!("End all of this, everywhere, for '{}'?", leaving.user);
    let confirmed = confirm::agree(context, &question)?;
    let before = reached::of(context, &args.name);
    let receipt = ops::offboard::offboard(context.session, &change, confirmed).await?;
    context.output.show(&ReceiptView::from(&receipt))?;
    let nothing_happened = receipt.applied.ended.is_empty() && receipt.applied.pending.is_empty();
    if receipt.unchanged && nothing_happened {
        context.output.status(&format!(
            "'{}' has left already; nothing was changed.",
            leaving.user
        ));
        return Ok(());
    }
    context
        .output
        .status(&format!("'{}' has left.", leaving.user));
    say_over(&receipt.over, context);
    context.say_rotate(&receipt.had.could_open);
    before.say(context);
    context.say_applied(&receipt.applied)
}
