//! Durations and dates as Go reads them.

use super::value::Instant;

/// Go's `time.ParseDuration` in nanoseconds: a sign, then decimals with the units ns, us, µs, ms, s, m, h; `0`
/// needs no unit. There is no `d`, and no space is allowed. The error is worded as in Go.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || digits.len() > 30 {
            return Err(invalid());
        }
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let nanos =
            unit_nanos(unit).ok_or_else(|| format!("time: unknown unit {unit:?} in duration {text:?}"))?;
        total += parse(whole).checked_mul(nanos).ok_or_else(invalid)?;
        total += fraction_nanos(fraction, nanos);
        if total > i128::from(i64::MAX) {
            return Err(invalid());
        }
        rest = next;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// A run of at most 30 digits.
fn parse(digits: &str) -> i128 {
    digits.bytes().fold(0, |n, b| n * 10 + i128::from(b.wrapping_sub(b'0')))
}

/// What `.fraction` of a unit of `unit` nanoseconds is, rounded down.
fn fraction_nanos(fraction: &str, unit: i128) -> i128 {
    let kept = fraction.get(..fraction.len().min(18)).unwrap_or("");
    let scale = kept.bytes().fold(1i128, |scale, _| scale * 10);
    parse(kept) * unit / scale
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The layouts of `date` that are imitated: `2006-01-02`, `2006-01-02 15:04:05` and RFC 3339.
pub(super) fn date(text: &str) -> Option<Instant> {
    let day_text = text.get(..10)?;
    let rest = text.get(10..)?;
    let days = days(day_text)?;
    if rest.is_empty() {
        return Some(Instant { seconds: days * 86_400, nanos: 0 });
    }
    let zoned = rest.starts_with('T');
    let clock = rest.strip_prefix('T').or_else(|| rest.strip_prefix(' '))?;
    let seconds = clock_seconds(clock.get(..8)?)?;
    let tail = clock.get(8..)?;
    let (nanos, zone) = subsecond(tail)?;
    let offset = match (zoned, zone) {
        (false, "") | (true, "Z") => 0,
        (true, zone) => zone_seconds(zone)?,
        _ => return None,
    };
    Some(Instant { seconds: days * 86_400 + seconds - offset, nanos })
}

fn field(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Days from 1970-01-01 to `year-month-day` in the Gregorian calendar (H. Hinnant, days_from_civil).
fn days(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year = field(parts.next()?, 4)?;
    let month = field(parts.next()?, 2)?;
    let day = field(parts.next()?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn clock_seconds(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours = field(parts.next()?, 2).filter(|h| *h < 24)?;
    let minutes = field(parts.next()?, 2).filter(|m| *m < 60)?;
    let seconds = field(parts.next()?, 2).filter(|s| *s < 60)?;
    Some(hours * 3600 + minutes * 60 + seconds)
}

/// `.digits` as nanoseconds, and what follows.
fn subsecond(text: &str) -> Option<(u32, &str)> {
    let Some(fraction) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
    if length == 0 {
        return None;
    }
    let (digits, rest) = fraction.split_at(length);
    Some((u32::try_from(fraction_nanos(digits, 1_000_000_000)).ok()?, rest))
}

fn zone_seconds(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    Some(sign * (field(hours, 2).filter(|h| *h < 24)? * 3600 + field(minutes, 2).filter(|m| *m < 60)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_go() {
        for (text, nanos) in [
            ("90s", 90_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5ms", 1_500_000),
            ("-5m", -300_000_000_000),
            ("0", 0),
            (".5s", 500_000_000),
        ] {
            assert_eq!(duration(text), Ok(nanos), "{text}");
        }
        assert!(duration("60s-typo").unwrap_err().contains("unknown unit \"s-typo\""));
        assert!(duration("5").unwrap_err().contains("missing unit"));
        for text in ["", "1d", "5 s", "s", "1..5s", ".s", "9999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_count_from_1970() {
        let seconds = |text| date(text).map(|t| t.seconds);
        assert_eq!(seconds("1970-01-01"), Some(0));
        assert_eq!(seconds("2000-03-01"), Some(951_868_800));
        assert_eq!(seconds("2024-02-29 00:00:01"), Some(1_709_164_801));
        assert_eq!(seconds("2024-05-01T02:00:00+02:00"), Some(1_714_521_600));
        assert_eq!(date("2024-05-01T00:00:00.25Z").map(|t| t.nanos), Some(250_000_000));
        for text in ["2023-02-29", "2024-13-01", "yesterday", "2024-05-01T00:00:00", "é024-05-01"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
