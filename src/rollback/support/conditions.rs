//! What makes rollbacks of a scenario go differently from the book.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Ratio;
use crate::rollback::check::CheckSpec;
use crate::rollback::defect::DefectSpec;
use crate::rollback::target::{History, TargetSpec};
use crate::time::SimDuration;

use super::hands::Hands;
use super::lessons::Lessons;
use super::path::DeployPath;
use super::services::Services;

/// What follows when a step or its verification has failed; each is tried in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The step again.
    Retry {
        /// How often.
        times: u32,
        /// Pause before each.
        pause: SimDuration,
    },
    /// The whole procedure again, with the next target; passed over if there is none.
    NextTarget,
    /// A person is paged, mends what does not work, and repeats the step until it succeeds.
    Page,
    /// The rollback is given up and the release repaired forwards.
    ForwardFix,
    /// The rollback is given up.
    GiveUp,
}

/// What makes rollbacks of a scenario go differently from the book.
#[derive(Clone, Debug, PartialEq)]
pub struct RollbackConditions {
    /// Chance that the command of a step fails.
    pub step_fails: Ratio,
    /// Multiplier of the time commands take.
    pub slower: f64,
    /// There is no previous revision to go back to.
    pub no_target: bool,
    /// How long until a person repeats a failed command that no controller repeats.
    pub person_after: SimDuration,
    /// Multiplier of the time a fix takes after a rollback that removed what the cause could have been found by.
    pub without_evidence: f64,
    /// What ran before.
    pub history: History,
    /// Which revision is gone back to: the first rule, then, for [`Fallback::NextTarget`], the others.
    pub targets: Vec<TargetSpec>,
    /// Looks after the last step.
    pub verify: Vec<CheckSpec>,
    /// What follows a failure, in order; if empty, steps are repeated as their controllers do, or by a person.
    pub on_failure: Vec<Fallback>,
    /// What is wrong with the commands.
    pub defects: Vec<DefectSpec>,
    /// What is wrong with them beside that where nobody has rehearsed.
    pub unrehearsed: Vec<DefectSpec>,
    /// What a rehearsal has taught.
    pub lessons: Lessons,
    /// How long after a rollback something (a GitOps sync, a pipeline) puts the new revision back; never if absent.
    pub reverted_after: Option<SimDuration>,
    /// What the commands need to reach the cluster.
    pub path: DeployPath,
    /// The person who carries it out; a controller or script if absent.
    pub hands: Option<Hands>,
    /// The services of the world, for procedures that name some of them.
    pub services: Services,
    /// How a release is repaired forwards.
    pub fix: crate::rollback::forward_fix::ForwardFix,
}

impl Default for RollbackConditions {
    fn default() -> Self {
        RollbackConditions {
            step_fails: Ratio::ZERO,
            slower: 1.0,
            no_target: false,
            person_after: SimDuration::from_mins(10),
            without_evidence: crate::people::People::WITHOUT_EVIDENCE,
            history: History::default(),
            targets: vec![TargetSpec::previous()],
            verify: Vec::new(),
            on_failure: Vec::new(),
            defects: Vec::new(),
            unrehearsed: Vec::new(),
            lessons: Lessons::default(),
            reverted_after: None,
            path: DeployPath::default(),
            hands: None,
            services: Services::default(),
            fix: crate::rollback::forward_fix::ForwardFix::default(),
        }
    }
}

impl RollbackConditions {
    /// The same, carried out by a person.
    #[must_use]
    pub fn by_hand(&self, hands: Hands) -> Self {
        RollbackConditions {
            slower: self.slower * hands.slower,
            person_after: hands.again,
            hands: Some(hands),
            ..self.clone()
        }
    }

    /// Whether a rollback may bring pods that are neither the old ones nor the candidate's: another revision, a fix, or
    /// the new revision under the stable names.
    pub fn may_bring_others(&self) -> bool {
        self.history != History::default()
            || self.reverted_after.is_some()
            || self.targets != [TargetSpec::previous()]
            || self.on_failure.contains(&Fallback::ForwardFix)
            || self.fix != crate::rollback::forward_fix::ForwardFix::default()
    }
}
