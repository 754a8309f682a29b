//! What the numbers of a distribution are: plain numbers, durations or ratios, and how people write them.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serializer;

use crate::time::SimDuration;

/// A kind of quantity that files write with a unit and samplers handle as `f64`.
pub trait Unit {
    /// What one value is called in messages, with its article: "a duration".
    const NAME: &'static str;

    /// The value that `text` stands for.
    ///
    /// # Errors
    /// A sentence that says what is wrong with `text` and how to write it.
    fn parse(text: &str) -> Result<f64, String>;

    /// The value of a bare number.
    ///
    /// # Errors
    /// A sentence, where this quantity needs a unit.
    fn number(value: f64) -> Result<f64, String>;

    /// The smallest value of this quantity that has a meaning.
    const LEAST: f64 = f64::NEG_INFINITY;

    /// Writes `value` the way [`Unit::parse`] or [`Unit::number`] reads it back.
    ///
    /// # Errors
    /// Those of the serialiser.
    fn serialize<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error>;

    /// `value` as people write it, for messages.
    fn show(value: f64) -> String;

    /// The JSON schema of one value.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

impl Unit for f64 {
    const NAME: &'static str = "a number";

    fn parse(text: &str) -> Result<f64, String> {
        finite_number(text).ok_or_else(|| format!("`{text}` is not a number"))
    }

    fn number(value: f64) -> Result<f64, String> {
        Ok(value)
    }

    fn serialize<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value)
    }

    fn show(value: f64) -> String {
        value.to_string()
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<f64>()
    }
}

/// Durations; as `f64` in seconds.
impl Unit for SimDuration {
    const NAME: &'static str = "a duration";
    const LEAST: f64 = 0.0;

    fn parse(text: &str) -> Result<f64, String> {
        text.parse::<SimDuration>().map(SimDuration::as_secs_f64).map_err(|e| e.to_string())
    }

    fn number(value: f64) -> Result<f64, String> {
        if value == 0.0 {
            return Ok(0.0);
        }
        Err(format!("`{value}` has no unit: write `{value}s`, `{value}m` or `{value}ms`"))
    }

    /// To the nanosecond: the resolution of simulated time.
    fn serialize<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&SimDuration::from_secs_f64(value))
    }

    fn show(value: f64) -> String {
        if value.is_finite() && value >= 0.0 {
            return SimDuration::from_secs_f64(value).to_string();
        }
        format!("{value}s")
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<SimDuration>()
    }
}

/// A share of something, written `1%` or `0.01`; as `f64` the fraction 0.01. Not negative; may exceed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio;

impl Unit for Ratio {
    const NAME: &'static str = "a ratio";
    const LEAST: f64 = 0.0;

    fn parse(text: &str) -> Result<f64, String> {
        let trimmed = text.trim();
        let (digits, divisor) = match trimmed.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), 100.0),
            None => (trimmed, 1.0),
        };
        let value =
            finite_number(digits).ok_or_else(|| format!("`{text}` is not a ratio: write `1%` or `0.01`"))?;
        Ok(value / divisor)
    }

    fn number(value: f64) -> Result<f64, String> {
        Ok(value)
    }

    fn serialize<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
        let percent = value * 100.0;
        // As a percentage only if that reads back to the same bits.
        if percent / 100.0 == value {
            serializer.collect_str(&format_args!("{percent}%"))
        } else {
            serializer.serialize_f64(value)
        }
    }

    fn show(value: f64) -> String {
        format!("{}%", value * 100.0)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a ratio: 1% or 0.01",
            "oneOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": "^ *[0-9.]+([eE][-+]?[0-9]+)? *%? *$" }
            ]
        })
    }
}

fn finite_number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_become_values() {
        assert_eq!(Ratio::parse("1%"), Ok(0.01));
        assert_eq!(Ratio::parse(" 0.1 % "), Ok(0.001));
        assert_eq!(Ratio::parse("0.25"), Ok(0.25));
        assert_eq!(<SimDuration as Unit>::parse("12ms"), Ok(0.012));
        assert_eq!(<SimDuration as Unit>::number(0.0), Ok(0.0));
        assert_eq!(<f64 as Unit>::parse("3"), Ok(3.0));
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        assert_eq!(Ratio::parse("lots"), Err("`lots` is not a ratio: write `1%` or `0.01`".to_owned()));
        assert!(Ratio::parse("nan%").is_err());
        let error = <SimDuration as Unit>::number(5.0).unwrap_err();
        assert!(error.contains("`5s`"), "{error}");
        assert!(<f64 as Unit>::parse("12ms").is_err());
    }
}
