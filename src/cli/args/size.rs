//! Arguments of `backout size`.

use clap::ValueEnum;

use super::{PolicyArgs, QuickArgs};
use crate::quantity::Ratio;

/// How big a canary must be: what its traffic can show, and from which severity on policies catch a bad release.
///
/// Without a policy, only the traffic is asked: requests the candidate gets in each step, the smallest rise of the error
/// ratio that so many can show to anybody, and the bake that other rises take. With policies, the same releases are played
/// with one severity after another.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout size --rate 300/s --errors 0.1%
  backout size canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout size canary.yaml --scenario my-scenario.yaml --effect latency --severity 1.2,1.5,2,3
  backout size error-5pct-or-latency-1s --severity 0.5%,1%,2%,5%,10% -n 200 --format json")]
pub struct Size {
    /// Policy files, names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// A scenario file or the name of a shipped one; its faults are replaced [default: a service in numbers]
    #[arg(long, short, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// What is wrong with the release
    #[arg(long, value_name = "WHAT", default_value = "errors")]
    pub effect: EffectArg,
    /// How much, comma-separated: shares of requests that fail, or factors of the answer time
    #[arg(long, value_name = "LIST")]
    pub severity: Vec<String>,
    /// Probability of a false alarm a test may have
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub alpha: Ratio,
    /// Probability with which an effect must be seen
    #[arg(long, value_name = "SHARE", default_value = "90%")]
    pub power: Ratio,
    /// Releases of each severity [default: 100, 8 where each request is an event]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub replications: Option<u32>,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}

/// What is wrong with a release whose severity is varied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EffectArg {
    /// A share of requests fails.
    #[default]
    Errors,
    /// Requests take longer.
    Latency,
}
