//! Latencies: seconds and milliseconds, and what a histogram can tell.

use promql_parser::parser::{Expr, token};

use super::super::support::judged::Compared;
use super::super::support::query::{number, walk};
use super::super::support::values::Quantity;
use super::super::{Check, Example, Mistake, Rule, Subject};

/// A latency threshold of so many seconds is taken for milliseconds.
const LONGEST_SECONDS: f64 = 60.0;
/// A bucket is wide when its upper bound is more than so many times its lower one.
const WIDE: f64 = 2.5;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "latency-unit",
        summary: "a latency in seconds is compared with milliseconds, or the other way round",
        effect: "The limit is off by a factor of 1000: nothing is ever too slow, or everything is.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency
    expr: >-
      histogram_quantile(0.99, sum by (le)
      (rate(http_request_duration_seconds_bucket{role="candidate"}[2m]))) > 500
    then: roll_back
"#,
        ),
        check: Check::Policy(unit),
    },
    Rule {
        id: "threshold-above-buckets",
        summary: "the threshold is not below the last finite bucket of the histogram",
        effect: "A quantile beyond the last finite bound is given as that bound, so the comparison never holds.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency
    expr: >-
      histogram_quantile(0.99, sum by (le)
      (rate(http_request_duration_seconds_bucket{role="candidate"}[2m]))) > 10
    then: roll_back
"#,
        ),
        check: Check::Policy(above),
    },
    Rule {
        id: "threshold-below-buckets",
        summary: "the threshold is below the first bucket of the histogram",
        effect: "Everything in the first bucket is spread evenly from zero to its bound: the value there is a guess.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency
    expr: >-
      histogram_quantile(0.5, sum by (le)
      (rate(http_request_duration_seconds_bucket{role="candidate"}[2m]))) > 0.002
    then: roll_back
"#,
        ),
        check: Check::Policy(below),
    },
    Rule {
        id: "threshold-inside-wide-bucket",
        summary: "the threshold lies within a bucket whose bounds are far apart",
        effect: "Between two bounds a quantile is interpolated, so it says little about where in the bucket requests are.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency
    expr: >-
      histogram_quantile(0.99, sum by (le)
      (rate(istio_request_duration_milliseconds_bucket{reporter="destination",role="candidate"}[2m]))) > 20000
    then: roll_back
"#,
        ),
        check: Check::Policy(inside),
    },
    Rule {
        id: "quantile-out-of-range",
        summary: "a quantile is not between 0 and 1",
        effect: "Prometheus answers with infinity: above 1 every threshold is exceeded, below 0 none is.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: latency
    expr: >-
      histogram_quantile(99, sum by (le)
      (rate(http_request_duration_seconds_bucket{role="candidate"}[2m]))) > 0.5
    then: roll_back
"#,
        ),
        check: Check::Policy(quantile),
    },
];

fn each(subject: &Subject<'_>, look: impl Fn(&Compared) -> Option<Mistake>) -> Vec<Mistake> {
    subject.judged.iter().flat_map(|judged| &judged.comparisons).filter_map(look).collect()
}

/// The unit the threshold seems to be in, if it is not the latency's: its name and the number in the right one.
fn wrong_unit(compared: &Compared) -> Option<(&'static str, &'static str, f64)> {
    let per_second = compared.values.per_second()?;
    let number = compared.what.number;
    if per_second == 1.0 && number >= LONGEST_SECONDS {
        Some(("seconds", "milliseconds", number / 1000.0))
    } else if per_second == 1000.0 && number > 0.0 && number < 1.0 {
        Some(("milliseconds", "seconds", number * 1000.0))
    } else {
        None
    }
}

fn unit(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, |compared| {
        let (is, seems, meant) = wrong_unit(compared)?;
        let fact = format!("this latency is in {is}, and {} looks like {seems}", compared.words());
        Some(compared.spot.mistake(fact, format!("write {meant}")))
    })
}

/// The finite bounds of a quantile, scaled as the comparison sees them.
fn bounds(compared: &Compared) -> Option<Vec<f64>> {
    match &compared.values.quantity {
        Quantity::Quantile { bounds, .. } if wrong_unit(compared).is_none() => {
            Some(bounds.iter().map(|bound| bound * compared.values.scale).collect())
        }
        _ => None,
    }
}

fn above(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, |compared| {
        let last = bounds(compared)?.last().copied()?;
        let number = compared.what.number;
        let dead = match compared.what.operator.sign() {
            ">" | "<=" => number >= last,
            _ => number > last,
        };
        dead.then(|| {
            let outcome = if compared.what.operator.is_upward() { "never" } else { "always" };
            let fact = format!(
                "the histogram's last finite bound is {last}, so {} {outcome} holds",
                compared.words()
            );
            compared.spot.mistake(fact, "take a threshold below it, or give the histogram a larger bucket")
        })
    })
}

fn below(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, |compared| {
        let first = bounds(compared)?.first().copied()?;
        let number = compared.what.number;
        (number > 0.0 && number < first).then(|| {
            let fact =
                format!("the histogram's first bound is {first}: below it {} is a guess", compared.words());
            compared.spot.mistake(fact, "take a threshold that is a bound of the histogram")
        })
    })
}

fn inside(subject: &Subject<'_>) -> Vec<Mistake> {
    each(subject, |compared| {
        let bounds = bounds(compared)?;
        let number = compared.what.number;
        let around = bounds.windows(2).find_map(|pair| match pair {
            [low, high] if *low < number && number < *high => Some((*low, *high)),
            _ => None,
        });
        let (low, high) = around.filter(|(low, high)| *high > low * WIDE)?;
        let fact =
            format!("there is no bucket between {low} and {high}, and {} lies there", compared.words());
        Some(compared.spot.mistake(fact, format!("compare with {low} or {high}, or add a bucket")))
    })
}

fn quantile(subject: &Subject<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for judged in &subject.judged {
        let Some(tree) = &judged.tree else { continue };
        walk(tree, &mut |part| {
            let (what, at) = match part {
                Expr::Call(call) if matches!(call.func.name, "histogram_quantile" | "quantile_over_time") => {
                    (call.func.name, call.args.args.first().and_then(|q| number(q)))
                }
                Expr::Aggregate(aggregate) if aggregate.op.id() == token::T_QUANTILE => {
                    ("quantile", aggregate.param.as_ref().and_then(|q| number(q)))
                }
                _ => return,
            };
            let Some(q) = at.filter(|q| !(0.0..=1.0).contains(q)) else { return };
            let infinite = if q > 1.0 {
                "+Inf"
            } else if q < 0.0 {
                "-Inf"
            } else {
                "NaN"
            };
            let help = if q > 1.0 && q <= 100.0 {
                format!("write {}", q / 100.0)
            } else {
                "write a quantile between 0 and 1, like 0.99".to_owned()
            };
            found.push(judged.query.mistake(format!("`{what}` of {q} is always {infinite}"), help));
        });
    }
    found
}
