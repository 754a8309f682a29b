//! Arguments of `backout compare`.

use super::StudyArgs;

/// Compare two policies, or two versions of one, in the same worlds.
///
/// Differences are new minus base, paired by replication. Policies of several files are compared with those of the same name.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout compare old.yaml new.yaml
  backout compare golden-signals five-xx-10pct-2m --scenario fault/crash-loop
  backout compare --base main/canary.yaml --base main/metrics.yaml --new canary.yaml --new metrics.yaml
  backout compare old.yaml new.yaml --robust --format markdown")]
pub struct Compare {
    /// The policy file of the base, then the new one; names of shipped policies too
    #[arg(value_name = "POLICY", num_args = 2, conflicts_with_all = ["base", "new"], required_unless_present = "base")]
    pub files: Vec<String>,
    /// A policy file of the base; may be repeated
    #[arg(long, value_name = "FILE", requires = "new")]
    pub base: Vec<String>,
    /// A new policy file; may be repeated
    #[arg(long, value_name = "FILE", requires = "base")]
    pub new: Vec<String>,
    /// Play again with noise and with traffic at a half and at twice of what the scenarios say
    #[arg(long)]
    pub robust: bool,
    /// What is played.
    #[command(flatten)]
    pub study: StudyArgs,
}
