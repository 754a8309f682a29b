//! Arguments of `backout tune`.

use std::path::PathBuf;

use super::StudyArgs;

/// Find better numbers for a policy file: thresholds, `for`, windows, limits, intervals, steps.
///
/// Plays variants of the files side by side, keeps the better half again and again, and plays those that are left on
/// fresh randomness. Prints what to change as a unified difference; nothing is written unless asked for.
///
/// Without scenarios and numbers, four of the shipped scenarios are played: errors, latency, a late fault, a traffic spike.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout tune canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout tune canary.yaml --scenario my-scenario.yaml --where 'false_rollback_rate < 1%' --write
  backout tune canary.yaml --list
  backout tune canary.yaml --tune thresholdRange.min=90..99.9 --keep stepWeight
  backout tune alerts.yaml --alert '*=roll_back' --minimise detection_time --out-dir tuned")]
pub struct Tune {
    /// Policy files that belong together, names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY", required = true)]
    pub files: Vec<String>,
    /// Print the numbers that can be turned, and play nothing
    #[arg(long)]
    pub list: bool,
    /// Turn these numbers within these ends, or among these values: PATH=LOW..HIGH, PATH=A,B,C
    #[arg(long, value_name = "PATH=RANGE")]
    pub tune: Vec<String>,
    /// Turn only what `--tune` names
    #[arg(long)]
    pub only: bool,
    /// Leave these numbers as they are; a path or a part of it
    #[arg(long, value_name = "PATH")]
    pub keep: Vec<String>,
    /// What variants have to keep to, like 'false_rollback_rate < 1%' or 'detection_time <= 2m'
    #[arg(long = "where", value_name = "GOAL")]
    pub goals: Vec<String>,
    /// What the recommended variant has least of: cost, detection_time, false_rollback_rate, missed_rate, user_impact or promotion_delay
    #[arg(long, value_name = "FIGURE", default_value = "cost")]
    pub minimise: String,
    /// Variants of the first round
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub variants: u32,
    /// The policy to tune, where the files hold several
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// Show or write this variant of the table instead of the recommended one
    #[arg(long, value_name = "VARIANT")]
    pub pick: Option<usize>,
    /// Write the numbers into the files
    #[arg(long, conflicts_with_all = ["out_dir", "list"])]
    pub write: bool,
    /// Write the changed files into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    pub out_dir: Option<PathBuf>,
    /// What is played.
    #[command(flatten)]
    pub study: StudyArgs,
}
