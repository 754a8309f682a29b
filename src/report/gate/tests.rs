//! Each form on a hand-made outcome.

use super::*;
use crate::stats::Estimate;
use crate::study::gate::{Evidence, ScenarioValue};

fn ruling(clause: usize, text: &str, verdict: Verdict, value: f64) -> Ruling {
    let open = verdict != Verdict::Pass;
    Ruling {
        clause,
        text: text.to_owned(),
        score: "missed_rate".to_owned(),
        policy: Some("a|<b>".to_owned()),
        verdict,
        estimate: Estimate { value, low: value - 0.01, high: value + 0.01, n: 400 },
        level: Some(0.9875),
        limit: 0.05,
        reason: "it is 12 %, with an interval from 11 % to 13 %".to_owned(),
        scenarios: 2,
        replications: 200,
        worst: Some(ScenarioValue { scenario: "fault/x".to_owned(), value: 0.2 }),
        evidence: if open {
            vec![Evidence { scenario: "fault/x".to_owned(), replication: 7, healthy: false }]
        } else {
            Vec::new()
        },
    }
}

pub(crate) fn sample() -> GateReport {
    let text = "format: 1\nsummary: Goals & more.\nclauses:\n  - missed_rate <= 5% at 95%\n  - missed_rate < 20%\n  - missed_rate.worst < 50%\n";
    let gate = crate::study::gate::file::parse(crate::diagnostic::Source::new("g.yaml", text)).unwrap();
    let outcome = Outcome {
        verdict: Verdict::Fail,
        rulings: vec![
            ruling(0, "missed_rate <= 5% at 95%", Verdict::Fail, 0.12),
            ruling(1, "missed_rate < 20%", Verdict::Pass, 0.12),
            ruling(2, "missed_rate.worst < 50%", Verdict::Inconclusive, 0.2),
        ],
        played: 800,
        planned: 1600,
        looks: 3,
        looks_planned: 4,
    };
    let scenarios = vec![ScenarioMeta::named("fault/x"), ScenarioMeta::named("fault/y")];
    let policies =
        vec![PolicyMeta { name: "a|<b>".into(), source: "p.yaml".into(), ..PolicyMeta::default() }];
    let mut report = GateReport::new(
        (&gate, outcome),
        (7, "backout gate g.yaml p.yaml --seed 7", ""),
        scenarios,
        policies,
    );
    report.as_of = "2026-11-21".to_owned();
    report.version = "0.0.0".to_owned();
    report
}

#[test]
fn a_terminal() {
    let mut report = sample();
    report.why = true;
    let told = text::render(&report);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "gate g.yaml: fail (1 failed, 1 inconclusive, 1 passed)");
    let at = |text: &str| lines.iter().position(|line| *line == text).unwrap_or_else(|| panic!("{told}"));
    let failed = at("fail         missed_rate <= 5% at 95%");
    let open = at("inconclusive missed_rate.worst < 50%");
    assert!(failed < open && open < at("pass         missed_rate < 20%"), "{told}");
    assert!(lines[failed + 1].starts_with("             a|<b>: it is 12 %"), "{told}");
    at("             backout run scenarios/fault/x.yaml p.yaml --seed 7 --replication 7");
    assert!(text::render(&sample()).lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_comment_keeps_its_table_and_its_limit() {
    let mut report = sample();
    let text = markdown::render(&report);
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(text.lines().filter(|line| line.starts_with('|')).all(|line| bars(line) == 4), "{text}");
    assert!(
        text.contains("**FAIL** | `missed_rate <= 5% at 95%`") && text.contains("worst in fault/x: 20 %")
    );
    let one = report.outcome.rulings[0].clone();
    report.outcome.rulings = vec![one; 10_000];
    let long = markdown::render(&report);
    assert!(long.len() <= markdown::SUMMARY_MAX && long.contains("more results are in the json form"));
}

#[test]
fn annotations_point_to_clauses_the_failed_ones_first() {
    let text = findings::render_github(&sample());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with(
            "::error file=g.yaml,line=4,col=5,title=gate-failed::missed_rate <= 5%25 at 95%25: "
        )
    );
    assert!(
        lines[0].contains("fault/x")
            && lines[0].contains("%0Areplay: backout run scenarios/fault/x.yaml p.yaml")
    );
    assert!(lines[1].starts_with("::warning file=g.yaml,line=6,col=5,title=gate-inconclusive::"));
    let log = findings::render_sarif(&sample());
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "gate-failed");
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 2);
}

#[test]
fn junit_escapes_and_counts() {
    let text = junit::render(&sample());
    assert!(
        text.contains("name=\"a|&lt;b&gt;\"") && text.contains("tests=\"3\" failures=\"1\" errors=\"1\"")
    );
    assert!(text.contains("name=\"missed_rate &lt;= 5% at 95%\"") && text.contains("type=\"inconclusive\""));
    assert!(text.contains("timestamp=\"2026-11-21T00:00:00\""));
}
