//! How requests are played, and what chaos happens meanwhile.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::time::SimDuration;

/// How requests are played.
#[derive(Clone, Copy, Debug, Default, clap::Args, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlayArgs {
    /// auto: counts per scrape window where no queue couples the requests, each request an event elsewhere
    #[arg(long, value_name = "LEVEL", default_value = "auto")]
    pub fidelity: FidelityArg,
}

/// The level of detail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FidelityArg {
    /// As the scenario says, and where it says nothing, as it allows.
    #[default]
    Auto,
    /// Counts per scrape window.
    Flow,
    /// Each request is an event.
    Request,
}

/// Chaos of the user's own files, on top of what the scenarios say.
#[derive(Clone, Debug, Default, clap::Args, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Chaos from files of other tools")]
pub struct ChaosArgs {
    /// A file of Chaos Mesh, Litmus, Chaos Toolkit, AWS FIS or Istio: what it does happens in every scenario; may be repeated
    #[arg(long, value_name = "FILE")]
    pub chaos: Vec<String>,
    /// When it begins, counted from the deploy [default: 5m]
    #[arg(long, value_name = "TIME", requires = "chaos")]
    pub chaos_at: Option<SimDuration>,
    /// Which service a name in these files means (a label's value, a host, a proxy) [default: one of that name, else the one that is rolled out]
    #[arg(long, value_name = "NAME=SERVICE", requires = "chaos")]
    pub chaos_target: Vec<String>,
}

/// One of the two releases of a replication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Twin {
    /// The release with its fault.
    #[default]
    Bad,
    /// The same release without it.
    Healthy,
}
