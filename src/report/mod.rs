//! A catalogue of outputs: a finished study in, bytes out.
//!
//! An output opens no file, prints nothing and decides nothing: whoever calls it writes the [`Artifact`]s. Adding one is
//! a file here and two lines below (`pub mod` and the entry of [`OUTPUTS`]).
//!
//! The stable contract is `json` and `csv`; `text` and `markdown` are for people and may change.

pub mod compare;
pub mod csv;
pub mod findings;
pub mod gate;
pub mod html;
pub mod hunt;
pub mod json;
pub mod markdown;
pub mod rarity;
pub mod sizing;
pub mod support;
pub mod text;
pub mod timeline;
pub mod tuning;

use serde::{Deserialize, Serialize};

use crate::replication::record::Player;
use crate::score::meta::{PolicyMeta, ScenarioMeta};
use crate::score::reading::{Singled, Singling};
use crate::score::{Scorecard, metastable};
pub use support::void::{VoidRow, lines as void_lines};

/// Version of the serialised report.
pub const FORMAT: u32 = 1;

/// A file an output makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Suggested file name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A kind of output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// What `--format` calls it.
    pub name: &'static str,
    /// One line for lists.
    pub summary: &'static str,
    /// Makes it.
    pub render: fn(&Report) -> Vec<Artifact>,
}

/// Every output there is, in the order of lists.
pub const OUTPUTS: &[Output] = &[text::OUTPUT, json::OUTPUT, markdown::OUTPUT, csv::OUTPUT, html::OUTPUT];

/// The output of this name.
pub fn output(name: &str) -> Option<&'static Output> {
    OUTPUTS.iter().find(|output| output.name == name)
}

/// What a report tells: the scorecard and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this form, [`FORMAT`].
    pub format: u32,
    /// The command that repeats the run.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// The scenarios played.
    pub scenarios: Vec<ScenarioMeta>,
    /// The policies played.
    pub policies: Vec<PolicyMeta>,
    /// The scores.
    pub scorecard: Scorecard,
    /// Policies without a score, because their own process failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub void: Vec<VoidRow>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What a reader should doubt.
    pub warnings: Vec<String>,
    /// Replications singled out, with the commands that play them.
    pub replays: Vec<Replay>,
    /// Further commands, e.g. the one that opens the report.
    pub next: Vec<Next>,
    /// How the text output is laid out; not part of the report.
    #[serde(skip)]
    pub screen: Screen,
}

/// A replication singled out, and how to play it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The policy it is about.
    pub policy: String,
    /// Which replication and for what.
    pub singled: Singled,
    /// The command.
    pub command: String,
}

/// A command to run next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// What it does.
    pub what: String,
    /// The command.
    pub command: String,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns; at least 80 are used.
    pub width: usize,
    /// Whether to colour what colour means something for.
    pub colour: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Screen { width: 80, colour: false }
    }
}

impl Report {
    /// A report of a scorecard, with a replay command for every replication it singles out.
    pub fn new(
        command: &str,
        seed: u64,
        scenarios: Vec<ScenarioMeta>,
        policies: Vec<PolicyMeta>,
        scorecard: Scorecard,
    ) -> Self {
        let replays = replays(seed, &scenarios, &policies, &scorecard);
        let (notes, warnings) = (notes(&scorecard), warnings(&scorecard));
        Report {
            format: FORMAT,
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            scenarios,
            policies,
            scorecard,
            void: Vec::new(),
            notes,
            warnings,
            replays,
            next: Vec::new(),
            screen: Screen::default(),
        }
    }
}

/// Fewest replications of a file that bound a p95 from above: `0.95^n <= 2.5 %`.
const P95_REPLICATIONS: u64 = 72;

/// What a reader should doubt, with what to do about it.
fn warnings(scorecard: &Scorecard) -> Vec<String> {
    let unplayed = scorecard.unplayed.iter();
    let mut warnings: Vec<String> =
        unplayed.map(|name| format!("there is no record of policy `{name}`: it was not played")).collect();
    for not in &scorecard.could_not_start {
        warnings.push(format!(
            "{} of {} replications of {} could not start and are in no figure: {}",
            not.replications, not.of, not.scenario, not.reason
        ));
    }
    for untouched in scorecard.untouched.iter().filter(|untouched| untouched.replications == untouched.of) {
        warnings.push(format!(
            "the fault of {} never touched a request: give it more traffic, more weight or a longer horizon",
            untouched.scenario
        ));
    }
    let fewest = scorecard.files.iter().map(|row| row.replications.flow + row.replications.request).min();
    if let Some(n) = fewest.filter(|n| *n < P95_REPLICATIONS) {
        warnings.push(format!(
            "only {n} replications of a file: a p95 has no upper limit below {P95_REPLICATIONS}; ask for more with \
             --replications"
        ));
    }
    warnings
}

/// What a reader should know.
fn notes(scorecard: &Scorecard) -> Vec<String> {
    let some = scorecard.untouched.iter().filter(|untouched| untouched.replications < untouched.of);
    some.map(|untouched| {
        format!(
            "in {} of {} replications of {} the fault touched no request",
            untouched.replications, untouched.of, untouched.scenario
        )
    })
    .chain(metastable::sentences(&scorecard.metastable))
    .collect()
}

/// The commands that play the replications singled out, policy by policy.
fn replays(
    seed: u64,
    scenarios: &[ScenarioMeta],
    policies: &[PolicyMeta],
    scorecard: &Scorecard,
) -> Vec<Replay> {
    let mut replays = Vec::new();
    for row in &scorecard.rows {
        let Player::Policy(name) = &row.player else { continue };
        let policy = policies.iter().find(|meta| *meta.name == **name).map_or(&**name, |meta| &meta.source);
        for singled in row.reading.iter().flat_map(|reading| &reading.singled) {
            let command = replay(seed, scenarios, &singled.scenario, policy, singled.replication);
            replays.push(Replay { policy: name.to_string(), singled: singled.clone(), command });
        }
    }
    replays
}

/// The command that plays one replication of a scenario with a policy.
pub fn replay(
    seed: u64,
    scenarios: &[ScenarioMeta],
    scenario: &str,
    policy: &str,
    replication: u32,
) -> String {
    let source = scenarios.iter().find(|meta| meta.name == scenario).map_or(scenario, |meta| &meta.source);
    format!("backout run {} {} --seed {seed} --replication {replication}", quoted(source), quoted(policy))
}

/// The word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Singling {
    /// For what, in words.
    pub fn words(self) -> &'static str {
        match self {
            Singling::Missed => "its worst miss",
            Singling::SlowestDetection => "its slowest detection",
            Singling::WorstImpact => "its worst impact",
            Singling::FalseRollback => "a good release it rolls back",
            Singling::FailedRollback => "a rollback of it that fails",
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::score::testing::Sample;

    /// A report of the hand-made records.
    pub(crate) fn sample() -> Report {
        let sample = Sample::new();
        let scorecard = sample.scorecard();
        let command = "backout score policies/quick.yaml policies/thorough.yaml --seed 7";
        let mut report = Report::new(command, 7, sample.scenarios, sample.policies, scorecard);
        report.version = "0.0.0".to_owned();
        report.next.push(Next { what: "open the report".into(), command: "backout report out".into() });
        report
    }

    pub(crate) fn rendered(output: &Output, report: &Report) -> String {
        let artifacts = (output.render)(report);
        assert_eq!(artifacts.len(), 1);
        String::from_utf8(artifacts[0].bytes.clone()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_directory_is_listed() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "rs"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| stem != "mod")
            .collect();
        files.sort();
        let mut listed: Vec<&str> = OUTPUTS.iter().map(|output| output.name).collect();
        listed.sort_unstable();
        assert_eq!(files, listed);
        assert!(output("text").is_some() && output("tex").is_none());
    }

    #[test]
    fn outputs_are_the_same_bytes_every_time_and_after_storing() {
        let report = testing::sample();
        let stored: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        for output in OUTPUTS {
            assert_eq!((output.render)(&report), (output.render)(&testing::sample()), "{}", output.name);
            assert_eq!((output.render)(&report), (output.render)(&stored), "{}", output.name);
        }
    }

    #[test]
    fn faults_that_touched_nothing_are_said() {
        let sample = crate::score::testing::Sample::new();
        let mut scorecard = sample.scorecard();
        let report = Report::new("", 7, sample.scenarios.clone(), sample.policies.clone(), scorecard.clone());
        assert_eq!(report.notes, ["in 1 of 20 replications of fault/errors the fault touched no request"]);
        assert_eq!(report.warnings.len(), 1);
        scorecard.untouched[0].replications = 20;
        scorecard.unplayed.push("ghost".to_owned());
        let report = Report::new("", 7, sample.scenarios, sample.policies, scorecard);
        assert!(report.notes.is_empty());
        assert!(report.warnings[0].contains("policy `ghost`"));
        assert!(report.warnings[1].starts_with("the fault of fault/errors never touched a request"));
        assert!(report.warnings[2].starts_with("only 20 replications of a file"));
    }

    #[test]
    fn replay_commands_name_files_seed_and_replication() {
        let report = testing::sample();
        let miss = &report.replays.iter().find(|r| r.policy == "thorough").unwrap();
        assert_eq!(
            miss.command,
            "backout run scenarios/canary/latency.yaml policies/thorough.yaml --seed 7 --replication 0"
        );
        assert_eq!(quoted("a file's.yaml"), r"'a file'\''s.yaml'");
    }
}
