//! What importers make of files: read, refused, listed.

use super::*;
use crate::strategy::StrategySpec;
use crate::strategy::canary::WaitKind;

fn load_one(text: &str) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    load(&[SourceText { name: "p.yaml", text }], &ImportOptions::default())
}

#[track_caller]
fn only(text: &str) -> Loaded {
    let mut loaded = load_one(text).unwrap_or_else(|found| panic!("{}", render(&found)));
    assert_eq!(loaded.len(), 1);
    loaded.remove(0)
}

#[track_caller]
fn refused(text: &str) -> Diagnostic {
    let mut found = load_one(text).err().unwrap_or_else(|| panic!("{text} was read"));
    assert_eq!(found.len(), 1, "{}", render(&found));
    found.remove(0)
}

fn render(found: &[Diagnostic]) -> String {
    found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n")
}

const NATIVE: &str = "format: 1\ntriggers:\n  - {name: a, expr: 'sum(up) < 1'}\n";

#[test]
fn kinds_are_told_apart_by_api_version_and_kind() {
    let kruise = "apiVersion: rollouts.kruise.io/v1beta1\nkind: Rollout\nmetadata: {name: a}\n";
    let error = refused(kruise);
    assert!(error.message.contains("OpenKruise"), "{error}");
    assert_eq!(error.location.map(|l| l.line), Some(2));
    assert!(refused("groups: [{name: a, rules: []}]\n").message.contains("no alert in these rules"));
    assert!(refused("just: a mapping\n").message.contains("no policy file"));
    let scenario = refused("format: 1\nservices: {}\ntraffic: []\n");
    assert!(scenario.help.is_some_and(|help| help.contains("--scenario")));
    let companion = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\n---\n{}", "");
    assert!(refused(&companion).message.contains("no policy in"));
}

#[test]
fn names_come_from_the_file_or_from_the_object() {
    let policy = only(NATIVE);
    assert_eq!((policy.name.as_str(), policy.identity.as_str()), ("p", "native/p"));
    let template = |name: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {{name: {name}}}\nspec: {{metrics: [{{name: m, provider: {{prometheus: {{query: up}}}}}}]}}\n---\n"
        )
    };
    let loaded = load_one(&[template("x"), template("x"), template("y")].concat()).unwrap();
    let names: Vec<&str> = loaded.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["x", "x#2", "y"]);
    let both = [SourceText { name: "a/b.yaml", text: NATIVE }, SourceText { name: "c/b.yaml", text: NATIVE }];
    let loaded = load(&both, &ImportOptions::default()).unwrap();
    assert_eq!(loaded.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), ["b", "b#2"]);
}

#[test]
fn native_mistakes_are_placed() {
    let with = |fields: &str| format!("format: 1\ntriggers:\n  - name: a\n    expr: up < 1\n{fields}");
    let place = |text: &str| {
        let error = refused(text);
        (error.location.map_or(0, |l| l.line), error.message)
    };
    assert_eq!(place(&with("    fro: 2m\n")), (5, "unknown field `fro`".to_owned()));
    let (line, message) = place(&with("    for: 2m\n    consecutive: 3\n"));
    assert!(line == 6 && message.contains("cannot be in one trigger"), "{line} {message}");
    assert_eq!(place(&with("    k_of_n: {k: 4, n: 3}\n")).0, 5);
    assert_eq!(place(&with("    every: 10ms\n")).0, 5);
    assert_eq!(place(&with("    consecutive: 0\n")).0, 5);
    assert_eq!(place(&with("    then: {after: {delay: 1m, then: {after: {delay: 1m, then: page}}}}\n")).0, 5);
    assert_eq!(place(&with("  - {name: a, expr: up}\n")).0, 5);
    assert_eq!(place("format: 2\ntriggers: [{name: a, expr: up}]\n").0, 1);
    assert_eq!(place("format: 1\ntriggers: []\n").0, 2);
    let (line, message) = place(
        "format: 1\ntriggers:\n  - name: a\n    expr: |\n      sum(\n        rate(up[1m])\n      ) by\n",
    );
    assert!((4..=7).contains(&line) && message.contains("no query"), "{line} {message}");
}

#[test]
fn comparisons_have_a_side_and_a_band() {
    let policy = only(
        "format: 1\ntriggers:\n  - {name: a, expr: '0.05 < sum(errors) / sum(requests)'}\n  - {name: b, expr: 'p95{role=\"candidate\"} >= 5 * p95'}\n  - {name: c, expr: 'absent(up)'}\n  - {name: d, expr: 'up == 0'}\n",
    );
    let check = |index: usize| &policy.checks[index];
    assert_eq!(check(0).query.as_deref(), Some("sum(errors) / sum(requests)"));
    assert_eq!(check(0).good, "<= 0.05");
    assert!(check(0).limits.is_bad(0.06) && !check(0).limits.is_bad(0.05));
    assert_eq!(check(1).query.as_deref(), Some("(p95{role=\"candidate\"}) - (5 * p95)"));
    assert!(check(1).limits.is_bad(0.0) && !check(1).limits.is_bad(-1.0));
    assert_eq!(check(2).good, "without a result");
    assert_eq!(check(3).query.as_deref(), Some("up"));
    let texts: Vec<&str> = policy.queries.iter().map(|query| query.text.as_str()).collect();
    assert!(texts.contains(&"sum(errors) / sum(requests)") && texts.contains(&"5 * p95"), "{texts:?}");
}

const CANARY: &str = "\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: shop, namespace: prod}
spec:
  provider: PROVIDER
  targetRef: {name: shop}
  analysis:
    stepWeight: 10
    metrics:
      - METRIC
";

fn canary(provider: &str, metric: &str) -> String {
    CANARY.replace("PROVIDER", provider).replace("METRIC", metric)
}

#[test]
fn flagger_defaults_are_flaggers() {
    let policy = only(&canary("istio", "{name: request-success-rate, thresholdRange: {min: 99}}"));
    let Some(StrategySpec::Flagger(rollout)) = &policy.rollout else { panic!() };
    assert_eq!(rollout.interval, SimDuration::from_mins(1));
    assert_eq!(rollout.weights.len(), 10);
    assert!(policy.queries[0].text.contains("[1m]"), "{}", policy.queries[0].text);
    assert!(
        policy.reading.iter().any(|line| line.contains(" 1 failed checks in all")),
        "{:?}",
        policy.reading
    );
    assert_eq!(policy.identity, "prod/shop");
}

#[test]
fn flagger_mistakes_are_placed_or_listed() {
    let builtin = "{name: request-duration, thresholdRange: {max: 500}}";
    let error = refused(&canary("traefik", builtin));
    assert_eq!((error.code, error.location.map(|l| l.line)), (Some("missing_dialect"), Some(10)));
    let error = refused(&canary("istio", "{name: own, query: 'sum(rate(x{a=\"b\" c=\"d\"}[1m]))'}"));
    assert_eq!((error.code, error.location.map(|l| l.line)), (Some("promql"), Some(10)));
    assert_eq!(
        refused(&canary("istio", "{name: own, templateRef: {name: gone}}")).code,
        Some("missing_template")
    );

    let policy = only(&canary("istio", "{name: own, query: up}").replace("stepWeight: 10", "interval: 5"));
    let listed: Vec<&str> = policy.unsupported.iter().map(|entry| entry.path.as_str()).collect();
    assert!(listed.contains(&"spec.analysis.interval") && listed.contains(&"spec.analysis"), "{listed:?}");
    assert!(listed.contains(&"spec.analysis.metrics[0]"), "a metric without a threshold: {listed:?}");
    let policy =
        only(&canary("istio", builtin).replace("stepWeight: 10", "stepWeight: 10\n    stepWait: 5s"));
    assert_eq!(
        (policy.unsupported[0].path.as_str(), policy.unsupported[0].line),
        ("spec.analysis.stepWait", 9)
    );
}

#[test]
fn metric_templates_are_filled_in_and_their_errors_placed_in_their_file() {
    let metric = "{name: own, templateRef: {name: t}, templateVariables: {code: '500'}, thresholdRange: {max: 1}, interval: 2m}";
    let template = |query: &str| {
        format!(
            "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {{name: t}}\nspec:\n  provider: {{type: prometheus}}\n  query: |\n    {query}\n"
        )
    };
    let text = canary("istio", metric);
    let load = |query: &str| {
        let other = template(query);
        let both = [SourceText { name: "c.yaml", text: &text }, SourceText { name: "t.yaml", text: &other }];
        load(&both, &ImportOptions::default())
    };
    let loaded =
        load("sum(rate(e{ns=\"{{ namespace }}\",code=\"{{ variables.code }}\"}[{{ interval }}]))").unwrap();
    assert_eq!(loaded[0].queries[0].text, "sum(rate(e{ns=\"prod\",code=\"500\"}[2m]))");
    let error = load("sum(\n    rate(e[{{ interval }}])\n    ) by by").err().unwrap().remove(0);
    assert_eq!((error.source.as_deref(), error.code), (Some("t.yaml"), Some("promql")), "{error}");
    assert!(error.location.is_some_and(|l| (6..=9).contains(&l.line)), "{error}");
    let error = load("up{x=\"{{ variables.gone }}\"}").err().unwrap().remove(0);
    assert_eq!(error.code, Some("placeholder"));
}

const ROLLOUT: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  strategy:
    canary:
      maxSurge: 1
      steps:
        - setWeight: 20
        - pause: {}
        - pause: {duration: 90}
        - pause: {duration: 2m}
        - analysis: {templates: [{templateName: t}], args: [{name: s, value: shop-canary}]}
        - experiment: {duration: 5m, templates: []}
        - setCanaryScale: {replicas: 1}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  args: [{name: s}]
  metrics:
    - name: m
      count: '3'
      interval: 20s
      successCondition: result[0] < 1
      provider: {prometheus: {query: 'sum(e{s=\"{{args.s}}\"})'}}
";

#[test]
fn every_step_of_a_rollout_is_a_step_of_the_strategy() {
    let policy = only(ROLLOUT);
    let Some(StrategySpec::Canary(canary)) = &policy.rollout else { panic!() };
    let seconds: Vec<f64> = canary.steps.iter().map(|step| step.bake.as_secs_f64()).collect();
    assert_eq!(seconds, [0.0, 600.0, 90.0, 120.0, 40.0, 300.0, 0.0]);
    let kinds: Vec<WaitKind> = canary.steps.iter().map(|step| step.kind).collect();
    assert_eq!((kinds[1], kinds[2], kinds[4]), (WaitKind::Pause, WaitKind::Bake, WaitKind::Analysis));
    assert!(!canary.traffic_routed);
    assert_eq!(policy.queries[0].text, "sum(e{s=\"shop-canary\"})");
    assert!(policy.unsupported.iter().any(|entry| entry.line == 14 && entry.note.contains("experiment")));
    assert!(policy.unsupported.iter().any(|entry| entry.line == 15 && entry.note.contains("setCanaryScale")));
    assert!(policy.stand_ins.iter().any(|entry| entry.line == 10 && entry.setting == "after 10m"));
}

#[test]
fn argo_mistakes_are_placed() {
    let place = |from: &str, to: &str| {
        let error = refused(&ROLLOUT.replace(from, to));
        (error.location.map_or(0, |l| l.line), error.code)
    };
    assert_eq!(place("interval: 20s", "interval: 5"), (25, Some("invalid_metric")));
    assert_eq!(place("count: '3'", "count: three"), (24, Some("wrong_type")));
    assert_eq!(place("args.s}}", "args.z}}"), (27, Some("placeholder")));
    assert_eq!(place("canary:\n", "purple:\n"), (6, Some("missing_strategy")));
    assert_eq!(place("templateName: t", "templateName: u"), (13, Some("missing_template")));
    let allowed = ImportOptions { allow_missing: true, ..ImportOptions::default() };
    let text = ROLLOUT.replace("templateName: t", "templateName: u");
    let loaded = load(&[SourceText { name: "p.yaml", text: &text }], &allowed).unwrap();
    assert!(loaded[0].stand_ins.iter().any(|entry| entry.setting == "assumed to succeed"));
}

#[test]
fn arguments_of_the_user_win() {
    let args = BTreeMap::from([("s".to_owned(), "mine".to_owned())]);
    let options = ImportOptions { args, ..ImportOptions::default() };
    let loaded = load(&[SourceText { name: "p.yaml", text: ROLLOUT }], &options).unwrap();
    assert_eq!(loaded[0].queries[0].text, "sum(e{s=\"mine\"})");
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    /// One line of a real file replaced by something else.
    fn broken(text: &str, line: usize, with: &str) -> String {
        let mut lines: Vec<&str> = text.lines().collect();
        let count = lines.len();
        if let Some(place) = lines.get_mut(line % count) {
            *place = with;
        }
        lines.join("\n")
    }

    fn is_told(text: &str) -> Result<(), TestCaseError> {
        if let Err(found) = load_one(text) {
            prop_assert!(!found.is_empty());
            for problem in found {
                prop_assert!(
                    problem.location.is_some() || problem.message.contains("no policy in"),
                    "{}",
                    problem
                );
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_a_place(text in "\\PC{0,120}") {
            is_told(&text)?;
            is_told(&format!("format: 1\ntriggers:\n  - name: a\n    expr: {text:?}\n"))?;
            is_told(&canary("istio", &format!("{{name: own, query: {text:?}}}")))?;
        }

        #[test]
        fn files_with_one_broken_line_are_read_or_refused_with_a_place(
            line in 0usize..40,
            key in "[a-zA-Z]{1,12}",
            value in prop::sample::select(vec!["-1", "[]", "{}", "99999999999999999999", "'{{args.x'", "*a", "1e999", "null", "\"\\u0000\""]),
            indent in 0usize..10,
        ) {
            let with = format!("{}{key}: {value}", " ".repeat(indent));
            is_told(&broken(ROLLOUT, line, &with))?;
            is_told(&broken(&canary("istio", "{name: own, query: up}"), line, &with))?;
            is_told(&broken(NATIVE, line, &with))?;
        }

        #[test]
        fn any_value_of_any_number_field_is_borne(value in "-?[0-9]{1,22}(\\.[0-9]{1,3})?", field in 0usize..4) {
            let name = ["maxWeight", "threshold", "iterations", "stepWeightPromotion"][field];
            let text = canary("istio", "{name: own, query: up}");
            is_told(&text.replace("    metrics:", &format!("    {name}: {value}\n    metrics:")))?;
            is_told(&ROLLOUT.replace("count: '3'", &format!("count: {value}")))?;
            is_told(&ROLLOUT.replace("duration: 90", &format!("duration: {value}")))?;
            is_told(&ROLLOUT.replace("setWeight: 20", &format!("setWeight: {value}")))?;
        }
    }
}

#[test]
fn objectives_say_which_service_they_are_about_unless_an_option_does() {
    let slo = |service: &str, name: &str| {
        format!(
            "version: prometheus/v1\nservice: {service}\nslos: [{{name: {name}, objective: 99, sli: {{raw: {{error_ratio_query: 'sum(rate(e[{{{{.window}}}}]))'}}}}}}]\n"
        )
    };
    let about = |text: &str, options: &ImportOptions| {
        load(&[SourceText { name: "slo.yaml", text }], options).unwrap().remove(0).naming.about
    };
    let plain = ImportOptions::default();
    assert_eq!(about(&slo("cart", "a"), &plain).as_deref(), Some("cart"));
    let said = ImportOptions { service: Some("shop".to_owned()), ..ImportOptions::default() };
    assert_eq!(about(&slo("cart", "a"), &said), None);
    let both = [slo("cart", "a"), slo("shop", "b")].join("---\n");
    assert_eq!(about(&both, &plain), None);
}
