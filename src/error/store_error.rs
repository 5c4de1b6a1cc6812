//! Exit codes and ways out of what goes wrong with the store.

use super::Kind;
use super::file::is_barred;
use crate::domain::place::Place;
use crate::store;

pub(super) fn store_kind(error: &store::Error) -> (Kind, String) {
    use store::Error as E;
    match error {
        E::Absent { .. } => (
            Kind::NotFound,
            "run `kubegrant init`, or say where the store is with `--store`; where somebody runs \
             `kubegrant serve`, log in there: `kubegrant login URL`"
                .to_owned(),
        ),
        E::Exists { .. } => (Kind::State, "run `kubegrant whoami`".to_owned()),
        E::Unsafe { way_out, .. } => (Kind::Unsafe, way_out.clone()),
        E::Newer { .. } => (Kind::Unsafe, "use the newer kubegrant".to_owned()),
        E::NotOurs { .. } => (
            Kind::Unsafe,
            "name the store with `--store FILE`".to_owned(),
        ),
        E::Busy { path } => {
            let again = "try again in a moment";
            let hint = if Place::is_address(&path.to_string_lossy()) {
                format!(
                    "{again}; who left a transaction open there, `SELECT * FROM pg_stat_activity` says"
                )
            } else {
                again.to_owned()
            };
            (Kind::State, hint)
        }
        E::Unwritable { .. } => (Kind::State, "is the disk full or read-only?".to_owned()),
        E::NoLocks { .. } => (
            Kind::State,
            "locks keep two runs apart: put the store on a local disk, or on a volume that knows \
             them, and name it with `--store FILE` or KUBEGRANT_STORE"
                .to_owned(),
        ),
        E::Full { .. } => (
            Kind::State,
            "make room on the disk, then run `kubegrant reconcile`".to_owned(),
        ),
        E::Damaged { .. } => (
            Kind::Unsafe,
            "run `kubegrant audit verify`, and restore a backup".to_owned(),
        ),
        E::Tampered { .. } => (
            Kind::Unsafe,
            "run `kubegrant audit verify`; then restore a backup, or let an organization owner \
             look at it and run `kubegrant audit accept`"
                .to_owned(),
        ),
        E::RolledBack { annotation, .. } => {
            let there = annotation.as_ref().map_or(String::new(), |annotation| {
                format!(
                    "; the cluster says so in the annotation {annotation} of namespace \
                     'kubegrant', which those with the manager's login can write, and `kubegrant \
                     cluster relink` writes anew"
                )
            });
            (
                Kind::Unsafe,
                format!(
                    "bring the newer store back; if it is lost, an organization owner runs \
                     `kubegrant restore FILE` with a backup, or `kubegrant audit accept`{there}"
                ),
            )
        }
        E::KeyReplaced => (
            Kind::Denied,
            "run it again with the new key; `kubegrant status` shows what is pending".to_owned(),
        ),
        E::Away { .. }
        | E::NotLetIn { .. }
        | E::Untrusted { .. }
        | E::Older { .. }
        | E::Moved { .. }
        | E::OtherKind { .. }
        | E::Differs { .. } => place_kind(error),
        E::Silent => (Kind::Internal, String::new()),
        E::Io { source, .. } if is_barred(source) => (
            Kind::State,
            "name a place that you can write in with `--store FILE` or KUBEGRANT_STORE, or set \
             HOME or XDG_DATA_HOME"
                .to_owned(),
        ),
        E::Io { .. } | E::Sql { .. } | E::Statement(_) if error.is_storage() => {
            (Kind::State, "is the disk full or read-only?".to_owned())
        }
        E::Sql { .. } | E::Statement(_) if error.is_forbidden() => (
            Kind::Denied,
            "the database's role may not do that: `kubegrant store show` names the role, and \
             `kubegrant store roles` prints what each needs"
                .to_owned(),
        ),
        E::Io { .. } | E::Sql { .. } | E::Statement(_) => (Kind::Internal, String::new()),
    }
}

/// The same of what goes wrong where a store may be in a database.
fn place_kind(error: &store::Error) -> (Kind, String) {
    use store::Error as E;
    match error {
        E::Away { .. } => (
            Kind::Unreachable,
            "is the database up, and reached from here? whether the last change was recorded, `kubegrant \
             status` and `kubegrant audit list` say when it is"
                .to_owned(),
        ),
        E::NotLetIn { .. } => (
            Kind::Usage,
            "the role and its password come from the address in KUBEGRANT_STORE or from ~/.pgpass, a \
             certificate from `sslcert` and `sslkey`; what a role may do, `kubegrant store roles` says"
                .to_owned(),
        ),
        E::Untrusted { .. } => (
            Kind::Unsafe,
            "name the authority of its certificate with `sslrootcert=FILE` in the address".to_owned(),
        ),
        E::Older { .. } => (
            Kind::State,
            "copy it with the kubegrant that made it (`kubegrant backup FILE`), and run `kubegrant store \
             upgrade` as the role that owns its tables"
                .to_owned(),
        ),
        E::Moved { to, .. } => (
            Kind::State,
            format!("use that one: `--store '{to}'`, or KUBEGRANT_STORE"),
        ),
        E::Differs { .. } => (
            Kind::Unsafe,
            "nothing was moved: throw the copy away, and report it".to_owned(),
        ),
        _ => (Kind::State, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_keeps_a_database_busy_can_be_found() {
        let busy = |path: &str| store_kind(&store::Error::Busy { path: path.into() });
        let (kind, hint) = busy("postgres://alice@db.example.com/kubegrant");
        assert_eq!(kind, Kind::State);
        assert!(hint.contains("pg_stat_activity"), "{hint}");
        assert_eq!(busy("/data/store.db").1, "try again in a moment");
    }
}
