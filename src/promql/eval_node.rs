//! The value of one node, computed from the values of its parts.
//!
//! Each arm evaluates the parts first (their values are remembered in the frame), then fills the node's own slot; the
//! slot's vector is taken out meanwhile, so that parts can be read beside it, and put back with its allocation.

use std::collections::BTreeMap;

use super::aggregate;
use super::binary;
use super::error::EvalError;
use super::eval::{Evaluator, Row, Run, STEPS_MAX};
use super::histogram;
use super::names::{EMPTY, Element, LabelId};
use super::operator::{Aggregation, BinaryOp, Elementwise, SetOp};
use super::program::{Matching, Node, NodeId, SpanPart, TransformId, Window};
use super::selector::When;
use super::storage::{Glance, SeriesId, Storage, is_stale};
use super::window::{Bounds, Spread, WindowFunction};

impl Evaluator {
    /// Makes sure that the slot of node `id` in frame `depth` is filled.
    pub(super) fn node<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        id: NodeId,
    ) -> Result<(), EvalError> {
        if self.slot(depth, id).stamp == self.frames[depth].stamp {
            return Ok(());
        }
        let node = run.program.nodes.get(id as usize).ok_or(EvalError::UnknownQuery)?;
        if let Some(value) = self.scalar_node(run, depth, node)? {
            let frame = &mut self.frames[depth];
            let slot = &mut frame.slots[id as usize];
            (slot.scalar, slot.stamp) = (value, frame.stamp);
            return Ok(());
        }
        let mut out = std::mem::take(&mut self.frames[depth].slots[id as usize].vector);
        out.clear();
        self.vector_node(run, depth, node, &mut out)?;
        let frame = &mut self.frames[depth];
        let slot = &mut frame.slots[id as usize];
        (slot.vector, slot.stamp) = (out, frame.stamp);
        Ok(())
    }

    /// The value of a scalar node, `None` for a vector node.
    fn scalar_node<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        node: &Node,
    ) -> Result<Option<f64>, EvalError> {
        Ok(Some(match node {
            Node::Number(bits) => f64::from_bits(*bits),
            Node::Time => self.frames[depth].at_ms as f64 / 1000.0,
            Node::Evaluated(part) => {
                let ms = match part {
                    SpanPart::Start => self.span.start,
                    SpanPart::End => self.span.end,
                    SpanPart::Step => self.span.step,
                    SpanPart::Length => self.span.end.saturating_sub(self.span.start),
                };
                ms as f64 / 1000.0
            }
            Node::ScalarElementwise(function, expr) => {
                function.apply(self.scalar(run, depth, *expr)?, 0.0, 0.0)
            }
            Node::ScalarBinary { op, left, right } => {
                let left = self.scalar(run, depth, *left)?;
                op.apply(left, self.scalar(run, depth, *right)?).unwrap_or(f64::NAN)
            }
            Node::ScalarOf(expr) => {
                self.node(run, depth, *expr)?;
                match self.slot(depth, *expr).vector.as_slice() {
                    [only] => only.value,
                    _ => f64::NAN,
                }
            }
            _ => return Ok(None),
        }))
    }

    fn scalar<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        id: NodeId,
    ) -> Result<f64, EvalError> {
        self.node(run, depth, id)?;
        Ok(self.slot(depth, id).scalar)
    }

    fn parameter<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        id: Option<NodeId>,
    ) -> Result<f64, EvalError> {
        id.map_or(Ok(0.0), |id| self.scalar(run, depth, id))
    }

    fn vector_node<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        node: &Node,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        match node {
            Node::Select(selector) => self.select(run, depth, *selector, false, out),
            Node::OverWindow { function, window, parameters: [first, second] } => {
                let parameters = [self.parameter(run, depth, *first)?, self.parameter(run, depth, *second)?];
                self.over_window(run, depth, *function, *window, parameters, out)?;
            }
            Node::WithScalar { op, vector, scalar, scalar_left } => {
                self.with_scalar(run, depth, *op, [*vector, *scalar], *scalar_left, out)?;
            }
            Node::Vectors { op, left, right, matching } => {
                self.vectors(run, depth, *op, [*left, *right], *matching, out)?;
            }
            Node::Set { op, left, right, signature } => {
                self.sets(run, depth, *op, [*left, *right], *signature, out)?;
            }
            Node::Aggregate { op, expr, grouping, parameter } => {
                let parameter = self.parameter(run, depth, *parameter)?;
                self.aggregate(run, depth, *op, *expr, *grouping, parameter, out)?;
            }
            Node::CountValues { expr, label, grouping } => {
                self.node(run, depth, *expr)?;
                let input = &self.frames[depth].slots[*expr as usize].vector;
                let mut context = Self::context(run.program, &mut self.names, &mut self.scratch.marks);
                aggregate::count_values(&mut context, label, *grouping, input, &mut self.scratch.groups, out);
            }
            Node::Elementwise { function, expr, first, second } => {
                let first = self.parameter(run, depth, *first)?;
                let second = self.parameter(run, depth, *second)?;
                self.elementwise(run, depth, *function, *expr, [first, second], out)?;
            }
            Node::HistogramQuantile { quantile, expr, without_bound } => {
                let q = self.scalar(run, depth, *quantile)?;
                self.histogram_quantile(run, depth, q, *expr, *without_bound, out)?;
            }
            _ => self.rare_node(run, depth, node, out)?,
        }
        Ok(())
    }

    /// The nodes that no hot query is made of.
    fn rare_node<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        node: &Node,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        let unlabelled = |value| Element { label: EMPTY, drop_name: false, value };
        match node {
            Node::VectorOf(expr) => out.push(unlabelled(self.scalar(run, depth, *expr)?)),
            Node::Absent { expr, labels } => {
                self.node(run, depth, *expr)?;
                if self.slot(depth, *expr).vector.is_empty() {
                    out.push(Element { label: self.names.intern(labels.clone()), ..unlabelled(1.0) });
                }
            }
            Node::AbsentOverTime { window, labels } => {
                if self.matrix(run, depth, *window)?.is_empty() {
                    out.push(Element { label: self.names.intern(labels.clone()), ..unlabelled(1.0) });
                }
            }
            Node::Relabel { expr, transform, sets_name } => {
                self.node(run, depth, *expr)?;
                for element in &self.frames[depth].slots[*expr as usize].vector {
                    let label = self.names.transform(run.program, *transform, element.label);
                    out.push(Element { label, drop_name: element.drop_name && !sets_name, ..*element });
                }
                self.check_unique(out)?;
            }
            Node::Sort { expr, descending } => {
                self.node(run, depth, *expr)?;
                out.extend_from_slice(&self.slot(depth, *expr).vector);
                aggregate::sort(out, *descending);
            }
            Node::SortByLabel { expr, names, descending } => {
                self.node(run, depth, *expr)?;
                out.extend_from_slice(&self.slot(depth, *expr).vector);
                let by = run.program.includes.get(*names as usize).map_or(&[][..], |names| names);
                aggregate::sort_by_label(&self.names, by, *descending, out);
            }
            Node::HistogramQuantiles { quantiles, label, expr, without_bound } => {
                for quantile in quantiles.iter() {
                    let q = self.scalar(run, depth, *quantile)?;
                    let mut of_one = Vec::new();
                    self.histogram_quantile(run, depth, q, *expr, *without_bound, &mut of_one)?;
                    let text = bound_text(q);
                    out.extend(of_one.into_iter().map(|element| {
                        let labels = self.names.labels(element.label).with(label, &text);
                        Element { label: self.names.intern(labels), ..element }
                    }));
                }
                self.check_unique(out)?;
            }
            Node::HistogramFraction { lower, upper, expr, without_bound } => {
                let limits = (self.scalar(run, depth, *lower)?, self.scalar(run, depth, *upper)?);
                self.node(run, depth, *expr)?;
                let input = &self.frames[depth].slots[*expr as usize].vector;
                let mut context = Self::context(run.program, &mut self.names, &mut self.scratch.marks);
                let buckets = &mut self.scratch.buckets;
                histogram::fractions(&mut context, limits, *without_bound, input, buckets, out);
                self.drop_names(run, out)?;
            }
            Node::Timestamp { expr, selector } => self.timestamps(run, depth, *expr, *selector, out)?,
            _ => {
                return Err(EvalError::Parameter(
                    "the result is neither a number nor an instant vector".into(),
                ));
            }
        }
        Ok(())
    }

    /// The latest sample of each selected series; its time in seconds instead of its value if `times`.
    fn select<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        selector: u32,
        times: bool,
        out: &mut Vec<Element>,
    ) {
        let Some(selector) = run.program.selectors.get(selector as usize) else { return };
        let upto = selector.when.of(self.frames[depth].at_ms, self.span);
        let after = upto.saturating_sub(run.program.options().lookback.as_millis());
        for (series, label) in self.names.members(selector.matcher_set) {
            if let Some((t, value)) = run.storage.latest(series, after, upto)
                && !is_stale(value)
            {
                let value = if times { t as f64 / 1000.0 } else { value };
                out.push(Element { label, drop_name: false, value });
            }
        }
    }

    fn timestamps<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        expr: NodeId,
        selector: Option<u32>,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        match selector {
            Some(selector) => self.select(run, depth, selector, true, out),
            None => {
                self.node(run, depth, expr)?;
                let value = self.frames[depth].at_ms as f64 / 1000.0;
                out.extend(self.slot(depth, expr).vector.iter().map(|&element| Element { value, ..element }));
            }
        }
        self.drop_names(run, out)
    }

    fn over_window<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        function: WindowFunction,
        window: Window,
        parameters: [f64; 2],
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        let at = self.frames[depth].at_ms;
        if function == WindowFunction::Smoothing {
            check_factors(parameters)?;
        }
        let bounds = self.bounds(run, window, at, parameters);
        match window {
            Window::Selector(selector) => {
                let Some(selector) = run.program.selectors.get(selector as usize) else { return Ok(()) };
                let mut reader = Reader {
                    storage: run.storage,
                    function,
                    bounds,
                    spread: None,
                    points: &mut self.scratch.points,
                };
                for (series, label) in self.names.members(selector.matcher_set) {
                    if let Some(value) = reader.value(series) {
                        out.push(Element { label, drop_name: false, value });
                    }
                }
            }
            Window::Subquery { .. } => {
                for row in self.matrix(run, depth, window)? {
                    if let Some(value) = function.apply(&row.points, bounds) {
                        out.push(Element { label: row.label, drop_name: row.drop_name, value });
                    }
                }
            }
        }
        if function.keeps_name() { Ok(()) } else { self.drop_names(run, out) }
    }

    /// The series of a window, each with at least one point.
    pub(super) fn matrix<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        window: Window,
    ) -> Result<Vec<Row>, EvalError> {
        let bounds = self.bounds(run, window, self.frames[depth].at_ms, [0.0; 2]);
        match window {
            Window::Selector(selector) => {
                let Some(selector) = run.program.selectors.get(selector as usize) else { return Ok(vec![]) };
                let rows = self.names.members(selector.matcher_set).map(|(series, label)| {
                    let mut points = Vec::new();
                    read(run.storage, series, bounds, &mut points);
                    Row { label, drop_name: false, points }
                });
                Ok(rows.filter(|row| !row.points.is_empty()).collect())
            }
            Window::Subquery { expr, step_ms, .. } => self.subquery(run, depth, expr, bounds, step_ms),
        }
    }

    /// Evaluates `expr` at the multiples of the step in the window. Steps are aligned with time zero, not with the
    /// instant of the query.
    fn subquery<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        expr: NodeId,
        bounds: Bounds,
        step_ms: i64,
    ) -> Result<Vec<Row>, EvalError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut places: BTreeMap<LabelId, usize> = BTreeMap::new();
        let mut at_ms = bounds.start.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        while at_ms <= bounds.end {
            self.steps_left =
                self.steps_left.checked_sub(1).ok_or(EvalError::TooManySteps { limit: STEPS_MAX })?;
            self.enter(run.program, depth + 1, at_ms);
            self.node(run, depth + 1, expr)?;
            for element in &self.slot(depth + 1, expr).vector {
                let place = *places.entry(element.label).or_insert_with(|| {
                    rows.push(Row { label: element.label, drop_name: element.drop_name, points: Vec::new() });
                    rows.len() - 1
                });
                if let Some(row) = rows.get_mut(place) {
                    row.points.push((at_ms, element.value));
                }
            }
            at_ms = at_ms.saturating_add(step_ms);
        }
        Ok(rows)
    }

    fn with_scalar<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        op: BinaryOp,
        [vector, scalar]: [NodeId; 2],
        scalar_left: bool,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        let scalar = self.scalar(run, depth, scalar)?;
        self.node(run, depth, vector)?;
        binary::with_scalar(op, &self.slot(depth, vector).vector, scalar, scalar_left, out);
        if op.drops_name() { self.drop_names(run, out) } else { Ok(()) }
    }

    fn vectors<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        op: BinaryOp,
        [left, right]: [NodeId; 2],
        matching: Matching,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        self.node(run, depth, left)?;
        self.node(run, depth, right)?;
        let slots = &self.frames[depth].slots;
        let (left, right) = (&slots[left as usize].vector, &slots[right as usize].vector);
        let mut context = Self::context(run.program, &mut self.names, &mut self.scratch.marks);
        binary::vectors(&mut context, op, left, right, matching, out)?;
        if run.program.options().delayed_name_removal { Ok(()) } else { self.check_unique(out) }
    }

    fn sets<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        op: SetOp,
        [left, right]: [NodeId; 2],
        signature: TransformId,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        self.node(run, depth, left)?;
        self.node(run, depth, right)?;
        let slots = &self.frames[depth].slots;
        let (left, right) = (&slots[left as usize].vector, &slots[right as usize].vector);
        let mut context = Self::context(run.program, &mut self.names, &mut self.scratch.marks);
        binary::sets(&mut context, op, left, right, signature, out);
        if run.program.options().delayed_name_removal { Ok(()) } else { self.check_unique(out) }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one node")]
    fn aggregate<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        op: Aggregation,
        expr: NodeId,
        grouping: TransformId,
        parameter: f64,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        self.node(run, depth, expr)?;
        let input = &self.frames[depth].slots[expr as usize].vector;
        let mut context = Self::context(run.program, &mut self.names, &mut self.scratch.marks);
        match op {
            Aggregation::Quantile => aggregate::quantiles(&mut context, parameter, grouping, input, out),
            Aggregation::Top | Aggregation::Bottom => {
                aggregate::extremes(&mut context, op, parameter, grouping, input, out)?;
            }
            Aggregation::LimitCount => aggregate::first(&mut context, parameter, grouping, input, out)?,
            Aggregation::LimitRatio => aggregate::share(&mut context, parameter, grouping, input, out)?,
            _ => aggregate::fold(&mut context, op, grouping, input, &mut self.scratch.groups, out),
        }
        Ok(())
    }

    fn elementwise<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        function: Elementwise,
        expr: NodeId,
        [first, second]: [f64; 2],
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        self.node(run, depth, expr)?;
        // An empty interval has no values to clamp to.
        if function == Elementwise::Clamp && second < first {
            return Ok(());
        }
        let input = &self.slot(depth, expr).vector;
        out.extend(input.iter().map(|&e| Element { value: function.apply(e.value, first, second), ..e }));
        self.drop_names(run, out)
    }

    fn histogram_quantile<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        depth: usize,
        q: f64,
        expr: NodeId,
        without_bound: TransformId,
        out: &mut Vec<Element>,
    ) -> Result<(), EvalError> {
        self.node(run, depth, expr)?;
        let input = &self.frames[depth].slots[expr as usize].vector;
        let mut context = Self::context(run.program, &mut self.names, &mut self.scratch.marks);
        histogram::quantiles(&mut context, q, without_bound, input, &mut self.scratch.buckets, out);
        self.drop_names(run, out)
    }

    /// Removes metric names, or marks them for removal.
    ///
    /// # Errors
    /// If that makes two elements equal.
    fn drop_names<S: Storage + ?Sized>(
        &mut self,
        run: &Run<'_, S>,
        out: &mut [Element],
    ) -> Result<(), EvalError> {
        if run.program.options().delayed_name_removal {
            out.iter_mut().for_each(|element| element.drop_name = true);
            return Ok(());
        }
        for element in out.iter_mut() {
            element.label = self.names.nameless(element.label);
        }
        self.check_unique(out)
    }

    /// The edges of a window at the instant `at`.
    fn bounds<S: Storage + ?Sized>(
        &self,
        run: &Run<'_, S>,
        window: Window,
        at: i64,
        parameters: [f64; 2],
    ) -> Bounds {
        let (range_ms, when) = match window {
            Window::Selector(selector) => {
                let selector = run.program.selectors.get(selector as usize);
                selector.map_or((0, When::default()), |s| (s.range_ms.unwrap_or(0), s.when))
            }
            Window::Subquery { range_ms, when, .. } => (range_ms, when),
        };
        let range_ms = self.stretch.filter(|(from, _)| *from == range_ms).map_or(range_ms, |(_, to)| to);
        let end = when.of(at, self.span);
        Bounds { at, start: end.saturating_sub(range_ms), end, parameters }
    }
}

/// # Errors
/// If a factor of `double_exponential_smoothing` is not between 0 and 1.
fn check_factors(factors: [f64; 2]) -> Result<(), EvalError> {
    for (what, factor) in ["smoothing", "trend"].into_iter().zip(factors) {
        if !(factor > 0.0 && factor < 1.0) {
            let wrong = format!("invalid {what} factor. Expected: 0 < factor < 1, got: {factor}");
            return Err(EvalError::Parameter(wrong));
        }
    }
    Ok(())
}

/// A number as the value of a label that bounds or quantiles have: with a point or an exponent, as OpenMetrics writes it.
fn bound_text(value: f64) -> String {
    let plain = aggregate::plain_number(value);
    let is_small = value != 0.0 && value.abs() < 1e-4;
    if value.is_finite() && (is_small || value.abs() >= 1e21) {
        let (digits, exponent) =
            format!("{value:e}").split_once('e').map_or((plain, 0), |(digits, exponent)| {
                (digits.to_owned(), exponent.parse::<i32>().unwrap_or(0))
            });
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    if value.is_finite() && !plain.contains('.') { plain + ".0" } else { plain }
}

/// A function of the windows of one series after the other.
struct Reader<'a, S: Storage + ?Sized> {
    storage: &'a S,
    function: WindowFunction,
    bounds: Bounds,
    spread: Option<Spread>,
    points: &'a mut Vec<(i64, f64)>,
}

impl<S: Storage + ?Sized> Reader<'_, S> {
    /// By the ends of the window where the store knows them and they are enough, else by its samples.
    #[inline]
    fn value(&mut self, series: SeriesId) -> Option<f64> {
        if self.function.may_need_ends_only() {
            match self.storage.glance(series, self.bounds.start, self.bounds.end) {
                Glance::Empty => return None,
                Glance::Extent(extent) => {
                    if let Some(value) = self.function.of_extent(extent, self.bounds, &mut self.spread) {
                        return value;
                    }
                }
                Glance::Unknown => {}
            }
        }
        read(self.storage, series, self.bounds, self.points);
        self.function.apply(self.points, self.bounds)
    }
}

/// The samples of one series in a window, without stale markers.
fn read<S: Storage + ?Sized>(storage: &S, series: SeriesId, bounds: Bounds, points: &mut Vec<(i64, f64)>) {
    points.clear();
    storage.samples(series, bounds.start, bounds.end, points);
    if points.iter().any(|point| is_stale(point.1)) {
        points.retain(|point| !is_stale(point.1));
    }
}
