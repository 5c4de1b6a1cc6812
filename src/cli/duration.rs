//! How long and until when, as people type it.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use jiff::{Span, SpanRelativeTo};

/// What the help of a length of time should say.
pub(crate) const DURATION_HELP: &str = "such as 90m, 8h, 30d, 1d12h or P1DT2H; a day is 24 hours";

/// What the help of an end should say.
pub(crate) const UNTIL_HELP: &str = "such as 2026-12-01, '2026-12-01 18:00' or \
    2026-12-01T18:00:00+01:00; UTC where no offset is given";

/// Longest length that is taken: nothing here should outlive ten years, and sums stay in range.
const DAYS_MAX: i64 = 3660;

/// Why a length of time or an end was not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeError {
    /// A number stands alone.
    #[error("'{text}' needs a unit, such as {text}m, {text}h or {text}d")]
    NoUnit {
        /// What was typed.
        text: String,
    },
    /// Months and years are not always as long.
    #[error("months and years differ in length; say it in days, such as 30d")]
    NotFixed,
    /// The length is below zero.
    #[error("a length of time cannot be negative")]
    Negative,
    /// The length is zero, or too short to matter.
    #[error("a length of time must be at least one second")]
    TooShort,
    /// The length is beyond all use.
    #[error("a length of time must be at most {DAYS_MAX} days")]
    TooLong,
    /// It is no length of time.
    #[error("'{text}' is not a length of time; write it {DURATION_HELP}")]
    NoDuration {
        /// What was typed.
        text: String,
    },
    /// It is no instant.
    #[error("'{text}' is not a time; write it {UNTIL_HELP}")]
    NoTime {
        /// What was typed.
        text: String,
    },
}

/// Reads a length of time. A day is 24 hours, a week seven days.
pub(crate) fn parse(text: &str) -> Result<TimeDelta, TimeError> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TimeError::NoUnit {
            text: text.to_owned(),
        });
    }
    let no_duration = || TimeError::NoDuration {
        text: text.to_owned(),
    };
    let span: Span = text.parse().map_err(|_| no_duration())?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(TimeError::NotFixed);
    }
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| no_duration())?;
    if length.is_negative() {
        return Err(TimeError::Negative);
    }
    match length.as_secs() {
        0 => Err(TimeError::TooShort),
        seconds if seconds > DAYS_MAX * 86_400 => Err(TimeError::TooLong),
        seconds => Ok(TimeDelta::seconds(seconds)),
    }
}

/// Reads an instant: RFC 3339, or a date with or without a time of day, then in UTC. A date alone
/// is its first moment.
pub(crate) fn parse_until(text: &str) -> Result<DateTime<Utc>, TimeError> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let midnight = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    [
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%dT%H:%M:%S",
    ]
    .iter()
    .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    .or_else(midnight)
    .map(|at| at.and_utc())
    .ok_or_else(|| TimeError::NoTime {
        text: text.to_owned(),
    })
}

/// Writes a length of time as it is typed: `30d`, `1d12h`, `90m` as `1h30m`.
pub(crate) fn show(length: TimeDelta) -> String {
    let mut seconds = length.num_seconds().max(0);
    let mut shown = String::new();
    for (unit, unit_seconds) in [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)] {
        let count = seconds / unit_seconds;
        seconds %= unit_seconds;
        if count > 0 {
            write!(shown, "{count}{unit}").expect("a string takes all text");
        }
    }
    if shown.is_empty() {
        "0s".to_owned()
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_write_lengths_in_many_ways() {
        for (text, minutes) in [
            ("8h", 480),
            ("30d", 43_200),
            ("1d12h", 2160),
            ("90m", 90),
            ("2w", 20_160),
            ("P1DT2H", 1560),
            ("1.5h", 90),
            ("8 hours", 480),
            (" 1h 30m ", 90),
        ] {
            assert_eq!(parse(text), Ok(TimeDelta::minutes(minutes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_says_why() {
        assert!(matches!(parse("3600"), Err(TimeError::NoUnit { .. })));
        assert_eq!(parse("1mo"), Err(TimeError::NotFixed));
        assert_eq!(parse("1y2d"), Err(TimeError::NotFixed));
        assert_eq!(parse("-1h"), Err(TimeError::Negative));
        assert_eq!(parse("1h ago"), Err(TimeError::Negative));
        assert_eq!(parse("0s"), Err(TimeError::TooShort));
        assert_eq!(parse("500ms"), Err(TimeError::TooShort));
        assert_eq!(parse("100000d"), Err(TimeError::TooLong));
        for text in ["", "soon", "8x", "h", "1d-2h"] {
            assert!(
                matches!(parse(text), Err(TimeError::NoDuration { .. })),
                "{text:?}"
            );
        }
        assert_eq!(
            parse("30").expect_err("no unit").to_string(),
            "'30' needs a unit, such as 30m, 30h or 30d"
        );
    }

    #[test]
    fn ends_are_read_in_utc() {
        for (text, at) in [
            ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
            ("2026-12-01T18:00:00+02:00", "2026-12-01T16:00:00Z"),
            ("2026-12-01 18:00", "2026-12-01T18:00:00Z"),
            ("2026-12-01T18:00:30", "2026-12-01T18:00:30Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(
                parse_until(text).expect(text),
                at.parse::<DateTime<Utc>>().expect(at)
            );
        }
        for text in [
            "",
            "tomorrow",
            "2026-13-01",
            "2026-02-30",
            "18:00",
            "2026-12-01 25:00",
        ] {
            assert!(parse_until(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 1..DAYS_MAX * 86_400) {
            let length = TimeDelta::seconds(seconds);
            prop_assert_eq!(parse(&show(length)), Ok(length));
        }

        #[test]
        fn no_text_makes_reading_panic(text in ".{0,40}") {
            parse(&text).ok();
            parse_until(&text).ok();
        }
    }

    #[test]
    fn lengths_are_shown_short() {
        assert_eq!(show(TimeDelta::days(30)), "30d");
        assert_eq!(show(TimeDelta::hours(36)), "1d12h");
        assert_eq!(show(TimeDelta::minutes(90)), "1h30m");
        assert_eq!(show(TimeDelta::zero()), "0s");
    }
}
