//! `kubegrant kubeconfig`.

mod download;
mod hand_over;
mod remove;
mod rotate;
mod show;
mod whose;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum KubeconfigCommand {
    Download(download::KubeconfigDownloadArgs),
    Remove(remove::KubeconfigRemoveArgs),
    Rotate(rotate::KubeconfigRotateArgs),
    Show(show::KubeconfigShowArgs),
    Whose(whose::KubeconfigWhoseArgs),
}

pub(crate) async fn run(command: KubeconfigCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        KubeconfigCommand::Download(args) => download::run(args, desk).await,
        KubeconfigCommand::Remove(args) => remove::run(args, desk).await,
        KubeconfigCommand::Rotate(args) => rotate::run(args, desk).await,
        KubeconfigCommand::Show(args) => show::run(args, desk),
        KubeconfigCommand::Whose(args) => whose::run(&args, desk),
    }
}
