//! Two policies side by side: what differs, where, and the first world in which they disagreed.
//!
//! `json` is the contract; `text` and `markdown` are for people. Differences are new minus base.

pub mod markdown;
pub mod text;

use serde::Serialize;

use super::Screen;
use crate::score::figure::{Unit, figure};
use crate::score::{PolicyMeta, ScenarioMeta};
use crate::stats::Estimate;
use crate::study::compare::{Comparison, Decided, FigureComparison, Standing};
use crate::study::gate::session::value_words;

/// Version of the form.
pub const FORMAT: u32 = 1;

/// A comparison that was played.
#[derive(Clone, Debug, Serialize)]
pub struct CompareReport {
    /// Version of this form, [`FORMAT`].
    pub format: u32,
    /// The command that repeats it.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// The scenarios played.
    pub scenarios: Vec<ScenarioMeta>,
    /// The policies of the base.
    pub base: Vec<PolicyMeta>,
    /// The new policies.
    pub new: Vec<PolicyMeta>,
    /// Pair by pair.
    pub comparisons: Vec<Comparison>,
    /// The commands that replay the first disagreement of each pair: the base's and the new one's.
    pub replays: Vec<Option<[String; 2]>>,
    /// How the pooled differences fare with noise or traffic off by two; empty if it was not asked for.
    pub robustness: Vec<Robustness>,
    /// How the text is laid out; not part of the report.
    #[serde(skip)]
    pub screen: Screen,
}

/// The pooled differences of a pair in a variant of the scenarios.
#[derive(Clone, Debug, Serialize)]
pub struct Robustness {
    /// The variant.
    pub variant: String,
    /// The new policy, by name.
    pub policy: String,
    /// Figure, where its difference stands there, and whether that is where it stands as the scenarios are.
    pub figures: Vec<(String, Standing, bool)>,
}

impl CompareReport {
    /// A report with the commands that replay the first disagreements; `options` are added to each.
    pub fn new(
        (seed, command, options): (u64, &str, &str),
        scenarios: Vec<ScenarioMeta>,
        (base, new): (Vec<PolicyMeta>, Vec<PolicyMeta>),
        comparisons: Vec<Comparison>,
    ) -> Self {
        let source = |metas: &[PolicyMeta], name: &str| {
            metas.iter().find(|meta| meta.name == name).map_or(name.to_owned(), |meta| meta.source.clone())
        };
        let replay = |comparison: &Comparison| {
            let first = comparison.disagreements.listed.first()?;
            let twin = if first.healthy { " --twin healthy" } else { "" };
            let of = |policy: String| {
                let run = super::replay(seed, &scenarios, &first.scenario, &policy, first.replication);
                format!("{run}{twin}{options}")
            };
            Some([of(source(&base, &comparison.base)), of(source(&new, &comparison.new))])
        };
        CompareReport {
            format: FORMAT,
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            replays: comparisons.iter().map(replay).collect(),
            comparisons,
            scenarios,
            base,
            new,
            robustness: Vec::new(),
            screen: Screen::default(),
        }
    }
}

/// Where something stands, in a word.
pub fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Better => "better",
        Standing::Worse => "worse",
        Standing::Mixed => "mixed",
        Standing::WithinNoise => "within noise",
    }
}

fn unit(compared: &FigureComparison) -> Unit {
    figure(&compared.figure).map_or(Unit::Count, |figure| figure.unit)
}

/// A value of a figure; `-` if there is none.
fn value(compared: &FigureComparison, estimate: &Estimate) -> String {
    if estimate.value.is_nan() { "-".to_owned() } else { value_words(unit(compared), estimate.value, false) }
}

/// A difference with its interval: `+2 % (+0.3 % to +4 %)`.
fn delta(compared: &FigureComparison, estimate: &Estimate) -> String {
    let words = |x: f64| {
        if x.is_infinite() { "?".to_owned() } else { value_words(unit(compared), x, true).replace(" %", "%") }
    };
    if estimate.value.is_nan() {
        return "-".to_owned();
    }
    format!("{} ({} to {})", words(estimate.value), words(estimate.low), words(estimate.high))
}

/// What a policy decided, in words.
fn decision(decided: Option<&Decided>) -> String {
    match decided {
        None => "decided nothing".to_owned(),
        Some(decided) => {
            let why = decided.reasons.join("; ");
            let after = crate::score::words::duration(decided.after_deploy_s);
            let kind = match decided.kind {
                crate::replication::record::DecisionKind::RollBack => "rolled back",
                crate::replication::record::DecisionKind::ForwardFix => "called for a fix",
                crate::replication::record::DecisionKind::Stop => "stopped",
            };
            format!("{kind} {after} after the deploy: {why}")
        }
    }
}
