//! `kubegrant ssh-key`.

mod config;
mod download;
mod generate;
mod import;
mod reset;
mod roll_out;
mod show;

use super::context::Context;
use crate::error::Failure;
use crate::ops::ssh_key::Shown;
use crate::ops::ssh_key::SshKeyKind;

pub(super) use download::{Goes, commands_of, say_sealed};
pub(crate) use import::read as read_file;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum SshKeyCommand {
    Generate(generate::SshKeyGenerateArgs),
    Import(import::SshKeyImportArgs),
    Show(show::SshKeyShowArgs),
    Download(download::SshKeyDownloadArgs),
    Install(roll_out::SshKeyInstallArgs),
    Rotate(roll_out::SshKeyRotateArgs),
    Reset(reset::SshKeyResetArgs),
    Config(config::SshKeyConfigArgs),
}

/// Which kind of key to make.
#[derive(clap::ValueEnum, Debug, Clone, Copy)]
pub(crate) enum KeyType {
    /// Ed25519
    Ed25519,
    /// RSA with 4096 bits, for nodes that know nothing newer
    #[value(name = "rsa-4096")]
    Rsa4096,
}

impl From<KeyType> for SshKeyKind {
    fn from(kind: KeyType) -> Self {
        match kind {
            KeyType::Ed25519 => Self::Ed25519,
            KeyType::Rsa4096 => Self::Rsa4096,
        }
    }
}

pub(crate) async fn run(command: SshKeyCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        SshKeyCommand::Generate(args) => generate::run(args, context).await,
        SshKeyCommand::Import(args) => import::run(args, context).await,
        SshKeyCommand::Show(args) => show::run(&args, context).await,
        SshKeyCommand::Download(args) => download::run(args, context).await,
        SshKeyCommand::Install(args) => roll_out::install(args, context).await,
        SshKeyCommand::Rotate(args) => roll_out::rotate(args, context).await,
        SshKeyCommand::Reset(args) => reset::run(&args, context).await,
        SshKeyCommand::Config(args) => config::run(&args, context).await,
    }
}

/// Says what comes after a new key.
fn say_new(shown: &Shown, context: &mut Context<'_>) {
    if let Some(warning) = &shown.warning {
        context.output.warn(warning);
    }
    let name = &shown.cluster;
    context.output.hint(&format!(
        "put it on the nodes with `kubegrant ssh-key install {name}`"
    ));
    context.output.hint(&format!(
        "take it, once, with `kubegrant ssh-key download {name}`"
    ));
}
