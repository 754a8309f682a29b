//! Metastable states and cascades in the simulated world: the figures of Bronson et al. (HotOS 2021) and the pattern of
//! Huang et al. (OSDI 2022), as in `reference/statistics.md` 1.7.
//!
//! The system of Bronson et al.: a database answers in 100 ms up to 300 queries a second, an application sends it one
//! query a request, waits a second and tries once more. Below 150 requests a second even a load that is all tried twice
//! is carried; above, there is a second state in which every answer comes too late.
//!
//! Outcomes are written down before they are played: a backlog of `b` queries is over `b / 300` s ahead of a new one, so
//! the state flips at 270, where waiting and service take the second of the time-out.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::effect::{Caller, EdgeEffect, Refusal, ServiceId, Victims, Which, WorldDisturbance};
use backout::import::{ImportOptions, SourceText, load};
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference, ReplicationRecord, RunRecord};
use backout::report::Report;
use backout::rng::Key;
use backout::scenario::{self, Scenario, embedded};
use backout::score::{CostWeights, Input, ScenarioMeta, scorecard};
use backout::study::{Progress, Replications, Study};
use backout::world::climate::Climate;
use backout::world::protection::{BudgetSpec, CallOptions, Guards, ServerOptions};
use backout::world::spec::{CallSpec, ServiceSpec, Timed, TimedDisturbance, WorldSpec};
use backout::world::{Common, Level, World};

use crate::overload::{at, fixed, ratio, received, roomy, seconds};
use crate::worlds;

/// Queries a second the database of Bronson et al. answers in time.
pub(crate) const CAPACITY: f64 = 300.0;

pub(crate) fn during(from: f64, until: f64, what: WorldDisturbance) -> TimedDisturbance {
    Timed { from: at(from), until: at(until), what }
}

/// A world under these disturbances, counted from the start.
pub(crate) fn disturbed(spec: WorldSpec, seed: u64, end: f64, disturbances: Vec<TimedDisturbance>) -> World {
    let key = Key::root(seed, "metastable").replication(0);
    let climate = Climate::new(&spec, key, at(end));
    let mut world =
        World::new(Arc::new(Common::new(spec, climate, key)), disturbances.into(), Level::Request);
    world.begin_counting(None, false);
    world
}

/// A server of so many queries a second of 100 ms each.
pub(crate) fn server(name: &str, capacity: f64) -> ServiceSpec {
    let mut server = roomy(name, fixed(0.1));
    server.concurrency = (capacity / 10.0) as u32;
    server
}

/// The system, with `load` requests a second, a time-out and so many attempts.
pub(crate) fn system(load: f64, capacity: f64, timeout: f64, attempts: u32) -> WorldSpec {
    let mut app = roomy("app", fixed(1e-6));
    app.calls = vec![CallSpec { timeout: Some(seconds(timeout)), attempts, ..CallSpec::plain(ServiceId(1)) }];
    worlds::spec(vec![app, server("db", capacity)], load)
}

fn bronson(load: f64) -> WorldSpec {
    system(load, CAPACITY, 1.0, 2)
}

/// The network between application and database is away; what was sent arrives when it is back.
fn outage(from: f64, until: f64) -> TimedDisturbance {
    let effect = EdgeEffect::Outage { until: at(until) };
    let edge = WorldDisturbance::Edge { from: Caller::Service(ServiceId(0)), to: Some(ServiceId(1)), effect };
    during(from, until, edge)
}

/// The database has lost this share of its processors.
fn slow(from: f64, until: f64, lost: f64) -> TimedDisturbance {
    let pods = Victims { share: ratio(1.0), salt: 1 };
    let factor = 1.0 / (1.0 - lost);
    during(from, until, WorldDisturbance::PodsSlow { service: Some(ServiceId(1)), pods, factor })
}

fn spike(from: f64, until: f64, factor: f64) -> TimedDisturbance {
    during(from, until, WorldDisturbance::TrafficSpike { factor })
}

/// Share of the requests of the last ten seconds that were answered well.
fn goodput(spec: WorldSpec, seed: u64, end: f64, disturbances: Vec<TimedDisturbance>) -> f64 {
    let mut world = disturbed(spec, seed, end, disturbances);
    worlds::play(&mut world, at(end - 10.0));
    let before = world.tally().unwrap().counts;
    worlds::play(&mut world, at(end));
    let counts = world.tally().unwrap().counts;
    assert!(counts.is_conserved(), "{counts:?}");
    (counts.succeeded - before.succeeded) as f64 / (counts.issued - before.issued) as f64
}

/// In how many of so many runs users still get good answers at the end.
pub(crate) fn recovered(seeds: u64, end: f64, spec: &WorldSpec, disturbances: &[TimedDisturbance]) -> u64 {
    let runs = (1..=seeds).map(|seed| goodput(spec.clone(), seed, end, disturbances.to_vec()));
    let good = runs.inspect(|good| assert!(*good < 0.2 || *good > 0.9, "neither well nor dead: {good}"));
    good.filter(|good| *good > 0.5).count() as u64
}

#[test]
fn ten_seconds_of_outage_take_the_database_down_for_good_at_280_and_never_below_150() {
    let ten_seconds = [outage(5.0, 15.0)];
    // Nothing changes between one minute and three minutes after the outage.
    assert_eq!(recovered(3, 75.0, &bronson(280.0), &ten_seconds), 0);
    assert_eq!(recovered(1, 200.0, &bronson(280.0), &ten_seconds), 0);
    assert_eq!(recovered(2, 75.0, &bronson(200.0), &ten_seconds), 0);
    // 2 x 100 leaves 100 a second for the backlog of 2,000; 2 x 140 leaves 20 for 2,800.
    assert_eq!(recovered(3, 75.0, &bronson(100.0), &ten_seconds), 3);
    assert_eq!(recovered(1, 240.0, &bronson(140.0), &ten_seconds), 1);
    assert_eq!(recovered(3, 75.0, &bronson(280.0), &[]), 3, "without a trigger nothing happens");
}

#[test]
fn in_the_bad_state_the_database_gets_twice_the_load() {
    let mut world = disturbed(bronson(280.0), 1, 80.0, vec![outage(5.0, 15.0)]);
    worlds::play(&mut world, at(40.0));
    let (before, issued) = (received(&world, 1), world.tally().unwrap().counts.issued);
    worlds::play(&mut world, at(80.0));
    let calls = (received(&world, 1) - before) as f64 / 40.0;
    let load = (world.tally().unwrap().counts.issued - issued) as f64 / 40.0;
    // 560 published; calls are those of the arrivals up to two seconds before, which differ by chance.
    let error = (4.0 * load).sqrt() / 40.0;
    assert!((calls - 2.0 * load).abs() < 4.0 * error + 1.0, "{calls} calls, {load} requests a second");
    assert!((calls - 560.0).abs() < 4.0 * 2.0 * (280.0f64 / 40.0).sqrt(), "{calls}");
}

/// Extra requests a second for 10 s that a load survives, of a ladder with steps of 40.
const LADDER: [f64; 5] = [27.0, 67.0, 107.0, 147.0, 187.0];

#[test]
fn the_nearer_to_the_limit_the_smaller_the_spike_that_suffices() {
    // (load + extra - 300) x 10 s reaches the 270 at extra = 327 - load, in the middle of two steps; the arrivals of 10 s
    // have a standard deviation of 5.7 a second, so a step is missed in one run of 4,000.
    let mut survived = Vec::new();
    for load in [160.0, 200.0, 240.0, 280.0] {
        let survives = |extra: f64| {
            let spike = [spike(5.0, 15.0, 1.0 + extra / load)];
            let expected = load + extra < 327.0;
            let good = recovered(2, 75.0, &bronson(load), &spike);
            assert_eq!(good, if expected { 2 } else { 0 }, "{extra} on top of {load}");
            expected
        };
        let threshold = 327.0 - load;
        let near = LADDER.iter().copied().filter(|extra| (extra - threshold).abs() < 40.0);
        survived.push(near.filter(|extra| survives(*extra)).fold(0.0, f64::max));
    }
    assert_eq!(survived, [147.0, 107.0, 67.0, 27.0]);
    // The published pair.
    assert_eq!(recovered(2, 75.0, &bronson(151.0), &[spike(5.0, 15.0, 1.0 + 136.0 / 151.0)]), 2);
    assert_eq!(recovered(2, 75.0, &bronson(299.0), &[spike(5.0, 15.0, 1.0 + 68.0 / 299.0)]), 0);
}

/// The configuration of the sharp threshold: 3,000 queries a second, 2,000 requests, a time-out of 5.9 s, one retry. It is
/// ten times the size of the others, so that 2 % of the processors are more than the chance of the arrivals.
fn huang(load: f64) -> WorldSpec {
    system(load, 3000.0, 5.9, 2)
}

#[test]
fn ten_seconds_at_a_fifth_of_the_processors_are_too_many_and_nine_are_not() {
    // The pattern of the artefact of Huang et al. (MongoDB).
    for (seconds, lost, load, what) in [
        (10.0, 0.80, 2000.0, "down"),
        (9.0, 0.80, 2000.0, "up"),
        (10.0, 0.78, 2000.0, "up"),
        (10.0, 0.80, 1400.0, "up"),
    ] {
        let up = recovered(5, 55.0, &huang(load), &[slow(5.0, 5.0 + seconds, lost)]);
        let holds = if what == "up" { up >= 4 } else { up <= 1 };
        assert!(holds, "{seconds} s at -{lost} with {load}/s: {up} of 5 recovered, expected {what}");
    }
}

fn with_guards(guards: Guards) -> WorldSpec {
    let mut spec = bronson(280.0);
    let options = CallOptions { guards: Some(guards), ..CallOptions::default() };
    spec.services[0].calls[0].options = Some(Box::new(options));
    spec
}

#[test]
fn shedding_and_retry_limits_are_cures() {
    let ten_seconds = [outage(5.0, 15.0)];
    let mut shedding = bronson(280.0);
    shedding.services[1].queue = 200;
    assert_eq!(recovered(2, 75.0, &shedding, &ten_seconds), 2, "a queue of two thirds of a second");
    let mut dropping = bronson(280.0);
    dropping.services[1].server =
        Some(ServerOptions { target: Some(seconds(0.5)), ..ServerOptions::default() });
    assert_eq!(recovered(2, 75.0, &dropping, &ten_seconds), 2, "what waited half a second is dropped");
    // 300 - 280 leaves room for 20 retries a second: 2 % are 5.6, 10 % are 28.
    let budget = |share| {
        with_guards(Guards {
            budget: Some(BudgetSpec { ratio: ratio(share), burst: 10.0 }),
            ..Guards::default()
        })
    };
    let three_seconds = [outage(5.0, 8.0)];
    assert_eq!(recovered(2, 120.0, &bronson(280.0), &three_seconds), 0);
    assert_eq!(recovered(2, 120.0, &budget(0.02), &three_seconds), 2);
    assert_eq!(recovered(2, 120.0, &budget(0.10), &three_seconds), 0);
}

#[test]
fn less_load_is_a_cure_below_half_of_what_the_database_can_do() {
    let cut = |load: f64| [outage(5.0, 8.0), spike(15.0, 115.0, load / 280.0)];
    assert_eq!(recovered(2, 140.0, &bronson(280.0), &cut(110.0)), 2);
    assert_eq!(recovered(2, 140.0, &bronson(280.0), &cut(165.0)), 0);
}

#[test]
fn a_service_answers_while_it_is_reached_and_mostly_well() {
    let spec = || bronson(50.0);
    let db = ServiceId(1);
    let at_20 = |disturbance: WorldDisturbance| {
        let mut world = disturbed(spec(), 1, 60.0, vec![during(15.0, 40.0, disturbance)]);
        world.watch(db);
        let mut found = Vec::new();
        for slot in 0..4 {
            worlds::play(&mut world, at(15.0 * f64::from(slot) + 14.0));
            world.end_slot(slot as usize);
            found.push(world.answers(db));
        }
        found
    };
    let edge = |effect| WorldDisturbance::Edge { from: Caller::Anybody, to: Some(db), effect };
    assert_eq!(at_20(edge(EdgeEffect::Partition)), [true, false, true, true], "at once, and at once back");
    // Of the answers of the scrape interval in which it ends three quarters are bad.
    let errors = |share| WorldDisturbance::DependencyErrors { service: Some(db), share: ratio(share) };
    assert_eq!(at_20(errors(0.3)), [true; 4]);
    assert_eq!(at_20(errors(0.9)), [true, false, false, true], "known by its answers until the next scrape");
    let edge = WorldDisturbance::Edge {
        from: Caller::Service(ServiceId(0)),
        to: Some(db),
        effect: EdgeEffect::Abort { refusal: Refusal::Unavailable, share: ratio(0.9) },
    };
    assert_eq!(at_20(edge), [true, false, false, true], "its callers notice");
    let which = Which::Zone(1);
    let (graceful, restarts, back_after) = (false, true, seconds(20.0));
    let down = WorldDisturbance::PodsDown { service: Some(db), which, graceful, restarts, back_after };
    assert!(!at_20(down)[1], "no pod is ready");
}

fn scenario(name: &str) -> Scenario {
    let file = embedded::SCENARIOS.iter().find(|file| file.name() == name).unwrap();
    scenario::read(name, Source::new(file.path, file.text)).unwrap().scenario
}

fn played(scenario: Scenario) -> ReplicationRecord {
    let study = Study::new(&[Arc::new(scenario)], &[], 3, PrepareOptions::default()).unwrap();
    let study = study.with_replications(Replications { flow: 1, request: 1 });
    study.with_jobs(NonZeroUsize::MIN).play(&Progress::default()).unwrap().remove(0)
}

fn runs(record: &ReplicationRecord) -> impl Iterator<Item = &RunRecord> {
    let twins = record.rollouts.iter().flat_map(|rollout| [&rollout.bad, &rollout.healthy]);
    twins.flat_map(|twin| &twin.runs)
}

#[test]
fn a_state_that_outlives_its_trigger_and_the_rollback_is_told() {
    let record = played(scenario("cascade/retry-storm-database"));
    assert!(record.could_not_start.is_none(), "{:?}", record.could_not_start);
    // A random rollback may come too late to be judged.
    let at_random = Player::Reference(Reference::Random);
    let rolled_back: Vec<_> =
        runs(&record).filter(|run| run.rollback.is_some() && run.player != at_random).collect();
    assert!(!rolled_back.is_empty());
    for run in &rolled_back {
        let found = run.metastable.unwrap_or_else(|| panic!("{:?} is not metastable", run.player));
        assert!(found.goodput < 0.1, "{found:?}");
        // The outage ends 100 s after the deploy.
        assert!(found.trigger_over_at >= record.deploy_at + 100_000_000_000, "{found:?}");
    }
    let scenarios = [ScenarioMeta::named("cascade/retry-storm-database")];
    let weights = CostWeights::default();
    let records = [record];
    let input = Input { records: &records, scenarios: &scenarios, policies: &[], weights: &weights };
    let card = scorecard(&input).unwrap();
    let oracle = Player::Reference(Reference::Oracle);
    let row = card.metastable.iter().find(|row| row.player == oracle).unwrap();
    assert_eq!((row.of, row.bad, row.bad_after_rollback, row.share), (1, 1, 1, 1.0));
    let report = Report::new("backout score", 3, scenarios.to_vec(), vec![], card);
    let told = "the rollback was complete and users were still refused in ";
    assert!(report.notes.iter().any(|note| note.starts_with(told)), "{:?}", report.notes);
}

#[test]
fn nothing_is_told_without_a_trigger_and_with_a_cure() {
    let mut calm = scenario("cascade/retry-storm-database");
    calm.surroundings.clear();
    let mut shedding = scenario("cascade/retry-storm-database");
    let db = shedding.world.services.iter_mut().find(|service| service.name == "db").unwrap();
    db.queue = 20;
    for (scenario, what) in [(calm, "calm"), (shedding, "shedding")] {
        let record = played(scenario);
        assert!(record.could_not_start.is_none(), "{what}");
        assert!(runs(&record).all(|run| run.metastable.is_none()), "{what}");
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("metastable"), "a record without it has no such field");
    }
}

#[test]
fn a_database_that_is_too_small_is_no_metastable_state() {
    // Twice the traffic from the second minute on: it would be down without the outage too.
    let name = "cascade/retry-storm-database";
    let file = embedded::SCENARIOS.iter().find(|file| file.name() == name).unwrap();
    let grown = "rate: 22/s, shape: {ramp: {from: 1, to: 2, at: 1m, for: 1m}}";
    let text = file.text.replace("rate: 22/s", grown);
    assert_ne!(text, file.text);
    let record = played(scenario::read(name, Source::new(file.path, &text)).unwrap().scenario);
    assert!(runs(&record).all(|run| run.metastable.is_none()));
    let without = &record.rollouts[0].no_deploy;
    assert!(without.succeeded * 2 < without.issued, "and yet it is down: {without:?}");
}

#[test]
fn monitoring_that_needs_a_service_goes_down_with_it() {
    let findings = |needs: bool| {
        let mut scenario = scenario("cascade/monitoring-needs-the-gateway");
        if !needs {
            scenario.telemetry.needs = None;
        }
        let file =
            embedded::POLICIES.iter().find(|file| file.path == "policies/five-xx-10pct-2m.yaml").unwrap();
        let source = SourceText { name: file.path, text: file.text };
        let policies = load(&[source], &ImportOptions::default()).unwrap();
        let study = Study::new(&[Arc::new(scenario)], &policies, 3, PrepareOptions::default()).unwrap();
        let study = study.with_replications(Replications { flow: 1, request: 1 });
        let record = study.with_jobs(NonZeroUsize::MIN).play(&Progress::default()).unwrap().remove(0);
        let run =
            record.rollouts[0].bad.runs.iter().find(|run| matches!(run.player, Player::Policy(_))).unwrap();
        let failed: u32 = run.checks.iter().map(|check| check.errors + check.no_data).sum();
        (run.decision.is_some(), failed)
    };
    let (seen, unseen) = (findings(false), findings(true));
    assert!(seen.0, "with monitoring of its own it is seen: {seen:?}");
    assert!(!unseen.0 && unseen.1 > seen.1, "{unseen:?} against {seen:?}");
}

/// The table of `docs/metastability.md`.
#[test]
#[ignore = "prints the map of docs/metastability.md"]
fn map() {
    const LENGTHS: [f64; 7] = [0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
    let row = |name: &str, load: f64, spec: &WorldSpec, trigger: &dyn Fn(f64) -> TimedDisturbance| {
        let cells = LENGTHS.map(|length| {
            let up = recovered(3, 105.0, spec, &[trigger(length)]);
            format!(" {} |", ["down", "1 of 3", "2 of 3", "up"][up as usize])
        });
        println!("| {name} | {load} |{}", cells.concat());
    };
    for load in [100.0, 130.0, 160.0, 200.0, 240.0, 280.0] {
        row("database at 20 %", load, &bronson(load), &|length| slow(5.0, 5.0 + length, 0.8));
    }
    for load in [160.0, 200.0, 240.0, 280.0] {
        row("load at 600/s", load, &bronson(load), &|length| spike(5.0, 5.0 + length, 600.0 / load));
    }
}
