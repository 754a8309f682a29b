//! An Argo rollout played with its own strategy on a cluster that obeys at once: who waits for whom, and when.

use backout::effect::{Action, RolloutView, Routing, SetName, SetView, Split};
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::{Observation, Queries, QueryError, RolloutStatus, Start, Verdict};
use backout::promql::{Labels, Sample, Value};
use backout::strategy::{Progress, Signal};
use backout::time::{SimDuration, SimTime};

/// Monitoring that answers each query with a number of its own.
struct Answers(Vec<Value>);

impl Queries for Answers {
    fn value(&mut self, query: usize) -> Result<&Value, QueryError> {
        self.0.get(query).ok_or(QueryError::Unavailable)
    }
    fn range(&mut self, query: usize, _: SimTime, _: SimTime, _: SimDuration) -> Result<Value, QueryError> {
        self.value(query).cloned()
    }
}

fn vector(value: f64) -> Value {
    Value::Vector(vec![Sample { labels: Labels::empty(), value }])
}

/// What happened: weights with their times since the deploy in seconds, and the rollback.
#[derive(Debug, Default, PartialEq)]
struct Story {
    weights: Vec<(u64, f64)>,
    rolled_back: Option<(u64, String)>,
}

/// Plays `argo-checkout`; its queries are the 95th percentile and the success rate.
fn play(p95: f64, success: f64) -> Story {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/policies/argo-checkout.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let loaded = load(&[SourceText { name: "argo-checkout.yaml", text: &text }], &ImportOptions::default());
    let loaded = loaded.unwrap().remove(0);
    let answers = loaded
        .queries
        .iter()
        .map(|query| vector(if query.text.contains("histogram_quantile") { p95 } else { success }));
    let mut queries = Answers(answers.collect());
    let (mut policy, mut strategy) = (loaded.prototype.clone(), loaded.rollout.unwrap().as_dyn().start());
    let deploy_at = SimTime::ZERO + SimDuration::from_mins(10);
    policy.start(&Start {
        deploy_at,
        phase: 0.4,
        end: deploy_at + SimDuration::from_mins(60),
        own_rollout: true,
    });
    let mut sets = [SetView::default(); SetName::COUNT];
    sets[SetName::Old.index()] = pods(4);
    let mut view = RolloutView {
        now: deploy_at,
        deploy_at,
        replicas: 4,
        sets,
        split: Split::STABLE,
        in_force: Split::STABLE,
        routing: Routing::Weighted,
        hold: false,
        database: None,
        others_back: 0,
    };
    let mut story = Story::default();
    let (mut signal, mut progress) = (Signal::Start, Progress::Running);
    for _ in 0..1000 {
        if policy.next_tick() <= view.now {
            let status = RolloutStatus { view, step: strategy.status(), progress, progressed_at: view.now };
            let (mut findings, mut said) = (Vec::new(), Vec::new());
            let mut notices = Vec::new();
            let verdict = policy.observe(&mut Observation {
                facts: Default::default(),
                notices: &mut notices,
                now: view.now,
                rollout: status,
                chance: 0.5,
                truth: None,
                queries: &mut queries,
                findings: &mut findings,
                log: Some(&mut said),
            });
            view.hold = verdict.holds();
            match verdict {
                Verdict::RollBack { reasons } => {
                    story.rolled_back =
                        Some((view.now.since(deploy_at).as_secs_f64() as u64, reasons.join("; ")));
                    return story;
                }
                Verdict::Advance => signal = Signal::Advance,
                _ => {}
            }
        }
        let wake = loop {
            let step = strategy.next(signal, &view);
            signal = Signal::Changed;
            progress = step.progress;
            for action in &step.actions {
                match *action {
                    Action::Unsplit => view.split = Split::STABLE,
                    Action::Weight(weight) => {
                        view.split.candidate = weight;
                        // A step that only waits says the weight in force again.
                        story.weights.retain(|(_, known)| *known != weight);
                        story.weights.push((view.now.since(deploy_at).as_secs_f64() as u64, weight));
                    }
                    Action::Scale(set, count) => view.sets[set.index()] = pods(count),
                    Action::Route(routing) => view.routing = routing,
                    Action::SyntheticLoad(_)
                    | Action::BaselineWeight(_)
                    | Action::Mirror(_)
                    | Action::Cohort(_)
                    | Action::ClientShare(_)
                    | Action::ModelShare { .. }
                    | Action::NothingToLoad(_)
                    | Action::Backup(_)
                    | Action::Configure
                    | Action::Undo(_)
                    | Action::Database(_) => {}
                }
            }
            view.in_force = view.split;
            policy.on_step(&strategy.status(), view.now);
            if step.actions.is_empty() {
                break step.wake;
            }
        };
        let next = policy.next_tick().min(wake.unwrap_or(SimTime::NEVER));
        if next == SimTime::NEVER {
            return story;
        }
        view.now = next.max(view.now);
    }
    panic!("the play never ends: {story:?}");
}

fn pods(count: u32) -> SetView {
    SetView { desired: count, created: count, ready: count, available: count, ..SetView::default() }
}

#[test]
fn a_good_release_takes_the_time_of_its_analyses_and_pauses() {
    let story = play(0.1, 1.0);
    assert_eq!(story.weights, [(0, 0.1), (300, 0.3), (600, 0.6), (900, 1.0)]);
    assert_eq!(story.rolled_back, None);
}

#[test]
fn the_second_slow_measurement_of_a_step_aborts() {
    let story = play(1.0, 1.0);
    let reason = "Step-based analysis phase error/failed: Metric \"p95\" assessed Failed due to failed (2) > failureLimit (1)";
    assert_eq!(story.rolled_back, Some((120, reason.to_owned())));
}

#[test]
fn the_third_bad_measurement_in_the_background_aborts() {
    let story = play(0.1, 0.9);
    let (when, reason) = story.rolled_back.unwrap();
    assert_eq!(when, 120, "60 s of delay, then every 30 s");
    assert!(
        reason.starts_with("Background analysis phase error/failed: Metric \"success-rate\""),
        "{reason}"
    );
}
