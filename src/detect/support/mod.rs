//! What several detectors need.

pub mod baseline;
pub mod difference;
pub mod events;
pub mod fields;
pub mod looks;
pub mod pairs;
pub mod ratio_test;
pub mod recursion;
pub mod sample;
pub mod standard;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BadField;

/// Which changes are for the worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Growing numbers: error ratios, latencies.
    #[default]
    Up,
    /// Falling numbers: successes, conversions.
    Down,
    /// Both.
    Both,
}

impl Side {
    /// Of two statistics, one for growing and one for falling numbers, the one that counts.
    pub fn worse(self, up: f64, down: f64) -> f64 {
        match self {
            Side::Up => up,
            Side::Down => down,
            Side::Both => up.max(down),
        }
    }

    /// Whether it takes growing numbers for worse.
    pub fn watches_up(self) -> bool {
        self != Side::Down
    }

    /// Whether it takes falling numbers for worse.
    pub fn watches_down(self) -> bool {
        self != Side::Up
    }
}

/// Refuses a number outside of `least..=most`, or that is none.
///
/// # Errors
/// With the field, the range, and `example` as what to write.
pub fn within(field: &'static str, value: f64, least: f64, most: f64, example: &str) -> Result<(), BadField> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let fact = if most < f64::MAX {
        format!("{value} is not between {least} and {most}")
    } else {
        format!("{value} is below {least} or no number")
    };
    Err(BadField::new(field, fact, format!("write `{example}`")))
}
