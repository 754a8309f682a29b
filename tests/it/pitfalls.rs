//! Each pitfall of detection as a scenario in which the naive policy visibly fails and a better one does not, and the
//! parts of the detectors' page that follow from the catalogue and from these plays.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::catalogue::Catalogue as _;
use backout::detect::{DetectorSpec, Reads};
use backout::diagnostic::Source;
use backout::document::parse_typed;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::Player;
use backout::scenario::{self, Scenario, embedded};
use backout::score::{CostWeights, Estimate};
use backout::study::{Replications, Study};

/// What goes wrong with the naive policy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fails {
    /// It rolls back good releases.
    FalseAlarms,
    /// It misses bad ones.
    Misses,
}

struct Pitfall {
    name: &'static str,
    scenario: &'static str,
    naive: &'static str,
    better: &'static str,
    fails: Fails,
    why: &'static str,
    replications: u32,
}

const PITFALLS: &[Pitfall] = &[
    Pitfall {
        name: "peeking",
        scenario: "pitfall/peeking",
        naive: "two-proportions-peeking",
        better: "confidence-sequence",
        fails: Fails::FalseAlarms,
        why: "a test of fixed size has its chance of an error at every look",
        replications: 40,
    },
    Pitfall {
        name: "autocorrelation",
        scenario: "noise/correlated-20m",
        naive: "mann-whitney",
        better: "sprt",
        fails: Fails::FalseAlarms,
        why: "fifteen minutes of noise that lasts twenty are one value, not fifteen",
        replications: 40,
    },
    Pitfall {
        name: "low traffic",
        scenario: "pitfall/low-traffic",
        naive: "error-5pct-or-latency-1s",
        better: "sprt",
        fails: Fails::FalseAlarms,
        why: "a single failure is a large share of a few requests",
        replications: 60,
    },
    Pitfall {
        name: "mixed hours",
        scenario: "pitfall/mixed-hours",
        naive: "two-proportions",
        better: "count-test",
        fails: Fails::FalseAlarms,
        why: "pooled counts compare a canary of the bad hour with a stable of the good one (Simpson)",
        replications: 30,
    },
    Pitfall {
        name: "unequal arms",
        scenario: "confounder/cold-cache",
        naive: "mann-whitney",
        better: "golden-signals",
        fails: Fails::FalseAlarms,
        why: "fresh pods with cold caches beside warm ones are slower whatever they run",
        replications: 30,
    },
    Pitfall {
        name: "few labels",
        scenario: "model/proxy-improves-quality-falls",
        naive: "model-error-p99-accuracy",
        better: "accuracy-with-enough-labels",
        fails: Fails::FalseAlarms,
        why: "labels come late: the accuracy of the first few is chance",
        replications: 30,
    },
    Pitfall {
        name: "a dead canary",
        scenario: "pitfall/dead-canary-is-silent",
        naive: "error-5pct-or-latency-1s",
        better: "dead-mans-switch",
        fails: Fails::Misses,
        why: "no requests, no errors",
        replications: 30,
    },
    Pitfall {
        name: "retries",
        scenario: "pitfall/retries-hide-errors",
        naive: "errors-at-the-edge",
        better: "sprt",
        fails: Fails::Misses,
        why: "what is tried again is no error where it is measured",
        replications: 6,
    },
    Pitfall {
        name: "the tail of a few",
        scenario: "pitfall/tail-of-a-few",
        naive: "golden-signals",
        better: "sprt",
        fails: Fails::FalseAlarms,
        why: "the p99 of two dozen requests is the slowest of them",
        replications: 40,
    },
    Pitfall {
        name: "a stale baseline",
        scenario: "pitfall/stale-baseline",
        naive: "cusum",
        better: "welch",
        fails: Fails::FalseAlarms,
        why: "everybody is slower than before the deploy, stable too",
        replications: 30,
    },
    Pitfall {
        name: "a shared dependency",
        scenario: "pitfall/shared-dependency",
        naive: "count-test",
        better: "guard-or-difference",
        fails: Fails::Misses,
        why: "what harms both arms alike is no difference between them",
        replications: 6,
    },
];

fn shipped(name: &str) -> Arc<Scenario> {
    let file = embedded::scenario(name).unwrap();
    Arc::new(scenario::read(file.name(), Source::new(file.path, file.text)).unwrap().scenario)
}

fn policy(name: &str) -> Loaded {
    let file = embedded::policy(name).unwrap();
    let source = SourceText { name: file.path, text: file.text };
    load(&[source], &ImportOptions::default()).unwrap().remove(0)
}

/// A share with the lower end of its interval.
#[derive(Clone, Copy, Debug)]
struct Share {
    value: f64,
    low: f64,
}

impl From<Estimate> for Share {
    fn from(estimate: Estimate) -> Self {
        Share { value: estimate.value.unwrap(), low: estimate.low.unwrap() }
    }
}

/// Misses and false rollbacks of the naive policy and of the better one.
fn play(pitfall: &Pitfall) -> [(Share, Share); 2] {
    let policies = [policy(pitfall.naive), policy(pitfall.better)];
    let n = pitfall.replications;
    let card = Study::new(&[shipped(pitfall.scenario)], &policies, 11, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::new(2).unwrap())
        .score(&CostWeights::default())
        .unwrap();
    let row = |name: &str| {
        let is_it = |player: &Player| matches!(player, Player::Policy(policy) if **policy == *name);
        let row = card.rows.iter().find(|row| row.scenario.is_none() && is_it(&row.player)).unwrap();
        (row.detection.missed_rate.into(), row.detection.false_rollback_rate.into())
    };
    [row(&policies[0].name), row(&policies[1].name)]
}

/// The naive policy fails in one release of ten at the least, even at the lower end of its interval, where that is asked; the
/// better one fails at most half as often, and not more than in one of ten.
#[test]
fn naive_policies_fall_into_their_pitfalls_and_better_ones_do_not() {
    let mut table =
        String::from("| pitfall | scenario | naive | | better | | why |\n|---|---|---|---|---|---|---|\n");
    for pitfall in PITFALLS {
        let [naive, better] = play(pitfall);
        let (bad, good) = match pitfall.fails {
            Fails::FalseAlarms => (naive.1, better.1),
            Fails::Misses => (naive.0, better.0),
        };
        let told = format!("{}: naive {bad:?}, better {good:?}", pitfall.name);
        assert!(bad.value >= 0.1 && bad.low > good.value, "{told}");
        assert!(good.value <= 0.1 && good.value <= 0.5 * bad.value, "{told}");
        // A policy that sleeps raises no false alarms: the better one also catches what is bad.
        assert!(better.0.value <= 0.3, "{}: the better one misses {:?}", pitfall.name, better.0);
        let what = match pitfall.fails {
            Fails::FalseAlarms => "of good ones rolled back",
            Fails::Misses => "of bad ones missed",
        };
        let _ = writeln!(
            table,
            "| {} | `{}` | `{}` | {:.0} % {what} | `{}` | {:.0} % | {} |",
            pitfall.name,
            pitfall.scenario,
            pitfall.naive,
            100.0 * bad.value,
            pitfall.better,
            100.0 * good.value,
            pitfall.why
        );
    }
    held("pitfalls", &table);
}

#[test]
fn the_page_lists_every_detector() {
    let mut table =
        String::from("| detector | reads | assumes | a step costs | pitfall |\n|---|---|---|---|---|\n");
    for card in DetectorSpec::CARDS {
        let spec: DetectorSpec = parse_typed(card.name, card.example).unwrap();
        let kind = spec.as_dyn();
        let reads = match kind.reads() {
            Reads::Value => "a value",
            Reads::Values => "values of two arms",
            Reads::Counts => "counts",
            Reads::CountsBeside => "counts of two arms",
            Reads::Classes => "histograms of two arms",
        };
        let (assumes, cost, pitfall) = (kind.assumes(), kind.cost(), kind.pitfall());
        let _ = writeln!(
            table,
            "| `{}`: {} | {reads} | {assumes} | {cost} | {pitfall} |",
            card.name, card.summary
        );
    }
    held("detectors", &table);
}

/// Every detector has a policy that uses it, so that the scorecard has a row for it.
#[test]
fn every_detector_has_a_policy() {
    // A rollout of an hour has no season to learn.
    for card in DetectorSpec::CARDS.iter().filter(|card| card.name != "seasonal") {
        let used = |file: &&embedded::File| file.text.contains(&format!("{}: {{", card.name));
        assert!(embedded::DETECTOR_POLICIES.iter().any(|file| used(&file)), "{}", card.name);
    }
}

/// A part of docs/detectors.md between two marks; `BACKOUT_WRITE_DOCS=1 cargo test --test it pitfalls` writes it.
fn held(mark: &str, wanted: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/detectors.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->\n"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (found, after) = rest.split_once(&end).unwrap();
    if std::env::var("BACKOUT_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, wanted,
        "write it with BACKOUT_WRITE_DOCS=1 cargo test --test it pitfalls -- --test-threads 1"
    );
}
