//! Results of queries.

use super::labels::Labels;

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels of the result; without a metric name where the expression drops it.
    pub labels: Labels,
    /// The value, NaN included.
    pub value: f64,
}

/// One series of a range vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels of the series.
    pub labels: Labels,
    /// (milliseconds, value), in time order, at least one.
    pub points: Vec<(i64, f64)>,
}

/// What a query evaluates to. The variants are the four types of PromQL.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number without labels.
    Scalar(f64),
    /// Samples of one instant. Order means something only after `sort`, `topk` and `bottomk` at the top.
    Vector(Vec<Sample>),
    /// Series over time: a range selector or subquery at the top, or a range evaluation.
    Matrix(Vec<Series>),
    /// A text.
    String(String),
}

/// A result read in place, without copying labels; see [`crate::promql::Evaluator::view`].
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// A number without labels.
    Scalar(f64),
    /// Samples of one instant.
    Vector(VectorView<'a>),
}

/// The samples of an instant vector, read in place.
#[derive(Clone, Copy, Debug)]
pub struct VectorView<'a> {
    pub(super) elements: &'a [super::names::Element],
    pub(super) labels: &'a [Labels],
}

impl<'a> VectorView<'a> {
    /// How many samples there are; zero is "no data" for most trigger engines.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The values, in result order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + 'a {
        self.elements.iter().map(|element| element.value)
    }

    /// Labels and values, in result order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Labels, f64)> + 'a {
        let labels = self.labels;
        self.elements.iter().filter_map(move |e| Some((labels.get(e.label as usize)?, e.value)))
    }
}
