//! The store itself: what it is, and moving it from a file into a database and back.

use super::journal::Journal;
use super::{Done, Error, Intent, Unasked, find};
use crate::domain::action::Action;
use crate::domain::audit::{Head, Phase};
use crate::domain::place::Place;
use crate::domain::policy::OrganizationAction;
use crate::session::Session;
pub(crate) use crate::store::About;
use crate::store::audit::Verdict;
use crate::store::{self, Store, integrity, transfer};

/// What is known of the store.
#[derive(Debug)]
pub(crate) struct Storage {
    /// Where it is, without a password.
    pub(crate) place: String,
    /// The database that it is in; a file of SQLite's has none.
    pub(crate) database: Option<About>,
    /// The version of its tables.
    pub(crate) schema: i64,
    /// Where its log stands.
    pub(crate) head: Option<Head>,
    /// The hash over its guarded rows.
    pub(crate) state: String,
    /// Whether what goes over the network can be read on the way.
    pub(crate) is_insecure: bool,
}

/// Shows the store. For organization owners and admins.
pub(crate) fn show(session: &Session) -> Result<Storage, Error> {
    let (actor, journal) = find::acting(session, Action::StoreShow)?;
    find::may(session, &actor, &journal, OrganizationAction::Backup)?;
    let store = session.store()?;
    let database = store.about()?;
    let (head, state) = store.read(|tx| {
        let head = store::audit::head(tx)?;
        Ok::<_, store::Error>((head, transfer::state(tx)?))
    })?;
    Ok(Storage {
        place: session.config.store.to_string(),
        database,
        schema: store::newest_schema(),
        head,
        state,
        is_insecure: session.config.store.is_insecure(),
    })
}

/// The statements that make the roles of a store in a database, for somebody to read and run.
pub(crate) fn roles(session: &Session) -> String {
    match &session.config.store {
        Place::File(_) => store::roles("kubegrant"),
        Place::Database(database) => store::roles(&database.name),
    }
}

/// A store that was brought up to date.
#[derive(Debug)]
pub(crate) struct Upgraded {
    /// Where it is, without a password.
    pub(crate) place: String,
    /// The version of its tables before.
    pub(crate) from: i64,
    /// And now.
    pub(crate) to: i64,
}

/// Brings the store up to date. Whoever may write its file, or owns its tables in a database, may: a store of
/// before says of nobody what this program could judge by.
pub(crate) fn upgrade(session: &Session, intent: Intent<Unasked>) -> Result<Done<Upgraded>, Error> {
    let place = &session.config.store;
    let to = store::newest_schema();
    if intent.is_preview() {
        let found = Store::version_at(place)?;
        let path = place.to_string().into();
        return match found {
            found if found > to => Err(Error::from(store::Error::Newer {
                path,
                found,
                known: to,
            })),
            found if found == to => Ok(Done::planned(vec![])),
            found => Ok(Done::planned(vec![format!(
                "bring the store `{place}` from schema {found} to {to}"
            )])),
        };
    }
    let from = Store::upgrade_at(place)?;
    Ok(Done::Did(Upgraded {
        place: place.to_string(),
        from,
        to,
    }))
}

/// A store that was copied to another place, which is the one to use from then on.
#[derive(Debug)]
pub(crate) struct Moved {
    /// Where from.
    pub(crate) from: String,
    /// Where to.
    pub(crate) to: String,
    /// How many rows went over.
    pub(crate) rows: i64,
    /// Where the log stands there.
    pub(crate) head: Option<Head>,
}

/// Copies the store to another place, proves that it is the same there, and has this one refused from
/// then on. For organization owners and admins.
pub(crate) async fn copy(
    session: &Session,
    to: &Place,
    intent: &Intent<Unasked>,
) -> Result<Done<Moved>, Error> {
    session.moves_store();
    let (actor, journal) = find::acting(session, Action::StoreCopy)?;
    find::may(session, &actor, &journal, OrganizationAction::Backup)?;
    let from = session.store()?;
    let (from_place, to_place) = (session.config.store.to_string(), to.to_string());
    if let Some(moved_to) = from.read(|tx| store::meta::find(tx, store::meta::MOVED_TO))?
        && moved_to != to_place
    {
        return Err(Error::from(store::Error::Moved {
            path: from.path().to_owned(),
            to: moved_to,
        }));
    }
    if intent.is_preview() {
        return Ok(Done::planned(vec![
            format!("copy the store `{from_place}` to `{to_place}`, and compare them"),
            format!("have `{from_place}` refused from then on"),
        ]));
    }
    // A copy of a store that was tampered with would be a trap.
    from.read(|tx| integrity::check(tx, integrity::Scope::All))?;
    let clusters = from.read(store::clusters::list)?;
    // Who works on a cluster now must not record the end of it in another store.
    let locks = session.lock_all(&clusters).await?;
    let made = made_at(to)?;
    // From here on nobody but this run changes anything.
    from.write(|tx| {
        store::meta::set(tx, store::meta::MOVED_TO, &to_place)?;
        let detail = format!("to `{to_place}`");
        journal.record(session, tx, Phase::Requested, detail, None)
    })?;
    let copied = carry(session, from, &made, &journal, &from_place);
    if copied.is_err() {
        // What came of it is told; the store goes on to be used where it is.
        from.write(|tx| {
            store::meta::remove(tx, store::meta::MOVED_TO)?;
            let detail = format!("to `{to_place}`; this store goes on");
            journal.record(session, tx, Phase::Failed, detail, None)
        })?;
    }
    let (rows, head) = copied?;
    drop(locks);
    Ok(Done::Did(Moved {
        from: from_place,
        to: to_place,
        rows,
        head,
    }))
}

/// A store with nothing in it: a new one, or one that a copy was not carried to.
fn made_at(to: &Place) -> Result<Store, Error> {
    match Store::create_at(to) {
        Err(exists @ store::Error::Exists { .. }) => {
            let found = Store::open_to_move(to)?;
            let organization = found.read(|tx| store::meta::find(tx, store::meta::ORGANIZATION))?;
            match organization {
                None => Ok(found),
                Some(_) => Err(exists.into()),
            }
        }
        made => Ok(made?.being_moved()),
    }
}

/// Carries all rows over, and compares.
fn carry(
    session: &Session,
    from: &Store,
    made: &Store,
    journal: &Journal,
    from_place: &str,
) -> Result<(i64, Option<Head>), Error> {
    let (counts, state, head) = from.read(|there| {
        made.write(|tx| transfer::copy(there, tx))?;
        let head = store::audit::head(there)?;
        Ok::<_, store::Error>((transfer::counts(there)?, transfer::state(there)?, head))
    })?;
    let differs = |what: &str| {
        Error::from(store::Error::Differs {
            what: what.to_owned(),
        })
    };
    made.read(|tx| {
        if transfer::counts(tx)? != counts {
            return Err(differs("the number of rows"));
        }
        if transfer::state(tx)? != state || store::audit::head(tx)? != head {
            return Err(differs("the state, or the head of the log"));
        }
        if let Some(what) = integrity::changed(tx)?.into_iter().next() {
            return Err(differs(&what));
        }
        match store::audit::verify(tx)? {
            Verdict::Whole { .. } => Ok(()),
            Verdict::Broken { seq, .. } => Err(differs(&format!("event {seq}"))),
        }
    })?;
    let head = made.write(|tx| {
        store::meta::remove(tx, store::meta::MOVED_TO)?;
        let detail = format!("from `{from_place}`");
        journal.record(session, tx, Phase::Done, detail, None)
    });
    head?;
    let rows = counts.iter().map(|(_, count)| count).sum();
    let head = made.read(store::audit::head)?;
    Ok((rows, head))
}
