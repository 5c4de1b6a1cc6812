//! How much anybody may ask: so many at once, and so many a second from then on.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

/// How many askers are known at once; beyond that those are forgotten who asked for nothing lately.
const KNOWN_MAX: usize = 50_000;

/// One kind of asking.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// How many at once.
    burst: f64,
    /// How many a second from then on.
    each_second: f64,
}

/// What is asked of whom, lately.
#[derive(Debug)]
struct Buckets<K>(Mutex<HashMap<K, (f64, Instant)>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Buckets<K> {
    /// Whether one more is allowed at a moment.
    fn take(&self, who: K, rate: Rate, now: Instant) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |(left, at): (f64, Instant)| {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            rate.burst.min(left + seconds * rate.each_second)
        };
        if known.len() >= KNOWN_MAX && !known.contains_key(&who) {
            known.retain(|_, bucket| filled(*bucket) < rate.burst);
            if known.len() >= KNOWN_MAX {
                return false;
            }
        }
        let bucket = known.entry(who).or_insert((rate.burst, now));
        let left = filled(*bucket);
        let is_allowed = left >= 1.0;
        *bucket = (if is_allowed { left - 1.0 } else { left }, now);
        is_allowed
    }
}

/// All limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    logins: Buckets<IpAddr>,
    issuers: Buckets<IpAddr>,
    all: Buckets<()>,
    keys: Buckets<String>,
    calls: Buckets<i64>,
    running: Arc<Mutex<HashMap<String, usize>>>,
}

/// How many commands somebody has carried out at once.
const OWN_MAX: usize = 6;

/// A command that is being carried out.
pub(super) struct Running(Arc<Mutex<HashMap<String, usize>>>, String);

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.1);
            }
        }
    }
}

impl Limits {
    /// Whether somebody may try to log in once more: by where they are, and by the key that they name.
    pub(super) fn may_log_in(&self, from: IpAddr, key: &str) -> bool {
        let (of_address, of_key) = (
            Rate {
                burst: 120.0,
                each_second: 4.0,
            },
            Rate {
                burst: 30.0,
                each_second: 0.5,
            },
        );
        let now = Instant::now();
        // By both together: nobody keeps another from logging in by naming their key.
        let of_both = format!("{} {key}", network(from));
        self.logins.take(network(from), of_address, now) && self.keys.take(of_both, of_key, now)
    }

    /// Whether somebody may have an issuer asked once more. Many come from one address: an office, or a CI.
    pub(super) fn may_ask_issuer(&self, from: IpAddr) -> bool {
        let (of_address, of_all) = (
            Rate {
                burst: 300.0,
                each_second: 10.0,
            },
            Rate {
                burst: 1_000.0,
                each_second: 50.0,
            },
        );
        let now = Instant::now();
        self.issuers.take(network(from), of_address, now) && self.all.take((), of_all, now)
    }

    /// Whether somebody may come with this token or code once more.
    pub(super) fn may_come_with(&self, token: &str) -> bool {
        let rate = Rate {
            burst: 20.0,
            each_second: 1.0,
        };
        let hash = crate::domain::text::hex(&Sha256::digest(token.as_bytes()));
        self.keys.take(hash, rate, Instant::now())
    }

    /// Begins a command of somebody, unless they have too many already.
    pub(super) fn begin(&self, user: &str) -> Option<Running> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(user.to_owned()).or_default();
        if *count >= OWN_MAX {
            return None;
        }
        *count += 1;
        Some(Running(Arc::clone(&self.running), user.to_owned()))
    }

    /// Whether a session may ask for one thing more.
    pub(super) fn may_call(&self, session: i64) -> bool {
        let rate = Rate {
            burst: 200.0,
            each_second: 50.0,
        };
        self.calls.take(session, rate, Instant::now())
    }
}

/// Who has an address: of IPv6 whoever has one has some billions.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_at_once_and_then_as_time_goes_by() {
        let buckets = Buckets::<u8>::default();
        let rate = Rate {
            burst: 2.0,
            each_second: 1.0,
        };
        let begin = Instant::now();
        let take = |who, seconds| buckets.take(who, rate, begin + Duration::from_secs(seconds));
        assert!(take(1, 0) && take(1, 0) && !take(1, 0));
        // Another one's is another's.
        assert!(take(2, 0));
        assert!(take(1, 1) && !take(1, 1));
        assert!(take(1, 60) && take(1, 60) && !take(1, 60));
    }

    #[test]
    fn whoever_has_one_ipv6_address_has_the_whole_network() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
