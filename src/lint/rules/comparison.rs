//! Comparisons that are decided before anything is played, and values that make no sense to compare.

use promql_parser::parser::Expr;

use super::super::support::judged::Compared;
use super::super::support::query::{Operator, bare, walk};
use super::super::support::values::{Quantity, Reading};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::telemetry::dialect::Signal;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "comparison-never-holds",
        summary: "no value the query can have is on the bad side of the threshold",
        effect: "The trigger never fires, whatever the release does.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m])) < 0
    then: roll_back
"#,
        ),
        check: Check::Policy(never),
    },
    Rule {
        id: "comparison-always-holds",
        summary: "every value the query can have is on the bad side of the threshold",
        effect: "The trigger fires as soon as there is any value: every release is rolled back.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m])) > -1
    then: roll_back
"#,
        ),
        check: Check::Policy(always),
    },
    Rule {
        id: "number-not-finite",
        summary: "a query contains NaN or infinity as a number",
        effect: "Nothing is equal to NaN or above infinity, so what is compared with it never holds.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m])) == NaN
    then: roll_back
"#,
        ),
        check: Check::Policy(not_finite),
    },
    Rule {
        id: "counter-without-rate",
        summary: "a counter is compared as it is, without a rate",
        effect: "Counters only grow: the threshold is passed after some time however good the release is.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(http_requests_total{role="candidate",code=~"5.."}) > 100
    then: roll_back
"#,
        ),
        check: Check::Policy(counter),
    },
];

/// Whether the whole interval is on one side: `Some(true)` = bad always, `Some(false)` = never.
fn decided(compared: &Compared) -> Option<bool> {
    let (low, high, number) = (compared.values.low, compared.values.high, compared.what.number);
    let (all, none) = match compared.what.operator {
        Operator::Above => (low > number, high <= number),
        Operator::AtLeast => (low >= number, high < number),
        Operator::Below => (high < number, low >= number),
        Operator::AtMost => (high <= number, low > number),
        Operator::Equal => (low == number && high == number, number < low || number > high),
        Operator::Unequal => (number < low || number > high, low == number && high == number),
    };
    if all { Some(true) } else { none.then_some(false) }
}

/// Mistakes with a name of their own: a wrong unit, a histogram that ends too early, no number at all.
fn has_other_name(compared: &Compared) -> bool {
    let number = compared.what.number;
    let percent = matches!(compared.values.quantity, Quantity::Share { .. })
        && compared.values.scale == 1.0
        && number > 1.0
        && number <= 100.0;
    let beyond =
        matches!(compared.values.quantity, Quantity::Quantile { .. }) && number >= compared.values.high;
    percent || beyond || !number.is_finite()
}

fn each(subject: &Subject<'_>, bad: bool, outcome: &str, help: &str) -> Vec<Mistake> {
    let compared = subject.judged.iter().flat_map(|judged| &judged.comparisons);
    compared
        .filter(|compared| decided(compared) == Some(bad) && !has_other_name(compared))
        .filter(|compared| compared.what.alone || !bad)
        .map(|compared| {
            let values = &compared.values;
            let fact = format!(
                "the query is between {} and {}, so {} {outcome} holds",
                values.low,
                values.high,
                compared.words()
            );
            compared.spot.mistake(fact, help)
        })
        .collect()
}

fn never(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, false, "never", "take a threshold within that range")
}

fn always(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, true, "always", "take a threshold within that range, or turn the comparison round")
}

fn not_finite(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for judged in &subject.judged {
        let Some(tree) = &judged.tree else { continue };
        walk(tree, &mut |part| {
            if let Expr::NumberLiteral(literal) = part
                && !literal.val.is_finite()
            {
                let fact = format!("the query contains the number {}", literal.val);
                found.push(
                    judged
                        .query
                        .mistake(fact, "write a finite number; to look for NaN compare a value with itself"),
                );
            }
        });
    }
    found
}

fn counter(subject: &Subject<'_>) -> Vec<Mistake> {
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let all = subject.judged.iter().flat_map(|judged| &judged.comparisons);
    all.filter_map(|compared| {
        let selector = raw_counter(&compared.what.left)?;
        let bound = reading.bind(selector)?;
        let counted = |signal: Signal| {
            matches!(
                signal,
                Signal::Requests
                    | Signal::Errors
                    | Signal::ClientRequests
                    | Signal::ClientErrors
                    | Signal::Cpu
                    | Signal::LatencySum
                    | Signal::ClientLatencySum
                    | Signal::LatencyBuckets
                    | Signal::ClientLatencyBuckets
            )
        };
        let is_counter = bound.families.iter().flat_map(|f| &f.parts).all(|part| counted(part.signal));
        is_counter.then(|| {
            let name = selector.name.clone().unwrap_or_default();
            let fact = format!("`{name}` only grows, so {} holds sooner or later", compared.words());
            compared
                .spot
                .mistake(fact, "take its `rate(...[5m])`, or `increase(...[5m])` for a number of events")
        })
    })
    .collect()
}

/// The selector of an expression that is one, aggregated or not.
fn raw_counter(expr: &Expr) -> Option<&promql_parser::parser::VectorSelector> {
    match bare(expr) {
        Expr::VectorSelector(selector) => Some(selector),
        Expr::Aggregate(aggregate) => raw_counter(&aggregate.expr),
        _ => None,
    }
}
