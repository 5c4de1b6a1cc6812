//! `kubegrant user disable`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::project::change::say_over;
use crate::cli::views::user::UserView;
use crate::cli::{completion, confirm, reached};
use crate::domain::name::UserRef;
use crate::error::Failure;
use crate::ops;

/// Disable a user, and end their credentials on every cluster
///
/// A disabled user has nothing and can do nothing. The last active owner stays.
#[derive(clap::Args, Debug)]
pub(crate) struct UserDisableArgs {
    /// Name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserDisableArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!(
        "Disable '{}' and end their credentials everywhere?",
        args.name
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let before = reached::of(context, &args.name);
    let change = ops::user::Disable { user: args.name };
    let done = ops::user::disable(context.session, &change, &intent).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    let name = changed.user.name.clone();
    context.output.show(&UserView::from(changed.user))?;
    let now = if changed.unchanged {
        "already; nothing was changed"
    } else {
        "now"
    };
    context
        .output
        .status(&format!("'{name}' is disabled {now}."));
    say_over(&changed.over, context);
    context.say_rotate(&changed.could_open);
    before.say(context);
    context.say_applied(&changed.applied)
}
