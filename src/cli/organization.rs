//! `kubegrant organization`.

use super::context::Context;
use super::global::DryRunArgs;
use super::views::organization::OrganizationView;
use crate::domain::name::parse_line;
use crate::domain::oidc::{IssuerUrl, Provider};
use crate::domain::text::first_ones;
use crate::error::{Failure, Kind};
use crate::ops;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum OrganizationCommand {
    Show(ShowArgs),
    SetOidc(SetOidcArgs),
}

/// Show the organization, and whom people log in with
#[derive(clap::Args, Debug)]
pub(crate) struct ShowArgs {}

/// Say with which OpenID issuer people log in to `kubegrant serve`
///
/// For organization owners. Register the server at the issuer as a web application with the redirect address
/// `URL/oidc/callback`, and with the device flow if people are to log in at terminals without a key. A client
/// secret stays out of the store: name its file with `kubegrant serve --oidc-client-secret-file FILE`. Who is who is
/// said for each person: `kubegrant user set-oidc`.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["issuer", "none"]))]
#[command(after_long_help = "Examples:\n  \
    kubegrant organization set-oidc --issuer https://id.example.net/realms/acme --client-id kubegrant\n  \
    kubegrant user set-oidc bob --email bob@example.net\n  \
    kubegrant organization set-oidc --none")]
pub(crate) struct SetOidcArgs {
    /// The issuer's address, letter by letter as its tokens name it
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<IssuerUrl>,
    /// What the issuer knows the server as
    #[arg(long, value_name = "ID", value_parser = parse_line, requires = "issuer")]
    client_id: Option<String>,
    /// Let people log in with their keys alone
    #[arg(long)]
    none: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    command: OrganizationCommand,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    match command {
        OrganizationCommand::Show(_) => {
            let organization = ops::organization::show(context.session)?;
            Ok(context.output.show(&OrganizationView::from(organization))?)
        }
        OrganizationCommand::SetOidc(args) => set_oidc(args, context).await,
    }
}

async fn set_oidc(args: SetOidcArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let provider = match (args.issuer, args.client_id) {
        (Some(issuer), Some(client_id)) if !client_id.is_empty() => {
            Some(Provider { issuer, client_id })
        }
        (None, None) => None,
        _ => {
            let what = "the issuer knows the server by a client id, which is not empty";
            return Err(Failure::description(
                Kind::Usage,
                what,
                "name it with `--client-id ID`",
            ));
        }
    };
    let change = ops::organization::SetProvider { provider };
    let intent = args.dry_run.intent();
    let done = ops::organization::set_provider(context.session, &change, &intent).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    let provider = changed.organization.provider.clone();
    let server = changed.organization.server.clone();
    context
        .output
        .show(&OrganizationView::from(changed.organization))?;
    if changed.unchanged {
        context
            .output
            .status("It is so already; nothing was changed.");
        return Ok(());
    }
    if !changed.left_out.is_empty() {
        context.output.warn(&format!(
            "{} logged in with the issuer before, and cannot any more",
            first_ones(&changed.left_out).join(", ")
        ));
    }
    match provider {
        None => context
            .output
            .status("People log in with their keys alone."),
        Some(provider) => {
            context
                .output
                .status(&format!("People can log in at {}.", provider.issuer));
            let server = server.unwrap_or_else(|| "URL".to_owned());
            context.output.hint(&format!(
                "the issuer must know the redirect address {server}/oidc/callback"
            ));
            context
                .output
                .hint("say who is who with `kubegrant user set-oidc USER --email ADDRESS`");
        }
    }
    Ok(())
}
