//! Suites that prove an absence: nothing opens, nothing leaks, nothing is led astray.
//!
//! `cargo test` runs short forms; `tests/proof.sh` runs them at full size and prints a table.

mod files;
mod hostile;
pub(crate) mod leaks;
mod sealing;
mod servers;

use crate::home::{say, switch};

/// Whether the suites run at full size.
pub(crate) fn full() -> bool {
    switch("KUBEGRANT_PROOF").is_some_and(|size| size == "full")
}

/// How many cases there were, and what was wrong in them.
pub(crate) struct Tally {
    what: &'static str,
    cases: usize,
    violations: Vec<String>,
}

impl Tally {
    /// Begins to count.
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            cases: 0,
            violations: Vec::new(),
        }
    }

    /// What was counted elsewhere.
    pub(crate) fn of(what: &'static str, cases: usize, violations: Vec<String>) -> Self {
        Self {
            what,
            cases,
            violations,
        }
    }

    /// Counts a case with what was wrong in it.
    pub(crate) fn case(&mut self, found: impl IntoIterator<Item = String>) {
        self.cases += 1;
        self.violations.extend(found);
    }

    /// Says the sum, for the table of `tests/proof.sh`, and insists that nothing was wrong.
    #[track_caller]
    pub(crate) fn end(self, cases_min: usize) {
        let (cases, wrong) = (self.cases, self.violations.len());
        say(&format!(
            "proof: {}: {cases} cases, {wrong} violations",
            self.what
        ));
        let first: Vec<&String> = self.violations.iter().take(20).collect();
        assert!(
            first.is_empty(),
            "{wrong} violations, the first: {first:#?}"
        );
        assert!(cases >= cases_min, "{cases} cases, {cases_min} expected");
    }
}
