//! `kubegrant audit`.

mod accept;
mod export;
mod list;
mod replay;
mod verify;

use super::context::Context;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum AuditCommand {
    List(list::AuditListArgs),
    Export(export::AuditExportArgs),
    Verify(verify::AuditVerifyArgs),
    Replay(replay::AuditReplayArgs),
    Accept(accept::AuditAcceptArgs),
}

pub(crate) async fn run(command: AuditCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list::run(args, context),
        AuditCommand::Export(args) => export::run(args, context),
        AuditCommand::Verify(args) => verify::run(&args, context),
        AuditCommand::Replay(args) => replay::run(&args, context),
        AuditCommand::Accept(args) => accept::run(&args, context).await,
    }
}
