//! `kubegrant user set-role`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::user::UserView;
use crate::cli::{completion, reached};
use crate::domain::name::UserRef;
use crate::domain::user::Role;
use crate::error::Failure;
use crate::ops;

/// Change a user's role in the organization
///
/// Ends the kubeconfigs that no longer fit what the user has, and seals the clusters' logins to
/// those who may use them now. The last active owner stays.
#[derive(clap::Args, Debug)]
pub(crate) struct UserSetRoleArgs {
    /// Name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
    /// The new role
    #[arg(value_parser = super::role_values())]
    role: Role,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserSetRoleArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let before = reached::of(context, &args.name);
    let change = ops::user::SetRole {
        user: args.name,
        role: args.role,
    };
    let done = ops::user::set_role(context.session, &change, &args.dry_run.intent()).await?;
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
        .status(&format!("'{name}' is {} {now}.", args.role));
    context.say_rotate(&changed.could_open);
    before.say(context);
    context.say_applied(&changed.applied)
}
