//! The file format of native triggers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::ConditionSpec;
use super::schedule::Phase;
use crate::policy::Facts;
use crate::telemetry::dialect::{Signal, Unit};
use crate::time::SimDuration;

/// A file of native triggers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NativeFile {
    /// Version of the format: 1.
    pub format: u32,
    /// One line on what the file does.
    #[serde(default)]
    pub summary: Option<String>,
    /// The triggers; when several fire at once the strongest verdict wins.
    #[serde(default)]
    pub triggers: Vec<TriggerSpec>,
    /// Decision trees; their verdicts compete with each other and with those of the triggers.
    #[serde(default)]
    pub decide: Vec<TreeSpec>,
    /// How names in the expressions mean the simulated service.
    #[serde(default)]
    pub bind: Bind,
    /// What happens after a decision (roll back, forward fix, stop).
    #[serde(default)]
    pub after_decision: AfterDecision,
}

/// One trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerSpec {
    /// Its name, unique in the file.
    pub name: String,
    /// PromQL: bad when it has a result, or as a number when it is not zero.
    #[serde(default)]
    pub expr: Option<String>,
    /// What is bad, if it is more than an expression: detectors, and what combines them.
    #[serde(default)]
    pub when: Option<ConditionSpec>,
    /// Must be bad at every evaluation for this long, as in a Prometheus alert.
    #[serde(default, rename = "for")]
    pub hold_for: Option<SimDuration>,
    /// Goes on firing for this long after it stopped being bad, as in a Prometheus alert; with `for` only.
    #[serde(default)]
    pub keep_firing_for: Option<SimDuration>,
    /// Must be bad at this many evaluations in a row.
    #[serde(default)]
    pub consecutive: Option<u32>,
    /// Must be bad at k of the last n evaluations.
    #[serde(default)]
    pub k_of_n: Option<KOfN>,
    /// Must be bad at this many evaluations in all; good ones take nothing back.
    #[serde(default)]
    pub cumulative: Option<u32>,
    /// Time between evaluations.
    #[serde(default = "fifteen_seconds")]
    pub every: SimDuration,
    /// Other intervals as the release grows older, instead of `every`: every 10 s for the first hour, then every 60.
    #[serde(default)]
    pub evaluate: Vec<Phase>,
    /// Time from the deploy to the first evaluation: pods that are still starting are no news.
    #[serde(default)]
    pub start_after: SimDuration,
    /// What follows when it fires.
    #[serde(default)]
    pub then: Then,
    /// What follows when a test in it ends well (`advance`, `promote`); the test then begins anew.
    #[serde(default)]
    pub when_accepted: Option<Then>,
    /// What an evaluation without data means.
    #[serde(default)]
    pub on_no_data: OnTrouble,
    /// What an evaluation that failed means.
    #[serde(default)]
    pub on_error: OnTrouble,
    /// The reason given; the trigger's name if absent.
    #[serde(default)]
    pub reason: Option<String>,
}

fn fifteen_seconds() -> SimDuration {
    SimDuration::from_secs(15)
}

/// A decision tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TreeSpec {
    /// Its name, unique in the file.
    pub name: String,
    /// The same leaf must be reached at every evaluation for this long.
    #[serde(default, rename = "for")]
    pub hold_for: Option<SimDuration>,
    /// Time between evaluations.
    #[serde(default = "fifteen_seconds")]
    pub every: SimDuration,
    /// Other intervals as the release grows older, instead of `every`.
    #[serde(default)]
    pub evaluate: Vec<Phase>,
    /// Time from the deploy to the first evaluation.
    #[serde(default)]
    pub start_after: SimDuration,
    /// The first question.
    pub tree: NodeSpec,
}

/// A place in a decision tree: a question, or what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeSpec {
    /// A question.
    Ask(Box<AskSpec>),
    /// Nothing.
    Continue,
    /// Go back to the stable revision.
    RollBack,
    /// Repair forwards.
    ForwardFix,
    /// Halt writes.
    Stop,
    /// Schedule a fix.
    Defer,
    /// Tell a person.
    Page,
    /// Tell a person, who looks and rolls back if it still stands.
    Investigate,
    /// Do not advance.
    Hold,
}

/// A question of a decision tree: to monitoring (`expr`) or to people who know the change (`facts`), never both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSpec {
    /// The question in words, with its question mark.
    pub question: String,
    /// PromQL: yes when it has a result, or as a number when it is not zero.
    #[serde(default)]
    pub expr: Option<String>,
    /// What the scenario says of the change: yes when all of it is so.
    #[serde(default)]
    pub facts: Option<Facts>,
    /// Where yes leads.
    pub then: NodeSpec,
    /// Where no leads.
    #[serde(rename = "else")]
    pub otherwise: NodeSpec,
}

impl NodeSpec {
    /// What follows at a leaf; `None` for a question and where nothing follows.
    pub fn then(&self) -> Option<Then> {
        match self {
            NodeSpec::Ask(_) | NodeSpec::Continue => None,
            NodeSpec::RollBack => Some(Then::RollBack),
            NodeSpec::ForwardFix => Some(Then::ForwardFix),
            NodeSpec::Stop => Some(Then::Stop),
            NodeSpec::Defer => Some(Then::Defer),
            NodeSpec::Page => Some(Then::Page),
            NodeSpec::Investigate => Some(Then::Investigate),
            NodeSpec::Hold => Some(Then::Hold),
        }
    }
}

/// k of the last n evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KOfN {
    /// How many must be bad.
    pub k: u32,
    /// Of how many.
    pub n: u32,
}

/// What follows when a trigger fires.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Go back to the stable revision.
    #[default]
    RollBack,
    /// Do not advance while it fires.
    Hold,
    /// Tell a person, once.
    Page,
    /// Tell a person, once, who looks and rolls back if it still stands; the rollout is held until then.
    Investigate,
    /// Halt writes.
    Stop,
    /// Repair forwards.
    ForwardFix,
    /// Schedule a fix, once.
    Defer,
    /// Give all traffic to the candidate, once.
    Promote,
    /// End the present bake, then start over.
    Advance,
    /// Something that counts later: a person who investigates first.
    After(Delayed),
}

/// A verdict with a delay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delayed {
    /// How much later it counts.
    pub delay: SimDuration,
    /// What counts then; not another delay.
    pub then: Box<Then>,
}

/// What an evaluation without an answer means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTrouble {
    /// As Prometheus has it: no data is not bad (what was pending starts anew), an error changes nothing.
    #[default]
    Ignore,
    /// Counts as bad.
    Count,
    /// Nothing is counted and the rollout must not advance.
    Hold,
    /// Nothing is counted and a person is told, once a spell.
    Page,
    /// Roll back at once.
    RollBack,
}

/// What happens after a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterDecision {
    /// Nothing is evaluated any more.
    #[default]
    Stop,
    /// Every trigger starts over some time after the rollback has ended.
    ReArm(Rearm),
}

/// When triggers start over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rearm {
    /// Time from the end of the rollback to the next evaluation.
    pub cooldown: SimDuration,
}

/// How names in the expressions mean the simulated service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bind {
    /// What the service that is rolled out is called.
    pub service: Option<String>,
    /// Its namespace; `default` if absent.
    pub namespace: Option<String>,
    /// Metrics of the house and what they count.
    pub metrics: Vec<MetricSpec>,
    /// Labels of the house that tell stable from candidate.
    pub labels: Vec<LabelRoleSpec>,
}

/// What a metric of the house counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// The metric's name.
    pub metric: String,
    /// What it counts.
    pub signal: Signal,
    /// The unit of its values and bucket bounds; seconds if absent.
    #[serde(default)]
    pub unit: Unit,
}

/// A label of the house that tells stable from candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRoleSpec {
    /// The label.
    pub label: String,
    /// Its value on series of the stable revision, if it has one.
    #[serde(default)]
    pub stable: Option<String>,
    /// Its value on series of the candidate, if it has one.
    #[serde(default)]
    pub candidate: Option<String>,
}
