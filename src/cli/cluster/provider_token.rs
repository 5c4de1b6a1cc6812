//! `kubegrant cluster provider-token`.

use std::path::PathBuf;

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::provider::TokenView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

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
    /// The file that holds it, or a pipe such as `<(command)`; `-` is standard input
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
        ProviderTokenCommand::Remove(args) => remove(&args, desk).await,
    }
}

async fn set(args: ProviderTokenSetArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    ops::provider::may_set(desk.session, &args.name)?;
    let env = &desk.session.workspace.env;
    let piped = (!env.stdin_is_terminal).then(|| PathBuf::from("-"));
    let text = if let Some(path) = args.file.or(piped) {
        ops::provider::read_file(desk.session, &path)?
    } else {
        desk.prompt
            .password(desk.output, "Hetzner Cloud token", "`--file FILE`")?
    };
    let change = ops::provider::SetToken::new(&args.name, &text, args.check)?;
    let intent = args.dry_run.intent();
    let done = ops::provider::set(desk.session, &change, &intent).await?;
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

async fn remove(args: &ProviderTokenRemoveArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let change = ops::provider::RemoveToken {
        cluster: args.name.clone(),
    };
    let intent = args.dry_run.intent();
    let done = ops::provider::remove(desk.session, &change, &intent).await?;
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
