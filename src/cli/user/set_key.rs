//! `kubegrant user set-key`.

use std::path::PathBuf;

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::user::UserView;
use crate::domain::name::UserRef;
use crate::error::Failure;
use crate::ops;

/// Change a user's key
///
/// Everybody may change their own. What the user may open is sealed to the new key; the old one
/// opens it no longer, and what it could open is listed. Whose key somebody else changed is told by
/// `whoami` and `status`.
#[derive(clap::Args, Debug)]
pub(crate) struct UserSetKeyArgs {
    /// Name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
    /// Public key: a file, `-` for standard input, or the key itself
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserSetKeyArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let UserSetKeyArgs { name, key, dry_run } = args;
    let change = ops::user::SetKey {
        key: ops::user::read_key(context.session, &key)?,
        user: name,
    };
    let done = ops::user::set_key(context.session, &change, &dry_run.intent()).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    let name = changed.user.name.clone();
    context.output.show(&UserView::from(changed.user))?;
    if changed.unchanged {
        context.output.status(&format!(
            "This is the key of '{name}' already; nothing was changed."
        ));
    } else {
        context.output.status(&format!("'{name}' has a new key."));
        for secret in &changed.could_open {
            context.output.warn(&format!(
                "the old key could open {secret}: rotate it at its source, if somebody else has \
                 that key"
            ));
        }
        if !changed.could_open.is_empty() {
            context.output.hint(
                "`kubegrant cluster rotate-accounts CLUSTER` ends a manager login, and all that \
                 could be made with it",
            );
        }
    }
    Ok(())
}
