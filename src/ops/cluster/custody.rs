//! Taking a cluster's manager into custody: making it, or keeping the operator's login, and proving
//! that what is handed out later will work at the address.

use super::approach::Approach;
use crate::domain::Timestamp;
use crate::domain::cluster::{Issuer, ManagerKind};
use crate::domain::mark::Marks;
use crate::domain::name::ClusterName;
use crate::kubernetes::client::Login;
use crate::kubernetes::connection::{Connection, Right};
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::issuer::{ISSUER_RIGHTS, Succession, USERS_RIGHTS};
use crate::kubernetes::manager::{MANAGER_RIGHTS, Manager};
use crate::kubernetes::trial::NEWS_MAX;
use crate::kubernetes::undo::New;
use crate::ops::{Error, Obstacle, find};
use crate::secrets::SecretString;
use crate::session::{self, App};

/// The life of the token that is tried where none is kept, in seconds: the least that there is.
const TRIAL_SECONDS: i64 = 600;

/// What is made on a cluster, and where.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectOptions {
    /// What everything carries.
    pub(crate) marks: Marks,
    /// Whether a namespace that is there is taken over.
    pub(crate) adopt_namespace: bool,
}

/// The issuer, with its login for the store.
pub(super) struct IssuerCustody {
    pub(super) issuer: Issuer,
    pub(super) secret: SecretString,
}

/// A login for the store: a manager's, or the operator's own.
pub(super) struct Custody {
    pub(super) manager: String,
    pub(super) kind: ManagerKind,
    pub(super) secret: SecretString,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) issuer: IssuerCustody,
}

/// The account that is to be the manager.
pub(super) enum Account<'a> {
    /// The first one of a cluster: under the plain name where nobody has it, or this one.
    First(&'a str),
    /// This one, which the store lists; the one before keeps its rights until the login is stored.
    Next(&'a str, Option<&'a str>),
}

/// The account that is to be the issuer.
#[derive(Clone, Copy)]
pub(super) struct NextIssuer<'a> {
    pub(super) account: &'a str,
    /// The one before, which keeps its rights until the login is stored.
    pub(super) before: Option<&'a Issuer>,
}

/// What is to be taken into custody.
pub(super) struct Request<'a> {
    pub(super) account: Account<'a>,
    pub(super) issuer: NextIssuer<'a>,
    pub(super) keep_credential: bool,
    pub(super) adopt_namespace: bool,
}

/// Makes the manager and proves that its login works; or keeps the operator's. What is made is noted
/// before it is.
pub(super) async fn take_custody(
    app: &App,
    name: &ClusterName,
    approach: &Approach,
    request: Request<'_>,
    new: &mut New,
) -> Result<Custody, Error> {
    let is_registered = matches!(request.account, Account::Next(..));
    let failed = |source| {
        if is_registered {
            let cluster = name.to_string();
            return Error::Cluster { cluster, source };
        }
        Error::Approach {
            context: approach.imported.context.clone(),
            cluster: name.to_string(),
            source,
        }
    };
    let keep_credential = request.keep_credential;
    let connection = &approach.connection;
    let issuer = request.issuer;
    let account = make(connection, request, new).await.map_err(failed)?;
    let issuer = take_issuer(app, approach, issuer).await.map_err(failed)?;
    if keep_credential {
        let secret = session::operator_text(&approach.imported.credential)
            .ok_or_else(|| Error::Obstacle(Obstacle::NotKept))?;
        // What is handed out are tokens of accounts, whoever's login works here.
        let tried = async {
            let minted = connection.mint(&account, TRIAL_SECONDS).await?;
            connection.try_token(&minted.token, &account).await
        };
        tried.await.map_err(failed)?;
        return Ok(Custody {
            manager: account,
            kind: ManagerKind::Operator,
            secret,
            expires_at: None,
            issuer,
        });
    }
    let made: Manager = connection
        .manager_login(&account, app.now())
        .await
        .map_err(failed)?;
    let endpoint = app.endpoint(&approach.address).map_err(failed)?;
    let login = Login::Token(made.token.clone());
    let installation = find::installation(app)?;
    let connection = Connection::open(&endpoint, login, &installation).map_err(failed)?;
    let rights = [&MANAGER_RIGHTS[..], &USERS_RIGHTS].concat();
    let proven = prove(&connection, &approach.uid, &rights);
    let tried = connection.try_token(&made.token, &made.account);
    futures::try_join!(proven, tried).map_err(failed)?;
    Ok(Custody {
        manager: made.account,
        kind: made.kind,
        secret: made.token,
        expires_at: made.expires_at,
        issuer,
    })
}

/// Makes the issuer's login, and proves that it works.
async fn take_issuer(
    app: &App,
    approach: &Approach,
    next: NextIssuer<'_>,
) -> Result<IssuerCustody, ClusterError> {
    let NextIssuer { account, before } = next;
    let made = approach
        .connection
        .manager_login(account, app.now())
        .await?;
    let endpoint = app.endpoint(&approach.address)?;
    let login = Login::Token(made.token.clone());
    let connection = Connection::open(&endpoint, login, approach.connection.installation())?;
    prove(&connection, &approach.uid, &ISSUER_RIGHTS).await?;
    Ok(IssuerCustody {
        issuer: Issuer {
            account: made.account,
            kind: made.kind,
            generation: before.map_or(1, |before| before.generation + 1),
            expires_at: made.expires_at,
        },
        secret: made.token,
    })
}

/// Makes the manager's account and its rights; gives its name.
async fn make(
    connection: &Connection,
    request: Request<'_>,
    new: &mut New,
) -> Result<String, ClusterError> {
    connection
        .put_namespaces(request.adopt_namespace, new)
        .await?;
    // On a cluster that was rebuilt there is none from before.
    let is_same = matches!(request.account, Account::Next(_, Some(_)));
    let before = request.issuer.before.filter(|_| is_same);
    let issuer = Succession {
        account: request.issuer.account,
        beside: before.map(|it| it.account.as_str()),
    };
    match request.account {
        Account::First(spare) => {
            let missing = connection.missing_rights_of_manager();
            let mut claimed = New::default();
            let claim = connection.claim_account(spare, &mut claimed);
            let (missing, account) = futures::join!(missing, claim);
            new.account = claimed.account;
            let account = account?;
            new.rights = missing?;
            connection.install_manager(&account, None).await?;
            let manager = Succession {
                account: &account,
                beside: None,
            };
            connection.install_issuer(issuer, manager, new).await?;
            Ok(account)
        }
        Account::Next(name, beside) => {
            connection.create_manager(name).await?;
            connection.install_manager(name, beside).await?;
            let manager = Succession {
                account: name,
                beside,
            };
            connection.install_issuer(issuer, manager, new).await?;
            Ok(name.to_owned())
        }
    }
}

/// Waits until a new login may do its work: its bindings reach the authorizer in moments, and
/// its account the other API servers behind the address.
pub(in crate::ops) async fn prove(
    connection: &Connection,
    uid: &str,
    rights: &[Right],
) -> Result<(), ClusterError> {
    let started = tokio::time::Instant::now();
    let mut is_known = false;
    loop {
        let asked = async {
            match connection.cluster_uid().await {
                Ok(found) if found != uid => {
                    Err(ClusterError::inconsistent("its identity changed meanwhile"))
                }
                Err(error) if error.is_forbidden() => Ok(rights.to_vec()),
                Err(error) => Err(error),
                Ok(_) => connection.missing_rights(rights).await,
            }
        };
        let missing = match asked.await {
            Ok(missing) => missing,
            Err(error) if error.is_unauthorized() && started.elapsed() < NEWS_MAX => {
                is_known |= connection.is_known().await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
            Err(error) if error.is_unauthorized() && is_known => return Err(connection.divided()),
            Err(error) => return Err(connection.of_the_address(error)),
        };
        if missing.is_empty() {
            return Ok(());
        }
        is_known = true;
        if started.elapsed() > std::time::Duration::from_secs(10) {
            let named = |right: &Right| right.named(connection.installation());
            let missing: Vec<String> = missing.iter().map(named).collect();
            let what = format!("the new login may not {}", missing.join(", "));
            return Err(ClusterError::inconsistent(&what));
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
