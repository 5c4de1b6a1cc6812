//! Whose a login is that was found somewhere. Asks no cluster.
//!
//! A token's claims are not signed to us: only the API server can check the signature. What the
//! store knows of a token is its id, which the API server gave and nobody can guess. So a token
//! that names a recorded id, and agrees with the record in everything else, is as good as known; a
//! token that only names an account of ours may be made up. Neither is said to be proven. The one
//! thing that can be proven is the manager's login, which is stored (sealed) as a whole.

use std::path::Path;

use super::journal::Journal;
use super::{Error, Obstacle, find};
use crate::artifact::merge::{FoundKind, FoundLogin, logins};
use crate::domain::access::Power;
use crate::domain::account_name::{self, AccountName};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::ManagerKind;
use crate::domain::credential::{Credential, Delivery, State, Subject};
use crate::domain::policy;
use crate::domain::sealed::{SealedSecret, Which};
use crate::domain::subject::SubjectName;
use crate::domain::{KUBECONFIG_BYTES_MAX, Timestamp};
use crate::kubernetes::issuer;
use crate::kubernetes::manager::is_account_name;
use crate::kubernetes::token::{Claims, claims};
use crate::secrets::ExposeSecret;
use crate::session::{Principal, Session};
use crate::store;

/// The largest input that is looked at, in bytes.
const BYTES_MAX: usize = KUBECONFIG_BYTES_MAX;

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It is the very login that is stored.
    Stored,
    /// It has the id of a token that was handed out, and agrees with the record.
    TokenId,
    /// It names an account of ours, and no more.
    Account,
}

impl Evidence {
    /// The word shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::TokenId => "token id",
            Self::Account => "account",
        }
    }
}

/// What is known of a login.
#[derive(Debug)]
pub(crate) struct Known {
    /// Whose: `bob`, `bob/shell`, `shop/read`, or the manager.
    pub(crate) owner: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Which version; none for the manager.
    pub(crate) version: Option<u32>,
    /// How it stands.
    pub(crate) state: String,
    /// What it carries.
    pub(crate) power: Power,
    /// Why it was ended.
    pub(crate) ended_because: Option<String>,
    /// The hand-over of this very token, where it is known.
    pub(crate) delivered: Option<HandedOver>,
    /// When the token ends, as it claims.
    pub(crate) expires_at: Option<Timestamp>,
    /// How sure it is.
    pub(crate) evidence: Evidence,
    /// The command that ends it, unless it has ended.
    pub(crate) ends_with: Option<String>,
}

/// The hand-over of a token.
#[derive(Debug)]
pub(crate) struct HandedOver {
    /// When it was.
    pub(crate) at: Timestamp,
    /// The name of whoever it is for.
    pub(crate) to: String,
    /// The name of whoever took it.
    pub(crate) by: String,
    /// In which form.
    pub(crate) form: String,
}

/// One login that was found.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The name of its entry, where it is in one.
    pub(crate) entry: Option<String>,
    /// In which lines it stands.
    pub(crate) lines: Vec<usize>,
    /// Whether it is in base64 there.
    pub(crate) encoded: bool,
    /// What is known of it, or why nothing is.
    pub(crate) known: Result<Known, String>,
}

/// Everything that was found in a file.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Each login once.
    pub(crate) logins: Vec<Finding>,
    /// How many more were not looked at.
    pub(crate) more: usize,
}

/// What everybody hears of what is not ours, and of what is not theirs to see.
const NOT_OURS: &str = "not ours, or not yours to see";

/// Says of every login in a file whose it is.
pub(crate) fn whose(session: &Session, file: &Path) -> Result<Findings, Error> {
    let actor = find::principal(session, Action::KubeconfigWhose)?;
    let given = session.workspace.read_given(file, BYTES_MAX)?;
    let found = logins(&given.bytes)
        .ok_or_else(|| Error::Obstacle(Obstacle::NoLogin(given.name.clone())))?;
    let logins: Result<Vec<Finding>, Error> = found
        .logins
        .into_iter()
        .map(|login| {
            let FoundLogin {
                name,
                lines,
                encoded,
                kind,
            } = login;
            let known = match kind {
                FoundKind::Other(why) => Err(format!("not ours: {why}")),
                FoundKind::Token(token) => known(session, &actor, &token)?,
            };
            Ok(Finding {
                entry: name,
                lines,
                encoded,
                known,
            })
        })
        .collect();
    Ok(Findings {
        logins: logins?,
        more: found.more,
    })
}

/// The account that an account renews.
fn renewed_by(account: &str) -> Option<AccountName> {
    account.parse::<AccountName>().ok()?.of_renewer()
}

/// What is known of a token, as far as the actor may see it.
fn known(
    session: &Session,
    actor: &Principal,
    token: &str,
) -> Result<Result<Known, String>, Error> {
    let Some(claims) = claims(token) else {
        return Ok(Err(NOT_OURS.to_owned()));
    };
    let Some(account) = account_name::of_login(&claims.sub) else {
        return Ok(Err(NOT_OURS.to_owned()));
    };
    if let Some(known) = manager(session, actor, token, &claims, &account)? {
        return Ok(Ok(known));
    }
    let looked = session.store()?.read(|tx| {
        let handed = match &claims.jti {
            Some(jti) => store::lookup::by_jti(tx, jti)?,
            None => None,
        };
        let (credential, delivery) = if let Some((credential, delivery)) = handed {
            (credential, Some(delivery))
        } else {
            let mut found = store::lookup::by_account(tx, &account)?;
            // Who renews a version is that version's.
            if let Some(account) = renewed_by(&account).filter(|_| found.is_none()) {
                found = store::lookup::by_account(tx, account.as_str())?;
            }
            let Some(credential) = found else {
                return Ok(None);
            };
            (credential, None)
        };
        let cluster = store::lookup::cluster_name(tx, credential.cluster)?;
        let owner = credential.owner.clone();
        // A version's hand-overs say who may have it, where this token's own is not known.
        let handed = store::credentials::deliveries(tx, credential.id)?;
        let concerns = actor.user.role.is_admin()
            || credential.subject.user() == Some(actor.user.id)
            || handed.iter().any(|handed| handed.to == actor.user.id);
        let delivered = match &delivery {
            Some(it) => {
                let name = |id| store::users::name(tx, id);
                Some(HandedOver {
                    at: it.at,
                    to: name(it.to)?,
                    by: name(it.by)?,
                    form: it.form.clone(),
                })
            }
            None => None,
        };
        Ok::<_, store::Error>(Some((
            credential, delivery, delivered, owner, cluster, concerns,
        )))
    })?;
    let Some((credential, delivery, delivered, owner, cluster, concerns)) = looked else {
        return Ok(Err(NOT_OURS.to_owned()));
    };
    let (cluster, in_view) = cluster.unwrap_or_default();
    if !concerns {
        let journal = Journal::new(actor, Action::KubeconfigWhose).user_name(&owner);
        let detail = format!(
            "version {} of '{owner}' is not theirs to see",
            credential.version
        );
        journal.record_alone(session, Phase::Denied, detail, None)?;
        return Ok(Err(NOT_OURS.to_owned()));
    }
    if let Some(delivery) = &delivery
        && contradicts(&credential, delivery, &account, &claims)
    {
        return Ok(Err(format!(
            "forged: it has the id of a token that was handed to '{}', and says otherwise who it \
             is or when it ends; no API server will take it",
            delivered.map(|it| it.to).unwrap_or_default()
        )));
    }
    let own = credential.subject == Subject::Personal(actor.user.id);
    Ok(Ok(Known {
        ends_with: in_view
            .then(|| ends_with(&credential, &cluster, own))
            .flatten(),
        owner: owner.to_string(),
        cluster,
        version: Some(credential.version),
        state: credential.state.to_string(),
        power: credential.power,
        ended_because: credential.ended_because,
        expires_at: end(&claims),
        evidence: if delivered.is_some() {
            Evidence::TokenId
        } else {
            Evidence::Account
        },
        delivered,
    }))
}

fn end(claims: &Claims) -> Option<Timestamp> {
    Timestamp::from_timestamp(claims.exp?, 0)
}

/// Whether a token's claims and the record of the token of that id cannot both be true.
fn contradicts(
    credential: &Credential,
    delivery: &Delivery,
    account: &str,
    claims: &Claims,
) -> bool {
    credential.account.as_str() != account || end(claims) != Some(delivery.expires_at)
}

/// The command that ends a version.
fn ends_with(credential: &Credential, cluster: &str, own: bool) -> Option<String> {
    match (credential.state, &credential.owner) {
        (State::Revoked, _) => None,
        (State::Revoking, _) => Some(format!("kubegrant reconcile {cluster}")),
        (_, SubjectName::Personal(_)) if own => {
            Some(format!("kubegrant kubeconfig rotate {cluster}"))
        }
        (_, SubjectName::Personal(user) | SubjectName::Shell(user)) => {
            Some(format!("kubegrant team revoke {user} --cluster {cluster}"))
        }
        (_, SubjectName::Shared { project, level }) => Some(format!(
            "kubegrant project revoke {project} --cluster {cluster} --level {level}"
        )),
    }
}

/// The manager or the issuer of a cluster, to those who may open its login.
fn manager(
    session: &Session,
    actor: &Principal,
    token: &str,
    claims: &Claims,
    account: &str,
) -> Result<Option<Known>, Error> {
    let clusters = session.store()?.read(store::clusters::list)?;
    let installation = find::installation(session)?;
    let is_issuer = issuer::is_account_name(account);
    let which = if is_issuer {
        Which::IssuerLogin
    } else {
        Which::ManagerLogin
    };
    let mut named = Vec::new();
    for cluster in clusters {
        let may = policy::may_open(&actor.user, &cluster, &which);
        // An account that was the manager's before is not remembered once it is gone.
        let is_its = cluster.manager == account || is_account_name(account) || is_issuer;
        if !may || !is_its || !is_issuer && cluster.manager_kind == ManagerKind::Operator {
            continue;
        }
        let secret = if is_issuer {
            SealedSecret::issuer_login(&cluster)
        } else {
            Some(SealedSecret::manager_login(&cluster))
        };
        let Some(secret) = secret else {
            continue;
        };
        // With `--as` the key may open less than the rights allow: then nothing is proven.
        let login = session.open_secret(&secret, &installation);
        let stored = login.is_ok_and(|login| login.expose_secret() == token);
        let name = cluster.name.to_string();
        if stored {
            return Ok(Some(of_login(&which, &name, claims, true)));
        }
        named.push(name);
    }
    Ok(match named.as_slice() {
        [] => None,
        names => Some(of_login(&which, &names.join(","), claims, false)),
    })
}

fn of_login(which: &Which, cluster: &str, claims: &Claims, stored: bool) -> Known {
    let (owner, power) = match which {
        Which::IssuerLogin => ("the issuer", Power::Write),
        _ => ("the manager", Power::Full),
    };
    Known {
        owner: owner.to_owned(),
        cluster: cluster.to_owned(),
        version: None,
        state: if stored {
            "active"
        } else {
            "not the stored one"
        }
        .to_owned(),
        power,
        ended_because: None,
        delivered: None,
        expires_at: end(claims),
        evidence: if stored {
            Evidence::Stored
        } else {
            Evidence::Account
        },
        // A new login ends the stored one; what others minted for the account goes on.
        ends_with: stored.then(|| format!("kubegrant cluster rotate-manager {cluster}")),
    }
}
