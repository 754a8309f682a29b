//! Checks and defaults that detectors share.

use crate::detect::BadField;
use crate::quantity::Ratio;

/// One false alarm in a hundred healthy releases: what a rollback can afford.
pub fn one_percent() -> Ratio {
    Ratio::ONE_PERCENT
}

/// One bad release in twenty that a test accepts.
pub fn five_percent() -> Ratio {
    Ratio::new(0.05).unwrap_or_default()
}

/// An error probability: strictly between 0 and 1.
///
/// # Errors
/// At the ends.
pub fn level(field: &'static str, level: Ratio) -> Result<(), BadField> {
    let within = level.get() > 0.0 && level.get() < 1.0;
    let fact = || format!("an error probability of {}", level.get());
    if within { Ok(()) } else { Err(BadField::new(field, fact(), "write a share between 0 and 1, like 1%")) }
}

/// A finite number of at least `least`.
///
/// # Errors
/// Below, or no number.
pub fn at_least(field: &'static str, value: f64, least: f64, help: &str) -> Result<(), BadField> {
    let fits = value.is_finite() && value >= least;
    if fits {
        Ok(())
    } else {
        Err(BadField::new(field, format!("{value} is below {least} or no number"), help))
    }
}

/// A finite number above 0.
///
/// # Errors
/// At 0 or below, or no number.
pub fn positive(field: &'static str, value: f64, help: &str) -> Result<(), BadField> {
    let fits = value.is_finite() && value > 0.0;
    if fits { Ok(()) } else { Err(BadField::new(field, format!("{value} is not above 0"), help)) }
}

/// A whole number in a range.
///
/// # Errors
/// Outside of it.
pub fn within(field: &'static str, value: u32, least: u32, most: u32) -> Result<(), BadField> {
    let fits = (least..=most).contains(&value);
    let help = format!("write a number from {least} to {most}");
    if fits { Ok(()) } else { Err(BadField::new(field, format!("{value} is out of range"), help)) }
}
