//! What correlated noise does to judges: healthy releases, so every alarm is a false one.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::Player;
use backout::rng::{Ar1, Key};
use backout::scenario::embedded::{policy, scenario};
use backout::scenario::{self, Scenario};
use backout::stats::rank_test::mann_whitney;
use backout::study::{Progress, Replications, Study};
use backout::telemetry::dialect::Dialect;
use backout::time::SimDuration;
use backout::world::spec::{NoiseSpec, WorldSpec};

fn shipped(name: &str) -> Scenario {
    let file = scenario(name).unwrap();
    scenario::read(file.name(), Source::new(file.path, file.text)).unwrap().scenario
}

fn judge() -> Loaded {
    let file = policy("mean-latency-20pct-over-stable").unwrap();
    let source = SourceText { name: file.path, text: file.text };
    load(&[source], &ImportOptions::default()).unwrap().remove(0)
}

/// The number of healthy releases the judge rolls back.
fn false_rollbacks(name: &str) -> f64 {
    // Only what the judge reads is recorded, and nobody waits for harm: it is the healthy twin that counts.
    let mut scenario = shipped(name);
    scenario.telemetry.dialects = vec![Dialect::App];
    scenario.watch = SimDuration::from_mins(1);
    let records = Study::new(&[Arc::new(scenario)], &[judge()], 11, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: RELEASES, request: 1 })
        .with_jobs(NonZeroUsize::new(2).unwrap())
        .play(&Progress::default())
        .unwrap();
    assert_eq!(records.len(), RELEASES as usize);
    let fired = records.iter().filter(|record| {
        // A world that is not in its steady state at the deploy deploys nothing.
        let mut runs = record.rollouts.iter().flat_map(|rollout| &rollout.healthy.runs);
        runs.any(|run| matches!(run.player, Player::Policy(_)) && run.decision.is_some())
    });
    fired.count() as f64
}

const RELEASES: u32 = 400;

/// How many standard errors the second share of all releases lies above the first.
fn rise(few: f64, many: f64) -> f64 {
    let n = f64::from(RELEASES);
    let variance = |count: f64| count / n * (1.0 - count / n) / n;
    (many - few) / n / (variance(few) + variance(many)).sqrt()
}

#[test]
fn false_rollbacks_rise_with_correlation_and_fall_with_sharing() {
    let counts = ["noise/independent", "noise/correlated-5m", "noise/correlated-20m", "noise/shared-20m"]
        .map(false_rollbacks);
    eprintln!("of {RELEASES} each: {counts:?}");
    let [independent, five, twenty, shared] = counts;
    // A difference of no law at all lies beyond three standard errors once in 700 times.
    assert!(rise(independent, five) > 3.0, "{counts:?}");
    assert!(rise(five, twenty) > 3.0, "{counts:?}");
    assert!(rise(shared, twenty) > 3.0, "{counts:?}");
}

#[test]
fn the_noise_files_differ_in_the_noise_only() {
    let [first, rest @ ..] =
        ["noise/independent", "noise/correlated-5m", "noise/correlated-20m", "noise/shared-20m"].map(
            |name| {
                let scenario = shipped(name);
                let noise = scenario.world.services[0].noise;
                let mut services = scenario.world.services.clone();
                services[0].noise = NoiseSpec::none();
                let world = WorldSpec { services, ..scenario.world.clone() };
                let same = Scenario { name: String::new(), summary: String::new(), world, ..scenario };
                (noise, same)
            },
        );
    for (noise, scenario) in rest {
        assert_eq!(scenario, first.1);
        assert_ne!(noise, first.0);
        assert_eq!(noise.cv, first.0.cv);
    }
}

/// The verdict of the judge of Kayenta (NetflixACAJudge) on one metric: whether the 98 % Mann-Whitney interval of the
/// shift lies beyond a quarter of the Hodges-Lehmann estimate, either way, and the means say the same.
///
/// The interval lies above a shift exactly if the one-sided test at 1 % still fires when that shift is taken away.
fn differs(experiment: &[f64], control: &[f64]) -> bool {
    let mut shifts: Vec<f64> = experiment.iter().flat_map(|x| control.iter().map(move |y| x - y)).collect();
    let middle = shifts.len() / 2;
    let (_, estimate, _) = shifts.select_nth_unstable_by(middle, f64::total_cmp);
    let tolerance = 0.25 * estimate.abs();
    let moved = |by: f64| experiment.iter().map(|x| x + by).collect::<Vec<f64>>();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let ratio = mean(experiment) / mean(control);
    let high = mann_whitney(&moved(-tolerance), control).unwrap().p_greater < 0.01;
    let low = mann_whitney(&moved(tolerance), control).unwrap().p_less < 0.01;
    (high && ratio >= 1.0) || (low && ratio <= 1.0)
}

#[test]
fn a_rank_judge_on_correlated_series_raises_the_false_alarms_of_the_study() {
    // False verdicts of an A/A comparison by length and lag-1 correlation: mean 10, standard deviation 1, 2000 runs a
    // figure, from the project's statistics page (section 1.4).
    const PUBLISHED: [(f64, [(usize, f64); 3]); 4] = [
        (0.0, [(15, 0.0015), (30, 0.0015), (60, 0.002)]),
        (0.5, [(15, 0.068), (30, 0.068), (60, 0.076)]),
        (0.8, [(15, 0.335), (30, 0.305), (60, 0.311)]),
        (0.95, [(15, 0.638), (30, 0.646), (60, 0.641)]),
    ];
    let (runs, theirs) = (2000u64, 2000.0);
    let cv = 0.1;
    let variance = f64::ln_1p(cv * cv);
    // The logarithm of the process is Gaussian; so is its standardised value.
    let value = |m: f64| 10.0 + (f64::ln(m) + 0.5 * variance) / variance.sqrt();
    let tau = SimDuration::from_secs(1000);
    for (correlation, figures) in PUBLISHED {
        let (noise, step) = if correlation > 0.0 {
            (Ar1 { tau, cv }, SimDuration::from_secs_f64(-1000.0 * f64::ln(correlation)))
        } else {
            (Ar1 { tau: SimDuration::ZERO, cv }, tau)
        };
        for (n, published) in figures {
            let key = Key::root(n as u64, "judge").id((100.0 * correlation) as u64);
            let series = |key: Key| noise.steps(key, step).take(n).map(value).collect::<Vec<f64>>();
            let alarms = (0..runs).filter(|&run| {
                let key = key.id(run);
                differs(&series(key.id(0)), &series(key.id(1)))
            });
            let found = alarms.count() as f64 / runs as f64;
            // Both figures are simulated: four standard errors of their difference.
            let centre = 0.5 * (found + published);
            let error = (centre * (1.0 - centre) * (1.0 / runs as f64 + 1.0 / theirs)).sqrt();
            eprintln!("phi {correlation} n {n}: {found} ({published})");
            assert!(
                (found - published).abs() <= 4.0 * error.max(5e-4),
                "phi {correlation} n {n}: {found} is not {published} within 4 x {error}"
            );
        }
    }
}
