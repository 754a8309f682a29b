//! A service in numbers.

use serde::{Deserialize, Serialize};

use crate::quantity::{Rate, Ratio};
use crate::time::SimDuration;

/// What is known of a service, instead of a scenario file.
#[derive(Clone, Debug, Default, clap::Args, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "A service in numbers, instead of scenario files")]
pub struct QuickArgs {
    /// Mean arrival rate, like 300/s
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// Share of requests that fail when nothing is wrong, like 0.1%
    #[arg(long, value_name = "SHARE")]
    pub errors: Option<Ratio>,
    /// Answer time of the slowest hundredth, like 250ms
    #[arg(long, value_name = "TIME")]
    pub p99: Option<SimDuration>,
    /// Median answer time [default: a sixth of p99]
    #[arg(long, value_name = "TIME")]
    pub p50: Option<SimDuration>,
    /// Users [default: 100 per request a second]
    #[arg(long, value_name = "N")]
    pub users: Option<u64>,
    /// Pods [default: enough that none is more than a quarter busy]
    #[arg(long, value_name = "N")]
    pub replicas: Option<u32>,
    /// Name of the service [default: web]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

impl QuickArgs {
    /// Whether any of them was given.
    pub fn is_given(&self) -> bool {
        self.rate.is_some()
            || self.errors.is_some()
            || self.p99.is_some()
            || self.p50.is_some()
            || self.users.is_some()
            || self.replicas.is_some()
            || self.service.is_some()
    }
}
