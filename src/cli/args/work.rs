//! Arguments of `backout work`.

use std::path::PathBuf;

/// Play one shard of a plan.
///
/// What is written is a function of the plan and the shard: the same bytes on any machine, whole or not at all. A result
/// that is already there is kept, so that a shard may be asked for as often as a queue likes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout work plan.json --shard 17 --out shard-17.bin
  JOB_COMPLETION_INDEX=17 backout work plan.json

Exit codes 2 and 10 will not become better by trying again; 1, 30 and 130 may.")]
pub struct Work {
    /// The file `backout plan` made
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Number of the shard, from 0
    #[arg(long, value_name = "I", env = "JOB_COMPLETION_INDEX", hide_env_values = true)]
    pub shard: u32,
}
