//! How a number is spelt, and where it may go.
//!
//! By themselves numbers move as far as somebody would look by hand: limits by a factor of 8 both ways on a logarithmic
//! scale, durations by a factor of 4 on a grid of durations people write, counts from 1 to 10. A limit close to the best
//! there is (a success rate of 0.95 or 99 %) moves by what is missing to it: 99.0 goes from 92 to 99.88, as a failure rate
//! of 1 % goes from 8 % to 0.12 %.
//!
//! Whole numbers stay whole; others are rounded to two digits that matter, of the missing part where that is what moves.

use super::roles::Meaning;
use crate::time::SimDuration;

/// Durations people write, in seconds.
const GRID: [f64; 36] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    20.0,
    30.0,
    45.0,
    60.0,
    90.0,
    120.0,
    180.0,
    240.0,
    300.0,
    420.0,
    600.0,
    900.0,
    1200.0,
    1800.0,
    2700.0,
    3600.0,
    5400.0,
    7200.0,
    10_800.0,
    14_400.0,
    21_600.0,
    28_800.0,
    43_200.0,
    64_800.0,
    86_400.0,
    129_600.0,
    172_800.0,
    259_200.0,
    345_600.0,
    604_800.0,
    1_209_600.0,
];
/// How far limits go, and durations.
const LIMIT_FACTOR: f64 = 8.0;
const DURATION_FACTOR: f64 = 4.0;
/// Nothing is evaluated, and no window is asked for, more often than this by itself.
const SHORTEST_S: f64 = 5.0;
/// Longest wait tried where none is written.
const FIRST_WAIT_S: f64 = 300.0;

/// How a number is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `5`, `0.95`, `1e-3`.
    Plain,
    /// `1%`; the value is the number before the sign.
    Percent,
    /// `1h30m`; the value is in seconds.
    Duration,
}

impl Unit {
    /// The number a text spells, finite and not negative.
    pub(super) fn read(text: &str) -> Option<(Unit, f64)> {
        let number = |text: &str| {
            let plain = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            text.parse::<f64>().ok().filter(|value| plain && value.is_finite())
        };
        if let Some(value) = number(text) {
            return Some((Unit::Plain, value));
        }
        if let Some(value) = text.strip_suffix('%').and_then(|text| number(text.trim_end())) {
            return Some((Unit::Percent, value));
        }
        let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let duration = text.parse::<SimDuration>().ok().filter(|_| begins && !text.contains(' '))?;
        Some((Unit::Duration, duration.as_secs_f64()))
    }

    /// The value as a text.
    pub(super) fn spell(self, value: f64) -> String {
        match self {
            Unit::Plain => format!("{value}"),
            Unit::Percent => format!("{value}%"),
            Unit::Duration => duration_text(value),
        }
    }
}

/// Hours, minutes and seconds, which every format reads; `90s` rather than `1m30s` below two minutes.
fn duration_text(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round() as u64;
    if !millis.is_multiple_of(1000) {
        return format!("{millis}ms");
    }
    let seconds = millis / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, 1, 30) => "90s".to_owned(),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, 0) => format!("{h}h"),
        (h, m, 0) => format!("{h}h{m}m"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

/// Where a number may go.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// One of these, each as likely; ascending.
    Steps(Vec<f64>),
    /// A whole number, each as likely.
    Whole {
        /// The lowest.
        low: u32,
        /// The highest.
        high: u32,
    },
    /// Any number, its logarithm evenly spread.
    Log {
        /// The lowest, above 0.
        low: f64,
        /// The highest.
        high: f64,
        /// Whether it stays whole.
        whole: bool,
    },
    /// Any number, the logarithm of what is missing to `top` evenly spread.
    Short {
        /// The best there is.
        top: f64,
        /// The least that is missing, above 0.
        low: f64,
        /// The most.
        high: f64,
        /// Whether it stays whole.
        whole: bool,
    },
    /// Any number, evenly spread.
    Linear {
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
        /// Digits after the point.
        decimals: usize,
    },
}

impl Range {
    /// The value at `u` of `[0, 1)`.
    pub fn at(&self, u: f64) -> f64 {
        let u = u.clamp(0.0, 1.0);
        match self {
            Range::Steps(steps) => {
                let index = (u * steps.len() as f64) as usize;
                steps.get(index.min(steps.len().saturating_sub(1))).copied().unwrap_or_default()
            }
            Range::Whole { low, high } => {
                let count = f64::from(high - low) + 1.0;
                f64::from(*low) + (u * count).floor().min(count - 1.0)
            }
            Range::Log { low, high, whole } => {
                let value = two_digits(geometric(*low, *high, u)).clamp(*low, *high);
                if *whole { value.round().max(1.0) } else { value }
            }
            Range::Short { top, low, high, whole } => {
                let missing = two_digits(geometric(*low, *high, u));
                if *whole {
                    return (top - missing.max(1.0)).round();
                }
                to_decimals(top - missing, decimals_of(missing))
            }
            Range::Linear { low, high, decimals } => to_decimals(low + u * (high - low), *decimals),
        }
    }

    /// Its ends.
    pub fn ends(&self) -> (f64, f64) {
        match self {
            Range::Steps(steps) => {
                (steps.first().copied().unwrap_or_default(), steps.last().copied().unwrap_or_default())
            }
            Range::Short { .. } => (self.at(1.0), self.at(0.0)),
            _ => (self.at(0.0), self.at(1.0)),
        }
    }

    /// What a user asks for instead: `LOW..HIGH` or `VALUE,VALUE,...`, in the unit of the file.
    pub(super) fn replaced(&self, text: &str, unit: Unit, written: &str) -> Result<Range, String> {
        let value = |text: &str| value_of(text.trim(), unit, written);
        let Some((low, high)) = text.split_once("..") else {
            let mut steps = text.split(',').map(value).collect::<Result<Vec<f64>, String>>()?;
            steps.sort_by(f64::total_cmp);
            steps.dedup();
            return Ok(Range::Steps(steps));
        };
        let texts = [low.trim(), high.trim(), written];
        let (low, high) = (value(low)?, value(high)?);
        if low >= high {
            return Err(format!("`{text}` goes from a higher to a lower end"));
        }
        let decimals = texts.iter().map(|text| decimals_in(text)).max().unwrap_or(0);
        Ok(match self {
            _ if unit == Unit::Duration => Range::Steps(grid(low, high, &[low, high])),
            Range::Whole { .. } if decimals == 0 && high <= f64::from(u32::MAX) => {
                Range::Whole { low: low as u32, high: high as u32 }
            }
            Range::Short { top, .. } if high < *top => {
                Range::Short { top: *top, low: top - high, high: top - low, whole: decimals == 0 }
            }
            Range::Log { .. } if low > 0.0 => Range::Log { low, high, whole: decimals == 0 },
            _ => Range::Linear { low, high, decimals },
        })
    }
}

/// A value a user gives, in the unit of the file.
fn value_of(text: &str, unit: Unit, written: &str) -> Result<f64, String> {
    match (Unit::read(text), unit) {
        (Some((given, value)), wanted) if given == wanted => Ok(value),
        (Some((Unit::Plain, value)), Unit::Percent) => Ok(value),
        _ => Err(format!("`{text}` is not written as `{written}` is")),
    }
}

/// Where a number of this meaning goes by itself; `None` where it should stay.
pub(super) fn usual(meaning: Meaning, unit: Unit, value: f64, written: &str, about: &str) -> Option<Range> {
    let whole = unit == Unit::Plain && decimals_in(written) == 0;
    if unit == Unit::Duration {
        return match meaning {
            Meaning::Wait => Some(Range::Steps(waits(value))),
            _ => (value > 0.0).then(|| {
                let (low, high) =
                    ((value / DURATION_FACTOR).max(SHORTEST_S.min(value)), value * DURATION_FACTOR);
                Range::Steps(grid(low, high, &[value]))
            }),
        };
    }
    match meaning {
        // Seconds as a whole number.
        Meaning::Wait | Meaning::Pace | Meaning::Window => whole.then(|| Range::Steps(waits(value))),
        Meaning::Count { least } => {
            whole.then(|| Range::Whole { low: least, high: (2.0 * value).clamp(10.0, 1e6) as u32 })
        }
        Meaning::Weight => (0.0 < value && value < 100.0).then(|| Range::Log {
            low: (value / DURATION_FACTOR).max(1.0),
            high: (value * DURATION_FACTOR).min(99.0),
            whole,
        }),
        Meaning::Score => {
            (0.0..=100.0).contains(&value).then_some(Range::Linear { low: 50.0, high: 99.0, decimals: 0 })
        }
        Meaning::Threshold | Meaning::Plain => limit(top_of(meaning, unit, value, about), value, whole),
    }
}

/// The highest a limit can be, where it is a share.
fn top_of(meaning: Meaning, unit: Unit, value: f64, about: &str) -> Option<f64> {
    let holds = |words: &[&str]| words.iter().any(|word| about.contains(word));
    let is_time = holds(&["histogram_quantile", "duration", "latency", "seconds", "_ms", "millis"]);
    if unit == Unit::Percent {
        return (value <= 100.0).then_some(100.0);
    }
    let is_share = meaning == Meaning::Threshold && !is_time;
    if is_share && value <= 1.0 && holds(&["/", "ratio", "rate", "share", "success", "error"]) {
        return Some(1.0);
    }
    (is_share && value > 1.0 && value <= 100.0 && holds(&["100", "percent", "success-rate", "success_rate"]))
        .then_some(100.0)
}

fn limit(top: Option<f64>, value: f64, whole: bool) -> Option<Range> {
    if value <= 0.0 {
        return None;
    }
    match top {
        Some(top) if value >= top => None,
        Some(top) if value >= top / 2.0 => {
            let missing = top - value;
            let high = two_digits((missing * LIMIT_FACTOR).min(top / 2.0).max(missing));
            Some(Range::Short { top, low: two_digits(missing / LIMIT_FACTOR), high, whole })
        }
        _ => {
            let high = top.map_or(value * LIMIT_FACTOR, |top| (value * LIMIT_FACTOR).min(top));
            Some(Range::Log { low: two_digits(value / LIMIT_FACTOR), high: two_digits(high), whole })
        }
    }
}

/// Waits may also be left out.
fn waits(value: f64) -> Vec<f64> {
    if value == 0.0 {
        return grid(0.0, FIRST_WAIT_S, &[0.0]);
    }
    grid(value / DURATION_FACTOR, value * DURATION_FACTOR, &[0.0, value])
}

/// The grid between two ends, with these values.
fn grid(low: f64, high: f64, with: &[f64]) -> Vec<f64> {
    let inside = GRID.iter().filter(|step| (low..=high).contains(*step));
    let mut steps: Vec<f64> = inside.chain(with).copied().collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    steps
}

/// Between two positive ends, evenly in the logarithm.
fn geometric(low: f64, high: f64, u: f64) -> f64 {
    low * libm::exp(u * libm::log(high / low))
}

/// Rounded to two digits that matter.
fn two_digits(value: f64) -> f64 {
    if value >= 100.0 {
        let step = libm::pow(10.0, libm::floor(libm::log10(value)) - 1.0);
        return (value / step).round() * step;
    }
    to_decimals(value, decimals_of(value))
}

/// Digits after the point of a number with two digits that matter.
fn decimals_of(value: f64) -> usize {
    if value <= 0.0 { 0 } else { (1.0 - libm::floor(libm::log10(value))).clamp(0.0, 15.0) as usize }
}

/// The number nearest to so many decimals, as its text reads.
fn to_decimals(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

/// Digits after the point of a text; those of an exponent count as some.
fn decimals_in(text: &str) -> usize {
    let number = text.trim_end_matches('%');
    if number.contains(['e', 'E']) {
        return 6;
    }
    number.split_once('.').map_or(0, |(_, digits)| digits.bytes().filter(u8::is_ascii_digit).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(meaning: Meaning, written: &str, about: &str) -> Option<(String, String)> {
        let (unit, value) = Unit::read(written).unwrap();
        let (low, high) = usual(meaning, unit, value, written, about)?.ends();
        Some((unit.spell(low), unit.spell(high)))
    }

    #[test]
    fn numbers_go_as_far_as_their_meaning_says() {
        for (meaning, written, about, low, high) in [
            (Meaning::Threshold, "0.05", "a / b", "0.0063", "0.4"),
            (Meaning::Threshold, "99", "request-success-rate", "92", "99"),
            (Meaning::Threshold, "0.95", "a / b", "0.6", "0.9937"),
            (Meaning::Threshold, "99.5", "success-rate", "96", "99.938"),
            (Meaning::Threshold, "500", "request-duration", "62", "4000"),
            (Meaning::Threshold, "0.5", "histogram_quantile(0.95, x)", "0.062", "4"),
            (Meaning::Threshold, "5", "a / b * 100", "1", "40"),
            (Meaning::Plain, "1%", "", "0.12%", "8%"),
            (Meaning::Wait, "2m", "", "0s", "7m"),
            (Meaning::Pace, "15s", "", "5s", "1m"),
            (Meaning::Window, "30s", "", "10s", "2m"),
            (Meaning::Wait, "0m", "", "0s", "5m"),
            (Meaning::Count { least: 1 }, "3", "", "1", "10"),
            (Meaning::Count { least: 0 }, "30", "", "0", "60"),
            (Meaning::Weight, "20", "", "5", "80"),
            (Meaning::Weight, "50", "", "13", "99"),
        ] {
            let expected = Some((low.to_owned(), high.to_owned()));
            assert_eq!(ends(meaning, written, about), expected, "{written} of {meaning:?}");
        }
        assert_eq!(ends(Meaning::Weight, "100", ""), None);
        assert_eq!(ends(Meaning::Threshold, "100", "success-rate"), None);
    }

    #[test]
    fn ranges_of_users_are_in_the_unit_of_the_file() {
        let with = |written: &str, about: &str, text: &str| {
            let (unit, value) = Unit::read(written).unwrap();
            usual(Meaning::Threshold, unit, value, written, about).unwrap().replaced(text, unit, written)
        };
        let short = with("99", "success-rate", "90..99.9").unwrap();
        assert_eq!(short.ends(), (90.0, 99.9));
        assert_eq!(with("99", "success-rate", "90..99").unwrap().at(0.5).fract(), 0.0);
        assert_eq!(with("500", "ms", "100..900").unwrap().ends(), (100.0, 900.0));
        assert_eq!(with("1%", "", "1%,2,5%").unwrap(), Range::Steps(vec![1.0, 2.0, 5.0]));
        assert_eq!(with("5m", "", "1m..2m").unwrap(), Range::Steps(vec![60.0, 90.0, 120.0]));
        assert!(with("5m", "", "1..2").unwrap_err().contains("is not written as `5m` is"));
        assert!(with("500", "ms", "900..100").unwrap_err().contains("lower end"));
        assert!(with("500", "ms", "x").is_err());
    }

    proptest::proptest! {
        #[test]
        fn values_stay_inside_and_read_back(value in 0.001f64..5000.0, u in 0.0f64..1.0, share: bool) {
            let written = format!("{value:.3}");
            let (unit, read) = Unit::read(&written).unwrap();
            let about = if share { "a / b * 100 success-rate" } else { "latency" };
            let Some(range) = usual(Meaning::Threshold, unit, read, &written, about) else { return Ok(()) };
            let (low, high) = range.ends();
            let drawn = range.at(u);
            proptest::prop_assert!(low <= drawn && drawn <= high, "{} of {}..{}", drawn, low, high);
            proptest::prop_assert_eq!(Unit::read(&unit.spell(drawn)), Some((unit, drawn)));
        }
    }
}
