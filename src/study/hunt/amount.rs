//! Amounts as scenario files write them: read, written with few digits, and made rounder.
//!
//! Trap: a number that is drawn must be written before it is played, as what is written is what is found; so every drawn
//! number is rounded to three digits first.

use serde_json::Value;

use crate::quantity::{Rate, Ratio};
use crate::time::SimDuration;

/// What an amount is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// Seconds.
    Duration,
    /// A share, 0 to 1.
    Ratio,
    /// Per second.
    Rate,
    /// A plain number.
    Number,
    /// A whole number.
    Whole,
}

/// The amount that stands there; `None` where something else does.
pub(super) fn read(value: &Value) -> Option<(f64, Unit)> {
    match value {
        Value::Number(number) if number.is_f64() => Some((number.as_f64()?, Unit::Number)),
        Value::Number(number) => Some((number.as_f64()?, Unit::Whole)),
        Value::String(text) if text.ends_with('%') => Some((text.parse::<Ratio>().ok()?.get(), Unit::Ratio)),
        Value::String(text) if text.contains('/') => Some((text.parse::<Rate>().ok()?.get(), Unit::Rate)),
        Value::String(text) => Some((text.parse::<SimDuration>().ok()?.as_secs_f64(), Unit::Duration)),
        _ => None,
    }
}

/// The amount as a file has it, rounded to three digits.
pub(super) fn write(amount: f64, unit: Unit) -> Value {
    written(rounded(amount, 3), unit)
}

fn written(amount: f64, unit: Unit) -> Value {
    match unit {
        Unit::Duration => Value::String(SimDuration::from_secs_f64(amount.max(0.0)).to_string()),
        Unit::Ratio => Value::String(format!("{}%", rounded(amount * 100.0, 6))),
        Unit::Rate => Value::String(format!("{amount}/s")),
        Unit::Number => serde_json::Number::from_f64(amount).map_or(Value::Null, whole_if_it_is),
        Unit::Whole => Value::from(amount.round().max(0.0) as u64),
    }
}

/// People write 2 and not 2.0.
fn whole_if_it_is(number: serde_json::Number) -> Value {
    match number.as_f64() {
        Some(value) if value.fract() == 0.0 && value.abs() < 1e15 => Value::from(value as i64),
        _ => Value::Number(number),
    }
}

/// Rounded to so many significant digits.
pub(super) fn rounded(amount: f64, digits: usize) -> f64 {
    let text = format!("{amount:.*e}", digits.saturating_sub(1));
    text.parse().unwrap_or(amount)
}

/// Times people say: no other stands between two neighbours.
const TIMES: [f64; 15] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0];

/// Rounder forms of it, the roundest first; none where it is as round as can be.
pub(super) fn rounder(value: &Value) -> Vec<Value> {
    let Some((amount, unit)) = read(value) else { return Vec::new() };
    let mut forms: Vec<f64> = Vec::new();
    if unit == Unit::Duration && amount >= 1.0 {
        forms.extend(TIMES.iter().rev().find(|time| **time <= amount));
        forms.extend(TIMES.iter().find(|time| **time >= amount));
        if TIMES.contains(&amount) {
            return Vec::new();
        }
    }
    forms.extend([rounded(amount, 1), rounded(amount, 2)]);
    let mut found: Vec<Value> = Vec::new();
    for form in forms {
        let form = written(form, unit);
        if form == *value {
            break;
        }
        if !found.contains(&form) {
            found.push(form);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_read_and_written_in_their_units() {
        for (value, amount) in [
            (json!("4.9%"), (0.049, Unit::Ratio)),
            (json!("1m30s"), (90.0, Unit::Duration)),
            (json!("300/s"), (300.0, Unit::Rate)),
            (json!(2.5), (2.5, Unit::Number)),
            (json!(4), (4.0, Unit::Whole)),
        ] {
            assert_eq!(read(&value), Some(amount), "{value}");
            assert_eq!(write(amount.0, amount.1), value);
        }
        for other in [json!("web"), json!("503"), json!(true), json!([1]), json!("a/b")] {
            assert_eq!(read(&other), None, "{other}");
        }
        assert_eq!(write(0.123_456, Unit::Ratio), json!("12.3%"));
        assert_eq!(write(123.456, Unit::Duration), json!("2m3s"));
        assert_eq!(write(3.0, Unit::Number), json!(3));
    }

    #[test]
    fn rounder_forms_come_roundest_first_and_end() {
        assert_eq!(rounder(&json!("4.87%")), [json!("5%"), json!("4.9%")]);
        assert_eq!(rounder(&json!("4.9%")), [json!("5%")]);
        assert!(rounder(&json!("5%")).is_empty());
        assert_eq!(rounder(&json!("7m11s")), [json!("5m"), json!("10m"), json!("6m40s"), json!("7m10s")]);
        assert!(rounder(&json!("5m")).is_empty());
        assert!(rounder(&json!("web")).is_empty());
        assert_eq!(rounder(&json!("0s")), Vec::<Value>::new());
    }
}
