//! Many cases over a few workers, each with a home of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Shares cases out over workers; each begins with something of its own. Gives what came of each,
/// in the order of the cases; `heard` is told of each as it is done.
pub(crate) fn share_out<Case: Sync, Own, Outcome: Send>(
    workers: usize,
    cases: &[Case],
    begin: impl Fn() -> Own + Sync,
    run: impl Fn(&mut Own, &Case) -> Outcome + Sync,
    mut heard: impl FnMut(&Case, &Outcome),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    let mut outcomes: Vec<Option<Outcome>> = cases.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers.min(cases.len()) {
            let (next, begin, run, send) = (&next, &begin, &run, send.clone());
            scope.spawn(move || {
                let mut own = begin();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(number) else {
                        return;
                    };
                    let outcome = run(&mut own, case);
                    send.send((number, outcome)).expect("somebody listens");
                }
            });
        }
        drop(send);
        for (number, outcome) in receive {
            heard(&cases[number], &outcome);
            outcomes[number] = Some(outcome);
        }
    });
    let all: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    all.expect("every case was run")
}

/// The columns of a table, summed by row as cases are done: cases, and those that were wrong.
#[derive(Debug, Default)]
pub(crate) struct Sums(std::collections::BTreeMap<usize, (usize, usize)>);

impl Sums {
    /// Counts a case of a row.
    pub(crate) fn case(&mut self, row: usize, wrong: bool) -> usize {
        let cell = self.0.entry(row).or_default();
        cell.0 += 1;
        cell.1 += usize::from(wrong);
        cell.0
    }

    /// A row's cases, and those that were wrong.
    pub(crate) fn row(&self, row: usize) -> (usize, usize) {
        self.0.get(&row).copied().unwrap_or_default()
    }

    /// The same of all rows.
    pub(crate) fn total(&self) -> (usize, usize) {
        let cells = self.0.values();
        cells.fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1))
    }
}
