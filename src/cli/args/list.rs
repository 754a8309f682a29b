//! Arguments of the commands that say what there is.

use clap::ValueEnum;

/// List scenarios, policies, faults, strategies and everything else there is.
#[derive(Clone, Debug, clap::Args)]
pub struct List {
    /// What to list [default: everything]
    #[arg(value_name = "KIND")]
    pub kind: Option<ListKind>,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListKind {
    /// Shipped scenarios.
    Scenarios,
    /// Shipped policies and the reference policies of every score.
    Policies,
    /// What can be wrong with a release.
    Faults,
    /// What looks like a bad release and is not.
    Confounders,
    /// What chaos does to instances, networks, disks and databases.
    Surroundings,
    /// Parameters of noise, fitted to recorded series.
    Noise,
    /// Detectors of the change-detection literature, for triggers of one's own.
    Detectors,
    /// How a release comes.
    Strategies,
    /// How it goes back.
    Procedures,
    /// Which revision it goes back to.
    Targets,
    /// How a rollback is verified, soundly or not.
    Checks,
    /// What is wrong with the way back.
    Defects,
    /// Forms of a result.
    Reports,
    /// Exporters whose metric names are known.
    Dialects,
    /// Policy formats that can be read.
    Formats,
    /// What can be said about files that can be played and are most likely not meant so.
    Warnings,
}

/// Print the JSON schema of a file format.
#[derive(Clone, Debug, clap::Args)]
pub struct Schema {
    /// Which format
    #[arg(value_name = "KIND")]
    pub kind: SchemaKind,
}

/// A format with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// Scenario files.
    Scenario,
    /// Native policy files.
    Policy,
    /// Policy files that name a process of yours.
    ProcessFile,
    /// The messages between backout and such a process, one JSON object a line.
    Process,
    /// Gate files.
    Gate,
    /// Records of replications, as `run --format json` prints them.
    Record,
}

/// Print a completion script for a shell.
#[derive(Clone, Debug, clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}
