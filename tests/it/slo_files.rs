//! Files of service level objectives as policies.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load, rules_of_objectives};
use backout::policy::loaded::Loaded;
use backout::promql::Program;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{DecisionKind, Player, ReplicationRecord};
use backout::rules::{GroupDef, Kind, parse};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::{shared, studies};

fn options() -> ImportOptions {
    ImportOptions {
        alerts: vec!["*=roll_back,after:0s".parse().unwrap()],
        service: Some("shop".to_owned()),
        ..ImportOptions::default()
    }
}

fn policy(text: &str) -> Loaded {
    load(&[SourceText { name: "slo.yaml", text }], &options())
        .unwrap_or_else(|wrong| panic!("{}", wrong[0].render(false)))
        .remove(0)
}

fn refused(text: &str) -> String {
    let wrong = load(&[SourceText { name: "slo.yaml", text }], &options()).err().expect(text);
    wrong[0].render(false)
}

fn all_rules(groups: &[GroupDef]) -> impl Iterator<Item = &backout::rules::RuleDef> {
    groups.iter().flat_map(|group| &group.rules)
}

/// Sloth's own output for its own example, rule by rule: names, meaning, labels, texts.
#[test]
fn what_sloth_generates_is_what_follows_here() {
    let Some(folder) = shared::folder().map(|folder| folder.join("policies")) else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (spec, generated) =
        (read("slo-01-sloth-getting-started-spec.yml"), read("prom-02-sloth-getting-started.yml"));
    let ours = rules_of_objectives(&[SourceText { name: "slo-01", text: &spec }]).unwrap();
    let theirs = parse(backout::diagnostic::Source { name: "prom-02", text: &generated }).unwrap();
    let names = |groups: &[GroupDef]| groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    assert_eq!(all_rules(&ours).count(), 17);
    for (our, their) in all_rules(&ours).zip(all_rules(&theirs)) {
        assert_eq!(our.name(), their.name());
        // Equal meanings are one node of a program.
        let mut program = Program::new();
        assert_eq!(program.add(&our.expr), program.add(&their.expr), "{}\n{}", our.expr, their.expr);
        // `cmd` was given on the command line of the generator.
        let mut labels = their.labels.clone();
        labels.retain(|(name, _)| name != "cmd");
        labels.sort();
        assert_eq!(our.labels, labels, "{}", our.name());
        if let (Kind::Alert { annotations: ours, .. }, Kind::Alert { annotations: theirs, .. }) =
            (&our.kind, &their.kind)
        {
            assert_eq!(ours, theirs);
        }
    }
    assert_eq!(all_rules(&ours).count(), all_rules(&theirs).count());
}

#[test]
fn files_of_other_people_are_read_and_explained() {
    let Some(folder) = shared::folder() else { return };
    let mut paths: Vec<PathBuf> = glob::glob(&format!("{}/peer-files/openslo/*.y*ml", folder.display()))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    paths.push(folder.join("policies/slo-01-sloth-getting-started-spec.yml"));
    assert_eq!(paths.len(), 7);
    for path in paths {
        let policy = policy(&std::fs::read_to_string(&path).unwrap());
        let name = path.display();
        assert!(policy.reading[0].starts_with("Objective `"), "{name}: {:?}", policy.reading);
        assert!(
            policy.reading.iter().any(|line| line.starts_with("Record `slo:sli_error:ratio_rate5m`")),
            "{name}"
        );
        assert!(policy.checks.len() >= 2, "{name}");
        // A query of nobody's monitoring is replaced, and that is said.
        let is_any = std::fs::read_to_string(&path).unwrap().contains("query: Any");
        let replaced = policy.stand_ins.iter().any(|stand_in| stand_in.what.contains("`Any` would answer"));
        assert_eq!(is_any, replaced, "{name}: {:?}", policy.stand_ins);
    }
}

const SIDE: &str = "role=\"candidate\"";

/// An SLO of 99 % with an alert at twice the budget over an hour.
fn slo(method: &str, objective: &str, condition: &str) -> String {
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata: {{name: availability}}
spec:
  service: shop
  budgetingMethod: {method}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  indicator:
    metadata: {{name: requests}}
    spec:
      ratioMetric:
        bad: {{metricSource: {{type: Prometheus, spec: {{query: 'sum(rate(http_requests_total{{{SIDE},code=~\"5..\"}}[{{{{.window}}}}]))'}}}}}}
        total: {{metricSource: {{type: Prometheus, spec: {{query: 'sum(rate(http_requests_total{{{SIDE}}}[{{{{.window}}}}]))'}}}}}}
  objectives: [{{target: 0.99{objective}}}]
  alertPolicies: [fast]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {{name: fast}}
spec:
  conditions: [{{conditionRef: burns}}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {{name: burns}}
spec:
  severity: page
  condition: {{kind: burnrate, op: {condition}}}
"
    )
}

fn play(policy: Loaded, share: &str) -> Vec<ReplicationRecord> {
    let fault: FaultSpec = studies::yaml(&format!("error_burst: {{share: {share}, after: 6m}}"));
    let scenario = Scenario {
        name: "test/slo-files".to_owned(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        rollout: studies::yaml("canary: {steps: [{weight: 50%, bake: 1h}]}"),
        horizon: SimDuration::from_mins(25),
        ..studies::canary(FidelityChoice::Flow, 2000.0)
    };
    Study::new(&[studies::shared(scenario)], &[policy], 5, PrepareOptions::default())
        .unwrap_or_else(|wrong| panic!("{wrong:?}"))
        .with_replications(Replications { flow: 2, request: 2 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

/// Seconds from the deploy to the rollback, in the bad twin or the healthy one.
fn decided(policy: &Loaded, share: &str, bad: bool) -> Vec<Option<f64>> {
    let records = play(policy.clone(), share);
    let one = |record: &ReplicationRecord| {
        let rollout = &record.rollouts[0];
        let twin = if bad { &rollout.bad } else { &rollout.healthy };
        let run = twin.runs.iter().find(|run| matches!(run.player, Player::Policy(_))).unwrap();
        let decision = run.decision.as_ref().filter(|decision| decision.kind == DecisionKind::RollBack)?;
        Some((decision.at - record.deploy_at) as f64 / 1e9)
    };
    records.iter().map(one).collect()
}

const ABOVE: &str = "gt, threshold: 2, lookbackWindow: 1h";

/// Background errors of 0.2 % burn a fifth of the budget of 1 %. Time slices of a minute are bad below 95 %, so 30 % of errors
/// make every slice bad, and 4 % none: an hour that holds six minutes of good slices burns at twice the budget with the first
/// bad one. That is seen a slice and a record's and an alert's evaluation later, a minute each.
#[test]
fn time_slices_count_bad_minutes_and_occurrences_count_bad_requests() {
    let slices = ", timeSliceTarget: 0.95, timeSliceWindow: 1m, op: gte";
    let by_slices = policy(&slo("Timeslices", slices, ABOVE));
    for at in decided(&by_slices, "30%", true) {
        let at = at.expect("slices are bad");
        assert!((360.0..=360.0 + 4.0 * 60.0).contains(&at), "{at}");
    }
    assert!(decided(&by_slices, "4%", true).iter().all(Option::is_none), "every slice is good");
    assert!(decided(&by_slices, "30%", false).iter().all(Option::is_none));
    for method in ["Occurrences", "RatioTimeslices"] {
        // 4 % of errors burn at more than twice once they are half of what was served: after six minutes of 0.2 %.
        let by_requests = policy(&slo(method, ", timeSliceWindow: 1m", ABOVE));
        for at in decided(&by_requests, "4%", true) {
            let at = at.expect(method);
            // x minutes of 4.2 % and six of 0.2 % are 2 % on average at x = 4.9.
            assert!((360.0 + 4.0 * 60.0..=360.0 + 9.0 * 60.0).contains(&at), "{method}: {at}");
        }
        assert!(decided(&by_requests, "4%", false).iter().all(Option::is_none), "{method}");
    }
}

#[test]
fn a_condition_waits_as_long_as_it_says_and_fires_the_way_it_says() {
    let slices = ", timeSliceTarget: 0.95, timeSliceWindow: 1m";
    let at_once = decided(&policy(&slo("Timeslices", slices, ABOVE)), "30%", true);
    let later = format!("{ABOVE}, alertAfter: 3m");
    let later = decided(&policy(&slo("Timeslices", slices, &later)), "30%", true);
    for (at_once, later) in at_once.iter().zip(&later) {
        assert_eq!(later.unwrap() - at_once.unwrap(), 180.0);
    }
    // The wrong way round it fires while nothing is wrong.
    let below = ABOVE.replace("gt", "lte");
    let healthy = decided(&policy(&slo("Timeslices", slices, &below)), "30%", false);
    assert!(healthy.iter().all(|at| at.is_some_and(|at| at < 360.0)), "{healthy:?}");
}

#[test]
fn what_cannot_be_alerted_on_is_refused_with_its_place() {
    let good = slo("Timeslices", ", timeSliceTarget: 0.95", ABOVE);
    for (from, to, fact) in [
        ("target: 0.99,", "target: 1,", "a target of 1 cannot be alerted on"),
        ("op: gt", "op: above", "`above` is no operator"),
        ("budgetingMethod: Timeslices", "budgetingMethod: Sometimes", "`Sometimes` is no budgeting method"),
        ("kind: burnrate", "kind: luck", "`luck` is no kind of condition"),
        ("conditionRef: burns", "conditionRef: turns", "there is no AlertCondition `turns`"),
        ("alertPolicies: [fast]", "alertPolicies: [slow]", "there is no AlertPolicy `slow`"),
        ("lookbackWindow: 1h", "lookbackWindow: 1y", "is no duration of OpenSLO: `1y`"),
        ("lookbackWindow: 1h", "lookbackWindow: 99999999999999999999d", "is no duration of OpenSLO"),
        ("[{{.window}}]))'}}}\n        total", "))'}}}\n        total", "the query has no window"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let found = refused(&text);
        assert!(found.contains(fact) && found.contains("slo.yaml:"), "{fact}: {found}");
    }
    let sloth =
        "version: prometheus/v1\nservice: a\nslos: [{name: b, objective: 99, sli: {plugin: {id: x}}}]\n";
    assert!(refused(sloth).contains("there is no query in this SLI"));
    assert!(refused(&sloth.replace("99", "100")).contains("an objective of 100 % cannot be alerted on"));
    assert!(
        refused(&sloth.replace("prometheus/v1", "prometheus/v9")).contains("is no version of Sloth's files")
    );
}

/// The kubernetes example of Sloth is its plain one with other keys, so the same rules follow.
#[test]
fn sloth_s_object_has_the_rules_of_the_plain_file() {
    let plain = "version: prometheus/v1
service: shop
labels: {owner: us}
slos:
  - name: requests
    objective: 99.9
    sli: {events: {error_query: 'sum(rate(http_requests_total{code=~\"5..\"}[{{.window}}]))', total_query: 'sum(rate(http_requests_total[{{.window}}]))'}}
    alerting: {name: High, labels: {a: b}, page_alert: {labels: {severity: page}}, ticket_alert: {disable: true}}
";
    let spec: String = plain.lines().skip(1).map(|line| format!("  {line}\n")).collect();
    let spec = ["error_query", "total_query", "page_alert", "ticket_alert"].iter().fold(spec, |spec, key| {
        let (head, tail) = key.split_once('_').unwrap();
        spec.replace(key, &format!("{head}{}{}", tail[..1].to_uppercase(), &tail[1..]))
    });
    let object = format!(
        "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nmetadata: {{name: x, namespace: y}}\nspec:\n{spec}"
    );
    let rules = |text: &str| rules_of_objectives(&[SourceText { name: "slo.yaml", text }]).unwrap();
    let said = |groups: &[GroupDef]| {
        let rule =
            |rule: &backout::rules::RuleDef| (rule.kind.clone(), rule.expr.clone(), rule.labels.clone());
        all_rules(groups).map(rule).collect::<Vec<_>>()
    };
    assert!(object.contains("errorQuery") && object.contains("pageAlert"));
    assert_eq!(said(&rules(&object)), said(&rules(plain)));
    let other =
        object.replace("owner: us", "owner: us, tier: '2'").replace("spec:\n", "spec:\n  sloPlugins: {}\n");
    let unread = policy(&other).unsupported;
    assert_eq!((unread[0].path.as_str(), unread[0].line), ("spec.sloPlugins", 5));
    assert!(
        refused("apiVersion: sloth.slok.dev/v1\nkind: Plugin\n").contains("`Plugin` of Sloth is not read")
    );
}

/// An objective of Pyrra on the candidate's requests.
fn pyrra(target: &str, window: &str, indicator: &str) -> String {
    format!(
        "apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: shop-errors, namespace: shop, labels: {{pyrra.dev/team: front, app: shop}}}}
spec:
  target: \"{target}\"
  window: {window}
  indicator: {indicator}
"
    )
}

const RATIO: &str = "{ratio: {errors: {metric: 'http_requests_total{role=\"candidate\",code=~\"5..\"}'}, total: {metric: 'http_requests_total{role=\"candidate\"}'}}}";

/// What Pyrra's tests show for an objective of 99 % over four weeks: names, expressions, waits and labels (pyrra-dev/pyrra,
/// `slo/rules_test.go`, http-ratio), with our selector in the place of theirs.
#[test]
fn what_pyrra_generates_is_what_follows_here() {
    let text = pyrra("99", "4w", RATIO);
    let groups = rules_of_objectives(&[SourceText { name: "slo.yaml", text: &text }]).unwrap();
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["shop-errors", "shop-errors-increase"]);
    let intervals: Vec<SimDuration> = groups.iter().filter_map(|group| group.interval).collect();
    assert_eq!(intervals, [SimDuration::from_secs(30), SimDuration::from_secs(150)]);
    let records: Vec<&str> = all_rules(&groups)
        .filter(|rule| matches!(rule.kind, Kind::Record(_)))
        .map(backout::rules::RuleDef::name)
        .collect();
    let windows = ["5m", "30m", "1h", "2h", "6h", "1d", "4d"];
    assert_eq!(records, windows.map(|window| format!("http_requests:burnrate{window}")));
    let first = all_rules(&groups).next().unwrap();
    let mut program = Program::new();
    let of = |metric: &str| format!("sum(rate({metric}[5m]))");
    let total = "http_requests_total{role=\"candidate\"}";
    let errors = "http_requests_total{code=~\"5..\",role=\"candidate\"}";
    let wanted = format!("{} / {}", of(errors), of(total));
    assert_eq!(program.add(&first.expr), program.add(&wanted), "{}", first.expr);
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let common = [label("role", "candidate"), label("slo", "shop-errors"), label("team", "front")];
    assert_eq!(first.labels, common);

    let scheme = [
        ("5m", "1h", "14", 2, "critical", "2d"),
        ("30m", "6h", "7", 15, "critical", "4d"),
        ("2h", "1d", "2", 60, "warning", "2w"),
        ("6h", "4d", "1", 180, "warning", "4w"),
    ];
    let alerts: Vec<_> = all_rules(&groups).filter(|rule| rule.name() == "ErrorBudgetBurn").collect();
    assert_eq!(alerts.len(), scheme.len());
    for (alert, (short, long, factor, minutes, severity, exhaustion)) in alerts.iter().zip(scheme) {
        let selects = "{role=\"candidate\",slo=\"shop-errors\"}";
        let above = |window: &str| format!("http_requests:burnrate{window}{selects} > ({factor} * (1-0.99))");
        assert_eq!(program.add(&alert.expr), program.add(&format!("{} and {}", above(short), above(long))));
        let Kind::Alert { hold, .. } = alert.kind else { panic!("{alert:?}") };
        assert_eq!(hold, SimDuration::from_mins(minutes));
        for (name, value) in
            [("short", short), ("long", long), ("severity", severity), ("exhaustion", exhaustion)]
        {
            assert!(alert.labels.contains(&label(name, value)), "{name}: {:?}", alert.labels);
        }
    }
    // 14 x 1 % of an hour, and the wait of two minutes: 10.4, rounded. Two metrics of one name are watched once.
    let absent: Vec<_> = all_rules(&groups).filter(|rule| rule.name() == "SLOMetricAbsent").collect();
    assert_eq!(absent.len(), 1);
    let Kind::Alert { hold, .. } = absent[0].kind else { panic!("{absent:?}") };
    assert_eq!(hold, SimDuration::from_mins(10));
    assert_eq!(program.add(&absent[0].expr), program.add(&format!("absent({total}) == 1")));
}

#[test]
fn pyrra_s_other_indicators_are_its_expressions() {
    let fast = "http_request_duration_seconds_bucket{le=\"0.25\"}";
    let all = "http_request_duration_seconds_count";
    let latency = format!(
        "{{latency: {{success: {{metric: '{fast}'}}, total: {{metric: '{all}'}}, grouping: [pod]}}}}"
    );
    let (good, bad) = ("good_total{job=\"a\"}", "bad_total{job=\"a\"} offset 1m");
    let both = format!("{{ratio: {{success: {{metric: '{good}'}}, errors: {{metric: '{bad}'}}}}}}");
    let rest = format!("{{ratio: {{success: {{metric: '{good}'}}, total: {{metric: 'all_total'}}}}}}");
    let by = |metric: &str| format!("sum by (pod) (rate({metric}[5m]))");
    let sum = |metric: &str| format!("sum(rate({metric}[5m]))");
    let shifted = "sum(rate(bad_total{job=\"a\"}[5m] offset 1m))";
    let cases = [
        (latency, format!("({} - {}) / {}", by(all), by(fast), by(all)), 2),
        (both, format!("{shifted} / ({shifted} + {})", sum(good)), 2),
        (rest, format!("({} - {}) / {}", sum("all_total"), sum(good), sum("all_total")), 2),
        (
            "{bool_gauge: {metric: 'probe_success'}}".to_owned(),
            "(sum(count_over_time(probe_success[5m])) - sum(sum_over_time(probe_success[5m]))) / sum(count_over_time(probe_success[5m]))".to_owned(),
            1,
        ),
    ];
    for (indicator, wanted, absent) in cases {
        let text = pyrra("99.5", "28d", &indicator);
        let groups = rules_of_objectives(&[SourceText { name: "slo.yaml", text: &text }])
            .unwrap_or_else(|wrong| panic!("{}", wrong[0].render(false)));
        let mut program = Program::new();
        let first = all_rules(&groups).next().unwrap();
        assert_eq!(program.add(&first.expr), program.add(&wanted), "{}", first.expr);
        assert_eq!(groups[1].rules.len(), absent, "{indicator}");
    }
}

/// Errors of 60 % burn a budget of 1 % sixty times: the hour holds 14 % of it after 0.14 / 0.6 of an hour and with two minutes of
/// waiting the first alert fires; 4 % burn at four times, which only the slower alerts see, and not within twenty minutes.
#[test]
fn an_objective_of_pyrra_pages_when_its_fastest_alert_should() {
    let loaded = policy(&pyrra("99", "4w", RATIO).replace("spec:\n", "spec:\n  alerting: {absent: false}\n"));
    assert!(loaded.reading[0].contains("99 % over 28 days"), "{:?}", loaded.reading);
    for at in decided(&loaded, "60%", true) {
        let at = at.expect("the budget burns");
        // The record's rate covers what has been served of the new revision only, six minutes of it without errors:
        // x minutes of 60.2 % and six of 0.2 % average to 14 % at x = 1.8.
        assert!((360.0 + 100.0 + 120.0..=360.0 + 110.0 + 120.0 + 120.0).contains(&at), "{at}");
    }
    assert!(decided(&loaded, "4%", true).iter().all(Option::is_none));
    assert!(decided(&loaded, "60%", false).iter().all(Option::is_none));
    let silent = policy(
        &pyrra("99", "4w", RATIO)
            .replace("spec:\n", "spec:\n  alerting: {burnrates: false, absent: false}\n"),
    );
    assert!(silent.checks.is_empty() && silent.tells_only);
}

#[test]
fn what_pyrra_would_not_take_is_refused_with_its_place() {
    let good = pyrra("99", "4w", RATIO);
    for (from, to, fact) in [
        ("target: \"99\"", "target: \"100\"", "a target of `100` cannot be alerted on"),
        ("window: 4w", "window: 1d", "burn rates over `1d` cannot be played"),
        ("window: 4w", "window: soon", "must be a duration"),
        ("indicator: {ratio", "indicator: {rate", "there is no indicator"),
        (
            "metric: 'http_requests_total{role=\"candidate\"}'",
            "metric: 'sum(x)'",
            "`sum(x)` is no plain selector",
        ),
        ("metric: 'http_requests_total{role=\"candidate\"}'", "metric: 'x{'", "slo.yaml:7"),
        ("{errors: ", "{success: {metric: x}, errors: ", "a ratio is made of two metrics"),
        ("kind: ServiceLevelObjective", "kind: Other", "`Other` of Pyrra is not read"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let found = refused(&text);
        assert!(found.contains(fact) && found.contains("slo.yaml:"), "{fact}: {found}");
    }
    let native = pyrra("99", "4w", "{latencyNative: {total: {metric: x}, latency: 250ms}}");
    assert!(refused(&native).contains("native histograms are not simulated"));
    let unread = policy(&good.replace("spec:\n", "spec:\n  performanceOverAccuracy: true\n")).unsupported;
    assert_eq!((unread[0].path.as_str(), unread[0].line), ("spec.performanceOverAccuracy", 5));
}
