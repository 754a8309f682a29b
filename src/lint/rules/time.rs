//! How long a judgement takes, and how often it is made.

use super::super::support::judged::{Judged, Pace};
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::strategy::StrategySpec;
use crate::strategy::canary::WaitKind;
use crate::time::SimDuration;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "decides-after-horizon",
        summary: "the earliest rollback comes after the horizon of the scenario",
        effect: "Delay, `for` or counts add up to more than a release is followed: the trigger cannot fire.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) > 0.05
    for: 2h
    then: roll_back
"#,
        ),
        check: Check::Policy(horizon),
    },
    Rule {
        id: "decides-after-rollout",
        summary: "the earliest rollback comes when the rollout has already reached everybody",
        effect: "The canary protects nobody: when the trigger fires, all users have the new revision.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) > 0.05
    for: 40m
    then: roll_back
"#,
        ),
        check: Check::Policy(rollout),
    },
    Rule {
        id: "for-not-a-multiple",
        summary: "`for` is not a multiple of the time between evaluations",
        effect: "Evaluations come on a grid, so `for` is rounded up to the next one.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[2m]))
      / sum(rate(http_requests_total{role="candidate"}[2m])) > 0.05
    for: 70s
    every: 30s
    then: roll_back
"#,
        ),
        check: Check::Policy(multiple),
    },
    Rule {
        id: "evaluated-between-scrapes",
        summary: "evaluations that are counted come more often than scrapes",
        effect: "Several evaluations see the same samples, so one bad scrape is counted more than once.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[1m]))
      / sum(rate(http_requests_total{role="candidate"}[1m])) > 0.05
    consecutive: 15
    every: 5s
    then: roll_back
"#,
        ),
        check: Check::Policy(scrapes),
    },
    Rule {
        id: "gauge-resets-for",
        summary: "a `for` or a count in a row stands on a gauge that every lost scrape interrupts",
        effect: "A lost scrape ends the series, the condition has no result, and the time starts anew.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: busy
    expr: http_requests_in_flight{role="candidate"} > 50
    for: 5m
    then: roll_back
"#,
        ),
        check: Check::Policy(gauge),
    },
];

fn paced<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = (&'s Judged, Pace)> {
    subject.judged.iter().filter_map(|judged| Some((judged, judged.pace?)))
}

fn horizon(subject: &Subject<'_>) -> Vec<Mistake> {
    let horizon = subject.facts.horizon;
    let late = |pace: &Pace| pace.earliest() >= horizon;
    paced(subject)
        .filter(|(_, pace)| late(pace))
        .map(|(judged, pace)| {
            let fact = format!(
                "`{}` can act {} after the deploy at the earliest, and the horizon is {horizon}",
                judged.name,
                pace.earliest()
            );
            judged.spot.mistake(fact, "shorten it, or follow releases for longer with `horizon:`")
        })
        .collect()
}

/// When a rollout gives everybody the new revision; none if its analyses decide that.
fn full_after(strategy: &StrategySpec) -> Option<SimDuration> {
    let has_analysis = matches!(strategy, StrategySpec::Canary(canary)
        if canary.steps.iter().any(|step| step.kind == WaitKind::Analysis));
    let shortest = strategy.as_dyn().shortest();
    (!has_analysis && !shortest.is_zero()).then_some(shortest)
}

fn rollout(subject: &Subject<'_>) -> Vec<Mistake> {
    // Flagger does not advance while checks fail, so its rollout waits for the decision.
    let Some(full) =
        full_after(subject.rollout()).filter(|_| !matches!(subject.rollout(), StrategySpec::Flagger(_)))
    else {
        return Vec::new();
    };
    paced(subject)
        .filter(|(judged, _)| judged.acts)
        .filter(|(_, pace)| pace.earliest() > full && pace.earliest() < subject.facts.horizon)
        .map(|(judged, pace)| {
            let fact = format!(
                "`{}` can act {} after the deploy at the earliest, and the rollout is through after {full}",
                judged.name,
                pace.earliest()
            );
            judged.spot.mistake(fact, "decide within the first steps, or make them longer")
        })
        .collect()
}

fn multiple(subject: &Subject<'_>) -> Vec<Mistake> {
    let found = subject.judged.iter().filter_map(|judged| {
        let trigger = judged.trigger.as_ref()?;
        let hold = trigger.hold_for?;
        let (nanos, every) = (hold.as_nanos(), trigger.every.as_nanos().max(1));
        let rest = nanos % every;
        let up = SimDuration::from_nanos(nanos - rest + every);
        (rest != 0).then(|| {
            let fact = format!(
                "`for: {hold}` of `{}` is no multiple of its evaluations every {}: it lasts {up}",
                judged.name, trigger.every
            );
            judged.hold.mistake(fact, format!("write `for: {up}`"))
        })
    });
    found.collect()
}

fn scrapes(subject: &Subject<'_>) -> Vec<Mistake> {
    let scrape = subject.facts.scrape;
    paced(subject)
        .filter(|(_, pace)| pace.counts && pace.needed > 1 && !pace.every.is_zero() && pace.every < scrape)
        .filter(|(judged, _)| judged.tree.is_some())
        .map(|(judged, pace)| {
            let fact = format!(
                "`{}` is counted every {}, and new samples come every {scrape}",
                judged.name, pace.every
            );
            judged.spot.mistake(fact, format!("evaluate every {scrape}, or ask for more bad evaluations"))
        })
        .collect()
}

fn gauge(subject: &Subject<'_>) -> Vec<Mistake> {
    use super::super::support::query::bare;
    use crate::telemetry::dialect::Signal;
    use promql_parser::parser::Expr;
    if subject.facts.loss <= 0.0 {
        return Vec::new();
    }
    let interrupted = |judged: &Judged| {
        let trigger = judged.trigger.as_ref()?;
        let waits = trigger.hold_for.is_some_and(|hold| hold > subject.facts.scrape)
            || trigger.consecutive.is_some_and(|count| count > 1);
        let compared = judged.comparisons.iter().find_map(|compared| match bare(&compared.what.left) {
            Expr::VectorSelector(selector) => Some(selector),
            _ => None,
        })?;
        let reading =
            super::super::support::values::Reading { naming: &subject.policy.naming, facts: subject.facts };
        // `up` and probes are written by the scraper itself, also when the scrape fails.
        let lasts = |signal: Signal| matches!(signal, Signal::Up | Signal::ReplicasReady);
        let parts = reading.bind(compared)?;
        let ends = parts.families.iter().flat_map(|f| &f.parts).all(|part| !lasts(part.signal));
        (waits && ends).then(|| compared.name.clone().unwrap_or_default())
    };
    let found = subject.judged.iter().filter_map(|judged| {
        let name = interrupted(judged)?;
        let fact = format!(
            "{} % of the scrapes are lost here, and each ends `{name}` and starts `{}` anew",
            subject.facts.loss * 100.0,
            judged.name
        );
        Some(
            judged
                .spot
                .mistake(fact, format!("look back with `max_over_time({name}[2m])`, or take `k_of_n`")),
        )
    });
    found.collect()
}
