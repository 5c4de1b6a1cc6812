//! How a kubeconfig is handed over: sealed to whom, where it goes, and what is in it.

use std::path::PathBuf;

use super::Asked;
use super::download::{Destination, DownloadRequest};
use super::merge;
use crate::artifact::file::check_writable_destination;
use crate::artifact::kubeconfig::{KubeconfigFields, Login};
use crate::artifact::merge::{Addition, Mark};
use crate::artifact::renewal::RenewalName;
use crate::domain::access::Power;
use crate::domain::cluster::WriteScope;
use crate::domain::cluster::is_ones_own;
use crate::domain::credential::Subject;
use crate::domain::policy::{Denial, OrganizationAction};
use crate::domain::user::Role;
use crate::ops::cluster::WRITE_SCOPE_WARNING;
use crate::ops::{Error, Obstacle, find, reconciling, reseal};
use crate::secrets::{Recipient, SecretString};
use crate::session::{App, Session};
use crate::store;

/// How the file is made: sealed to whom, and where it goes.
pub(super) struct Form {
    pub(super) seal_to: Option<Recipient>,
    pub(super) path: Option<PathBuf>,
    /// Merged, and whether the context becomes the current one.
    pub(super) merge: Option<bool>,
    /// Whether a server hands it to whoever logged in.
    pub(super) is_served: bool,
}

impl Form {
    /// Where it goes, for a plan; nothing where it goes to standard output.
    pub(super) fn step(&self) -> Option<String> {
        let path = self.path.as_ref()?.display();
        let sealed = if self.seal_to.is_some() {
            ", sealed"
        } else {
            ""
        };
        Some(match self.merge {
            None => format!("write `{path}`{sealed}"),
            Some(_) => format!("merge it into `{path}`"),
        })
    }

    /// How it is handed over, in the words of the record.
    pub(super) fn description(&self) -> &'static str {
        match (self.merge, self.seal_to.is_some(), self.path.is_some()) {
            (Some(_), ..) => "merged",
            (None, false, true) => "file",
            (None, false, false) if self.is_served => "not sealed, over TLS",
            (None, false, false) => "stdout",
            (None, true, true) => "sealed file",
            (None, true, false) => "sealed stdout",
        }
    }
}

/// To whom the file is sealed; nobody where it is one's own, or plain on purpose.
fn seal_to(
    session: &Session,
    case: &Asked,
    wanted: &DownloadRequest,
) -> Result<Option<Recipient>, Error> {
    let other = case.subject.id != case.actor.user.id;
    if other && !wanted.plain && matches!(wanted.destination, Destination::Merge { .. }) {
        return Err(Error::Obstacle(Obstacle::SealedNotMerged(
            case.subject.name.clone(),
        )));
    }
    // A login in one's own hands is one's own power: nobody takes more of it than they have by
    // taking somebody else's. Sealed to its owner, it is not in one's hands.
    // Bound roles compare with no level: they are only an owner's or admin's to take.
    let is_bound = session
        .store()?
        .read(|tx| store::bindings::any(tx, case.cluster.id, case.subject.id))?;
    let is_more =
        Some(case.power) > case.actor_power || (is_bound && case.actor_power != Some(Power::Full));
    if other && wanted.plain && is_more {
        let denial = Denial::AdminsOnly(OrganizationAction::ActAs);
        let help = vec!["leave out `--plain`: the file is sealed to its owner then".to_owned()];
        let cluster = Some(&case.cluster.name);
        let who = &case.actor.user;
        return Err(case.journal.deny(session, denial, cluster, who, help));
    }
    if !other && case.actor.holder.role == Role::Server {
        // What it hands to somebody it does not read again; who can open nothing gets it as it is.
        if session.workspace.opens_nothing() {
            return Ok(None);
        }
        return reseal::key(&case.subject);
    }
    if other && !wanted.plain {
        let key = reseal::key(&case.subject)?.ok_or_else(|| {
            Error::Obstacle(Obstacle::NoKeyToSealTo {
                user: case.subject.name.clone(),
                plain: true,
            })
        })?;
        Ok(Some(key))
    } else {
        Ok(None)
    }
}

pub(super) fn form(
    session: &Session,
    case: &Asked,
    wanted: &DownloadRequest,
) -> Result<Form, Error> {
    form_of(
        session,
        std::slice::from_ref(case),
        wanted,
        case.cluster.name.as_str(),
    )
}

/// How one file is made of all these cases, which are one subject's.
pub(super) fn form_of(
    session: &Session,
    cases: &[Asked],
    wanted: &DownloadRequest,
    stem: &str,
) -> Result<Form, Error> {
    let Some(case) = cases.first() else {
        return Err(Error::Overtaken {
            user: String::new(),
            cluster: wanted.cluster.clone(),
        });
    };
    let other = case.subject.id != case.actor.user.id;
    let mut key = None;
    for case in cases {
        key = seal_to(session, case, wanted)?;
    }
    let seal_to = key;
    let path = match &wanted.destination {
        Destination::Merge { file, set_current } => {
            let path = match file {
                Some(file) => session.workspace.env.current_dir.join(file),
                None => merge::usual_path(session)?,
            };
            // Before anything is minted in vain: the names are free, and the file can be changed.
            for case in cases {
                let version = version_to_be(session, case)?;
                let login = rehearsed(session, case, wanted)?;
                let rehearsal = fields(session, case, wanted, version, login);
                let mark = mark(session, case)?;
                let addition = Addition {
                    fields: &rehearsal,
                    mark: &mark,
                    context_is_chosen: wanted.context.is_some(),
                };
                merge::check(&path, &[addition], *set_current)?;
            }
            return Ok(Form {
                seal_to,
                path: Some(path),
                merge: Some(*set_current),
                is_served: false,
            });
        }
        Destination::Stdout => None,
        Destination::File(path) => Some(session.workspace.env.current_dir.join(path)),
        Destination::Usual => {
            let whose = match (other, case.of) {
                (false, Subject::Shared { .. }) => ".shared".to_owned(),
                (true, Subject::Shared { .. }) => format!(".{}.shared", case.subject.name),
                (false, _) => String::new(),
                (true, _) => format!(".{}", case.subject.name),
            };
            let sealed = if seal_to.is_some() { ".age" } else { "" };
            let name = format!("{stem}{whose}.kubeconfig{sealed}");
            Some(session.workspace.env.current_dir.join(name))
        }
    };
    if let Some(path) = &path {
        // Before anything is minted in vain.
        check_writable_destination(path, wanted.overwrite)?;
    }
    Ok(Form {
        seal_to,
        path,
        merge: None,
        is_served: case.actor.holder.role == Role::Server,
    })
}

/// A login that says nothing, to see whether there is room for the real one.
fn rehearsed(app: &App, case: &Asked, wanted: &DownloadRequest) -> Result<Login, Error> {
    if !wanted.renew {
        return Ok(Login::Token(SecretString::from("none")));
    }
    let installation = find::installation(app)?;
    let name = RenewalName::new(&installation, &case.cluster.name, &case.owner);
    Ok(Login::Renewing {
        renewal: name.to_string(),
    })
}

/// The latest version, and the one that lives on.
pub(super) fn live_version(
    app: &App,
    tx: &store::ReadTxn<'_>,
    case: &Asked,
) -> store::Result<(Option<u32>, Option<u32>)> {
    let versions = store::credentials::versions_of(tx, case.cluster.id, case.of)?;
    let live = match versions.iter().find(|it| it.state.is_live()) {
        Some(live) => {
            let on = reconciling::snapshot(tx, case.cluster.id)?;
            let ends = on.why_it_must_end(live, &reconciling::circumstances(app, &on));
            ends.is_none().then_some(live.version)
        }
        None => None,
    };
    Ok((versions.last().map(|last| last.version), live))
}

/// The version that a download would hand out.
fn version_to_be(app: &App, case: &Asked) -> Result<u32, Error> {
    let (last, live) = app.store()?.read(|tx| live_version(app, tx, case))?;
    Ok(live.unwrap_or_else(|| last.map_or(1, |last| last + 1)))
}

/// What a person should know of what the file carries, where write is the plain `edit`.
pub(super) fn plain_edit_note(case: &Asked) -> Option<String> {
    let is_plain = case.power == Power::Write && case.cluster.write_scope == WriteScope::Cluster;
    is_plain.then(|| WRITE_SCOPE_WARNING.to_owned())
}

/// What a person should know of the address that goes into a file for somebody else.
pub(super) fn address_note(case: &Asked) -> Option<String> {
    let server = case.cluster.address_in_files().server;
    let for_another = case.subject.id != case.actor.holder.id;
    (for_another && is_ones_own(&server)).then(|| {
        format!(
            "the address in the file, {server}, leads whoever uses it to their own machine: \
             `kubegrant cluster set {} --public-server URL` puts another into files",
            case.cluster.name
        )
    })
}

/// By what merged entries are known again.
pub(super) fn mark(app: &App, case: &Asked) -> Result<Mark, Error> {
    let installation = find::installation(app)?;
    Ok(merge::mark(
        &installation,
        &case.cluster.name,
        case.owner.clone(),
    ))
}

/// What goes into the file.
///
/// kubectl takes entries from several files together, and the first of a name wins: a context or an
/// address that waited under a name which can be guessed would get the token.
pub(super) fn fields(
    app: &App,
    case: &Asked,
    wanted: &DownloadRequest,
    version: u32,
    login: Login,
) -> KubeconfigFields {
    let (cluster, user) = (&case.cluster.name, &case.owner);
    let salt = u32::from_be_bytes(app.random::<4>());
    let address = case.cluster.address_in_files();
    KubeconfigFields {
        cluster: format!("kubegrant-{cluster}-{salt:08x}"),
        user: format!("kubegrant-{user}@{cluster}-{salt:08x}-v{version}"),
        context: wanted
            .context
            .clone()
            .unwrap_or_else(|| format!("{user}@{cluster}")),
        server: address.server,
        ca_pem: address.ca_pem,
        tls_server_name: address.tls_server_name,
        proxy_url: address.proxy_url,
        namespace: wanted.namespace.clone(),
        login,
    }
}
