//! `kubegrant cluster provider-token`.

use std::path::PathBuf;

use crate::cli::completion;
use crate::cli::context::Context;
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

pub(crate) async fn run(
    command: ProviderTokenCommand,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    match command {
        ProviderTokenCommand::Set(args) => set(args, context).await,
        ProviderTokenCommand::Show(args) => {
            let shown = ops::provider::show(context.session, &args.name, args.check).await?;
            context.output.show(&TokenView::from(&shown))?;
            Ok(())
        }
        ProviderTokenCommand::Remove(args) => remove(&args, context).await,
    }
}

async fn set(args: ProviderTokenSetArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    ops::provider::may_set(context.session, &args.name)?;
    let env = &context.session.workspace.env;
    let piped = (!env.stdin_is_terminal).then(|| PathBuf::from("-"));
    let text = if let Some(path) = args.file.or(piped) {
        ops::provider::read_file(context.session, &path)?
    } else {
        context
            .prompt
            .password(context.output, "Hetzner Cloud token", "`--file FILE`")?
    };
    let change = ops::provider::SetToken::new(&args.name, &text, args.check)?;
    let intent = args.dry_run.intent();
    let done = ops::provider::set(context.session, &change, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&TokenView::from(&done))?;
    context.output.status(&format!(
        "The provider token of cluster '{}' is set.",
        args.name
    ));
    Ok(())
}

async fn remove(args: &ProviderTokenRemoveArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let change = ops::provider::RemoveToken {
        cluster: args.name.clone(),
    };
    let intent = args.dry_run.intent();
    let done = ops::provider::remove(context.session, &change, &intent).await?;
    let Some(removed) = context.planned(done)? else {
        return Ok(());
    };
    if removed {
        context.output.status(&format!(
            "The provider token of cluster '{}' is removed.",
            args.name
        ));
        context
            .output
            .hint("it is still valid at the provider: delete it there too");
    } else {
        context
            .output
            .status(&format!("Cluster '{}' has no provider token.", args.name));
    }
    Ok(())
}
