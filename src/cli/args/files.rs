//! Arguments of the commands that read files and play nothing.

use super::{ChaosArgs, PolicyArgs};

/// Say in plain words what a policy file does here, and what of it has no effect.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout explain canary.yaml
  backout explain rollout.yaml analysis.yaml --scenario my-scenario.yaml
  backout explain --chaos network-delay.yaml --chaos-target web-app=web")]
pub struct Explain {
    /// Policy files, names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY", required_unless_present = "chaos")]
    pub files: Vec<String>,
    /// The scenario whose metrics the queries are bound to
    #[arg(long, short, value_name = "SCENARIO", default_value = "canary/error-regression")]
    pub scenario: String,
    /// Chaos of the user's own files.
    #[command(flatten)]
    pub chaos: ChaosArgs,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// Look for mistakes in policies, SQL migrations and chaos files that can be read: each has a name, a place and a help.
///
/// Thresholds no histogram reaches, percentages compared with shares, triggers that only page, columns the old revision
/// still reads. What a file is follows from its ending and its keys; in a folder, what is none of these is passed over.
/// `backout list warnings` shows every rule.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout lint canary.yaml
  backout lint rollout.yaml analysis.yaml --scenario my-scenario.yaml
  backout lint migrations/ deploy/                everything in two folders
  backout lint triggers.yaml --strict --format json
  backout lint canary.yaml --format sarif --out findings.sarif
  backout lint canary.yaml --format github        annotations beside the lines of a pull request")]
pub struct Lint {
    /// Policies, migrations (.sql), chaos files, folders with them, names of shipped policies, or - for stdin
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// A scenario whose horizon, traffic and exporters are taken as facts; may be repeated
    #[arg(long, short, value_name = "SCENARIO", default_value = "canary/error-regression")]
    pub scenario: Vec<String>,
    /// Exit with 10 when anything is found
    #[arg(long)]
    pub strict: bool,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// Check scenario and policy files without playing them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout validate my-scenario.yaml
  backout validate canary.yaml metric-templates.yaml")]
pub struct Validate {
    /// Scenario and policy files, or - for stdin; what each is follows from its keys
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
}
