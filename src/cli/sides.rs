//! Two sides of a comparison: policies that are played in the same worlds, side by side.
//!
//! Each side is a study of its own with the same scenarios and seed. A replication is a function of scenario, policy, seed and
//! number, so both play the same worlds, and policies keep their names: what is drawn by the name of a policy (answers of
//! what stands in for its jobs) is the same in two versions of it. Trap: reference players are played twice; that is the
//! price of names that may be equal.

use super::args::{Global, StudyArgs};
use super::exit::Failure;
use super::plan::StudyPlan;
use crate::policy::loaded::Loaded;

/// Which policies are compared: the name of the new one with that of the base.
///
/// Policies of the same name belong together; one policy on each side belongs together whatever the names.
///
/// # Errors
/// When a policy has no counterpart.
pub(super) fn pairs(new: &[Loaded], base: &[Loaded]) -> Result<Vec<(String, String)>, Failure> {
    if let ([one], [other]) = (new, base) {
        return Ok(vec![(one.name.clone(), other.name.clone())]);
    }
    let names = |side: &[Loaded]| side.iter().map(|policy| policy.name.clone()).collect::<Vec<_>>();
    let (ours, theirs) = (names(new), names(base));
    let alone = |name: &&String| !ours.contains(name) || !theirs.contains(name);
    if let Some(alone) = ours.iter().chain(&theirs).find(alone) {
        let fact = format!("policy `{alone}` is on one side of the comparison only");
        let help = format!("base: {}; new: {}", theirs.join(", "), ours.join(", "));
        return Err(Failure::usage(fact, help));
    }
    Ok(ours.iter().map(|name| (name.clone(), name.clone())).collect())
}

/// The same scenarios with other policy files.
///
/// # Errors
/// When a file cannot be read, or is wrong.
pub(super) fn beside(
    plan: &StudyPlan,
    global: &Global,
    (files, args): (&[String], &StudyArgs),
) -> Result<StudyPlan, Failure> {
    StudyPlan::with_scenarios(plan.scenarios.clone(), global, files, args)
}
