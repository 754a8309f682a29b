//! Compiled queries that share what they have in common.
//!
//! A [`Program`] is a set of queries as one graph: equal sub-expressions are one node, so a thousand policies that
//! compare the same ratio with a thousand thresholds compute the ratio once per instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compile;
use super::error::PromqlError;
use super::labels::{BUCKET_BOUND, Labels};
use super::operator::{Aggregation, BinaryOp, Comparison, Elementwise, SetOp};
use super::selector::{MatchOp, Matcher, Selector, When};
use super::transform::{LabelNames, Transform, TransformKind};
use super::window::WindowFunction;
use crate::time::SimDuration;

pub(super) type NodeId = u32;
pub(super) type TransformId = u32;

/// One query of a [`Program`]; equal texts give equal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub(super) NodeId);

/// The type of a query's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A number without labels.
    Scalar,
    /// Samples of one instant.
    Vector,
    /// Series over time.
    Matrix,
    /// A text.
    String,
}

/// Server settings that queries depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How far back an instant selector looks for a sample; Prometheus' default is 5 m.
    pub lookback: SimDuration,
    /// The step of a subquery that names none: the global evaluation interval, 1 m by default.
    pub subquery_step: SimDuration,
    /// The feature flag `promql-delayed-name-removal`: metric names are removed after the whole query instead of by
    /// each function. Off by default, as in Prometheus.
    pub delayed_name_removal: bool,
    /// Whether `@` with a time may be used; `@ start()` and `@ end()` always may. Off by default: in a simulation, whose time has no date, it would mean
    /// nothing; unit tests of rules have dates.
    pub dates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            lookback: SimDuration::from_mins(5),
            subquery_step: SimDuration::from_mins(1),
            delayed_name_removal: false,
            dates: false,
        }
    }
}

/// What a range function reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Window {
    Selector(u32),
    Subquery { expr: NodeId, range_ms: i64, step_ms: i64, when: When },
}

/// Which side of a vector match may have several series per group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Many {
    Neither,
    Left,
    Right,
}

/// How two vectors are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Matching {
    /// Elements with equal images meet.
    pub(super) signature: TransformId,
    /// From the labels of the "many" (or left) side to those of the result.
    pub(super) result: TransformId,
    pub(super) many: Many,
    /// Which labels come from the "one" side.
    pub(super) include: Option<u32>,
}

/// One expression, its parts given by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Number(u64),
    Text(Arc<str>),
    Time,
    Evaluated(SpanPart),
    Select(u32),
    Matrix(Window),
    ScalarElementwise(Elementwise, NodeId),
    ScalarBinary { op: BinaryOp, left: NodeId, right: NodeId },
    WithScalar { op: BinaryOp, vector: NodeId, scalar: NodeId, scalar_left: bool },
    Vectors { op: BinaryOp, left: NodeId, right: NodeId, matching: Matching },
    Set { op: SetOp, left: NodeId, right: NodeId, signature: TransformId },
    Aggregate { op: Aggregation, expr: NodeId, grouping: TransformId, parameter: Option<NodeId> },
    CountValues { expr: NodeId, label: Arc<str>, grouping: TransformId },
    OverWindow { function: WindowFunction, window: Window, parameters: [Option<NodeId>; 2] },
    AbsentOverTime { window: Window, labels: Labels },
    Absent { expr: NodeId, labels: Labels },
    Elementwise { function: Elementwise, expr: NodeId, first: Option<NodeId>, second: Option<NodeId> },
    Relabel { expr: NodeId, transform: TransformId, sets_name: bool },
    Sort { expr: NodeId, descending: bool },
    SortByLabel { expr: NodeId, names: u32, descending: bool },
    VectorOf(NodeId),
    ScalarOf(NodeId),
    Timestamp { expr: NodeId, selector: Option<u32> },
    HistogramQuantile { quantile: NodeId, expr: NodeId, without_bound: TransformId },
    HistogramQuantiles { quantiles: Arc<[NodeId]>, label: Arc<str>, expr: NodeId, without_bound: TransformId },
    HistogramFraction { lower: NodeId, upper: NodeId, expr: NodeId, without_bound: TransformId },
}

/// What a query can ask of the evaluation it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SpanPart {
    Start,
    End,
    Step,
    Length,
}

impl Node {
    /// The expressions it is made of.
    pub(super) fn parts(&self) -> Vec<NodeId> {
        let of_window = |window: &Window| match window {
            Window::Selector(_) => None,
            Window::Subquery { expr, .. } => Some(*expr),
        };
        match self {
            Node::Number(_) | Node::Text(_) | Node::Time | Node::Evaluated(_) | Node::Select(_) => vec![],
            Node::Matrix(window) | Node::AbsentOverTime { window, .. } => {
                of_window(window).into_iter().collect()
            }
            Node::OverWindow { window, parameters, .. } => {
                of_window(window).into_iter().chain(parameters.iter().flatten().copied()).collect()
            }
            Node::HistogramQuantiles { quantiles, expr, .. } => {
                quantiles.iter().copied().chain([*expr]).collect()
            }
            Node::HistogramFraction { lower, upper, expr, .. } => vec![*lower, *upper, *expr],
            Node::ScalarBinary { left, right, .. }
            | Node::Vectors { left, right, .. }
            | Node::Set { left, right, .. } => vec![*left, *right],
            Node::WithScalar { vector, scalar, .. } => vec![*vector, *scalar],
            Node::Aggregate { expr, parameter, .. } => parameter.iter().copied().chain([*expr]).collect(),
            Node::Elementwise { expr, first, second, .. } => {
                [*expr].into_iter().chain(*first).chain(*second).collect()
            }
            Node::HistogramQuantile { quantile, expr, .. } => vec![*quantile, *expr],
            Node::ScalarElementwise(_, expr)
            | Node::CountValues { expr, .. }
            | Node::Absent { expr, .. }
            | Node::Relabel { expr, .. }
            | Node::Sort { expr, .. }
            | Node::SortByLabel { expr, .. }
            | Node::VectorOf(expr)
            | Node::ScalarOf(expr)
            | Node::Timestamp { expr, .. } => vec![*expr],
        }
    }

    pub(super) fn value_type(&self) -> ValueType {
        match self {
            Node::Number(_)
            | Node::Time
            | Node::Evaluated(_)
            | Node::ScalarElementwise(..)
            | Node::ScalarBinary { .. }
            | Node::ScalarOf(_) => ValueType::Scalar,
            Node::Text(_) => ValueType::String,
            Node::Matrix(_) => ValueType::Matrix,
            _ => ValueType::Vector,
        }
    }

    /// The selector it reads by itself.
    fn own_selector(&self) -> Option<u32> {
        match self {
            Node::Select(selector)
            | Node::Matrix(Window::Selector(selector))
            | Node::OverWindow { window: Window::Selector(selector), .. }
            | Node::AbsentOverTime { window: Window::Selector(selector), .. } => Some(*selector),
            _ => None,
        }
    }
}

/// A set of matchers that several selectors may share.
#[derive(Clone, Debug)]
pub(super) struct MatcherSet(pub(super) Arc<[Matcher]>);

impl MatcherSet {
    pub(super) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.is_match(labels.value(matcher.name())))
    }
}

type MatcherKey = Vec<(String, MatchOp, String)>;

/// A set of compiled queries that share sub-expressions.
#[derive(Clone, Debug, Default)]
pub struct Program {
    options: Options,
    pub(super) nodes: Vec<Node>,
    node_index: BTreeMap<Node, NodeId>,
    pub(super) selectors: Vec<Selector>,
    selector_index: BTreeMap<(u32, Option<i64>, When), u32>,
    pub(super) matcher_sets: Vec<MatcherSet>,
    matcher_index: BTreeMap<MatcherKey, u32>,
    pub(super) transforms: Vec<Transform>,
    transform_index: BTreeMap<TransformKind, TransformId>,
    pub(super) includes: Vec<LabelNames>,
    queries: Vec<QueryId>,
}

impl Program {
    /// A program without queries, with Prometheus' default settings.
    pub fn new() -> Self {
        Program::default()
    }

    /// A program without queries, with the given settings.
    pub fn with_options(options: Options) -> Self {
        Program { options, ..Program::default() }
    }

    /// The settings all queries are evaluated with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Compiles a query into the program.
    ///
    /// # Errors
    /// If the text is not PromQL, or uses a feature that the evaluator does not have (functions of native histograms,
    /// `info`, `fill()` ...). An expression that compiles is never computed wrongly for want of
    /// a feature.
    pub fn add(&mut self, text: &str) -> Result<QueryId, PromqlError> {
        let id = QueryId(compile::compile(self, text)?);
        if let Err(place) = self.queries.binary_search(&id) {
            self.queries.insert(place, id);
        }
        Ok(id)
    }

    /// The queries added so far, each once.
    pub fn queries(&self) -> impl Iterator<Item = QueryId> + '_ {
        self.queries.iter().copied()
    }

    /// The selectors of all queries, each once.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.selectors_below(self.queries.iter().map(|query| query.0).collect())
    }

    /// The selectors one query uses, each once.
    pub fn selectors_of(&self, query: QueryId) -> impl Iterator<Item = &Selector> {
        self.selectors_below(vec![query.0])
    }

    /// The comparisons with constants that must all hold for the query to have a result: the query itself, or the
    /// parts of a conjunction (`and`) that are such comparisons, in order of writing. See [`Program::comparison`].
    pub fn conjuncts(&self, query: QueryId) -> Vec<(QueryId, Comparison, f64)> {
        match self.nodes.get(query.0 as usize) {
            Some(Node::Set { op: SetOp::And, left, right, .. }) => {
                let mut found = self.conjuncts(QueryId(*left));
                found.extend(self.conjuncts(QueryId(*right)));
                found
            }
            _ => self.comparison(query).into_iter().collect(),
        }
    }

    /// Whether a series with these labels is selected by `selector`, so that a selector nothing can match is found.
    pub fn matches(&self, selector: &Selector, labels: &Labels) -> bool {
        selector.matches(labels)
    }

    fn selectors_below(&self, roots: Vec<NodeId>) -> impl Iterator<Item = &Selector> {
        let mut seen = vec![false; self.nodes.len()];
        let (mut open, mut used) = (roots, Vec::new());
        while let Some(id) = open.pop() {
            let Some(node) = self.nodes.get(id as usize) else { continue };
            if !std::mem::replace(&mut seen[id as usize], true) {
                used.extend(node.own_selector());
                open.extend(node.parts());
            }
        }
        used.sort_unstable();
        used.dedup();
        used.into_iter().filter_map(|selector| self.selectors.get(selector as usize))
    }

    /// The type of a query's result.
    pub fn value_type(&self, query: QueryId) -> ValueType {
        self.nodes.get(query.0 as usize).map_or(ValueType::Vector, Node::value_type)
    }

    /// How far back the queries look, look-back, offsets and nested subqueries included: older samples may be
    /// forgotten by a store.
    pub fn longest_window(&self) -> SimDuration {
        let reach = self.queries.iter().map(|query| self.reach_ms(query.0)).max().unwrap_or(0);
        SimDuration::from_millis(reach.max(0).unsigned_abs())
    }

    /// How far back one query looks, see [`Program::longest_window`].
    pub fn window_of(&self, query: QueryId) -> SimDuration {
        SimDuration::from_millis(self.reach_ms(query.0).max(0).unsigned_abs())
    }

    /// For a query that is a filtering comparison with a constant, on either side: the other side as a query of its
    /// own, the comparison read with the constant on the right, and the constant.
    ///
    /// ```
    /// use backout::promql::{Comparison, Program};
    /// let mut program = Program::new();
    /// let check = program.add("0.05 < sum(errors) / sum(requests)").unwrap();
    /// let side = program.add("sum(errors) / sum(requests)").unwrap();
    /// assert_eq!(program.comparison(check), Some((side, Comparison::Greater, 0.05)));
    /// ```
    pub fn comparison(&self, query: QueryId) -> Option<(QueryId, Comparison, f64)> {
        let Node::WithScalar { op: BinaryOp::Filter(op), vector, scalar, scalar_left } =
            self.nodes.get(query.0 as usize)?
        else {
            return None;
        };
        let Node::Number(bits) = self.nodes.get(*scalar as usize)? else { return None };
        let op = if *scalar_left { op.mirrored() } else { *op };
        Some((QueryId(*vector), op, f64::from_bits(*bits)))
    }

    /// Whether a query has never more than one sample, and that one without labels, by its form: aggregations over
    /// everything, quantiles of histograms that are one, and what is computed from them.
    ///
    /// ```
    /// use backout::promql::Program;
    /// let mut program = Program::new();
    /// let ratio = program.add("sum(rate(errors[1m])) / sum(rate(requests[1m]))").unwrap();
    /// let by_pod = program.add("sum by (pod) (rate(errors[1m]))").unwrap();
    /// assert!(program.is_single(ratio) && !program.is_single(by_pod));
    /// ```
    pub fn is_single(&self, query: QueryId) -> bool {
        self.is_single_node(query.0)
    }

    fn is_single_node(&self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get(id as usize) else { return false };
        match node {
            Node::VectorOf(_) => true,
            Node::WithScalar { vector: part, .. }
            | Node::Elementwise { expr: part, .. }
            | Node::Sort { expr: part, .. } => self.is_single_node(*part),
            Node::Vectors { left, right, .. } | Node::Set { left, right, .. } => {
                self.is_single_node(*left) && self.is_single_node(*right)
            }
            Node::HistogramQuantile { expr, .. } => match self.grouped_by(*expr) {
                Some([only]) => **only == *BUCKET_BOUND,
                names => names.is_some_and(<[_]>::is_empty),
            },
            Node::Aggregate { .. } => self.grouped_by(id).is_some_and(<[_]>::is_empty),
            _ => false,
        }
    }

    /// The labels of an aggregation that gives one sample a group of these labels.
    fn grouped_by(&self, id: NodeId) -> Option<&[Box<str>]> {
        match self.nodes.get(id as usize)? {
            Node::Aggregate { op, .. } if !op.is_one_per_group() => None,
            Node::Aggregate { grouping, .. } => {
                self.transforms.get(*grouping as usize)?.kept().map(AsRef::as_ref)
            }
            _ => None,
        }
    }

    /// Parts have smaller numbers than the whole, so one pass in order is enough.
    fn reach_ms(&self, root: NodeId) -> i64 {
        let mut reach = vec![0i64; root as usize + 1];
        for (id, node) in self.nodes.iter().enumerate().take(root as usize + 1) {
            let of_parts = node.parts().iter().filter_map(|&part| reach.get(part as usize)).max().copied();
            let own = node.own_selector().and_then(|s| self.selectors.get(s as usize));
            let own =
                own.map_or(0, |s| s.range_ms.unwrap_or(self.options.lookback.as_millis()) + s.when.offset_ms);
            let subquery = match node {
                Node::Matrix(Window::Subquery { range_ms, when, .. })
                | Node::OverWindow { window: Window::Subquery { range_ms, when, .. }, .. }
                | Node::AbsentOverTime { window: Window::Subquery { range_ms, when, .. }, .. } => {
                    range_ms.saturating_add(when.offset_ms)
                }
                _ => 0,
            };
            reach[id] = own.max(of_parts.unwrap_or(0).saturating_add(subquery));
        }
        reach.last().copied().unwrap_or(0)
    }

    pub(super) fn node(&mut self, node: Node) -> NodeId {
        if let Some(&id) = self.node_index.get(&node) {
            return id;
        }
        let id = self.nodes.len() as NodeId;
        self.nodes.push(node.clone());
        self.node_index.insert(node, id);
        id
    }

    pub(super) fn transform(&mut self, kind: TransformKind) -> Result<TransformId, PromqlError> {
        if let Some(&id) = self.transform_index.get(&kind) {
            return Ok(id);
        }
        let id = self.transforms.len() as TransformId;
        self.transforms.push(Transform::new(kind.clone())?);
        self.transform_index.insert(kind, id);
        Ok(id)
    }

    pub(super) fn include(&mut self, names: LabelNames) -> u32 {
        let known = self.includes.iter().position(|known| *known == names);
        let place = known.unwrap_or(self.includes.len());
        if known.is_none() {
            self.includes.push(names);
        }
        place as u32
    }

    pub(super) fn selector(&mut self, mut matchers: Vec<Matcher>, range_ms: Option<i64>, when: When) -> u32 {
        let key_of = |m: &Matcher| (m.name().to_owned(), m.op(), m.value().to_owned());
        matchers.sort_by_key(key_of);
        let key: MatcherKey = matchers.iter().map(key_of).collect();
        let matcher_set = match self.matcher_index.get(&key) {
            Some(&set) => set,
            None => {
                let set = self.matcher_sets.len() as u32;
                self.matcher_sets.push(MatcherSet(matchers.into()));
                self.matcher_index.insert(key, set);
                set
            }
        };
        let key = (matcher_set, range_ms, when);
        if let Some(&id) = self.selector_index.get(&key) {
            return id;
        }
        let id = self.selectors.len() as u32;
        let matchers = self.matcher_sets[matcher_set as usize].0.clone();
        self.selectors.push(Selector { matchers, matcher_set, range_ms, when });
        self.selector_index.insert(key, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_are_one_node() {
        let mut program = Program::new();
        program.add("sum(rate(x[1m])) > 0.1").unwrap();
        let before = program.nodes.len();
        program.add("sum( rate(x[1m]) ) > 0.2").unwrap();
        assert_eq!(program.nodes.len(), before + 2, "a constant and a comparison");
        program.add(r#"rate(x{a="1",b="2"}[1m])"#).unwrap();
        program.add(r#"rate(x{b="2",a="1"}[2m])"#).unwrap();
        assert_eq!((program.matcher_sets.len(), program.selectors.len()), (2, 3));
    }

    #[test]
    fn comparisons_with_constants_are_found() {
        let mut program = Program::new();
        let query = program.add("a > 14.4 * 0.5 and on () (3 >= b) and c").unwrap();
        let (a, b) = (program.add("a").unwrap(), program.add("b").unwrap());
        let expected = [(a, Comparison::Greater, 7.2), (b, Comparison::LessOrEqual, 3.0)];
        assert_eq!(program.conjuncts(query), expected);
        assert_eq!(program.comparison(query), None);
        let test = program.add("a > bool 1").unwrap();
        assert_eq!(program.comparison(test), None, "it always has a result");
    }

    #[test]
    fn single_values_are_told_by_their_form() {
        let mut program = Program::new();
        let mut is_single = |text: &str| {
            let query = program.add(text).unwrap();
            program.is_single(query)
        };
        for text in [
            "sum(x)",
            "1 - avg(rate(x[1m])) / 2",
            "clamp_min(sum(x), 0) or vector(0)",
            "histogram_quantile(0.9, sum by (le) (rate(x_bucket[1m])))",
            "sum(x) / on () sum(y) > 3",
        ] {
            assert!(is_single(text), "{text}");
        }
        for text in [
            "x",
            "sum by (pod) (x)",
            "sum without (pod) (x)",
            "topk(1, x)",
            "sum(x) + on () group_right () y",
            "histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[1m])))",
            "histogram_quantile(0.9, rate(x_bucket[1m]))",
            "1 > bool 0",
            "sum(x) or y",
        ] {
            assert!(!is_single(text), "{text}");
        }
    }

    #[test]
    fn reach_adds_up_through_subqueries() {
        let mut program = Program::new();
        let query = program.add("max_over_time(rate(x[5m] offset 1h)[1d:1m] offset 2h)").unwrap();
        let minutes = 5 + 60 + 24 * 60 + 120;
        assert_eq!(program.window_of(query), SimDuration::from_mins(minutes));
        let instant = program.add("x offset -1m").unwrap();
        assert_eq!(program.window_of(instant), SimDuration::from_mins(4));
        assert_eq!(program.longest_window(), SimDuration::from_mins(minutes));
    }
}
