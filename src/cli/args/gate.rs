//! Arguments of `backout gate`.

use std::path::PathBuf;

use super::StudyArgs;

/// Refuse a change that makes a policy worse: clauses about its scores, decided with intervals.
///
/// Every policy is held against every clause of the gate. Exit codes: 0 all clauses pass, 20 one failed, 21 none failed and
/// one could not be decided with the replications that were played.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout gate gate.yaml canary.yaml
  backout gate gate.yaml canary.yaml --base main/canary.yaml --why
  backout gate rollback-goals canary.yaml --drill-history drills.jsonl
  backout gate gate.yaml canary.yaml --format junit --out gate.xml
  backout gate gate.yaml canary.yaml --format github --summary \"$GITHUB_STEP_SUMMARY\"")]
pub struct GateArgs {
    /// A gate file, the name of a shipped one (rollback-goals, rollback-test), or - for stdin
    #[arg(value_name = "GATE")]
    pub gate: String,
    /// Policy files or names of shipped policies [default: the shipped policies]
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// The policy files that `vs base` compares with; may be repeated
    #[arg(long, value_name = "FILE")]
    pub base: Vec<String>,
    /// Name the replications behind each clause that does not pass, and the commands that replay them
    #[arg(long)]
    pub why: bool,
    /// Add the Markdown form to this file, as a step summary of GitHub wants it
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// The history of drills, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub drill_history: Option<String>,
    /// The day that days since the last drill are counted to [default: today, UTC]
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<String>,
    /// What is played.
    #[command(flatten)]
    pub study: StudyArgs,
}
