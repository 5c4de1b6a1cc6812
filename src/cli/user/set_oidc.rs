//! `kubegrant user set-oidc`.

use super::oidc::{ClaimArgs, warn_of_claims};
use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::user::UserView;
use crate::domain::action::Action;
use crate::domain::name::{Email, UserRef};
use crate::domain::oidc::{Claim, EMAIL, LinkKind, OidcLink, SUBJECT};
use crate::error::{Failure, Kind};
use crate::ops;

/// Change by which OpenID tokens a user logs in to `kubegrant serve`
///
/// A person is known at the organization's issuer by their subject, which stays theirs for ever, or by an address
/// that the issuer says was verified. For a job it is the claims that all its tokens must have. Sessions that were
/// begun before end.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["subject", "email", "claim", "none"]))]
#[command(after_long_help = "Examples:\n  \
    kubegrant user set-oidc bob --subject 248289761001\n  \
    kubegrant user set-oidc bob --email bob@example.net\n  \
    kubegrant user set-oidc deploy --issuer https://token.actions.githubusercontent.com \
    --claim repository=acme/shop --claim ref=refs/heads/main")]
pub(crate) struct UserSetOidcArgs {
    /// Name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
    /// The subject that names a person at the organization's issuer
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// The address that the organization's issuer has verified
    #[arg(long, value_name = "ADDRESS")]
    email: Option<Email>,
    #[command(flatten)]
    job: ClaimArgs,
    /// Let them log in by no token any more
    #[arg(long)]
    none: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: UserSetOidcArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let wrong = |what: String| Failure::description(Kind::Usage, &what, "");
    let of_person = |name: &str, value: &str| {
        let claim = Claim::new(name, value).map_err(wrong)?;
        let issuer = ops::user::provider(context.session, Action::UserSetOidc)?;
        OidcLink::new(LinkKind::Person, issuer, vec![claim]).map_err(wrong)
    };
    if args.subject.is_some() || args.email.is_some() || args.none {
        args.job
            .refuse("a person's tokens are those of the organization's issuer: leave them out")?;
    }
    let link = match (&args.subject, &args.email) {
        (Some(subject), _) => Some(of_person(SUBJECT, subject)?),
        (_, Some(email)) => Some(of_person(EMAIL, &email.to_string())?),
        _ if args.none => None,
        _ => Some(args.job.link()?),
    };
    let change = ops::user::SetOidc {
        user: args.name,
        link,
    };
    let done = ops::user::set_oidc(context.session, &change, &args.dry_run.intent()).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    let name = changed.user.name.clone();
    context.output.show(&UserView::from(changed.user))?;
    if changed.unchanged {
        context.output.status(&format!(
            "'{name}' logs in so already; nothing was changed."
        ));
        return Ok(());
    }
    match &change.link {
        None => context
            .output
            .status(&format!("'{name}' logs in by no token any more.")),
        Some(link) => {
            context
                .output
                .status(&format!("'{name}' logs in by tokens with {link}."));
            warn_of_claims(link, context);
        }
    }
    Ok(())
}
