//! What all branches of one replication share: its keys, its numbers, its weather, its clock.

use std::sync::Arc;

use crate::effect::WorldDisturbance;
use crate::people::{People, reaction};
use crate::policy::RunName;
use crate::rng::Key;
use crate::rollback::Lessons;
use crate::scenario::Scenario;
use crate::telemetry::sampler::Sampler;
use crate::time::{SimDuration, SimTime};
use crate::world::luck::Luck;
use crate::world::spec::TimedDisturbance;
use crate::world::{Common, climate::Climate};

use super::draw::Draw;
use super::record::RehearsalRecord;
use super::way_back::WayBack;

/// One replication before anything is played.
pub struct Setting {
    /// Which scenario and replication it is, for messages.
    pub run: RunName,
    /// Root of its keys.
    pub key: Key,
    /// Its numbers.
    pub draw: Draw,
    /// Its scrapes, whatever the release.
    pub sampler: Sampler,
    /// The same scrapes at the same instants in the bad twin, where the change may also hurt monitoring.
    pub sampler_when_bad: Sampler,
    /// Those who are paged.
    pub people: Arc<People>,
    /// Whether the scenario says who that is; if not, they only come when a policy asks for somebody who investigates.
    pub has_people: bool,
    /// Its world's description and weather.
    pub common: Arc<Common>,
    /// When the release is deployed.
    pub deploy_at: SimTime,
    /// Until when a release is followed.
    pub horizon_at: SimTime,
    /// Until when anything is followed at the longest.
    pub end: SimTime,
    /// What the rehearsals of the healthy and of the bad release found.
    pub rehearsed: [Option<RehearsalRecord>; 2],
}

impl Setting {
    /// The replication of this number; `without` leaves out one circumstance under the same keys.
    pub fn new(scenario: &Scenario, seed: u64, replication: u32, without: Option<usize>) -> Self {
        let key = Key::root(seed, &scenario.name).replication(replication);
        let run = RunName { scenario: scenario.name.as_str().into(), replication };
        Setting { run, ..Setting::drawn(scenario, (key, key), without, None) }
    }

    /// The replication of this number, in which luck leans after the deploy.
    pub fn leaning(scenario: &Scenario, seed: u64, replication: u32, luck: Option<Luck>) -> Self {
        let key = Key::root(seed, &scenario.name).replication(replication);
        let run = RunName { scenario: scenario.name.as_str().into(), replication };
        Setting { run, ..Setting::drawn(scenario, (key, key), None, luck) }
    }

    /// A rehearsal of the release of this replication in staging: the same release, drawn as for production, in a world of its
    /// own.
    pub fn rehearsing(production: &Setting, staging: &Scenario) -> Self {
        Setting::drawn(staging, (production.key.entity("rehearsal"), production.key), None, None)
    }

    /// As keyed by the first key, with the numbers of the scenario drawn under the second.
    fn drawn(
        scenario: &Scenario,
        (key, numbers): (Key, Key),
        without: Option<usize>,
        luck: Option<Luck>,
    ) -> Self {
        let deploy_at = SimTime::ZERO + scenario.warm_up;
        let horizon_at = deploy_at + scenario.horizon;
        let draw = Draw::new(scenario, numbers, deploy_at, without);
        let sampler = Sampler::new(&scenario.telemetry, key, draw.monitoring.clone());
        let sampler_when_bad = Sampler::new(&scenario.telemetry, key, draw.monitoring_when_bad.clone());
        let end = horizon_at + scenario.watch;
        let climate = Climate::leaning(&scenario.world, key, end, luck.as_ref());
        let common = Arc::new(Common::new(scenario.world.clone(), climate, key).with_luck(luck));
        let people = Arc::new(scenario.people.clone().unwrap_or_default());
        let has_people = scenario.people.is_some();
        Setting {
            run: RunName::default(),
            key,
            people,
            has_people,
            draw,
            sampler,
            sampler_when_bad,
            common,
            deploy_at,
            horizon_at,
            end,
            rehearsed: [None, None],
        }
    }

    /// What is known before the deploy of the bad release, or of the healthy one.
    pub fn learn(&mut self, lessons: &Lessons, bad: bool) {
        let draw = &mut self.draw;
        let conditions = if bad { &mut draw.rollback_when_bad } else { &mut draw.rollback };
        let conditions = Arc::make_mut(conditions);
        conditions.lessons.add(lessons.clone());
        if bad && lessons.configuration_kept {
            let kept = draw.faults.iter().filter(|fault| !fault.what.is_of_old());
            draw.faults = kept.cloned().collect();
        }
    }

    /// The scrapes of a twin.
    pub fn sampler(&self, bad: bool) -> &Sampler {
        if bad { &self.sampler_when_bad } else { &self.sampler }
    }

    /// What becomes of services beside the target, in words: those of the change and other teams' own.
    pub fn other_releases(&self) -> Vec<(SimTime, String)> {
        let deploys = |whose: &'static str, list: &[TimedDisturbance]| {
            let of = move |one: &TimedDisturbance| match one.what {
                WorldDisturbance::Deploys { service, .. } => {
                    let name = &self.common.spec.services[usize::from(service.0)].name;
                    let begins = (one.from, format!("{name} is released too, {whose}"));
                    let ends = (one.until, format!("{name} is taken back by its own team"));
                    vec![begins, ends]
                }
                _ => Vec::new(),
            };
            list.iter().flat_map(of).collect::<Vec<_>>()
        };
        let mut lines = deploys("with the change", &self.draw.releases);
        lines.extend(deploys("by another team", &self.draw.confounders));
        lines.retain(|(at, _)| *at < self.end);
        lines
    }

    /// Whether somebody who is paged acts.
    pub fn acts_on_pages(&self) -> bool {
        self.has_people && self.people.act_on_pages
    }

    /// When somebody hears of a rollback, after the decision; `None` if nothing is known about that.
    pub fn told_after(&self) -> Option<Option<SimDuration>> {
        if self.has_people { reaction::told_after(&self.people, self.key) } else { None }
    }

    /// The ways back of a twin.
    pub fn way_back(&self, bad: bool) -> WayBack {
        let draw = &self.draw;
        WayBack {
            conditions: Arc::clone(if bad { &draw.rollback_when_bad } else { &draw.rollback }),
            key: self.key,
            of_past: draw.of_past.clone(),
            of_bad_fix: if bad { Arc::clone(&draw.of_bad_fix) } else { Arc::new([]) },
        }
    }
}
