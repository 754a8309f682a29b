//! From answers of monitoring to what a detector is shown.

use std::collections::BTreeMap;

use super::counters::Counters;
use crate::detect::Counts;
use crate::policy::{Observation, QueryError};
use crate::promql::{Labels, Sample, Value};
use crate::time::{SimDuration, SimTime};

/// What is read of one arm, by the indices of its queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// One number.
    Value(usize),
    /// Counters.
    Counts {
        /// Of bad events.
        bad: usize,
        /// Of all events.
        total: usize,
    },
    /// Buckets of a histogram.
    Buckets(usize),
}

/// What one arm had to say since the evaluation before.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    Value(f64),
    Counts(Counts),
    /// Events by class, by the upper bound of the class; the bounds as they are written.
    Classes(Vec<(String, f64)>),
}

/// Why an arm had nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mute {
    NoData,
    Error,
}

/// An arm that is read again and again.
#[derive(Clone, Debug)]
pub(super) struct ArmReader {
    arm: Arm,
    first: Counters,
    second: Counters,
}

impl ArmReader {
    pub(super) fn new(arm: Arm) -> Self {
        ArmReader { arm, first: Counters::default(), second: Counters::default() }
    }

    /// What the arm shows now.
    pub(super) fn read(&mut self, o: &mut Observation<'_>) -> Result<Reading, Mute> {
        match self.arm {
            Arm::Value(query) => match o.queries.value(query) {
                Ok(value) => number(value).map(Reading::Value).ok_or(Mute::NoData),
                Err(_) => Err(Mute::Error),
            },
            Arm::Counts { bad, total } => {
                let bad = samples(o.queries.value(bad))?;
                let total = samples(o.queries.value(total))?;
                self.counts(&bad, &total)
            }
            Arm::Buckets(query) => {
                let buckets = samples(o.queries.value(query))?;
                self.classes(&buckets)
            }
        }
    }

    /// What the arm would have shown at every instant of a grid in the past.
    pub(super) fn read_past(
        &mut self,
        (from, until, every): (SimTime, SimTime, SimDuration),
        o: &mut Observation<'_>,
    ) -> Vec<Reading> {
        let mut over = |query: usize| match o.queries.range(query, from, until, every) {
            Ok(value) => by_instant(value),
            Err(_) => BTreeMap::new(),
        };
        match self.arm {
            Arm::Value(query) => {
                over(query).into_values().filter_map(|s| s.last().map(|s| Reading::Value(s.value))).collect()
            }
            Arm::Counts { bad, total } => {
                let (bad, total) = (over(bad), over(total));
                let none = Vec::new();
                let at = |(instant, total): (&i64, &Vec<Sample>)| {
                    self.counts(bad.get(instant).unwrap_or(&none), total).ok()
                };
                total.iter().filter_map(at).collect()
            }
            Arm::Buckets(query) => over(query).values().filter_map(|s| self.classes(s).ok()).collect(),
        }
    }

    fn counts(&mut self, bad: &[Sample], total: &[Sample]) -> Result<Reading, Mute> {
        let (bad_grown, grown) = (self.first.growth(bad), self.second.growth(total));
        if total.is_empty() {
            return Err(Mute::NoData);
        }
        // Both are of one scrape; where they are not (another target's was lost) the rest comes with the next one.
        Ok(Reading::Counts(Counts { bad: bad_grown.min(grown), total: grown }))
    }

    fn classes(&mut self, buckets: &[Sample]) -> Result<Reading, Mute> {
        let mut cumulative: BTreeMap<Bound, (String, f64)> = BTreeMap::new();
        for (labels, grown) in self.first.grown(buckets) {
            let Some((bound, text)) = bound_of(labels) else { continue };
            cumulative.entry(bound).or_insert_with(|| (text, 0.0)).1 += grown;
        }
        if cumulative.is_empty() {
            return Err(Mute::NoData);
        }
        let mut below = 0.0;
        let class = |(text, count): (String, f64)| {
            let inside = (count - below).max(0.0);
            below = count.max(below);
            (text, inside)
        };
        Ok(Reading::Classes(cumulative.into_values().map(class).collect()))
    }
}

/// A bound of a bucket, in its order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound(f64);

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn bound_of(labels: &Labels) -> Option<(Bound, String)> {
    let text = labels.get("le")?;
    let bound = if text == "+Inf" { f64::INFINITY } else { text.parse().ok()? };
    Some((Bound(bound), text.to_owned()))
}

/// The samples of an answer; several queries are asked before one is used, so they are copied.
fn samples(answer: Result<&Value, QueryError>) -> Result<Vec<Sample>, Mute> {
    match answer {
        Ok(Value::Vector(samples)) => Ok(samples.clone()),
        Ok(Value::Scalar(value)) => Ok(vec![Sample { labels: Labels::empty(), value: *value }]),
        Ok(Value::Matrix(_) | Value::String(_)) | Err(_) => Err(Mute::Error),
    }
}

/// The number an answer is; `None` where there is none to be judged.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Vector(samples) => samples.last()?.value,
        Value::Scalar(number) => *number,
        Value::Matrix(_) | Value::String(_) => return None,
    };
    number.is_finite().then_some(number)
}

/// Samples of a matrix by their instants.
fn by_instant(value: Value) -> BTreeMap<i64, Vec<Sample>> {
    let mut all: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    let Value::Matrix(series) = value else { return all };
    for one in series {
        for &(at, value) in &one.points {
            all.entry(at).or_default().push(Sample { labels: one.labels.clone(), value });
        }
    }
    all
}
