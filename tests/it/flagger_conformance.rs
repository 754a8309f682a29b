//! Flagger's own scheduler tests against our canary: policy and strategy tick by tick, on a cluster that obeys at once.

use backout::effect::{Action, RolloutView, Routing, SetName, SetView, Split};
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::policy::{Observation, Policy, Queries, QueryError, RolloutStatus, Start, Verdict};
use backout::promql::{Labels, Sample, Value};
use backout::strategy::{Progress, Signal, StepKind, Strategy, StrategySpec};
use backout::time::{SimDuration, SimTime};
use serde_json::{Value as Json, json};

use crate::shared;

/// Monitoring that answers every query with the same number, or with nothing.
struct Answers(Value);

impl Queries for Answers {
    fn value(&mut self, _: usize) -> Result<&Value, QueryError> {
        Ok(&self.0)
    }
    fn range(&mut self, _: usize, _: SimTime, _: SimTime, _: SimDuration) -> Result<Value, QueryError> {
        Ok(self.0.clone())
    }
}

fn sample(value: f64) -> Value {
    Value::Vector(vec![Sample { labels: Labels::empty(), value }])
}

fn canary(spec: Json) -> Loaded {
    canaries(&spec).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn canaries(spec: &Json) -> Result<Vec<Loaded>, String> {
    canaries_with(spec, &ImportOptions::default())
}

fn canaries_with(spec: &Json, options: &ImportOptions) -> Result<Vec<Loaded>, String> {
    let document = json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "default"},
        "spec": spec,
    });
    let text = document.to_string();
    load(&[SourceText { name: "canary.yaml", text: &text }], options)
        .map_err(|found| found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n"))
}

/// A Canary's spec around an analysis, with the success rate checked against the range of the upstream tests.
fn spec(mut analysis: Json) -> Json {
    if analysis["match"] == json!(true) {
        analysis["match"] = json!([{"headers": {"x-canary": {"exact": "insider"}}}]);
    }
    analysis["metrics"] = json!([{"name": "request-success-rate", "thresholdRange": {"min": 0, "max": 100}}]);
    json!({"provider": "istio", "targetRef": {"name": "podinfo"}, "analysis": analysis})
}

struct Play {
    policy: Box<dyn Policy>,
    strategy: Box<dyn Strategy>,
    view: RolloutView,
    progress: Progress,
    failed: bool,
    synthetic_load: f64,
    /// Pods of this set never become ready.
    broken: Option<SetName>,
    said: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct Seen {
    phase: &'static str,
    weight: f64,
}

impl Play {
    fn new(loaded: &Loaded) -> Self {
        let deploy_at = SimTime::ZERO + SimDuration::from_mins(10);
        let mut policy = loaded.prototype.clone();
        let end = deploy_at + SimDuration::from_mins(600);
        policy.start(&Start { deploy_at, phase: 0.37, end, own_rollout: true });
        let mut sets = [SetView::default(); SetName::COUNT];
        sets[SetName::Old.index()] = pods(2);
        let view = RolloutView {
            now: deploy_at,
            deploy_at,
            replicas: 2,
            sets,
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Weighted,
            hold: false,
            database: None,
            others_back: 0,
        };
        let strategy = loaded.rollout.as_ref().unwrap().as_dyn().start();
        Play {
            policy,
            strategy,
            view,
            progress: Progress::Running,
            failed: false,
            synthetic_load: 0.0,
            broken: None,
            said: vec![],
        }
    }

    /// One tick of the controller: the policy first, then the strategy, at the instant both name.
    fn tick(&mut self, answer: f64) -> Seen {
        let first = self.strategy.status().since == SimTime::ZERO;
        let mut queries = Answers(sample(answer));
        let (mut findings, mut notices, mut said) = (Vec::new(), Vec::new(), Vec::new());
        let status = RolloutStatus {
            view: self.view,
            step: self.strategy.status(),
            progress: self.progress,
            progressed_at: self.view.now,
        };
        let mut observation = Observation {
            facts: Default::default(),
            now: self.view.now,
            rollout: status,
            chance: 0.5,
            truth: None,
            queries: &mut queries,
            findings: &mut findings,
            notices: &mut notices,
            log: Some(&mut said),
        };
        let is_due = self.policy.next_tick() <= self.view.now;
        let verdict = if is_due { self.policy.observe(&mut observation) } else { Verdict::Continue };
        self.said.extend(said);
        if matches!(verdict, Verdict::RollBack { .. }) {
            self.failed = true;
            self.view.split.candidate = 0.0;
            return self.seen();
        }
        self.view.hold = verdict.holds();
        let mut wake = self.drive(if first { Signal::Start } else { Signal::Changed });
        if wake == Some(self.view.now) {
            wake = self.drive(Signal::Changed);
        }
        let seen = self.seen();
        // What happens between two ticks.
        while let Some(at) = wake.filter(|at| *at < self.policy.next_tick()) {
            if self.policy.next_tick() == SimTime::NEVER {
                break;
            }
            self.view.now = at;
            wake = self.drive(Signal::Changed);
        }
        if let Some(wake) = wake {
            if self.policy.next_tick() != SimTime::NEVER {
                assert_eq!(self.policy.next_tick(), wake, "policy and strategy tick together");
            }
            self.view.now = wake;
        }
        seen
    }

    /// Lets the strategy act until it asks for nothing more; the next instant it names.
    fn drive(&mut self, mut signal: Signal) -> Option<SimTime> {
        for _ in 0..100 {
            let before = self.strategy.status();
            let step = self.strategy.next(signal, &self.view);
            self.progress = step.progress;
            let status = self.strategy.status();
            if status != before {
                self.policy.on_step(&status, self.view.now);
            }
            if step.actions.is_empty() {
                return step.wake;
            }
            for action in step.actions {
                self.obey(action);
            }
            signal = Signal::Changed;
        }
        panic!("the strategy never rests");
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Route(routing) => self.view.routing = routing,
            Action::Weight(weight) => self.view.split.candidate = weight,
            Action::Scale(set, count) => {
                let broken = self.broken == Some(set);
                let ready = if broken { 0 } else { count };
                self.view.sets[set.index()] =
                    SetView { desired: count, created: count, ready, available: ready, ..SetView::default() };
            }
            Action::BaselineWeight(share) => self.view.split.baseline = share,
            Action::Mirror(share) => self.view.split.mirror = share,
            Action::Cohort(matched) => self.view.split.cohort = matched,
            Action::Unsplit => self.view.split = Split::STABLE,
            Action::SyntheticLoad(rate) => self.synthetic_load = rate,
            // Flagger asks for nothing else.
            _ => {}
        }
    }

    fn seen(&self) -> Seen {
        let phase = match self.strategy.status().kind {
            _ if self.failed => "Failed",
            StepKind::Done => "Succeeded",
            StepKind::Promoting if self.is_back() => "Finalising",
            StepKind::Promoting => "Promoting",
            _ => "Progressing",
        };
        let Split { candidate, cohort, .. } = self.view.split;
        // Where requests are matched, the weights are those of the matching ones.
        Seen { phase, weight: if cohort { 100.0 } else { (candidate * 100.0).round() } }
    }

    fn is_back(&self) -> bool {
        self.view.split == Split::STABLE
    }

    fn ticks(&mut self, count: usize) -> Vec<Seen> {
        (0..count).map(|_| self.tick(100.0)).collect()
    }
}

fn pods(count: u32) -> SetView {
    SetView { desired: count, created: count, ready: count, available: count, ..SetView::default() }
}

fn table() -> Option<Json> {
    let folder = shared::folder()?;
    let text = std::fs::read_to_string(folder.join("conformance/flagger/scheduler.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn case<'t>(table: &'t Json, list: &str, name: &str) -> &'t Json {
    let all = table[list].as_array().unwrap();
    all.iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no case {name}"))
}

#[test]
fn phases_and_weights_of_upstream_cases() {
    let Some(table) = table() else { return };
    let names = ["canary stepWeight 100 stepWeightPromotion 50", "blue-green iterations 1"];
    for name in names {
        let case = case(&table, "cases", name);
        let mut play = Play::new(&canary(spec(case["analysis"].clone())));
        for (number, tick) in case["ticks"].as_array().unwrap().iter().enumerate() {
            let seen = play.tick(100.0);
            if name.starts_with("blue-green") && tick["phase"] == "Finalising" {
                // The upstream test has traffic back on the primary in the tick that finalises.
                assert_eq!(seen.weight, 0.0);
            }
            assert_eq!(Some(seen.phase), tick["phase"].as_str(), "{name}, tick {number}");
            if let Some(weight) = tick["canaryWeight"].as_f64() {
                assert_eq!(seen.weight, weight, "{name}, tick {number}");
            }
        }
    }
}

#[test]
fn skipping_the_analysis_succeeds_on_the_second_tick() {
    let Some(table) = table() else { return };
    let case = case(&table, "cases", "skipAnalysis");
    let mut spec = spec(case["analysis"].clone());
    spec["skipAnalysis"] = case["spec"]["skipAnalysis"].clone();
    let mut play = Play::new(&canary(spec));
    assert_eq!(play.ticks(2).last(), Some(&Seen { phase: "Succeeded", weight: 0.0 }));
    assert_eq!(play.view.set(SetName::Promoted).ready, 2, "the primary has the new revision");
    assert_eq!(play.view.set(SetName::New).desired, 0);
}

#[test]
fn matching_requests_go_to_the_canary_from_the_first_iteration_on() {
    let Some(table) = table() else { return };
    let case = case(&table, "cases", "A/B");
    let ticks = case["ticks"].as_array().unwrap();
    let mut play = Play::new(&canary(spec(case["analysis"].clone())));
    play.tick(100.0);
    assert_eq!(Some(play.tick(100.0).weight), ticks[1]["canaryWeight"].as_f64());
    assert_eq!(play.view.split, Split { cohort: true, ..Split::STABLE }, "and nobody else, no copies");
    let iterations = case["analysis"]["iterations"].as_u64().unwrap() as usize;
    assert!(
        play.ticks(iterations - 1).iter().all(|seen| seen.phase == "Progressing" && seen.weight == 100.0)
    );
    // The upstream test sets the iterations to 10 and ticks on.
    for tick in &ticks[2..] {
        assert_eq!(Some(play.tick(100.0).phase), tick["phase"].as_str());
    }
    assert!(play.is_back());
}

#[test]
fn mirroring_takes_one_tick_before_the_first_weight() {
    let Some(table) = table() else { return };
    let case = case(&table, "cases", "mirror");
    let mut play = Play::new(&canary(spec(case["analysis"].clone())));
    for (number, tick) in case["ticks"].as_array().unwrap().iter().enumerate() {
        let seen = play.tick(100.0);
        if let Some(weight) = tick["canaryWeight"].as_f64() {
            assert_eq!(seen.weight, weight, "tick {number}");
            assert_eq!(Some(play.view.split.mirror > 0.0), tick["mirrored"].as_bool(), "tick {number}");
        }
    }
    // Failures are found from the mirrored tick on: nobody has met the canary yet.
    let mut play = Play::new(&canary(spec(case["analysis"].clone())));
    play.ticks(2);
    assert_eq!(play.tick(-1.0), Seen { phase: "Progressing", weight: 0.0 });
}

#[test]
fn blue_green_mirrors_during_all_iterations_and_then_switches() {
    let analysis = json!({"interval": "1m", "iterations": 3, "mirror": true, "mirrorWeight": 20});
    let mut play = Play::new(&canary(spec(analysis)));
    play.tick(100.0);
    let mirrored: Vec<(f64, f64)> = (0..4)
        .map(|_| {
            let weight = play.tick(100.0).weight;
            (weight, play.view.split.mirror)
        })
        .collect();
    assert_eq!(mirrored, [(0.0, 0.2), (0.0, 0.2), (0.0, 0.2), (100.0, 0.0)]);
    let phases: Vec<&str> = play.ticks(3).iter().map(|seen| seen.phase).collect();
    assert_eq!(phases, ["Promoting", "Finalising", "Succeeded"]);
}

#[test]
fn the_provider_kubernetes_is_blue_green_without_any_routing() {
    let mut spec = spec(json!({"interval": "1m", "stepWeight": 10, "match": true}));
    spec["provider"] = json!("kubernetes");
    let loaded = canary(spec);
    assert!(loaded.summary.contains("(blue-green)"), "{}", loaded.summary);
    assert!(loaded.stand_ins.iter().any(|s| s.setting.contains("10, as Flagger sets them")));
    let mut play = Play::new(&loaded);
    let seen = play.ticks(16);
    assert!(seen.iter().all(|seen| seen.weight == 0.0));
    let done = seen.iter().position(|seen| seen.phase == "Succeeded");
    // One to notice, ten iterations, one that would switch, copy, finalise, scale down.
    assert_eq!(done, Some(14));
    assert_eq!(play.view.set(SetName::Promoted).ready, 2);
}

#[test]
fn another_revision_in_mid_analysis_begins_again() {
    let Some(table) = table() else { return };
    let case = case(&table, "cases", "new revision in mid-analysis restarts");
    let ticks = case["ticks"].as_array().unwrap();
    let mut loaded = canary(spec(case["analysis"].clone()));
    let Some(StrategySpec::Flagger(rollout)) = &mut loaded.rollout else { panic!("no rollout") };
    rollout.again_at = vec![SimDuration::from_secs(90)];
    let mut play = Play::new(&loaded);
    for (number, tick) in ticks.iter().enumerate() {
        let seen = play.tick(100.0);
        if let Some(weight) = tick["canaryWeight"].as_f64() {
            assert_eq!(seen.weight, weight, "tick {number}");
        }
    }
    assert!(
        play.said.iter().any(|line| line == "New revision detected! Restarting analysis for podinfo.default")
    );
    // Then everything from the start, with a full count of failed checks.
    assert_eq!(play.tick(100.0), Seen { phase: "Progressing", weight: 10.0 });
    for _ in 0..10 {
        assert_eq!(play.tick(-1.0), Seen { phase: "Progressing", weight: 10.0 });
    }
    assert_eq!(play.tick(100.0).phase, "Failed");
}

#[test]
fn webhooks_succeed_by_their_status() {
    let Some(table) = table() else { return };
    for row in table["webhook_status"].as_array().unwrap() {
        let statuses = row["status"].as_array().cloned().unwrap_or_else(|| vec![row["status"].clone()]);
        let statuses: Vec<String> = statuses.iter().map(Json::to_string).collect();
        let mut hook = json!({"name": "h", "type": "rollout", "url": "http://x/"});
        if !row["retries"].is_null() {
            hook["retries"] = json!(1);
        }
        let mut spec = spec(json!({"interval": "1m", "stepWeight": 10}));
        spec["analysis"]["webhooks"] = json!([hook]);
        let setting = format!("answers:{}", statuses.join("/")).parse().unwrap();
        let webhooks = [("h".to_owned(), setting)].into_iter().collect();
        let options = ImportOptions { webhooks, ..ImportOptions::default() };
        let mut play = Play::new(&canaries_with(&spec, &options).unwrap().remove(0));
        play.ticks(2);
        let advanced = play.tick(100.0).weight > 10.0;
        assert_eq!(Some(advanced), row["ok"].as_bool(), "{row}");
    }
}

#[test]
fn a_gate_before_the_start_keeps_the_canary_at_zero_pods() {
    let mut spec = spec(json!({"interval": "1m", "stepWeight": 50, "maxWeight": 50}));
    spec["analysis"]["webhooks"] = json!([
        {"name": "gate", "type": "confirm-rollout", "url": "http://loadtester/gate/check"},
    ]);
    let loaded = canary(spec.clone());
    assert!(loaded.stand_ins.iter().any(|s| s.setting.contains("a person approves 10m after")));
    let mut play = Play::new(&loaded);
    for tick in 0..10 {
        play.tick(100.0);
        assert_eq!(play.view.set(SetName::New).desired, 0, "tick {tick}");
    }
    play.tick(100.0);
    assert_eq!(play.view.set(SetName::New).desired, 2, "approved after ten minutes");
    assert_eq!(play.tick(100.0).weight, 50.0);
    // The load tester's own URLs say what they answer.
    for (url, starts) in [("/gate/approve", true), ("/gate/halt", false)] {
        spec["analysis"]["webhooks"][0]["url"] = json!(format!("http://loadtester{url}"));
        let mut play = Play::new(&canary(spec.clone()));
        play.ticks(30);
        assert_eq!(play.view.set(SetName::Promoted).desired > 0, starts, "{url}");
    }
}

#[test]
fn a_suspended_canary_does_nothing() {
    let mut spec = spec(json!({"stepWeight": 50}));
    spec["suspend"] = json!(true);
    let mut play = Play::new(&canary(spec));
    play.ticks(3);
    assert_eq!((play.view.set(SetName::New).desired, play.view.split), (0, Split::STABLE));
}

#[test]
fn a_primary_that_is_stuck_leaves_the_traffic_on_the_canary() {
    let Some(table) = table() else { return };
    let case = case(&table, "cases", "primary not ready while Promoting: traffic goes to the canary");
    let wanted = &case["ticks"][0];
    let mut play = Play::new(&canary(spec(json!({"interval": "1m", "stepWeight": 50, "maxWeight": 50}))));
    play.broken = Some(SetName::Promoted);
    assert_eq!(play.ticks(3).last(), Some(&Seen { phase: "Promoting", weight: 50.0 }));
    let seen = play.ticks(12);
    let end = seen.last().unwrap();
    assert_eq!(Some(end.weight), wanted["canaryWeight"].as_f64());
    assert_eq!(play.view.set(SetName::New).desired, 2, "the canary is not scaled down");
    let waited = seen.iter().filter(|seen| seen.weight == 50.0).count();
    assert_eq!(waited, 10, "until the progress deadline of 10 minutes is over");
}

#[test]
fn the_threshold_is_acted_on_one_tick_later() {
    let Some(table) = table() else { return };
    let case = case(&table, "cases", "rollback: weights and counters");
    let mut play = Play::new(&canary(spec(case["analysis"].clone())));
    play.ticks(2);
    for _ in 0..10 {
        assert_eq!(play.tick(-1.0), Seen { phase: "Progressing", weight: 10.0 });
    }
    assert_eq!(play.tick(100.0), Seen { phase: "Failed", weight: 0.0 });
    assert!(
        play.said
            .iter()
            .any(|line| line == "Rolling back podinfo.default failed checks threshold reached 10")
    );
}

#[test]
fn rollback_delays_of_the_rule() {
    let Some(table) = table() else { return };
    let examples =
        case(&table, "derived_not_from_a_test", "rollback delay")["examples"].as_array().unwrap().clone();
    for example in examples {
        let number = |key: &str| example[key].as_u64().unwrap();
        let (interval, threshold) = (number("interval_s"), number("threshold"));
        let analysis = json!({"interval": format!("{interval}s"), "threshold": threshold, "stepWeight": 1});
        let mut play = Play::new(&canary(spec(analysis)));
        let first_bad = number("first_failing_tick");
        let rollback = (0..100).find(|tick| {
            let answer = if *tick >= first_bad { -1.0 } else { 100.0 };
            play.tick(answer).phase == "Failed"
        });
        assert_eq!(rollback, Some(number("rollback_tick")));
        let passed = (rollback.unwrap() - first_bad) * interval;
        assert_eq!(passed, number("rollback_after_first_failure_s"));
    }
}

#[test]
fn failed_checks_add_up_over_the_analysis() {
    let Some(table) = table() else { return };
    let case = case(&table, "derived_not_from_a_test", "failed checks are cumulative");
    let mut play = Play::new(&canary(spec(case["analysis"].clone())));
    play.ticks(2);
    let outcomes = case["check_outcomes_from_2nd_tick"].as_str().unwrap();
    let weights: Vec<f64> =
        outcomes.chars().map(|c| play.tick(if c == 'F' { -1.0 } else { 100.0 }).weight).collect();
    let wanted: Vec<f64> =
        case["weights_after_each"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
    assert_eq!(weights, wanted);
    assert_eq!(play.tick(100.0).phase, "Failed");
}

#[test]
fn a_promotion_without_failures_takes_the_ticks_of_the_rule() {
    let Some(table) = table() else { return };
    let example = &case(&table, "derived_not_from_a_test", "time to promote, no failure")["examples"][0];
    let analysis = json!({
        "interval": format!("{}s", example["interval_s"]),
        "stepWeight": example["stepWeight"],
        "maxWeight": example["maxWeight"],
    });
    let mut play = Play::new(&canary(spec(analysis)));
    let began = play.view.now;
    let seen = play.ticks(9);
    let ticks = &example["ticks_after_detection"];
    let first = |wanted: &dyn Fn(&Seen) -> bool| seen.iter().position(wanted).map(|at| at as u64);
    assert_eq!(first(&|seen| seen.weight > 0.0), ticks["first_weight"].as_u64());
    assert_eq!(first(&|seen| seen.weight == 50.0), ticks["max_weight"].as_u64());
    for (phase, key) in [("Promoting", "promoting"), ("Finalising", "finalising"), ("Succeeded", "succeeded")]
    {
        assert_eq!(first(&|seen| seen.phase == phase), ticks[key].as_u64(), "{phase}");
    }
    let seconds = play.view.now.since(began).as_secs_f64();
    assert_eq!(Some(seconds), example["seconds_to_succeeded"].as_f64());
}

#[test]
fn weights_overshoot_follow_lists_or_never_move() {
    let Some(table) = table() else { return };
    for name in ["overshoot", "no stepWeight and no stepWeights", "stepWeights"] {
        let case = case(&table, "derived_not_from_a_test", name);
        let analysis = if case["analysis"].is_null() { json!({}) } else { case["analysis"].clone() };
        let mut play = Play::new(&canary(spec(analysis)));
        play.tick(100.0);
        for wanted in case["weights"].as_array().unwrap() {
            let seen = play.tick(100.0);
            assert_eq!((seen.phase, Some(seen.weight)), ("Progressing", wanted.as_f64()), "{name}");
        }
        let next = play.tick(100.0).phase;
        assert_eq!(next, if name.starts_with("no ") { "Progressing" } else { "Promoting" }, "{name}");
    }
}

#[test]
fn strategies_are_chosen_as_flagger_chooses_them() {
    let Some(table) = table() else { return };
    for row in table["strategy"].as_array().unwrap() {
        let wanted = row["strategy"].as_str().unwrap();
        if row["analysis"].is_null() {
            // Upstream only asks the object for the name of its strategy; nothing could be analysed.
            let error = canaries(&json!({"targetRef": {"name": "podinfo"}})).err().unwrap();
            assert!(error.contains("analysis"), "{error}");
            continue;
        }
        let summary = canary(spec(row["analysis"].clone())).summary.to_lowercase().replace("a/b ", "ab-");
        assert!(summary.contains(&format!("({wanted})")), "{summary} is not {wanted}");
    }
}

#[test]
fn metric_checks_of_upstream_tests() {
    let Some(table) = table() else { return };
    let mut played = 0;
    for row in table["metric_checks"].as_array().unwrap() {
        let range = json!({"min": row["range"][0], "max": row["range"][1]});
        let mut metric = json!({"name": row["metric"], "thresholdRange": range});
        if row["query"] == "given" {
            metric["query"] = json!("up");
        }
        let mut spec = spec(json!({"stepWeight": 10}));
        spec["analysis"]["metrics"] = json!([metric]);
        let mut play = Play::new(&canary(spec));
        play.ticks(2);
        let advanced = play.tick(row["value"].as_f64().unwrap_or(100.0)).weight > 10.0;
        assert_eq!(Some(advanced), row["ok"].as_bool(), "{row}");
        played += 1;
    }
    assert_eq!(played, 3);
}

#[test]
fn synthetic_load_begins_with_the_first_analysis_and_ends_with_the_promotion() {
    let mut spec = spec(json!({"stepWeight": 50, "maxWeight": 50}));
    spec["analysis"]["webhooks"] = json!([{
        "name": "load", "url": "http://loadtester/", "metadata": {"cmd": "hey -z 1m -q 10 -c 2 http://podinfo-canary/"},
    }]);
    let mut play = Play::new(&canary(spec));
    let loads: Vec<f64> = (0..6)
        .map(|_| {
            play.tick(100.0);
            play.synthetic_load
        })
        .collect();
    assert_eq!(loads, [0.0, 0.0, 20.0, 20.0, 0.0, 0.0]);
}

/// Every row of the table is played by one of the tests above, or is named here with the reason.
#[test]
fn no_case_is_left_out() {
    let Some(table) = table() else { return };
    let own = include_str!("flagger_conformance.rs");
    for list in ["cases", "derived_not_from_a_test"] {
        for case in table[list].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            assert!(own.contains(&format!("\"{name}\"")), "{name} is not played");
        }
    }
}
