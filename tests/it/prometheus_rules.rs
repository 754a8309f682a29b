//! Prometheus rule files as policies.

use std::num::NonZeroUsize;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{DecisionKind, Player, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::{shared, studies};

const RATIO: &str = "sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m])) \
     / sum(rate(http_requests_total{role=\"candidate\"}[1m]))";

fn options(alerts: &[&str]) -> ImportOptions {
    let alerts = alerts.iter().map(|text| text.parse().unwrap()).collect();
    ImportOptions { alerts, service: Some("shop".to_owned()), ..ImportOptions::default() }
}

fn policies(files: &[(&str, &str)], alerts: &[&str]) -> Vec<Loaded> {
    let sources: Vec<SourceText<'_>> = files.iter().map(|(name, text)| SourceText { name, text }).collect();
    load(&sources, &options(alerts)).unwrap_or_else(|wrong| panic!("{}", wrong[0].render(false)))
}

/// A group that is called alike has the same phase in every file called alike.
fn rules(body: &str) -> String {
    format!("groups:\n  - name: errors\n    interval: 15s\n    rules:\n{body}")
}

fn alert(name: &str, expr: &str, rest: &str) -> String {
    format!("      - alert: {name}\n        expr: {expr}\n{rest}")
}

fn scenario() -> Scenario {
    let fault: FaultSpec = studies::yaml("error_burst: {share: 30%, after: 3m}");
    Scenario {
        name: "test/rules".to_owned(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        warm_up: SimDuration::from_mins(12),
        ..studies::canary(FidelityChoice::Flow, 100.0)
    }
}

fn play(policies: &[Loaded], n: u32) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario())], policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap()
}

fn runs(records: &[ReplicationRecord], bad: bool) -> Vec<RunRecord> {
    let twins = records.iter().flat_map(|r| &r.rollouts).map(|r| if bad { &r.bad } else { &r.healthy });
    let of_policy = |run: &&RunRecord| matches!(run.player, Player::Policy(_));
    twins.flat_map(|twin| twin.runs.iter().filter(of_policy).cloned()).collect()
}

fn decided(files: &[(&str, &str)], alerts: &[&str]) -> Vec<u64> {
    let records = play(&policies(files, alerts), 3);
    let at =
        |run: RunRecord| run.decision.map(|d| (d.kind == DecisionKind::RollBack).then_some(d.at).unwrap());
    runs(&records, true).into_iter().map(|run| at(run).expect("30 % of errors are seen")).collect()
}

#[test]
fn an_alert_on_a_record_decides_when_the_alert_on_its_expression_does() {
    let direct = rules(&alert("High", &format!("{RATIO} > 0.1"), "        for: 1m\n"));
    let record = format!("      - record: candidate:errors:ratio_rate1m\n        expr: {RATIO}\n");
    let on_record = alert("High", "candidate:errors:ratio_rate1m > 0.1", "        for: 1m\n");
    let chained = rules(&(record.clone() + &on_record));
    let all = ["*=roll_back"];
    let wanted = decided(&[("a/rules.yml", &direct)], &all);
    assert_eq!(decided(&[("a/rules.yml", &chained)], &all), wanted);
    // The record in a file of its own.
    let (records, alerts) = (rules(&record).replace("name: errors", "name: records"), rules(&on_record));
    let apart = decided(&[("b/records.yml", &records), ("a/rules.yml", &alerts)], &all);
    for (apart, wanted) in apart.iter().zip(&wanted) {
        // Another group has another phase: the record is up to an interval old.
        assert!(apart.abs_diff(*wanted) <= 15_000_000_000, "{apart} {wanted}");
    }
}

#[test]
fn what_follows_an_alert_is_what_the_user_says_after_the_time_alertmanager_waits() {
    let labels = "        labels: {severity: page}\n";
    let file = rules(&alert("High", &format!("{RATIO} > 0.1"), labels));
    let files = [("rules.yml", file.as_str())];
    let at_once = decided(&files, &["High=roll_back,after:0s"]);
    let plus = |seconds: u64| -> Vec<u64> { at_once.iter().map(|at| at + seconds * 1_000_000_000).collect() };
    assert_eq!(decided(&files, &["severity:page=roll_back"]), plus(30));
    assert_eq!(decided(&files, &["Low=ignore", "*=roll_back,after:2m"]), plus(120));
    for (setting, pages) in [(None, 1), (Some("*=page"), 1), (Some("High=ignore"), 0)] {
        let settings: Vec<&str> = setting.into_iter().collect();
        let runs = runs(&play(&policies(&files, &settings), 2), true);
        assert!(runs.iter().all(|run| run.decision.is_none() && run.pages == pages), "{setting:?}");
    }
}

#[test]
fn windows_over_records_are_full_at_the_deploy() {
    // Eight minutes of a record exist at the first evaluation, as on a server that has been running.
    let record = "      - record: all:requests:rate1m\n        expr: sum(rate(http_requests_total[1m]))\n";
    let full = "count_over_time(all:requests:rate1m[8m]) >= 30";
    let file = rules(&(record.to_owned() + &alert("Full", full, "")));
    let runs = runs(&play(&policies(&[("rules.yml", &file)], &["*=roll_back,after:0s"]), 2), false);
    for run in runs {
        // It fires since before the deploy, which is nothing new.
        assert!(run.decision.is_none() && run.checks[0].evaluations >= 50, "{:?}", run.checks);
    }
}

const ALL_5XX: &str = "sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m]))";
const ALL: &str = "sum(rate(http_requests_total{role=\"candidate\"}[1m]))";

#[test]
fn one_expression_may_read_records_and_scrapes() {
    let whole = rules(&alert("High", &format!("{RATIO} > 0.1"), "        for: 1m\n"));
    let record = format!("      - record: candidate:errors:rate1m\n        expr: {ALL_5XX}\n");
    let mixed = format!("candidate:errors:rate1m / {ALL} > 0.1");
    let mixed = rules(&(record.clone() + &alert("High", &mixed, "        for: 1m\n")));
    // Over a window: the record's past and the scrapes' past are both there.
    let inner = format!("(candidate:errors:rate1m / {ALL})[1m:15s]");
    let window = rules(&(record + &alert("High", &format!("min_over_time({inner}) > 0.1"), "")));
    let all = ["*=roll_back"];
    let wanted = decided(&[("rules.yml", &whole)], &all);
    assert_eq!(decided(&[("rules.yml", &mixed)], &all), wanted);
    for (window, wanted) in decided(&[("rules.yml", &window)], &all).iter().zip(&wanted) {
        assert!(window.abs_diff(*wanted) <= 15_000_000_000, "{window} {wanted}");
    }
}

#[test]
fn later_rules_see_what_fires_and_a_limit_fails_a_rule() {
    let high = alert("High", &format!("{RATIO} > 0.1"), "");
    let seen = "count(ALERTS{alertname=\"High\",alertstate=\"firing\"}) > 0";
    let both = rules(&(high.clone() + &alert("Seen", seen, "")));
    let of = |file: &str, setting: &str| decided(&[("rules.yml", file)], &[setting, "*=ignore"]);
    assert_eq!(of(&both, "Seen=roll_back,after:0s"), of(&both, "High=roll_back,after:0s"));
    // Four codes are more series than one.
    let many = "count by (code) (http_requests_total{role=\"candidate\"}) > 0";
    let fires = |text: &str| {
        let settings = ["*=roll_back,after:0s"];
        runs(&play(&policies(&[("rules.yml", text)], &settings), 1), false)[0].decision.is_some()
    };
    let free = rules(&alert("Many", many, ""));
    assert!(fires(&free));
    assert!(!fires(&free.replace("    interval: 15s\n", "    interval: 15s\n    limit: 1\n")));
}

#[test]
fn an_offset_delays_what_queries_see() {
    let text = rules(&alert("High", &format!("{RATIO} > 0.1"), ""));
    let later = text.replace("    interval: 15s\n", "    interval: 15s\n    query_offset: 1m\n");
    let record = format!("      - record: candidate:ratio\n        expr: {RATIO}\n");
    let chained = rules(&(record + &alert("High", "candidate:ratio > 0.1", "")));
    let chained = chained.replace("    interval: 15s\n", "    interval: 15s\n    query_offset: 1m\n");
    let all = ["*=roll_back,after:0s"];
    let plus: Vec<u64> =
        decided(&[("rules.yml", &text)], &all).iter().map(|at| at + 60_000_000_000).collect();
    assert_eq!(decided(&[("rules.yml", &later)], &all), plus);
    assert_eq!(decided(&[("rules.yml", &chained)], &all), plus);
}

#[test]
fn what_cannot_be_played_is_refused_with_its_place() {
    let record = "      - record: my:record\n        expr: sum(up)\n";
    let only_records = rules(record);
    for (text, line, fact) in [
        (only_records.as_str(), None, "there is no alert in these rules"),
        ("groups: [{name: a, rules: [{alert: A, expr: 'up ='}]}]", Some(1), "is no query"),
        ("groups: [{name: a, rules: [{expr: up}]}]", Some(1), "neither `record` nor `alert`"),
        (
            "groups: [{name: a, rules: [{alert: A, record: b, expr: up}]}]",
            Some(1),
            "both `record` and `alert`",
        ),
        ("groups: [{name: a, rules: [{record: b, expr: up, for: 1m}]}]", Some(1), "has `for`"),
        ("groups: [{name: a}, {name: a}]", Some(1), "two groups `a`"),
        ("groups: [{name: a, ruels: []}]", Some(1), "unknown key `ruels`"),
    ] {
        let wrong = load(&[SourceText { name: "r.yml", text }], &options(&[])).err().expect(text);
        let found = wrong[0].render(false);
        assert!(found.contains(fact), "{found}");
        if let Some(line) = line {
            assert!(found.contains(&format!("r.yml:{line}:")), "{found}");
        }
    }
    for setting in ["High", "High=reboot", "High=page,after:soon"] {
        assert!(setting.parse::<backout::import::AlertSetting>().is_err(), "{setting}");
    }
}

#[test]
fn rule_files_of_other_people_are_read() {
    let Some(folder) = shared::folder().map(|folder| folder.join("policies")) else { return };
    for (file, alerts) in [
        ("prom-01-istio-alerts.yml", 10),
        ("prom-02-sloth-getting-started.yml", 2),
        ("prom-04-promtool-rules.yml", 2),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(policies(&[(file, &text)], &[])[0].checks.len(), alerts, "{file}");
    }
}

#[test]
fn that_nothing_but_a_page_follows_is_said() {
    let file = rules(&alert("High", &format!("{RATIO} > 0.1"), ""));
    let tells_only = |alerts: &[&str]| policies(&[("rules.yml", &file)], alerts)[0].tells_only;
    assert!(tells_only(&[]) && tells_only(&["*=ignore"]));
    assert!(!tells_only(&["High=investigate"]) && !tells_only(&["*=roll_back"]));
}
