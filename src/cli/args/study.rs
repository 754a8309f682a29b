//! What is played, beside the policy files: the options of every command that plays a study.

use serde::{Deserialize, Serialize};

use super::{ChaosArgs, PlayArgs, PolicyArgs, QuickArgs};

/// Scenarios, how often and how they are played, and how policy files are read.
#[derive(Clone, Debug, Default, clap::Args, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudyArgs {
    /// A scenario file or the name of a shipped one; may be repeated [default: the shipped ones]
    #[arg(long, short, value_name = "SCENARIO")]
    pub scenario: Vec<String>,
    /// Replications of each scenario [default: 200, fewer each where there are more than 24, 8 where each request is an event]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub replications: Option<u32>,
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
