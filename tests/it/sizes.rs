//! How big a canary must be: what its traffic can show, and what a policy catches of it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::import::{ImportOptions, SourceText, load};
use backout::replication::prepared::PrepareOptions;
use backout::scenario::quick::{FAMILY, Quick};
use backout::scenario::{Scenario, read};
use backout::study::Progress;
use backout::study::sizing::exposure::exposure;
use backout::study::sizing::severity::{Curve, Effect, Question};

fn scenario() -> Arc<Scenario> {
    let text = Quick::default().text(&FAMILY[0]);
    let source = backout::diagnostic::Source { name: "numbers", text: &text };
    Arc::new(read("quick/errors", source).unwrap().scenario)
}

/// The plateaus are the steps of the canary (5, 25 and 50 % for ten minutes), the requests the share of 100/s.
#[test]
fn a_canary_is_exposed_to_its_steps() {
    let plateaus = exposure(&scenario(), 7).unwrap();
    let shares: Vec<f64> = plateaus.iter().map(|plateau| plateau.share).collect();
    assert_eq!(shares, [0.05, 0.25, 0.5]);
    for plateau in &plateaus {
        let minutes = plateau.lasts.as_secs_f64() / 60.0;
        assert!((minutes - 10.0).abs() < 0.6, "{plateau:?}");
        let expected = 100.0 * plateau.share * plateau.lasts.as_secs_f64();
        // Arrivals move by 15 % with a correlation of minutes.
        assert!((plateau.requests / expected - 1.0).abs() < 0.4, "{plateau:?} {expected}");
    }
}

fn curves(severities: &[f64], jobs: usize) -> Vec<Curve> {
    let text = r#"
format: 1
bind: {service: web}
triggers:
  - name: errors
    expr: |
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[1m]))
      / sum(rate(http_requests_total{role="candidate"}[1m])) > 0.05
    consecutive: 2
"#;
    let policies = load(&[SourceText { name: "errors.yaml", text }], &ImportOptions::default()).unwrap();
    let scenario = scenario();
    let question = Question {
        scenario: &scenario,
        policies: &policies,
        effect: Effect::Errors,
        severities,
        power: 0.9,
        seed: 7,
        replications: 30,
        jobs: NonZeroUsize::new(jobs).unwrap(),
        prepare: PrepareOptions::default(),
    };
    let progress = Progress::default();
    let curves = question.answer(&progress).unwrap();
    assert_eq!(progress.done(), question.total());
    curves
}

/// A threshold of 5 % cannot catch a release that fails 1 %, and does catch one that fails 20 %; the severity from which
/// on it is reliable is near its threshold.
#[test]
fn a_threshold_catches_what_is_above_it() {
    let severities = [0.01, 0.03, 0.05, 0.1, 0.2];
    let curves = curves(&severities, 1);
    let [curve] = curves.as_slice() else { panic!("one policy, one curve: {curves:?}") };
    let caught: Vec<f64> = curve.points.iter().map(|point| point.caught.value).collect();
    assert!(caught[0] < 0.1 && caught[4] == 1.0, "{caught:?}");
    assert!(caught.is_sorted(), "the same luck at every severity: {caught:?}");
    let reliable = curve.reliable_from.unwrap();
    assert!((0.03..=0.1).contains(&reliable), "{reliable}");
    assert_eq!(curve.false_rollbacks.value, 0.0);
}

#[test]
fn curves_do_not_depend_on_threads() {
    assert_eq!(curves(&[0.03, 0.05], 1), curves(&[0.03, 0.05], 2));
}
