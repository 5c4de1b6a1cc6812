//! The provider token of a cluster: set, show, check, remove. Sealed as the manager's login is.

use super::journal::Journal;
use super::{Done, Error, Mode, find, reseal};
use crate::domain::Timestamp;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::provider::{self, Project};
use crate::secrets::text;
use crate::secrets::{ExposeSecret, SecretString};
use crate::session::Session;
use crate::store;
use crate::store::provider_tokens::ProviderToken;

/// The only provider known so far.
const HETZNER: &str = "hetzner";
/// The longest token that is taken, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// A stored token, masked.
#[derive(Debug)]
pub(crate) struct Masked {
    /// Where.
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
    Err(Error::Input {
        why: "this is not a token: one line of printable characters".to_owned(),
        hint: "make one in the Hetzner console, under Security, API tokens".to_owned(),
    })
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
    words: &'static str,
) -> Result<(Cluster, Journal, crate::session::Actor), Error> {
    let actor = find::actor(session, words)?;
    let journal = Journal::new(&actor, words);
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let journal = journal.cluster(&found.cluster);
    Ok((found.cluster, journal, actor))
}

/// Reads a token from a file.
pub(crate) fn read_file(
    session: &Session,
    path: &std::path::Path,
) -> Result<zeroize::Zeroizing<String>, Error> {
    let given = session.read_given(path, TOKEN_BYTES_MAX)?;
    text::read(&given.bytes).map_err(|source| Error::Text {
        what: given.name,
        source,
    })
}

/// Asks the rules before a token is asked for.
pub(crate) fn may_set(session: &Session, name: &ClusterName) -> Result<(), Error> {
    open_case(session, name, "cluster provider-token set").map(drop)
}

/// Sets a cluster's token; with `check`, only if the provider accepts it.
pub(crate) async fn set(
    session: &Session,
    name: &ClusterName,
    text: &str,
    check: bool,
    mode: Mode,
) -> Result<Done<Masked>, Error> {
    let (cluster, journal, actor) = open_case(session, name, "cluster provider-token set")?;
    let token = tidy(text)?;
    if mode == Mode::Plan {
        return Ok(Done::planned(vec![format!(
            "set the provider token of cluster '{name}'"
        )]));
    }
    let project = if check {
        Some(ask(session, &token).await?)
    } else {
        None
    };
    let installation = find::installation(session)?;
    let set_at = session.now();
    session.store()?.write(|tx| {
        let before = store::provider_tokens::find(tx, cluster.id)?;
        let generation = before.map_or(1, |before| before.generation + 1);
        let place = (&installation, generation);
        let secret = reseal::seal_provider_token(tx, &cluster, place, &token)?;
        let stored = ProviderToken {
            provider: HETZNER.to_owned(),
            secret,
            generation,
            set_at,
            set_by: actor.holder.id,
        };
        store::provider_tokens::put(tx, cluster.id, &stored)?;
        journal.record(session, tx, Phase::Done, "token set", None)?;
        Ok::<_, Error>(())
    })?;
    Ok(Done::Did(Masked {
        cluster: cluster.name,
        provider: HETZNER.to_owned(),
        token: mask(&token),
        set_at,
        set_by: actor.holder.name.to_string(),
        project,
    }))
}

/// Shows a cluster's token, masked; with `check`, what the provider says it opens.
pub(crate) async fn show(
    session: &Session,
    name: &ClusterName,
    check: bool,
) -> Result<Masked, Error> {
    let (cluster, journal, _) = open_case(session, name, "cluster provider-token show")?;
    let (stored, users) = session.store()?.read(|tx| {
        let stored = store::provider_tokens::find(tx, cluster.id)?;
        Ok::<_, store::Error>((stored, store::users::list(tx)?))
    })?;
    let stored = stored.ok_or_else(|| none(name))?;
    let installation = find::installation(session)?;
    let token = reseal::open_provider_token(session, &cluster, &installation, &stored)?;
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
    let set_by = users.into_iter().find(|user| user.id == stored.set_by);
    Ok(Masked {
        cluster: cluster.name,
        provider: stored.provider,
        token: mask(&token),
        set_at: stored.set_at,
        set_by: set_by.map(|user| user.name.to_string()).unwrap_or_default(),
        project,
    })
}

/// Removes a cluster's token; `false` if there was none.
pub(crate) fn remove(
    session: &Session,
    name: &ClusterName,
    mode: Mode,
) -> Result<Done<bool>, Error> {
    let (cluster, journal, _) = open_case(session, name, "cluster provider-token remove")?;
    if mode == Mode::Plan {
        return Ok(Done::planned(vec![format!(
            "remove the provider token of cluster '{name}'"
        )]));
    }
    session.store()?.write(|tx| {
        let removed = store::provider_tokens::remove(tx, cluster.id)?;
        if removed {
            journal.record(session, tx, Phase::Done, "token removed", None)?;
        }
        Ok(Done::Did(removed))
    })
}

fn none(name: &ClusterName) -> Error {
    Error::NotThere {
        what: format!("provider token of cluster '{name}'"),
        hint: format!("set one with `kubegrant cluster provider-token set {name}`"),
    }
}

async fn ask(session: &Session, token: &SecretString) -> Result<Project, Error> {
    let endpoint = session
        .env
        .variable("HCLOUD_ENDPOINT")
        .unwrap_or(provider::HETZNER);
    provider::hetzner(endpoint, token)
        .await
        .map_err(Error::Provider)
}
