//! A gate: requests wait at it, and a test says when they go on, or how many must have come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// When waiting is given up; it measures nothing.
const HANG: Duration = Duration::from_mins(5);
/// How often a thread looks whether somebody came.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A gate that requests wait at, at one sandbox or at several; clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<Waiting>>);

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// How many came so far.
    came: usize,
    /// How many must have come before it opens.
    opens_for: usize,
}

impl Gate {
    /// A gate that stays shut until it is opened.
    pub fn shut() -> Gate {
        Gate::opens_for(usize::MAX)
    }

    /// A gate that opens when so many requests have come: those that are never sent side by side
    /// wait for ever.
    pub fn opens_for(requests: usize) -> Gate {
        Gate(Arc::new(watch::Sender::new(Waiting {
            came: 0,
            opens_for: requests,
        })))
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.send_modify(|waiting| waiting.opens_for = 0);
    }

    /// Waits until so many requests have come.
    ///
    /// # Panics
    /// If they don't come.
    #[track_caller]
    pub fn wait_for(&self, requests: usize) {
        let begun = Instant::now();
        while self.0.borrow().came < requests {
            assert!(begun.elapsed() < HANG, "no request comes to the gate");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Comes to the gate, and goes on when it is open.
    pub(crate) async fn pass(&self) {
        let mut state = self.0.subscribe();
        self.0.send_modify(|waiting| waiting.came += 1);
        let is_open = |waiting: &Waiting| waiting.came >= waiting.opens_for;
        // The sender is ours too: it cannot be gone.
        let _open = state.wait_for(is_open).await;
    }
}
