//! `kubegrant user add`.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::user::UserView;
use crate::domain::name::{Email, UserName};
use crate::domain::user::Role;
use crate::error::Failure;
use crate::ops;

/// Add a user: a person or a CI job
///
/// The key is the public half of an age key or an ssh-ed25519 key: it names the user, and files
/// for them are sealed to it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant user add bob --email bob@example.com --key bob.pub\n  \
    ssh-keygen -t ed25519 -f ci -N '' && kubegrant user add ci --key ci.pub")]
pub(crate) struct UserAddArgs {
    /// Name: a DNS label
    name: UserName,
    /// E-mail address
    #[arg(long)]
    email: Option<Email>,
    /// Role in the organization
    #[arg(long, value_parser = super::role_values(), default_value = "developer")]
    role: Role,
    /// Public key: a file, `-` for standard input, or the key itself
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserAddArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let key = args
        .key
        .map(|place| ops::user::read_key(context.session, &place))
        .transpose()?;
    let change = ops::user::AddUser {
        name: args.name,
        email: args.email,
        role: args.role,
        key,
    };
    let done = ops::user::add(context.session, &change, &args.dry_run.intent()).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    let (name, role) = (changed.user.name.clone(), changed.user.role);
    let has_key = changed.user.key.is_some();
    context.output.show(&UserView::from(changed.user))?;
    context
        .output
        .status(&format!("User '{name}' is added as {role}."));
    if has_key && role.is_admin() {
        context.output.status(&format!(
            "'{name}' has full access to every cluster: no grant is needed."
        ));
    } else if role == Role::Server {
        context.output.hint(&format!(
            "start it with `kubegrant serve`, and let people serve themselves on a cluster with `kubegrant \
             cluster set CLUSTER --self-service on`: '{name}' acts for those who log in"
        ));
    } else if has_key {
        context.output.hint(&format!(
            "give access with `kubegrant access grant {name} --cluster CLUSTER --level read`"
        ));
    } else {
        context.output.hint(&format!(
            "without a key '{name}' cannot act and files cannot be sealed to them: `kubegrant user set-key {name} --key FILE`"
        ));
    }
    Ok(())
}
