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
pub struct Gate(Arc<watch::Sender<Crowd>>);

#[derive(Debug, Clone, Copy)]
struct Crowd {
    /// How many came so far.
    came: usize,
    /// How many of them may go on.
    may_go: usize,
    /// How many must have come before all may.
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
        Gate(Arc::new(watch::Sender::new(Crowd {
            came: 0,
            may_go: 0,
            opens_for: requests,
        })))
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.send_modify(|crowd| crowd.may_go = usize::MAX);
    }

    /// Lets those through who wait now.
    pub fn let_through(&self) {
        self.0
            .send_modify(|crowd| crowd.may_go = crowd.may_go.max(crowd.came));
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        let crowd = *self.0.borrow();
        crowd.came.saturating_sub(crowd.may_go)
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
        let mut crowd = self.0.subscribe();
        let mut number = 0;
        self.0.send_modify(|crowd| {
            crowd.came += 1;
            number = crowd.came;
            if crowd.came >= crowd.opens_for {
                crowd.may_go = usize::MAX;
            }
        });
        // The sender is ours too: it cannot be gone.
        let _open = crowd.wait_for(|crowd| crowd.may_go >= number).await;
    }
}
