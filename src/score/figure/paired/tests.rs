//! Differences against the closed forms and published figures.

use super::*;
use crate::replication::record::Player;
use crate::score::cost::CostWeights;
use crate::score::figure::{CONFIDENCE, FIGURES, figure};
use crate::score::stratum::{Who, gather};
use crate::score::testing::Sample;

fn prices() -> [f64; KINDS] {
    CostWeights::default().prices()
}

/// Every scenario's pairs of two policies of the hand-made study.
fn with_pairs<T>(first: &str, second: &str, then: impl Fn(&Sample, &[&Paired<'_>]) -> T) -> T {
    let sample = Sample::new();
    let players = gather(&sample.records, &sample.scenarios).unwrap();
    let strata = |name: &str| -> Vec<&Stratum> {
        let of = |who: &Who| *who == Who::Policy(name.into());
        players.iter().filter(|((who, _), _)| of(who)).flat_map(|(_, strata)| strata).collect()
    };
    let paired = pair(&strata(first), &strata(second));
    then(&sample, &paired.iter().collect::<Vec<_>>())
}

fn mean(name: &str) -> (&'static Figure, Stat) {
    (figure(name).unwrap(), Stat { summary: Summary::Mean, worst: false })
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    with_pairs("quick", "quick", |_, paired| {
        for figure in FIGURES {
            for summary in [figure.default_summary(), Summary::Mean] {
                if !figure.allows(summary) {
                    continue;
                }
                let stat = Stat { summary, worst: false };
                let key = Key::root(1, "test");
                let found = difference(figure, stat, paired, &prices(), (CONFIDENCE, key));
                assert!(found.value == 0.0 || found.value.is_nan(), "{}: {found:?}", figure.name);
                assert!(found.holds(0.0), "{}: {found:?}", figure.name);
            }
            assert_eq!(p_value(figure, paired[0], &prices()), 1.0, "{}", figure.name);
        }
    });
}

#[test]
fn differences_are_those_of_the_scorecard() {
    with_pairs("quick", "thorough", |sample, paired| {
        let weights = CostWeights::default();
        let input = crate::score::Input {
            records: &sample.records,
            scenarios: &sample.scenarios,
            policies: &sample.policies,
            weights: &weights,
        };
        let player = |name: &str| Player::Policy(name.into());
        let label = |name: &str| sample.policies.iter().find(|p| p.name == name).unwrap().rollout.clone();
        let (a, b) = (label("quick"), label("thorough"));
        let theirs = crate::score::difference(&input, (&player("quick"), &a), (&player("thorough"), &b));
        let theirs = theirs.unwrap().unwrap();
        for (name, expected) in [
            ("cost", theirs.cost),
            ("missed_rate", theirs.missed_rate),
            ("false_rollback_rate", theirs.false_rollback_rate),
            ("users_harmed", theirs.users),
        ] {
            let (figure, stat) = mean(name);
            let found = difference(figure, stat, paired, &prices(), (CONFIDENCE, Key::root(1, "test")));
            assert!((found.value - expected.value.unwrap()).abs() < 1e-9, "{name}: {found:?}");
            assert!(found.low <= found.value && found.value <= found.high, "{name}: {found:?}");
        }
    });
}

#[test]
fn holms_order() {
    // 0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2: the rest stands.
    assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005], 0.05), [true, false, false, true]);
    assert_eq!(holm(&[], 0.05), [false; 0]);
    assert_eq!(holm(&[0.02, 0.02], 0.05), [true, true]);
}

#[test]
fn times_are_cut_where_the_first_was_no_longer_followed() {
    let ended = |seconds| Timed { seconds, ended: true };
    let censored = |seconds| Timed { seconds, ended: false };
    assert_eq!(cut(ended(60.0), ended(90.0)), -30.0);
    assert_eq!(cut(ended(60.0), censored(1800.0)), -1740.0);
    assert_eq!(cut(ended(200.0), censored(100.0)), 0.0);
    assert_eq!(cut(censored(100.0), censored(300.0)), 0.0);
}

#[test]
fn limits_need_as_many_as_the_tail() {
    assert_eq!(needed(0.95, 0.95), 72);
    assert_eq!(needed(0.5, 0.95), 6);
}

#[test]
fn paired_shares_hold_the_truth() {
    // Both hit with 10 %, only the first with 6 %, only the second with 2 %: the difference is 4 %.
    let mut stream = Key::root(3, "paired shares").stream();
    let (runs, n, mut held) = (2000, 150u64, 0u32);
    for _ in 0..runs {
        let (mut first, mut second) = (0, 0);
        for _ in 0..n {
            let u = stream.uniform_open();
            first += u64::from((0.10..0.16).contains(&u));
            second += u64::from((0.16..0.18).contains(&u));
        }
        held += u32::from(share_difference((first, second, n), 0.95).holds(0.04));
    }
    let coverage = f64::from(held) / f64::from(runs);
    assert!((0.945..=1.0).contains(&coverage), "{coverage}");
    // One side only: the exact interval of that side, stretched by what the other may hide.
    let one = share_difference((5, 0, 200), 0.95);
    let exact = clopper_pearson(5, 200, 0.95);
    assert!(one.low < exact.low && (one.high - exact.high).abs() < 1e-12, "{one:?} {exact:?}");
}
