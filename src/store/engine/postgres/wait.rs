//! Waiting for an answer, in the thread that wants it; not without end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long an answer may take: longer than the server gives any statement, and any lock.
const ANSWER_MAX: Duration = Duration::from_secs(150);

/// Goes on with a thread that waits.
struct Waiting(Thread);

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an answer; `None` where a server is silent for too long, though its connection stands.
pub(super) fn wait<T>(answer: impl Future<Output = T>) -> Option<T> {
    let waker = Arc::new(Waiting(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(answer);
    let until = Instant::now() + ANSWER_MAX;
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return Some(answer);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

/// What is said of an answer that did not come.
pub(super) fn silence() -> String {
    format!("no answer within {} s", ANSWER_MAX.as_secs())
}
