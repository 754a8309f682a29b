//! What became of a gate, in the forms that people and pipelines read.
//!
//! `json` is the contract; `text` is for terminals, `markdown` for a comment or a step summary, `junit` for test reports,
//! `sarif` and `github` point to the clause in its file. An output decides nothing: verdicts come from [`crate::study::gate`].

pub mod findings;
pub mod junit;
pub mod markdown;
pub mod text;

use serde::Serialize;

use super::Screen;
use crate::diagnostic::Location;
use crate::score::{PolicyMeta, ScenarioMeta};
use crate::study::gate::{Gate, Outcome, Ruling, Verdict};

/// Version of the form.
pub const FORMAT: u32 = 1;

/// A gate that was played.
#[derive(Clone, Debug, Serialize)]
pub struct GateReport {
    /// Version of this form, [`FORMAT`].
    pub format: u32,
    /// The command that repeats it.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// The gate file.
    pub gate: String,
    /// What it is for.
    pub summary: String,
    /// The day that days since the last drill are counted to.
    pub as_of: String,
    /// The day of the last drill, if one is known.
    pub last_drill: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The commands that replay the evidence, in the order of rulings and their evidence.
    pub replays: Vec<Vec<String>>,
    /// The scenarios played.
    pub scenarios: Vec<ScenarioMeta>,
    /// The policies judged.
    pub policies: Vec<PolicyMeta>,
    /// Where each clause stands; not part of the report.
    #[serde(skip)]
    pub places: Vec<Location>,
    /// Whether replications and replay commands are told; not part of the report.
    #[serde(skip)]
    pub why: bool,
    /// How the text is laid out; not part of the report.
    #[serde(skip)]
    pub screen: Screen,
}

impl GateReport {
    /// A report of an outcome, with the commands that replay its evidence; `options` are added to each.
    pub fn new(
        (gate, outcome): (&Gate, Outcome),
        (seed, command, options): (u64, &str, &str),
        scenarios: Vec<ScenarioMeta>,
        policies: Vec<PolicyMeta>,
    ) -> Self {
        let replay = |ruling: &Ruling| -> Vec<String> {
            let name = ruling.policy.as_deref().unwrap_or_default();
            let policy = policies.iter().find(|meta| meta.name == name).map_or(name, |meta| &meta.source);
            let one = |seen: &crate::study::gate::Evidence| {
                let twin = if seen.healthy { " --twin healthy" } else { "" };
                let base = super::replay(seed, &scenarios, &seen.scenario, policy, seen.replication);
                format!("{base}{twin}{options}")
            };
            ruling.evidence.iter().map(one).collect()
        };
        GateReport {
            format: FORMAT,
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            gate: gate.source.clone(),
            summary: gate.summary.clone(),
            as_of: String::new(),
            last_drill: None,
            replays: outcome.rulings.iter().map(replay).collect(),
            outcome,
            scenarios,
            policies,
            places: gate.clauses.iter().map(|placed| placed.location).collect(),
            why: false,
            screen: Screen::default(),
        }
    }

    /// How many rulings have this verdict.
    fn count(&self, verdict: Verdict) -> usize {
        self.outcome.rulings.iter().filter(|ruling| ruling.verdict == verdict).count()
    }

    /// `1 failed, 2 inconclusive, 3 passed`.
    fn counts(&self) -> String {
        let (fail, open) = (self.count(Verdict::Fail), self.count(Verdict::Inconclusive));
        format!("{fail} failed, {open} inconclusive, {} passed", self.count(Verdict::Pass))
    }

    /// What was played, in one line.
    fn played(&self) -> String {
        let outcome = &self.outcome;
        let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        format!(
            "{}, {}, seed {}; {} of at most {} replications played, {} of {} looks; as of {}",
            count(self.scenarios.len(), "scenario", "scenarios"),
            count(self.policies.len(), "policy", "policies"),
            self.seed,
            outcome.played,
            outcome.planned,
            outcome.looks,
            outcome.looks_planned,
            self.as_of,
        )
    }

    /// Rulings with their replay commands, failed ones first, then undecided ones; in the order of the file otherwise.
    fn sorted(&self) -> Vec<(&Ruling, &[String])> {
        let replays = self.replays.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
        let mut all: Vec<(&Ruling, &[String])> = self.outcome.rulings.iter().zip(replays).collect();
        all.sort_by_key(|(ruling, _)| std::cmp::Reverse(ruling.verdict));
        all
    }
}

/// The verdict in a word.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}

/// What a ruling says: score, value, interval, the worst scenario.
pub fn sentence(ruling: &Ruling) -> String {
    let policy = ruling.policy.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let level =
        ruling.level.map(|level| format!(" ({:.3} % at this look)", level * 100.0)).unwrap_or_default();
    let worst = match &ruling.worst {
        Some(worst) if ruling.scenarios > 1 || ruling.verdict != Verdict::Pass => {
            format!("; worst in {}: {}", worst.scenario, worst_words(ruling, worst.value))
        }
        _ => String::new(),
    };
    let rests = match ruling.replications {
        0 => String::new(),
        n if ruling.scenarios == 1 => format!("; {n} replications"),
        n => format!("; up to {n} replications of each of {} scenarios", ruling.scenarios),
    };
    format!("{policy}{}{level}{worst}{rests}", ruling.reason)
}

fn worst_words(ruling: &Ruling, value: f64) -> String {
    let clause = crate::study::gate::clause::Clause::parse(&ruling.text);
    clause.map_or_else(
        |_| format!("{value}"),
        |clause| crate::study::gate::session::value_words(clause.unit(), value, clause.vs_base),
    )
}

#[cfg(test)]
mod tests;
