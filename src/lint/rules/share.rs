//! Shares of requests, from 0 to 1, and percentages, from 0 to 100.

use super::super::support::judged::Compared;
use super::super::support::values::Quantity;
use super::super::{Check, Example, Mistake, Rule, Subject};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "share-compared-with-percent",
        summary: "a share, which is at most 1, is compared with a percentage",
        effect: "The comparison never holds, or always: the trigger is dead, or fires on every release.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) > 5
    then: roll_back
"#,
        ),
        check: Check::Policy(share_with_percent),
    },
    Rule {
        id: "percent-compared-with-share",
        summary: "a percentage of good requests is compared with a share",
        effect: "A success rate of 0.95 % is as bad as one of 5 %: only a total outage is below the limit.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: success
    expr: >-
      100 * sum(rate(http_requests_total{role="candidate",code!~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) < 0.95
    then: roll_back
"#,
        ),
        check: Check::Policy(percent_with_share),
    },
];

fn share_with_percent(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, |compared| {
        let is_share =
            matches!(compared.values.quantity, Quantity::Share { .. }) && compared.values.scale == 1.0;
        let number = compared.what.number;
        (is_share && number > 1.0 && number <= 100.0).then(|| {
            compared.spot.mistake(
                format!("this is a share between 0 and 1, so {} {}", compared.words(), outcome(compared)),
                format!("write {}, or multiply the query by 100", number / 100.0),
            )
        })
    })
}

fn percent_with_share(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, |compared| {
        let good = matches!(compared.values.quantity, Quantity::Share { good: true });
        let number = compared.what.number;
        let is_percent = compared.values.scale == 100.0;
        (good && is_percent && !compared.what.operator.is_upward() && number > 0.0 && number <= 1.0).then(
            || {
                compared.spot.mistake(
                    format!(
                        "this is a percentage between 0 and 100: {} asks for {number} %",
                        compared.words()
                    ),
                    format!("write {}, or leave out the factor 100", number * 100.0),
                )
            },
        )
    })
}

/// What becomes of a comparison with a number above everything that can be.
fn outcome(compared: &Compared) -> &'static str {
    if compared.what.operator.is_upward() { "never holds" } else { "always holds" }
}

fn each(subject: &Subject<'_>, look: impl Fn(&Compared) -> Option<Mistake>) -> Vec<Mistake> {
    subject.judged.iter().flat_map(|judged| &judged.comparisons).filter_map(look).collect()
}
