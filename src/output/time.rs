//! Times and lengths of time: as kubectl says them to people, as RFC 3339 says them to machines.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};

use crate::domain::text::rfc3339;

/// Writes how far away an instant is: `5m` for the past, as kubectl does, `in 29d` for the future.
pub(crate) fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ahead = at - now;
    if ahead >= TimeDelta::seconds(1) {
        format!("in {}", human(ahead))
    } else {
        human(-ahead)
    }
}

/// Writes a length of time as kubectl's `duration.HumanDuration` does: the longer, the rounder.
pub(crate) fn human(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, 'y', days % 365, 'd'),
        _ => format!("{}y", days / 365),
    }
}

fn two(more: i64, more_unit: char, less: i64, less_unit: char) -> String {
    if less == 0 {
        format!("{more}{more_unit}")
    } else {
        format!("{more}{more_unit}{less}{less_unit}")
    }
}

/// An instant in a view: RFC 3339 to machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl Time {
    /// Reads what is written for machines.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let read = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(read.with_timezone(&Utc)))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&rfc3339(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_kubectl_writes_them() {
        for (seconds, said) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (10_860, "3h1m"),
            (28_799, "7h59m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (691_199, "7d23h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_287_999, "7y364d"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(
                human(TimeDelta::seconds(seconds)),
                said,
                "{seconds} seconds"
            );
        }
    }

    #[test]
    fn the_future_says_so() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(relative(now + TimeDelta::days(29), now), "in 29d");
        assert_eq!(relative(now - TimeDelta::minutes(15), now), "15m");
        assert_eq!(relative(now + TimeDelta::milliseconds(400), now), "0s");
        assert_eq!(relative(now, now), "0s");
    }

    #[test]
    fn machines_get_whole_seconds_in_utc() {
        let at = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1500);
        assert_eq!(rfc3339(at), "1970-01-01T00:00:01Z");
    }
}
