//! The exit codes: the one table of them. The book, the man pages and the tests are made from it.

/// What kind of failure it is, which is its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A fault of ours.
    Internal,
    /// What was typed, or a file that was named, is wrong.
    Usage,
    /// Nothing has that name, as far as this user may see.
    NotFound,
    /// A rule says no to this user.
    Denied,
    /// A rule says no to everybody, as things stand.
    State,
    /// The decision stands, and waits for a cluster.
    Pending,
    /// Nothing is relied upon until somebody has looked at it.
    Unsafe,
    /// A cluster was silent before anything was decided.
    Unreachable,
    /// Somebody asked to stop.
    Interrupted,
    /// The reader of the output left; nothing is said.
    ReaderLeft,
    /// A command that was run for the user has an exit code of its own.
    Child(u8),
}

/// Done: the one exit code that is no failure.
pub(crate) const EXIT_OK: u8 = 0;

impl Kind {
    /// Every kind with a code of its own, in the order of the codes.
    const WITH_CODE: [Self; 10] = [
        Self::Internal,
        Self::Usage,
        Self::NotFound,
        Self::Denied,
        Self::State,
        Self::Pending,
        Self::Unsafe,
        Self::Unreachable,
        Self::Interrupted,
        Self::ReaderLeft,
    ];

    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        self.row().0
    }

    /// The exit code, and what it means.
    fn row(self) -> (u8, &'static str) {
        match self {
            Self::Internal => (1, "a fault of kubegrant: please report it"),
            Self::Usage => (
                2,
                "the command line is wrong, or a file that it names cannot be used",
            ),
            Self::NotFound => (3, "no such thing, or not yours to see"),
            Self::Denied => (4, "denied by the rules"),
            Self::State => (
                5,
                "the state forbids it: archived, protected, already downloaded, exists, refused \
                 by a rule of the cluster",
            ),
            Self::Pending => (
                6,
                "recorded, and pending on the cluster; `kubegrant reconcile` will finish it",
            ),
            Self::Unsafe => (
                7,
                "unsafe or damaged: file modes, tampering, rollback, wrong cluster",
            ),
            Self::Unreachable => (8, "the cluster cannot be reached; nothing was changed"),
            Self::Interrupted => (130, "interrupted"),
            Self::ReaderLeft => (141, "whoever read the output left; nothing is said"),
            Self::Child(code) => (
                code,
                "`kubegrant shell`: the exit code of the command; 127 if it was not found, 126 \
                 if it could not be run",
            ),
        }
    }
}

/// The table: each exit code, and what it means.
pub fn exit_codes() -> Vec<(String, &'static str)> {
    let mut table = vec![(EXIT_OK.to_string(), "done, and verified; or nothing to do")];
    for kind in Kind::WITH_CODE {
        let (code, meaning) = kind.row();
        table.push((code.to_string(), meaning));
    }
    table.push(("any".to_owned(), Kind::Child(0).row().1));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_in_order() {
        let codes: Vec<u8> = Kind::WITH_CODE.into_iter().map(Kind::code).collect();
        assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
        assert!(!codes.contains(&EXIT_OK));
    }
}
