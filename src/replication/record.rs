//! What one replication leaves behind: the truth, the decisions and the counts, nothing that needs the simulator.
//!
//! Every number of a report is computed from these records and from nothing else; a stored record can be reported
//! again to the same bytes. All instants are nanoseconds since the start of the warm-up; subtract
//! [`ReplicationRecord::deploy_at`] for "after the deploy".
//!
//! Traps: all runs of a rollout are counted over the same span (deploy to [`RolloutRecord::counted_until`]);
//! a branch that ended early because it had become equal to the world without a deploy carries that world's counts
//! for the rest. `harmed` is counted against the same request without the deploy; `failed` and the like are gross.
//!
//! A study of thousands of variants has millions of runs, most of which say the same: names, reasons and the whole
//! [`Course`] are shared in memory. Nothing of that is to be seen in a stored record.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::stored::StoredRun;

pub use crate::policy::Severity;
pub use crate::world::tally::{Counts, Harm};

/// Version of the record format.
pub const FORMAT: u32 = 1;

/// An instant or span in nanoseconds, as stored.
pub type Nanos = u64;

/// How the world was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// Every request is an event.
    Request,
    /// Counts are sampled per scrape window.
    Flow,
}

/// One seeded run of one scenario with all its policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationRecord {
    /// Version of this format, [`FORMAT`].
    pub format: u32,
    /// Name of the scenario, `folder/stem`.
    pub scenario: String,
    /// Its number, from 0; with the seed it fixes everything.
    pub replication: u32,
    /// How the world was played.
    pub fidelity: Fidelity,
    /// Rolling hash of all world events of all branches.
    pub fingerprint: u64,
    /// When the new revision was deployed.
    pub deploy_at: Nanos,
    /// The scenario's horizon (deploy + horizon).
    pub horizon_at: Nanos,
    /// Mean arrival rate over all traffic, requests per second, as configured.
    pub mean_rate: f64,
    /// Why nothing was deployed: the world was not in its steady state at the end of the warm-up. Such a replication has
    /// no rollouts and is in no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub could_not_start: Option<String>,
    /// Whether somebody else changes something meanwhile: releases another service, changes the infrastructure or data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other_changes: bool,
    /// The numbers drawn once for this replication, by document path.
    pub draws: Vec<(String, f64)>,
    /// One entry per distinct rollout.
    pub rollouts: Vec<RolloutRecord>,
}

/// Everything played on one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutRecord {
    /// `scenario`, or the name of the file that brings the rollout.
    pub rollout: String,
    /// Until when every run is counted: the horizon, or the end of the follow-up if that is later. Every rollout has
    /// its own, so that nobody's row depends on whose rollouts are played beside it.
    pub counted_until: Nanos,
    /// Counts of the world without a deploy over the span.
    pub no_deploy: Counts,
    /// The release with its fault.
    pub bad: TwinRecord,
    /// The same release with the faults of the change removed.
    pub healthy: TwinRecord,
}

/// One twin of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TwinRecord {
    /// When the first fault of the change began to act; `None` in the healthy twin.
    pub onset: Option<Nanos>,
    /// First request bad in the bad release under `never` and good in the healthy twin under `never`.
    pub first_harm: Option<Nanos>,
    /// Requests the faults touched under `never`.
    pub touched: u64,
    /// What its rehearsal in staging found, if it was rehearsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalRecord>,
    /// Reference players first, in the order of [`Reference`], then the policies in the order they were given.
    pub runs: Vec<RunRecord>,
}

/// What a rehearsal found; all of it was mended before production, but for migrations that nothing undoes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsalRecord {
    /// How often it was played.
    pub passes: u32,
    /// What did not work, in the order in which it was found.
    pub found: Vec<String>,
}

impl RehearsalRecord {
    /// The same in a sentence.
    pub fn sentence(&self) -> String {
        match self.found.as_slice() {
            [] => "the rehearsal in staging found nothing".to_owned(),
            found => format!("the rehearsal in staging found: {}", found.join(", ")),
        }
    }
}

/// The players every policy is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// Never rolls back.
    Never,
    /// Rolls back at the first tick.
    Always,
    /// Rolls back at the first harm.
    Oracle,
    /// Rolls back at a random tick with a fixed probability.
    Random,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Player {
    /// A reference policy.
    Reference(Reference),
    /// A policy of the study, by name.
    Policy(Name),
}

/// What happened under one player in one twin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "StoredRun", into = "StoredRun")]
pub struct RunRecord {
    /// Who decided.
    pub player: Player,
    /// The first decision, if any.
    pub decision: Option<DecisionRecord>,
    /// In the bad twin, when the policy missed: the first cause that holds.
    pub miss: Option<MissCause>,
    /// In the healthy twin, when the policy rolled back: the first confounder whose removal under the same keys makes
    /// the rollback vanish, or `noise`.
    pub false_cause: Option<Arc<str>>,
    /// The change of somebody else because of which this release was rolled back: the rollback vanishes without it under
    /// the same keys, and is there without the fault of the release. Absent if there is none.
    pub blames: Option<Arc<str>>,
    /// Everything else.
    pub course: Arc<Course>,
}

impl Deref for RunRecord {
    type Target = Course;

    fn deref(&self) -> &Course {
        &self.course
    }
}

impl DerefMut for RunRecord {
    fn deref_mut(&mut self) -> &mut Course {
        Arc::make_mut(&mut self.course)
    }
}

/// The course of a run: the same for all players who did the same at the same instants, and whose checks found the same.
///
/// They share it. A run reads as one record (`run.harmed`), and is stored as one; whoever writes to this part of it gets
/// it for himself.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// How the rollback went, if one was begun: the first.
    pub rollback: Option<Arc<RollbackRecord>>,
    /// What followed it: rollbacks of a policy that fired again, fixes forwards, a sync that put the new revision back.
    pub further: Arc<[RollbackRecord]>,
    /// When the new revision had all traffic, if it ever had.
    pub promoted_at: Option<Nanos>,
    /// First instant after first harm from which 5 one-minute windows in a row are inside the SLO or no worse than
    /// without the deploy; `None` if never or if there was no harm.
    pub recovered_at: Option<Nanos>,
    /// Pages sent, and alerts of the engine that are more than information.
    pub pages: u32,
    /// Who was told what by alerts of the engine itself (Flagger's), in order.
    pub notices: Vec<NoticeRecord>,
    /// When somebody was told of the decision; absent where nothing is known of people and no engine sent an alert.
    pub told: Option<Told>,
    /// Requests over the whole span.
    pub counts: Counts,
    /// Requests bad here and good without the deploy.
    pub harmed: Harm,
    /// Users with at least one harmed request (a mean when it is computed and not counted).
    pub users_harmed: f64,
    /// Nanoseconds during which no request of the target service could succeed.
    pub downtime: Nanos,
    /// The run ended in a metastable state: the trigger was gone and the harm went on. Absent if not, or if the follow-up
    /// was too short to tell.
    pub metastable: Option<MetastableRecord>,
    /// Rows lost or corrupted.
    pub rows_lost: u64,
    /// The same by what is wrong with them, where the scenario has a database.
    pub data: Option<DataRecord>,
    /// Why the branch was not followed further.
    pub end: BranchEnd,
    /// When.
    pub ended_at: Nanos,
    /// One summary per check of the policy, in its order; empty for reference players.
    pub checks: Arc<[CheckSummary]>,
    /// Sentences and events, only when a timeline was asked for.
    pub timeline: Vec<TimelineEntry>,
    /// The truth, scrape by scrape, only when a timeline was asked for.
    pub trace: Vec<TracePoint>,
}

/// What is wrong with the data at the end of a run, as users see it; without the deploy nothing would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataRecord {
    /// Rows of which users see an older value than the one written last.
    pub lost_updates: u64,
    /// Rows in which users see nothing.
    pub null_rows: u64,
    /// Rows written after the backup that was restored: they are gone.
    pub since_backup: u64,
    /// Rows with a wrong value, or one that was cut.
    pub corrupted: u64,
    /// Constraints of the column that the one in use does not have.
    pub constraints_lost: u32,
}

impl DataRecord {
    /// Rows lost or corrupted.
    pub fn rows(&self) -> u64 {
        self.lost_updates + self.null_rows + self.since_backup + self.corrupted
    }
}

/// Whether and when people were told of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// When; `None` if nobody ever was.
    pub at: Option<Nanos>,
}

/// Something people were told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeRecord {
    /// When.
    pub at: Nanos,
    /// How bad it is.
    pub severity: Severity,
    /// Who was told: a provider of alerts, with its channel if the file gives one.
    pub whom: String,
    /// What they were told.
    pub text: String,
}

impl RunRecord {
    /// When people were told of the decision, by an alert sent with it or later: from then on somebody can act.
    pub fn notified_at(&self) -> Option<Nanos> {
        self.decision.as_ref()?.notified_at(&self.notices)
    }
}

/// A metastable state at the end of a run; the rule is that of [`metastable`](super::metastable).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetastableRecord {
    /// When everything that could have been the trigger was over: disturbances, the rollback.
    pub trigger_over_at: Nanos,
    /// Good answers in the last minutes over those without deploy and disturbances.
    pub goodput: f64,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRecord {
    /// When it was made.
    pub at: Nanos,
    /// What was decided.
    pub kind: DecisionKind,
    /// Why, in the engine's own words.
    pub reasons: Arc<[String]>,
    /// Who decided, if it was not the policy by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
}

impl DecisionRecord {
    /// When people were told of it by one of these alerts of the engine.
    pub fn notified_at(&self, notices: &[NoticeRecord]) -> Option<Nanos> {
        let told = |notice: &&NoticeRecord| notice.at >= self.at && notice.severity > Severity::Info;
        notices.iter().find(told).map(|notice| notice.at)
    }
}

/// Who decides beside policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// Somebody who was paged.
    Person,
}

/// Kinds of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// Back to the stable revision.
    RollBack,
    /// Repair forwards.
    ForwardFix,
    /// Halt writes.
    Stop,
}

/// How a rollback went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackRecord {
    /// Name of the procedure.
    pub procedure: String,
    /// The revision it went to, by name; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When it was begun (the decision).
    pub began: Nanos,
    /// When the candidate served its last request.
    pub drained: Option<Nanos>,
    /// When capacity and traffic were as before the deploy: the end of `rollback_time`.
    pub restored: Option<Nanos>,
    /// When somebody or something checked that it helped.
    pub verified: Option<Nanos>,
    /// What came of it.
    pub outcome: RollbackOutcome,
    /// Whether no human step was needed.
    pub unattended: bool,
    /// The steps, with the time each began and ended.
    pub steps: Vec<RollbackStep>,
}

/// One step of a rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackStep {
    /// What was done.
    pub name: String,
    /// When it began.
    pub began: Nanos,
    /// When it ended; `None` if it never did.
    pub ended: Option<Nanos>,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it was reported as done and did nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// For a check: whether what it found was the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<bool>,
    /// The service its command could not go out without, if it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_for: Option<String>,
    /// How long the command waited for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited: Nanos,
}

fn is_zero(nanos: &Nanos) -> bool {
    *nanos == 0
}

/// What came of a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollbackOutcome {
    /// Restored within 60 s.
    Worked,
    /// Restored, but later than 60 s after the decision.
    Slow,
    /// It ended and the candidate still serves, or users are left with as much harm as without it.
    NoEffect,
    /// There was nothing to go back to.
    Impossible,
    /// More requests were harmed than without it.
    MadeWorse,
    /// It had not ended when the follow-up did.
    Unfinished,
}

/// Why a branch was not followed to the end of the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BranchEnd {
    /// It was.
    Span,
    /// Its world had become equal to the world without a deploy.
    Merged,
    /// No harm and no pending step for the settle time.
    Settled,
}

/// What one check found over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckSummary {
    /// Evaluations in all.
    pub evaluations: u32,
    /// Evaluations at or after the onset.
    pub after_onset: u32,
    /// Of those: without a value.
    pub no_data: u32,
    /// Of those: failed.
    pub errors: u32,
    /// Of those: on the bad side.
    pub bad: u32,
    /// Longest run of bad evaluations after the onset.
    pub longest_bad: u32,
    /// Lowest value after the onset (NaN never counts).
    #[serde(with = "super::extended")]
    #[schemars(with = "Option<super::extended::Extended>")]
    pub lowest: Option<f64>,
    /// Highest value after the onset.
    #[serde(with = "super::extended")]
    #[schemars(with = "Option<super::extended::Extended>")]
    pub highest: Option<f64>,
}

/// Why a policy missed a harmful release: the first that holds, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissCause {
    /// No check ever had a series to look at.
    NoSuchSeries,
    /// Most evaluations after the onset had no data.
    NoData,
    /// Even the candidate alone, over all the time since the onset, is on the good side of every check.
    BelowThreshold,
    /// The candidate alone crosses, the value the policy looked at did not.
    Diluted {
        /// The check that comes nearest, by index.
        check: usize,
    },
    /// The value crossed, but not long or often enough.
    TooShort {
        /// The check that crossed, by index.
        check: usize,
    },
    /// It was paused or inconclusive.
    Paused,
    /// It decided, and nobody who acts heard of it.
    VerdictLost,
    /// It paged, and whoever came had not acted by the end of the watch.
    PersonLate,
    /// It paged, and whoever came found everything fine again.
    PersonLeftIt,
    /// It decided, and the rollback failed.
    RollbackFailed,
}

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When.
    pub at: Nanos,
    /// Whose line it is.
    pub lane: Lane,
    /// What happened.
    pub text: String,
    /// For what a check found: its index and the value, if there was one.
    pub found: Option<(usize, Option<f64>)>,
}

/// What really happened up to a scrape, only when a timeline was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracePoint {
    /// When.
    pub at: Nanos,
    /// Share of the target's traffic that the candidate gets at this instant, 0 to 1.
    pub candidate_share: f64,
    /// Requests since the deploy.
    pub counts: Counts,
    /// Harmed requests since the deploy.
    pub harmed: u64,
}

/// Whose line an entry of a timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// What really happened.
    Truth,
    /// What the cluster did.
    Cluster,
    /// What the policy saw.
    Observed,
    /// What the policy said.
    Policy,
    /// What the rollback did.
    Rollback,
}
