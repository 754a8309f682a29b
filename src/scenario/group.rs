//! Services that are released together with the one that is rolled out, and calls between revisions that do not
//! understand each other.
//!
//! Traps: the companions of a change are released in both twins, only their faults are left out of the healthy one; and each
//! service has one release at a time, so nobody may release a service twice.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Rollout;
use super::resolve::{Checker, check_services};
use crate::catalogue::Catalogue;
use crate::effect::{Replacing, ServiceId};
use crate::fault::{ConfounderSpec, FaultSpec};
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::rollback::ProcedureSpec;
use crate::time::SimDuration;
use crate::world::protection::Skew as SkewSpec;

/// A service that is released as one change with the one that is rolled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// The service.
    pub service: String,
    /// When its release begins, counted from the deploy.
    #[serde(default = "at_once")]
    pub at: Distribution<SimDuration>,
    /// How its pods are replaced: `rolling` (the default) or `recreate`. No policy holds it, and no router weighs it.
    #[serde(default)]
    pub strategy: Replacing,
    /// What is wrong with its new revision in the bad twin; their `after` counts from its own release.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
}

fn at_once() -> Distribution<SimDuration> {
    Distribution::certain(0.0)
}

/// Which requests fail between a caller and a callee of different revisions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// Share of the requests that fail when a pod of the caller's new revision calls a pod of the callee's old one.
    #[serde(default = "nothing")]
    pub new_to_old: Ratio,
    /// Share that fails when a pod of the caller's old revision calls a pod of the callee's new one.
    #[serde(default = "nothing")]
    pub old_to_new: Ratio,
}

fn nothing() -> Ratio {
    Ratio::ZERO
}

impl Skew {
    /// As the world has it.
    pub(super) fn resolved(self) -> SkewSpec {
        SkewSpec { new_to_old: self.new_to_old, old_to_new: self.old_to_new }
    }
}

/// A companion of the release, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Companion {
    /// The service.
    pub service: ServiceId,
    /// Its path in the document.
    pub path: String,
    /// When its release begins, counted from the deploy.
    pub at: Distribution<SimDuration>,
    /// How its pods are replaced.
    pub by: Replacing,
    /// What is wrong with its new revision in the bad twin.
    pub faults: Vec<FaultSpec>,
}

/// The companions of the release, in the order of the document.
pub(super) fn resolve(checker: &mut Checker<'_>) -> Vec<Companion> {
    let document = checker.document;
    let mut taken: Vec<&str> = document.rollouts.iter().map(|rollout| rollout.service.as_str()).collect();
    let mut companions = Vec::new();
    for (index, also) in document.change.also.iter().enumerate() {
        let number = index.to_string();
        let place = ["change", "also", number.as_str()];
        check_taken(checker, &place, &also.service, &mut taken);
        check_faults(checker, &place, &also.faults);
        let path = ["change", "also", number.as_str(), "service"];
        if let Some(service) = checker.service(&path, &also.service) {
            let path = format!("change.also[{index}]");
            let (at, faults) = (also.at.clone(), also.faults.clone());
            companions.push(Companion { service, path, at, by: also.strategy, faults });
        }
    }
    for (index, confounder) in document.confounders.iter().enumerate() {
        if let ConfounderSpec::OtherDeploy(other) = confounder {
            let number = index.to_string();
            let place = ["confounders", number.as_str(), "other_deploy"];
            check_taken(checker, &place, &other.service, &mut taken);
            check_faults(checker, &place, &other.faults);
        }
    }
    companions
}

/// The services a procedure names must be part of the change, each once, and all of them where it takes the whole change
/// back.
pub(super) fn check_procedure(checker: &mut Checker<'_>, rollout: &Rollout, procedure: &ProcedureSpec) {
    let Some((field, named)) = procedure.as_dyn().services() else { return };
    let also = checker.document.change.also.iter().map(|also| also.service.as_str());
    let change: Vec<&str> = also.chain([rollout.service.as_str()]).collect();
    let place = ["rollouts", "0", "rollback", procedure.name(), field];
    for (index, name) in named.iter().enumerate() {
        let number = index.to_string();
        let path: Vec<&str> = place.iter().copied().chain([number.as_str()]).collect();
        if !change.contains(&name.as_str()) {
            let help = format!("it releases: {}; others are listed in `change.also`", change.join(", "));
            checker.error(&path, format!("`{name}` is not part of the change"), help);
        } else if named[..index].contains(name) {
            checker.error(&path, format!("`{name}` is there twice"), "name each service once");
        }
    }
    let left_out = change.iter().find(|name| !named.iter().any(|named| named == *name));
    if let Some(name) = left_out.filter(|_| procedure.as_dyn().takes_all()) {
        let help = "name every service of the change, or use `partial_rollback`";
        checker.error(&place, format!("`{name}` is part of the change and would stay new"), help);
    }
    if named.is_empty() {
        checker.error(&place, "no service goes back", "name at least one");
    }
}

/// A service has one release at a time.
fn check_taken<'d>(checker: &mut Checker<'_>, place: &[&str], service: &'d str, taken: &mut Vec<&'d str>) {
    if taken.contains(&service) {
        let path: Vec<&str> = place.iter().copied().chain(["service"]).collect();
        let fact = format!("`{service}` is released already");
        checker.error(&path, fact, "name another service: each has one release at a time");
    }
    taken.push(service);
}

/// Faults of a service beside the target: whatever needs no database.
fn check_faults(checker: &mut Checker<'_>, place: &[&str], faults: &[FaultSpec]) {
    for (index, fault) in faults.iter().enumerate() {
        let number = index.to_string();
        let path: Vec<&str> =
            place.iter().copied().chain(["faults", number.as_str(), fault.name()]).collect();
        check_services(checker, &path, fault.as_dyn());
        if fault.as_dyn().needs_database() {
            let fact = format!("`{}` needs a database", fault.name());
            checker.error(&path, fact, "only the service that is rolled out has one");
        }
    }
}
