//! The command line as it is written; nothing is looked up here. One file per command, and one per group of options that
//! several commands share.

mod compare;
mod files;
mod gate;
mod hunt;
mod init;
mod list;
mod merge;
mod plan;
mod play;
mod policy;
mod rare;
mod report;
mod run;
mod score;
mod service;
mod size;
mod study;
mod test;
mod tune;
mod work;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand, ValueEnum};

pub use compare::Compare;
pub use files::{Explain, Lint, Validate};
pub use gate::GateArgs;
pub use hunt::{Hunt, MeasureArg};
pub use init::Init;
pub use list::{Completions, List, ListKind, Schema, SchemaKind};
pub use merge::Merge;
pub use plan::Plan;
pub use play::{ChaosArgs, FidelityArg, PlayArgs, Twin};
pub use policy::{PolicyArgs, RolloutFrom};
pub use rare::Rare;
pub use report::Report;
pub use run::Run;
pub use score::Score;
pub use service::QuickArgs;
pub use size::{EffectArg, Size};
pub use study::StudyArgs;
pub use test::{TestKind, TestRules, Tests};
pub use tune::Tune;
pub use work::Work;

/// The seed of every run that is given none: a constant, so that two people who type the same see the same.
pub const DEFAULT_SEED: u64 = 20_261_121;

const EXAMPLES: &str = "\
Examples:
  backout score                                   the shipped policies over the shipped scenarios
  backout score canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout score canary.yaml metric-templates.yaml --scenario fault/crash-loop
  backout run fault/crash-loop canary.yaml --replication 3
  backout explain canary.yaml
  backout list

Exit codes: 0 ok, 1 unexpected, 2 usage, 10 invalid scenario or policy, 11 void policy,
12 replications or shards missing, 13 run store in use, 20 gate failed, 21 gate inconclusive,
30 output could not be written, 130 interrupted.";

/// If this release is bad, does the rollback trigger fire in time, and how often does it fire for nothing?
///
/// Plays a rollout many times in a simulator, lets your real trigger policy watch what monitoring would show, and scores
/// it: detection time, false rollbacks, user impact.
#[derive(Debug, Parser)]
#[command(name = "backout", version, after_help = EXAMPLES, propagate_version = true, max_term_width = 100)]
pub struct Args {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Seed of all randomness; the same seed gives the same result
    #[arg(long, global = true, value_name = "N", default_value_t = DEFAULT_SEED, env = "BACKOUT_SEED", hide_env_values = true)]
    pub seed: u64,
    /// Threads [default: all processors]; the result does not depend on it
    #[arg(long, global = true, value_name = "N", env = "BACKOUT_JOBS", hide_env_values = true)]
    pub jobs: Option<NonZeroUsize>,
    /// Form of the result [default: text]
    #[arg(long, global = true, value_name = "FORMAT", value_parser = PossibleValuesParser::new(FORMATS))]
    pub format: Option<String>,
    /// Write the result to a file instead of stdout
    #[arg(long, global = true, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// When to colour; NO_COLOR and CLICOLOR_FORCE are honoured too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Colour,
    /// Say nothing but the result and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The forms of a score.
pub const SCORE_FORMATS: [&str; 5] = ["text", "json", "markdown", "csv", "html"];

/// Every form a result can have; a command says which of them it knows.
pub const FORMATS: [&str; 8] = ["text", "json", "markdown", "csv", "html", "sarif", "github", "junit"];

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On terminals.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Makes it the choice of all streams; `auto` leaves it to the terminal and the environment.
    pub(super) fn write_global(self) {
        match self {
            Colour::Auto => {}
            Colour::Always => anstream::ColorChoice::Always.write_global(),
            Colour::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// The commands; each is described at its arguments, which is where its help comes from.
#[allow(missing_docs, reason = "a description here would hide the longer one of the arguments")]
#[derive(Debug, Subcommand)]
pub enum Command {
    Score(Score),
    Compare(Compare),
    Gate(GateArgs),
    Report(Report),
    Plan(Plan),
    Work(Work),
    Merge(Merge),
    Run(Run),
    Size(Size),
    Tune(Tune),
    Hunt(Hunt),
    Rare(Rare),
    Explain(Explain),
    Lint(Lint),
    Validate(Validate),
    List(List),
    Schema(Schema),
    Test(Tests),
    Init(Init),
    Completions(Completions),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn forms_and_variants_are_those_of_the_catalogues() {
        let outputs: Vec<&str> = crate::report::OUTPUTS.iter().map(|output| output.name).collect();
        assert_eq!(outputs, SCORE_FORMATS);
        assert!(outputs.iter().all(|output| FORMATS.contains(output)));
        let variants: Vec<&str> = crate::scenario::quick::FAMILY.iter().map(|variant| variant.name).collect();
        assert_eq!(variants, ["errors", "latency", "crash"]);
    }
}
