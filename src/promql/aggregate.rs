//! Aggregations over the elements of an instant vector.
//!
//! Traps: groups come out in the order in which they were first met; `sum` and `avg` are compensated; `max` and `min`
//! prefer any number to NaN; `quantile` counts NaN as the smallest value; `topk` keeps the elements themselves, so
//! also their metric name.

use std::cmp::Ordering;

use super::error::EvalError;
use super::labels::Labels;
use super::names::{Element, LabelId, Marks, Names};
use super::numeric::{KahanSum, Mean, nan_first, quantile};
use super::operator::Aggregation;
use super::order::natural;
use super::program::{Program, TransformId};
use super::sampling;

/// What every operation needs besides its operands.
pub(super) struct Context<'a> {
    pub(super) program: &'a Program,
    pub(super) names: &'a mut Names,
    pub(super) marks: &'a mut Marks,
}

/// The running result of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    label: LabelId,
    drop_name: bool,
    count: f64,
    sum: KahanSum,
    mean: Mean,
    extreme: f64,
}

impl Group {
    fn new(label: LabelId) -> Self {
        Group {
            label,
            drop_name: false,
            count: 0.0,
            sum: KahanSum::default(),
            mean: Mean::default(),
            extreme: f64::NAN,
        }
    }

    fn add(&mut self, op: Aggregation, value: f64) {
        match op {
            Aggregation::Sum => self.sum.add(value),
            Aggregation::Average => self.mean.add(value),
            Aggregation::Minimum if value < self.extreme || self.extreme.is_nan() => self.extreme = value,
            Aggregation::Maximum if value > self.extreme || self.extreme.is_nan() => self.extreme = value,
            Aggregation::StandardDeviation | Aggregation::Variance => {
                // Welford's recursion: `extreme` holds the mean, `sum` the squared deviations.
                if self.count == 0.0 {
                    self.extreme = 0.0;
                }
                let delta = value - self.extreme;
                self.extreme += delta / (self.count + 1.0);
                self.sum.sum += delta * (value - self.extreme);
            }
            _ => {}
        }
        self.count += 1.0;
    }

    fn value(&self, op: Aggregation) -> f64 {
        match op {
            Aggregation::Sum => self.sum.compensated(),
            Aggregation::Average => self.mean.value(),
            Aggregation::Minimum | Aggregation::Maximum => self.extreme,
            Aggregation::Group => 1.0,
            Aggregation::Variance => self.sum.sum / self.count,
            Aggregation::StandardDeviation => (self.sum.sum / self.count).sqrt(),
            _ => self.count,
        }
    }
}

/// Puts each element into the group of its image; calls `add` with the group's number.
fn into_groups(
    context: &mut Context<'_>,
    grouping: TransformId,
    input: &[Element],
    mut add: impl FnMut(u32, LabelId, &Element),
) {
    context.marks.clear(context.names.label_count());
    let mut next = 0;
    for element in input {
        let label = context.names.transform(context.program, grouping, element.label);
        let group = context.marks.get(label).unwrap_or_else(|| {
            context.marks.set(label, next);
            next += 1;
            next - 1
        });
        add(group, label, element);
    }
}

/// Aggregations that need one pass and constant space per group.
pub(super) fn fold(
    context: &mut Context<'_>,
    op: Aggregation,
    grouping: TransformId,
    input: &[Element],
    groups: &mut Vec<Group>,
    out: &mut Vec<Element>,
) {
    groups.clear();
    into_groups(context, grouping, input, |group, label, element| {
        if group as usize == groups.len() {
            groups.push(Group::new(label));
        }
        if let Some(group) = groups.get_mut(group as usize) {
            group.drop_name |= element.drop_name;
            group.add(op, element.value);
        }
    });
    out.extend(groups.iter().map(|g| Element { label: g.label, drop_name: g.drop_name, value: g.value(op) }));
}

/// The elements of each group, groups in order of first sight.
fn gather(
    context: &mut Context<'_>,
    grouping: TransformId,
    input: &[Element],
) -> Vec<(LabelId, Vec<Element>)> {
    let mut groups: Vec<(LabelId, Vec<Element>)> = Vec::new();
    into_groups(context, grouping, input, |group, label, element| {
        if group as usize == groups.len() {
            groups.push((label, Vec::new()));
        }
        if let Some((_, elements)) = groups.get_mut(group as usize) {
            elements.push(*element);
        }
    });
    groups
}

/// `quantile`.
pub(super) fn quantiles(
    context: &mut Context<'_>,
    q: f64,
    grouping: TransformId,
    input: &[Element],
    out: &mut Vec<Element>,
) {
    for (label, elements) in gather(context, grouping, input) {
        let mut values: Vec<f64> = elements.iter().map(|element| element.value).collect();
        let drop_name = elements.iter().any(|element| element.drop_name);
        out.push(Element { label, drop_name, value: quantile(q, &mut values) });
    }
}

/// The number of elements that a parameter asks for.
///
/// # Errors
/// If it is NaN or does not fit 64 bits.
fn whole_number(k: f64) -> Result<usize, EvalError> {
    if k.is_nan() {
        return Err(EvalError::Parameter("Parameter value is NaN".into()));
    }
    if k.abs() >= i64::MAX as f64 {
        return Err(EvalError::Parameter(format!("Scalar value {k} overflows int64")));
    }
    Ok(k.max(0.0) as usize)
}

/// `topk` and `bottomk`: NaN is kept only when there is nothing better; of equals the earlier ones are kept.
///
/// # Errors
/// If `k` is NaN or does not fit 64 bits.
pub(super) fn extremes(
    context: &mut Context<'_>,
    op: Aggregation,
    k: f64,
    grouping: TransformId,
    input: &[Element],
    out: &mut Vec<Element>,
) -> Result<(), EvalError> {
    let k = whole_number(k)?;
    for (_, mut elements) in gather(context, grouping, input) {
        sort(&mut elements, op == Aggregation::Top);
        elements.truncate(k);
        out.extend(elements);
    }
    Ok(())
}

/// `limitk`: the first `k` elements of each group.
///
/// # Errors
/// As [`extremes`].
pub(super) fn first(
    context: &mut Context<'_>,
    k: f64,
    grouping: TransformId,
    input: &[Element],
    out: &mut Vec<Element>,
) -> Result<(), EvalError> {
    let k = whole_number(k)?;
    for (_, mut elements) in gather(context, grouping, input) {
        elements.truncate(k);
        out.extend(elements);
    }
    Ok(())
}

/// `limit_ratio`: the elements of each group that are [kept](sampling::keeps).
///
/// # Errors
/// If the ratio is NaN; one beyond -1 and 1 is taken as those.
pub(super) fn share(
    context: &mut Context<'_>,
    ratio: f64,
    grouping: TransformId,
    input: &[Element],
    out: &mut Vec<Element>,
) -> Result<(), EvalError> {
    if ratio.is_nan() {
        return Err(EvalError::Parameter("Ratio value is NaN".into()));
    }
    let ratio = ratio.clamp(-1.0, 1.0);
    for (_, elements) in gather(context, grouping, input) {
        let kept = |element: &Element| sampling::keeps(ratio, &context.names.labels(element.label));
        out.extend(elements.into_iter().filter(kept));
    }
    Ok(())
}

/// Sorts by these labels in [natural](natural) order, then by all labels.
pub(super) fn sort_by_label(names: &Names, by: &[Box<str>], descending: bool, elements: &mut [Element]) {
    let labels = |element: &Element| names.labels(element.label);
    elements.sort_by_cached_key(|element| Natural(labels(element), by));
    if descending {
        elements.reverse();
    }
}

/// Labels in the order of some of them.
struct Natural<'a>(Labels, &'a [Box<str>]);

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_label = self.1.iter().map(|name| natural(self.0.value(name), other.0.value(name)));
        by_label.fold(Ordering::Equal, Ordering::then).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Natural<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Natural<'_> {}

/// Stable sort by value; NaN comes last in either direction.
pub(super) fn sort(elements: &mut [Element], descending: bool) {
    elements.sort_by(|a, b| {
        a.value.is_nan().cmp(&b.value.is_nan()).then_with(|| {
            let order = nan_first(a.value, b.value);
            if descending { order.reverse() } else { order }
        })
    });
}

/// `count_values`: counts elements by value, the value as a label.
pub(super) fn count_values(
    context: &mut Context<'_>,
    label: &str,
    grouping: TransformId,
    input: &[Element],
    groups: &mut Vec<Group>,
    out: &mut Vec<Element>,
) {
    let labelled: Vec<Element> = input
        .iter()
        .map(|element| {
            let labels = context.names.labels(element.label).with(label, &plain_number(element.value));
            Element { label: context.names.intern(labels), ..*element }
        })
        .collect();
    fold(context, Aggregation::Count, grouping, &labelled, groups, out);
}

/// The shortest decimal without exponent that reads back equal, as Go's `FormatFloat(v, 'f', -1, 64)`.
pub(super) fn plain_number(value: f64) -> String {
    match value {
        v if v == f64::INFINITY => "+Inf".into(),
        v if v == f64::NEG_INFINITY => "-Inf".into(),
        v if v.is_nan() => "NaN".into(),
        v => v.to_string(),
    }
}
