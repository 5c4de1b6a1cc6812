//! `kubegrant user enable`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::user::UserView;
use crate::domain::name::UserRef;
use crate::error::Failure;
use crate::ops;

/// Enable a disabled user again
///
/// Their grants count again; kubeconfigs that were ended stay ended: they download again.
#[derive(clap::Args, Debug)]
pub(crate) struct UserEnableArgs {
    /// Name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserEnableArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let change = ops::user::Enable { user: args.name };
    let done = ops::user::enable(desk.session, &change, &args.dry_run.intent()).await?;
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
    desk.output.status(&format!("'{name}' is enabled {now}."));
    desk.say_applied(&changed.applied)
}
