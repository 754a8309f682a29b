//! Policies that are accounted for together get what they would have got one by one, to the last byte.

use std::sync::Arc;

use backout::diagnostic::Source;
use backout::policy::loaded::{CheckDef, Limits, Loaded, QueryDef};
use backout::policy::native::{AfterDecision, Condition, Native, OnTrouble, Rearm, Rule, Then, TriggerDef};
use backout::quantity::Ratio;
use backout::replication::prepared::{PrepareOptions, Prepared};
use backout::replication::record::{DecisionKind, ReplicationRecord, RunRecord};
use backout::replication::{Options, replicate};
use backout::rollback::RollbackConditions;
use backout::scenario::resolved::FidelityChoice;
use backout::scenario::{self, Scenario, embedded};
use backout::telemetry::naming::Naming;
use backout::time::SimDuration;
use proptest::prelude::*;

use crate::studies;

/// What triggers compare: the candidate's error ratio over two windows, a latency, a number that is rarely there, one a
/// pod (not a single number), and the traffic of a revision that comes and goes.
const NUMBERS: [&str; 6] = [
    studies::ERROR_RATIO,
    "sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[3m])) / sum(rate(http_requests_total{role=\"candidate\"}[3m]))",
    "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket{role=\"candidate\"}[1m])))",
    "sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[15s]))",
    "sum by (pod) (rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m]))",
    "sum(rate(http_requests_total{role=\"candidate\"}[1m])) / sum(rate(http_requests_total[1m]))",
];

/// Two reasons for false rollbacks, one of which makes hardly any.
const CONFOUNDERS: [&str; 2] =
    ["traffic_spike: {factor: 1.1, at: 1m, for: 1m}", "neighbour_outage: {share: 20%, at: 4m, for: 3m}"];

/// One trigger that compares a number.
#[derive(Clone, Debug)]
struct Variant {
    number: usize,
    operator: &'static str,
    mirrored: bool,
    limit: f64,
    rule: Rule,
    every: u64,
    start_after: u64,
    then: Then,
    on_no_data: OnTrouble,
    on_error: OnTrouble,
    after: AfterDecision,
    /// Which of two phases.
    identity: bool,
}

fn loaded(name: String, variant: &Variant) -> Loaded {
    let number = NUMBERS[variant.number];
    let expr = if variant.mirrored {
        format!("{:?} {} ({number})", variant.limit, variant.operator)
    } else {
        format!("({number}) {} {:?}", variant.operator, variant.limit)
    };
    let def = TriggerDef {
        name: "trigger".to_owned(),
        reason: format!("reason of {name}"),
        when: Condition::Expr { query: 0, sides: vec![1], check: 0 },
        rule: variant.rule,
        every: SimDuration::from_secs(variant.every),
        later: Vec::new(),
        start_after: SimDuration::from_secs(variant.start_after),
        then: variant.then.clone(),
        when_accepted: None,
        on_no_data: variant.on_no_data,
        on_error: variant.on_error,
    };
    let query = |text: &str| QueryDef { text: text.to_owned(), line: 1 };
    Loaded {
        name,
        identity: format!("test/{}", variant.identity),
        prototype: Box::new(Native::new(vec![def], variant.after)),
        queries: vec![query(&expr), query(number)],
        checks: vec![CheckDef {
            name: "trigger".to_owned(),
            query: Some(number.to_owned()),
            good: "good".to_owned(),
            limits: Limits { min: None, max: Some(variant.limit), strict: false },
            line: 1,
        }],
        ..studies::threshold("any", variant.limit, 1)
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        // The last is longer than anything that is played.
        (prop::sample::select(vec![0u64, 20, 40, 60, 80, 100_000]), 0u64..3).prop_map(|(hold, keep)| {
            Rule::For { hold: SimDuration::from_secs(hold), keep: SimDuration::from_secs(keep * 30) }
        }),
        (1u32..5).prop_map(Rule::Consecutive),
        (1u32..4, 0u32..4).prop_map(|(k, more)| Rule::KOfN { k, n: k + more }),
        (1u32..6).prop_map(Rule::Cumulative),
    ]
}

fn trouble() -> impl Strategy<Value = OnTrouble> {
    prop_oneof![
        4 => Just(OnTrouble::Ignore),
        2 => Just(OnTrouble::Count),
        2 => Just(OnTrouble::Page),
        1 => Just(OnTrouble::Hold),
        1 => Just(OnTrouble::RollBack),
    ]
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        8 => Just(Then::RollBack),
        1 => Just(Then::Stop),
        1 => Just(Then::ForwardFix),
        1 => Just(Then::Hold),
        1 => Just(Then::Advance),
        1 => Just(Then::Page),
    ]
}

fn after() -> impl Strategy<Value = AfterDecision> {
    let rearm = AfterDecision::ReArm(Rearm { cooldown: SimDuration::from_mins(1) });
    prop_oneof![6 => Just(AfterDecision::Stop), 1 => Just(rearm)]
}

fn variant() -> impl Strategy<Value = Variant> {
    let limit = prop_oneof![
        Just(0.0),
        Just(-1.0),
        Just(1e9),
        (1u32..12).prop_map(|percent| f64::from(percent) / 100.0),
        (1u32..9).prop_map(|tenths| f64::from(tenths) / 10.0),
    ];
    let operator =
        prop_oneof![8 => Just(">"), 2 => Just(">="), 1 => Just("<"), 1 => Just("<="), 1 => Just("==")];
    let what = (0..NUMBERS.len(), operator, prop::bool::weighted(0.2), limit, rule());
    let when = (prop::sample::select(vec![15u64, 15, 15, 7, 40]), prop::sample::select(vec![0u64, 0, 45]));
    let rest = (then(), trouble(), trouble(), after(), any::<bool>());
    (what, when, rest).prop_map(|(what, when, rest)| {
        let (number, operator, mirrored, limit, rule) = what;
        let (then, on_no_data, on_error, after, identity) = rest;
        let (every, start_after) = when;
        let mirrored = mirrored && operator != "==";
        Variant {
            number,
            operator,
            mirrored,
            limit,
            rule,
            every,
            start_after,
            then,
            on_no_data,
            on_error,
            after,
            identity,
        }
    })
}

fn monitored(mut scenario: Scenario, loss: f64, query_errors: f64) -> Arc<Scenario> {
    scenario.telemetry.loss = Ratio::new(loss).unwrap();
    scenario.telemetry.query_errors = Ratio::new(query_errors).unwrap();
    studies::shared(scenario)
}

fn scenario(loss: f64, query_errors: f64) -> Arc<Scenario> {
    monitored(studies::canary(FidelityChoice::Flow, 40.0), loss, query_errors)
}

/// The same with confounders, without which false rollbacks are looked at again.
fn outage_beside(loss: f64, query_errors: f64) -> Arc<Scenario> {
    let canary = studies::canary(FidelityChoice::Flow, 40.0);
    monitored(studies::confounded(canary, &CONFOUNDERS), loss, query_errors)
}

fn policies(variants: &[Variant]) -> Vec<Loaded> {
    variants.iter().enumerate().map(|(index, variant)| loaded(format!("p{index}"), variant)).collect()
}

fn prepared(scenario: Arc<Scenario>, policies: &[Loaded], seed: u64) -> Prepared {
    Prepared::new(scenario, policies, seed, PrepareOptions::default())
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn json(record: &ReplicationRecord) -> String {
    serde_json::to_string(record).unwrap()
}

fn like(limit: f64, rule: Rule) -> Variant {
    Variant {
        number: 0,
        operator: ">",
        mirrored: false,
        limit,
        rule,
        every: 15,
        start_after: 0,
        then: Then::RollBack,
        on_no_data: OnTrouble::Ignore,
        on_error: OnTrouble::Ignore,
        after: AfterDecision::Stop,
        identity: true,
    }
}

#[test]
fn only_triggers_that_compare_one_number_and_then_end_take_part() {
    let simple = like(0.05, Rule::Consecutive(2));
    let variants = [
        simple.clone(),
        Variant { mirrored: true, operator: "<", ..simple.clone() },
        Variant { on_error: OnTrouble::Page, then: Then::Stop, ..simple.clone() },
        Variant { number: 4, ..simple.clone() },
        Variant { operator: "==", ..simple.clone() },
        Variant { then: Then::Hold, ..simple.clone() },
        Variant { on_no_data: OnTrouble::Hold, ..simple.clone() },
        Variant { after: AfterDecision::ReArm(Rearm { cooldown: SimDuration::ZERO }), ..simple },
    ];
    let prepared = prepared(scenario(0.0, 0.0), &policies(&variants), 1);
    assert_eq!(prepared.rollouts[0].sweep.alone, [0, 1, 2, 3, 7, 8, 9, 10, 11]);
}

#[test]
fn a_sweep_s_decisions_come_at_many_instants() {
    let variants: Vec<Variant> = (1..40u32)
        .flat_map(|step| (1..4).map(move |count| like(f64::from(step) * 0.004, Rule::Consecutive(count))))
        .collect();
    let prepared = prepared(scenario(0.01, 0.0), &policies(&variants), 3);
    assert_eq!(prepared.rollouts[0].sweep.alone.len(), 4);
    let together = replicate(&prepared, 0, Options::default());
    let one_by_one = replicate(&prepared, 0, Options { no_sweep: true, ..Options::default() });
    assert_eq!(json(&together), json(&one_by_one));
    let runs = &together.rollouts[0].bad.runs[4..];
    let mut instants: Vec<u64> = runs.iter().filter_map(|run| Some(run.decision.as_ref()?.at)).collect();
    instants.sort_unstable();
    instants.dedup();
    assert!(instants.len() > 3, "{instants:?}");
    assert!(runs.iter().any(|run| run.decision.is_none() && run.checks[0].bad > 0), "nobody just missed");
}

#[test]
fn false_rollbacks_are_explained_together_as_one_by_one() {
    let variants: Vec<Variant> = (0..40u32)
        .flat_map(|step| [1, 3].map(|count| like(f64::from(step) * 0.005, Rule::Consecutive(count))))
        .collect();
    let prepared = prepared(outage_beside(0.0, 0.05), &policies(&variants), 5);
    let together = replicate(&prepared, 0, Options::default());
    let one_by_one = replicate(&prepared, 0, Options { no_sweep: true, ..Options::default() });
    assert_eq!(json(&together), json(&one_by_one));
    let of = |cause: &str| {
        let runs = together.rollouts[0].healthy.runs.iter();
        runs.filter(|run| run.false_cause.as_deref() == Some(cause)).count()
    };
    let (noise, outage) = (of("noise"), of("neighbour_outage (confounders[1])"));
    assert!(noise > 0 && outage > 0, "{noise} by noise, {outage} by the outage");
}

#[test]
fn neighbours_who_found_the_same_share_it() {
    let variants: Vec<Variant> =
        (0..200u32).map(|step| like(f64::from(step) * 0.001, Rule::Consecutive(3))).collect();
    let prepared = prepared(scenario(0.01, 0.0), &policies(&variants), 3);
    let record = replicate(&prepared, 0, Options::default());
    let runs = &record.rollouts[0].bad.runs[4..];
    let shared = runs.windows(2).filter(|pair| Arc::ptr_eq(&pair[0].checks, &pair[1].checks)).count();
    assert!(shared > runs.len() / 4, "{shared} of {}", runs.len());
    assert!(shared < runs.len() - 3, "all of them found the same");
}

/// Rollbacks by the book, those that are undone by a sync, and fixes that mend nothing and are rolled back.
const WAYS_BACK: [fn() -> RollbackConditions; 3] = [
    RollbackConditions::default,
    || RollbackConditions {
        reverted_after: Some(SimDuration::from_mins(2)),
        ..RollbackConditions::default()
    },
    || RollbackConditions {
        fix: studies::yaml("{takes: 2m, bad: 100%, falls_back: 1m}"),
        ..RollbackConditions::default()
    },
];

/// What must be seen in one of the runs of a shipped scenario, lest a test of it prove nothing.
type Sign = fn(&RunRecord) -> bool;

/// Shipped scenarios in which something comes of a decision that others do not have: a sync after the rollback, a fix
/// forwards, data that is lost, writes that are halted, an overload that feeds itself, request by request.
const WHAT_FOLLOWS: [(&str, Sign); 5] = [
    ("rollback/sync-puts-it-back", |run| !run.further.is_empty()),
    ("rollback/fix-forward", |run| run.rollback.as_ref().is_some_and(|r| r.procedure == "forward_fix")),
    ("database/silent-corruption", |run| run.data.is_some_and(|data| data.corrupted > 0)),
    ("database/point-of-no-return", |run| {
        run.decision.as_ref().is_some_and(|d| d.kind == DecisionKind::Stop)
    }),
    ("overload/retry-storm", |run| run.metastable.is_some()),
];

#[test]
fn what_follows_a_decision_is_the_same_together_and_one_by_one() {
    let thens = [Then::RollBack, Then::ForwardFix, Then::Stop];
    let rules = [Rule::Consecutive(1), Rule::Consecutive(4), Rule::KOfN { k: 2, n: 8 }];
    let variants: Vec<Variant> = (0..30usize)
        .map(|step| Variant {
            number: [0, 5][step % 2],
            then: thens[step / 2 % 3].clone(),
            ..like(step as f64 * 0.004, rules[step % 3])
        })
        .collect();
    for (name, sign) in WHAT_FOLLOWS {
        let file = embedded::scenario(name).unwrap();
        let scenario = scenario::read(file.name(), Source::new(file.path, file.text)).unwrap().scenario;
        let target = &scenario.world.services[usize::from(scenario.world.target.0)].name;
        let naming = Naming::native(target);
        let policies: Vec<Loaded> =
            policies(&variants).into_iter().map(|p| Loaded { naming: naming.clone(), ..p }).collect();
        let prepared = prepared(Arc::new(scenario), &policies, 11);
        assert_eq!(prepared.rollouts[0].sweep.alone.len(), 4, "{name}");
        let together = replicate(&prepared, 0, Options::default());
        let one_by_one = replicate(&prepared, 0, Options { no_sweep: true, ..Options::default() });
        assert_eq!(json(&together), json(&one_by_one), "{name}");
        let runs = &together.rollouts[0].bad.runs[4..];
        assert!(runs.iter().any(sign), "nobody in {name} shows what it was chosen for");
        assert!(runs.iter().any(|run| run.decision.is_some()), "nobody decides in {name}");
    }
}

#[test]
fn a_stored_run_is_one_flat_object_that_reads_back_as_it_was() {
    let prepared = prepared(scenario(0.0, 0.0), &policies(&[like(0.02, Rule::Consecutive(2))]), 5);
    let record = replicate(&prepared, 0, Options::default());
    let text = json(&record);
    let again: ReplicationRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(again, record);
    assert_eq!(json(&again), text);
    let run: serde_json::Value = serde_json::to_value(&record.rollouts[0].bad.runs[4]).unwrap();
    for key in ["player", "decision", "rollback", "counts", "harmed", "checks", "ended_at", "miss", "trace"] {
        assert!(run.get(key).is_some(), "no {key}");
    }
    assert!(run.get("course").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn together_is_as_one_by_one(
        variants in prop::collection::vec(variant(), 1..40),
        seed in 0u64..1000,
        loss in prop::sample::select(vec![0.0, 0.02, 0.3]),
        query_errors in prop::sample::select(vec![0.0, 0.0, 0.1, 0.4]),
        no_merge in prop::bool::weighted(0.2),
        outage in prop::bool::weighted(0.3),
        conditions in prop::sample::select(WAYS_BACK.to_vec()),
    ) {
        let scenario = if outage { outage_beside(loss, query_errors) } else { scenario(loss, query_errors) };
        let scenario = Scenario { rollback_conditions: conditions(), ..Arc::unwrap_or_clone(scenario) };
        let prepared = prepared(studies::shared(scenario), &policies(&variants), seed);
        let options = Options { no_merge, ..Options::default() };
        let together = replicate(&prepared, 0, options);
        let one_by_one = replicate(&prepared, 0, Options { no_sweep: true, ..options });
        prop_assert_eq!(json(&together), json(&one_by_one));
    }
}
