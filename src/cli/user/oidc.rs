//! What must be in a job's tokens, on the command line.

use crate::cli::context::Context;
use crate::domain::oidc::{self, Claim, IssuerUrl, LinkKind, OidcLink};
use crate::error::{Failure, Kind};

/// The tokens of a CI job.
#[derive(clap::Args, Debug)]
pub(super) struct ClaimArgs {
    /// Whose tokens a job comes with
    #[arg(long, value_name = "URL", requires = "claim")]
    issuer: Option<IssuerUrl>,
    /// What all its tokens must say, letter by letter; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "issuer")]
    claim: Vec<Claim>,
}

impl ClaimArgs {
    /// Refuses what is a job's where none is meant.
    pub(super) fn refuse(&self, instead: &str) -> Result<(), Failure> {
        if self.issuer.is_none() && self.claim.is_empty() {
            return Ok(());
        }
        let what = "`--issuer` and `--claim` are of a job's tokens";
        Err(Failure::description(Kind::Usage, what, instead))
    }

    /// The link of a job.
    pub(super) fn link(self) -> Result<OidcLink, Failure> {
        let wrong = |what: &str| {
            let hint = "name `--issuer URL` and `--claim NAME=VALUE`";
            Failure::description(Kind::Usage, what, hint)
        };
        let no_issuer = "it is not said whose tokens a job comes with";
        let issuer = self.issuer.ok_or_else(|| wrong(no_issuer))?;
        OidcLink::new(LinkKind::Job, issuer, self.claim).map_err(|what| wrong(&what))
    }
}

/// Warns whoever lets more log in than they may have thought.
pub(super) fn warn_of_claims(link: &OidcLink, context: &mut Context<'_>) {
    if let Some(warning) = oidc::warning(link) {
        context.output.warn(warning);
    }
}
