//! `kubegrant user enable`.

use crate::cli::completion;
use crate::cli::context::Context;
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

pub(crate) async fn run(args: UserEnableArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let change = ops::user::Enable { user: args.name };
    let done = ops::user::enable(context.session, &change, &args.dry_run.intent()).await?;
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
        .status(&format!("'{name}' is enabled {now}."));
    context.say_applied(&changed.applied)
}
