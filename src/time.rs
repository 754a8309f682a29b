//! Simulated time: unsigned nanoseconds since the start of a replication's warm-up.
//!
//! Time is an integer so that sums are exact and equal instants compare equal: six thousand steps of 0.1 s are
//! 600 s, which no float gives. Floats of seconds exist only at the edges (reports, query arithmetic).
//!
//! Traps: `SimTime` counts from the start of the *warm-up*, not from the deploy; a report that speaks of "minutes
//! after the deploy" subtracts first. Subtracting a later time from an earlier one saturates to zero.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// An instant of simulated time, in nanoseconds since the start of the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

/// A span of simulated time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(u64);

impl SimTime {
    /// The start of the warm-up.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than every instant a simulation reaches: "never".
    pub const NEVER: SimTime = SimTime(u64::MAX);

    /// The instant `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        SimTime(nanos)
    }
    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// Whole milliseconds since the start, rounded down: the resolution of Prometheus timestamps.
    pub const fn as_millis(self) -> i64 {
        (self.0 / 1_000_000) as i64
    }
    /// Seconds since the start, for reports and query arithmetic.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }
    /// Time since `earlier`, zero if `earlier` is later.
    pub const fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
    /// This instant moved back by `span`, not before the start.
    pub const fn before(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(span.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);
    /// Longer than any simulation.
    pub const MAX: SimDuration = SimDuration(u64::MAX);

    /// A span of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        SimDuration(nanos)
    }
    /// A span of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        SimDuration(millis.saturating_mul(1_000_000))
    }
    /// A span of `secs` seconds.
    pub const fn from_secs(secs: u64) -> Self {
        SimDuration(secs.saturating_mul(NANOS_PER_SECOND))
    }
    /// A span of `mins` minutes.
    pub const fn from_mins(mins: u64) -> Self {
        SimDuration::from_secs(mins.saturating_mul(60))
    }
    /// The nearest whole nanosecond to `secs` seconds; negative and NaN become zero, too large saturates.
    pub fn from_secs_f64(secs: f64) -> Self {
        SimDuration(nearest(secs * NANOS_PER_SECOND as f64))
    }
    /// Nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> i64 {
        (self.0 / 1_000_000) as i64
    }
    /// Seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }
    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
    /// This span times `factor`; negative and NaN factors give zero.
    pub fn scale(self, factor: f64) -> SimDuration {
        SimDuration(nearest(self.0 as f64 * factor))
    }
    /// This span less `other`, not below zero.
    pub const fn saturating_sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }
}

/// What `x.round() as u64` is, halves away from zero; without the call that rounding is on processors that the portable
/// build must suit. Negative and NaN become zero, too large saturates.
#[inline]
fn nearest(x: f64) -> u64 {
    let whole = x as u64;
    whole.saturating_add(u64::from(x - whole as f64 >= 0.5))
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub<SimTime> for SimTime {
    type Output = SimDuration;
    fn sub(self, earlier: SimTime) -> SimDuration {
        self.since(earlier)
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: SimDuration) {
        *self = *self + other;
    }
}

impl Mul<u64> for SimDuration {
    type Output = SimDuration;
    fn mul(self, times: u64) -> SimDuration {
        SimDuration(self.0.saturating_mul(times))
    }
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No digits at all.
    #[error("`{0}` is not a duration: write a number and a unit, like `90s` or `1h30m`")]
    Malformed(String),
    /// A number without a unit.
    #[error("`{0}` has no unit: write `{0}s`, `{0}m` or `{0}ms`")]
    NoUnit(String),
    /// A unit that is none of ns, us, ms, s, m, h, d.
    #[error("`{unit}` in `{text}` is not a unit of time: use ms, s, m, h or d")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The unit that is not known.
        unit: String,
    },
}

impl FromStr for SimDuration {
    type Err = DurationError;

    /// Reads `90s`, `1h30m`, `1.5m`, `250ms`, `0s`; units ns, us, ms, s, m, h, d, largest first or not.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let malformed = || DurationError::Malformed(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(malformed());
        }
        let mut nanos = 0.0f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let value: f64 = number.parse().map_err(|_| malformed())?;
            let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, next) = tail.split_at(letters);
            if unit.is_empty() {
                return Err(DurationError::NoUnit(text.trim().to_owned()));
            }
            nanos += value
                * unit_nanos(unit).ok_or_else(|| DurationError::UnknownUnit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                })?;
            rest = next;
        }
        Ok(SimDuration(nanos.round() as u64))
    }
}

fn unit_nanos(unit: &str) -> Option<f64> {
    Some(match unit.trim() {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        "d" => 86_400e9,
        _ => return None,
    })
}

impl fmt::Display for SimDuration {
    /// The shortest exact form people read: `90s` prints as `1m30s`, a quarter second as `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / NANOS_PER_SECOND;
        let part = self.0 % NANOS_PER_SECOND;
        if whole == 0 && part > 0 {
            return match part {
                p if p % 1_000_000 == 0 => write!(f, "{}ms", p / 1_000_000),
                p if p % 1_000 == 0 => write!(f, "{}us", p / 1_000),
                p => write!(f, "{p}ns"),
            };
        }
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
        let mut written = false;
        if hours > 0 {
            write!(f, "{hours}h")?;
            written = true;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
            written = true;
        }
        match part {
            0 if seconds == 0 && written => Ok(()),
            0 => write!(f, "{seconds}s"),
            _ => write!(f, "{}s", (seconds * NANOS_PER_SECOND + part) as f64 / NANOS_PER_SECOND as f64),
        }
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl Serialize for SimDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SimDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for SimDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "a duration with its unit: 250ms, 15s, 1h30m",
            "pattern": "^([0-9.]+ *(ns|us|ms|s|m|h|d))+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_and_read_back() {
        for (text, seconds) in
            [("90s", 90.0), ("1h30m", 5400.0), ("1.5m", 90.0), ("250ms", 0.25), ("0s", 0.0)]
        {
            let read: SimDuration = text.parse().unwrap();
            assert_eq!(read.as_secs_f64(), seconds, "{text}");
            assert_eq!(read.to_string().parse::<SimDuration>().unwrap(), read, "{text}");
        }
        assert_eq!(SimDuration::from_secs(90).to_string(), "1m30s");
        assert_eq!(SimDuration::from_secs_f64(61.5).to_string(), "1m1.5s");
    }

    #[test]
    fn a_number_without_a_unit_is_refused_with_a_hint() {
        assert_eq!("5".parse::<SimDuration>(), Err(DurationError::NoUnit("5".into())));
        assert!(matches!("5 parsecs".parse::<SimDuration>(), Err(DurationError::UnknownUnit { .. })));
        assert!(matches!("".parse::<SimDuration>(), Err(DurationError::Malformed(_))));
        assert!(matches!("-5s".parse::<SimDuration>(), Err(DurationError::Malformed(_))));
    }

    #[test]
    fn nearest_is_rounding() {
        let mut xs = vec![
            0.0,
            -0.0,
            0.25,
            0.5,
            0.499_999_999_999_999_94,
            1.5,
            2.5,
            -0.5,
            -3.7,
            f64::NAN,
            f64::INFINITY,
        ];
        xs.extend((0..70).flat_map(|p| {
            let x = libm::exp2(f64::from(p));
            [x, x - 0.5, x + 0.5, x + 0.25, x * 1.000_000_1]
        }));
        for x in xs {
            assert_eq!(nearest(x), x.round() as u64, "{x}");
        }
    }

    #[test]
    fn floats_never_accumulate() {
        let total = (0..6000).fold(SimTime::ZERO, |t, _| t + SimDuration::from_millis(100));
        assert_eq!(total.as_nanos(), 600 * NANOS_PER_SECOND);
    }
}
