//! Arguments of `backout score`.

use std::path::PathBuf;

use super::StudyArgs;

/// Score policies over scenarios: detection time, false rollbacks, user impact.
///
/// Without files, the shipped policies are scored over the shipped scenarios. All files are read together: a canary
/// finds its metric templates and a rollout its analysis templates among them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout score
  backout score canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout score rollout.yaml analysis.yaml --arg service-name=web --scenario my-scenario.yaml
  kubectl get canary podinfo -o yaml | backout score - --scenario fault/crash-loop
  backout score canary.yaml --format json --out scores.json
  backout score canary.yaml -n 5000 --store night         goes on where it was stopped")]
pub struct Score {
    /// Policy files (Argo, Flagger, native triggers), names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// Keep every finished replication in this folder: the same command goes on where it was stopped, `backout report` reads it
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// What is played.
    #[command(flatten)]
    pub study: StudyArgs,
}
