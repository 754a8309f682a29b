//! Range windows: too short for a rate, or so long that they answer about something else.

use std::collections::BTreeSet;

use super::super::support::judged::Judged;
use super::super::support::query::{selectors, windows};
use super::super::support::values::Reading;
use super::super::{Check, Example, Mistake, Rule, Subject};
use crate::strategy::StrategySpec;
use crate::telemetry::naming::Role;
use crate::time::SimDuration;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "window-below-two-scrapes",
        summary: "a range window holds fewer than two scrapes, or just two",
        effect: "A rate needs two samples: with one lost scrape, or always, there is none and nothing is compared.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[20s]))
      / sum(rate(http_requests_total{role="candidate"}[20s])) > 0.05
    for: 1m
    then: roll_back
"#,
        ),
        check: Check::Policy(short),
    },
    Rule {
        id: "window-beyond-step",
        summary: "a window that mixes both revisions is longer than the shortest step of the rollout",
        effect: "Most of what it sees comes from before the step: the new revision's share is diluted, detection late.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{code=~"5.."}[30m])) / sum(rate(http_requests_total[30m])) > 0.05
    then: roll_back
"#,
        ),
        check: Check::Policy(step),
    },
    Rule {
        id: "window-outlasts-count",
        summary: "all bad evaluations that are needed fit into one window",
        effect: "One short burst stays in the window for all of them, so the count adds no confirmation.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[5m]))
      / sum(rate(http_requests_total{role="candidate"}[5m])) > 0.05
    consecutive: 3
    every: 30s
    then: roll_back
"#,
        ),
        check: Check::Policy(count),
    },
    Rule {
        id: "window-beyond-history",
        summary: "a range window is longer than all the time that is played",
        effect: "The window is never full, so it means something else than in production.",
        example: Example::file(
            r#"format: 1
triggers:
  - name: errors
    expr: >-
      sum(rate(http_requests_total{role="candidate",code=~"5.."}[3d]))
      / sum(rate(http_requests_total{role="candidate"}[3d])) > 0.05
    then: roll_back
"#,
        ),
        check: Check::Policy(history),
    },
];

fn with_windows<'s>(
    subject: &'s Subject<'_>,
) -> impl Iterator<Item = (&'s Judged, SimDuration, SimDuration)> {
    subject.judged.iter().filter_map(|judged| {
        let (least, most) = windows(judged.tree.as_ref()?)?;
        Some((judged, least, most))
    })
}

fn short(subject: &Subject<'_>) -> Vec<Mistake> {
    let scrape = subject.facts.scrape;
    with_windows(subject)
        .filter(|(_, least, _)| *least <= scrape * 2)
        .map(|(judged, least, _)| {
            let fact =
                format!("the window {least} of `{}` holds two scrapes of {scrape} at most", judged.name);
            judged.query.mistake(fact, format!("take four scrapes: `[{}]`", scrape * 4))
        })
        .collect()
}

/// Whether a selector reads both revisions of the rolled-out service.
fn mixes(subject: &Subject<'_>, judged: &Judged) -> bool {
    let reading = Reading { naming: &subject.policy.naming, facts: subject.facts };
    let Some(tree) = &judged.tree else { return false };
    selectors(tree).into_iter().any(|(selector, range)| {
        let roles: BTreeSet<Role> =
            reading.bind(selector).map(|bound| bound.roles(&subject.facts.world)).unwrap_or_default();
        range.is_some() && roles.len() > 1
    })
}

fn step(subject: &Subject<'_>) -> Vec<Mistake> {
    let shortest = match subject.rollout() {
        StrategySpec::Canary(canary) => canary.steps.iter().map(|s| s.bake).filter(|b| !b.is_zero()).min(),
        StrategySpec::Flagger(flagger) => Some(flagger.interval),
        StrategySpec::Waves(waves) if waves.shares.len() > 1 => Some(waves.bake).filter(|b| !b.is_zero()),
        StrategySpec::FeatureFlag(flag) if flag.values.len() > 1 => Some(flag.bake).filter(|b| !b.is_zero()),
        _ => None,
    };
    let Some(shortest) = shortest else { return Vec::new() };
    let history = subject.facts.warm_up + subject.facts.horizon;
    with_windows(subject)
        .filter(|(judged, _, most)| *most > shortest && *most <= history && mixes(subject, judged))
        .map(|(judged, _, most)| {
            let fact = format!(
                "`{}` looks back {most} over both revisions, and the shortest step takes {shortest}",
                judged.name
            );
            judged.query.mistake(fact, "select the new revision only, or take a window no longer than a step")
        })
        .collect()
}

fn count(subject: &Subject<'_>) -> Vec<Mistake> {
    with_windows(subject)
        .filter_map(|(judged, least, _)| {
            let pace = judged.pace.filter(|pace| pace.counts && pace.needed > 1 && judged.acts)?;
            (pace.spread() < least).then(|| {
                let fact = format!(
                    "the {} bad evaluations of `{}` fall within {}, and each looks back {least}",
                    pace.needed,
                    judged.name,
                    pace.spread()
                );
                judged.query.mistake(fact, "take a shorter window, longer intervals, or more bad evaluations")
            })
        })
        .collect()
}

fn history(subject: &Subject<'_>) -> Vec<Mistake> {
    let all = subject.facts.warm_up + subject.facts.horizon;
    with_windows(subject)
        .filter(|(_, _, most)| *most > all)
        .map(|(judged, _, most)| {
            let fact =
                format!("the window {most} of `{}` is longer than warm-up and horizon, {all}", judged.name);
            judged.query.mistake(fact, "play longer with `warm_up:` and `horizon:`, or take a shorter window")
        })
        .collect()
}
