//! JUnit's XML, in the strict form of the Ant task's schema, which every reader takes: a suite per policy, a case per clause.
//!
//! A clause that failed is a `failure`; one that could not be decided is an `error` of type `inconclusive`, so that no
//! reader shows it as passed. The schema wants times and a host: nothing here was timed (`0`), the stamp is the day the gate was
//! judged as of, and the host is `localhost`.
//!
//! Trap: XML 1.0 has no way to write most control characters, escaped or not; they become `?`.

use super::{GateReport, sentence};
use crate::study::gate::{Ruling, Verdict};

/// The document.
pub fn render(report: &GateReport) -> String {
    let mut policies: Vec<Option<&str>> = Vec::new();
    for ruling in &report.outcome.rulings {
        let policy = ruling.policy.as_deref();
        if !policies.contains(&policy) {
            policies.push(policy);
        }
    }
    let suites: String = policies.iter().enumerate().map(|(id, policy)| suite(report, id, *policy)).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

fn suite(report: &GateReport, id: usize, policy: Option<&str>) -> String {
    let rulings: Vec<(usize, &Ruling)> = report
        .outcome
        .rulings
        .iter()
        .enumerate()
        .filter(|(_, ruling)| ruling.policy.as_deref() == policy)
        .collect();
    let count = |verdict| rulings.iter().filter(|(_, ruling)| ruling.verdict == verdict).count();
    let properties: String = [
        ("seed", report.seed.to_string()),
        ("as_of", report.as_of.clone()),
        ("last_drill", report.last_drill.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("command", report.command.clone()),
    ]
    .iter()
    .map(|(name, value)| format!("      <property name=\"{name}\" value=\"{}\"/>\n", escape(value)))
    .collect();
    let cases: String = rulings.iter().map(|(at, ruling)| case(report, *at, ruling)).collect();
    format!(
        "  <testsuite package=\"backout.gate\" id=\"{id}\" name=\"{}\" timestamp=\"{}T00:00:00\" hostname=\"localhost\" \
         tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"0\">\n    <properties>\n{properties}    </properties>\n{cases}    \
         <system-out>{}</system-out>\n    <system-err></system-err>\n  </testsuite>\n",
        token(policy.unwrap_or("drills")),
        escape(&report.as_of),
        rulings.len(),
        count(Verdict::Fail),
        count(Verdict::Inconclusive),
        escape(&report.played()),
    )
}

fn case(report: &GateReport, at: usize, ruling: &Ruling) -> String {
    let head = format!(
        "    <testcase name=\"{}\" classname=\"{}\" time=\"0\"",
        token(&ruling.text),
        token(&report.gate)
    );
    let (element, kind) = match ruling.verdict {
        Verdict::Pass => return format!("{head}/>\n"),
        Verdict::Inconclusive => ("error", "inconclusive"),
        Verdict::Fail => ("failure", "failed"),
    };
    let replays = report.replays.get(at).map(|commands| commands.join("\n")).unwrap_or_default();
    let said = sentence(ruling);
    format!(
        "{head}>\n      <{element} type=\"{kind}\" message=\"{}\">{}</{element}>\n    </testcase>\n",
        escape(&said),
        escape(&format!("{}: {said}\n{replays}", ruling.text)),
    )
}

/// Text of an element or an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// A token of XML schema: no line breaks, single blanks, not empty.
fn token(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() { "-".to_owned() } else { escape(&words.join(" ")) }
}
