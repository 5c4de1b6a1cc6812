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
mod rotate_credentials;
mod rotate_manager;
mod set;
mod show;
mod source;
mod transfer;

use super::context::Context;
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
    RotateCredentials(rotate_credentials::ClusterRotateCredentialsArgs),
    RotateAccounts(rotate_accounts::ClusterRotateAccountsArgs),
    Relink(relink::ClusterRelinkArgs),
    /// Manage the token of the cluster's provider (Hetzner Cloud)
    #[command(subcommand)]
    ProviderToken(provider_token::ProviderTokenCommand),
}

pub(crate) async fn run(command: ClusterCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        ClusterCommand::Add(args) => add::run(*args, context).await,
        ClusterCommand::List(args) => list::run(&args, context),
        ClusterCommand::Show(args) => show::run(&args, context).await,
        ClusterCommand::Check(args) => check::run(&args, context).await,
        ClusterCommand::Set(args) => Box::pin(set::run(*args, context)).await,
        ClusterCommand::Transfer(args) => transfer::run(args, context).await,
        ClusterCommand::Protect(args) => protect::run(args, context).await,
        ClusterCommand::Unprotect(args) => protect::run_unprotect(args, context).await,
        ClusterCommand::Archive(args) => archive::run(args, context).await,
        ClusterCommand::Unarchive(args) => archive::run_unarchive(args, context).await,
        ClusterCommand::Delete(args) => delete::run(args, context).await,
        ClusterCommand::RotateManager(args) => rotate_manager::run(args, context).await,
        ClusterCommand::RotateCredentials(args) => rotate_credentials::run(args, context).await,
        ClusterCommand::RotateAccounts(args) => rotate_accounts::run(args, context).await,
        ClusterCommand::Relink(args) => relink::run(args, context).await,
        ClusterCommand::ProviderToken(command) => provider_token::run(command, context).await,
    }
}
