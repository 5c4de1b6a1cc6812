//! `kubegrant user add`.

use std::path::PathBuf;

use super::oidc::{ClaimArgs, warn_of_claims};
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
/// for them are sealed to it. A CI job needs none: with `--job` it logs in to `kubegrant serve` with the token that
/// its CI makes for each run, if that says what `--claim` asks for.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant user add bob --email bob@example.com --key bob.pub\n  \
    ssh-keygen -t ed25519 -f ci -N '' && kubegrant user add ci --key ci.pub\n  \
    kubegrant user add deploy --job --issuer https://token.actions.githubusercontent.com \
    --claim repository=acme/shop --claim ref=refs/heads/main")]
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
    /// A CI job, which logs in with the tokens of its CI
    #[arg(long, requires = "claim", conflicts_with = "key")]
    job: bool,
    #[command(flatten)]
    tokens: ClaimArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserAddArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let key = args
        .key
        .map(|place| ops::user::read_key(context.session, &place))
        .transpose()?;
    if !args.job {
        args.tokens.refuse("say that it is one: `--job`")?;
    }
    let change = ops::user::AddUser {
        name: args.name,
        email: args.email,
        role: args.role,
        key,
        oidc: args.job.then(|| args.tokens.link()).transpose()?,
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
    if let Some(link) = &change.oidc {
        context.output.hint(&format!(
            "the job logs in with `kubegrant login URL --job`; its token's audience is that URL, and '{name}' is whose \
             tokens say {link}"
        ));
        warn_of_claims(link, context);
    } else if has_key && role.is_admin() {
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
