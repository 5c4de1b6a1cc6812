//! Two clocks: this machine's, and a cluster's. What ends by time ends by one that both share.

use super::Timestamp;

/// How far two clocks may be apart, in seconds; answers take their time, and clocks drift.
const APART_SECONDS_MAX: i64 = 5 * 60;

/// What two clocks said at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    /// This machine's.
    pub(crate) here: Timestamp,
    /// The cluster's.
    pub(crate) there: Timestamp,
}

impl Clocks {
    /// Whether they tell the same time, nearly.
    pub(crate) fn agree(self) -> bool {
        let apart = self.there.signed_duration_since(self.here).num_seconds();
        apart.abs() <= APART_SECONDS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_minutes_are_nothing_and_more_is_something_both_ways() {
        let at = |seconds| Timestamp::from_timestamp(seconds, 0).expect("a time");
        for (apart, agree) in [(0, true), (300, true), (301, false), (400 * 86_400, false)] {
            for sign in [1, -1] {
                let clocks = Clocks {
                    here: at(1_800_000_000),
                    there: at(1_800_000_000 + sign * apart),
                };
                assert_eq!(clocks.agree(), agree, "{clocks:?}");
            }
        }
        let extremes = Clocks {
            here: Timestamp::MIN_UTC,
            there: Timestamp::MAX_UTC,
        };
        assert!(!extremes.agree());
    }
}
