//! `kubegrant audit`.

mod accept;
mod export;
mod list;
mod verify;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum AuditCommand {
    List(list::AuditListArgs),
    Export(export::AuditExportArgs),
    Verify(verify::AuditVerifyArgs),
    Accept(accept::AuditAcceptArgs),
}

pub(crate) async fn run(command: AuditCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list::run(args, desk),
        AuditCommand::Export(args) => export::run(args, desk),
        AuditCommand::Verify(args) => verify::run(&args, desk),
        AuditCommand::Accept(args) => accept::run(&args, desk).await,
    }
}
