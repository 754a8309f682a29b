//! Another team releases another service, about when we release ours.
//!
//! It happens in every branch, with our release and without: whatever it breaks no rollback of ours can mend, and whoever
//! rolls ours back because of it has blamed the wrong change.
//!
//! Traps: its pods are replaced as a plain Deployment's are, without weights or analysis; `after` of its faults is
//! counted from its own release. Its team takes it back only where the file says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, FaultSpec, Resolution, elsewhere};
use crate::catalogue::Entry;
use crate::effect::{Disturbance, Replacing, WorldDisturbance};
use crate::rng::Distribution;
use crate::time::{SimDuration, SimTime};

/// Another service gets a new revision by its own team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherDeploy {
    /// The service, not the one that is rolled out.
    pub service: String,
    /// When its release begins, counted from ours.
    pub at: Distribution<SimDuration>,
    /// How its pods are replaced: `rolling` (the default) or `recreate`.
    #[serde(default)]
    pub strategy: Replacing,
    /// What is wrong with its new revision; nothing if absent.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// How long after its release its own team takes it back; never if absent.
    #[serde(default)]
    pub rolled_back_after: Option<Distribution<SimDuration>>,
}

impl Entry for OtherDeploy {
    const NAME: &'static str = "other_deploy";
    const SUMMARY: &'static str = "another team releases another service meanwhile";
    const EXAMPLE: &'static str = "other_deploy: {service: catalog, at: 5m, faults: [error_burst: {share: 20%}], \
                                   rolled_back_after: 15m}";
}

impl Fault for OtherDeploy {
    fn resolve(&self, r: &mut Resolution<'_>) -> Vec<Effect> {
        let Some(service) = (r.service)(&self.service) else { return Vec::new() };
        let from = r.deploy_at + r.duration("at", &self.at);
        let back = self.rolled_back_after.as_ref().map(|after| r.duration("rolled_back_after", after));
        let until = back.map_or(SimTime::NEVER, |after| from + after);
        let what = Disturbance::World(WorldDisturbance::Deploys { service, by: self.strategy });
        let mut effects = vec![Effect { from, until, what }];
        for (index, fault) in self.faults.iter().enumerate() {
            let path = format!("{}.faults[{index}]", r.path);
            let own = fault.as_dyn().resolve(&mut Resolution {
                key: r.key,
                path: &path,
                deploy_at: from,
                service: r.service,
                drawn: &mut *r.drawn,
            });
            effects.extend(own.into_iter().map(|effect| elsewhere(service, effect)));
        }
        effects
    }

    fn services(&self) -> Vec<(&'static str, &str)> {
        vec![("service", &self.service)]
    }

    fn needs_requests(&self) -> Option<&'static str> {
        Some("requests meet two revisions of another service")
    }

    fn is_other_change(&self) -> bool {
        true
    }
}
