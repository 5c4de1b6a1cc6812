//! The request to stop: Ctrl-C and SIGTERM, asked for rather than obeyed at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a waiting run looks whether it was asked to stop.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Remembers that the run was asked to stop; clones share the memory.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    /// The handlers of the real world's signals.
    handlers: Arc<Mutex<Vec<signal_hook::SigId>>>,
    is_real: bool,
}

/// While it lives, signals are somebody else's to answer: of a command that runs in our place.
#[derive(Debug)]
pub struct Hold(Interrupt);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.listen();
    }
}

impl Interrupt {
    /// Listens to SIGINT and SIGTERM: the first asks, the second ends the process at once.
    pub(super) fn real() -> Self {
        let interrupt = Self {
            is_real: true,
            ..Self::default()
        };
        interrupt.listen();
        interrupt
    }

    fn listen(&self) {
        use signal_hook::consts::{SIGINT, SIGTERM};
        if !self.is_real {
            return;
        }
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            // The order matters: the shutdown sees the flag only from the second signal on.
            // Where a handler cannot be set the default holds, and the signal simply kills.
            let flag = || Arc::clone(&self.raised);
            let Ok(shutdown) =
                signal_hook::flag::register_conditional_shutdown(signal, code, flag())
            else {
                continue;
            };
            handlers.push(shutdown);
            handlers.extend(signal_hook::flag::register(signal, flag()));
        }
    }

    /// Has the first signal end the process at once, too: for a run that changes nothing and asks nothing any more.
    pub fn end_at_once(&self) {
        use signal_hook::consts::{SIGINT, SIGTERM};
        if !self.is_real {
            return;
        }
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            let is_asked = Arc::new(AtomicBool::new(true));
            // Where it cannot be set, the second signal ends the process.
            handlers.extend(signal_hook::flag::register_conditional_shutdown(
                signal, code, is_asked,
            ));
        }
    }

    /// Stops listening until the hold is dropped: Ctrl-C belongs to the command that runs, and
    /// does not end us.
    pub fn hold(&self) -> Hold {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for handler in handlers.drain(..) {
            // The signal's handler stays without an action: the signal does nothing.
            signal_hook::low_level::unregister(handler);
        }
        drop(handlers);
        Hold(self.clone())
    }

    /// Says whether the run was asked to stop.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Asks the run to stop, as a signal would.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
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
