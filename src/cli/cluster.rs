//! `kubegrant cluster`.

mod add;
mod archive;
mod check;
mod delete;
mod list;
mod made;
mod protect;
mod provider_token;
mod relink;
mod rotate_accounts;
mod rotate_manager;
mod set;
mod show;
mod source;
mod transfer;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum ClusterCommand {
    Add(Box<add::ClusterAddArgs>),
    List(list::ClusterListArgs),
    Show(show::ClusterShowArgs),
    Check(check::ClusterCheckArgs),
    Set(Box<set::ClusterSetArgs>),
    Transfer(transfer::ClusterTransferArgs),
    Protect(protect::ClusterProtectArgs),
    Unprotect(protect::ClusterUnprotectArgs),
    Archive(archive::ClusterArchiveArgs),
    Unarchive(archive::ClusterUnarchiveArgs),
    Delete(delete::ClusterDeleteArgs),
    RotateManager(rotate_manager::ClusterRotateManagerArgs),
    RotateAccounts(rotate_accounts::ClusterRotateAccountsArgs),
    Relink(relink::ClusterRelinkArgs),
    /// Manage the token of the cluster's provider (Hetzner Cloud)
    #[command(subcommand)]
    ProviderToken(provider_token::ProviderTokenCommand),
}

pub(crate) async fn run(command: ClusterCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        ClusterCommand::Add(args) => add::run(*args, desk).await,
        ClusterCommand::List(args) => list::run(&args, desk),
        ClusterCommand::Show(args) => show::run(&args, desk).await,
        ClusterCommand::Check(args) => check::run(&args, desk).await,
        ClusterCommand::Set(args) => Box::pin(set::run(*args, desk)).await,
        ClusterCommand::Transfer(args) => transfer::run(args, desk).await,
        ClusterCommand::Protect(args) => protect::run(args, desk).await,
        ClusterCommand::Unprotect(args) => protect::run_unprotect(args, desk).await,
        ClusterCommand::Archive(args) => archive::run(args, desk).await,
        ClusterCommand::Unarchive(args) => archive::run_unarchive(args, desk).await,
        ClusterCommand::Delete(args) => delete::run(args, desk).await,
        ClusterCommand::RotateManager(args) => rotate_manager::run(args, desk).await,
        ClusterCommand::RotateAccounts(args) => rotate_accounts::run(args, desk).await,
        ClusterCommand::Relink(args) => relink::run(args, desk).await,
        ClusterCommand::ProviderToken(command) => provider_token::run(command, desk).await,
    }
}
