//! `kubegrant kubeconfig`.

mod download;
pub(super) mod hand_over;
pub(super) mod remove;
mod rotate;
mod show;
mod whose;

pub(super) use download::{say_merged, say_try, show_secret};

use super::context::Context;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum KubeconfigCommand {
    Download(download::KubeconfigDownloadArgs),
    Remove(remove::KubeconfigRemoveArgs),
    Rotate(rotate::KubeconfigRotateArgs),
    Show(show::KubeconfigShowArgs),
    Whose(whose::KubeconfigWhoseArgs),
}

pub(crate) async fn run(
    command: KubeconfigCommand,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    match command {
        KubeconfigCommand::Download(args) => download::run(args, context).await,
        KubeconfigCommand::Remove(args) => remove::run(args, None, context).await,
        KubeconfigCommand::Rotate(args) => Box::pin(rotate::run(args, context)).await,
        KubeconfigCommand::Show(args) => show::run(args, context),
        KubeconfigCommand::Whose(args) => whose::run(&args, context),
    }
}
