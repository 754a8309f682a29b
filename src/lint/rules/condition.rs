//! Conditions of Argo: what they do with the list a Prometheus query gives.
//!
//! Argo types the result as `[]float64`. A condition that does not fit that type is an Error at every measurement, and
//! five of those in a row abort the rollout; so does one that takes an element of an empty list.

use promql_parser::parser::{Expr, token};

use super::super::support::judged::{Judged, Metric};
use super::super::support::place::Spot;
use super::super::support::query::{bare, called, number, walk};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::expr::{Condition, ExprError, ResultKind, Value};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "condition-compares-list",
        summary: "a condition compares the whole result, which is a list, with a number",
        effect: "A type error: every measurement is an Error, and the fifth in a row aborts the rollout.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: result >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(compares_list),
    },
    Rule {
        id: "condition-unknown-name",
        summary: "a condition uses a name that is not known there",
        effect: "Only `result` is known: every measurement is an Error, and the fifth in a row aborts the rollout.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: results[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(unknown_name),
    },
    Rule {
        id: "condition-guard-errs",
        summary: "the guard of a condition errs itself",
        effect: "`isNaN(result)` gets a list and `default(result[0], d)` an empty one: the guard is what aborts.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: isNaN(result) || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(guard_errs),
    },
    Rule {
        id: "condition-always-errs",
        summary: "a condition is no expression, or does not fit a list of numbers",
        effect: "Every measurement is an Error, and the fifth in a row aborts the rollout.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: result[0] >= 0.95 and
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(always_errs),
    },
    Rule {
        id: "condition-without-empty-guard",
        summary: "a condition takes `result[0]` of a query that can be empty",
        effect: "Without traffic there is no series: an Error, and the fifth in a row aborts the rollout.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: isNaN(result[0]) || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(without_guard),
    },
    Rule {
        id: "condition-fails-on-nan",
        summary: "a quotient that is NaN without traffic fails the only condition there is",
        effect: "0/0 is NaN, which is neither above nor below anything: no traffic counts as a failed measurement.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
    - name: success-rate
      interval: 2m
      failureLimit: 1
      successCondition: len(result) == 0 || result[0] >= 0.95
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code!~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(fails_on_nan),
    },
    Rule {
        id: "conditions-contradict",
        summary: "success and failure condition hold for the same value",
        effect: "The failure condition wins, so a part of what is called a success is a failure.",
        example: Example::file(
            r#"apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors}
spec:
  metrics:
    - name: errors
      interval: 2m
      failureLimit: 1
      successCondition: len(result) == 0 || result[0] <= 0.05
      failureCondition: len(result) > 0 && result[0] > 0.005
      provider:
        prometheus:
          query: |
            sum(rate(http_requests_total{version="v2",code=~"5.."}[2m]))
            / sum(rate(http_requests_total{version="v2"}[2m]))
"#,
        ),
        check: Check::Policy(contradict),
    },
];

/// A condition of a metric that asks Prometheus for a vector.
struct Read<'s> {
    judged: &'s Judged,
    metric: &'s Metric,
    text: &'s str,
    spot: &'s Spot,
    /// The condition, unless it is no expression.
    condition: Result<Condition, String>,
    /// The type error it gives for every list.
    misfit: Option<ExprError>,
}

fn read<'s>(subject: &'s Subject<'_>) -> Vec<Read<'s>> {
    let mut all = Vec::new();
    for judged in &subject.judged {
        let (Some(metric), Some(tree)) = (&judged.metric, &judged.tree) else { continue };
        // A scalar is a number and no list.
        if number(tree).is_some() || called(tree) == Some("scalar") {
            continue;
        }
        for (text, spot) in [&metric.success, &metric.failure].into_iter().flatten() {
            let condition = Condition::parse(text).map_err(|error| error.message);
            let misfit = condition.as_ref().ok().and_then(|c| c.check(ResultKind::Floats).err());
            all.push(Read { judged, metric, text, spot, condition, misfit });
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Misfit {
    Name,
    Guard,
    List,
    Other,
}

/// Which of the usual mistakes a condition that never works has made.
fn misfit(read: &Read<'_>) -> Option<(Misfit, String)> {
    let error = match (&read.condition, &read.misfit) {
        (Err(message), _) => return Some((Misfit::Other, message.clone())),
        (_, Some(error)) => error,
        _ => return None,
    };
    let on_list = regex::Regex::new(r"\b(isNaN|isInf|default|asFloat|asInt)\s*\(\s*result\s*[,)]").ok();
    let kind = if error.message.starts_with("unknown name") {
        Misfit::Name
    } else if on_list.is_some_and(|guard| guard.is_match(read.text)) {
        Misfit::Guard
    } else if error.message.contains("mismatched types []float64") {
        Misfit::List
    } else {
        Misfit::Other
    };
    Some((kind, error.message.clone()))
}

fn misfits(subject: &Subject<'_>, wanted: Misfit, help: &str) -> Vec<Mistake> {
    let found = read(subject).into_iter().filter_map(|read| {
        let (kind, message) = misfit(&read)?;
        (kind == wanted).then(|| {
            let fact = format!("every measurement of `{}` is an Error: {message}", read.judged.name);
            read.spot.mistake(fact, help)
        })
    });
    found.collect()
}

fn compares_list(subject: &Subject<'_>) -> Vec<Mistake> {
    misfits(subject, Misfit::List, "take an element, `result[0]`, and say what an empty list means")
}

fn unknown_name(subject: &Subject<'_>) -> Vec<Mistake> {
    misfits(subject, Misfit::Name, "the value is called `result`; arguments are written `{{args.name}}`")
}

fn always_errs(subject: &Subject<'_>) -> Vec<Mistake> {
    misfits(subject, Misfit::Other, "write a condition about `result`, like `result[0] >= 0.95`")
}

fn guard_errs(subject: &Subject<'_>) -> Vec<Mistake> {
    let help = "write `len(result) == 0 || isNaN(result[0]) || ...`";
    let mut found = misfits(subject, Misfit::Guard, help);
    for read in read(subject).iter().filter(|read| has_default(read) && errs_when_empty(read)) {
        let fact = format!(
            "`default` of `{}` comes too late: `result[0]` errs first when there is no series",
            read.judged.name
        );
        found.push(read.spot.mistake(fact, help));
    }
    found
}

fn has_default(read: &Read<'_>) -> bool {
    regex::Regex::new(r"\bdefault\s*\(\s*result\s*\[").is_ok_and(|default| default.is_match(read.text))
}

fn errs_when_empty(read: &Read<'_>) -> bool {
    let condition = read.condition.as_ref().ok().filter(|_| read.misfit.is_none());
    let empty = read.judged.tree.as_ref().is_some_and(can_be_empty);
    empty && condition.is_some_and(|condition| condition.evaluate(&Value::Floats(Vec::new())).is_err())
}

/// Whether a query can have no series; a constant on the right of an `or`, and `absent`, always give one.
fn can_be_empty(tree: &Expr) -> bool {
    match bare(tree) {
        Expr::Binary(binary) if binary.op.id() == token::T_LOR => {
            can_be_empty(&binary.lhs) && can_be_empty(&binary.rhs)
        }
        Expr::Binary(binary) if !binary.op.is_comparison_operator() => {
            let side = |side: &Expr| number(side).is_none() && can_be_empty(side);
            side(&binary.lhs) || side(&binary.rhs)
        }
        Expr::Call(call) if matches!(call.func.name, "vector" | "scalar" | "time") => false,
        Expr::Aggregate(aggregate) => can_be_empty(&aggregate.expr),
        _ => true,
    }
}

fn without_guard(subject: &Subject<'_>) -> Vec<Mistake> {
    let all = read(subject);
    let found = all.iter().filter(|read| errs_when_empty(read) && !has_default(read));
    found
        .map(|read| {
            let fact = format!(
                "`{}` has no value without traffic, and taking `result[0]` is an Error then",
                read.judged.name
            );
            read.spot.mistake(fact, "put `len(result) == 0 ||` in front, or `or vector(0)` behind the query")
        })
        .collect()
}

fn fails_on_nan(subject: &Subject<'_>) -> Vec<Mistake> {
    let all = read(subject);
    let look = |read: &&Read<'_>| {
        let alone = read.metric.failure.is_none() && read.metric.success.is_some();
        let condition = read.condition.as_ref().ok().filter(|_| read.misfit.is_none());
        let fails =
            condition.is_some_and(|c| matches!(c.evaluate(&Value::Floats(vec![f64::NAN])), Ok(false)));
        alone && fails && read.judged.tree.as_ref().is_some_and(can_be_nan)
    };
    let found = all.iter().filter(look).map(|read| {
        let fact = format!("without traffic `{}` is NaN, which fails the condition", read.judged.name);
        read.spot.mistake(fact, "put `isNaN(result[0]) ||` in front, or divide by `clamp_min(..., 1)`")
    });
    found.collect()
}

/// Whether a query divides by what can be zero, or takes a quantile of what can be empty.
fn can_be_nan(tree: &Expr) -> bool {
    let mut nan = false;
    walk(tree, &mut |part| match part {
        Expr::Binary(binary) if binary.op.id() == token::T_DIV => {
            let guarded = match bare(&binary.rhs) {
                Expr::Binary(inner) => inner.op.is_comparison_operator(),
                Expr::Call(call) => call.func.name == "clamp_min",
                other => number(other).is_some(),
            };
            nan |= !guarded;
        }
        Expr::Call(call) => nan |= call.func.name == "histogram_quantile",
        _ => {}
    });
    nan
}

fn contradict(subject: &Subject<'_>) -> Vec<Mistake> {
    let all = read(subject);
    let found =
        all.iter().filter_map(|read| {
            let (failure, spot) = read.metric.failure.as_ref()?;
            let (success, _) = read.metric.success.as_ref().filter(|(text, _)| text == read.text)?;
            let (one, other) = (Condition::parse(success).ok()?, Condition::parse(failure).ok()?);
            let both = |value: &f64| {
                let result = Value::Floats(vec![*value]);
                one.evaluate(&result) == Ok(true) && other.evaluate(&result) == Ok(true)
            };
            let value = probes(&[success, failure]).into_iter().find(both)?;
            let fact =
                format!("a value of {value} is a success and a failure of `{}`: it fails", read.judged.name);
            Some(spot.mistake(
                fact,
                "let the two conditions exclude each other; what lies between is inconclusive",
            ))
        });
    found.collect()
}

/// Every number in the texts, and numbers between and beyond them: conditions change their mind nowhere else.
fn probes(texts: &[&str]) -> Vec<f64> {
    let Ok(numbers) = regex::Regex::new(r"\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?") else { return Vec::new() };
    let mut values: Vec<f64> = texts
        .iter()
        .flat_map(|text| numbers.find_iter(text))
        .filter_map(|found| found.as_str().replace('_', "").parse::<f64>().ok())
        .flat_map(|value| [value, -value])
        .collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let between: Vec<f64> = values
        .windows(2)
        .filter_map(|pair| <[f64; 2]>::try_from(pair).ok())
        .map(|[a, b]| (a + b) / 2.0)
        .collect();
    let ends = [values.first().map(|v| v - 1.0), values.last().map(|v| v + 1.0)];
    between.into_iter().chain(values.iter().copied()).chain(ends.into_iter().flatten()).collect()
}
