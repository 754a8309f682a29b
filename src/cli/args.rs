//! The command line as it is written; nothing is looked up here.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand, ValueEnum};

use crate::quantity::{Rate, Ratio};
use crate::time::SimDuration;

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

Exit codes: 0 ok, 1 unexpected, 2 usage, 10 invalid scenario or policy, 20 gate failed,
21 gate inconclusive, 30 output could not be written.";

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
pub const SCORE_FORMATS: [&str; 4] = ["text", "json", "markdown", "csv"];

/// Every form a result can have; a command says which of them it knows.
pub const FORMATS: [&str; 6] = ["text", "json", "markdown", "csv", "sarif", "github"];

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
    Run(Run),
    Size(Size),
    Explain(Explain),
    Lint(Lint),
    Validate(Validate),
    List(List),
    Schema(Schema),
    Test(Tests),
    Init(Init),
    Completions(Completions),
}

/// What is known of a service, instead of a scenario file.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "A service in numbers, instead of scenario files")]
pub struct QuickArgs {
    /// Mean arrival rate, like 300/s
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// Share of requests that fail when nothing is wrong, like 0.1%
    #[arg(long, value_name = "SHARE")]
    pub errors: Option<Ratio>,
    /// Answer time of the slowest hundredth, like 250ms
    #[arg(long, value_name = "TIME")]
    pub p99: Option<SimDuration>,
    /// Median answer time [default: a sixth of p99]
    #[arg(long, value_name = "TIME")]
    pub p50: Option<SimDuration>,
    /// Users [default: 100 per request a second]
    #[arg(long, value_name = "N")]
    pub users: Option<u64>,
    /// Pods [default: enough that none is more than a quarter busy]
    #[arg(long, value_name = "N")]
    pub replicas: Option<u32>,
    /// Name of the service [default: web]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

impl QuickArgs {
    /// Whether any of them was given.
    pub fn is_given(&self) -> bool {
        self.rate.is_some()
            || self.errors.is_some()
            || self.p99.is_some()
            || self.p50.is_some()
            || self.users.is_some()
            || self.replicas.is_some()
            || self.service.is_some()
    }
}

/// How policy files are read.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "How policy files are read")]
pub struct PolicyArgs {
    /// What a name of the house means: METRIC=SIGNAL, label.LABEL=STABLE/CANDIDATE, service=NAME, namespace=NAME or provider.METRIC=ANSWER
    #[arg(long, value_name = "KEY=VALUE")]
    pub bind: Vec<String>,
    /// Value of a placeholder of the file, like an Argo analysis argument
    #[arg(long, value_name = "NAME=VALUE")]
    pub arg: Vec<String>,
    /// What stands in for the receiver of a webhook: NAME=fails:5%,takes:12s,answers:500/202,opens:20m (`*` = all)
    #[arg(long, value_name = "NAME=SETTING")]
    pub webhook: Vec<String>,
    /// What follows an alert of Prometheus rules: NAME=roll_back, LABEL:VALUE=hold,after:1m, *=page
    #[arg(long, value_name = "ALERT=SETTING")]
    pub alert: Vec<String>,
    /// How a Kayenta canary configuration is run: lifetime=1h, interval=10m, begin_after=5m, lookback=30m, step=1m, pass=95, marginal=75
    #[arg(long, value_name = "KEY=VALUE")]
    pub kayenta: Vec<String>,
    /// Accept queries that can never find a series, and templates that are not given
    #[arg(long)]
    pub allow_missing_series: bool,
    /// Play the rollout a policy file brings, or the scenario's for all
    #[arg(long, value_name = "WHOSE", default_value = "file")]
    pub rollout: RolloutFrom,
}

/// How requests are played.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct PlayArgs {
    /// auto: counts per scrape window where no queue couples the requests, each request an event elsewhere
    #[arg(long, value_name = "LEVEL", default_value = "auto")]
    pub fidelity: FidelityArg,
}

/// Chaos of the user's own files, on top of what the scenarios say.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Chaos from files of other tools")]
pub struct ChaosArgs {
    /// A file of Chaos Mesh, Litmus, Chaos Toolkit, AWS FIS or Istio: what it does happens in every scenario; may be repeated
    #[arg(long, value_name = "FILE")]
    pub chaos: Vec<String>,
    /// When it begins, counted from the deploy [default: 5m]
    #[arg(long, value_name = "TIME", requires = "chaos")]
    pub chaos_at: Option<SimDuration>,
    /// Which service a name in these files means (a label's value, a host, a proxy) [default: one of that name, else the one that is rolled out]
    #[arg(long, value_name = "NAME=SERVICE", requires = "chaos")]
    pub chaos_target: Vec<String>,
}

/// The level of detail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FidelityArg {
    /// As the scenario says, and where it says nothing, as it allows.
    #[default]
    Auto,
    /// Counts per scrape window.
    Flow,
    /// Each request is an event.
    Request,
}

/// Whose rollout is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RolloutFrom {
    /// The policy file's own, where it brings one.
    #[default]
    File,
    /// The scenario's, for every policy.
    Scenario,
}

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
  backout score canary.yaml --format json --out scores.json")]
pub struct Score {
    /// Policy files (Argo, Flagger, native triggers), names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// A scenario file or the name of a shipped one; may be repeated [default: the shipped ones]
    #[arg(long, short, value_name = "SCENARIO")]
    pub scenario: Vec<String>,
    /// Replications of each scenario [default: 200, fewer each where there are more than 24, 8 where each request is an event]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub replications: Option<u32>,
    /// How requests are played.
    #[command(flatten)]
    pub play: PlayArgs,
    /// Chaos of the user's own files.
    #[command(flatten)]
    pub chaos: ChaosArgs,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}

/// How big a canary must be: what its traffic can show, and from which severity on policies catch a bad release.
///
/// Without a policy, only the traffic is asked: requests the candidate gets in each step, the smallest rise of the error
/// ratio that so many can show to anybody, and the bake that other rises take. With policies, the same releases are played
/// with one severity after another.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout size --rate 300/s --errors 0.1%
  backout size canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout size canary.yaml --scenario my-scenario.yaml --effect latency --severity 1.2,1.5,2,3
  backout size error-5pct-or-latency-1s --severity 0.5%,1%,2%,5%,10% -n 200 --format json")]
pub struct Size {
    /// Policy files, names of shipped policies, or - for stdin
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// A scenario file or the name of a shipped one; its faults are replaced [default: a service in numbers]
    #[arg(long, short, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// What is wrong with the release
    #[arg(long, value_name = "WHAT", default_value = "errors")]
    pub effect: EffectArg,
    /// How much, comma-separated: shares of requests that fail, or factors of the answer time
    #[arg(long, value_name = "LIST")]
    pub severity: Vec<String>,
    /// Probability of a false alarm a test may have
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub alpha: Ratio,
    /// Probability with which an effect must be seen
    #[arg(long, value_name = "SHARE", default_value = "90%")]
    pub power: Ratio,
    /// Releases of each severity [default: 100, 8 where each request is an event]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub replications: Option<u32>,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}

/// What is wrong with a release whose severity is varied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EffectArg {
    /// A share of requests fails.
    #[default]
    Errors,
    /// Requests take longer.
    Latency,
}

/// Play one replication and print its timeline.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout run fault/crash-loop canary.yaml
  backout run my-scenario.yaml canary.yaml --replication 17 --twin healthy
  backout run quick/errors canary.yaml --rate 300/s --errors 0.1% --p99 250ms
  backout run fault/late-onset canary.yaml --format json --out record.json")]
pub struct Run {
    /// A scenario file, the name of a shipped one, or quick/errors, quick/latency, quick/crash
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Policy files, names of shipped policies, or - for stdin [default: the shipped policies]
    #[arg(value_name = "POLICY")]
    pub files: Vec<String>,
    /// Number of the replication, from 0
    #[arg(long, short = 'r', value_name = "N", default_value_t = 0)]
    pub replication: u32,
    /// Which release is shown
    #[arg(long, value_name = "TWIN", default_value = "bad")]
    pub twin: Twin,
    /// How requests are played.
    #[command(flatten)]
    pub play: PlayArgs,
    /// Chaos of the user's own files.
    #[command(flatten)]
    pub chaos: ChaosArgs,
    /// How policy files are read.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}

/// One of the two releases of a replication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Twin {
    /// The release with its fault.
    #[default]
    Bad,
    /// The same release without it.
    Healthy,
}

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

/// Look for mistakes in policy files that can be read: each has a name, a place and a help.
///
/// Thresholds no histogram reaches, percentages compared with shares, triggers that only page. `backout list warnings`
/// shows every rule.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout lint canary.yaml
  backout lint rollout.yaml analysis.yaml --scenario my-scenario.yaml
  backout lint triggers.yaml --strict --format json
  backout lint canary.yaml --format sarif --out findings.sarif
  backout lint canary.yaml --format github        annotations beside the lines of a pull request")]
pub struct Lint {
    /// Policy files, names of shipped policies, or - for stdin
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

/// Run unit tests of files that have some.
#[derive(Clone, Debug, clap::Args)]
pub struct Tests {
    /// Whose tests.
    #[command(subcommand)]
    pub kind: TestKind,
}

/// What has unit tests.
#[allow(missing_docs, reason = "a description here would hide the longer one of the arguments")]
#[derive(Clone, Debug, Subcommand)]
pub enum TestKind {
    Rules(TestRules),
}

/// Run unit tests of Prometheus rules, as `promtool test rules` does.
///
/// Exits with 1 when a test fails or a file cannot be used, as promtool does.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout test rules rules_test.yml
  backout test rules tests/*.yml --run 'burn rate'
  backout test rules rules_test.yml --format json")]
pub struct TestRules {
    /// Test files; the rule files they name are looked for beside them
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Run only tests whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub run: Option<String>,
}

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
    /// Records of replications, as `run --format json` prints them.
    Record,
}

/// Write a scenario file to start from.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout init                                    writes scenario.yaml
  backout init shop.yaml --from rollout.yaml      with the rollout and the replicas of your file
  backout init - --fault latency --rate 300/s --p99 250ms")]
pub struct Init {
    /// The file to write, or - for stdout
    #[arg(value_name = "FILE", default_value = "scenario.yaml")]
    pub file: String,
    /// Take service, replicas and rollout from a file of yours (Argo Rollout, Flagger Canary)
    #[arg(long, value_name = "FILE")]
    pub from: Vec<String>,
    /// What is wrong with the bad release
    #[arg(long, value_name = "FAULT", default_value = "errors", value_parser = PossibleValuesParser::new(["errors", "latency", "crash"]))]
    pub fault: String,
    /// Replace a file that exists
    #[arg(long)]
    pub force: bool,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}

/// Print a completion script for a shell.
#[derive(Clone, Debug, clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
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
