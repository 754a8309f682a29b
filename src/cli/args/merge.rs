//! Arguments of `backout merge`.

use std::path::PathBuf;

/// Put the shards of a plan together: the bytes of `backout score` on one machine.
///
/// Every shard has to be there and to be of this plan; a shard that is there twice has to be the same twice. Missing ones
/// are named, with exit code 12.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout merge plan.json shard-*.bin
  backout merge plan.json results/*.bin --format json --out scores.json")]
pub struct Merge {
    /// The file `backout plan` made
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// The files `backout work` wrote
    #[arg(value_name = "SHARD", required = true)]
    pub shards: Vec<PathBuf>,
}
