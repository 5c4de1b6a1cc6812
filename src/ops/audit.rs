//! Reading the audit log, checking it, and accepting the store as it was found.

use super::journal::Journal;
use super::{Done, Error, Mode, find};
use crate::domain::Confirmed;
use crate::domain::audit::{Entry, Head, Phase};
use crate::domain::policy::OrganizationAction;
use crate::session::Session;
use crate::store;

pub(crate) use crate::session::Known;
pub(crate) use crate::store::audit::{Filter, Verdict};

/// Lists events. For organization owners and admins.
pub(crate) fn list(session: &Session, filter: &Filter) -> Result<Vec<Entry>, Error> {
    let actor = find::reader(session, "audit list")?;
    let journal = Journal::new(&actor, "audit list");
    find::may(session, &actor, &journal, OrganizationAction::ReadAudit)?;
    Ok(session.store()?.read(|tx| store::audit::list(tx, filter))?)
}

/// Hands events over one by one, oldest first. For organization owners and admins.
pub(crate) fn export<E: From<Error>>(
    session: &Session,
    filter: &Filter,
    mut hand: impl FnMut(&Entry) -> Result<(), E>,
) -> Result<(), E> {
    /// The end of the work, whoever caused it.
    enum Stop<E> {
        Store(store::Error),
        Hand(E),
    }
    impl<E> From<store::Error> for Stop<E> {
        fn from(error: store::Error) -> Self {
            Self::Store(error)
        }
    }
    let actor = find::reader(session, "audit export")?;
    let journal = Journal::new(&actor, "audit export");
    find::may(session, &actor, &journal, OrganizationAction::ReadAudit)?;
    let store = session.store().map_err(Error::from)?;
    let done =
        store.read(|tx| store::audit::each(tx, filter, |entry| hand(&entry).map_err(Stop::Hand)));
    done.map_err(|stop| match stop {
        Stop::Store(error) => Error::from(error).into(),
        Stop::Hand(error) => error,
    })
}

/// What a check of the store found.
#[derive(Debug)]
pub(crate) struct Report {
    /// The chain of events.
    pub(crate) verdict: Verdict,
    /// What was changed without this program.
    pub(crate) changed: Vec<String>,
    /// Which of it are tables, indexes and triggers.
    misshapen: Vec<String>,
    /// What this machine knows of the store.
    pub(crate) known: Known,
}

impl Report {
    /// Whether there is nothing to complain about.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.verdict, Verdict::Whole { .. })
            && self.changed.is_empty()
            && !matches!(self.known, Known::Differs(..))
    }

    /// What is wrong, a sentence a line.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Verdict::Broken { seq, why } = &self.verdict {
            lines.push(format!(
                "event {seq} of the audit log is not as it was written: {why}"
            ));
        }
        if let Known::Differs(_, why) = &self.known {
            lines.push(format!(
                "the store is not the one that this machine knows: {why}"
            ));
        }
        let changed = self.changed.iter();
        lines.extend(changed.map(|what| format!("{what} was changed without kubegrant")));
        lines
    }
}

/// Checks that no event was changed, removed or inserted, that all guarded records are as the log
/// says, and that the store is not older than what this machine knows. For everybody.
pub(crate) fn verify(session: &Session) -> Result<Report, Error> {
    let report = session.look(|tx, known| {
        Ok(Report {
            verdict: store::audit::verify(tx)?,
            changed: store::integrity::changed(tx)?,
            misshapen: store::integrity::misshapen(tx)?,
            known,
        })
    })?;
    Ok(report)
}

/// What an owner accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What was wrong, a sentence a line.
    pub(crate) complaints: Vec<String>,
    /// Where the log stands now.
    pub(crate) head: Option<Head>,
}

/// Takes the store as it stands for right, with all that a check complains about. For owners whose
/// own record is beyond doubt; it is recorded, and what was wrong stays in the log for good.
pub(crate) fn accept(
    session: &Session,
    reason: &str,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Accepted>, Error> {
    let action = "audit accept";
    let actor = find::reader(session, action)?;
    let journal = Journal::new(&actor, action);
    find::may(session, &actor, &journal, OrganizationAction::Restore)?;
    let report = verify(session)?;
    if let Verdict::Broken { seq, .. } = report.verdict {
        return Err(Error::Forbidden {
            why: format!("event {seq} of the audit log is not as it was written"),
            hint: "a log that lies cannot be accepted: run `kubegrant restore FILE` with a backup"
                .to_owned(),
        });
    }
    if let Some(what) = report.misshapen.first() {
        return Err(Error::Forbidden {
            why: format!("{what} in the store is not as kubegrant made it"),
            hint: "tables and triggers of somebody else's cannot be accepted: undo that, or run \
                   `kubegrant restore FILE` with a backup"
                .to_owned(),
        });
    }
    let complaints = report.complaints();
    if mode == Mode::Plan {
        return Ok(Done::Planned(
            complaints
                .into_iter()
                .map(|line| format!("accept that {line}"))
                .collect(),
        ));
    }
    let kept = match &report.known {
        Known::Nothing => None,
        Known::Fits(head) | Known::Superseded(head) | Known::Differs(head, _) => Some(head),
    };
    let head = session.store()?.write(|tx| {
        if !store::integrity::is_user_intact(tx, actor.holder.id)? {
            return Err(Error::Forbidden {
                why: format!(
                    "the record of '{}' was changed without kubegrant too",
                    actor.holder.name
                ),
                hint: "let another owner do it, or run `kubegrant restore FILE` with a backup"
                    .to_owned(),
            });
        }
        store::audit::begin_epoch(tx, session.now(), kept)?;
        store::integrity::accept(tx)?;
        let found = if complaints.is_empty() {
            "nothing was wrong here".to_owned()
        } else {
            complaints.join("; ")
        };
        journal.record(session, tx, Phase::Done, format!("{reason}: {found}"), None)?;
        Ok(())
    });
    head?;
    let head = session.store()?.read(store::audit::head)?;
    Ok(Done::Did(Accepted { complaints, head }))
}
