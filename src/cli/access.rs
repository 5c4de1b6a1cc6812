//! `kubegrant access`.

mod explain;
mod grant;
mod list;
mod revoke;

use super::context::Context;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum AccessCommand {
    Grant(grant::AccessGrantArgs),
    Revoke(revoke::AccessRevokeArgs),
    List(list::AccessListArgs),
    Explain(explain::AccessExplainArgs),
}

pub(crate) async fn run(command: AccessCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        AccessCommand::Grant(args) => grant::run(args, context).await,
        AccessCommand::Revoke(args) => revoke::run(args, context).await,
        AccessCommand::List(args) => list::run(args, context),
        AccessCommand::Explain(args) => explain::run(args, context).await,
    }
}
