//! Arguments of `backout hunt`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{PolicyArgs, QuickArgs};
use crate::quantity::Ratio;
use crate::study::hunt::Measure;
use crate::time::SimDuration;

/// Search for the world in which a policy does worst, and write it as a small scenario that replays.
///
/// Worlds are made of a scenario's services, traffic and rollout, of events from the catalogues of faults, confounders and
/// surroundings with drawn parameters, and of noise, traffic and monitoring that are otherwise. The worst world of each kind is
/// made as small as it can be and played again on fresh luck; what shows there is written to a commented scenario file.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout hunt canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout hunt error-5pct-or-latency-1s --measure false-rollback
  backout hunt canary.yaml --scenario my-scenario.yaml --measure slowest --budget 5000 --out-dir worst")]
pub struct Hunt {
    /// Policy files, names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY", required = true)]
    pub files: Vec<String>,
    /// A scenario file or the name of a shipped one: its services, traffic and rollout; its events are replaced [default: a service in numbers]
    #[arg(long, short, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// By what the policy does worst
    #[arg(long, short, value_name = "MEASURE", default_value = "missed")]
    pub measure: MeasureArg,
    /// Worlds of the search [default: 1200, 60 where each request is an event]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub budget: Option<u32>,
    /// Least harm that counts, as a time of mean traffic: 30s is all requests of half a minute, and what a false rollback costs
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub min_impact: SimDuration,
    /// Share of releases in which a finding must show
    #[arg(long, value_name = "SHARE", default_value = "50%")]
    pub shown: Ratio,
    /// Also try what only exists where each request is an event (slow)
    #[arg(long)]
    pub requests: bool,
    /// Folder of the scenario files
    #[arg(long, value_name = "DIR", default_value = "hunt")]
    pub out_dir: PathBuf,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}

/// By what a policy does worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MeasureArg {
    /// Bad releases it does not decide against.
    #[default]
    Missed,
    /// Time from first harm to its decision.
    Slowest,
    /// Healthy releases it rolls back.
    #[value(alias = "false_rollback")]
    FalseRollback,
    /// Harm beyond what rolling back at the first harm leaves.
    Impact,
    /// Rollbacks that do not bring the service back.
    #[value(alias = "rollback_failed")]
    RollbackFailed,
}

impl From<MeasureArg> for Measure {
    fn from(arg: MeasureArg) -> Self {
        match arg {
            MeasureArg::Missed => Measure::Missed,
            MeasureArg::Slowest => Measure::Slowest,
            MeasureArg::FalseRollback => Measure::FalseRollback,
            MeasureArg::Impact => Measure::Impact,
            MeasureArg::RollbackFailed => Measure::RollbackFailed,
        }
    }
}
