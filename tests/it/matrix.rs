//! Every fault, confounder and piece of chaos in every kind of rollout at every level where it is defined, against one
//! written rule.
//!
//! The rule of a member has three parts. Do *users* get worse answers (for a fault: in the bad release; for the rest: without
//! any deploy)? Does it show in the metrics of the *candidate*? Does it show in those of the *stable* pods, while both serve?
//! "Shows" means more errors, slower answers, more restarts or more processor time per request, as their callers and the
//! cluster count. `Open` stands where it depends on the rollout. Worlds are played under the same keys with and without
//! the member, so a difference is its doing.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use backout::catalogue::Catalogue as _;
use backout::effect::{Disturbance, Revision, ServiceId};
use backout::fault::{ConfounderSpec, Fault, FaultSpec, Resolution, SurroundingSpec};
use backout::quantity::Ratio;
use backout::rng::{Distribution, Key};
use backout::strategy::{Progress, Signal, StrategySpec};
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::instruments::{Code, PodKey, RequestCounters, ServiceInstruments};
use backout::world::model::spec::{Labels, ModelSpec, Segment};
use backout::world::spec::{Timed, TimedDisturbance};
use backout::world::{Common, Level, World};

use crate::{studies, worlds};

use Answer::{No, Open, Yes};

/// One answer of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Open,
}

/// Member as written, then: are users hit, does the candidate show it, does the stable show it.
type Rule = (&'static str, [Answer; 3]);

const FAULTS: &[Rule] = &[
    ("error_burst: {share: 50%}", [Yes, Yes, No]),
    ("latency_regression: {factor: 8}", [Yes, Yes, No]),
    ("crash_loop: {mean_uptime: 20s}", [Open, Yes, No]),
    ("memory_leak: {mib_per_minute: 600}", [Open, Yes, No]),
    ("cpu_burn: {factor: 30}", [Yes, Yes, No]),
    ("failing_health_check: {share: 100%, probe: both, after: 50s}", [Open, Yes, No]),
    ("slow_start: {factor: 4}", [No, No, No]),
    ("overload_only: {share: 100%, above: 1/s}", [Yes, Yes, No]),
    ("users_only: {users: 30%}", [Yes, Yes, No]),
    ("cohort_only: {share: 100%}", [Yes, Yes, No]),
    ("flapping: {share: 50%, bad_for: 20s, good_for: 10s}", [Yes, Yes, No]),
    ("wrong_answers: {share: 20%}", [Yes, No, No]),
    ("vulnerable_release: {exposed: 50%, found_after: 2m}", [Yes, No, No]),
    // The service calls nobody here, so there is no cache: metastable.rs has one.
    ("new_cache_keys: {}", [No, No, No]),
    // Nothing without a database: `migrations.rs` has their rules.
    ("silent_corruption: {share: 10%}", [No, No, No]),
    ("migration_trouble: {slower: 5}", [No, No, No]),
    // Labels show them, and nothing that counts codes or times does: `models.rs`.
    ("worse_model: {drop: 20%}", [Yes, No, No]),
    ("prediction_shift: {false_alarms: 20%}", [Yes, No, No]),
    // A configuration is everybody's. One connection a pod is too few for some rollouts' pods and not for others'.
    ("pool_size: {per_pod: 1}", [Open, Yes, Open]),
    // There is no autoscaler here: `infrastructure.rs` has one.
    ("autoscaler_limits: {max: 1}", [No, No, No]),
    // Pods out of rotation show nothing.
    ("lb_health_check: {share: 100%, after: 50s}", [Yes, Open, Open]),
    // The new revision reads both formats, so the stable pods fail, and only while both serve.
    ("incompatible_state: {reads: 100%, lifetime: 5s}", [Yes, No, Yes]),
    ("missing_env: {share: 50%}", [Yes, Yes, No]),
    // Wherever their next request is served.
    ("client_cache: {fetched_every: 30s, half_life: 30s, share: 80%}", [Yes, Yes, Yes]),
];

const CONFOUNDERS: &[Rule] = &[
    ("traffic_spike: {factor: 2, at: 45s, for: 60s}", [No, No, No]),
    ("neighbour_outage: {share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("metric_gap: {at: 45s, for: 60s}", [No, No, No]),
    ("cold_cache: {factor: 20, warm_up: 10s}", [No, Yes, No]),
    ("metric_lag: {lag: 60s, at: 45s, for: 60s}", [No, No, No]),
    ("query_errors: {share: 50%, at: 45s, for: 60s}", [No, No, No]),
    ("stale_series: {at: 45s, for: 60s}", [No, No, No]),
    ("counter_reset: {at: 45s}", [No, No, No]),
    ("missing_candidate_label: {at: 45s, for: 60s}", [No, No, No]),
    ("dropped_verdicts: {share: 50%, at: 45s, for: 60s}", [No, No, No]),
    // What every version gets wrong is no harm of a release.
    ("input_drift: {psi: 50%, drop: 20%, at: 45s, for: 60s}", [No, No, No]),
    // Nobody here calls the ledger: `groups.rs` has the rules of services that call each other.
    ("other_deploy: {service: ledger, at: 45s, faults: [error_burst: {share: 50%}]}", [No, No, No]),
    ("infrastructure_change: {services: [shop], share: 50%, at: 45s, reverted_after: 60s}", [Yes, Yes, Yes]),
    ("latent_trigger: {service: shop, mean_uptime: 5s, at: 45s, removed_after: 60s}", [Yes, Yes, Yes]),
];

const SURROUNDINGS: &[Rule] = &[
    ("instance_down: {at: 45s, restart_after: 20s}", [Yes, Yes, Yes]),
    ("node_drain: {share: 100%, at: 45s, replaced_after: 20s}", [Yes, Open, Open]),
    ("zone_down: {zone: 1, at: 45s, for: 60s}", [Yes, Open, Open]),
    ("cpu_pressure: {factor: 8, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("mem_pressure: {oom_after: 20s, at: 45s, for: 60s}", [Open, Yes, Yes]),
    ("io_delay: {delay: 300ms, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("io_error: {share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("disk_full: {writes: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("clock_skew: {offset: 10m, share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("edge_delay: {from: users, to: shop, latency: 300ms, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("edge_loss: {to: shop, share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("edge_duplicate: {to: shop, share: 100%, at: 0s, for: 5m}", [No, Yes, Yes]),
    ("edge_partition: {to: shop, at: 45s, for: 30s}", [Yes, Open, Open]),
    ("edge_bandwidth: {mbit_per_second: 0.5, kib_per_call: 16, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("dns_error: {to: shop, share: 50%, at: 45s, for: 60s}", [Yes, Open, Open]),
    ("http_error: {to: shop, share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("http_delay: {to: shop, delay: 300ms, share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("http_reset: {to: shop, share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("http_body_corrupt: {to: shop, share: 50%, at: 45s, for: 60s}", [Yes, No, No]),
    ("dep_throttle: {share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("db_failover: {at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("db_lock: {wait: 400ms, share: 50%, at: 45s, for: 60s}", [Yes, Yes, Yes]),
    ("db_conn_exhaust: {per_pod: 1, at: 0s, for: 5m}", [Open, Yes, Open]),
    ("cache_loss: {at: 45s}", [No, No, No]),
];

/// Kinds of rollouts: the strategy's name and one way to write it.
const ROLLOUTS: &[(&str, &str)] = &[
    ("canary", "canary: {steps: [{weight: 50%, bake: 100s}]}"),
    ("canary", "canary: {traffic_routed: false, steps: [{weight: 50%, bake: 100s}]}"),
    ("rolling", "rolling: {}"),
    ("flagger", "flagger: {interval: 50s, weights: [50%]}"),
    ("blue_green", "blue_green: {}"),
    ("recreate", "recreate: {}"),
    ("image_swap", "image_swap: {pull: 15s}"),
    ("waves", "waves: {shares: [33%, 100%], bake: 100s}"),
    ("dns_shift", "dns_shift: {ttl: 120s}"),
    ("feature_flag", "feature_flag: {values: [50%, 100%], bake: 100s, poll: 20s}"),
    ("shadow", "shadow: {for: 20s}"),
    ("model_registry", "model_registry: {pause: 5s, poll: 90s, load: 5s}"),
    ("nginx_upstream", "nginx_upstream: {long_lived: 50%, longest: 120s}"),
];

/// Where a rollout's nature changes an answer: member, rollout, which answer, what it is there, and why.
const EXCEPTIONS: &[(&str, &str, usize, Answer, &str)] = &[
    ("slow_start", "recreate", 0, Yes, "nobody serves until the new pods have started"),
    ("cold_cache", "model_registry", 1, Open, "hardly anybody is there while its pods are fresh"),
    ("incompatible_state", "recreate", 0, No, "no old pod serves after the first new entry"),
    ("incompatible_state", "recreate", 2, No, "no old pod serves after the first new entry"),
    ("incompatible_state", "blue_green", 0, No, "no old pod serves after the first new entry"),
    ("incompatible_state", "blue_green", 2, No, "no old pod serves after the first new entry"),
    ("incompatible_state", "image_swap", 0, Open, "one host is swapped after the other, quickly"),
    ("incompatible_state", "image_swap", 2, Open, "one host is swapped after the other, quickly"),
    ("client_cache", "recreate", 2, No, "no old pod serves after the first fetch"),
    ("client_cache", "blue_green", 2, No, "no old pod serves after the first fetch"),
    ("client_cache", "image_swap", 2, Open, "one host is swapped after the other, quickly"),
    ("client_cache", "shadow", 2, No, "clients get nothing from copies"),
];

/// The rule of a member in a kind of rollout.
fn rule_in(rollout: &str, member: &str, rule: &[Answer; 3]) -> [Answer; 3] {
    let mut rule = *rule;
    for (_, _, which, answer, _) in EXCEPTIONS.iter().filter(|case| (case.0, case.1) == (member, rollout)) {
        rule[*which] = *answer;
    }
    rule
}

const DEPLOY: u64 = 60;
const END: u64 = 270;
/// The span of nearly all circumstances.
const SPAN: (u64, u64) = (105, 165);
/// Fewer requests than this show nothing for sure.
const ENOUGH: u64 = 60;

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

/// What a role showed.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    requests: u64,
    in_span: u64,
    errors: u64,
    seconds: f64,
    cpu: f64,
    restarts: u32,
}

impl Shown {
    fn shows_more_than(&self, quiet: &Shown) -> bool {
        let per = |part: f64, of: u64| part / of.max(1) as f64;
        let latency = per(self.seconds, self.requests) > 1.05 * per(quiet.seconds, quiet.requests);
        let cpu = per(self.cpu, self.requests) > 1.2 * per(quiet.cpu, quiet.requests);
        let errors = self.errors > quiet.errors;
        errors || self.requests > 0 && latency || self.restarts > quiet.restarts || quiet.restarts == 0 && cpu
    }
}

/// What one world came to.
#[derive(Clone, Debug, Default)]
struct Outcome {
    issued: u64,
    bad: u64,
    touched: u64,
    /// The stable and the candidate revision.
    shown: [Shown; 2],
    /// What they had shown at the deploy.
    before: [Shown; 2],
    promoted_at: Option<SimTime>,
}

struct Cast {
    faults: Arc<[TimedDisturbance]>,
    circumstances: Arc<[TimedDisturbance]>,
}

fn nobody() -> Cast {
    Cast { faults: Arc::new([]), circumstances: Arc::new([]) }
}

fn world(level: Level, circumstances: &Arc<[TimedDisturbance]>) -> World {
    let mut service = worlds::service("shop", Distribution::certain(0.1));
    service.replicas = 3;
    service.concurrency = 16;
    service.queue = 64;
    service.cpu_per_request = 0.01;
    let ledger = worlds::service("ledger", Distribution::certain(0.1));
    let mut spec = worlds::spec(vec![service, ledger], 8.0);
    spec.slo.latency = Some(SimDuration::from_millis(250));
    spec.traffic[0].cohort = Ratio::new(0.2).unwrap();
    spec.model = Some(Arc::new(ModelSpec {
        segments: vec![Segment { name: "all".to_owned(), share: 1.0, accuracy: 0.9, positives: 0.3 }],
        labels: Labels { delay: Distribution::certain(30.0), share: Ratio::ONE },
        feedback: None,
        bins: 10,
    }));
    let key = Key::root(5, "matrix").replication(0);
    let climate = Climate::new(&spec, key, at(END));
    World::new(Arc::new(Common::new(spec, climate, key)), Arc::clone(circumstances), level)
}

/// Plays a world to the end, with a rollout or without, and accounts for every request at every scrape.
fn play(level: Level, cast: &Cast, rollout: Option<&StrategySpec>) -> Outcome {
    let mut world = world(level, &cast.circumstances);
    let mut outcome = Outcome::default();
    let mut pods: BTreeMap<PodKey, Seen> = BTreeMap::new();
    let mut strategy = None;
    let mut wake = None;
    for slot in 0..END / 15 {
        let until = at(15 * (slot + 1));
        while world.now() < until {
            if let Some(running) = strategy.as_mut() {
                let next = drive(running, Signal::Changed, &mut world);
                wake = next.0;
                if next.1 == Progress::Promoted {
                    outcome.promoted_at.get_or_insert(world.now());
                }
            }
            let stop = wake.filter(|w| *w > world.now()).unwrap_or(until).min(until);
            let _ = world.run_until(stop);
        }
        world.end_slot(slot as usize);
        see(&world, &mut pods, until, &mut outcome);
        if let Some(tally) = world.tally() {
            assert!(tally.counts.is_conserved(), "slot {slot}: {:?}", tally.counts);
        }
        if until == at(DEPLOY) {
            outcome.before = outcome.shown;
            world.begin_counting(None, false);
            if let Some(rollout) = rollout {
                world.deploy(Arc::clone(&cast.faults), SimDuration::ZERO);
                let mut running = rollout.as_dyn().start();
                wake = drive(&mut running, Signal::Start, &mut world).0;
                strategy = Some(running);
            }
        }
    }
    let tally = world.tally().unwrap();
    let c = &tally.counts;
    (outcome.issued, outcome.touched) = (c.issued, tally.touched);
    for (shown, before) in outcome.shown.iter_mut().zip(outcome.before) {
        shown.requests -= before.requests;
        shown.errors -= before.errors;
        shown.seconds -= before.seconds;
        shown.cpu = (shown.cpu - before.cpu).max(0.0);
    }
    outcome.bad = c.failed + c.timed_out + c.rejected + c.slow + c.wrong;
    outcome
}

fn drive(
    strategy: &mut Box<dyn backout::strategy::Strategy>,
    signal: Signal,
    world: &mut World,
) -> (Option<SimTime>, Progress) {
    let step = strategy.next(signal, &world.view(at(DEPLOY), false));
    step.actions.iter().for_each(|action| world.perform(action));
    (step.wake, step.progress)
}

/// What was last seen of a pod; processor seconds are summed over its processes.
#[derive(Clone, Copy, Default)]
struct Seen {
    client: RequestCounters,
    restarts: u32,
    cpu: f64,
}

fn see(world: &World, pods: &mut BTreeMap<PodKey, Seen>, now: SimTime, outcome: &mut Outcome) {
    let mut instruments: Vec<ServiceInstruments> = Vec::new();
    world.instruments(&mut instruments);
    for pod in &instruments[0].pods {
        let seen = Seen { client: pod.client, restarts: pod.restarts, cpu: pod.cpu_seconds };
        pods.insert(pod.key, seen);
    }
    let before = outcome.shown;
    outcome.shown = Default::default();
    for (key, seen) in pods.iter() {
        let shown = &mut outcome.shown[key.set.revision() as usize];
        shown.requests += seen.client.total();
        shown.errors += seen.client.total() - seen.client.by_code[Code::Ok as usize];
        shown.seconds += seen.client.seconds;
        shown.restarts += seen.restarts;
        shown.cpu += seen.cpu;
    }
    for (shown, before) in outcome.shown.iter_mut().zip(before) {
        let inside = now > at(SPAN.0) && now <= at(SPAN.1);
        shown.in_span = before.in_span + if inside { shown.requests - before.requests } else { 0 };
    }
}

fn effects(member: &dyn Fault) -> (Arc<[TimedDisturbance]>, usize) {
    let mut drawn = Vec::new();
    let effects = member.resolve(&mut Resolution {
        key: Key::root(5, "matrix").replication(0),
        path: "member",
        deploy_at: at(DEPLOY),
        service: &|name| ["shop", "ledger"].iter().position(|n| *n == name).map(|n| ServiceId(n as u16)),
        drawn: &mut drawn,
    });
    let world = effects.iter().filter_map(|effect| match &effect.what {
        Disturbance::World(what) => {
            Some(Timed { from: effect.from, until: effect.until, what: what.clone() })
        }
        _ => None,
    });
    (world.collect(), effects.len())
}

fn rollouts() -> Vec<StrategySpec> {
    ROLLOUTS.iter().map(|(_, text)| studies::yaml(text)).collect()
}

const LEVELS: [Level; 2] = [Level::Request, Level::Flow { histograms: true }];

/// The quiet worlds: without a deploy, and with each rollout, at both levels.
fn quiet() -> &'static [(Outcome, Vec<Outcome>)] {
    static QUIET: OnceLock<Vec<(Outcome, Vec<Outcome>)>> = OnceLock::new();
    QUIET.get_or_init(|| {
        let all = rollouts();
        let of = |level| {
            let with = all.iter().map(|rollout| play(level, &nobody(), Some(rollout))).collect();
            (play(level, &nobody(), None), with)
        };
        LEVELS.into_iter().map(of).collect()
    })
}

/// Notes a cell in which the rule does not hold.
fn holds(broken: &mut Vec<String>, expected: Answer, found: bool, what: &str) {
    if expected != Open && found != (expected == Yes) {
        broken.push(format!("{what}: expected {expected:?}, found {found}"));
    }
}

/// Checks the row of one member; returns in how many cells a fault touched a request.
fn row(name: &str, member: &dyn Fault, rule: &[Answer; 3], is_fault: bool) -> usize {
    let (world_effects, count) = effects(member);
    assert!(count > 0, "{name} does nothing");
    let mut touched = 0;
    let mut broken = Vec::new();
    for (level, (without, quiet)) in LEVELS.into_iter().zip(quiet()) {
        if level != Level::Request && member.needs_requests().is_some() {
            continue;
        }
        let cast = match is_fault {
            true => Cast { faults: Arc::clone(&world_effects), ..nobody() },
            false => Cast { circumstances: Arc::clone(&world_effects), ..nobody() },
        };
        let mut hit_without = false;
        if !is_fault {
            let alone = play(level, &cast, None);
            hit_without = alone.bad > without.bad;
            holds(&mut broken, rule[0], hit_without, &format!("{name} at {level:?} without a deploy, users"));
        }
        for ((rollout, text), quiet) in rollouts().iter().zip(ROLLOUTS).zip(quiet) {
            let cell = format!("{name} at {level:?} in `{}`", text.1);
            let found = play(level, &cast, Some(rollout));
            touched += usize::from(found.touched > quiet.touched);
            let rule = rule_in(text.0, name, rule);
            let [stable, candidate] = [Revision::Stable, Revision::Candidate].map(|revision| {
                let (now, then) = (&found.shown[revision as usize], &quiet.shown[revision as usize]);
                (now.shows_more_than(then), if is_fault { then.requests } else { then.in_span })
            });
            if is_fault && candidate.1 >= ENOUGH {
                holds(&mut broken, rule[0], found.bad > quiet.bad, &format!("{cell}, users"));
            }
            if hit_without {
                assert!(found.bad > quiet.bad, "{cell}: what hits users without a deploy hits them with one");
            }
            if candidate.1 >= ENOUGH {
                holds(&mut broken, rule[1], candidate.0, &format!("{cell}, candidate"));
            }
            if stable.1 >= ENOUGH {
                holds(&mut broken, rule[2], stable.0, &format!("{cell}, stable"));
            }
            if name == "slow_start" {
                let later = found.promoted_at.unwrap_or(SimTime::NEVER) > quiet.promoted_at.unwrap();
                // Flagger looks at pods only when it ticks.
                assert!(later || text.0 == "flagger", "{cell}");
            }
            if name == "traffic_spike" {
                assert!(found.issued > quiet.issued + quiet.issued / 10, "{cell}");
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    touched
}

/// The rules in the order of a catalogue, each with its name; a member without a rule fails.
fn table(rules: &'static [Rule], cards: &[backout::catalogue::Card]) -> Vec<(&'static str, &'static Rule)> {
    let named: Vec<_> = rules.iter().map(|rule| (rule.0.split_once(':').unwrap().0, rule)).collect();
    let mut names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    let mut members: Vec<&str> = cards.iter().map(|card| card.name).collect();
    names.sort_unstable();
    members.sort_unstable();
    assert_eq!(
        names, members,
        "rules (left) and the catalogue (right) differ: write a rule for every member"
    );
    named
}

#[test]
fn every_kind_of_rollout_has_its_columns_and_both_revisions_serve_in_some() {
    let mut kinds: Vec<&str> = ROLLOUTS.iter().map(|(name, _)| *name).collect();
    kinds.dedup();
    let mut cards: Vec<&str> = StrategySpec::CARDS.iter().map(|card| card.name).collect();
    kinds.sort_unstable();
    cards.sort_unstable();
    assert_eq!(kinds, cards, "columns (left) and strategies (right) differ: write a column for every kind");
    for ((_, quiet), level) in quiet().iter().zip(LEVELS) {
        let both = quiet.iter().filter(|one| one.shown.iter().all(|shown| shown.in_span >= ENOUGH)).count();
        assert!(both >= 2, "{level:?}: stable and candidate are seen side by side in {both} columns only");
        let candidate = quiet.iter().filter(|one| one.shown[1].in_span >= ENOUGH).count();
        assert_eq!(candidate, ROLLOUTS.len(), "{level:?}: {quiet:?}");
    }
}

#[test]
fn faults_of_the_change() {
    for (name, rule) in table(FAULTS, FaultSpec::CARDS) {
        let spec: FaultSpec = studies::yaml(rule.0);
        let touched = row(name, spec.as_dyn(), &rule.1, true);
        let nothing_to_touch = ["slow_start", "new_cache_keys", "autoscaler_limits"].contains(&name)
            || spec.as_dyn().needs_database();
        assert!(touched > 0 || nothing_to_touch, "{name} touches no request in any cell");
    }
}

#[test]
fn confounders() {
    for (name, rule) in table(CONFOUNDERS, ConfounderSpec::CARDS) {
        let spec: ConfounderSpec = studies::yaml(rule.0);
        row(name, spec.as_dyn(), &rule.1, false);
    }
}

#[test]
fn surroundings() {
    for (name, rule) in table(SURROUNDINGS, SurroundingSpec::CARDS) {
        let spec: SurroundingSpec = studies::yaml(rule.0);
        row(name, spec.as_dyn(), &rule.1, false);
    }
}
