//! A workflow of a CI system that somebody starts (GitHub Actions, `workflow_dispatch`): queue, perhaps an approval,
//! a runner that starts, then a script over SSH that pulls the image and replaces the containers.
//!
//! Traps: the minutes before anything happens are the larger part, and they pass although everybody agrees; which
//! environment it goes to is an input with a default ([`wrong_environment`](super::defect)), and which revision is
//! often "the second newest successful deploy" ([`second_newest_deploy`](super::target)).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::rng::Distribution;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

/// A workflow that rolls back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Workflow {
    /// Time in the queue.
    pub queue: Distribution<SimDuration>,
    /// Time until somebody approves it; nobody has to if absent.
    pub approval: Option<Distribution<SimDuration>>,
    /// Time until the runner is ready.
    pub runner: Distribution<SimDuration>,
    /// Time until the image is pulled.
    pub pull: Distribution<SimDuration>,
    /// Bounds of the replacement.
    pub bounds: Bounds,
}

impl Default for Workflow {
    fn default() -> Self {
        Workflow {
            queue: Distribution::certain(10.0),
            approval: None,
            runner: Distribution::certain(20.0),
            pull: Distribution::certain(20.0),
            bounds: Bounds::default(),
        }
    }
}

impl Entry for Workflow {
    const NAME: &'static str = "workflow";
    const SUMMARY: &'static str = "a CI workflow: queue, approval, runner, then a script on the hosts";
    const EXAMPLE: &'static str = "workflow: {queue: 30s, approval: {lognormal: {p50: 3m, p99: 30m}}}";
}

impl Procedure for Workflow {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let wait = |name, law: &Distribution<SimDuration>| {
            PlannedStep::new(name, SimDuration::ZERO, StepKind::Wait).after(law.clone())
        };
        let mut plan = vec![wait("in the queue", &self.queue)];
        plan.extend(self.approval.iter().map(|law| wait("approval", law).by_hand()));
        plan.push(wait("the runner starts", &self.runner));
        plan.push(wait("pull the image", &self.pull));
        let replace = StepKind::RollBack(self.bounds);
        plan.push(PlannedStep::new("replace the containers", SimDuration::from_secs(1), replace));
        plan
    }
}
