//! Thresholds and the traffic there is: what one request can do, and what no amount of them can.

use promql_parser::parser::Expr;

use super::super::support::judged::{Compared, Judged};
use super::super::support::query::{bare, selectors, windows};
use super::super::support::values::{Quantity, Reading};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::strategy::StrategySpec;
use crate::telemetry::dialect::Signal;
use crate::telemetry::naming::Role;

/// A mean rate varies; a threshold is out of reach beyond so many times of it.
const SPIKE: f64 = 2.0;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "single-request-decides",
        summary: "one failed request is enough at the traffic the new revision gets in its first step",
        effect: "The sample is so small that a single background error rolls a good release back.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) > 0.0002
    then: roll_back
"#,
        ),
        check: Check::Policy(single),
    },
    Rule {
        id: "rate-above-traffic",
        summary: "the threshold is a rate the service never gets",
        effect: "More requests would have to fail in a second than there are: the trigger never fires.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m])) > 5000
    then: roll_back
"#,
        ),
        check: Check::Policy(above),
    },
];

/// Requests per second of the new revision in the first step that gives it any, and that step's share.
fn first_step(subject: &Subject<'_>) -> Option<(f64, f64)> {
    let weights: Vec<f64> = match subject.rollout() {
        StrategySpec::Canary(canary) => {
            canary.steps.iter().filter_map(|step| step.weight).map(|weight| weight.ratio().get()).collect()
        }
        StrategySpec::Flagger(flagger) => flagger.weights.iter().map(|weight| weight.ratio().get()).collect(),
        StrategySpec::FeatureFlag(flag) => flag.values.iter().map(|value| value.ratio().get()).collect(),
        // Nobody is served by copies, and metrics count them.
        StrategySpec::Shadow(shadow) => vec![shadow.share.ratio().get()],
        // The others give it a share of the pods, or of the clients as they come.
        _ => Vec::new(),
    };
    let share = weights.into_iter().find(|share| *share > 0.0)?;
    let synthetic = match subject.rollout() {
        StrategySpec::Flagger(flagger) => flagger.synthetic_load.map_or(0.0, |load| load.get()),
        _ => 0.0,
    };
    Some((subject.facts.rate * share + synthetic, share))
}

/// Whether an expression reads the new revision and nothing else.
fn reads_candidate_only(subject: &Subject<'_>, expr: &Expr) -> bool {
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let all = selectors(expr);
    let candidate = |bound: crate::telemetry::binding::Bound| {
        let roles = bound.roles(&subject.facts.world);
        roles.len() == 1 && roles.contains(&Role::Candidate)
    };
    !all.is_empty() && all.iter().all(|(selector, _)| reading.bind(selector).is_some_and(candidate))
}

fn single(subject: &Subject<'_>) -> Vec<Mistake> {
    let Some((rate, share)) = first_step(subject) else { return Vec::new() };
    let look = |judged: &Judged, compared: &Compared| {
        let Quantity::Share { good } = compared.values.quantity else { return None };
        let limit = compared.what.number / compared.values.scale;
        // What a failed request has to exceed: the share of bad ones that is accepted.
        let accepted = match (good, compared.what.operator.is_upward()) {
            (false, true) => limit,
            (true, false) => 1.0 - limit,
            _ => return None,
        };
        let (window, _) = windows(&compared.what.left)?;
        let requests = rate * window.as_secs_f64();
        // A failed request stays in the window; a count or a `for` beyond it asks for more than one.
        let lasts = judged.pace.is_none_or(|pace| pace.spread() < window);
        let decides = accepted > 0.0 && requests >= 1.0 && 1.0 / requests > accepted;
        (lasts && decides && reads_candidate_only(subject, &compared.what.left)).then(|| {
            let fact = format!(
                "at {:.0} % of the traffic `{}` sees {requests:.0} requests in {window}: one failure is enough",
                share * 100.0,
                judged.name
            );
            compared.spot.mistake(fact, "take a longer window or a higher threshold, or ask for a minimum of requests")
        })
    };
    let found = subject.judged.iter().filter(|judged| judged.acts);
    found.flat_map(|judged| judged.comparisons.iter().filter_map(move |c| look(judged, c))).collect()
}

fn above(subject: &Subject<'_>) -> Vec<Mistake> {
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let look = |compared: &Compared| {
        let (selector, per) = rate_of(&compared.what.left)?;
        let bound = reading.bind(selector)?;
        let counted = |signal: Signal| {
            matches!(
                signal,
                Signal::Requests | Signal::Errors | Signal::ClientRequests | Signal::ClientErrors
            )
        };
        let is_count = bound.families.iter().flat_map(|f| &f.parts).all(|part| counted(part.signal));
        let of_target = bound.feeds.iter().all(|feed| feed.service == subject.facts.world.target);
        let most = subject.facts.rate * per;
        let dead = compared.what.operator.is_upward()
            && compared.what.number.is_finite()
            && compared.what.number > most * SPIKE;
        (is_count && of_target && dead).then(|| {
            let what = if per == 1.0 { "requests a second" } else { "requests in such a window" };
            let fact = format!("the service gets {most:.0} {what}, and {} asks for more", compared.words());
            compared
                .spot
                .mistake(fact, "compare the share of failed requests, which does not depend on the traffic")
        })
    };
    subject.judged.iter().flat_map(|judged| &judged.comparisons).filter_map(look).collect()
}

/// The selector of a rate or an increase, summed or not, and the seconds its value is about.
fn rate_of(expr: &Expr) -> Option<(&promql_parser::parser::VectorSelector, f64)> {
    match bare(expr) {
        Expr::Aggregate(aggregate) => rate_of(&aggregate.expr),
        Expr::Call(call) => {
            let Expr::MatrixSelector(matrix) = call.args.args.first()?.as_ref() else { return None };
            match call.func.name {
                "rate" | "irate" => Some((&matrix.vs, 1.0)),
                "increase" => Some((&matrix.vs, matrix.range.as_secs_f64())),
                _ => None,
            }
        }
        _ => None,
    }
}
