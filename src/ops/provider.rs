//! The provider token of a cluster: set, show, check, remove. Sealed as the manager's login is.

#[cfg(test)]
mod tests;

use super::change::{self, About, Change, Decision, Target, Who};
use super::journal::Journal;
use super::{Done, Error, Intent, Obstacle, Unasked, find, reseal};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::effect::Effect;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::sealed::{SealedSecret, Which};
use crate::provider::{self, Project};
use crate::secrets::text;
use crate::secrets::{ExposeSecret, SecretString};
use crate::session::Session;
use crate::store::provider_tokens::ProviderToken;
use crate::store::{self, WriteTxn};

/// The only provider known so far.
const HETZNER: &str = "hetzner";
/// The longest token that is taken, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// A stored token, masked.
#[derive(Debug)]
pub(crate) struct Masked {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Which provider.
    pub(crate) provider: String,
    /// The token with all but its last four characters hidden.
    pub(crate) token: String,
    /// When it was set.
    pub(crate) set_at: Timestamp,
    /// By whom.
    pub(crate) set_by: String,
    /// What it opens, where the provider was asked.
    pub(crate) project: Option<Project>,
}

/// Takes a token as it was typed or piped in.
fn tidy(text: &str) -> Result<SecretString, Error> {
    let token = text.trim();
    let good =
        (8..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_graphic());
    if good {
        return Ok(SecretString::from(token));
    }
    Err(Error::Obstacle(Obstacle::NotAToken))
}

fn mask(token: &SecretString) -> String {
    let text = token.expose_secret();
    let shown = if text.len() >= 16 {
        &text[text.len() - 4..]
    } else {
        ""
    };
    format!("********{shown}")
}

fn open_case(
    session: &Session,
    name: &ClusterName,
    action: Action,
) -> Result<(Cluster, Journal, crate::session::Principal), Error> {
    let (actor, journal) = find::acting(session, action)?;
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let journal = journal.cluster(&found.cluster);
    Ok((found.cluster, journal, actor))
}

/// Reads a token from a file.
pub(crate) fn read_file(
    session: &Session,
    path: &std::path::Path,
) -> Result<zeroize::Zeroizing<String>, Error> {
    let given = session.workspace.read_given(path, TOKEN_BYTES_MAX)?;
    text::read(&given.bytes).map_err(|source| Error::Text {
        what: given.name,
        source,
    })
}

/// Asks the rules before a token is asked for.
pub(crate) fn may_set(session: &Session, name: &ClusterName) -> Result<(), Error> {
    open_case(session, name, Action::ClusterProviderTokenSet).map(drop)
}

/// A cluster's token is set; with `check`, only if the provider accepts it.
#[derive(Debug)]
pub(crate) struct SetToken {
    cluster: ClusterName,
    token: SecretString,
    check: bool,
}

impl SetToken {
    /// Takes a token as it was typed or piped in.
    pub(crate) fn new(cluster: &ClusterName, text: &str, check: bool) -> Result<Self, Error> {
        Ok(Self {
            cluster: cluster.clone(),
            token: tidy(text)?,
            check,
        })
    }
}

impl Change for SetToken {
    /// What the provider says that it opens, where it was asked.
    type Seen = Option<Project>;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::ClusterProviderTokenSet,
            Target::on(&self.cluster, ClusterAction::Sensitive),
        )
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, _: &Rows) -> Result<Option<Project>, Error> {
        if !self.check {
            return Ok(None);
        }
        ask(session, &self.token).await.map(Some)
    }

    fn seal(
        &self,
        tx: &WriteTxn<'_>,
        rows: &Rows,
        who: &Who,
        _: &Option<Project>,
    ) -> Result<(), Error> {
        let on = rows.only().map_err(Error::Refused)?;
        let cluster = &on.cluster;
        let before = store::provider_tokens::find(tx, cluster.id)?;
        let generation = before.map_or(1, |before| before.generation + 1);
        let record = SealedSecret::provider_token(cluster, generation);
        let secret = reseal::seal_to_openers(tx, cluster, &record, &on.installation, &self.token)?;
        let stored = ProviderToken {
            provider: HETZNER.to_owned(),
            secret,
            generation,
            set_at: who.now,
            set_by: who.holder.id,
        };
        Ok(store::provider_tokens::put(tx, cluster.id, &stored)?)
    }

    fn decide(&self, rows: &Rows, _: &Who, _: &Option<Project>) -> Result<Decision, Refusal> {
        let cluster = rows.only()?.cluster.id;
        Ok(Decision {
            effects: vec![Effect::SetProviderToken { cluster }],
            detail: "token set".to_owned(),
            ..Decision::default()
        })
    }
}

/// Sets a cluster's token.
pub(crate) async fn set(
    session: &Session,
    change: &SetToken,
    intent: &Intent<Unasked>,
) -> Result<Done<Masked>, Error> {
    let done = match change::run(session, change, intent).await? {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(done) => done,
    };
    let actor = find::principal(session, Action::ClusterProviderTokenSet)?;
    Ok(Done::Did(Masked {
        cluster: change.cluster.clone(),
        provider: HETZNER.to_owned(),
        token: mask(&change.token),
        set_at: session.now(),
        set_by: actor.holder.name.to_string(),
        project: done.seen,
    }))
}

/// Shows a cluster's token, masked; with `check`, what the provider says it opens.
pub(crate) async fn show(
    session: &Session,
    name: &ClusterName,
    check: bool,
) -> Result<Masked, Error> {
    let (cluster, journal, _) = open_case(session, name, Action::ClusterProviderTokenShow)?;
    let stored = session.store()?.read(|tx| {
        let Some(stored) = store::provider_tokens::find(tx, cluster.id)? else {
            return Ok(None);
        };
        let set_by = store::users::name(tx, stored.set_by)?;
        Ok::<_, store::Error>(Some((stored, set_by)))
    })?;
    let (stored, set_by) = stored.ok_or_else(|| none(name))?;
    let installation = find::installation(session)?;
    let secret = SealedSecret::provider_token(&cluster, stored.generation);
    let token = session.open_secret(&secret, &installation)?;
    let project = if check {
        Some(ask(session, &token).await?)
    } else {
        None
    };
    if check {
        journal.record_alone(
            session,
            Phase::Done,
            "token checked with the provider",
            None,
        )?;
    }
    Ok(Masked {
        cluster: cluster.name,
        provider: stored.provider,
        token: mask(&token),
        set_at: stored.set_at,
        set_by,
        project,
    })
}

/// A cluster's token is removed.
#[derive(Debug)]
pub(crate) struct RemoveToken {
    /// Of which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for RemoveToken {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::ClusterProviderTokenRemove,
            Target::on(&self.cluster, ClusterAction::Sensitive),
        )
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let is_there = on.secrets.iter().any(|it| it.which == Which::ProviderToken);
        let cluster = on.cluster.id;
        let remove = Effect::RemoveProviderToken { cluster };
        Ok(Decision {
            effects: is_there.then_some(remove).into_iter().collect(),
            detail: "token removed".to_owned(),
            ..Decision::default()
        })
    }
}

/// Removes a cluster's token; `false` if there was none.
pub(crate) async fn remove(
    session: &Session,
    change: &RemoveToken,
    intent: &Intent<Unasked>,
) -> Result<Done<bool>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|done| !done.is_unchanged()))
}

fn none(name: &ClusterName) -> Error {
    Error::Obstacle(Obstacle::NoProviderToken(name.clone()))
}

async fn ask(session: &Session, token: &SecretString) -> Result<Project, Error> {
    let env = &session.workspace.env;
    let endpoint = env.variable("HCLOUD_ENDPOINT");
    let proxies = provider::Proxies::of(|name| env.variable(name));
    provider::hetzner(endpoint.unwrap_or(provider::HETZNER), token, proxies)
        .await
        .map_err(Error::Provider)
}
