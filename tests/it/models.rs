//! Services that answer with predictions, and registries of models: what monitoring shows against the rule, how late labels are,
//! what a segment hides in a total, and where a registry's calls leave users.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::effect::{Action, Revision, Routing, SetName, WorldDisturbance};
use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::promql::Value;
use backout::quantity::Ratio;
use backout::replication::panel::{Panel, PanelInput};
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, RollbackOutcome, RollbackRecord, RunRecord};
use backout::rng::Distribution;
use backout::rollback::RollbackConditions;
use backout::rollback::target::{History, Past};
use backout::scenario::Scenario;
use backout::scenario::embedded::{self, File};
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::telemetry::binding::WorldNames;
use backout::telemetry::dialect::Dialect;
use backout::telemetry::naming::Naming;
use backout::telemetry::store::{SampleStore, ScrapeHealth};
use backout::time::{SimDuration, SimTime};
use backout::world::model::judged::{Cell, Drift, Trouble, harm, shares};
use backout::world::model::spec::{Feedback, Labels, MAX_SEGMENTS, ModelSpec, Segment};
use backout::world::spec::{Timed, TimedDisturbance, WorldSpec};
use backout::world::{Level, World};

use crate::{studies, worlds};

const LEVELS: [Level; 2] = [Level::Request, Level::Flow { histograms: false }];

fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

/// Two segments: most users are easy, newcomers are few and hard.
fn model() -> ModelSpec {
    let segment = |name: &str, share, accuracy, positives| Segment {
        name: name.to_owned(),
        share,
        accuracy,
        positives,
    };
    ModelSpec {
        segments: vec![segment("regulars", 0.8, 0.95, 0.1), segment("newcomers", 0.2, 0.85, 0.3)],
        labels: Labels { delay: Distribution::certain(60.0), share: ratio(0.5) },
        feedback: Some(Feedback { share: ratio(0.2), good: ratio(0.7) }),
        bins: 10,
    }
}

fn spec(model: ModelSpec) -> WorldSpec {
    let mut service = worlds::service("shop", Distribution::certain(0.02));
    service.replicas = 4;
    service.concurrency = 64;
    service.error_ratio = ratio(0.01);
    WorldSpec { model: Some(Arc::new(model)), ..worlds::spec(vec![service], 200.0) }
}

/// A world that is monitored, with half of the traffic on a candidate from the fourth minute on.
struct Watched {
    world: World,
    store: SampleStore,
    panel: Panel,
    scrape: u64,
}

const DEPLOY: u64 = 180;

impl Watched {
    fn new(spec: WorldSpec, level: Level, queries: &[&str], confounders: Vec<TimedDisturbance>) -> Self {
        let naming = Naming::native("shop");
        let input = PanelInput { naming: &naming, queries: queries.to_vec(), allow_missing: false };
        let panel = Panel::new(&[input], &Dialect::ALL, &WorldNames::of(&spec)).unwrap();
        let world = worlds::start_with(spec, level, 11, at(3000), confounders.into());
        Watched { world, store: SampleStore::new(panel.needs()), panel, scrape: 0 }
    }

    fn play_to(&mut self, seconds: u64) {
        let mut instruments = Vec::new();
        while 15 * (self.scrape + 1) <= seconds {
            let now = at(15 * (self.scrape + 1));
            worlds::play(&mut self.world, now);
            self.world.end_slot(self.scrape as usize);
            self.world.instruments(&mut instruments);
            let stamp = now.as_millis();
            self.store.record_scrape(stamp, stamp, &instruments, &ScrapeHealth::default());
            self.scrape += 1;
        }
    }

    fn deploy(&mut self, faults: Vec<WorldDisturbance>) {
        self.play_to(DEPLOY);
        self.world.begin_counting(None, false);
        let whole = |what| Timed { from: at(DEPLOY), until: SimTime::NEVER, what };
        self.world.deploy(faults.into_iter().map(whole).collect(), SimDuration::ZERO);
        let half = [Action::Route(Routing::Weighted), Action::Scale(SetName::New, 4), Action::Weight(0.5)];
        half.iter().for_each(|action| self.world.perform(action));
    }

    /// The value of each query now, where it has one.
    fn ask(&mut self, count: usize) -> Vec<Option<f64>> {
        let now = self.world.now().as_millis();
        let mut state = self.panel.start();
        let first = |value: &Value| match value {
            Value::Vector(samples) => samples.first().map(|sample| sample.value),
            _ => None,
        };
        (0..count)
            .map(|query| first(state.value(&self.panel, &self.store, (0, query), now).unwrap()))
            .collect()
    }
}

/// The ratio of two sums of counters since the start of a role.
fn of_role(metric: &str, role: &str, part: &str) -> String {
    format!("sum({metric}{{role=\"{role}\",{part}}}) / sum({metric}{{role=\"{role}\"}})")
}

fn accuracy_of(role: &str, segment: &str) -> String {
    let metric = "model_labelled_predictions_total";
    let of = |more: &str| format!("sum({metric}{{role=\"{role}\",segment=~\"{segment}\"{more}}})");
    format!("{} / {}", of(",correct=\"true\""), of(""))
}

fn right(cells: &[f64; Cell::COUNT]) -> f64 {
    cells[Cell::TruePositive as usize] + cells[Cell::TrueNegative as usize]
}

/// Within four standard errors of a share of this many.
#[track_caller]
fn close(found: Option<f64>, share: f64, count: f64, what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what}: no value"));
    let error = (share * (1.0 - share) / count).sqrt();
    assert!((found - share).abs() < 4.0 * error, "{what}: found {found}, the rule says {share} +- {error}");
}

#[test]
fn what_promql_says_of_a_worse_model_is_the_rule_at_both_levels() {
    let newcomers = accuracy_of("candidate", "newcomers");
    let (all, stable) = (accuracy_of("candidate", ".+"), accuracy_of("stable", ".+"));
    let positives = of_role("model_predictions_total", "candidate", "prediction=\"positive\"");
    let liked = of_role("model_feedback_total", "candidate", "verdict=\"good\"");
    let count = "sum(model_predictions_total{role=\"candidate\"})";
    let queries = [newcomers.as_str(), &all, &stable, &positives, &liked, count];
    let faults = || {
        vec![
            WorldDisturbance::WorseModel {
                revision: Revision::Candidate,
                drop: ratio(0.17),
                segment: Some("newcomers".to_owned()),
                liking: ratio(0.1),
            },
            WorldDisturbance::PredictionShift {
                revision: Revision::Candidate,
                false_alarms: ratio(0.03),
                missed: ratio(0.05),
            },
        ]
    };
    let mut kept = [1.0; MAX_SEGMENTS];
    kept[1] = 1.0 - 0.17 / 0.85;
    let trouble = Trouble { kept, raised: 0.03, missed: 0.05, liking: 0.1 };
    let model = model();
    let of: Vec<_> = model.segments.iter().enumerate().collect();
    let cells = of.iter().map(|one| shares(*one, &trouble, &Drift::NONE, 0.0).cells).collect::<Vec<_>>();
    let mean = |f: &dyn Fn(&[f64; Cell::COUNT]) -> f64| 0.8 * f(&cells[0]) + 0.2 * f(&cells[1]);
    for level in LEVELS {
        let mut watched = Watched::new(spec(model.clone()), level, &queries, Vec::new());
        watched.deploy(faults());
        watched.play_to(1200);
        let found = watched.ask(queries.len());
        let predictions = found[5].unwrap();
        assert!(predictions > 80_000.0, "{level:?}: {predictions}");
        let labelled = 0.45 * predictions;
        close(found[0], right(&cells[1]), 0.2 * labelled, "newcomers");
        close(found[1], mean(&right), labelled, "all");
        close(found[2], model.accuracy(), labelled, "stable");
        close(found[3], mean(&|cells| cells[0] + cells[1]), predictions, "positives");
        close(found[4], 0.8, 0.2 * predictions, "liked");
        let wrong = watched.world.tally().unwrap().counts.wrong as f64;
        close(Some(wrong / predictions), harm(&model, &trouble, &Drift::NONE), predictions, "harm");
    }
}

#[test]
fn a_label_is_seen_exactly_as_late_as_it_comes() {
    let mut all = model();
    all.labels.share = Ratio::ONE;
    let queries = ["sum(model_predictions_total)", "sum(model_labelled_predictions_total)"];
    for level in LEVELS {
        let mut watched = Watched::new(spec(all.clone()), level, &queries, Vec::new());
        let mut seen = Vec::new();
        for scrape in 1..=20 {
            watched.play_to(15 * scrape);
            seen.push(watched.ask(2));
        }
        for (index, row) in seen.iter().enumerate() {
            let made = index.checked_sub(4).and_then(|before| seen[before][0]);
            assert_eq!(
                row[1], made,
                "{level:?}: the labels of scrape {index} are the predictions of 60 s before"
            );
        }
        assert!(seen[3][1].is_none() && seen[19][1].unwrap() > 40_000.0);
    }
}

#[test]
fn drift_lowers_every_version_and_harms_nobody() {
    let (candidate, stable) = (accuracy_of("candidate", ".+"), accuracy_of("stable", ".+"));
    let positives = of_role("model_predictions_total", "stable", "prediction=\"positive\"");
    let queries = [candidate.as_str(), &stable, "model_input_drift", &positives];
    let what = WorldDisturbance::InputDrift { psi: 0.3, drop: ratio(0.1), positives: ratio(0.2) };
    for level in LEVELS {
        let drift = Timed { from: at(0), until: SimTime::NEVER, what: what.clone() };
        let mut watched = Watched::new(spec(model()), level, &queries, vec![drift]);
        watched.deploy(Vec::new());
        watched.play_to(900);
        let found = watched.ask(queries.len());
        // Half of the predictions of half of 200 requests a second, for eleven minutes.
        close(found[0], model().accuracy() - 0.1, 30_000.0, "candidate");
        close(found[1], model().accuracy() - 0.1, 50_000.0, "stable");
        // 3000 predictions between two scrapes: 9 degrees of freedom make 0.003, and nine times out of ten less than 0.005.
        assert!(found[2].is_some_and(|psi| (0.3..0.312).contains(&psi)), "{found:?}");
        assert!(found[3].unwrap() > 0.3, "more requests are positive: {found:?}");
        assert_eq!(watched.world.tally().unwrap().counts.wrong, 0, "{level:?}");
    }
}

#[test]
fn a_scenario_without_a_model_has_no_such_series_and_says_so() {
    let naming = Naming::native("shop");
    let bind = |query: &str, world: &WorldSpec| {
        let input = PanelInput { naming: &naming, queries: vec![query], allow_missing: false };
        let errors = Panel::new(&[input], &Dialect::ALL, &WorldNames::of(world)).err();
        errors.map(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let with = spec(model());
    let without = WorldSpec { model: None, ..with.clone() };
    let silent = spec(ModelSpec { feedback: None, ..model() });
    for query in
        ["model_predictions_total", "fraud_labelled_predictions_total{correct=\"true\"}", "model_input_drift"]
    {
        assert_eq!(bind(query, &with), None, "{query}");
        let error = bind(query, &without).unwrap_or_else(|| panic!("{query} was bound"));
        assert!(error.contains("has no `model:`"), "{error}");
    }
    assert!(bind("model_feedback_total", &silent).unwrap().contains("no `feedback:`"));
    let stranger = bind("model_predictions_total{segment=\"newcommers\"}", &with).unwrap();
    assert!(stranger.contains("newcommers"), "{stranger}");
}

/// A release of a model by a registry, or by what is written.
fn release(strategy: &str, rollback: Option<&str>, fault: &str) -> Scenario {
    let base = studies::canary(FidelityChoice::Flow, 200.0);
    let world = WorldSpec { model: Some(Arc::new(model())), ..base.world.clone() };
    let fault: FaultSpec = studies::yaml(fault);
    Scenario {
        name: "test/models".to_owned(),
        world,
        rollout: studies::yaml(strategy),
        rollback: rollback.map(studies::yaml),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        ..base
    }
}

fn bad_runs(scenario: Scenario, policies: &[Loaded], replications: u32) -> Vec<RunRecord> {
    let records = Study::new(&[studies::shared(scenario)], policies, 5, PrepareOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
        .with_replications(Replications { flow: replications, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap();
    records.into_iter().flat_map(|mut record| record.rollouts.remove(0).bad.runs).collect()
}

fn of_policy<'a>(runs: &'a [RunRecord], name: &str) -> Vec<&'a RunRecord> {
    let player = Player::Policy(name.into());
    runs.iter().filter(|run| run.player == player).collect()
}

#[test]
fn a_segment_shows_what_the_total_hides() {
    // Five points below normal is too much, for the total as for the segment. Newcomers lose 15 points, all users 3.
    let normal = model().accuracy();
    let error = |segment: &str| {
        let metric = "model_labelled_predictions_total";
        let of = |more: &str| {
            format!("sum(increase({metric}{{role=\"candidate\",segment=~\"{segment}\"{more}}}[3m]))")
        };
        format!("{} / {}", of(",correct=\"false\""), of(""))
    };
    let policies = [
        studies::threshold_on(&error(".+"), "total", 1.0 - normal + 0.05, 2),
        studies::threshold_on(&error("newcomers"), "newcomers", 0.15 + 0.05, 2),
    ];
    let scenario = release(
        "canary: {steps: [{weight: 50%, bake: 14m}]}",
        None,
        "worse_model: {drop: 15%, segment: newcomers}",
    );
    let runs = bad_runs(scenario, &policies, 6);
    let fired = |name: &str| of_policy(&runs, name).iter().filter(|run| run.decision.is_some()).count();
    assert_eq!((fired("total"), fired("newcomers")), (0, 6));
    for run in of_policy(&runs, "newcomers") {
        assert!(run.rollback.as_ref().is_some_and(|rollback| rollback.restored.is_some()));
    }
}

#[test]
fn policies_for_models_fit_every_scenario_of_theirs() {
    let scenarios = embedded::SCENARIOS.iter().filter(|file| file.path.starts_with("model/"));
    let read = |file: &File| {
        let read = backout::scenario::read(file.name(), Source::new(file.path, file.text));
        Arc::new(read.unwrap().scenario)
    };
    let scenarios: Vec<Arc<Scenario>> = scenarios.map(read).collect();
    assert!(scenarios.len() >= 5 && scenarios.iter().all(|scenario| scenario.world.model.is_some()));
    let load = |file: &File| {
        let source = SourceText { name: file.path, text: file.text };
        load(&[source], &ImportOptions::default()).unwrap()
    };
    let policies: Vec<Loaded> = embedded::MODEL_POLICIES.iter().flat_map(load).collect();
    assert!(policies.iter().all(|policy| !policy.summary.is_empty()));
    if let Err(error) = Study::new(&scenarios, &policies, 1, PrepareOptions::default()) {
        panic!("{error}");
    }
}

/// What a registry's rollback comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Users have the version of this name.
    On(&'static str),
    /// Users keep the new one, and nobody does anything about it.
    Stuck,
    /// There is nothing to go back to.
    Impossible,
}

fn past(name: &str, days: u64) -> Past {
    Past {
        name: name.to_owned(),
        deployed_ago: SimDuration::from_mins(1440 * days),
        ..History::default().past.remove(0)
    }
}

fn came_to(rollback: &RollbackRecord, history: &History) -> Ends {
    match (rollback.outcome, &rollback.target) {
        (RollbackOutcome::Impossible, _) => Ends::Impossible,
        (_, Some(target)) if rollback.restored.is_some() => {
            let known = history.past.iter().find(|past| past.name == *target).unwrap();
            Ends::On(["v1.1", "v1.0"].into_iter().find(|name| *name == known.name).unwrap())
        }
        _ => Ends::Stuck,
    }
}

const KEEPS: &str = "model_registry: {pause: 5s, poll: 20s, load: 5s, archive_existing: false}";
const ARCHIVES: &str = "model_registry: {pause: 5s, poll: 20s, load: 5s}";
const ALIAS: &str = "model_registry: {mode: alias, pause: 5s, poll: 20s, load: 5s}";

/// Strategy, procedure, rule for the target, versions that ran before, and the outcome by these rules: one call or both of two leave
/// the target in Production alone; the newest number in the stage is served; without a version, servers keep what they
/// have; a script that asks for the first archived version has none where promotions archive nothing.
const REGISTRY: &[(&str, &str, &str, usize, Ends)] = &[
    (ARCHIVES, "{}", "previous: {}", 2, Ends::On("v1.1")),
    (ARCHIVES, "{calls: archive_first}", "previous: {}", 2, Ends::On("v1.1")),
    (ARCHIVES, "{calls: promote_first}", "previous: {}", 2, Ends::On("v1.1")),
    // None is left in Production, or two of which the newer wins.
    (ARCHIVES, "{calls: archive_first, dies: 100%}", "previous: {}", 2, Ends::Stuck),
    (ARCHIVES, "{calls: promote_first, dies: 100%}", "previous: {}", 2, Ends::Stuck),
    // The list shows first what was changed last.
    (ARCHIVES, "{calls: archive_first}", "first_archived: {}", 2, Ends::On("v1.1")),
    (ARCHIVES, "{calls: archive_first}", "first_archived: {touched: v1.0}", 2, Ends::On("v1.0")),
    (KEEPS, "{calls: archive_first}", "first_archived: {promotion_archived: false}", 1, Ends::Impossible),
    // The old one never left the stage: with the new one gone it is served, also if the script dies then.
    (KEEPS, "{calls: archive_first, dies: 100%}", "previous: {}", 1, Ends::On("v1.1")),
    (KEEPS, "{}", "previous: {}", 1, Ends::On("v1.1")),
];

/// The run of a policy that rolls back four minutes after the deploy.
fn rolled_back(scenario: Scenario) -> RunRecord {
    let policy = [studies::clockwork("late", SimDuration::from_mins(4))];
    let runs = bad_runs(scenario, &policy, 1);
    of_policy(&runs, "late")[0].clone()
}

#[test]
fn where_a_registry_s_calls_leave_users() {
    for &(strategy, procedure, target, versions, expected) in REGISTRY {
        let mut settings = procedure.trim_matches(['{', '}']).to_owned();
        if strategy == KEEPS {
            settings +=
                if settings.is_empty() { "promotion_archived: false" } else { ", promotion_archived: false" };
        }
        let comma = if settings.is_empty() { "" } else { ", " };
        let rollback = format!("registry_stage_swap: {{poll: 20s, load: 5s{comma}{settings}}}");
        let known = [past("v1.1", 10), past("v1.0", 30)];
        let history = History { past: known.into_iter().take(versions).collect(), ..History::default() };
        let conditions = RollbackConditions {
            history: history.clone(),
            targets: vec![studies::yaml(target)],
            ..RollbackConditions::default()
        };
        let scenario = Scenario {
            rollback_conditions: conditions,
            ..release(strategy, Some(&rollback), "worse_model: {drop: 20%}")
        };
        let run = rolled_back(scenario);
        let rollback = run.rollback.as_ref().expect("it was begun");
        let what = format!("{strategy}, {procedure}, {target}, {versions}: {rollback:?}");
        assert_eq!(came_to(rollback, &history), expected, "{what}");
        assert!(run.promoted_at.is_some() || expected == Ends::Impossible, "{what}");
    }
}

#[test]
fn an_alias_is_moved_at_once_and_a_version_that_was_deleted_cannot_be_loaded() {
    let alias = release(ALIAS, None, "worse_model: {drop: 20%}");
    let run = rolled_back(alias.clone());
    let rollback = run.rollback.clone().unwrap();
    assert_eq!((rollback.outcome, rollback.steps.len()), (RollbackOutcome::Worked, 1), "{rollback:?}");
    // A second for the call, a poll of 20 s, 5 s to load.
    let took = (rollback.restored.unwrap() - rollback.began) as f64 / 1e9;
    assert!((25.0..=26.5).contains(&took), "{took}");
    let gone = RollbackConditions { no_target: true, ..RollbackConditions::default() };
    let rollback = rolled_back(Scenario { rollback_conditions: gone, ..alias }).rollback.clone().unwrap();
    assert_eq!(rollback.outcome, RollbackOutcome::Impossible, "processes run, and would have to load it");
}

#[test]
fn who_starts_while_no_version_is_named_does_not_come_up() {
    let mut watched = Watched::new(spec(model()), LEVELS[1], &["sum(model_predictions_total)"], Vec::new());
    watched.play_to(60);
    watched.world.perform(&Action::NothingToLoad(true));
    watched.world.perform(&Action::Scale(SetName::Old, 5));
    watched.play_to(180);
    let view = watched.world.view(at(0), false);
    let old = view.set(SetName::Old);
    assert!(
        old.ready == 4 && old.created == 5 && old.restarts >= 2,
        "who runs keeps what is loaded: {old:?}"
    );
    watched.world.perform(&Action::NothingToLoad(false));
    watched.play_to(600);
    assert_eq!(watched.world.view(at(0), false).set(SetName::Old).ready, 5);
}
