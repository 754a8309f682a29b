//! Arguments of `backout report`.

use std::path::PathBuf;

/// Report what is in a run store, without playing anything.
///
/// The bytes are those that `backout score --store DIR` gave, in any form.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout report night
  backout report night --format markdown --out night.md
  zcat night/records.jsonl.gz | jq -c .record.fingerprint")]
pub struct Report {
    /// The folder given to `score --store`
    #[arg(value_name = "DIR")]
    pub store: PathBuf,
}
