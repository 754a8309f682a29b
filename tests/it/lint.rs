//! Rules about users' policy files: each example triggers its own rule and no other, shipped files none but those
//! listed, every file anybody can write is survived, and the reference page is the list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use backout::diagnostic::{Diagnostic, Diagnostics, Source};
use backout::import::{CanaryRun, Contents, ImportOptions, SourceText, contents, load};
use backout::lint::{
    Example, FAMILIES, Facts, Files, Migrations, Rule, Said, Subject, Text, check, check_files,
    check_migrations, rules,
};
use backout::scenario::embedded::{self, File};
use backout::scenario::{self, DOUBTS, Scenario};

use crate::shared;

fn scenario_of(file: &File) -> Scenario {
    scenario::read(file.name(), Source::new(file.path, file.text)).unwrap().scenario
}

fn facts(scenario: &Scenario) -> Facts {
    let Scenario { world, telemetry, rollout, warm_up, horizon, .. } = scenario;
    let people_act = scenario.people.as_ref().is_some_and(|people| people.act_on_pages);
    Facts { people_act, ..Facts::new(world, telemetry, rollout, *warm_up, *horizon) }
}

fn usual() -> Facts {
    facts(&scenario_of(embedded::scenario("canary/error-regression").unwrap()))
}

/// What is found in all policies of these files.
fn found(files: &[(&str, &str)], args: &[&str], facts: &Facts) -> Result<Diagnostics, Vec<Diagnostic>> {
    found_in_run(files, args, &[], facts)
}

/// What is found in the example of a rule, whatever kind of file it is.
fn found_in_example(example: &Example, facts: &Facts) -> Result<Diagnostics, Vec<Diagnostic>> {
    found_in_run(&[(example.name, example.file)], example.args, example.kayenta, facts)
}

fn found_in_run(
    files: &[(&str, &str)],
    args: &[&str],
    kayenta: &[&str],
    facts: &Facts,
) -> Result<Diagnostics, Vec<Diagnostic>> {
    let texts: Vec<Text<'_>> = files.iter().map(|(name, text)| Text { name, text }).collect();
    if files.iter().all(|(name, _)| name.ends_with(".sql")) {
        return Ok(check_migrations(&Migrations::parse(&texts)));
    }
    let parsed = Files::parse(&texts);
    // What stands beside policies, or is of a chaos tool, is looked at without being loaded.
    let is_part = |text: &str| text.contains("kind: AlertCondition") && !text.contains("kind: SLO");
    if files.iter().all(|(name, text)| contents(name, text) != Contents::Policy || is_part(text)) {
        return Ok(check_files(&parsed));
    }
    let pair = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    let args: BTreeMap<String, String> = args.iter().map(pair).collect();
    let mut run = CanaryRun::default();
    for setting in kayenta {
        let (key, value) = setting.split_once('=').unwrap();
        run.set(key, value).unwrap();
    }
    let options =
        ImportOptions { args: args.clone(), allow_missing: true, kayenta: run, ..ImportOptions::default() };
    let sources: Vec<SourceText<'_>> = files.iter().map(|(name, text)| SourceText { name, text }).collect();
    let said = Said { args, canary_run: Some((run.lifetime, run.interval)), ..Said::default() };
    let mut all = Diagnostics::new();
    for policy in load(&sources, &options)? {
        all.extend(check(&Subject::new(&parsed, &policy, facts, &said)));
    }
    all.extend(check_files(&parsed));
    Ok(all)
}

fn in_text(text: &str) -> Diagnostics {
    let found = found(&[("p.yaml", text)], &[], &usual());
    found.unwrap_or_else(|wrong| panic!("{}\n{text}", wrong[0].render(false)))
}

fn ids(found: &Diagnostics) -> Vec<&'static str> {
    found.into_iter().filter_map(|finding| finding.code).collect()
}

#[test]
fn every_example_triggers_its_own_rule_and_no_other() {
    let facts = usual();
    let mut wrong = String::new();
    for rule in rules() {
        let example = rule.example;
        let expected = |id: &str| id == rule.id || example.beside.contains(&id);
        match found_in_example(&example, &facts) {
            Ok(all) if ids(&all).iter().all(|id| expected(id)) && ids(&all).contains(&rule.id) => {
                for finding in &all {
                    let placed = finding.location.is_some() || rule.id == "argument-left-over";
                    let helps = finding.help.as_ref().is_some_and(|help| !help.is_empty());
                    assert!(placed && helps, "{}: {}", rule.id, finding.render(false));
                }
            }
            Ok(all) => writeln!(wrong, "{}: {:?}\n{}", rule.id, ids(&all), all.render(false)).unwrap(),
            Err(all) => writeln!(wrong, "{}: {}", rule.id, all[0].render(false)).unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Every finding as its reader sees it, so that nobody changes a place or a word without seeing it.
#[test]
fn what_is_said_about_the_examples() {
    let facts = usual();
    let mut all = String::new();
    for rule in rules() {
        for finding in &found_in_example(&rule.example, &facts).unwrap() {
            writeln!(all, "{}\n", finding.render(false)).unwrap();
        }
    }
    insta::assert_snapshot!("examples", all);
}

/// What is right to be said about shipped files, in the scenario they are explained in: (policy, rules).
const SAID_OF_OURS: &[(&str, &[&str])] = &[
    // Two failures a minute apart under a window of two minutes, as in many public templates.
    ("argo-checkout", &["window-outlasts-count"]),
    // The service as a whole is what it watches: half an hour over both revisions is the recipe of the workbook.
    ("burn-rate", &["window-beyond-step"]),
    // Asks every ten seconds what is scraped every fifteen.
    ("health-check-3-fails", &["evaluated-between-scrapes"]),
    // Three looks of four within a minute and a half, each two minutes long.
    ("named-reasons", &["window-outlasts-count"]),
];

#[test]
fn shipped_policies_make_none_of_the_mistakes_but_those_listed() {
    let facts = usual();
    let mut wrong = String::new();
    for file in embedded::POLICIES {
        let found = found(&[(file.path, file.text)], &[], &facts).unwrap();
        let found: BTreeSet<&str> = ids(&found).into_iter().collect();
        let listed = SAID_OF_OURS.iter().find(|(name, _)| file.path == format!("policies/{name}.yaml"));
        let listed: BTreeSet<&str> = listed.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
        if found != listed {
            writeln!(wrong, "{}: {found:?}, listed {listed:?}", file.path).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A threshold just inside of what is possible is no mistake, just outside it is.
#[test]
fn pages_are_no_mistake_where_people_act_on_them() {
    let example = rules().find(|rule| rule.id == "page-only").unwrap().example;
    let said = |facts: &Facts| ids(&found(&[("policy.yaml", example.file)], &[], facts).unwrap());
    assert_eq!(said(&usual()), ["page-only"]);
    assert!(said(&Facts { people_act: true, ..usual() }).is_empty());
}

#[test]
fn rules_fall_silent_where_the_mistake_is_mended() {
    for (id, broken, mended) in [
        ("share-compared-with-percent", "> 5", "> 0.05"),
        ("percent-compared-with-share", "< 0.95", "< 95"),
        ("latency-unit", "> 500", "> 0.5"),
        ("threshold-above-buckets", "> 10", "> 5"),
        ("threshold-below-buckets", "> 0.002", "> 0.01"),
        ("threshold-inside-wide-bucket", "> 20000", "> 10000"),
        ("quantile-out-of-range", "quantile(99", "quantile(0.99"),
        ("comparison-never-holds", "< 0", "> 5"),
        ("comparison-always-holds", "> -1", "> 5"),
        ("number-not-finite", "== NaN", "> 5"),
        ("single-request-decides", "> 0.0002", "> 0.01"),
        ("rate-above-traffic", "> 5000", "> 5"),
        ("decides-after-horizon", "for: 2h", "for: 5m"),
        ("decides-after-rollout", "for: 40m", "for: 5m"),
        ("for-not-a-multiple", "for: 70s", "for: 90s"),
        ("evaluated-between-scrapes", "every: 5s", "every: 15s"),
        ("gauge-resets-for", "for: 5m", "for: 15s"),
        ("window-below-two-scrapes", "[20s]", "[1m]"),
        ("window-beyond-step", "[30m]", "[5m]"),
        ("window-outlasts-count", "[5m]", "[1m]"),
        ("window-beyond-history", "[3d]", "[10m]"),
        ("page-only", "then: page", "then: roll_back"),
        ("stable-only", "role=\"stable\"", "role=\"candidate\""),
        ("query-matches-nothing", "role=\"canry\"", "role=\"candidate\""),
        (
            "bind-unused",
            "(http_requests_total{role=\"candidate\",code=~\"5..\"}",
            "(shop_failures{role=\"candidate\"}",
        ),
        ("bind-contradicts", "signal: requests", "signal: errors"),
        ("bind-service-unlike-scenario", "wep", "web"),
        ("bind-label-tells-nothing", "candidate: main", "candidate: next"),
        (
            "condition-compares-list",
            "result >= 0.95",
            "len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95",
        ),
        ("condition-without-empty-guard", "isNaN(", "len(result) == 0 || isNaN("),
        ("condition-fails-on-nan", "== 0 ||", "== 0 || isNaN(result[0]) ||"),
        ("conditions-contradict", "0.005", "0.5"),
        ("limit-never-exceeded", "failureLimit: 3", "failureLimit: 2"),
        ("analysis-never-ends", "failureLimit: 1", "failureLimit: 1\n      count: 5"),
        ("one-series-decides", "by (pod)", ""),
        ("argument-unused", "version=\"v2\"", "version=\"v2\",service!=\"{{args.service-name}}\""),
        ("argument-missing", "{name: revision}", "{name: revision, value: app}"),
        ("metric-without-range", "interval: 1m}", "interval: 1m, thresholdRange: {max: 500}}"),
        ("range-is-empty", "max: 100", "max: 900"),
        ("no-step-weight", "maxWeight: 50", "stepWeight: 5"),
        ("interval-unreadable", "interval: 30\n", "interval: 30s\n"),
        ("deadline-below-startup", "Seconds: 1\n", "Seconds: 600\n"),
        ("field-does-not-exist", "inconclusiveCondition", "# "),
        ("statistic-unlike-name", "0.95", "0.99"),
        ("quantiles-aggregated", "by (le, pod)", "by (le)"),
        ("baseline-is-candidate", "{code", "{pod=~\\\"${scope}-.*\\\",code"),
        ("ratio-below-tolerance", "PromQL:", "PromQL:100 * "),
        ("group-never-judged", "\"Business\"]", "\"System\"]"),
        ("burn-alert-inverted", "op: lte", "op: gte"),
        (
            "metric-template-unused",
            "metrics: [{",
            "metrics: [{name: e, templateRef: {name: error-rate}, thresholdRange: {max: 1}}, {",
        ),
        ("deployment-without-alarm", "Every1Minute}", "Every1Minute, Alarms: [{Ref: Errors}]}"),
        ("alarm-not-watched", "Alarms: [", "Alarms: [{Ref: Throttled}, "),
        ("chaos-not-undone", "db_latency", "db-latency"),
        ("deployment-deadline", "progressDeadlineSeconds: 60", "replicas: 3"),
        ("no-revision-history", "revisionHistoryLimit: 0", "revisionHistoryLimit: 2"),
        ("image-without-version", "web:latest", "web:1.4.2"),
        ("image-without-version", "web:latest", "web@sha256:0f"),
        ("no-readiness-probe", "image: shop/web:1.4.2", "readinessProbe: {httpGet: {path: /, port: 80}}"),
        ("rollback-without-healthcheck", "failure_action: rollback", "failure_action: pause"),
        ("monitor-before-unhealthy", "failure_action: rollback", "failure_action: rollback, monitor: 40s"),
        (
            "counter-without-rate",
            "sum(http_requests_total{role=\"candidate\",code=~\"5..\"})",
            "sum(increase(http_requests_total{role=\"candidate\",code=~\"5..\"}[5m]))",
        ),
    ] {
        let rule: &Rule = rules().find(|rule| rule.id == id).unwrap();
        assert!(rule.example.file.contains(broken), "{id}: {broken}");
        let text = rule.example.file.replace(broken, mended);
        assert!(!ids(&in_text(&text)).contains(&id), "{id} is still said of\n{text}");
    }
}

#[test]
fn facts_of_the_scenario_decide() {
    let short = "format: 1\ntriggers:\n  - name: t\n    expr: sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m])) > 3\n    then: roll_back\n";
    let of = |change: &dyn Fn(&mut Facts)| {
        let mut facts = usual();
        change(&mut facts);
        ids(&found(&[("p.yaml", short)], &[], &facts).unwrap())
    };
    assert_eq!(of(&|_| {}), Vec::<&str>::new());
    assert_eq!(of(&|facts| facts.rate = 1.0), ["rate-above-traffic"]);
    assert_eq!(of(&|facts| facts.scrape = facts.scrape * 4), ["window-below-two-scrapes"]);
}

#[test]
fn istios_milliseconds_are_not_seconds() {
    let canary = rules().find(|rule| rule.id == "no-step-weight").unwrap().example.file;
    let text = canary.replace("maxWeight: 50", "stepWeight: 5").replace("{max: 500}", "{max: 0.5}");
    assert_eq!(ids(&in_text(&text)), ["latency-unit"]);
    let text = canary.replace("maxWeight: 50", "stepWeight: 5").replace(
        "name: request-duration, interval: 1m, thresholdRange: {max: 500}",
        "name: request-success-rate, interval: 1m, thresholdRange: {min: 0.99}",
    );
    assert_eq!(ids(&in_text(&text)), ["percent-compared-with-share"]);
}

/// Mistakes that make a file unusable are errors with place, line and help.
#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    let native = |changed: &str, to: &str| {
        let text = "format: 1\nbind:\n  service: web\n  metrics: [{metric: a_b, signal: errors}]\n  labels: [{label: track, stable: a, candidate: b}]\ntriggers:\n  - name: t\n    expr: sum(rate(a_b[1m])) > 1\n    for: 1m\n    every: 15s\n    then: roll_back\n";
        assert!(text.contains(changed), "{changed}");
        text.replace(changed, to)
    };
    let argo = |changed: &str, to: &str| {
        let text = rules().find(|rule| rule.id == "limit-never-exceeded").unwrap().example.file;
        assert!(text.contains(changed), "{changed}");
        text.replace(changed, to)
    };
    let mut all = String::new();
    for text in [
        native("service: web", "servise: web"),
        native("signal: errors", "signal: erors"),
        native("stable: a", "stabel: a"),
        native("for: 1m", "for: 5"),
        native("for: 1m", "for: -5m"),
        native("every: 15s", "every: 15"),
        native("every: 15s", "every: 0s"),
        native("then: roll_back", "then: rollback"),
        native("for: 1m", "consecutive: 0"),
        native("for: 1m", "k_of_n: {k: 4, n: 3}"),
        native("[1m]", ""),
        native("[1m]", "[0s]"),
        native("> 1", "> 1%"),
        argo("interval: 2m", "interval: 5"),
        argo("count: 3", "count: 2"),
        argo("failureLimit: 3", "failureLimit: 3%"),
        argo("{version=\"v2\",", "{version=\"v2\" "),
    ] {
        let wrong = found(&[("p.yaml", &text)], &[], &usual()).expect_err(&text);
        for one in wrong {
            assert!(one.location.is_some() && one.help.is_some(), "{}", one.render(false));
            writeln!(all, "{}\n", one.render(false)).unwrap();
        }
    }
    insta::assert_snapshot!("errors", all);
}

#[test]
fn other_peoples_files_are_survived() {
    let Some(shared) = shared::folder() else { return };
    let facts = usual();
    let mut looked_at = 0;
    for entry in std::fs::read_dir(shared.join("policies")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Ok(found) = found(&[(&name, &text)], &[], &facts) {
            looked_at += 1;
            assert!(found.into_iter().all(|finding| finding.code.is_some()), "{name}");
        }
    }
    assert!(looked_at >= 8, "{looked_at}");
}

/// Mistakes that public policy files were found to make, and the rules that tell them; without a rule, why.
const FOUND_IN_PUBLIC: &[(&str, &[&str], &str)] = &[
    ("a list compared with a number", &["condition-compares-list"], ""),
    ("no guard against an empty result", &["condition-without-empty-guard"], ""),
    ("NaN fails a success condition", &["condition-fails-on-nan"], ""),
    ("failureLimit read as the number that fails", &["limit-never-exceeded"], ""),
    ("success and failure conditions that contradict each other", &["conditions-contradict"], ""),
    ("a condition in a field that does not exist", &["field-does-not-exist"], ""),
    ("an interval without a unit", &["interval-unreadable"], "in Argo's files it is an error"),
    ("an analysis in a step without a count", &["analysis-never-ends"], ""),
    ("names a condition does not know", &["condition-unknown-name", "condition-always-errs"], ""),
    ("a guard that errs itself", &["condition-guard-errs"], ""),
    ("several series, of which one is read", &["one-series-decides"], ""),
    ("a window longer than the step or the interval", &["window-beyond-step", "window-outlasts-count"], ""),
    ("a Flagger metric without a range", &["metric-without-range"], ""),
    ("a Flagger canary without a step weight", &["no-step-weight"], ""),
    ("a threshold above the last finite bucket", &["threshold-above-buckets"], ""),
    (
        "`for` and windows that do not fit the intervals",
        &["for-not-a-multiple", "window-below-two-scrapes"],
        "",
    ),
    ("a gauge with `for` and scrapes that are lost", &["gauge-resets-for"], ""),
    ("a deadline shorter than the start of a pod", &["deadline-below-startup"], ""),
    ("a Kayenta run without an interval", &["judged-once"], ""),
    ("Kayenta on shares of about 0.0001", &["ratio-below-tolerance"], ""),
    ("Kayenta metrics that always err", &["group-never-judged"], ""),
    ("a query that is no PromQL", &[], "an error with its place: the file cannot be used"),
    ("a Deployment believed to roll back", &["deployment-deadline"], ""),
];

/// The table of mistakes found in public files.
fn public_table() -> String {
    let mut table = "\n## Found in public files\n\n| mistake | told by |\n|---|---|\n".to_owned();
    for (mistake, ids, why) in FOUND_IN_PUBLIC {
        let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
        let told = [ids.join(", "), (*why).to_owned()].into_iter().filter(|part| !part.is_empty());
        writeln!(table, "| {mistake} | {} |", told.collect::<Vec<_>>().join("; ")).unwrap();
    }
    table
}

#[test]
fn every_mistake_found_in_public_has_a_rule_or_a_reason() {
    for (mistake, ids, why) in FOUND_IN_PUBLIC {
        assert!(!ids.is_empty() || !why.is_empty(), "{mistake}");
        assert!(ids.iter().all(|id| rules().any(|rule| rule.id == *id)), "{mistake}: {ids:?}");
    }
}

/// The reference page as the lists make it.
fn page() -> String {
    let mut page = "# Warnings\n\nWhat is said about files that can be read and are most likely not meant so. Each warning has a stable \
         name, printed with it; `backout list warnings` lists them,\n`backout lint FILE...` looks for them (`--strict` exits with 10 \
         when anything is found). `score` prints them on stderr, `explain` at the end.\n\nA warning about a \
         policy is made from its files and from facts about the scenario (horizon, traffic, scrape interval, exporters); nothing \
         is played. \"Never holds\"\nis proved from the values the query can have; silence proves nothing. A file that cannot be used at \
         all is no warning but an error with file, line and column.\n"
        .to_owned();
    for (family, rules) in FAMILIES {
        write!(page, "\n## {family}\n").unwrap();
        for rule in *rules {
            write!(page, "\n### `{}`\n\n{}. {}\n\n", rule.id, capital(rule.summary), rule.effect).unwrap();
            if !rule.example.args.is_empty() {
                write!(page, "With `--arg {}`:\n\n", rule.example.args.join(" --arg ")).unwrap();
            }
            if !rule.example.kayenta.is_empty() {
                write!(page, "With `--kayenta {}`:\n\n", rule.example.kayenta.join(" --kayenta ")).unwrap();
            }
            let language = match rule.example.name.ends_with(".sql") {
                true => "sql",
                false if rule.example.file.starts_with('{') => "json",
                false => "yaml",
            };
            write!(page, "```{language}\n{}```\n", rule.example.file).unwrap();
        }
    }
    page.push_str(&public_table());
    page.push_str("\n## Scenarios\n\n| name | mistake |\n|---|---|\n");
    for (id, summary) in DOUBTS {
        writeln!(page, "| `{id}` | {summary} |").unwrap();
    }
    page
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `BACKOUT_WRITE_DOCS=1 cargo test --test it lint` writes the page.
#[test]
fn the_reference_page_is_the_list() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lint.md");
    if std::env::var("BACKOUT_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(path, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "write it with BACKOUT_WRITE_DOCS=1");
}

/// Every doubt about a scenario is met by a scenario.
#[test]
fn every_doubt_about_a_scenario_has_its_name() {
    const GOOD: &str = "format: 1\nwarm_up: 5m\nhorizon: 30m\nservices:\n  web: {service_time: 20ms, error_ratio: 0.1%}\n\
        traffic: [{to: web, rate: 100/s}]\n\
        rollouts: [{service: web, strategy: {canary: {steps: [{weight: 10%, bake: 10m}]}}}]\n\
        change: {faults: [{error_burst: {share: 5%}}]}\n";
    let doubts = |changed: &str, to: &str| {
        assert!(GOOD.contains(changed), "{changed}");
        let mut text = GOOD.replace(changed, to);
        if to.contains("flow") {
            // Two thirds busy: requests queue, which the flow level leaves out.
            text = text.replace("service_time: 20ms", "replicas: 1, concurrency: 3, service_time: 20ms");
        }
        let read = scenario::read("local/s", Source::new("s.yaml", &text));
        ids(&read.unwrap_or_else(|wrong| panic!("{}", wrong.render(false))).warnings)
    };
    assert_eq!(doubts("30m", "30m"), Vec::<&str>::new());
    let all = [
        doubts("horizon: 30m", "horizon: 5m"),
        doubts("change: {faults: [{error_burst: {share: 5%}}]}", "change: {faults: []}"),
        doubts("share: 5%", "share: 5%, after: 40m"),
        doubts("format: 1\n", "format: 1\nfidelity: flow\n"),
        doubts("warm_up: 5m", "warm_up: 20s"),
        doubts("service_time: 20ms", "replicas: 1, concurrency: 1, service_time: 20ms"),
    ];
    let met: BTreeSet<&str> = all.into_iter().flatten().collect();
    let known: BTreeSet<&str> = DOUBTS.iter().map(|(id, _)| *id).collect();
    assert_eq!(met, known);
}

/// Every finding of every example, held to the published schema of SARIF 2.1.0.
#[test]
fn findings_as_sarif_fit_its_schema() {
    let facts = usual();
    let all: Vec<_> =
        rules().flat_map(|rule| found_in_example(&rule.example, &facts).unwrap_or_default()).collect();
    assert!(all.len() >= rules().count(), "each example has at least one finding");
    let list: Vec<&Rule> = rules().collect();
    let log = backout::report::findings::sarif::render(&all, &list);
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), all.len());
    let Some(folder) = shared::folder() else { return };
    let schema = std::fs::read_to_string(folder.join("conformance/schemas/sarif-2.1.0.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
