//! `kubegrant team revoke`.

use super::act::{self, ActArgs};
use crate::cli::confirm;
use crate::cli::context::Context;
use crate::domain::name::parse_line;
use crate::error::Failure;
use crate::ops::team::Verb;

/// End a user's latest version, and block further downloads
///
/// The user still sees the cluster. Downloads and rotation are refused with `Access Revoked` until
/// `team restore` or `team rotate`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant team revoke bob --cluster prod --reason \"laptop stolen\" --yes\n  \
    kubegrant team revoke bob --all-clusters --yes\n  \
    kubegrant team revoke --all-users --project shop --reason \"contract ended\" --yes")]
pub(crate) struct TeamRevokeArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Why: recorded in the audit log
    #[arg(long, value_name = "TEXT", value_parser = parse_line, default_value = "", hide_default_value = true)]
    reason: String,
}

pub(crate) async fn run(args: TeamRevokeArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!(
        "Revoke the kubeconfig of {}, and block downloads?",
        args.act.description()
    );
    let intent = confirm::intent(context, &question, args.act.dry_run)?;
    let action = Verb::Revoke {
        reason: args.reason,
    };
    act::run(args.act, action, intent, context).await
}
