//! Arguments of `backout rare`.

use super::{PolicyArgs, QuickArgs};

/// How often policies roll back a good release, where that is rarer than plain replications show.
///
/// The good release is played in worlds with more bad luck than usual, and each false rollback is weighed by how much more
/// likely it was made (importance sampling). A figure comes with its interval and the effective number of events behind it; where
/// that is too small there is no figure.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout rare canary.yaml --scenario canary/clean-low-traffic
  backout rare canary.yaml --rate 300/s --errors 0.1% -n 20000
  backout rare error-5pct-or-latency-1s --scenario my-scenario.yaml --format json")]
pub struct Rare {
    /// Policy files, names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY", required = true)]
    pub files: Vec<String>,
    /// A scenario file or the name of a shipped one; only its good release is played [default: a service in numbers]
    #[arg(long, short, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// Replications that enter the estimate of each policy
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    pub replications: u32,
    /// Replications of each step of the search for luck that helps; about a hundred steps a policy
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(5..=1_000_000))]
    pub pilots: u32,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}
