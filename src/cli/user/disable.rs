//! `kubegrant user disable`.

use crate::cli::desk::Desk;
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

pub(crate) async fn run(args: UserDisableArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let question = format!(
        "Disable '{}' and end their credentials everywhere?",
        args.name
    );
    let intent = confirm::intent(desk, &question, args.dry_run)?;
    let before = reached::of(desk, &args.name);
    let change = ops::user::Disable { user: args.name };
    let done = ops::user::disable(desk.session, &change, &intent).await?;
    let Some(changed) = desk.planned(done)? else {
        return Ok(());
    };
    let name = changed.user.name.clone();
    desk.output.show(&UserView::from(changed.user))?;
    let now = if changed.unchanged {
        "already; nothing was changed"
    } else {
        "now"
    };
    desk.output.status(&format!("'{name}' is disabled {now}."));
    say_over(&changed.over, desk);
    desk.say_rotate(&changed.could_open);
    before.say(desk);
    desk.say_applied(&changed.applied)
}
