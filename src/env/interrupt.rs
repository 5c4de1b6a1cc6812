//! The wish to stop: Ctrl-C and SIGTERM, asked for rather than obeyed at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a waiting run looks whether it was asked to stop.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Remembers that the run was asked to stop; clones share the memory.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM: the first asks, the second ends the process at once.
    pub(super) fn real() -> Self {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let interrupt = Self::default();
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            // The order matters: the shutdown sees the flag only from the second signal on.
            // Where a handler cannot be set the default holds, and the signal simply kills.
            if signal_hook::flag::register_conditional_shutdown(
                signal,
                code,
                Arc::clone(&interrupt.0),
            )
            .is_ok()
            {
                signal_hook::flag::register(signal, Arc::clone(&interrupt.0)).ok();
            }
        }
        interrupt
    }

    /// Says whether the run was asked to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Asks the run to stop, as a signal would.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Waits until the run is asked to stop. Needs a runtime with time enabled.
    pub async fn raised(&self) {
        while !self.is_raised() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Returns how long a blocking wait may last before it looks again.
    pub(super) fn look_every() -> Duration {
        LOOK_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_wish() {
        let first = Interrupt::default();
        let second = first.clone();
        assert!(!second.is_raised());
        first.raise();
        assert!(second.is_raised());
    }

    #[test]
    fn waiting_ends_when_raised() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let interrupt = Interrupt::default();
        interrupt.raise();
        runtime.block_on(interrupt.raised());
    }
}
