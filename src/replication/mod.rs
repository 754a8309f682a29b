//! The tree of one seeded run: the only place where world, fault, strategy, telemetry, policy and rollback meet.
//!
//! A replication plays one warm-up, the world without a deploy, and for every distinct rollout the bad release and its
//! healthy twin. All players of a twin ride on one branch until their actions differ; then the branch is cloned. The
//! reference players (`never`, `always`, `oracle`, `random`) ride along like everybody else.
//!
//! Traps: the first harm must be known before the twins are scored (it decides how long everybody is followed, and
//! it is all the oracle sees), so both twins are scouted under `never`, without monitoring, until it comes. Causes of false
//! rollbacks are found by playing again without one confounder at a time, under the same keys.

mod acting;
pub mod baseline;
pub mod blame;
pub mod branch;
pub mod draw;
mod extended;
pub mod finish;
pub mod leaning;
pub mod ledger;
pub mod metastable;
pub mod name;
pub mod panel;
pub mod person;
pub mod play;
pub mod prepared;
pub mod question;
pub mod record;
pub mod rehearsal;
pub mod scout;
pub mod setting;
pub mod station;
pub mod steady;
pub mod sticky;
mod stored;
pub mod sweep;
mod useless;
pub mod way_back;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::{Start, Truth};
use crate::rng::Purpose;
use crate::strategy::support::migrating::Migrating;
use crate::strategy::{Signal, Strategy};
use crate::time::SimTime;
use crate::world::World;

use baseline::{Baseline, Warm};
use branch::{Branch, Rider};
use finish::Fate;
use play::{Finished, Stage};
use prepared::{PlayerSpec, Prepared, RolloutPlan};
use record::{Fidelity, ReplicationRecord, RolloutRecord, RunRecord, TwinRecord};
use setting::Setting;
use station::Station;
use sticky::Tiers;
use sweep::Sweep;

/// What to do beyond the records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep a timeline of every run.
    pub timeline: bool,
    /// Follow every branch to the end of the span even if it equals the world without a deploy (for checks).
    pub no_merge: bool,
    /// Do not look for the causes of false rollbacks.
    pub no_blame: bool,
    /// Ask every policy at each of its ticks, even those that could be accounted for together (for checks).
    pub no_sweep: bool,
}

/// One rollout in one replication, scouted.
struct Scouted<'a> {
    plan: &'a RolloutPlan,
    first_harm: Option<SimTime>,
}

/// Plays one replication.
pub fn replicate(prepared: &Prepared, replication: u32, options: Options) -> ReplicationRecord {
    let scenario = &prepared.scenario;
    let setting = rehearsed(prepared, Setting::new(scenario, prepared.seed, replication, None));
    let warm = warm_up(prepared, &setting);
    if let Some(reason) = &warm.unsteady {
        return could_not_start(prepared, replication, &setting, &warm, reason);
    }
    let scouted: Vec<Scouted<'_>> =
        prepared.rollouts.iter().map(|plan| scout(prepared, &setting, &warm, plan)).collect();
    let followed = |harm: Option<SimTime>| {
        harm.map_or(setting.horizon_at, |h| (h + scenario.watch).max(setting.horizon_at))
    };
    let mut baselines: BTreeMap<SimTime, Baseline> = BTreeMap::new();
    let mut fingerprint = 0;
    let mut rollouts = Vec::new();
    for scouted in &scouted {
        let counted_until = followed(scouted.first_harm);
        let baseline =
            baselines.entry(counted_until).or_insert_with(|| Baseline::play(&setting, &warm, counted_until));
        fingerprint = fingerprint_with(fingerprint, baseline.fingerprint);
        let no_deploy = baseline.total;
        let warm = &warm.watched_by(prepared, scouted.plan);
        let judge = metastable::Judge::new(prepared, &setting, baseline, (replication, counted_until));
        let tree = Tree { prepared, setting: &setting, warm, baseline, judge, counted_until, options };
        let mut bad = tree.twin(scouted, true, counted_until, &mut fingerprint);
        let mut healthy = tree.twin(scouted, false, setting.horizon_at, &mut fingerprint);
        // What the release itself does to requests, faults or not, is in both.
        bad.touched = bad.touched.saturating_sub(std::mem::take(&mut healthy.touched));
        if !options.no_blame {
            blame::false_causes(prepared, (replication, options), scouted.plan, &mut healthy.runs);
            let asked = (replication, options);
            blame::wrong_changes(prepared, asked, scouted.plan, &mut bad.runs, &healthy.runs);
        }
        let (rollout, counted_until) = (scouted.plan.label.clone(), counted_until.as_nanos());
        rollouts.push(RolloutRecord { rollout, counted_until, no_deploy, bad, healthy });
    }
    ReplicationRecord { fingerprint, rollouts, ..bare(prepared, replication, &setting) }
}

/// The replication with what is known of its release from rehearsals.
fn rehearsed(prepared: &Prepared, mut setting: Setting) -> Setting {
    for bad in [false, true] {
        if let Some((lessons, record)) = rehearsal::rehearse(prepared, &setting, bad) {
            setting.learn(&lessons, bad);
            setting.rehearsed[usize::from(bad)] = Some(record);
        }
    }
    setting
}

/// The record of a replication in which nothing was deployed.
fn could_not_start(
    prepared: &Prepared,
    replication: u32,
    setting: &Setting,
    warm: &Warm,
    reason: &str,
) -> ReplicationRecord {
    ReplicationRecord {
        fingerprint: warm.world.fingerprint(),
        could_not_start: Some(reason.to_owned()),
        ..bare(prepared, replication, setting)
    }
}

/// What is known of a replication before anything is deployed.
fn bare(prepared: &Prepared, replication: u32, setting: &Setting) -> ReplicationRecord {
    let scenario = &prepared.scenario;
    ReplicationRecord {
        format: record::FORMAT,
        scenario: scenario.name.clone(),
        replication,
        fidelity: if scenario.is_flow() { Fidelity::Flow } else { Fidelity::Request },
        fingerprint: 0,
        deploy_at: setting.deploy_at.as_nanos(),
        horizon_at: setting.horizon_at.as_nanos(),
        mean_rate: scenario.mean_rate(),
        could_not_start: None,
        other_changes: scenario.circumstances().iter().any(|(_, _, member)| member.is_other_change()),
        draws: setting.draw.drawn.clone(),
        rollouts: Vec::new(),
    }
}

fn fingerprint_with(sum: u64, one: u64) -> u64 {
    sum.rotate_left(7) ^ one
}

fn warm_up(prepared: &Prepared, setting: &Setting) -> Warm {
    let mut world =
        World::new(Arc::clone(&setting.common), Arc::clone(&setting.draw.confounders), prepared.level);
    if let Some(service) = prepared.scenario.telemetry.needs {
        world.watch(service);
    }
    for (service, _) in &prepared.scenario.rollback_conditions.path.needs {
        world.watch(*service);
    }
    Warm::up(setting, world, Station::new(&prepared.needs))
}

/// The branch on which a twin begins, the moment after the deploy.
fn begin(
    setting: &Setting,
    warm: &Warm,
    plan: &RolloutPlan,
    bad: bool,
    riders: Vec<Rider>,
    baseline: Option<&Baseline>,
) -> Branch {
    let mut world = warm.world.clone();
    let draw = &setting.draw;
    let faults = Arc::clone(if bad { &draw.faults } else { &draw.releases });
    world.begin_counting(baseline.and_then(|b| b.outcomes.clone()), baseline.is_none());
    if let Some(baseline) = baseline {
        world.compare_with_downtime(Arc::clone(&baseline.down));
    }
    world.deploy(faults, plan.min_ready);
    if plan.apart {
        world.part_workloads();
    }
    let mut riders = riders;
    riders.iter_mut().for_each(Rider::look_ahead);
    let tiers = world.common().spec.is_sticky().then(Tiers::default);
    let mut branch = Branch {
        world,
        station: warm.station.clone(),
        strategy: Some(with_migration(plan.strategy.as_dyn().start_keyed(setting.key), setting)),
        strategy_wake: None,
        cohort_harm: 0,
        tiers,
        cohort_only: false,
        progress: Default::default(),
        step: Default::default(),
        promoted_at: None,
        progressed_at: setting.deploy_at,
        rollback: None,
        earlier_rollbacks: Vec::new(),
        way: None,
        log: setting.draw.rollback.history.log(),
        put_back_at: None,
        ledger: Default::default(),
        riders,
        parties: Vec::new(),
        sweep: Sweep::default(),
        roll: Default::default(),
        scrape: warm.scrape,
        scraped_at: SimTime::ZERO,
        hold: false,
        quiet: (0, setting.deploy_at),
        timeline: None,
        deploy_at: setting.deploy_at,
        database: Default::default(),
    };
    branch.call_roll();
    branch
}

/// A rollout whose release brings a migration runs its steps too.
fn with_migration(rollout: Box<dyn Strategy>, setting: &Setting) -> Box<dyn Strategy> {
    let database = setting.common.spec.database.as_ref();
    match database.and_then(|database| database.migration.as_ref()) {
        Some(migration) => Box::new(Migrating::around(rollout, migration)),
        None => rollout,
    }
}

/// Looks for the first harm: both twins under `never`, without monitoring, until it has come or to the horizon.
fn scout<'a>(prepared: &Prepared, setting: &Setting, warm: &Warm, plan: &'a RolloutPlan) -> Scouted<'a> {
    let blind =
        Warm { world: warm.world.clone(), station: Station::blind(), scrape: warm.scrape, unsteady: None };
    let stage = |bad: bool| Stage::to_the_horizon(prepared, plan, setting, bad);
    let never = |bad: bool| {
        let rider = rider(0, &plan.players[0], setting, setting.horizon_at);
        let mut branch = begin(setting, &blind, plan, bad, vec![rider], None);
        branch.control(Signal::Start);
        branch
    };
    let first_harm = scout::first_harm([&stage(true), &stage(false)], never(true), never(false));
    Scouted { plan, first_harm }
}

fn rider(index: usize, player: &PlayerSpec, setting: &Setting, end: SimTime) -> Rider {
    let mut policy = player.prototype.clone();
    let phase = setting.key.purpose(Purpose::PolicyPhase).entity(&player.phase_key).uniform();
    policy.placed(&setting.run);
    policy.start(&Start { deploy_at: setting.deploy_at, phase, end, own_rollout: player.own_rollout });
    Rider {
        player: index,
        policy,
        holding: false,
        paused: false,
        pending: Vec::new(),
        decision: None,
        lost: 0,
        pages: 0,
        notices: Vec::new(),
        checks: vec![Default::default(); player.checks.len()],
        call: None,
        calls: 0,
        silenced: false,
        tick: SimTime::NEVER,
        due: SimTime::NEVER,
        chance: setting.key.purpose(Purpose::Policy).entity(&player.name),
    }
}

/// Whether policies may be accounted for together: not where a verdict may get lost, which is a matter of its policy, nor
/// where people are, as what becomes of a page is too.
fn may_sweep(stage: &Stage<'_>, options: Options) -> bool {
    !options.no_sweep && !stage.sampler().ever_drops_verdicts() && !stage.setting.has_people
}

/// What the twins of a replication share.
struct Tree<'a> {
    prepared: &'a Prepared,
    setting: &'a Setting,
    warm: &'a Warm,
    baseline: &'a Baseline,
    judge: Option<metastable::Judge<'a>>,
    counted_until: SimTime,
    options: Options,
}

impl Tree<'_> {
    /// Plays one twin with every player.
    fn twin(
        &self,
        scouted: &Scouted<'_>,
        bad: bool,
        watched_until: SimTime,
        fingerprint: &mut u64,
    ) -> TwinRecord {
        let plan = scouted.plan;
        let onset = if bad { self.setting.draw.onset } else { None };
        let first_harm = if bad { scouted.first_harm } else { None };
        let stage = Stage {
            prepared: self.prepared,
            players: &plan.players,
            setting: self.setting,
            watched_until,
            counted_until: self.counted_until,
            bad,
            onset,
            truth: Truth { first_harm },
            merge: !self.options.no_merge,
            decisions_only: false,
        };
        let together = !self.options.timeline && may_sweep(&stage, self.options);
        let everybody: Vec<usize>;
        let alone = if together {
            &plan.sweep.alone
        } else {
            everybody = (0..plan.players.len()).collect();
            &everybody
        };
        let rider = |&index: &usize| {
            let player = &plan.players[index];
            let mut rider = rider(index, player, self.setting, watched_until);
            if player.needs_truth {
                rider.policy.inform(&stage.truth);
            }
            rider
        };
        let riders = alone.iter().map(rider).collect();
        let mut branch = begin(self.setting, self.warm, plan, bad, riders, Some(self.baseline));
        if together {
            branch.sweep = Sweep::start(&plan.sweep, self.setting, watched_until);
            branch.call_roll();
        }
        branch.timeline = self
            .options
            .timeline
            .then(|| branch::Timeline { entries: self.truth_lines(bad, first_harm), trace: Vec::new() });
        branch.control(Signal::Start);
        let mut spare = self.prepared.spares.take();
        let mut finished = play::play(&stage, branch, &mut spare);
        for one in &finished {
            *fingerprint = fingerprint_with(*fingerprint, one.branch.world.fingerprint());
        }
        let mut runs = self.records(&finished, plan, first_harm, bad);
        if bad {
            blame::misses(&stage, &finished, &mut runs);
        }
        finished.iter_mut().for_each(|one| spare.add(one.branch.station.close()));
        self.prepared.spares.leave(spare);
        TwinRecord {
            onset: onset.map(SimTime::as_nanos),
            first_harm: first_harm.map(SimTime::as_nanos),
            touched: touched_under_never(&finished),
            rehearsal: self.setting.rehearsed[usize::from(bad)].clone(),
            runs,
        }
    }

    fn truth_lines(&self, bad: bool, first_harm: Option<SimTime>) -> Vec<record::TimelineEntry> {
        let entry = |at: SimTime, text: String| record::TimelineEntry {
            at: at.as_nanos(),
            lane: record::Lane::Truth,
            text,
            found: None,
        };
        let mut lines = vec![entry(self.setting.deploy_at, "deploy".to_owned())];
        if bad && let Some(onset) = self.setting.draw.onset {
            lines.push(entry(onset, "the fault begins".to_owned()));
        }
        if let Some(rehearsal) = &self.setting.rehearsed[usize::from(bad)] {
            lines.insert(0, entry(self.setting.deploy_at, rehearsal.sentence()));
        }
        lines.extend(self.setting.other_releases().into_iter().map(|(at, text)| entry(at, text)));
        if let Some(at) = first_harm {
            lines.push(entry(at, "first harmed request".to_owned()));
        }
        lines
    }

    /// One record per player, in their order.
    fn records(
        &self,
        finished: &[Finished],
        plan: &RolloutPlan,
        first_harm: Option<SimTime>,
        bad: bool,
    ) -> Vec<RunRecord> {
        let spec = &self.setting.common.spec;
        let users = spec.traffic.iter().map(|t| t.users).sum::<u64>() as f64;
        let twin = finish::Twin {
            baseline: self.baseline,
            first_harm,
            availability: spec.slo.availability.get(),
            users,
            matching: spec.matching_users(),
            told_after: self.setting.told_after(),
            never: under_never(finished),
        };
        let mut runs: Vec<Option<RunRecord>> = Vec::new();
        runs.resize_with(plan.players.len(), || None);
        for one in finished {
            let metastable = self.judge.as_ref().and_then(|judge| judge.of(one, bad));
            Fate::of(one, &twin, metastable).record(&plan.who, &mut runs);
        }
        // In place: what `flatten` gives is collected into a list that grows step by step.
        #[allow(clippy::filter_map_identity, reason = "see above")]
        runs.into_iter().filter_map(|run| run).collect()
    }
}

/// The branch on which nobody rolls back.
fn under_never(finished: &[Finished]) -> Option<&Finished> {
    finished.iter().find(|one| one.branch.riders.iter().any(|rider| rider.player == 0))
}

/// Requests that were touched where nobody rolls back, those that corrupted a row among them.
fn touched_under_never(finished: &[Finished]) -> u64 {
    let never = under_never(finished);
    let corrupted = never.and_then(|one| one.branch.world.damage()).map_or(0.0, |damage| damage.corrupted);
    let requests = never.and_then(|one| one.branch.world.tally()).map_or(0, |tally| tally.touched);
    // Rows are counted in expectation.
    requests + libm::round(corrupted) as u64
}
