//! What combinations of conditions say, part by part.

use super::*;
use crate::detect::cusum::Cusum;
use crate::detect::support::baseline::Baseline;
use crate::detect::{DetectorSpec, State};
use crate::policy::bench::{Bench, vector};
use crate::policy::native::{AfterDecision, Native, OnTrouble, Rule, Then, TriggerDef};
use crate::policy::{QueryError, Verdict};
use crate::promql::Sample;

fn trigger(when: Condition) -> TriggerDef {
    TriggerDef {
        name: "trigger".to_owned(),
        reason: "trigger".to_owned(),
        when,
        rule: Rule::For { hold: SimDuration::ZERO, keep: SimDuration::ZERO },
        every: SimDuration::from_secs(15),
        later: Vec::new(),
        start_after: SimDuration::ZERO,
        then: Then::RollBack,
        when_accepted: Some(Then::Advance),
        on_no_data: OnTrouble::Hold,
        on_error: OnTrouble::Page,
    }
}

fn bench(when: Condition) -> Bench {
    Bench::new(Box::new(Native::new(vec![trigger(when)], AfterDecision::Stop)), false)
}

/// The expressions of two queries each: what is bad, and its left side.
fn parts(count: usize) -> Vec<Condition> {
    (0..count).map(|n| Condition::Expr { query: 2 * n, sides: vec![2 * n + 1], check: n }).collect()
}

/// Answers to [`parts`]: `B` bad, `g` good, `n` no data, `e` error.
fn answers(plays: &str) -> Vec<Result<Value, QueryError>> {
    let of = |play| match play {
        'B' => [vector(&[0.2]), vector(&[0.2])],
        'n' => [vector(&[]), vector(&[])],
        'e' => [Err(QueryError::Unavailable), vector(&[])],
        _ => [vector(&[]), vector(&[0.01])],
    };
    plays.chars().flat_map(of).collect()
}

/// What a trigger says of the parts: `B` it fires, `n` no data, `e` error, `g` nothing.
fn says(when: &Condition, plays: &str) -> char {
    match bench(when.clone()).tick(answers(plays)).1 {
        Verdict::RollBack { .. } => 'B',
        Verdict::Hold => 'n',
        Verdict::Page { .. } => 'e',
        _ => 'g',
    }
}

#[test]
fn any_and_all_follow_kleene_and_errors_are_told_before_missing_data() {
    let rows = [
        // parts, any, all
        ("BB", 'B', 'B'),
        ("Bg", 'B', 'g'),
        ("gg", 'g', 'g'),
        ("Bn", 'B', 'n'),
        ("gn", 'n', 'g'),
        ("nn", 'n', 'n'),
        ("ge", 'e', 'g'),
        ("ne", 'e', 'e'),
        ("Be", 'B', 'e'),
    ];
    for (plays, any, all) in rows {
        assert_eq!(says(&Condition::Any(parts(2)), plays), any, "any of {plays}");
        assert_eq!(says(&Condition::All(parts(2)), plays), all, "all of {plays}");
        let opposite = Condition::Not(Box::new(Condition::All(parts(2))));
        let inverted = match all {
            'B' => 'g',
            'g' => 'B',
            unknown => unknown,
        };
        assert_eq!(says(&opposite, plays), inverted, "not all of {plays}");
    }
}

#[test]
fn k_of_n_waits_only_for_what_could_change_it() {
    let two = Condition::KOf(2, parts(3));
    for (plays, expected) in
        [("BBn", 'B'), ("Bgn", 'n'), ("ggn", 'g'), ("Bgg", 'g'), ("BgB", 'B'), ("Bne", 'e')]
    {
        assert_eq!(says(&two, plays), expected, "2 of {plays}");
    }
}

#[test]
fn a_score_adds_the_weights_of_the_bad_ones() {
    let weights = [2.0, 1.0, -1.0];
    let score = Condition::Score(2.0, weights.into_iter().zip(parts(3)).collect());
    for (plays, expected) in
        [("Bgg", 'B'), ("BgB", 'g'), ("BBB", 'B'), ("gBg", 'g'), ("gBn", 'n'), ("Bgn", 'B')]
    {
        assert_eq!(says(&score, plays), expected, "{plays}");
    }
}

#[test]
fn hysteresis_is_bad_from_one_limit_to_the_other() {
    let mut parts = parts(2);
    let ends = parts.remove(1);
    let mut condition = Condition::hysteresis(parts.remove(0), ends);
    let mut bench = bench(Condition::Any(Vec::new()));
    let mut is_bad = |plays: &str| {
        bench.script.0 = answers(plays);
        let mut said = false;
        observe(&mut bench, |o| said = condition.evaluate(o).is_bad());
        said
    };
    let seen: Vec<bool> =
        ["gg", "Bg", "gg", "gg", "gB", "gg", "BB", "gB"].into_iter().map(&mut is_bad).collect();
    assert_eq!(seen, [false, true, true, true, false, false, true, false]);
}

/// Runs something with an observation of the bench.
fn observe(bench: &mut Bench, act: impl FnOnce(&mut Observation<'_>)) {
    let mut observation = Observation {
        now: bench.status.view.now,
        rollout: bench.status,
        chance: bench.chance,
        truth: None,
        facts: bench.facts,
        queries: &mut bench.script,
        findings: &mut bench.findings,
        notices: &mut bench.notices,
        log: Some(&mut bench.log),
    };
    act(&mut observation);
}

fn cusum(baseline: Baseline) -> DetectorSpec {
    let text = "cusum: {k: 0.5, h: 4}";
    let spec: DetectorSpec = crate::document::parse_typed("cusum", text).unwrap();
    let DetectorSpec::Cusum(spec) = spec else { panic!("a CUSUM") };
    DetectorSpec::Cusum(Cusum { baseline, ..spec })
}

fn detecting(by: DetectorSpec, learn: Option<LearnDef>) -> Condition {
    let def =
        DetectDef { name: "errors".to_owned(), by, candidate: Arm::Value(0), control: None, learn, check: 0 };
    Condition::Detect(Detecting::new(def))
}

#[test]
fn a_detector_sees_every_evaluation_and_says_when_it_raises_an_alarm() {
    let known = cusum(Baseline::Known { mean: 1.0, sd: 0.5 });
    let mut bench = bench(Condition::Any(vec![detecting(known, None)]));
    // Scores of 2 add 1.5 each: 1.5, 3, 4.5 > 4.
    let verdicts = bench.run(&[vector(&[2.0]), vector(&[2.0]), vector(&[2.0])]);
    assert_eq!(verdicts[..2], [Verdict::Continue, Verdict::Continue]);
    assert!(verdicts[2].is_decision());
    assert_eq!(
        bench.findings,
        [(0, CheckOutcome::Good(1.5)), (0, CheckOutcome::Good(3.0)), (0, CheckOutcome::Bad(4.5))]
    );
    assert_eq!(bench.log[0], "errors: cusum alarm at 4.5000 (limit 4.0000)");
}

#[test]
fn no_data_moves_no_detector() {
    let known = cusum(Baseline::Known { mean: 1.0, sd: 0.5 });
    let mut bench = bench(detecting(known, None));
    let nan = vector(&[f64::NAN]);
    let verdicts = bench.run(&[vector(&[2.0]), vector(&[]), nan, vector(&[2.0]), vector(&[2.0])]);
    assert_eq!(verdicts[1], Verdict::Hold, "as the trigger has it for no data");
    assert_eq!(verdicts[2], Verdict::Hold);
    assert!(!verdicts[3].is_decision() && verdicts[4].is_decision());
}

#[test]
fn what_is_normal_is_learned_from_before_the_deploy() {
    let learn = LearnDef { past: SimDuration::from_secs(60), from: Arm::Value(1) };
    let mut bench = bench(detecting(cusum(Baseline::Learn(4)), Some(learn)));
    let past = crate::promql::Series {
        labels: Labels::empty(),
        points: vec![(540_000, 0.9), (555_000, 1.1), (570_000, 0.9), (585_000, 1.1)],
    };
    let answer = |value: f64| vec![vector(&[value]), Ok(Value::Matrix(vec![past.clone()]))];
    assert!(!bench.tick(answer(1.0)).1.is_decision());
    assert!(bench.tick(answer(2.0)).1.is_decision(), "ten deviations of the past");
}

#[test]
fn counters_make_counts_and_the_test_that_ends_well_begins_anew() {
    #[derive(Clone, Debug)]
    struct Third(Vec<(f64, f64)>);
    impl crate::detect::Detector for Third {
        fn step(&mut self, sample: &crate::detect::Sample<'_>) -> State {
            let crate::detect::Sample::Counts(counts) = sample else { return State::Learning };
            self.0.push((counts.bad, counts.total));
            if self.0.len() == 3 { State::Accepted } else { State::Quiet }
        }
        fn reset(&mut self) {
            self.0.clear();
        }
        fn statistic(&self) -> Option<f64> {
            self.0.last().map(|counts| counts.0)
        }
        fn limit(&self) -> Option<f64> {
            None
        }
        fn boxed(&self) -> Box<dyn crate::detect::Detector> {
            Box::new(self.clone())
        }
    }
    struct Thirds;
    impl crate::detect::Detect for Thirds {
        fn reads(&self) -> crate::detect::Reads {
            crate::detect::Reads::Counts
        }
        fn check(&self) -> Result<(), crate::detect::BadField> {
            Ok(())
        }
        fn start(&self) -> Box<dyn crate::detect::Detector> {
            Box::new(Third(Vec::new()))
        }
        fn assumes(&self) -> &'static str {
            "nothing"
        }
        fn cost(&self) -> &'static str {
            "three counts"
        }
        fn pitfall(&self) -> &'static str {
            "none"
        }
    }
    let def = DetectDef {
        name: "thirds".to_owned(),
        by: DetectorSpec::custom("thirds", Thirds),
        candidate: Arm::Counts { bad: 0, total: 1 },
        control: None,
        learn: None,
        check: 0,
    };
    let mut bench = bench(Condition::Detect(Detecting::new(def)));
    let mut tick = |bad: f64, total: f64| bench.tick(vec![vector(&[bad]), vector(&[total])]).1;
    let said: Vec<Verdict> = (1..=7).map(|n| tick(f64::from(n), f64::from(10 * n))).collect();
    let advances: Vec<usize> = (0..7).filter(|n| said[*n] == Verdict::Advance).collect();
    assert_eq!(advances, [2, 5], "every third evaluation");
    let shown: Vec<CheckOutcome> = bench.findings.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(shown[0], CheckOutcome::Good(0.0), "nothing has grown at the first evaluation");
    assert_eq!(shown[1], CheckOutcome::Good(1.0));
}

#[test]
fn at_least_holds_back_what_is_bad_until_there_were_enough_events() {
    let mut parts = parts(1);
    let mut bench = bench(Condition::at_least(30, 2, parts.remove(0)));
    let mut tick = |play: &str, count: f64| {
        let mut all = answers(play);
        all.push(vector(&[count]));
        bench.tick(all).1
    };
    assert_eq!(tick("B", 100.0), Verdict::Continue);
    assert_eq!(tick("n", 110.0), Verdict::Hold, "no data is told as it is");
    assert_eq!(tick("B", 129.0), Verdict::Continue);
    assert!(tick("B", 130.0).is_decision());
}

#[test]
fn silence_counts_from_the_last_growth_and_a_series_that_is_gone_is_silent() {
    let mut bench = bench(Condition::silent(0, SimDuration::from_secs(30), 0));
    let mut tick = |answer| bench.tick(vec![answer]).1.is_decision();
    let said = [
        tick(vector(&[5.0])),
        tick(vector(&[6.0])),
        tick(vector(&[6.0])),
        tick(vector(&[7.0])),
        tick(vector(&[])),
        tick(vector(&[])),
    ];
    assert_eq!(said, [false, false, false, false, false, true]);
}

#[test]
fn classes_are_made_of_cumulative_buckets() {
    let bucket =
        |pod: &str, le: &str, value: f64| Sample { labels: Labels::new([("le", le), ("pod", pod)]), value };
    let mut reader = arm::ArmReader::new(Arm::Buckets(0));
    let mut bench = bench(Condition::Any(Vec::new()));
    let mut read = |scale: f64| {
        let all = [("a", [1.0, 3.0, 6.0]), ("b", [0.0, 1.0, 1.0])];
        let of = |(pod, counts): (&str, [f64; 3])| {
            ["0.1", "1", "+Inf"]
                .into_iter()
                .zip(counts)
                .map(move |(le, n)| (pod.to_owned(), le, n))
                .collect::<Vec<_>>()
        };
        let samples = all.into_iter().flat_map(of).map(|(pod, le, n)| bucket(&pod, le, scale * n)).collect();
        bench.script.0 = vec![Ok(Value::Vector(samples))];
        let mut reading = None;
        observe(&mut bench, |o| reading = Some(reader.read(o)));
        reading.unwrap().unwrap()
    };
    read(1.0);
    let classes = [("0.1", 1.0), ("1", 3.0), ("+Inf", 3.0)].map(|(le, n)| (le.to_owned(), n));
    assert_eq!(read(2.0), arm::Reading::Classes(classes.to_vec()));
}
