//! The decision trees and the forward-fix table that ship as policies, every combination of answers. The expected verdict
//! is written here from the guides' wording, and not with the code of the trees.

use backout::effect::{RolloutView, Routing, SetName, SetView, Split};
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::facts::{Complexity, Gravity};
use backout::policy::loaded::Loaded;
use backout::policy::{Facts, Observation, Queries, QueryError, RolloutStatus, Start, Verdict};
use backout::promql::{Labels, Sample, Value};
use backout::scenario::embedded::policy;
use backout::strategy::{Progress, StepStatus};
use backout::time::{SimDuration, SimTime};

fn loaded(name: &str) -> Loaded {
    let file = policy(name).unwrap();
    let source = SourceText { name: file.path, text: file.text };
    load(&[source], &ImportOptions::default()).unwrap().remove(0)
}

/// Answers of monitoring: which queries have a result.
struct Answers(Vec<Result<Value, QueryError>>);

impl Queries for Answers {
    fn value(&mut self, query: usize) -> Result<&Value, QueryError> {
        self.0[query].as_ref().map_err(Clone::clone)
    }

    fn range(&mut self, q: usize, _: SimTime, _: SimTime, _: SimDuration) -> Result<Value, QueryError> {
        self.value(q).cloned()
    }
}

fn a_number() -> Value {
    Value::Vector(vec![Sample { labels: Labels::empty(), value: 0.5 }])
}

/// What the policy has said after five minutes of the same answers: the verdicts in order, each once.
fn verdicts(policy: &Loaded, facts: Facts, answers: &dyn Fn(&str) -> Option<bool>) -> Vec<Verdict> {
    let deploy_at = SimTime::ZERO + SimDuration::from_secs(600);
    let end = deploy_at + SimDuration::from_mins(5);
    let mut engine = policy.prototype.clone();
    engine.start(&Start { deploy_at, phase: 0.0, end, own_rollout: false });
    let answer = |text: &str| match answers(text) {
        Some(true) => Ok(a_number()),
        Some(false) => Ok(Value::Vector(Vec::new())),
        None => Err(QueryError::Unavailable),
    };
    let mut queries = Answers(policy.queries.iter().map(|query| answer(&query.text)).collect());
    let mut said: Vec<Verdict> = Vec::new();
    while engine.next_tick() <= end {
        let now = engine.next_tick();
        let view = RolloutView {
            now,
            deploy_at,
            replicas: 4,
            sets: [SetView::default(); SetName::COUNT],
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Weighted,
            hold: false,
            database: None,
            others_back: 0,
        };
        let status = RolloutStatus {
            view,
            step: StepStatus::default(),
            progress: Progress::Running,
            progressed_at: deploy_at,
        };
        let verdict = engine.observe(&mut Observation {
            now,
            rollout: status,
            chance: 0.5,
            truth: None,
            facts,
            queries: &mut queries,
            findings: &mut Vec::new(),
            notices: &mut Vec::new(),
            log: None,
        });
        if verdict != Verdict::Continue && said.last() != Some(&verdict) {
            said.push(verdict);
        }
    }
    said
}

fn word(said: &[Verdict]) -> &'static str {
    match said {
        [] => "continue",
        [Verdict::RollBack { .. }] => "roll_back",
        [Verdict::ForwardFix { .. }] => "forward_fix",
        [Verdict::Stop { .. }] => "stop",
        [Verdict::Defer { .. }] => "defer",
        other => panic!("no word for {other:?}"),
    }
}

const YES_NO: [bool; 2] = [true, false];

#[test]
fn every_leaf_of_the_runbook_s_tree() {
    let policy = loaded("policies/decision-tree-procedures");
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for (detected, corrupts) in YES_NO.into_iter().flat_map(|a| YES_NO.map(|b| (a, b))) {
        for (unhealthy, facing) in YES_NO.into_iter().flat_map(|a| YES_NO.map(|b| (a, b))) {
            for waits in [Some(true), Some(false), None] {
                let facts = Facts { data_corruption: Some(corrupts), can_wait: waits, ..Facts::default() };
                let answers = |text: &str| {
                    Some(match text {
                        t if t.contains(" or ") => detected,
                        t if t.ends_with("== 0") => unhealthy,
                        t if t.ends_with("> 0.05") => facing,
                        _ => true,
                    })
                };
                let said = word(&verdicts(&policy, facts, &answers));
                let expected = match (detected, corrupts, unhealthy, facing, waits) {
                    (false, ..) => "continue",
                    (_, true, ..) => "stop",
                    (_, _, true, ..) | (_, _, _, true, _) => "roll_back",
                    (.., Some(true)) => "defer",
                    _ => "roll_back",
                };
                assert_eq!(said, expected, "{detected} {corrupts} {unhealthy} {facing} {waits:?}");
                *seen.entry(said).or_default() += 1;
            }
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [("continue", 24), ("defer", 1), ("roll_back", 11), ("stop", 12)]
    );
}

#[test]
fn every_leaf_of_rollback_against_rollforward() {
    let policy = loaded("policies/decision-tree-strategies");
    for (issue, quick, expected) in [
        (true, Some(true), "forward_fix"),
        (true, Some(false), "roll_back"),
        (true, None, "roll_back"),
        (false, Some(true), "continue"),
        (false, None, "continue"),
    ] {
        let facts = Facts { quick_fix_available: quick, ..Facts::default() };
        let answers = |text: &str| Some(issue || !text.contains(" or "));
        assert_eq!(word(&verdicts(&policy, facts, &answers)), expected, "{issue} {quick:?}");
    }
}

#[test]
fn every_row_of_the_forward_fix_table_and_rows_together() {
    let policy = loaded("policies/forward-fix-table");
    let of = |facts: Facts| word(&verdicts(&policy, facts, &|_| Some(true)));
    let none = Facts::default();
    // The table itself: one thing known at a time.
    assert_eq!(of(Facts { severity: Some(Gravity::Minor), ..none }), "forward_fix");
    assert_eq!(of(Facts { severity: Some(Gravity::Critical), ..none }), "roll_back");
    assert_eq!(of(Facts { quick_fix_available: Some(true), ..none }), "forward_fix");
    assert_eq!(of(Facts { complexity: Some(Complexity::Complex), ..none }), "roll_back");
    assert_eq!(of(Facts { rollback_possible: Some(false), ..none }), "forward_fix");
    assert_eq!(of(none), "roll_back");
    // Rows together: what is impossible is not done; then no beats yes.
    let mut forwards = 0;
    for rollback_possible in [None, Some(true), Some(false)] {
        for severity in [None, Some(Gravity::Minor), Some(Gravity::Critical)] {
            for complexity in [None, Some(Complexity::Simple), Some(Complexity::Complex)] {
                for quick_fix_available in [None, Some(true), Some(false)] {
                    let facts =
                        Facts { rollback_possible, severity, complexity, quick_fix_available, ..none };
                    let no = severity == Some(Gravity::Critical) || complexity == Some(Complexity::Complex);
                    let yes = severity == Some(Gravity::Minor) || quick_fix_available == Some(true);
                    let forward = rollback_possible == Some(false) || (!no && yes);
                    assert_eq!(of(facts), if forward { "forward_fix" } else { "roll_back" }, "{facts:?}");
                    forwards += usize::from(forward);
                }
            }
        }
    }
    // 27 that cannot be rolled back, and of each of the other 27s: minor and not complex (6), or quick alone (2).
    assert_eq!(forwards, 27 + 2 * 8);
    assert_eq!(
        word(&verdicts(&policy, Facts { rollback_possible: Some(false), ..none }, &|_| Some(false))),
        "continue"
    );
}

#[test]
fn a_query_that_fails_decides_nothing_and_reasons_name_the_way() {
    let policy = loaded("policies/decision-tree-strategies");
    let facts = Facts { quick_fix_available: Some(true), ..Facts::default() };
    assert_eq!(verdicts(&policy, facts, &|_| None), []);
    let said = verdicts(&policy, facts, &|_| Some(true));
    let reasons = vec!["forward_or_back: Issue detected? Yes. Quick fix available? Yes.".to_owned()];
    assert_eq!(said, [Verdict::ForwardFix { reasons }]);
}
