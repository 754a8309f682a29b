//! How policy files are read.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How policy files are read.
#[derive(Clone, Debug, Default, clap::Args, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "How policy files are read")]
pub struct PolicyArgs {
    /// What a name of the house means: METRIC=SIGNAL, label.LABEL=STABLE/CANDIDATE, service=NAME, namespace=NAME or provider.METRIC=ANSWER
    #[arg(long, value_name = "KEY=VALUE")]
    pub bind: Vec<String>,
    /// Value of a placeholder of the file, like an Argo analysis argument
    #[arg(long, value_name = "NAME=VALUE")]
    pub arg: Vec<String>,
    /// What stands in for the receiver of a webhook: NAME=fails:5%,takes:12s,answers:500/202,opens:20m (`*` = all)
    #[arg(long, value_name = "NAME=SETTING")]
    pub webhook: Vec<String>,
    /// What follows an alert of Prometheus rules: NAME=roll_back, LABEL:VALUE=hold,after:1m, *=page
    #[arg(long, value_name = "ALERT=SETTING")]
    pub alert: Vec<String>,
    /// How a Kayenta canary configuration is run: lifetime=1h, interval=10m, begin_after=5m, lookback=30m, step=1m, pass=95, marginal=75
    #[arg(long, value_name = "KEY=VALUE")]
    pub kayenta: Vec<String>,
    /// Accept queries that can never find a series, and templates that are not given
    #[arg(long)]
    pub allow_missing_series: bool,
    /// Play the rollout a policy file brings, or the scenario's for all
    #[arg(long, value_name = "WHOSE", default_value = "file")]
    pub rollout: RolloutFrom,
}

/// Whose rollout is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutFrom {
    /// The policy file's own, where it brings one.
    #[default]
    File,
    /// The scenario's, for every policy.
    Scenario,
}
