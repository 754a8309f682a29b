//! Arguments of `backout run`.

use super::{ChaosArgs, PlayArgs, PolicyArgs, QuickArgs, Twin};

/// Play one replication and print its timeline.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout run fault/crash-loop canary.yaml
  backout run my-scenario.yaml canary.yaml --replication 17 --twin healthy
  backout run quick/errors canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout run fault/late-onset canary.yaml --format json --out record.json")]
pub struct Run {
    /// A scenario file, the name of a shipped one, or quick/errors, quick/latency, quick/crash
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Policy files, names of shipped policies, or - for stdin [default: the shipped policies]
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// Number of the replication, from 0
    #[arg(long, short = 'r', value_name = "N", default_value_t = 0)]
    pub replication: u32,
    /// Which release is shown
    #[arg(long, value_name = "TWIN", default_value = "bad")]
    pub twin: Twin,
    /// How requests are played.
    #[command(flatten)]
    pub play: PlayArgs,
    /// Chaos of the user's own files.
    #[command(flatten)]
    pub chaos: ChaosArgs,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}
