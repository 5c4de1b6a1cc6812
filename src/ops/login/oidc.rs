//! Logging in with an OpenID issuer's word: who a token is of.

use chrono::TimeDelta;

use super::{Authenticator, Beginning, Begun};
use crate::domain::Timestamp;
use crate::domain::login::Way;
use crate::domain::name::UserName;
use crate::domain::oidc::{Claims, EMAIL, IssuerUrl, LinkKind, Provider, SUBJECT};
use crate::domain::text::hex;
use crate::domain::user::User;
use crate::oidc::Asked;
use crate::ops::Error;
use crate::session::App;
use crate::store;

/// How long somebody may take at the issuer.
const AWAY_MAX: TimeDelta = TimeDelta::minutes(10);

/// How much of what a token says of its bearer is repeated, in characters.
const BEARER_MAX: usize = 120;

/// Whom a token let in.
pub(crate) enum Found {
    /// Somebody, with a session.
    One(Box<Begun>),
    /// Nobody logs in by it; what the token says of its bearer, for whoever may say who they are.
    Nobody(String),
    /// Several may: which one is not said.
    Several(Vec<UserName>),
}

/// A token that was checked, and what of it counts.
pub(crate) struct Proven<'a> {
    /// Whose word it is.
    pub(crate) issuer: &'a IssuerUrl,
    /// What it says.
    pub(crate) claims: &'a Claims,
    /// Which of the users that it may be of, if that was said.
    pub(crate) wanted: Option<&'a str>,
}

/// Whom people log in with, if with anybody.
pub(crate) fn provider(app: &App) -> Result<Option<Provider>, Error> {
    Ok(app.store()?.read(store::meta::provider)?)
}

/// Whether jobs come with tokens of this issuer: no other is asked.
pub(crate) fn is_issuer_of_jobs(app: &App, issuer: &IssuerUrl) -> Result<bool, Error> {
    let jobs = app
        .store()?
        .read(|tx| store::users::of_issuer(tx, issuer, LinkKind::Job))?;
    Ok(jobs.iter().any(|user| user.active))
}

/// A login at the issuer that a browser has begun.
pub(crate) struct Away {
    /// What the browser keeps, and no address holds.
    pub(crate) kept: String,
    /// What the issuer is told, and gives back.
    pub(crate) asked: Asked,
}

impl Authenticator {
    /// Begins a login at the issuer.
    pub(crate) fn ask_issuer(&self, app: &App, provider: &Provider) -> Away {
        let until = (app.now() + AWAY_MAX).timestamp();
        let kept = format!("{}.{until}", hex(&app.random::<32>()));
        let asked = self.asked(&kept, provider);
        Away { kept, asked }
    }

    /// The login of what a browser kept, if this process began it a while ago, with this issuer, and it is the one
    /// that came back. All of it is made of what was kept, under a key of ours: an address that somebody reads on
    /// the way opens nothing, and nobody makes one of their own.
    pub(crate) fn asked_issuer(
        &self,
        app: &App,
        provider: &Provider,
        kept: &str,
        state: &str,
    ) -> Option<Asked> {
        let (_, until) = kept.split_once('.')?;
        let until = Timestamp::from_timestamp(until.parse().ok()?, 0)?;
        let asked = self.asked(kept, provider);
        (app.now() < until && asked.state == state).then_some(asked)
    }

    fn asked(&self, kept: &str, provider: &Provider) -> Asked {
        let (process, issuer, client) = (&self.process, &provider.issuer, &provider.client_id);
        let tag = |what: &str| {
            let text = format!("{what}\n{process}\n{issuer}\n{client}\n{kept}");
            self.key.tag(&text)
        };
        Asked {
            state: tag("state"),
            nonce: tag("nonce"),
            verifier: tag("verifier"),
        }
    }

    /// Begins a session for whoever a token is of.
    pub(crate) fn begin_by_token(
        &self,
        app: &App,
        proven: &Proven<'_>,
        way: Way,
        from: &str,
    ) -> Result<Found, Error> {
        let kind = match way {
            Way::Job => LinkKind::Job,
            _ => LinkKind::Person,
        };
        let users = app
            .store()?
            .read(|tx| store::users::of_issuer(tx, proven.issuer, kind))?;
        let is_theirs = |user: &User| {
            let link = user.oidc.as_ref();
            link.is_some_and(|it| it.kind == kind && it.is_of(proven.claims))
        };
        let mut found: Vec<User> = users.into_iter().filter(is_theirs).collect();
        // Who has left stands in nobody's way.
        if found.iter().any(|user| user.active) {
            found.retain(|user| user.active);
        }
        if let Some(wanted) = proven.wanted {
            found.retain(|user| user.name.as_str() == wanted);
        }
        let one = match found.len() {
            0 => return Ok(Found::Nobody(bearer(proven.claims))),
            1 => found.remove(0),
            _ => {
                let names = found.into_iter().map(|user| user.name);
                return Ok(Found::Several(names.collect()));
            }
        };
        // As they stand now, with all that vouches for their record.
        let user = app.store()?.read(|tx| store::users::get(tx, one.id))?;
        let user = user.filter(|user| user.oidc == one.oidc);
        let by = format!("{} at {}", bearer(proven.claims), proven.issuer);
        let begin = Beginning {
            way,
            origin: from,
            by: Some(&by),
            parent: None,
        };
        let begun = self.begin_as(app, user, &begin)?;
        Ok(match begun {
            Some(begun) => Found::One(Box::new(begun)),
            None => Found::Nobody(bearer(proven.claims)),
        })
    }
}

/// What a token says of its bearer.
fn bearer(claims: &Claims) -> String {
    let names = [SUBJECT, EMAIL];
    let said = names.iter().filter_map(|name| {
        let value: String = claims.get(*name)?.chars().take(BEARER_MAX).collect();
        let value = crate::domain::text::clean(&value);
        Some(format!("{name}={value}"))
    });
    said.collect::<Vec<_>>().join(" ")
}
