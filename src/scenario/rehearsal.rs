//! A rehearsal of the release and of its rollback in a staging world, before production.
//!
//! Staging is the scenario with less of everything: fewer pods, requests and rows, none of the chaos, and a
//! configuration of its own. It is played like production (see [`crate::replication::rehearsal`]); what it cannot show is
//! what it does not have: faults that need load or rows, and whatever `only_in_production` lists.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::MAX_SPAN;
use super::resolve::Checker;
use super::resolved::Scenario;
use crate::catalogue::Catalogue;
use crate::diagnostic::did_you_mean;
use crate::quantity::{Rate, Ratio};
use crate::rollback::check::CheckSpec;
use crate::rollback::{Fallback, Lessons};
use crate::time::SimDuration;

/// A rehearsal in staging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalDocument {
    /// Pods of the released service; as many as in production if absent.
    pub replicas: Option<u32>,
    /// Requests there, as a share of production's.
    pub traffic: Ratio,
    /// Rows of the database, as a share of production's.
    pub rows: Ratio,
    /// From the deploy to the rollback.
    pub roll_back_after: SimDuration,
    /// How long it is looked at after that.
    pub watch: SimDuration,
    /// How whoever rehearses looks whether it helped; as in production (`rollback.verify`) if absent.
    pub verify: Option<Vec<CheckSpec>>,
    /// How often it is repeated at most, as long as something new is found.
    pub passes: u32,
    /// What staging does not have.
    pub only_in_production: OnlyInProduction,
}

/// What staging does not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnlyInProduction {
    /// Names of those of `rollback.defects` that are not there (credentials of its own, its own context).
    pub defects: Vec<String>,
    /// Names of those of `change.faults` that are not there (variables that are set, caches that nobody has).
    pub faults: Vec<String>,
    /// Whether only production throws old artefacts away.
    pub retention: bool,
}

impl Default for RehearsalDocument {
    fn default() -> Self {
        RehearsalDocument {
            replicas: None,
            traffic: Ratio::ONE_PERCENT,
            rows: Ratio::ONE_PERCENT,
            roll_back_after: SimDuration::from_mins(5),
            watch: SimDuration::from_mins(15),
            verify: None,
            passes: 3,
            only_in_production: OnlyInProduction::default(),
        }
    }
}

/// A rehearsal, ready to be played.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// The staging world with its release and its way back.
    pub staging: Box<Scenario>,
    /// From the deploy to the rollback.
    pub roll_back_after: SimDuration,
    /// How often it is repeated at most.
    pub passes: u32,
}

/// Those who rehearse are there when a command fails.
const AT_HAND: SimDuration = SimDuration::from_mins(1);

/// Checks the rehearsal of a scenario, makes its staging world, and tells production which of its defects staging lacks.
pub(super) fn resolve(checker: &mut Checker<'_>, production: &mut Scenario) {
    let Some(written) = &checker.document.rehearsal else { return };
    check(checker, written, production);
    let hidden = &written.only_in_production;
    let mut staging = production.clone();
    shrink(&mut staging, written);
    staging.horizon = written.roll_back_after + written.watch;
    (staging.confounders, staging.surroundings, staging.people) = (Vec::new(), Vec::new(), None);
    let is_there = |name: &str, list: &[String]| !list.iter().any(|hidden| hidden == name);
    staging.faults.retain(|(_, fault)| is_there(fault.name(), &hidden.faults));
    let conditions = &mut staging.rollback_conditions;
    conditions.defects.retain(|defect| is_there(defect.name(), &hidden.defects));
    conditions.on_failure = vec![Fallback::Page];
    conditions.person_after = AT_HAND;
    conditions.reverted_after = None;
    conditions.verify = written.verify.clone().unwrap_or_else(|| conditions.verify.clone());
    if hidden.retention {
        conditions.lessons = Lessons { artefact_kept: true, ..Lessons::default() };
    }
    let (shared, own) = std::mem::take(&mut production.rollback_conditions.defects)
        .into_iter()
        .partition(|defect| is_there(defect.name(), &hidden.defects));
    production.rollback_conditions.defects = shared;
    production.rollback_conditions.unrehearsed = own;
    production.rehearsal = Some(Rehearsal {
        staging: Box::new(staging),
        roll_back_after: written.roll_back_after,
        passes: written.passes,
    });
}

fn shrink(staging: &mut Scenario, written: &RehearsalDocument) {
    let target = usize::from(staging.world.target.0);
    let service = &mut staging.world.services[target];
    service.replicas = written.replicas.unwrap_or(service.replicas);
    for source in &mut staging.world.traffic {
        source.rate = Rate::per_second(source.rate.get() * written.traffic.get()).unwrap_or(source.rate);
    }
    if let Some(database) = &mut staging.world.database {
        database.rows *= written.rows.get();
    }
}

fn check(checker: &mut Checker<'_>, written: &RehearsalDocument, production: &Scenario) {
    let second = SimDuration::from_secs(1);
    checker.span(&["rehearsal", "roll_back_after"], written.roll_back_after, second, MAX_SPAN);
    checker.span(&["rehearsal", "watch"], written.watch, second, MAX_SPAN);
    for (field, share) in [("traffic", written.traffic), ("rows", written.rows)] {
        if share.get() <= 0.0 {
            checker.error(&["rehearsal", field], "a staging world with nothing in it", "write `1%`");
        }
    }
    if written.replicas == Some(0) || written.passes == 0 {
        let field = if written.passes == 0 { "passes" } else { "replicas" };
        checker.error(&["rehearsal", field], "nothing is rehearsed", "write 1 or more");
    }
    let hidden = &written.only_in_production;
    let defects = production.rollback_conditions.defects.iter().map(Catalogue::name).collect();
    check_names(checker, "defects", &hidden.defects, defects);
    let faults = production.faults.iter().map(|(_, fault)| fault.name()).collect();
    check_names(checker, "faults", &hidden.faults, faults);
}

/// What staging lacks must be there in production.
fn check_names(checker: &mut Checker<'_>, field: &str, names: &[String], there: Vec<&str>) {
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !there.contains(&name.as_str())) {
        let number = index.to_string();
        let meant = did_you_mean(name, &there).map(|meant| format!("did you mean `{meant}`? "));
        let help = format!("{}it must be one of those of production", meant.unwrap_or_default());
        let place = ["rehearsal", "only_in_production", field, number.as_str()];
        checker.error(&place, format!("production has no `{name}`"), help);
    }
}
