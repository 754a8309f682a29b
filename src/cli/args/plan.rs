//! Arguments of `backout plan`.

use std::num::NonZeroU32;

use super::StudyArgs;

/// Cut a study into shards that other machines can play, and say how long they take.
///
/// The plan holds everything: the texts of policies and scenarios, options, seed and version. `backout work` plays a shard
/// of it, `backout merge` puts the results together. It is the same plan, byte for byte, whoever makes it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout plan canary.yaml -n 5000 --shards 64 --out plan.json
  backout work plan.json --shard 17 --out shard-17.bin
  backout merge plan.json shard-*.bin
  backout plan canary.yaml -n 5000 --shards 64 --kubernetes registry.example/backout:0.1.0 | kubectl apply -f -")]
pub struct Plan {
    /// Policy files (Argo, Flagger, native triggers), names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// Parts of about the same size; the result does not depend on it
    #[arg(long, value_name = "N")]
    pub shards: NonZeroU32,
    /// Print a Kubernetes Indexed Job that plays the plan with this image, instead of the plan
    #[arg(long, value_name = "IMAGE")]
    pub kubernetes: Option<String>,
    /// Do not play a few replications to say how long all of them take
    #[arg(long)]
    pub no_estimate: bool,
    /// What is played.
    #[command(flatten)]
    pub study: StudyArgs,
}
