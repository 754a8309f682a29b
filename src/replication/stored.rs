//! A run as it is stored: one flat object whose keys stand in this order, whatever is shared in memory.
//!
//! This is the format: what is said of a field here is what `backout schema record` prints.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::{
    BranchEnd, CheckSummary, Counts, Course, DataRecord, DecisionRecord, Harm, MetastableRecord, MissCause,
    Nanos, NoticeRecord, Player, RollbackRecord, RunRecord, TimelineEntry, Told, TracePoint,
};

/// What happened under one player in one twin.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunRecord")]
pub struct StoredRun {
    /// Who decided.
    player: Player,
    /// The first decision, if any.
    decision: Option<DecisionRecord>,
    /// How the rollback went, if one was begun: the first.
    rollback: Option<Arc<RollbackRecord>>,
    /// What followed it: rollbacks of a policy that fired again, fixes forwards, a sync that put the new revision back.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    further: Arc<[RollbackRecord]>,
    /// When the new revision had all traffic, if it ever had.
    promoted_at: Option<Nanos>,
    /// First instant after first harm from which 5 one-minute windows in a row are inside the SLO or no worse than
    /// without the deploy; `None` if never or if there was no harm.
    recovered_at: Option<Nanos>,
    /// Pages sent, and alerts of the engine that are more than information.
    pages: u32,
    /// Who was told what by alerts of the engine itself (Flagger's), in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notices: Vec<NoticeRecord>,
    /// When somebody was told of the decision; absent where nothing is known of people and no engine sent an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
    /// Requests over the whole span.
    counts: Counts,
    /// Requests bad here and good without the deploy.
    harmed: Harm,
    /// Users with at least one harmed request (a mean when it is computed and not counted).
    users_harmed: f64,
    /// Nanoseconds during which no request of the target service could succeed.
    downtime: Nanos,
    /// The run ended in a metastable state: the trigger was gone and the harm went on. Absent if not, or if the follow-up
    /// was too short to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metastable: Option<MetastableRecord>,
    /// Rows lost or corrupted.
    rows_lost: u64,
    /// The same by what is wrong with them, where the scenario has a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<DataRecord>,
    /// Why the branch was not followed further.
    end: BranchEnd,
    /// When.
    ended_at: Nanos,
    /// One summary per check of the policy, in its order; empty for reference players.
    checks: Arc<[CheckSummary]>,
    /// In the bad twin, when the policy missed: the first cause that holds.
    miss: Option<MissCause>,
    /// In the healthy twin, when the policy rolled back: the first confounder whose removal under the same keys makes
    /// the rollback vanish, or `noise`.
    false_cause: Option<Arc<str>>,
    /// The change of somebody else because of which this release was rolled back: the rollback vanishes without it under
    /// the same keys, and is there without the fault of the release. Absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blames: Option<Arc<str>>,
    /// Sentences and events, only when a timeline was asked for.
    timeline: Vec<TimelineEntry>,
    /// The truth, scrape by scrape, only when a timeline was asked for.
    trace: Vec<TracePoint>,
}

impl From<RunRecord> for StoredRun {
    fn from(run: RunRecord) -> Self {
        let RunRecord { player, decision, miss, false_cause, blames, course } = run;
        let Course {
            rollback,
            further,
            promoted_at,
            recovered_at,
            pages,
            notices,
            told,
            counts,
            harmed,
            users_harmed,
            downtime,
            metastable,
            rows_lost,
            data,
            end,
            ended_at,
            checks,
            timeline,
            trace,
        } = Arc::unwrap_or_clone(course);
        StoredRun {
            player,
            decision,
            rollback,
            further,
            promoted_at,
            recovered_at,
            pages,
            notices,
            told,
            counts,
            harmed,
            users_harmed,
            downtime,
            metastable,
            rows_lost,
            data,
            end,
            ended_at,
            checks,
            miss,
            false_cause,
            blames,
            timeline,
            trace,
        }
    }
}

impl From<StoredRun> for RunRecord {
    fn from(stored: StoredRun) -> Self {
        let StoredRun {
            player,
            decision,
            rollback,
            further,
            promoted_at,
            recovered_at,
            pages,
            notices,
            told,
            counts,
            harmed,
            users_harmed,
            downtime,
            metastable,
            rows_lost,
            data,
            end,
            ended_at,
            checks,
            miss,
            false_cause,
            blames,
            timeline,
            trace,
        } = stored;
        let course = Course {
            rollback,
            further,
            promoted_at,
            recovered_at,
            pages,
            notices,
            told,
            counts,
            harmed,
            users_harmed,
            downtime,
            metastable,
            rows_lost,
            data,
            end,
            ended_at,
            checks,
            timeline,
            trace,
        };
        RunRecord { player, decision, miss, false_cause, blames, course: Arc::new(course) }
    }
}
