//! What a judgement says.

use super::Run;
use super::judge::{Classified, Direction, EffectMeasure, Label, MetricRule, Scored, Verdict};

/// Why a metric was classified as it was: interval, band, effect, and the rule that decided.
pub(super) fn of_metric(
    name: &str,
    rule: &MetricRule,
    found: &Classified,
    (experiment, control): (usize, usize),
) -> String {
    let critical = if found.critical && found.label != Label::Pass { " (critical)" } else { "" };
    let head = format!("{name}: {}{critical}", found.label.word());
    let Some(numbers) = found.comparison else { return format!("{head}: {}", found.why) };
    let effect = match rule.measure {
        EffectMeasure::MeanRatio => "mean ratio",
        EffectMeasure::Cles => "share of larger values",
    };
    let counts = match rule.direction {
        Direction::Increase => format!("counts from {}", rule.allowed.increase),
        Direction::Decrease => format!("counts down to {}", rule.allowed.decrease),
        Direction::Either => {
            format!("counts from {}, or down to {}", rule.allowed.increase, rule.allowed.decrease)
        }
    };
    format!(
        "{head}: {}; shift of {experiment} values against {control} in [{}, {}], band +-{}, {effect} {} ({counts})",
        found.why,
        short(numbers.low),
        short(numbers.high),
        short(numbers.band),
        short(numbers.effect)
    )
}

/// A judgement's score with those of its groups.
pub(super) fn of_score(judged: u32, run: &Run, scored: &Scored) -> String {
    let groups: Vec<String> = scored
        .groups
        .iter()
        .map(|(group, score)| match score {
            Some(score) => format!("{group} {}", short(*score)),
            None => format!("{group} without data"),
        })
        .collect();
    let verdict = Verdict::of(scored.score, run.pass, run.marginal).word();
    let why = scored.zero_because.map_or(String::new(), |why| format!(", because {why}"));
    format!(
        "judgement {judged} of {}: score {}{why}: {verdict} (groups: {}; pass {}, marginal {})",
        run.judgements(),
        scored.score,
        groups.join(", "),
        run.pass,
        run.marginal
    )
}

/// Four significant digits.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = libm::floor(libm::log10(value.abs()));
    if !(-5.0..6.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let digits = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
