//! The two duration languages of users' files. They look alike and differ.
//!
//! Go (`time.ParseDuration`; Argo, Flagger, Kubernetes): fractions, any order, `ns us ms s m h`, a bare `0`.
//! Prometheus (`model.ParseDuration`): whole numbers, units in falling order and each once, `ms s m h d w y`, a
//! bare `0`.

use crate::time::SimDuration;

const NANOS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Largest span both languages hold: 2^63 nanoseconds.
const LONGEST_NANOS: f64 = 9_223_372_036_854_775_808.0;

/// The span that `text` spells in Go, `None` if it does not or is negative.
pub(crate) fn go(text: &str) -> Option<SimDuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(SimDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(end_of(rest, |c| c.is_ascii_digit() || c == '.'));
        let (unit, next) = tail.split_at(end_of(tail, |c| !c.is_ascii_digit() && c != '.'));
        let factor = NANOS.iter().find(|(name, _)| *name == unit)?.1;
        nanos += number.parse::<f64>().ok()? * factor;
        rest = next;
    }
    spanning(nanos)
}

/// The span that `text` spells in Prometheus, `None` if it does not.
pub(super) fn prometheus(text: &str) -> Option<SimDuration> {
    const UNITS: [(&str, f64); 7] = [
        ("y", 365.0 * 86_400e9),
        ("w", 7.0 * 86_400e9),
        ("d", 86_400e9),
        ("h", 3600e9),
        ("m", 60e9),
        ("s", 1e9),
        ("ms", 1e6),
    ];
    if text == "0" {
        return Some(SimDuration::ZERO);
    }
    let (mut rest, mut nanos, mut units) = (text, 0.0, UNITS.as_slice());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(end_of(rest, |c| c.is_ascii_digit()));
        let (unit, next) = tail.split_at(end_of(tail, |c| c.is_ascii_alphabetic()));
        let at = units.iter().position(|(name, _)| *name == unit)?;
        nanos += number.parse::<f64>().ok()? * units.get(at)?.1;
        units = units.get(at + 1..)?;
        rest = next;
    }
    spanning(nanos)
}

fn end_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn spanning(nanos: f64) -> Option<SimDuration> {
    (nanos < LONGEST_NANOS).then(|| SimDuration::from_nanos(nanos.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_read_as_go_reads_them() {
        for (text, seconds) in [
            ("0", 0.0),
            ("90s", 90.0),
            ("1h15m30.5s", 4530.5),
            (".5s", 0.5),
            ("1.m", 60.0),
            ("+5s", 5.0),
            ("30s1m", 90.0),
        ] {
            assert_eq!(go(text).map(SimDuration::as_secs_f64), Some(seconds), "{text}");
        }
        for text in ["", "5", "-5s", "1d", "5 s", ".s", "1.2.3s", "s", "99999999h", "5sm"] {
            assert_eq!(go(text), None, "{text}");
        }
    }

    #[test]
    fn prometheus_durations_are_whole_and_fall() {
        for (text, seconds) in
            [("0", 0.0), ("1d", 86_400.0), ("1h30m", 5400.0), ("250ms", 0.25), ("1w", 604_800.0)]
        {
            assert_eq!(prometheus(text).map(SimDuration::as_secs_f64), Some(seconds), "{text}");
        }
        for text in ["", "5", "1.5m", "30s1m", "1m1m", "-1s", "1ns", "m", "400y"] {
            assert_eq!(prometheus(text), None, "{text}");
        }
    }
}
