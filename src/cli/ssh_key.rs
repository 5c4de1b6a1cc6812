//! `kubegrant ssh-key`.

mod config;
mod download;
mod generate;
mod import;
mod reset;
mod roll_out;
mod show;

use super::desk::Desk;
use crate::error::Failure;
use crate::ops::ssh_key::Shown;
use crate::ops::ssh_key::SshKeyKind;

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

pub(crate) async fn run(command: SshKeyCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        SshKeyCommand::Generate(args) => generate::run(args, desk).await,
        SshKeyCommand::Import(args) => import::run(args, desk).await,
        SshKeyCommand::Show(args) => show::run(&args, desk).await,
        SshKeyCommand::Download(args) => download::run(args, desk).await,
        SshKeyCommand::Install(args) => roll_out::install(args, desk).await,
        SshKeyCommand::Rotate(args) => roll_out::rotate(args, desk).await,
        SshKeyCommand::Reset(args) => reset::run(&args, desk).await,
        SshKeyCommand::Config(args) => config::run(&args, desk).await,
    }
}

/// Says what comes after a new key.
fn say_new(shown: &Shown, desk: &mut Desk<'_>) {
    if let Some(warning) = &shown.warning {
        desk.output.warn(warning);
    }
    let name = &shown.cluster;
    desk.output.hint(&format!(
        "put it on the nodes with `kubegrant ssh-key install {name}`"
    ));
    desk.output.hint(&format!(
        "take it, once, with `kubegrant ssh-key download {name}`"
    ));
}
