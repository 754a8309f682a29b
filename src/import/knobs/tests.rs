//! What is found in files of each format, and that turning a knob changes its bytes only.

use super::*;

fn found(text: &str) -> Vec<Knob> {
    find(&[SourceText { name: "file.yaml", text }]).unwrap()
}

fn usual(text: &str) -> Vec<(String, String)> {
    found(text).into_iter().filter(|knob| knob.usual).map(|knob| (knob.path, knob.written)).collect()
}

fn expect(text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> =
        expected.iter().map(|(path, written)| ((*path).to_owned(), (*written).to_owned())).collect();
    assert_eq!(usual(text), expected);
}

const FLAGGER: &str = r#"apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, labels: {a: "5"}}
spec:
  progressDeadlineSeconds: 600
  analysis:
    interval: 15s # often
    threshold: 10
    stepWeights: [5, 10, 100]
    metrics:
    - name: request-success-rate
      thresholdRange: {min: "99"}
      interval: 1m
    - name: "latency"
      thresholdRange:
        max: 500
      query: |
        histogram_quantile(0.99,
          sum(rate(x_bucket{a="[9m]"}[5m])) by (le)) / sum(rate(y[5m]))
"#;

const ARGO: &str = r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: gate}
spec:
  args: [{name: limit, value: "0.95"}]
  metrics:
  - name: ok
    interval: 5m
    failureLimit: 3
    successCondition: 'len(result) == 0 || result[0] >= 0.95'
    provider: {prometheus: {query: "sum(irate(x{a=~\"5.*\"}[2m])) / 3"}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: app}
spec:
  replicas: 4
  template: {spec: {containers: [{readinessProbe: {periodSeconds: 3}}]}}
  strategy:
    canary:
      steps:
      - setWeight: 20
      - pause: &wait {duration: 1h}
      - setWeight: 40
      - pause: *wait
      - pause: {duration: 90}
"#;

const RULES: &str = "groups:
- name: g
  interval: 30s
  rules:
  - alert: Burn
    expr: |-
      (a:rate5m > (14.4 * 0.001) # fast
        and a:rate1h > (14.4 * 0.001))
      or rate(b[5m]) / rate(c[5m]) > 0.05 and rate(c[5m]) > 0
    for: 2m
    labels: {severity: \"2\"}
";

const NATIVE: &str = "format: 1
triggers:
- name: errors
  expr: sum(rate(bad[1m])) / sum(rate(all[1m])) > 0.10
  for: 2m
  every: 15s
- name: shift
  when:
    detect: {by: {cusum: {k: 0.5, h: 5}}, candidate: {value: 'avg(x[5m])'}}
";

#[test]
fn flagger_s_numbers_are_found() {
    expect(
        FLAGGER,
        &[
            ("podinfo.analysis.interval", "15s"),
            ("podinfo.analysis.threshold", "10"),
            ("podinfo.analysis.stepWeights[0]", "5"),
            ("podinfo.analysis.stepWeights[1]", "10"),
            ("podinfo.analysis.metrics[request-success-rate].thresholdRange.min", "99"),
            ("podinfo.analysis.metrics[request-success-rate].interval", "1m"),
            ("podinfo.analysis.metrics[latency].thresholdRange.max", "500"),
            ("podinfo.analysis.metrics[latency].query.window", "5m"),
        ],
    );
    let all = found(FLAGGER);
    let deadline = all.iter().find(|knob| knob.path == "podinfo.progressDeadlineSeconds").unwrap();
    assert!(!deadline.usual);
    let window = all.iter().find(|knob| knob.path.ends_with("window")).unwrap();
    assert_eq!(window.spans.len(), 2);
    let ladders: Vec<Option<usize>> =
        all.iter().filter(|k| k.path.contains("stepW")).map(|k| k.ladder).collect();
    assert_eq!(ladders, [Some(0), Some(0)]);
}

#[test]
fn argo_s_numbers_are_found_and_an_anchor_s_number_once() {
    expect(
        ARGO,
        &[
            ("gate.metrics[ok].interval", "5m"),
            ("gate.metrics[ok].failureLimit", "3"),
            ("gate.metrics[ok].successCondition.threshold", "0.95"),
            ("gate.metrics[ok].provider.prometheus.query.window", "2m"),
            ("app.steps[0].setWeight", "20"),
            ("app.steps[1].pause.duration", "1h"),
            ("app.steps[2].setWeight", "40"),
            ("app.steps[4].pause.duration", "90"),
        ],
    );
    let named: Vec<String> = found(ARGO).into_iter().filter(|k| !k.usual).map(|k| k.path).collect();
    assert_eq!(named, ["gate.args[limit].value", "app.replicas"]);
}

#[test]
fn rules_and_native_triggers_are_found() {
    expect(
        RULES,
        &[
            ("groups[g].interval", "30s"),
            ("groups[g].rules[Burn].expr.threshold[1]", "14.4"),
            ("groups[g].rules[Burn].expr.window", "5m"),
            ("groups[g].rules[Burn].expr.threshold[2]", "0.05"),
            ("groups[g].rules[Burn].for", "2m"),
        ],
    );
    expect(
        NATIVE,
        &[
            ("triggers[errors].expr.window", "1m"),
            ("triggers[errors].expr.threshold", "0.10"),
            ("triggers[errors].for", "2m"),
            ("triggers[errors].every", "15s"),
            ("triggers[shift].when.detect.by.cusum.k", "0.5"),
            ("triggers[shift].when.detect.by.cusum.h", "5"),
            ("triggers[shift].when.detect.candidate.value.window", "5m"),
        ],
    );
}

#[test]
fn names_are_parts_of_paths() {
    let all = found(FLAGGER);
    let named = |pattern: &str| all.iter().filter(|knob| knob.is_named(pattern)).count();
    assert_eq!(named("thresholdRange.min"), 1);
    assert_eq!(named("metrics.thresholdRange"), 2);
    assert_eq!(named("metrics[latency]"), 2);
    assert_eq!(named("stepWeights"), 2);
    assert_eq!(named("podinfo"), all.len());
    assert_eq!((named("shold"), named("")), (0, 0));
}

/// Every knob of the text at its place of the range given by `us`.
fn turned(text: &str, us: &[f64]) -> (String, Vec<Knob>, Vec<String>) {
    let knobs = found(text);
    let values: Vec<String> =
        knobs.iter().zip(us.iter().cycle()).map(|(knob, u)| knob.spell(knob.draw(*u))).collect();
    let sources = [SourceText { name: "file.yaml", text }];
    (edited(&sources, &knobs, &values).remove(0), knobs, values)
}

/// The text with every span taken out.
fn around(text: &str, spans: &mut [Bytes<usize>]) -> Vec<String> {
    spans.sort_by_key(|span| span.start);
    let mut parts = Vec::new();
    let mut at = 0;
    for span in spans.iter() {
        parts.push(text[at..span.start].to_owned());
        at = span.end;
    }
    parts.push(text[at..].to_owned());
    parts
}

proptest::proptest! {
    #[test]
    fn turning_knobs_changes_their_bytes_only(us in proptest::collection::vec(0.0f64..1.0, 1..12)) {
        for text in [FLAGGER, ARGO, RULES, NATIVE] {
            let (new, knobs, values) = turned(text, &us);
            let again = found(&new);
            let paths = |knobs: &[Knob]| knobs.iter().map(|knob| knob.path.split('[').next().unwrap().to_owned()).collect::<Vec<_>>();
            // Numbers that have become equal may have become one knob: compare what is around them instead.
            let mut spans: Vec<Bytes<usize>> = knobs.iter().flat_map(|knob| knob.spans.clone()).collect();
            let before = around(text, &mut spans);
            let mut rest = new.as_str();
            for (index, part) in before.iter().enumerate() {
                let at = rest.find(part.as_str());
                proptest::prop_assert!(at.is_some(), "`{}` is gone", part);
                proptest::prop_assert!(index > 0 || at == Some(0));
                rest = &rest[at.unwrap_or(0) + part.len()..];
            }
            proptest::prop_assert_eq!(rest, "");
            proptest::prop_assert!(paths(&again).len() <= paths(&knobs).len());
            let written = |wanted: &str| again.iter().any(|knob| knob.written == wanted) || !values.contains(&wanted.to_owned());
            proptest::prop_assert!(values.iter().all(|value| written(value)), "{}", new);
        }
    }
}

#[test]
fn nothing_turned_is_the_same_file() {
    for text in [FLAGGER, ARGO, RULES, NATIVE] {
        let knobs = found(text);
        let values: Vec<String> = knobs.iter().map(|knob| knob.spell(knob.value)).collect();
        assert_eq!(edited(&[SourceText { name: "f", text }], &knobs, &values), [text]);
    }
}
