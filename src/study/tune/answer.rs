//! The answer: what was chosen, played on randomness that had no part in the choice.
//!
//! *Better on both* means: the variant was picked before these runs, and on them its detection time and its false rollback
//! rate are both lower than those of the file as it is, with 95 % intervals that do not overlap
//! ([decision 062](../../../docs/decisions/062-tuning.md)). Paired differences, which know that both met the same worlds,
//! are given beside; where they alone leave out zero, that is said and is less.

use serde::Serialize;

use super::bench::{Bench, Id, Outcomes};
use super::figures::{Figures, Measure};
use super::goal::Goal;
use super::search::Chosen;
use crate::score::Estimate;
use crate::score::meta::pool_shares;
use crate::study::{Replications, StudyError};

/// Version of the answer's serialised form.
pub const FORMAT: u32 = 1;

/// A finished search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Version of this form, [`FORMAT`].
    pub format: u32,
    /// The policy.
    pub policy: String,
    /// The scenarios.
    pub scenarios: Vec<String>,
    /// Seed of the search.
    pub seed: u64,
    /// Seed of the figures below.
    pub fresh_seed: u64,
    /// Replications of each scenario behind the figures: at flow level, and where each request is an event.
    pub replications: [u32; 2],
    /// Knobs that were turned.
    pub knobs: usize,
    /// Variants played, the file as it is among them.
    pub played: usize,
    /// Draws whose files could not be read.
    pub dropped: usize,
    /// What the recommended one has least of.
    pub minimise: Measure,
    /// What variants had to keep to.
    pub goals: Vec<Goal>,
    /// The file as it is, then the recommended one, then the others that nobody beat in the search.
    pub rows: Vec<Row>,
    /// Which row is recommended; 0 is the file as it is.
    pub recommended: usize,
    /// Whether one is better on both detection time and false rollbacks.
    pub better: Better,
}

/// A variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Number of the variant in the search; 0 is the file as it is.
    pub variant: usize,
    /// What it says for each knob, in their order.
    #[serde(skip)]
    pub values: Vec<String>,
    /// What is changed.
    pub changes: Vec<Change>,
    /// Its figures on fresh runs.
    pub figures: Figures,
    /// Its figures less those of the file as it is, paired; absent for that itself.
    pub differences: Option<Figures>,
    /// Whether the limits are kept to: the first by the figures, the second by their intervals where they say.
    pub goals: Vec<(bool, Option<bool>)>,
}

/// A number that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The knob.
    pub path: String,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// What the file says.
    pub old: String,
    /// What it would say.
    pub new: String,
}

/// Whether some variant is better on both detection time and false rollbacks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// This row is: no interval overlaps.
    Apart {
        /// Which row.
        row: usize,
    },
    /// This row is, replication by replication; the intervals themselves overlap.
    Paired {
        /// Which row.
        row: usize,
    },
    /// None is.
    None {
        /// Why.
        reason: String,
    },
}

/// Plays what was chosen and draws the conclusions.
///
/// # Errors
/// As [`Bench::play`].
pub(super) fn of(bench: &mut Bench<'_>, chosen: Chosen) -> Result<Answer, StudyError> {
    let asked = bench.question;
    let fresh_seed = asked.seed.wrapping_add(1);
    let none = Replications { flow: 0, request: 0 };
    let played = bench.play(&chosen.shown, fresh_seed, (none, asked.replications))?;
    let rows = rows(bench, &chosen.shown, &played);
    let place = |id: Id| chosen.shown.iter().position(|shown| *shown == id).unwrap_or(0);
    let has = |flow: bool| asked.scenarios.iter().any(|scenario| scenario.is_flow() == flow);
    let count = |flow: bool, count: u32| if has(flow) { count } else { 0 };
    let better =
        better(&rows, chosen.both.map(place), asked.replications.flow.max(asked.replications.request));
    Ok(Answer {
        format: FORMAT,
        policy: asked.policy.to_owned(),
        scenarios: asked.scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
        seed: asked.seed,
        fresh_seed,
        replications: [count(true, asked.replications.flow), count(false, asked.replications.request)],
        knobs: asked.knobs.len(),
        played: chosen.played,
        dropped: chosen.dropped,
        minimise: asked.minimise,
        goals: asked.goals.to_vec(),
        recommended: place(chosen.recommended),
        rows,
        better,
    })
}

fn rows(bench: &Bench<'_>, ids: &[Id], played: &[Outcomes]) -> Vec<Row> {
    let asked = bench.question;
    let shares = pool_shares(asked.metas);
    let original = played.first();
    let row = |(id, outcomes): (&Id, &Outcomes)| {
        let values = bench.variant(*id).map(|variant| variant.values.clone()).unwrap_or_default();
        let figures = Figures::of(outcomes, &shares);
        let original = original.filter(|_| *id != 0);
        let differences = original.map(|first| Figures::less(outcomes, first, &shares));
        let goals = asked.goals.iter().map(|goal| (goal.missed_by(&figures) == 0.0, goal.is_shown(&figures)));
        Row {
            variant: *id,
            changes: changes(bench, &values),
            goals: goals.collect(),
            values,
            figures,
            differences,
        }
    };
    ids.iter().zip(played).map(row).collect()
}

fn changes(bench: &Bench<'_>, values: &[String]) -> Vec<Change> {
    let asked = bench.question;
    let pairs = asked.knobs.iter().zip(values).filter(|(knob, value)| knob.written != **value);
    let change = |(knob, value): (&crate::import::knobs::Knob, &String)| Change {
        path: knob.path.clone(),
        file: asked.sources.get(knob.file).map_or_else(String::new, |source| source.name.to_owned()),
        line: knob.location.line,
        old: knob.written.clone(),
        new: value.clone(),
    };
    pairs.map(change).collect()
}

/// Judges the variant that was picked for it.
fn better(rows: &[Row], picked: Option<usize>, replications: u32) -> Better {
    let Some(original) = rows.first() else {
        return Better::None { reason: "nothing was played".to_owned() };
    };
    let Some((row, new)) = picked.and_then(|row| Some((row, rows.get(row)?))) else {
        return Better::None { reason: why_none(original, rows) };
    };
    let both = [Measure::DetectionTime, Measure::FalseRollbackRate];
    let old = &original.figures;
    let apart = |measure: Measure| {
        let (high, low) = (new.figures.get(measure).high, old.get(measure).low);
        high.zip(low).is_some_and(|(high, low)| high < low)
    };
    if both.into_iter().all(apart) {
        return Better::Apart { row };
    }
    let paired = |measure: Measure| {
        let delta = new.differences.as_ref().and_then(|differences| differences.get(measure).high);
        delta.is_some_and(|high| high < 0.0)
    };
    if both.into_iter().all(paired) {
        return Better::Paired { row };
    }
    let overlapping: Vec<&str> = both.into_iter().filter(|m| !apart(*m)).map(words).collect();
    let more = both.into_iter().filter_map(|m| needed(old.get(m), new.figures.get(m))).fold(1.0, f64::max);
    let advice = if more > 1.0 && more < 1000.0 {
        let wanted = (f64::from(replications) * more).ceil();
        format!("; if the figures stay as they are, about `-n {wanted}` would tell them apart")
    } else {
        String::new()
    };
    let reason = format!(
        "the best of the search (row {row}) was not clearly better on fresh runs in {}: {}{advice}",
        overlapping.join(" and "),
        both.map(|m| side_by_side(m, old.get(m), new.figures.get(m))).join(", ")
    );
    Better::None { reason }
}

fn words(measure: Measure) -> &'static str {
    if measure == Measure::DetectionTime { "detection time" } else { "false rollbacks" }
}

/// How many times as many replications would part two intervals, as widths go with the root of their number.
fn needed(old: &Estimate, new: &Estimate) -> Option<f64> {
    let gap = old.value? - new.value?;
    let widths = (old.value? - old.low?) + (new.high? - new.value?);
    (gap > 0.0).then(|| (widths / gap) * (widths / gap) * 1.1)
}

fn side_by_side(measure: Measure, old: &Estimate, new: &Estimate) -> String {
    let figure = |estimate: &Estimate| match (measure, estimate.value) {
        (_, None) => "-".to_owned(),
        (Measure::DetectionTime, Some(value)) => format!("{value:.0}s"),
        (_, Some(value)) => format!("{:.2} %", 100.0 * value),
    };
    format!("{} {} instead of {}", words(measure), figure(new), figure(old))
}

/// Why the search had nobody to pick.
fn why_none(original: &Row, rows: &[Row]) -> String {
    let rate = &original.figures.false_rollback_rate;
    let others = || rows.iter().skip(1);
    let of = |row: &Row, measure: Measure| row.figures.value(measure);
    let (detection, false_rate) = (Measure::DetectionTime, Measure::FalseRollbackRate);
    let fastest = others()
        .filter(|row| of(row, false_rate) <= of(original, false_rate))
        .min_by(|a, b| of(a, detection).total_cmp(&of(b, detection)))
        .filter(|row| of(row, detection) < of(original, detection))
        .map(|row| {
            format!(
                "; without more false rollbacks, the fastest takes {:.0}s instead of {:.0}s",
                of(row, detection),
                of(original, detection)
            )
        })
        .unwrap_or_default();
    if rate.value == Some(0.0) {
        return format!(
            "the file as it is rolled back none of {} healthy releases, and nothing is below none{fastest}",
            rate.n
        );
    }
    if original.figures.missed_rate.value == Some(1.0) {
        let caught = others().filter(|row| of(row, Measure::MissedRate) < 1.0).count();
        let limit = if caught == 0 {
            "and so does every other variant: the numbers are not what keeps it from seeing these releases"
        } else {
            "and those that see some pay for it with false rollbacks"
        };
        return format!("the file as it is misses every bad release, {limit}");
    }
    format!(
        "every variant that was faster rolled back more healthy releases, and every one that rolled back fewer was slower: \
         what the candidate's traffic shows in the time is the limit (`backout size` says how much that is){fastest}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::outcome;
    use super::*;

    fn row(variant: usize, times: &[f64], falses: usize, n: u32) -> Row {
        let outcomes = vec![
            (0..n)
                .map(|i| outcome(i, Some(times[i as usize % times.len()]), (i as usize) < falses))
                .collect(),
        ];
        let figures = Figures::of(&outcomes, &[1.0]);
        Row {
            variant,
            values: Vec::new(),
            changes: Vec::new(),
            figures,
            differences: None,
            goals: Vec::new(),
        }
    }

    #[test]
    fn better_on_both_needs_intervals_that_are_apart() {
        let rows =
            [row(0, &[300.0, 320.0], 50, 100), row(1, &[100.0, 120.0], 5, 100), row(2, &[100.0], 45, 100)];
        assert_eq!(better(&rows, Some(1), 100), Better::Apart { row: 1 });
        let Better::None { reason } = better(&rows, Some(2), 100) else {
            panic!("45 of 100 is not apart from 50")
        };
        assert!(reason.contains("not clearly better on fresh runs in false rollbacks"), "{reason}");
        assert!(reason.contains("45.00 % instead of 50.00 %") && reason.contains("`-n "), "{reason}");
    }

    #[test]
    fn nothing_is_below_none() {
        let rows = [row(0, &[300.0], 0, 80), row(1, &[100.0], 0, 80)];
        let Better::None { reason } = better(&rows, None, 80) else { panic!("no variant was picked") };
        assert!(
            reason.contains("none of 80 healthy releases") && reason.contains("takes 100s instead of 300s"),
            "{reason}"
        );
    }

    #[test]
    fn more_replications_part_intervals_by_the_root() {
        let estimate =
            |value: f64, half: f64| Estimate::new(value, Some(value - half), Some(value + half), 10);
        // Half widths 2 and 2 over a gap of 1: four times too wide, so 16 times as many and a tenth more.
        assert!((needed(&estimate(10.0, 2.0), &estimate(9.0, 2.0)).unwrap() - 17.6).abs() < 1e-9);
        assert_eq!(needed(&estimate(9.0, 2.0), &estimate(10.0, 2.0)), None);
    }
}
