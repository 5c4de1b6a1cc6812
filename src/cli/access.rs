//! `kubegrant access`.

mod explain;
mod grant;
mod list;
mod revoke;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum AccessCommand {
    Grant(grant::AccessGrantArgs),
    Revoke(revoke::AccessRevokeArgs),
    List(list::AccessListArgs),
    Explain(explain::AccessExplainArgs),
}

pub(crate) async fn run(command: AccessCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        AccessCommand::Grant(args) => grant::run(args, desk).await,
        AccessCommand::Revoke(args) => revoke::run(args, desk).await,
        AccessCommand::List(args) => list::run(args, desk),
        AccessCommand::Explain(args) => explain::run(args, desk).await,
    }
}
