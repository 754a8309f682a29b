//! Numbers with a meaning: each type holds only values of its range and reads and prints its unit.
//!
//! In files every one of them is a text with its unit (`0.1%`, `300/s`, `128Mi`) or, where a bare number has one
//! obvious meaning, a number. A rate without a unit is refused: `5` a second and `5` an hour are different worlds.
//!
//! Traps: `Ratio` is a share of one and `Weight` is a share of a hundred; a bare `5` is out of range as a ratio and
//! five per cent as a weight. `MB` is a million bytes, `Mi` and `MiB` are 1,048,576.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text or number is not such a quantity.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QuantityError {
    /// No number where one is expected.
    #[error("`{text}` is not {what}: write it like {like}")]
    Malformed {
        /// The whole text.
        text: String,
        /// What was expected, with its article.
        what: &'static str,
        /// Examples.
        like: &'static str,
    },
    /// A number that is needed with a unit.
    #[error("`{text}` has no unit: {hint}")]
    NoUnit {
        /// The whole text.
        text: String,
        /// How to write it.
        hint: String,
    },
    /// A unit that this quantity does not have.
    #[error("`{unit}` in `{text}` is not a unit of {what}: use {units}")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The unknown unit.
        unit: String,
        /// The quantity.
        what: &'static str,
        /// The units there are.
        units: &'static str,
    },
    /// A number outside of the range of the quantity, or not finite.
    #[error("{value} is out of range: {what} lies {range}")]
    OutOfRange {
        /// The number.
        value: f64,
        /// The quantity, with its article.
        what: &'static str,
        /// Its range in words.
        range: &'static str,
    },
}

/// A share of one, 0 to 1; printed in per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Ratio(f64);

/// Events per second, zero or more; printed per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// A share of traffic in per cent, 0 to 100, as rollouts write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Weight(f64);

/// A point of a distribution, strictly between 0 and 1: `p99`, `0.99` or `99%`; printed as `p99`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Quantile(f64);

/// An amount of memory or data in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

/// Processor cores, zero or more, as Kubernetes counts them: `500m` is half a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Cores(f64);

impl Ratio {
    /// Nothing.
    pub const ZERO: Ratio = Ratio(0.0);
    /// Everything.
    pub const ONE: Ratio = Ratio(1.0);
    /// 1 %.
    pub const ONE_PERCENT: Ratio = Ratio(0.01);
    /// One of two.
    pub const HALF: Ratio = Ratio(0.5);

    /// The ratio `value`.
    ///
    /// # Errors
    /// If `value` is not in 0..=1.
    pub fn new(value: f64) -> Result<Self, QuantityError> {
        in_range(value, (0.0..=1.0).contains(&value), "a ratio", "between 0 and 1 (0% and 100%)").map(Ratio)
    }
    /// A number between 0 and 1.
    pub const fn get(self) -> f64 {
        self.0
    }
    /// What is missing to everything.
    pub fn complement(self) -> Ratio {
        Ratio(1.0 - self.0)
    }
}

impl Rate {
    /// `per_second` events per second.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn per_second(per_second: f64) -> Result<Self, QuantityError> {
        in_range(per_second, per_second >= 0.0, "a rate", "at or above 0").map(Rate)
    }
    /// Events per second.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Weight {
    /// `percent` of the traffic.
    ///
    /// # Errors
    /// If `percent` is not in 0..=100.
    pub fn percent(percent: f64) -> Result<Self, QuantityError> {
        in_range(percent, (0.0..=100.0).contains(&percent), "a weight", "between 0% and 100%").map(Weight)
    }
    /// Per cent, 0 to 100.
    pub const fn get(self) -> f64 {
        self.0
    }
    /// The same share of one.
    pub fn ratio(self) -> Ratio {
        Ratio(self.0 / 100.0)
    }
}

impl Quantile {
    /// The point below which the share `value` of a distribution lies.
    ///
    /// # Errors
    /// If `value` is not strictly between 0 and 1.
    pub fn new(value: f64) -> Result<Self, QuantityError> {
        in_range(value, value > 0.0 && value < 1.0, "a quantile", "strictly between 0 and 1").map(Quantile)
    }
    /// A number strictly between 0 and 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Bytes {
    /// `count` bytes.
    pub const fn new(count: u64) -> Self {
        Bytes(count)
    }
    /// Bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Cores {
    /// `count` cores.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn new(count: f64) -> Result<Self, QuantityError> {
        in_range(count, count >= 0.0, "a number of cores", "at or above 0").map(Cores)
    }
    /// Cores.
    pub const fn get(self) -> f64 {
        self.0
    }
}

fn in_range(value: f64, holds: bool, what: &'static str, range: &'static str) -> Result<f64, QuantityError> {
    if holds && value.is_finite() {
        Ok(value + 0.0)
    } else {
        Err(QuantityError::OutOfRange { value, what, range })
    }
}

/// The number at the start of a text and the trimmed rest.
fn split<'t>(text: &'t str, what: &'static str, like: &'static str) -> Result<(f64, &'t str), QuantityError> {
    let trimmed = text.trim();
    let is_number =
        |(at, c): (usize, char)| c.is_ascii_digit() || c == '.' || (at == 0 && (c == '-' || c == '+'));
    let mut end = trimmed.char_indices().find(|place| !is_number(*place)).map_or(trimmed.len(), |(at, _)| at);
    // An exponent is part of the number only if digits follow: `1e3`, but `5E` is five with a unit.
    let tail = trimmed.get(end..).unwrap_or_default();
    if let Some(exponent) = tail.strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count > 0 {
            end += tail.len() - digits.len() + count;
        }
    }
    let (number, unit) = trimmed.split_at(end);
    let malformed = || QuantityError::Malformed { text: text.to_owned(), what, like };
    Ok((number.parse().map_err(|_| malformed())?, unit.trim()))
}

fn unknown(text: &str, unit: &str, what: &'static str, units: &'static str) -> QuantityError {
    QuantityError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned(), what, units }
}

/// A number that moves from per cent to a share without the error of a division by 100 in binary: `0.1%` is the
/// double nearest to 0.001.
fn hundredth(text: &str, percent: f64) -> f64 {
    let digits = text.trim().trim_end_matches('%').trim_end();
    format!("{digits}e-2").parse().unwrap_or(percent / 100.0)
}

/// A share of one in per cent by moving the decimal point of its shortest form, so that 0.07 prints as 7.
fn as_percent(share: f64) -> f64 {
    format!("{share}e2").parse().unwrap_or(share * 100.0)
}

impl FromStr for Ratio {
    type Err = QuantityError;
    /// Reads `0.1%` or `0.001`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split(text, "a ratio", "`0.1%` or `0.001`")?;
        match unit {
            "%" => Ratio::new(hundredth(text, number)),
            "" => Ratio::new(number),
            _ => Err(unknown(text, unit, "a ratio", "`%` or none")),
        }
    }
}

impl FromStr for Weight {
    type Err = QuantityError;
    /// Reads `5%` or `5`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split(text, "a weight", "`5%`")?;
        if unit.is_empty() || unit == "%" {
            Weight::percent(number)
        } else {
            Err(unknown(text, unit, "a weight", "`%`"))
        }
    }
}

impl FromStr for Rate {
    type Err = QuantityError;
    /// Reads `300/s`, `20/m`, `5/h`, `40/d`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split(text, "a rate", "`300/s`, `20/m` or `5/h`")?;
        let seconds = match unit.trim_start_matches('/').trim() {
            "" => return Err(rate_without_unit(text.trim())),
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            "d" | "day" => 86_400.0,
            _ => return Err(unknown(text, unit, "a rate", "`/s`, `/m`, `/h` or `/d`")),
        };
        if !unit.starts_with('/') {
            return Err(unknown(text, unit, "a rate", "`/s`, `/m`, `/h` or `/d`"));
        }
        Rate::per_second(number / seconds)
    }
}

fn rate_without_unit(number: &str) -> QuantityError {
    QuantityError::NoUnit {
        text: number.to_owned(),
        hint: format!("write `{number}/s`, `{number}/m` or `{number}/h`"),
    }
}

impl FromStr for Quantile {
    type Err = QuantityError;
    /// Reads `p99`, `p99.9`, `99%` or `0.99`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let trimmed = text.trim();
        if let Some(percent) = trimmed.strip_prefix(['p', 'P']) {
            let (number, rest) = split(percent, "a quantile", "`p99`, `99%` or `0.99`")?;
            return match rest {
                "" => Quantile::new(hundredth(percent, number)),
                _ => Err(unknown(text, rest, "a quantile", "`p99`, `99%` or `0.99`")),
            };
        }
        let (number, unit) = split(trimmed, "a quantile", "`p99`, `99%` or `0.99`")?;
        match unit {
            "%" => Quantile::new(hundredth(trimmed, number)),
            "" => Quantile::new(number),
            _ => Err(unknown(text, unit, "a quantile", "`p99`, `99%` or `0.99`")),
        }
    }
}

const BYTE_UNITS: &str = "`B`, `kB`, `MB`, `GB`, `TB`, `Ki`, `Mi`, `Gi` or `Ti`";

impl FromStr for Bytes {
    type Err = QuantityError;
    /// Reads `128Mi`, `1GiB`, `64MB`, `512k`, `1024`; binary units have an `i`, decimal ones have none
    /// (Kubernetes `resource.Quantity`).
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split(text, "an amount of bytes", "`128Mi`, `64MB` or `1GiB`")?;
        let factor = match unit.strip_suffix('B').unwrap_or(unit) {
            "" => 1.0,
            "k" | "K" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "Ki" => 1024.0,
            "Mi" => 1_048_576.0,
            "Gi" => 1_073_741_824.0,
            "Ti" => 1_099_511_627_776.0,
            _ => return Err(unknown(text, unit, "bytes", BYTE_UNITS)),
        };
        bytes_from(number * factor)
    }
}

/// Whole bytes, rounded to the nearest; beyond 2^53 a double no longer counts single bytes.
fn bytes_from(count: f64) -> Result<Bytes, QuantityError> {
    let holds = (0.0..9_007_199_254_740_992.0).contains(&count);
    in_range(count, holds, "an amount of bytes", "between 0 and 2^53")
        .map(|count| Bytes(count.round() as u64))
}

impl FromStr for Cores {
    type Err = QuantityError;
    /// Reads `500m`, `2`, `0.5`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split(text, "a number of cores", "`500m` or `2`")?;
        match unit {
            "" => Cores::new(number),
            "m" => Cores::new(number / 1000.0),
            _ => Err(unknown(text, unit, "cores", "`m` (thousandths) or none")),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", as_percent(self.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", as_percent(self.0))
    }
}

impl fmt::Display for Bytes {
    /// The largest binary unit that divides it, else plain bytes: `128Mi`, `1500B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
            if self.0 > 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl fmt::Display for Cores {
    /// Thousandths below one core or between whole ones where they are whole: `500m`, `2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.0 * 1000.0;
        if self.0.fract() != 0.0 && thousandths.fract() == 0.0 {
            write!(f, "{thousandths}m")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// Reads a quantity from a text through `FromStr` and from a number through `number`.
struct TextOrNumber<T> {
    what: &'static str,
    number: fn(f64) -> Result<T, QuantityError>,
}

impl<T: FromStr<Err = QuantityError>> Visitor<'_> for TextOrNumber<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        (self.number)(value).map_err(E::custom)
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
}

macro_rules! in_files {
    ($type:ident, $what:literal, $number:expr, $schema:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrNumber { what: $what, number: $number })
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

in_files!(Ratio, "a ratio like `0.1%`", Ratio::new, {
    "type": ["string", "number"], "minimum": 0, "maximum": 1, "pattern": "^[0-9.eE+-]+ *%?$",
    "description": "a share: 0.1% or 0.001"
});
in_files!(Weight, "a weight like `5%`", Weight::percent, {
    "type": ["string", "number"], "minimum": 0, "maximum": 100, "pattern": "^[0-9.eE+-]+ *%?$",
    "description": "a share of traffic in per cent: 5%"
});
in_files!(Rate, "a rate like `300/s`", |value| Err(rate_without_unit(&value.to_string())), {
    "type": "string", "pattern": "^[0-9.eE+-]+ */ *(s|sec|second|m|min|minute|h|hour|d|day)$",
    "description": "a rate with its unit: 300/s, 20/m, 5/h"
});
in_files!(Quantile, "a quantile like `p99`", Quantile::new, {
    "type": ["string", "number"], "exclusiveMinimum": 0, "exclusiveMaximum": 1,
    "pattern": "^([pP][0-9.]+|[0-9.eE+-]+ *%?)$", "description": "a quantile: p99, 99% or 0.99"
});
in_files!(Bytes, "an amount of bytes like `128Mi`", bytes_from, {
    "type": ["string", "number"], "minimum": 0, "pattern": "^[0-9.eE+-]+ *(k|K|M|G|T|Ki|Mi|Gi|Ti)?B?$",
    "description": "an amount of memory or data: 128Mi, 64MB, 1GiB"
});
in_files!(Cores, "a number of cores like `500m`", Cores::new, {
    "type": ["string", "number"], "minimum": 0, "pattern": "^[0-9.eE+-]+ *m?$",
    "description": "processor cores: 500m or 2"
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<T: FromStr<Err = QuantityError>>(text: &str) -> T {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn ratios_are_shares_in_either_form() {
        assert_eq!(read::<Ratio>("0.1%").get(), 0.001);
        assert_eq!(read::<Ratio>("0.001"), read::<Ratio>("0.1 %"));
        assert_eq!(read::<Ratio>("7%").to_string(), "7%");
        assert_eq!(Ratio::new(0.07).unwrap().to_string(), "7%");
        assert!(matches!("5".parse::<Ratio>(), Err(QuantityError::OutOfRange { .. })));
        assert!(matches!("nan".parse::<Ratio>(), Err(QuantityError::Malformed { .. })));
        assert!(Ratio::new(f64::NAN).is_err() && Ratio::new(-0.1).is_err());
        assert_eq!(Ratio::new(-0.0).unwrap().to_string(), "0%");
    }

    #[test]
    fn rates_need_a_unit_and_say_which() {
        assert_eq!(read::<Rate>("300/s").get(), 300.0);
        assert_eq!(read::<Rate>("20/m").get(), 20.0 / 60.0);
        assert_eq!(read::<Rate>("5/h").get(), 5.0 / 3600.0);
        let error = "5".parse::<Rate>().unwrap_err();
        assert_eq!(error.to_string(), "`5` has no unit: write `5/s`, `5/m` or `5/h`");
        let error = serde_json::from_str::<Rate>("5").unwrap_err();
        assert!(error.to_string().contains("`5` has no unit"), "{error}");
        assert!("5s".parse::<Rate>().is_err() && "-5/s".parse::<Rate>().is_err());
    }

    #[test]
    fn weights_and_quantiles_know_their_range() {
        assert_eq!(read::<Weight>("5%").ratio(), read::<Ratio>("5%"));
        assert_eq!(serde_json::from_str::<Weight>("25").unwrap().get(), 25.0);
        assert!("101%".parse::<Weight>().is_err());
        assert_eq!(read::<Quantile>("p99.9").get(), 0.999);
        assert_eq!(read::<Quantile>("99%"), read::<Quantile>("0.99"));
        assert_eq!(read::<Quantile>("p50").to_string(), "p50");
        assert!("p100".parse::<Quantile>().is_err() && "0".parse::<Quantile>().is_err());
    }

    #[test]
    fn bytes_and_cores_read_as_kubernetes_writes_them() {
        assert_eq!(read::<Bytes>("128Mi").get(), 128 << 20);
        assert_eq!(read::<Bytes>("1GiB").get(), 1 << 30);
        assert_eq!(read::<Bytes>("64MB").get(), 64_000_000);
        assert_eq!(read::<Bytes>("1.5Ki").to_string(), "1536B");
        assert_eq!(read::<Bytes>("128Mi").to_string(), "128Mi");
        assert!("1Q".parse::<Bytes>().is_err() && "-1".parse::<Bytes>().is_err());
        assert_eq!(read::<Cores>("500m").get(), 0.5);
        assert_eq!(read::<Cores>("1500m").to_string(), "1500m");
        assert_eq!(read::<Cores>("2").to_string(), "2");
    }

    #[test]
    fn wrong_types_are_told_what_is_wanted() {
        let error = serde_json::from_str::<Ratio>("[1]").unwrap_err();
        assert!(error.to_string().contains("expected a ratio like `0.1%`"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value in 0.0..=1.0f64, bytes in 0u64..(1 << 53), per_second in 0.0..1e9f64) {
            let ratio = Ratio::new(value).unwrap();
            let back: Ratio = ratio.to_string().parse().unwrap();
            prop_assert!((back.get() - value).abs() <= value * 1e-15);
            let bytes = Bytes::new(bytes);
            prop_assert_eq!(bytes.to_string().parse::<Bytes>().unwrap(), bytes);
            let rate = Rate::per_second(per_second).unwrap();
            prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = (text.parse::<Ratio>(), text.parse::<Rate>(), text.parse::<Weight>());
            let _ = (text.parse::<Quantile>(), text.parse::<Bytes>(), text.parse::<Cores>());
        }
    }
}
