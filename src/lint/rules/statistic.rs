//! Which statistic of a latency is asked for: the one its name says, and one that means anything.

use promql_parser::parser::{Expr, LabelModifier, token};

use super::super::support::judged::Judged;
use super::super::support::query::{bare, number, walk};
use super::super::support::values::{Quantity, Reading};
use super::super::{Check, Example, Mistake, Rule, Subject};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "statistic-unlike-name",
        summary: "a judgement is named after a percentile and asks for another statistic",
        effect: "Who reads the name believes that the slowest are watched: a mean, or a lower percentile, hides them.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency-p99
    expr: >-
      histogram_quantile(0.95, sum by (le)
      (rate(http_request_duration_seconds_bucket{role="candidate"}[2m]))) > 0.5
    then: roll_back
"#,
        ),
        check: Check::Policy(unlike_name),
    },
    Rule {
        id: "quantiles-aggregated",
        summary: "quantiles of several series are averaged or summed",
        effect: "The mean of percentiles is no percentile of anything: a pod with few requests counts as much as one with many.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency
    expr: >-
      avg(histogram_quantile(0.99, sum by (le, pod)
      (rate(http_request_duration_seconds_bucket{role="candidate"}[2m])))) > 0.5
    then: roll_back
"#,
        ),
        check: Check::Policy(aggregated),
    },
];

/// The percentile a name speaks of: `p99` is 0.99, `p999` is 0.999, `p99.9` as well.
fn claimed(name: &str) -> Option<f64> {
    let lower = name.to_ascii_lowercase();
    let mut before = ' ';
    for (at, letter) in lower.char_indices() {
        let rest = lower.get(at + letter.len_utf8()..)?;
        let digits: String = rest.chars().take_while(|c| c.is_ascii_digit()).collect();
        if letter == 'p' && !before.is_alphanumeric() && (2..=4).contains(&digits.len()) {
            let behind = rest.get(digits.len()..).unwrap_or_default();
            let fraction: String = behind
                .strip_prefix('.')
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let ends = !behind.starts_with(|c: char| c.is_alphanumeric());
            return format!("0.{digits}{fraction}").parse().ok().filter(|_| ends);
        }
        before = letter;
    }
    None
}

fn unlike_name(subject: &Subject<'_>) -> Vec<Mistake> {
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let look =
        |judged: &Judged| {
            let said = claimed(&judged.name)?;
            let tree = judged.tree.as_ref()?;
            let mut asked = Vec::new();
            walk(tree, &mut |part| {
                if let Expr::Call(call) = part
                    && call.func.name == "histogram_quantile"
                {
                    asked.push(call.args.args.first().and_then(|quantile| number(quantile)));
                }
            });
            let fact = match asked.as_slice() {
                [Some(quantile)] if (quantile - said).abs() > 1e-9 => {
                    format!("`{}` asks for the quantile {quantile}", judged.name)
                }
                [] => {
                    let mean = |compared: &super::super::support::judged::Compared| {
                        matches!(compared.values.quantity, Quantity::Mean { .. })
                    };
                    let is_mean = judged.comparisons.iter().any(mean)
                        || matches!(reading.values(tree).quantity, Quantity::Mean { .. });
                    is_mean.then(|| format!("`{}` asks for a mean", judged.name))?
                }
                _ => return None,
            };
            Some(judged.query.mistake(
                fact,
                format!("write `histogram_quantile({said}, ...)`, or name it after what it asks"),
            ))
        };
    subject.judged.iter().filter_map(look).collect()
}

/// Whether several series can come out of the quantile: what is inside keeps more labels than `le`.
fn several(call: &promql_parser::parser::Call) -> bool {
    let Some(Expr::Aggregate(inner)) = call.args.args.get(1).map(|argument| bare(argument)) else {
        return false;
    };
    match &inner.modifier {
        Some(LabelModifier::Include(labels)) => labels.labels.iter().any(|label| label != "le"),
        _ => false,
    }
}

fn aggregated(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for judged in &subject.judged {
        let Some(tree) = &judged.tree else { continue };
        walk(tree, &mut |part| {
            let Expr::Aggregate(outer) = part else { return };
            let word = match outer.op.id() {
                token::T_AVG => "averaged",
                token::T_SUM => "summed",
                _ => return,
            };
            let Expr::Call(call) = bare(&outer.expr) else { return };
            if call.func.name != "histogram_quantile" || !several(call) {
                return;
            }
            let fact = format!("`{}` is made of quantiles that are {word}", judged.name);
            let help = "sum the buckets first, `histogram_quantile(0.99, sum by (le) (rate(...)))`, or take the `max`";
            found.push(judged.query.mistake(fact, help));
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_speak_of_percentiles() {
        for (name, said) in [
            ("latency-p99", Some(0.99)),
            ("P95", Some(0.95)),
            ("p999_latency", Some(0.999)),
            ("p99.9", Some(0.999)),
            ("http p50 of checkout", Some(0.5)),
            ("p5", None),
            ("http2-latency", None),
            ("app99", None),
            ("p99ish", None),
            ("latency", None),
            ("\u{e4}p99", None),
        ] {
            assert_eq!(claimed(name), said, "{name}");
        }
    }
}
