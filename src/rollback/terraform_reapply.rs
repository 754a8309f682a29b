//! Infrastructure as code: the old configuration is planned and applied again.
//!
//! Works if the old configuration is checked out first. A plan made from the present one finds nothing to change, and
//! applying it succeeds (`terraform plan -out=rollback.tfplan; terraform apply rollback.tfplan`).
//!
//! It is also what brings back what a release changed around the code (`pool_size`, `autoscaler_limits`, `lb_health_check`):
//! procedures that change pods and traffic leave that as it is.
//!
//! Traps: "Apply complete! 0 added, 0 changed" is a success.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Command, PlannedStep, Procedure, Services, StepKind};
use crate::catalogue::Entry;
use crate::rng::Distribution;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::time::SimDuration;

/// The old configuration, planned and applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TerraformReapply {
    /// Time the plan takes.
    pub plan: Distribution<SimDuration>,
    /// Time until the change begins to be applied.
    pub apply: Distribution<SimDuration>,
    /// Whether the old configuration is checked out first; flawed without.
    pub old_configuration: bool,
    /// Bounds of the replacement; new instances come before the old ones go, one at a time, if absent.
    pub bounds: Bounds,
}

impl Default for TerraformReapply {
    fn default() -> Self {
        TerraformReapply {
            plan: Distribution::certain(30.0),
            apply: Distribution::certain(10.0),
            old_configuration: true,
            bounds: Bounds {
                max_surge: Amount::Pods(1),
                max_unavailable: Amount::Pods(0),
                ..Bounds::default()
            },
        }
    }
}

impl Entry for TerraformReapply {
    const NAME: &'static str = "terraform_reapply";
    const SUMMARY: &'static str = "the old configuration planned and applied, or a plan that changes nothing";
    const EXAMPLE: &'static str = "terraform_reapply: {plan: 40s, old_configuration: true}";
}

impl Procedure for TerraformReapply {
    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let zero = SimDuration::ZERO;
        let plan = PlannedStep::new("plan", zero, StepKind::Wait).after(self.plan.clone());
        let mut apply =
            PlannedStep::new("apply", zero, StepKind::Apply(self.bounds)).after(self.apply.clone());
        if !self.old_configuration {
            apply.working = Command::DoesNothing;
        }
        vec![plan, apply]
    }
}
