//! Whether intervals hold the truth as often as they say: every kind that reports print, at the sizes of real
//! scorecards (8 replications at request level, 40 and 200 at flow level), on laws whose truth is known in closed form.
//!
//! What is measured here is the table of `docs/intervals.md`; the test fails where the page says something else. A share
//! of 1,000 repetitions has a standard error of 0.7 points at 95 %.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::replication::Options;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, ReplicationRecord};
use backout::rng::{Key, Stream, exponential_quantile, normal_quantile, normal_sample};
use backout::scenario::resolved::FidelityChoice;
use backout::score::estimate::{
    Estimate, PairedShare, Pairs, Share, mean, paired_shares, ratio, share_of_sum, weighted_shares,
};
use backout::score::times::{Timed, times};
use backout::score::{CostWeights, Input, Row, scorecard};
use backout::stats::estimate::{bootstrap, clopper_pearson};
use backout::stats::rank_interval::shift_interval;
use backout::stats::survival::{KaplanMeier, Lifetime};
use backout::study::{Progress, Replications, Study, scenario_meta};
use backout::time::SimDuration;
use backout::world::spec::NoiseSpec;

use crate::studies;

const REPETITIONS: u32 = 1000;
const SIZES: [usize; 3] = [8, 40, 200];
/// The least share of the repetitions in which a 95 % interval has to hold the truth.
const LEAST: f64 = 0.93;

/// Where a kind is known to hold the truth less often than [`LEAST`], and how often at least.
const KNOWN_TOO_NARROW: &[(&str, &str, usize, f64)] = &[
    ("difference of means, paired (t)", "correlated costs", 8, 0.87),
    ("efficacy, one file (jackknife)", "mostly prevented", 8, 0.9),
    ("efficacy, pooled over files (jackknife)", "three files, 30 to 85 % prevented", 8, 0.91),
    ("mean, one file (t)", "10 % are 20 times as dear", 8, 0.55),
    ("mean, one file (t)", "10 % are 20 times as dear", 40, 0.85),
    ("mean, one file (t)", "log-normal, CV 0.5", 8, 0.9),
    ("mean, one file (t)", "log-normal, CV 1.3", 8, 0.82),
    ("mean, one file (t)", "log-normal, CV 1.3", 40, 0.87),
    ("mean, one file (t)", "log-normal, CV 1.3", 200, 0.91),
    ("mean, pooled over files (t)", "five files, log-normal, CV 0.5", 8, 0.9),
    ("ratio of sums (bootstrap, not printed)", "half prevented", 8, 0.83),
    ("ratio of sums (bootstrap, not printed)", "half prevented", 40, 0.89),
    ("share, one file (Wilson)", "share of 50 %", 8, 0.92),
];

/// How often a kind of interval held the truth.
struct Measured {
    kind: &'static str,
    law: &'static str,
    n: usize,
    held: f64,
}

fn measure(kind: &'static str, law: &'static str, n: usize, holds: impl Fn(&mut Stream) -> bool) -> Measured {
    let key = Key::root(1, "coverage").entity(kind).entity(law).id(n as u64);
    let held = (0..REPETITIONS).filter(|r| holds(&mut key.id(u64::from(*r)).stream())).count();
    Measured { kind, law, n, held: held as f64 / f64::from(REPETITIONS) }
}

/// Whether the truth lies inside; a limit that is not known holds everything.
fn holds(estimate: &Estimate, truth: f64) -> bool {
    let slack = 1e-12 * truth.abs().max(1.0);
    estimate.low.is_none_or(|low| low <= truth + slack)
        && estimate.high.is_none_or(|high| truth <= high + slack)
}

fn hits(stream: &mut Stream, n: usize, p: f64) -> u64 {
    (0..n).filter(|_| stream.uniform() < p).count() as u64
}

/// Shares of one file: rare false rollbacks, common misses.
fn shares(all: &mut Vec<Measured>) {
    let laws =
        [("share of 2 %", 0.02), ("share of 10 %", 0.1), ("share of 50 %", 0.5), ("share of 95 %", 0.95)];
    for n in SIZES {
        for (law, p) in laws {
            all.push(measure("share, one file (Wilson)", law, n, |s| {
                holds(&weighted_shares(&[Share { coefficient: 1.0, k: hits(s, n, p), n: n as u64 }]), p)
            }));
            all.push(measure("share of a gate (Clopper-Pearson)", law, n, |s| {
                clopper_pearson(hits(s, n, p), n as u64, 0.95).holds(p)
            }));
        }
    }
}

/// Shares over several files of unlike rates, and ratios of two of them.
fn pooled_shares(all: &mut Vec<Measured>) {
    let files: [(f64, f64); 5] = [(1.0, 0.0), (1.0, 0.02), (1.0, 0.05), (1.0, 0.4), (2.0, 0.95)];
    let rare: [(f64, f64); 4] = [(1.0, 0.0), (1.0, 0.01), (1.0, 0.02), (1.0, 0.01)];
    let truth = |files: &[(f64, f64)]| {
        files.iter().map(|(w, p)| w * p).sum::<f64>() / files.iter().map(|(w, _)| w).sum::<f64>()
    };
    let drawn = |s: &mut Stream, n: usize, files: &[(f64, f64)]| {
        let parts: Vec<Share> = files
            .iter()
            .map(|&(coefficient, p)| Share { coefficient, k: hits(s, n, p), n: n as u64 })
            .collect();
        weighted_shares(&parts)
    };
    for n in SIZES {
        let kind = "share, pooled over files (MOVER)";
        all.push(measure(kind, "five files, 0 to 95 %", n, |s| holds(&drawn(s, n, &files), truth(&files))));
        all.push(measure(kind, "four files, 0 to 2 %", n, |s| holds(&drawn(s, n, &rare), truth(&rare))));
        for (law, caught, wrong) in
            [("caught 90 %, wrong 5 %", 0.9, 0.05), ("caught 30 %, wrong 1 %", 0.3, 0.01)]
        {
            let truth = 0.1 * caught / (0.1 * caught + 0.9 * wrong);
            all.push(measure("precision (MOVER of a ratio)", law, n, |s| {
                let part = |s: &mut Stream, c, p| {
                    backout::score::estimate::sum_of_shares(&[Share {
                        coefficient: c,
                        k: hits(s, n, p),
                        n: n as u64,
                    }])
                };
                let (hit, alarm) = (part(s, 0.1, caught), part(s, 0.9, wrong));
                share_of_sum(&hit, &alarm).is_none_or(|e| holds(&e, truth))
            }));
        }
    }
}

/// A log-normal cost with this median and deviation of its logarithm; its mean is `median exp(sigma^2 / 2)`.
fn log_normal(s: &mut Stream, median: f64, sigma: f64) -> f64 {
    median * libm::exp(sigma * normal_sample(s))
}

/// Costs, users, impact: means of skewed values, one file and several.
fn means(all: &mut Vec<Measured>) {
    for n in SIZES {
        let one = |values: Vec<f64>| mean(&[(1.0, values)]);
        let kind = "mean, one file (t)";
        all.push(measure(kind, "normal", n, |s| {
            holds(&one((0..n).map(|_| 5.0 + normal_sample(s)).collect()), 5.0)
        }));
        all.push(measure(kind, "log-normal, CV 0.5", n, |s| {
            let sigma = libm::log(1.25).sqrt();
            holds(&one((0..n).map(|_| log_normal(s, 1.0, sigma)).collect()), libm::exp(0.5 * sigma * sigma))
        }));
        all.push(measure(kind, "log-normal, CV 1.3", n, |s| {
            holds(&one((0..n).map(|_| log_normal(s, 1.0, 1.0)).collect()), libm::exp(0.5))
        }));
        all.push(measure(kind, "10 % are 20 times as dear", n, |s| {
            let value = |s: &mut Stream| if s.uniform() < 0.1 { 20.0 } else { 1.0 } * log_normal(s, 1.0, 0.5);
            holds(&one((0..n).map(|_| value(s)).collect()), 2.9 * libm::exp(0.125))
        }));
        let files: [(f64, f64); 5] = [(1.0, 1.0), (1.0, 2.0), (2.0, 5.0), (1.0, 10.0), (1.0, 0.1)];
        let truth = files.iter().map(|(w, m)| w * m).sum::<f64>() / 6.0 * libm::exp(0.125);
        all.push(measure("mean, pooled over files (t)", "five files, log-normal, CV 0.5", n, |s| {
            let strata: Vec<(f64, Vec<f64>)> =
                files.iter().map(|(w, m)| (*w, (0..n).map(|_| log_normal(s, *m, 0.5)).collect())).collect();
            holds(&mean(&strata), truth)
        }));
    }
}

/// What a policy saves and what the best known saves, in one release.
fn saving(s: &mut Stream, prevented: f64) -> (f64, f64) {
    let best = log_normal(s, 100.0, 0.7);
    let share = (prevented + 0.15 * normal_sample(s)).min(1.0);
    (best * share, best)
}

/// Efficacy: ratios of sums over replications.
fn ratios(all: &mut Vec<Measured>) {
    for n in SIZES {
        // E[min(m + 0.15 Z, 1)] = m - 0.15 (phi(a) - a (1 - Phi(a))) with a = (1 - m) / 0.15.
        let mean_share = |m: f64| {
            let a = (1.0 - m) / 0.15;
            let density = libm::exp(-0.5 * a * a) / (std::f64::consts::TAU).sqrt();
            m - 0.15 * (density - a * backout::rng::normal_cdf(-a))
        };
        for (law, m) in [("mostly prevented", 0.85), ("half prevented", 0.5)] {
            all.push(measure("efficacy, one file (jackknife)", law, n, |s| {
                let values = (0..n).map(|_| saving(s, m)).collect();
                holds(&ratio(&[Pairs { weight: 1.0, values }]), mean_share(m))
            }));
        }
        let (a, b) = (mean_share(0.85), mean_share(0.3));
        all.push(measure(
            "efficacy, pooled over files (jackknife)",
            "three files, 30 to 85 % prevented",
            n,
            |s| {
                let file =
                    |s: &mut Stream, m| Pairs { weight: 1.0, values: (0..n).map(|_| saving(s, m)).collect() };
                let strata = [file(s, 0.85), file(s, 0.3), file(s, 0.85)];
                holds(&ratio(&strata), (2.0 * a + b) / 3.0)
            },
        ));
        all.push(measure("ratio of sums (bootstrap, not printed)", "half prevented", n, |s| {
            let values: Vec<(f64, f64)> = (0..n).map(|_| saving(s, 0.5)).collect();
            let of = |drawn: &[usize]| {
                let sum = drawn.iter().fold((0.0, 0.0), |t, &i| (t.0 + values[i].0, t.1 + values[i].1));
                sum.0 / sum.1
            };
            bootstrap(n, 400, 0.95, s, of).holds(mean_share(0.5))
        }));
    }
}

/// Differences of two policies under the same luck.
fn differences(all: &mut Vec<Measured>) {
    for n in SIZES {
        all.push(measure("difference of means, paired (t)", "correlated costs", n, |s| {
            let delta = |s: &mut Stream| {
                let common = log_normal(s, 10.0, 0.7);
                common * (1.0 + 0.1 * normal_sample(s)) - common * (0.8 + 0.1 * normal_sample(s))
            };
            let truth = 0.2 * 10.0 * libm::exp(0.245);
            holds(&mean(&[(1.0, (0..n).map(|_| delta(s)).collect())]), truth)
        }));
        for (law, gains, losses) in [
            ("3 % against 1 %", 0.025, 0.005),
            ("alike, 1 % apart", 0.01, 0.01),
            ("40 % against 20 %", 0.25, 0.05),
        ] {
            all.push(measure("difference of shares, paired (Bonett-Price)", law, n, |s| {
                holds(&paired_shares(&[paired(s, n, (gains, losses))]), gains - losses)
            }));
            all.push(measure("difference of shares, paired, pooled", law, n, |s| {
                let files = [(gains, losses), (losses, gains), (0.0, 0.0), (0.02, 0.01)];
                let parts = files.map(|rates| paired(s, n, rates));
                holds(&paired_shares(&parts), 0.01 / 4.0)
            }));
        }
    }
}

fn paired(s: &mut Stream, n: usize, (gain, loss): (f64, f64)) -> PairedShare {
    let mut part = PairedShare { weight: 1.0, first_only: 0, second_only: 0, n: n as u64 };
    for _ in 0..n {
        let u = s.uniform();
        part.first_only += u64::from(u < gain);
        part.second_only += u64::from(u > 1.0 - loss);
    }
    part
}

/// A detection time in seconds: steps of a scrape, or as it comes.
fn detection(s: &mut Stream, median: f64) -> f64 {
    log_normal(s, median, 0.8)
}

fn quantile_of_detection(median: f64, level: f64) -> f64 {
    median * libm::exp(0.8 * normal_quantile(level))
}

/// Detection times: order statistics, censored curves, several files.
fn quantiles(all: &mut Vec<Measured>) {
    let watched = |s: &mut Stream, n: usize, median: f64, until: f64| -> Vec<Timed> {
        let one = |time: f64| Timed { seconds: time.min(until), ended: time <= until };
        (0..n).map(|_| one(detection(s, median))).collect()
    };
    for n in SIZES {
        for (law, level) in [("median", 0.5), ("p95", 0.95)] {
            let truth = quantile_of_detection(90.0, level);
            let of =
                |times: &backout::score::times::Times| if level < 0.9 { times.median } else { times.p95 };
            all.push(measure("time, one file (order statistics)", law, n, |s| {
                holds(&of(&times(&[(1.0, watched(s, n, 90.0, f64::INFINITY))])), truth)
            }));
            // Followed to 1.8 times the median: a quarter is missed.
            all.push(measure("time, one file, a quarter missed (Brookmeyer-Crowley)", law, n, |s| {
                let until = 162.0;
                let found = of(&times(&[(1.0, watched(s, n, 90.0, until))]));
                if truth <= until {
                    holds(&found, truth)
                } else {
                    found.high.is_none() && found.value.is_none_or(|v| v <= until)
                }
            }));
            let pooled = pooled_quantile(&[(1.0, 60.0), (1.0, 90.0), (2.0, 240.0)], level);
            all.push(measure("time, pooled over files (inverted shares)", law, n, |s| {
                let strata = [(1.0, 60.0), (1.0, 90.0), (2.0, 240.0)]
                    .map(|(w, median)| (w, watched(s, n, median, f64::INFINITY)));
                holds(&of(&times(&strata)), pooled)
            }));
        }
        all.push(measure("restricted mean of a time (Greenwood)", "a third missed", n, |s| {
            let lifetimes: Vec<Lifetime> = (0..n)
                .map(|_| exponential_quantile(1.0, s.uniform_open()))
                .map(|t| if t <= 1.1 { Lifetime::event(t) } else { Lifetime::censored(1.1) })
                .collect();
            KaplanMeier::new(&lifetimes).restricted_mean(1.1, 0.95).holds(1.0 - libm::exp(-1.1))
        }));
        all.push(measure("survival at a time (log-log)", "a third missed", n, |s| {
            let lifetimes: Vec<Lifetime> = (0..n)
                .map(|_| exponential_quantile(1.0, s.uniform_open()))
                .map(|t| if t <= 1.1 { Lifetime::event(t) } else { Lifetime::censored(1.1) })
                .collect();
            KaplanMeier::new(&lifetimes).survival_at(1.0, 0.95).holds(libm::exp(-1.0))
        }));
    }
}

/// The quantile of a mixture of detection times, by bisection.
fn pooled_quantile(files: &[(f64, f64)], level: f64) -> f64 {
    let total: f64 = files.iter().map(|(w, _)| w).sum();
    let share = |t: f64| {
        files.iter().map(|(w, m)| w * backout::rng::normal_cdf(libm::log(t / m) / 0.8)).sum::<f64>() / total
    };
    let (mut low, mut high) = (1.0, 1e5);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if share(middle) < level { low = middle } else { high = middle }
    }
    low
}

/// The shift between two samples that a canary judge looks at.
fn shifts(all: &mut Vec<Measured>) {
    for n in [8, 40] {
        all.push(measure("shift of two samples (Hodges-Lehmann)", "normal", n, |s| {
            let first: Vec<f64> = (0..n).map(|_| 1.0 + normal_sample(s)).collect();
            let second: Vec<f64> = (0..n).map(|_| normal_sample(s)).collect();
            shift_interval(&first, &second, 0.95).is_some_and(|i| i.low <= 1.0 && 1.0 <= i.high)
        }));
    }
}

fn everything() -> Vec<Measured> {
    let mut all = Vec::new();
    for family in [shares, pooled_shares, means, ratios, differences, quantiles, shifts] {
        family(&mut all);
    }
    all.sort_by_key(|m| (m.kind, m.law, m.n));
    all
}

fn floor_of(m: &Measured) -> f64 {
    let known = KNOWN_TOO_NARROW.iter().find(|(kind, law, n, _)| (*kind, *law, *n) == (m.kind, m.law, m.n));
    known.map_or(LEAST, |known| known.3)
}

/// One line per kind and law, one column per size.
fn table(all: &[Measured]) -> String {
    let mut text = String::from("| interval | of | n = 8 | 40 | 200 |\n|---|---|---|---|---|\n");
    for group in all.chunk_by(|a, b| (a.kind, a.law) == (b.kind, b.law)) {
        let cell = |n: usize| {
            let found = group.iter().find(|m| m.n == n);
            found.map_or("-".to_owned(), |m| format!("{:.1} %", 100.0 * m.held))
        };
        let [a, b, c] = SIZES.map(cell);
        let _ = writeln!(text, "| {} | {} | {a} | {b} | {c} |", group[0].kind, group[0].law);
    }
    text
}

const PAGE: &str = "docs/intervals.md";
const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// `BACKOUT_WRITE_DOCS=1 cargo test --test it coverage` writes the table of the page.
fn page_says(table: &str) {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let now = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var("BACKOUT_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(PAGE, &now).unwrap();
        return;
    }
    assert_eq!(page, now, "write it with BACKOUT_WRITE_DOCS=1 cargo test --test it coverage");
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say_and_the_page_says_how_often() {
    let all = everything();
    let table = table(&all);
    println!("{table}");
    let too_narrow: Vec<String> = all
        .iter()
        .filter(|m| m.held < floor_of(m))
        .map(|m| format!("{} of {}, n = {}: {:.1} %", m.kind, m.law, m.n, 100.0 * m.held))
        .collect();
    assert!(too_narrow.is_empty(), "{}", too_narrow.join("\n"));
    page_says(&table);
}

/// What the end-to-end test looks at in a row.
type Figure = (&'static str, fn(&Row) -> Estimate);

const FIGURES: [Figure; 7] = [
    ("missed", |row| row.detection.missed_rate),
    ("false rollbacks", |row| row.detection.false_rollback_rate),
    ("precision", |row| row.detection.precision),
    ("median detection time", |row| row.detection.detection_time.median),
    ("p95 of detection time", |row| row.detection.detection_time.p95),
    ("cost", |row| row.cost.mixed),
    ("efficacy", |row| row.efficacy),
];

/// Scorecards of 40 replications each, from replications that no two of them share, against one of 8,000 others.
///
/// `cargo test --release --test it coverage::scorecards -- --ignored --nocapture` (minutes; a quarter of an hour without `--release`).
#[test]
#[ignore = "16,000 replications of a small scenario"]
fn scorecards_hold_the_figures_of_a_very_long_run() {
    const SCORECARDS: usize = 200;
    const EACH: usize = 40;
    let mut scenario = studies::canary(FidelityChoice::Flow, 200.0);
    scenario.faults = vec![(
        "change.faults[0]".to_owned(),
        studies::yaml("error_burst: {share: {uniform: [0.2%, 4%]}, after: {uniform: [0s, 2m]}}"),
    )];
    let slow = |cv: f64| NoiseSpec { tau: SimDuration::from_secs(180), cv, ..NoiseSpec::none() };
    scenario.world.services[0].error_noise = slow(0.5);
    scenario.world.traffic[0].noise = slow(0.15);
    let policy = studies::threshold("threshold", 0.012, 2);
    let scenario = studies::shared(scenario);
    let long = 2 * SCORECARDS * EACH;
    let study = Study::new(&[Arc::clone(&scenario)], &[policy], 3, PrepareOptions::default())
        .unwrap()
        .with_jobs(NonZeroUsize::new(2).unwrap())
        .with_options(Options { no_blame: true, ..Options::default() })
        .with_replications(Replications { flow: long as u32, request: 1 });
    let records = study.play(&Progress::default()).unwrap();
    let row = |records: &[ReplicationRecord]| {
        let (scenarios, weights) = ([scenario_meta(&scenario, &scenario.name)], CostWeights::default());
        let input =
            Input { records, scenarios: &scenarios, policies: study.policy_metas(), weights: &weights };
        let rows = scorecard(&input).unwrap().rows.into_iter();
        rows.filter(|row| row.scenario.is_none()).find(|row| matches!(row.player, Player::Policy(_))).unwrap()
    };
    let (short, truth) = records.split_at(SCORECARDS * EACH);
    let truth = row(truth);
    let rows: Vec<Row> = short.chunks(EACH).map(row).collect();
    for (name, figure) in FIGURES {
        let known = figure(&truth);
        let held = rows.iter().filter(|row| match known.value {
            Some(value) => holds(&figure(row), value),
            None => figure(row).high.is_none(),
        });
        let held = held.count() as f64 / SCORECARDS as f64;
        println!(
            "{name}: {:?} ({:?} to {:?}): held by {:.1} % of {SCORECARDS}",
            known.value,
            known.low,
            known.high,
            100.0 * held
        );
        // Of 200, 93 % less two standard errors of that share.
        assert!(held >= 0.93 - 0.036, "{name}: {held}");
    }
}
