//! The history of drills: when a rollback was last practised for real.
//!
//! One JSON object a line, so that whoever ends a drill adds a line: `{"date": "2026-11-02", "service": "checkout",
//! "outcome": "passed"}`. Only `date` is needed; every drill counts, passed or not, since both were practice.
//!
//! Traps: the date that days are counted to is given from outside, so that a stored gate is judged the same way tomorrow. A
//! drill after that date is an error, not a fresh drill.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Location, Source};

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day of an instant in seconds since 1970-01-01T00:00:00Z.
    pub fn of_unix(seconds: i64) -> Self {
        Day(seconds.div_euclid(86_400))
    }

    /// Days from another one to this one.
    pub fn since(self, other: Day) -> i64 {
        self.0 - other.0
    }

    fn date(self) -> Option<chrono::NaiveDate> {
        chrono::DateTime::from_timestamp(self.0.checked_mul(86_400)?, 0).map(|at| at.date_naive())
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d");
        let date = date.map_err(|_| format!("`{text}` is no date: write it like `2026-11-21`"))?;
        Ok(Day::of_unix(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{}", date.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// One drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// The day it took place.
    pub date: String,
    /// The service that was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// The day of the last drill; `None` of an empty history.
///
/// # Errors
/// The first line that is no drill, or is one after `as_of`, with its place.
pub fn last(source: Source<'_>, as_of: Day) -> Result<Option<Day>, Diagnostic> {
    let mut last = None;
    let mut start = 0;
    for line in source.text.split('\n') {
        let place = Location::of_bytes(source.text, start, start + line.len());
        start += line.len() + 1;
        if line.trim().is_empty() {
            continue;
        }
        let drill: Drill = serde_json::from_str(line).map_err(|error| {
            source.error(place, format!("this line is no drill: {error}")).with_help(
                "write one object a line, like `{\"date\": \"2026-11-21\", \"outcome\": \"passed\"}`",
            )
        })?;
        let day: Day = drill.date.parse().map_err(|fact: String| source.error(place, fact))?;
        if day > as_of {
            let fact = format!("a drill on {day} is after {as_of}");
            return Err(source.error(place, fact).with_help("give the day to count to with `--as-of`"));
        }
        last = last.max(Some(day));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day("2026-03-01").since(day("2026-02-28")), 1);
        assert_eq!(day("2024-03-01").since(day("2024-02-28")), 2);
        assert_eq!(day("1970-01-01"), Day::of_unix(86_399));
        assert_eq!(day("2026-11-21").to_string(), "2026-11-21");
        assert!("2026-13-01".parse::<Day>().is_err() && "x".parse::<Day>().is_err());
    }

    #[test]
    fn the_last_drill_counts_whatever_the_order() {
        let history = |text: &str| last(Source::new("d.jsonl", text), day("2026-11-21"));
        let text =
            "{\"date\":\"2026-10-01\"}\n\n{\"date\":\"2026-09-01\",\"outcome\":\"failed\",\"took\":\"9m\"}\n";
        assert_eq!(history(text).unwrap(), Some(day("2026-10-01")));
        assert_eq!(history("").unwrap(), None);
        let wrong = history("{\"date\":\"2026-10-01\"}\nyesterday\n").unwrap_err();
        assert_eq!(wrong.location.unwrap().line, 2);
        assert!(history("{\"date\":\"2027-01-01\"}").unwrap_err().message.contains("is after"));
    }
}
