//! Rare false rollbacks: what the importance sampler says against exact chains, against brute force, and where it refuses.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::quantity::Ratio;
use backout::replication::leaning::{self, Course};
use backout::replication::prepared::{PrepareOptions, Prepared};
use backout::replication::record::Player;
use backout::replication::{Options, replicate};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::stats::rare::RareShare;
use backout::study::Progress;
use backout::study::rare::{Question, RareError, Rarity, Standing};
use backout::time::SimDuration;
use backout::world::spec::NoiseSpec;

use crate::studies;

fn noise(tau: u64, cv: f64, shared: f64) -> NoiseSpec {
    NoiseSpec {
        tau: SimDuration::from_secs(tau),
        cv,
        shared: Ratio::new(shared).unwrap(),
        ..NoiseSpec::none()
    }
}

/// A canary in a world with slow noise of traffic, errors and answer times.
fn noisy() -> Scenario {
    let mut scenario = studies::canary(FidelityChoice::Flow, 200.0);
    let shop = &mut scenario.world.services[0];
    (shop.noise, shop.error_noise) = (noise(120, 0.2, 0.5), noise(180, 0.4, 1.0));
    scenario.world.traffic[0].noise = noise(180, 0.1, 1.0);
    scenario
}

/// A canary that stays at its first step, with nothing random but Poisson counts: 1.5 errors a scrape.
fn still() -> Scenario {
    let mut scenario = studies::canary(FidelityChoice::Flow, 100.0);
    scenario.world.services[0].error_ratio = Ratio::new(0.001).unwrap();
    scenario.rollout = studies::yaml("canary: {steps: [{weight: 20%, bake: 60m}]}");
    scenario.telemetry.loss = Ratio::ZERO;
    scenario
}

/// A CUSUM of all errors, looked at once a scrape.
fn cusum(k: u32, h: u32) -> Loaded {
    let text = format!(
        "format: 1\ntriggers:\n  - name: errors\n    when:\n      detect:\n        by: {{poisson_cusum: {{reference: {{k: {k}}}, per: sample, h: {h}}}}}\n        candidate: {{bad: 'http_requests_total{{code=~\"5..\"}}', total: 'http_requests_total'}}\n    every: 15s\n    then: roll_back\n"
    );
    let loaded = load(&[SourceText { name: "cusum.yaml", text: &text }], &ImportOptions::default());
    loaded
        .unwrap_or_else(|found| panic!("{}", found.iter().map(|d| d.render(false)).collect::<String>()))
        .remove(0)
}

/// P(alarm within n samples) of `S = max(0, S + y - k)` from 0, alarm at `S >= h`, counts Poisson with this mean.
fn chain(mean: f64, k: usize, h: usize, n: u32) -> f64 {
    let mut mass = vec![libm::exp(-mean)];
    for y in 1..60 {
        mass.push(mass[y - 1] * mean / y as f64);
    }
    let mut at = vec![0.0; h];
    at[0] = 1.0;
    for _ in 0..n {
        let mut next = vec![0.0; h];
        for (sum, here) in at.iter().enumerate() {
            for (y, probability) in mass.iter().enumerate() {
                let to = (sum + y).saturating_sub(k);
                if to < h {
                    next[to] += here * probability;
                }
            }
        }
        at = next;
    }
    1.0 - at.iter().sum::<f64>()
}

fn ask(
    scenario: &Arc<Scenario>,
    policies: &[Loaded],
    (replications, each): (u32, u32),
) -> Result<Vec<Rarity>, RareError> {
    let question = Question {
        scenario,
        policies,
        seed: 1,
        replications,
        each,
        jobs: NonZeroUsize::new(2).unwrap(),
        prepare: PrepareOptions::default(),
    };
    question.answer(&Progress::default())
}

#[test]
fn the_healthy_release_alone_is_decided_on_as_in_a_whole_replication() {
    let policies = [studies::threshold("low", 0.006, 2), studies::threshold("lower", 0.004, 2)];
    let prepared = Prepared::new(studies::shared(noisy()), &policies, 5, PrepareOptions::default()).unwrap();
    let (mut decided, mut quiet) = (0, 0);
    for replication in 0..25 {
        let options = Options { no_blame: true, ..Options::default() };
        let record = replicate(&prepared, replication, options);
        for (seat, name) in leaning::seats(&prepared) {
            let runs = &record.rollouts[0].healthy.runs;
            let run = runs.iter().find(|run| run.player == Player::Policy(name.clone())).unwrap();
            let alone = leaning::play_healthy(&prepared, seat, replication, None, &[]);
            match (&run.decision, alone) {
                (Some(decision), Course::Decided { at, .. }) => {
                    assert_eq!(decision.at, at.as_nanos());
                    decided += 1;
                }
                (None, Course::Quiet) => quiet += 1,
                (decision, alone) => panic!("{replication} {name}: {decision:?} but {alone:?}"),
            }
        }
    }
    assert!(decided >= 5 && quiet >= 5, "{decided} {quiet}");
}

#[test]
fn alarms_of_a_cusum_of_independent_counts_are_as_rare_as_its_chain_says() {
    let scenario = studies::shared(still());
    // Fifteen minutes are 60 evaluations; at the first nothing has grown yet.
    for (h, replications) in [(6u32, 3000), (8, 6000), (10, 3000)] {
        let exact = chain(1.5, 3, h as usize, 59);
        let found = ask(&scenario, &[cusum(3, h)], (replications, 40)).unwrap().remove(0);
        println!("h {h}: exact {exact:.3e}, {found:?}");
        let share = &found.share;
        // What rests on a few runs is refused, and not told as if it were known.
        assert!(share.effective >= 30.0 || found.standing == Standing::Refused, "{found:?}");
        assert!(h > 8 || found.standing == Standing::Known, "{found:?}");
        if found.standing == Standing::Known {
            let off = libm::log(share.value / exact) / share.relative_error;
            assert!(share.relative_error < 0.25 && off.abs() < 4.0, "{off} off {exact}: {found:?}");
        }
    }
}

/// `cargo test --release --test it rare:: -- --ignored`
#[test]
#[ignore = "6,000 plain replications: minutes"]
fn a_rate_of_about_one_in_three_hundred_agrees_with_brute_force() {
    let scenario = studies::shared(noisy());
    let policies = [studies::threshold("high", BRUTE_LIMIT, 2)];
    let prepared = Prepared::new(Arc::clone(&scenario), &policies, 77, PrepareOptions::default()).unwrap();
    let (seat, _) = leaning::seats(&prepared).remove(0);
    let plain = 6000;
    let hits = (0..plain)
        .filter(|number| {
            matches!(leaning::play_healthy(&prepared, seat, *number, None, &[]), Course::Decided { .. })
        })
        .count();
    let brute = RareShare::of(&vec![1.0; hits], u64::from(plain), 1.0, 0.95);
    let found = ask(&scenario, &policies, (3000, 15)).unwrap().remove(0);
    println!("brute {brute:?}, {found:?}");
    assert!((10..60).contains(&hits), "{hits} of {plain}: not the rate this test is about");
    assert_eq!(found.standing, Standing::Known, "{found:?}");
    let share = &found.share;
    assert!(share.relative_error < 0.6 * brute.relative_error, "no gain: {found:?} {brute:?}");
    let error =
        (share.relative_error * share.relative_error + brute.relative_error * brute.relative_error).sqrt();
    let off = libm::log(share.value / brute.value) / error;
    assert!(off.abs() < 3.5, "{off} standard errors apart: {brute:?} {found:?}");
}

/// The error ratio of the candidate, at two looks running, that a good release shows about once in 300 times.
const BRUTE_LIMIT: f64 = 0.012;

#[test]
fn where_luck_cannot_lean_there_is_no_figure() {
    let request = studies::shared(studies::canary(FidelityChoice::Request, 20.0));
    let refused = ask(&request, &[studies::threshold("any", 0.5, 1)], (200, 5));
    assert!(matches!(refused, Err(RareError::RequestLevel(_))), "{refused:?}");
    // Nobody fails at all: luck has nothing to make more of.
    let mut scenario = still();
    scenario.world.services[0].error_ratio = Ratio::ZERO;
    let found = ask(&studies::shared(scenario), &[studies::threshold("errors", 0.01, 1)], (300, 5))
        .unwrap()
        .remove(0);
    assert_eq!((found.standing, found.share.events), (Standing::NeverSeen, 0), "{found:?}");
    assert!((found.share.high - 0.01).abs() < 0.001, "the rule of three: {found:?}");
}
