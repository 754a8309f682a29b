//! The hunt: a search for the world in which a policy does worst.
//!
//! Worlds are scenario documents: a base gives the services, the traffic and the rollout, the hunt adds events from the catalogues
//! (with drawn parameters) and turns noise, traffic and monitoring, within [ranges]. `search.rs` looks for the worst
//! one of each kind, `shrink.rs` makes it small, and what is left is played again on luck that nothing was chosen by. Only what
//! shows there at the demanded rate is a finding.
//!
//! Traps: the hunt finds what the simulator can play and the catalogues hold, so that nothing was found is no proof. A
//! world's luck is keyed by its name, and a file's by its folder and stem: findings are checked under the name
//! they are written under, or a replay would show another run.

mod account;
mod amount;
mod judge;
mod kind;
mod range;
mod search;
mod shrink;
mod world;
mod yaml;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

pub use account::Trial;
pub use judge::Measure;
pub use range::ranges;

use account::Tried;
use judge::Judge;
use kind::{Kind, Shelf};
use search::{Cell, Scored, Search};
use shrink::Shrinker;
use world::{Stage, World};

use crate::document::parse_typed;
use crate::policy::loaded::Loaded;
use crate::replication::prepared::PrepareOptions;
use crate::rng::{Key, Purpose};
use crate::stats::Estimate;
use crate::stats::estimate::wilson_modified;
use crate::study::Progress;

/// Replications by which smaller scenarios are judged; at request level a half.
const SHRINKING: u32 = 16;
/// Replications on fresh luck by which a finding stands or falls; at request level a quarter.
const CHECKING: u32 = 64;
/// While it is made smaller a world must show the failure this often, if it did in the beginning, so that what is left does
/// not stand on the edge of the demanded rate.
const MARGIN: f64 = 0.75;
/// Cells for worlds without any event, where those count.
const UNEVENTFUL: usize = 4;

/// What is hunted, and how.
pub struct Hunt<'h> {
    /// The policy.
    pub policy: &'h Loaded,
    /// The text of the scenario that gives services, traffic and rollout; it has been read without errors.
    pub base: &'h str,
    /// By what the policy does worst.
    pub measure: Measure,
    /// Worlds of the search; those tried while shrinking come on top.
    pub budget: u32,
    /// Least harm that counts, in seconds of mean traffic.
    pub floor: f64,
    /// Share of replications that must show the failure.
    pub rate: f64,
    /// Whether worlds in which each request is an event are tried.
    pub requests: bool,
    /// Seed of all randomness.
    pub seed: u64,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// How the policy is bound.
    pub prepare: PrepareOptions,
    /// The name that keys the luck of a file with this stem.
    pub name_of: &'h (dyn Fn(&str) -> String + Sync),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hunted {
    /// Version of the format: 1.
    pub format: u32,
    /// The policy.
    pub policy: String,
    /// The measure.
    pub measure: Measure,
    /// Seed of all randomness.
    pub seed: u64,
    /// Least harm that counts, in seconds of mean traffic.
    pub min_impact_s: f64,
    /// Share of replications that must show the failure.
    pub rate: f64,
    /// Worlds of the search.
    pub worlds: u32,
    /// Worlds that the scenario format refused; they are among the worlds.
    pub invalid: u32,
    /// Scenarios tried while shrinking.
    pub shrinking: u32,
    /// Replications in all.
    pub replications: u64,
    /// What was tried, by kind of event.
    pub events: BTreeMap<String, Trial>,
    /// What was tried of the scenario itself.
    pub settings: BTreeMap<String, Trial>,
    /// Kinds of events that no world of this hunt can have, with the reason.
    pub left_out: BTreeMap<String, String>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What looked like a finding and did not hold on fresh luck: its name, and the share that showed it there.
    pub lost: Vec<(String, f64)>,
}

/// A world in which the policy fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Stem of its file.
    pub stem: String,
    /// The name that keys its luck.
    pub name: String,
    /// The events in it.
    pub events: Vec<Event>,
    /// What of the scenario is otherwise.
    pub settings: Vec<String>,
    /// Share of fresh replications that show the failure.
    pub shown: Estimate,
    /// Mean amount in those that show it, in seconds (of mean traffic, where it is harm).
    pub amount: f64,
    /// Least amount that shows it, in the same unit.
    pub least: f64,
    /// The replication that shows most.
    pub replication: u32,
    /// Why, by how many replications.
    pub why: BTreeMap<String, u32>,
    /// The scenario, without comments.
    pub scenario: String,
    /// Its lines.
    pub lines: usize,
    /// Lines of the world as it was found.
    pub lines_before: usize,
}

/// An event of a world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its kind.
    pub name: String,
    /// What the kind is.
    pub summary: String,
    /// The entry as it stands in the file.
    pub entry: String,
}

/// Why there was no hunt.
#[derive(Debug, thiserror::Error)]
pub enum HuntError {
    /// The policy cannot be asked in the base scenario, or that cannot be played at this level.
    #[error("no world can be played: {0}")]
    NoWorld(String),
    /// The threads could not be started.
    #[error("the worker threads could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// A world made small, before it is checked.
struct Small {
    document: Value,
    least: f64,
    lines_before: usize,
    checks: u32,
    replications: u64,
}

impl Hunt<'_> {
    /// Searches, shrinks and checks.
    ///
    /// # Errors
    /// When no world can be played at all, or threads do not start.
    pub fn run(&self, progress: &Progress) -> Result<Hunted, HuntError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.jobs.get()).build()?;
        pool.install(|| self.hunt(progress))
    }

    fn hunt(&self, progress: &Progress) -> Result<Hunted, HuntError> {
        let document: Value = parse_typed("base", self.base).map_err(|e| HuntError::NoWorld(e.message))?;
        let judge = Judge {
            policy: self.policy,
            seed: self.seed,
            prepare: self.prepare,
            measure: self.measure,
            floor: self.floor,
            requests: self.requests,
            prices: judge::prices(),
        };
        let key = Key::root(self.seed, &self.policy.name).purpose(Purpose::Hunt).entity(self.measure.name());
        let (stage, left_out) = self.stage(&document, &judge, key)?;
        let cells = self.cells(&stage);
        let others: Vec<usize> = (0..stage.kinds.len()).collect();
        let mut tried = Tried::default();
        let search = Search {
            stage: &stage,
            judge: &judge,
            cells: &cells,
            others: &others,
            key: key.entity("search"),
            budget: self.budget,
            progress,
        };
        let best: Vec<Scored> = search.run(&mut tried).into_iter().flatten().collect();
        let small: Vec<Option<Small>> =
            best.par_iter().map(|scored| self.shrunk(&stage, &judge, &scored.world)).collect();
        let small: Vec<Small> = small.into_iter().flatten().collect();
        let shrinking = small.iter().map(|one| one.checks).sum();
        let more: u64 = small.iter().map(|one| one.replications).sum();
        let (findings, lost, checked) = self.findings(&stage, &judge, small);
        Ok(Hunted {
            format: 1,
            policy: self.policy.name.clone(),
            measure: self.measure,
            seed: self.seed,
            min_impact_s: self.floor,
            rate: self.rate,
            worlds: tried.worlds,
            invalid: tried.invalid,
            shrinking,
            replications: tried.replications + more + checked,
            events: tried.kinds(),
            settings: tried.settings(),
            left_out,
            findings,
            lost,
        })
    }

    /// The lists from which worlds of this measure take their events. A false rollback needs a healthy release, and faults
    /// of the change are not in it.
    fn shelves(&self) -> &'static [Shelf] {
        match self.measure {
            Measure::FalseRollback => &[Shelf::Confounders, Shelf::Surroundings],
            Measure::RollbackFailed => &Shelf::ALL,
            Measure::Missed | Measure::Slowest | Measure::Impact => {
                &[Shelf::Faults, Shelf::Confounders, Shelf::Surroundings]
            }
        }
    }

    /// The base, and the kinds that some world on it can have; those that none can, with the reason.
    fn stage(
        &self,
        document: &Value,
        judge: &Judge<'_>,
        key: Key,
    ) -> Result<(Stage, BTreeMap<String, String>), HuntError> {
        /// A kind that no world of so many can have is left out.
        const DRAWS: u64 = 12;
        let horizon = document.get("horizon").and_then(amount::read).map_or(3600.0, |(value, _)| value);
        let mut settings: Vec<&'static range::Setting> = range::SETTINGS.iter().collect();
        if self.measure == Measure::RollbackFailed {
            settings.extend(range::WAYS_BACK);
        }
        let stage = Stage::new(document, kind::kinds(self.shelves(), horizon), &settings);
        judge.ready(search::NAME, &yaml::text(&stage.base)).map_err(HuntError::NoWorld)?;
        let probe = |(index, kind): (usize, &Kind)| {
            let one = |number: u64| {
                let mut stream = key.entity("probe").entity(kind.name()).id(number).stream();
                let world = World {
                    members: stage.member(index, &mut stream).into_iter().collect(),
                    ..World::default()
                };
                judge.ready(search::NAME, &yaml::text(&stage.document(&world))).map(drop)
            };
            let mut why = String::new();
            for number in 0..DRAWS {
                match one(number) {
                    Ok(()) => return None,
                    Err(fact) => why = fact,
                }
            }
            Some((kind.name().to_owned(), why))
        };
        let kinds: Vec<(usize, &Kind)> = stage.kinds.iter().enumerate().collect();
        let refused: Vec<Option<(String, String)>> = kinds.into_par_iter().map(probe).collect();
        let left_out: BTreeMap<String, String> = refused.into_iter().flatten().collect();
        let kinds = stage.kinds.iter().filter(|kind| !left_out.contains_key(kind.name())).cloned().collect();
        Ok((Stage::new(document, kinds, &settings), left_out))
    }

    /// One cell for each kind that can be the cause; some for worlds in which nothing happens, where those count.
    fn cells(&self, stage: &Stage) -> Vec<Cell> {
        let may = |kind: &Kind| match self.measure {
            Measure::Missed | Measure::Slowest | Measure::Impact => kind.shelf == Shelf::Faults,
            Measure::FalseRollback | Measure::RollbackFailed => true,
        };
        let faults = |(_, kind): &(usize, &Kind)| kind.shelf == Shelf::Faults;
        let faults: Vec<usize> =
            stage.kinds.iter().enumerate().filter(faults).map(|(index, _)| index).collect();
        let cell = |(index, kind): (usize, &Kind)| {
            let needs = self.measure == Measure::RollbackFailed && kind.shelf != Shelf::Faults;
            let faults = if needs { faults.clone() } else { Vec::new() };
            Cell { principal: Some(index), faults, otherwise: 0.125 }
        };
        let mut cells: Vec<Cell> =
            stage.kinds.iter().enumerate().filter(|(_, kind)| may(kind)).map(cell).collect();
        let uneventful = if self.measure == Measure::FalseRollback { UNEVENTFUL } else { 0 };
        cells.extend((0..uneventful).map(|_| Cell { principal: None, faults: Vec::new(), otherwise: 0.5 }));
        cells
    }

    /// The world made small, if it shows the failure on luck that it was not chosen by.
    fn shrunk(&self, stage: &Stage, judge: &Judge<'_>, world: &World) -> Option<Small> {
        let document = stage.document(world);
        let text = yaml::text(&document);
        let ready = judge.ready(shrink::NAME, &text).ok()?;
        let count = if self.requests { SHRINKING.div_ceil(2) } else { SHRINKING };
        let seen = judge.play(&ready, 0..count, 0.0, false);
        let least = if self.measure.is_yes_or_no() { 0.0 } else { amount::rounded(seen.mean() / 2.0, 2) };
        let shown = judge.play(&ready, 0..count, least, false).shown;
        let demanded = of(self.rate, count);
        if shown < demanded || shown == 0 {
            return None;
        }
        let needed = shown.min(of(MARGIN, count)).max(demanded);
        let mut shrinker =
            Shrinker { stage, judge, least, count, needed, checks: 0, replications: 2 * u64::from(count) };
        let document = shrinker.run(document);
        let Shrinker { checks, replications, .. } = shrinker;
        Some(Small { document, least, lines_before: yaml::lines(&text), checks, replications })
    }

    /// Distinct small worlds that hold on fresh luck, the worst first; those that do not; and the replications played.
    fn findings(
        &self,
        stage: &Stage,
        judge: &Judge<'_>,
        small: Vec<Small>,
    ) -> (Vec<Finding>, Vec<(String, f64)>, u64) {
        let named: Vec<(String, Small)> =
            small.into_iter().map(|one| (self.stem(stage, &one.document), one)).collect();
        let count = if self.requests { CHECKING.div_ceil(4) } else { CHECKING };
        let checked: Vec<Result<Finding, (String, f64)>> =
            named.par_iter().map(|(stem, one)| self.check(stage, judge, stem, one, count)).collect();
        let replications = checked.len() as u64 * u64::from(count);
        let mut best: BTreeMap<String, Finding> = BTreeMap::new();
        let mut lost: Vec<(String, f64)> = Vec::new();
        for one in checked {
            match one {
                Ok(one) if best.get(&one.stem).is_none_or(|known| known.amount < one.amount) => {
                    best.insert(one.stem.clone(), one);
                }
                Ok(_) => {}
                Err(one) => lost.push(one),
            }
        }
        lost.retain(|(stem, _)| !best.contains_key(stem));
        lost.sort_by(|one, other| one.0.cmp(&other.0));
        lost.dedup_by(|one, other| one.0 == other.0);
        let all: Vec<Finding> = best.into_values().collect();
        let mut findings: Vec<Finding> =
            all.iter().filter(|one| !all.iter().any(|other| explains(other, one))).cloned().collect();
        findings.sort_by(|one, other| {
            other.amount.total_cmp(&one.amount).then_with(|| one.stem.cmp(&other.stem))
        });
        (findings, lost, replications)
    }

    fn check(
        &self,
        stage: &Stage,
        judge: &Judge<'_>,
        stem: &str,
        small: &Small,
        count: u32,
    ) -> Result<Finding, (String, f64)> {
        let name = (self.name_of)(stem);
        let events = events(stage, &small.document);
        let mut document = small.document.clone();
        world::put(&mut document, &["summary"], Value::String(self.summary(&events)));
        let scenario = yaml::text(&document);
        let lost = |share: f64| (stem.to_owned(), share);
        let ready = judge.ready(&name, &scenario).map_err(|_| lost(0.0))?;
        let tally = judge.play(&ready, 0..count, small.least, self.measure == Measure::FalseRollback);
        let worst = tally.worst.filter(|_| tally.share() >= self.rate).ok_or_else(|| lost(tally.share()))?;
        Ok(Finding {
            stem: stem.to_owned(),
            name,
            events,
            settings: stage.otherwise(&small.document).into_iter().map(str::to_owned).collect(),
            shown: wilson_modified(u64::from(tally.shown), u64::from(tally.played), 0.95),
            amount: tally.shown_amount / f64::from(tally.shown.max(1)),
            least: small.least.max(self.floor_of_amount()),
            replication: worst.0,
            why: tally.why,
            lines: yaml::lines(&scenario),
            lines_before: small.lines_before,
            scenario,
        })
    }

    fn summary(&self, events: &[Event]) -> String {
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        let what = if names.is_empty() { "nothing happens".to_owned() } else { names.join(" and ") };
        format!("hunted for {} of {}, {what}", self.measure.name(), self.policy.name)
    }

    /// The floor is one of harm; other amounts have none.
    fn floor_of_amount(&self) -> f64 {
        match self.measure {
            Measure::Missed | Measure::Impact | Measure::RollbackFailed => self.floor,
            Measure::Slowest | Measure::FalseRollback => 0.0,
        }
    }

    /// The measure and what is in the world: its events, or else what is otherwise.
    fn stem(&self, stage: &Stage, document: &Value) -> String {
        let mut parts: Vec<String> = events(stage, document).into_iter().map(|event| event.name).collect();
        parts.sort();
        parts.dedup();
        if parts.is_empty() {
            parts = stage.otherwise(document).iter().map(|name| name.replace(' ', "_")).collect();
        }
        if parts.is_empty() {
            parts.push("as_it_is".to_owned());
        }
        format!("{}-{}", self.measure.name(), parts.join("-"))
    }
}

/// The least whole number that is at least this share of so many.
fn of(share: f64, count: u32) -> u32 {
    (share * f64::from(count)).ceil().max(0.0) as u32
}

/// Whether the one's events are some of the other's: then the other says nothing new.
fn explains(one: &Finding, other: &Finding) -> bool {
    let is_in = |event: &Event| other.events.iter().any(|known| known.name == event.name);
    one.stem != other.stem && !one.events.is_empty() && one.events.iter().all(is_in)
}

/// The events of a document, in its order.
fn events(stage: &Stage, document: &Value) -> Vec<Event> {
    let mut found = Vec::new();
    for shelf in Shelf::ALL {
        let items = world::at(document, shelf.path()).and_then(Value::as_array);
        for (name, entry) in items.into_iter().flatten().filter_map(Value::as_object).flatten() {
            let kind = stage.kinds.iter().find(|kind| kind.shelf == shelf && kind.name() == name);
            found.push(Event {
                name: name.clone(),
                summary: kind.map_or_else(String::new, |kind| kind.card.summary.to_owned()),
                entry: format!("{name}: {}", yaml::flow(entry)),
            });
        }
    }
    found
}
