//! `kubegrant cluster provider-token`.

use std::path::{Path, PathBuf};

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::provider::TokenView;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops;

/// The largest token file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum ProviderTokenCommand {
    Set(ProviderTokenSetArgs),
    Show(ProviderTokenShowArgs),
    Remove(ProviderTokenRemoveArgs),
}

/// Set the token, from a prompt, a file or standard input
///
/// It is sealed to the organization's owners and admins and the cluster's owner, and never shown
/// again but for its last four characters.
#[derive(clap::Args, Debug)]
pub(crate) struct ProviderTokenSetArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    /// The file that holds it; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Ask the provider first, and say what the token opens
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Show the token, masked, with when and by whom it was set
#[derive(clap::Args, Debug)]
pub(crate) struct ProviderTokenShowArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    /// Ask the provider what it opens
    #[arg(long)]
    check: bool,
}

/// Remove the token
#[derive(clap::Args, Debug)]
pub(crate) struct ProviderTokenRemoveArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(command: ProviderTokenCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        ProviderTokenCommand::Set(args) => set(args, desk).await,
        ProviderTokenCommand::Show(args) => {
            let shown = ops::provider::show(desk.session, &args.name, args.check).await?;
            desk.output.show(&TokenView::from(&shown))?;
            Ok(())
        }
        ProviderTokenCommand::Remove(args) => remove(&args, desk),
    }
}

async fn set(args: ProviderTokenSetArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    ops::provider::may_set(desk.session, &args.name)?;
    let env = &desk.session.env;
    let piped = match &args.file {
        Some(path) if path == Path::new("-") => true,
        Some(_) => false,
        None => !env.stdin_is_terminal,
    };
    let text = if piped {
        let bytes = env.stdin.read_to_end(FILE_BYTES_MAX).map_err(|error| {
            Failure::words(
                Kind::Usage,
                &format!("cannot read standard input: {error}"),
                "",
            )
        })?;
        zeroize::Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
    } else if let Some(path) = &args.file {
        ops::provider::read_file(desk.session, path)?
    } else {
        desk.prompt
            .password(desk.output, "Hetzner Cloud token", "`--file FILE`")?
    };
    let mode = args.dry_run.mode();
    let done = ops::provider::set(desk.session, &args.name, &text, args.check, mode).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&TokenView::from(&done))?;
    desk.output.status(&format!(
        "The provider token of cluster '{}' is set.",
        args.name
    ));
    Ok(())
}

fn remove(args: &ProviderTokenRemoveArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let done = ops::provider::remove(desk.session, &args.name, args.dry_run.mode())?;
    let Some(removed) = desk.planned(done)? else {
        return Ok(());
    };
    if removed {
        desk.output.status(&format!(
            "The provider token of cluster '{}' is removed.",
            args.name
        ));
        desk.output
            .hint("it is still valid at the provider: delete it there too");
    } else {
        desk.output
            .status(&format!("Cluster '{}' has no provider token.", args.name));
    }
    Ok(())
}
