//! What several detectors need.

pub mod baseline;
pub mod difference;
pub mod fields;
pub mod looks;
pub mod pairs;
pub mod ratio_test;
pub mod sample;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
