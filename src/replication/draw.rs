//! The numbers of one replication: faults and confounders with their parameters drawn.

use std::sync::Arc;

use crate::effect::{
    Disturbance, MonitoringDisturbance, PeopleDisturbance, Revision, RollbackDisturbance, ServiceId,
    WorldDisturbance,
};
use crate::fault::{Effect, Fault, Resolution, elsewhere};
use crate::people::Reaction;
use crate::quantity::Ratio;
use crate::rng::Key;
use crate::rollback::{RollbackConditions, Services};
use crate::scenario::Scenario;
use crate::scenario::group::Companion;
use crate::time::SimTime;
use crate::world::spec::{Timed, TimedDisturbance};

use super::person::FAILED_COMMAND;

/// Everything drawn once for a replication.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Confounders of the world, in force in every branch.
    pub confounders: Arc<[TimedDisturbance]>,
    /// Faults of the change, and the releases of its companions.
    pub faults: Arc<[TimedDisturbance]>,
    /// The same without the faults: the releases of its companions.
    pub releases: Arc<[TimedDisturbance]>,
    /// What monitoring suffers whatever the release, in every branch.
    pub monitoring: Vec<Timed<MonitoringDisturbance>>,
    /// What it suffers in the bad twin: the same, and what the change does to it.
    pub monitoring_when_bad: Vec<Timed<MonitoringDisturbance>>,
    /// How rollbacks go whatever the release.
    pub rollback: Arc<RollbackConditions>,
    /// How the rollback of the bad release goes.
    pub rollback_when_bad: Arc<RollbackConditions>,
    /// What is wrong with the revisions that ran before, in the order of the scenario's history.
    pub of_past: Vec<Arc<[TimedDisturbance]>>,
    /// What is wrong with a fix that mends nothing: what is wrong with the release.
    pub of_bad_fix: Arc<[TimedDisturbance]>,
    /// When the first fault begins; `None` without faults.
    pub onset: Option<SimTime>,
    /// Every number, by document path.
    pub drawn: Vec<(String, f64)>,
}

impl Draw {
    /// Draws the numbers of a replication; `without` leaves out the circumstance of this index (see
    /// [`Scenario::circumstances`]) under the same keys.
    pub fn new(scenario: &Scenario, key: Key, deploy_at: SimTime, without: Option<usize>) -> Self {
        let mut drawn = Vec::new();
        let service = |name: &str| {
            let index = scenario.world.services.iter().position(|s| s.name == name)?;
            Some(ServiceId(index as u16))
        };
        let mut resolve_at = |deploy_at: SimTime, path: &str, member: &dyn Fault| {
            member.resolve(&mut Resolution { key, path, deploy_at, service: &service, drawn: &mut drawn })
        };
        let mut resolve = |path: &str, member: &dyn Fault| resolve_at(deploy_at, path, member);
        let faults: Vec<Effect> =
            scenario.faults.iter().flat_map(|(path, fault)| resolve(path, fault.as_dyn())).collect();
        let confounders: Vec<Effect> = scenario
            .circumstances()
            .into_iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != without)
            .flat_map(|(_, (path, _, circumstance))| resolve(path, circumstance))
            .collect();
        let past = &scenario.rollback_conditions.history.past;
        let of_past = past.iter().enumerate().map(|(index, revision)| {
            let begin = |(number, fault): (usize, &crate::fault::FaultSpec)| {
                let path = format!("history[{index}].faults[{number}]");
                // They began with the revision, long ago.
                resolve_at(SimTime::ZERO, &path, fault.as_dyn())
            };
            of_other(&revision.faults.iter().enumerate().flat_map(begin).collect::<Vec<_>>())
        });
        let of_past = of_past.collect();
        let mut releases: Vec<Effect> = Vec::new();
        let mut beside: Vec<Effect> = Vec::new();
        for companion in &scenario.companions {
            let released = released(companion, (key, deploy_at), &service, &mut drawn);
            releases.push(released.0);
            beside.extend(released.1);
        }
        let onset = faults.iter().chain(&beside).map(|f| f.from).min();
        let mut rollback = scenario.rollback_conditions.clone();
        rollback.services = Services {
            names: scenario.world.services.iter().map(|service| service.name.clone()).collect(),
            target: scenario.world.target,
        };
        if let Some(people) = &scenario.people {
            rollback.without_evidence = people.without_evidence;
            rollback.person_after = Reaction::draw(people, key, FAILED_COMMAND).total();
        }
        confounders.iter().for_each(|effect| bend(&mut rollback, &effect.what));
        let mut rollback_when_bad = rollback.clone();
        faults.iter().chain(&beside).for_each(|effect| bend(&mut rollback_when_bad, &effect.what));
        Draw {
            monitoring: confounders.iter().filter_map(monitoring).collect(),
            monitoring_when_bad: confounders
                .iter()
                .chain(&faults)
                .chain(&beside)
                .filter_map(monitoring)
                .collect(),
            confounders: world(&confounders),
            faults: world(&[&releases[..], &faults, &beside].concat()),
            releases: world(&releases),
            rollback: Arc::new(rollback),
            rollback_when_bad: Arc::new(rollback_when_bad),
            of_past,
            of_bad_fix: of_other(&faults),
            onset,
            drawn,
        }
    }
}

/// The release of a companion, and what is wrong with its new revision.
fn released(
    companion: &Companion,
    (key, deploy_at): (Key, SimTime),
    service: &dyn Fn(&str) -> Option<ServiceId>,
    drawn: &mut Vec<(String, f64)>,
) -> (Effect, Vec<Effect>) {
    let own = companion.service;
    let mut at = Resolution { key, path: &companion.path, deploy_at, service, drawn };
    let from = deploy_at + at.duration("at", &companion.at);
    let what = Disturbance::World(WorldDisturbance::Deploys { service: own, by: companion.by });
    let mut faults = Vec::new();
    for (index, fault) in companion.faults.iter().enumerate() {
        let path = format!("{}.faults[{index}]", companion.path);
        let mut at = Resolution { key, path: &path, deploy_at: from, service, drawn: &mut *at.drawn };
        let effects = fault.as_dyn().resolve(&mut at);
        faults.extend(effects.into_iter().map(|effect| elsewhere(own, effect)));
    }
    (Effect { from, until: SimTime::NEVER, what }, faults)
}

fn world(effects: &[Effect]) -> Arc<[TimedDisturbance]> {
    effects
        .iter()
        .filter_map(|e| match &e.what {
            Disturbance::World(what) => Some(Timed { from: e.from, until: e.until, what: what.clone() }),
            _ => None,
        })
        .collect()
}

/// The same in the code of the third revision.
fn of_other(effects: &[Effect]) -> Arc<[TimedDisturbance]> {
    let of_other =
        |timed: &TimedDisturbance| Timed { what: timed.what.clone().of_revision(Revision::Other), ..*timed };
    // What a change takes away from the revision before it, it has taken away whichever revision runs.
    world(effects).iter().filter(|timed| !timed.what.is_of_old()).map(of_other).collect()
}

fn monitoring(effect: &Effect) -> Option<Timed<MonitoringDisturbance>> {
    match effect.what {
        Disturbance::Monitoring(what) => Some(Timed { from: effect.from, until: effect.until, what }),
        _ => None,
    }
}

fn bend(conditions: &mut RollbackConditions, what: &Disturbance) {
    match what {
        Disturbance::Rollback(RollbackDisturbance::StepFails(share)) => {
            let good = (1.0 - conditions.step_fails.get()) * (1.0 - share.get());
            conditions.step_fails = Ratio::new(1.0 - good).unwrap_or(Ratio::ONE);
        }
        Disturbance::Rollback(RollbackDisturbance::Slower(factor)) => conditions.slower *= factor.max(0.0),
        Disturbance::Rollback(RollbackDisturbance::NoTarget) => conditions.no_target = true,
        Disturbance::People(PeopleDisturbance::ReactsAfter(delay)) => conditions.person_after = *delay,
        Disturbance::World(_) | Disturbance::Monitoring(_) => {}
    }
}
