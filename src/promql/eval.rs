//! Evaluation of a program's queries at an instant.
//!
//! An [`Evaluator`] remembers, for the instant it is at, the value of every node it has computed, whoever asked for
//! it; it also remembers which series each selector selects and how label sets are grouped. It is per branch of a
//! simulation: a clone shares what is known about labels and starts with an empty memory of values.
//!
//! Traps: the memory holds for one (instant, [`Storage::generation`]); a store whose visible samples change within an
//! instant must change its generation, or the caller must call [`Evaluator::forget`]. An evaluator belongs to one
//! program (which may grow) and to one store at a time; [`Evaluator::rebind`] moves it to another store.

use std::collections::BTreeMap;

use super::aggregate::{self, Context, Group};
use super::error::EvalError;
use super::histogram::Buckets;
use super::labels::Labels;
use super::names::{Element, LabelId, Marks, Names};
use super::program::{Node, NodeId, Program, QueryId, ValueType};
use super::selector::Span;
use super::storage::Storage;
use super::value::{Sample, Series, Value, VectorView, View};
use crate::time::SimDuration;

/// The most inner evaluations the subqueries of one query may take, and the most steps of a range evaluation.
pub(super) const STEPS_MAX: u32 = 1_000_000;

/// The remembered value of one node.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// When it was computed; valid if equal to the frame's.
    pub(super) stamp: u64,
    pub(super) scalar: f64,
    pub(super) vector: Vec<Element>,
}

/// The values of all nodes at one instant. Frame 0 is the query's instant, deeper ones are steps of subqueries.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) at_ms: i64,
    generation: u64,
    pub(super) stamp: u64,
    pub(super) slots: Vec<Slot>,
}

/// Buffers kept for their allocations; they hold nothing between two operations.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) marks: Marks,
    pub(super) groups: Vec<Group>,
    pub(super) buckets: Buckets,
    pub(super) points: Vec<(i64, f64)>,
    /// The result of the last query with its marked names removed (delayed name removal only).
    renamed: Vec<Element>,
}

/// Evaluates the queries of one program against one store.
#[derive(Debug)]
pub struct Evaluator {
    pub(super) names: Names,
    pub(super) frames: Vec<Frame>,
    pub(super) scratch: Scratch,
    stamps: u64,
    pub(super) steps_left: u32,
    /// Windows of this length (ms) are read as ones of that length, see [`Evaluator::stretch`].
    pub(super) stretch: Option<(i64, i64)>,
    /// The instants of the evaluation that goes on.
    pub(super) span: Span,
}

impl Default for Evaluator {
    fn default() -> Self {
        Evaluator::new()
    }
}

impl Clone for Evaluator {
    /// Shares what is known about labels and series; remembers no values. Cheap, whatever the program's size.
    fn clone(&self) -> Self {
        Evaluator {
            names: self.names.clone(),
            frames: Vec::new(),
            scratch: Scratch::default(),
            stamps: 0,
            steps_left: STEPS_MAX,
            stretch: None,
            span: Span::default(),
        }
    }
}

/// What stays the same during one evaluation.
pub(super) struct Run<'a, S: Storage + ?Sized> {
    pub(super) program: &'a Program,
    pub(super) storage: &'a S,
}

impl Evaluator {
    /// An evaluator that knows nothing yet.
    pub fn new() -> Self {
        Evaluator {
            names: Names::new(),
            frames: Vec::new(),
            scratch: Scratch::default(),
            stamps: 0,
            steps_left: STEPS_MAX,
            stretch: None,
            span: Span::default(),
        }
    }

    /// The next evaluation reads another store. Series that have the same id and labels there keep what is known, and
    /// so do label sets: an evaluator that is used again for replication after replication soon learns nothing new.
    pub fn rebind(&mut self) {
        self.names.rebind();
        self.forget();
    }

    /// From now on every window of the length `from` is read as one of the length `to`.
    pub(crate) fn stretch(&mut self, from: SimDuration, to: SimDuration) {
        self.stretch = Some((from.as_millis(), to.as_millis()));
        self.forget();
    }

    /// How much it has learnt about label sets: grows, and only then a clone knows more than an older one.
    pub fn knowledge(&self) -> usize {
        self.names.knowledge()
    }

    /// Forgets the values of the current instant.
    pub fn forget(&mut self) {
        // Deeper frames begin anew whenever they are entered.
        if let Some(frame) = self.frames.first_mut() {
            (frame.at_ms, frame.generation) = (i64::MIN, u64::MAX);
        }
    }

    /// Goes on with the buffers of another evaluator of the same program, which has none any more; values of neither
    /// are remembered.
    pub(crate) fn inherit(&mut self, other: &mut Evaluator) {
        self.frames = std::mem::take(&mut other.frames);
        self.scratch = std::mem::take(&mut other.scratch);
        // No stamp in the frames may be given again.
        self.stamps = self.stamps.max(other.stamps);
        self.forget();
    }

    /// The value of a query at `at_ms`.
    ///
    /// # Errors
    /// In the cases in which Prometheus fails an evaluation, see [`EvalError`].
    pub fn eval<S: Storage + ?Sized>(
        &mut self,
        program: &Program,
        storage: &S,
        query: QueryId,
        at_ms: i64,
    ) -> Result<Value, EvalError> {
        match program.nodes.get(query.0 as usize) {
            Some(Node::Text(text)) => Ok(Value::String(text.as_ref().into())),
            Some(Node::Matrix(window)) => {
                self.span = Span::instant(at_ms);
                self.prepare(program, storage, at_ms);
                let mut series = self.matrix(&Run { program, storage }, 0, *window)?;
                series.iter_mut().for_each(|series| series.rename(&self.names));
                let named = series
                    .into_iter()
                    .map(|s| Series { labels: self.names.labels(s.label), points: s.points });
                merge(named.collect())
            }
            _ => Ok(match self.view(program, storage, query, at_ms)? {
                View::Scalar(value) => Value::Scalar(value),
                View::Vector(view) => Value::Vector(
                    view.iter().map(|(labels, value)| Sample { labels: labels.clone(), value }).collect(),
                ),
            }),
        }
    }

    /// As [`Evaluator::eval`], into a value whose allocation is used again: the way for queries asked over and over.
    ///
    /// # Errors
    /// As [`Evaluator::eval`]; what `out` holds then has no meaning.
    pub fn eval_into<S: Storage + ?Sized>(
        &mut self,
        program: &Program,
        storage: &S,
        query: QueryId,
        at_ms: i64,
        out: &mut Value,
    ) -> Result<(), EvalError> {
        if program.value_type(query) != ValueType::Vector {
            *out = self.eval(program, storage, query, at_ms)?;
            return Ok(());
        }
        let View::Vector(view) = self.view(program, storage, query, at_ms)? else { return Ok(()) };
        if !matches!(out, Value::Vector(_)) {
            *out = Value::Vector(Vec::with_capacity(view.len()));
        }
        let Value::Vector(samples) = out else { return Ok(()) };
        samples.truncate(view.len());
        for (place, (labels, value)) in view.iter().enumerate() {
            match samples.get_mut(place) {
                Some(sample) => {
                    sample.value = value;
                    if !sample.labels.is_same(labels) {
                        sample.labels = labels.clone();
                    }
                }
                None => samples.push(Sample { labels: labels.clone(), value }),
            }
        }
        Ok(())
    }

    /// The value of an instant query at `at_ms`, to be read in place: the way for hot paths.
    ///
    /// # Errors
    /// As [`Evaluator::eval`]; also for queries whose result is a string or a range vector.
    pub fn view<S: Storage + ?Sized>(
        &mut self,
        program: &Program,
        storage: &S,
        query: QueryId,
        at_ms: i64,
    ) -> Result<View<'_>, EvalError> {
        self.span = Span::instant(at_ms);
        self.view_within(program, storage, query, at_ms)
    }

    /// The same as part of an evaluation over a span.
    fn view_within<S: Storage + ?Sized>(
        &mut self,
        program: &Program,
        storage: &S,
        query: QueryId,
        at_ms: i64,
    ) -> Result<View<'_>, EvalError> {
        let id = query.0;
        let kind = program.nodes.get(id as usize).ok_or(EvalError::UnknownQuery)?.value_type();
        if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            return Err(EvalError::Parameter("the result is neither a number nor an instant vector".into()));
        }
        self.prepare(program, storage, at_ms);
        self.node(&Run { program, storage }, 0, id)?;
        if kind == ValueType::Scalar {
            return Ok(View::Scalar(self.slot(0, id).scalar));
        }
        if program.options().delayed_name_removal {
            self.remove_marked_names(id)?;
            return Ok(View::Vector(VectorView {
                elements: &self.scratch.renamed,
                labels: self.names.all_labels(),
            }));
        }
        Ok(View::Vector(VectorView { elements: &self.slot(0, id).vector, labels: self.names.all_labels() }))
    }

    /// The values of an instant query at `start_ms`, `start_ms + step_ms` ... up to `end_ms`, as series in order of
    /// labels. A scalar gives one series without labels.
    ///
    /// # Errors
    /// As [`Evaluator::view`]; also if `step_ms` is not positive or there are more than a million steps.
    pub fn eval_range<S: Storage + ?Sized>(
        &mut self,
        program: &Program,
        storage: &S,
        query: QueryId,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<Series>, EvalError> {
        if step_ms <= 0 {
            return Err(EvalError::Parameter("the step of a range evaluation must be positive".into()));
        }
        if end_ms.saturating_sub(start_ms) / step_ms >= i64::from(STEPS_MAX) {
            return Err(EvalError::TooManySteps { limit: STEPS_MAX });
        }
        // Values that are remembered may be those of a single instant, and the other way round.
        self.forget();
        self.span = Span { start: start_ms, end: end_ms, step: step_ms };
        let series = self.range(program, storage, query);
        self.forget();
        let series = series?.into_iter();
        Ok(series.map(|(labels, points)| Series { labels, points }).collect())
    }

    /// The values at the instants of the span.
    fn range<S: Storage + ?Sized>(
        &mut self,
        program: &Program,
        storage: &S,
        query: QueryId,
    ) -> Result<BTreeMap<Labels, Vec<(i64, f64)>>, EvalError> {
        let Span { start, end, step } = self.span;
        let mut series: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        let mut at_ms = start;
        while at_ms <= end {
            match self.view_within(program, storage, query, at_ms)? {
                View::Scalar(value) => series.entry(Labels::empty()).or_default().push((at_ms, value)),
                View::Vector(vector) => {
                    for (labels, value) in vector.iter() {
                        match series.get_mut(labels) {
                            Some(points) => points.push((at_ms, value)),
                            None => {
                                series.insert(labels.clone(), vec![(at_ms, value)]);
                            }
                        }
                    }
                }
            }
            at_ms = at_ms.saturating_add(step);
        }
        Ok(series)
    }

    /// Takes in new series and starts a new memory if the instant or the store's content is another.
    fn prepare<S: Storage + ?Sized>(&mut self, program: &Program, storage: &S, at_ms: i64) {
        self.names.refresh(program, storage);
        self.steps_left = STEPS_MAX;
        let generation = storage.generation();
        let current =
            self.frames.first().is_some_and(|frame| frame.at_ms == at_ms && frame.generation == generation);
        if !current {
            self.enter(program, 0, at_ms);
            if let Some(frame) = self.frames.first_mut() {
                frame.generation = generation;
            }
        }
        if let Some(frame) = self.frames.first_mut()
            && frame.slots.len() < program.nodes.len()
        {
            frame.slots.resize_with(program.nodes.len(), Slot::default);
        }
    }

    /// Makes frame `depth` an empty memory for the instant `at_ms`.
    pub(super) fn enter(&mut self, program: &Program, depth: usize, at_ms: i64) {
        while self.frames.len() <= depth {
            self.frames.push(Frame::default());
        }
        self.stamps += 1;
        let frame = &mut self.frames[depth];
        frame.at_ms = at_ms;
        frame.stamp = self.stamps;
        if frame.slots.len() < program.nodes.len() {
            frame.slots.resize_with(program.nodes.len(), Slot::default);
        }
    }

    pub(super) fn slot(&self, depth: usize, id: NodeId) -> &Slot {
        &self.frames[depth].slots[id as usize]
    }

    /// The operands-free part of the state that operations work with.
    pub(super) fn context<'a>(
        program: &'a Program,
        names: &'a mut Names,
        marks: &'a mut Marks,
    ) -> aggregate::Context<'a> {
        Context { program, names, marks }
    }

    /// # Errors
    /// If two elements carry the same labels.
    pub(super) fn check_unique(&mut self, elements: &[Element]) -> Result<(), EvalError> {
        if elements.len() < 2 {
            return Ok(());
        }
        let marks = &mut self.scratch.marks;
        marks.clear(self.names.label_count());
        match elements.iter().find(|element| marks.set(element.label, 0).is_some()) {
            Some(element) => Err(EvalError::SameLabels(self.names.labels(element.label))),
            None => Ok(()),
        }
    }

    fn remove_marked_names(&mut self, id: NodeId) -> Result<(), EvalError> {
        let mut renamed = std::mem::take(&mut self.scratch.renamed);
        renamed.clear();
        renamed.extend(self.slot(0, id).vector.iter().map(|&element| Element {
            label: if element.drop_name { self.names.nameless(element.label) } else { element.label },
            ..element
        }));
        let unique = self.check_unique(&renamed);
        self.scratch.renamed = renamed;
        unique
    }
}

/// A series of a range vector under evaluation.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) label: LabelId,
    pub(super) drop_name: bool,
    pub(super) points: Vec<(i64, f64)>,
}

impl Row {
    fn rename(&mut self, names: &Names) {
        if self.drop_name {
            self.label = names.nameless(self.label);
        }
    }
}

/// Series that became equal by losing their names are one, if they never overlap.
fn merge(series: Vec<Series>) -> Result<Value, EvalError> {
    let mut merged: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
    for one in series {
        merged.entry(one.labels).or_default().extend(one.points);
    }
    let mut out = Vec::with_capacity(merged.len());
    for (labels, mut points) in merged {
        points.sort_by_key(|point| point.0);
        if points.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(EvalError::SameLabels(labels));
        }
        out.push(Series { labels, points });
    }
    Ok(Value::Matrix(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{MemoryStorage, Options, parse_series};

    /// What `text` gives at `at_s` seconds over series in 10 s steps: `labels value` joined by `; `.
    fn answer(series: &[&str], text: &str, at_s: i64) -> String {
        let mut store = MemoryStorage::new();
        for line in series {
            let line = parse_series(line).unwrap();
            for (value, step) in line.values.iter().zip(0..) {
                if let Some(value) = value {
                    store.append(&line.labels, step * 10_000, *value);
                }
            }
        }
        let mut program = Program::new();
        let query = program.add(text).unwrap();
        match Evaluator::new().eval(&program, &store, query, at_s * 1000) {
            Ok(Value::Vector(samples)) => {
                let texts: Vec<String> =
                    samples.iter().map(|s| format!("{} {}", s.labels, s.value)).collect();
                texts.join("; ")
            }
            Ok(Value::Scalar(value)) => value.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("error: {error}"),
        }
    }

    fn check(series: &[&str], text: &str, expected: &str) {
        assert_eq!(answer(series, text, 100), expected, "{text}");
    }

    const ERRORS: [&str; 3] = [
        r#"e{pod="a",code="500"} 0+10x10"#,
        r#"e{pod="b",code="500"} 0+30x10"#,
        r#"e{pod="b",code="200"} 0+60x10"#,
    ];

    #[test]
    fn sums_of_rates() {
        check(&ERRORS, "sum(rate(e[1m]))", "{} 10");
        check(&ERRORS, r#"sum(rate(e{code="500"}[1m])) / sum(rate(e[1m])) > 0.3"#, "{} 0.4");
        check(&ERRORS, r#"sum(rate(e{code="500"}[1m])) / sum(rate(e[1m])) > 0.4"#, "");
        check(&ERRORS, "sum by (pod) (increase(e[50s]))", r#"{pod="a"} 50; {pod="b"} 450"#);
        check(&ERRORS, "sum(rate(nosuch[1m])) / sum(rate(e[1m]))", "");
        check(&ERRORS, "0 * sum(rate(e[1m])) / 0", "{} NaN");
        check(&ERRORS, "(0 * sum(rate(e[1m])) / 0) > 0", "");
        check(&ERRORS, "(0 * sum(rate(e[1m])) / 0) != 0", "{} NaN");
    }

    #[test]
    fn matching_of_vectors() {
        let with_owner = [ERRORS[0], ERRORS[1], ERRORS[2], r#"owner{pod="a",team="x"} 1x10"#];
        check(&with_owner, "e * on (pod) group_left (team) owner", r#"{code="500", pod="a", team="x"} 100"#);
        check(&with_owner, "owner * on (pod) group_right () e", r#"{code="500", pod="a"} 100"#);
        check(&with_owner, "e and on (pod) owner", r#"e{code="500", pod="a"} 100"#);
        check(
            &with_owner,
            "e unless on (pod) owner",
            r#"e{code="500", pod="b"} 300; e{code="200", pod="b"} 600"#,
        );
        check(
            &with_owner,
            "owner + on (pod) e{pod=\"b\",code=\"200\"} or e{code=\"200\"} > bool 1000",
            r#"{code="200", pod="b"} 0"#,
        );
        let manual = answer(&ERRORS, "e / on (pod) e", 100);
        assert!(
            manual.starts_with("error: found duplicate series for the match group {pod=\"b\"} on the right")
        );
        let explicit = answer(&ERRORS, "e / on (pod) sum by (pod) (e)", 100);
        assert!(explicit.contains("many-to-one matching must be explicit"), "{explicit}");
        check(&ERRORS, r#"e{pod="a"} > 5"#, r#"e{code="500", pod="a"} 100"#);
        check(&ERRORS, r#"5 < e{pod="a"}"#, r#"e{code="500", pod="a"} 100"#);
    }

    #[test]
    fn names_and_duplicates() {
        let two = [r#"a{x="1"} 1x10"#, r#"b{x="1"} 2x10"#];
        check(
            &two,
            r#"{x="1"} * 2"#,
            r#"error: vector cannot contain metrics with the same labelset: {x="1"}"#,
        );
        check(&two, "a * 2 or b", r#"{x="1"} 2"#);
        check(&two, r#"label_replace(a, "x", "$1-$1", "x", "(.)")"#, r#"a{x="1-1"} 1"#);
        check(&two, r#"label_join(a, "y", "/", "x", "x")"#, r#"a{x="1", y="1/1"} 1"#);
        check(&two, r#"absent(c{x="1",y=~"."})"#, r#"{x="1"} 1"#);
        check(&two, "absent(a)", "");
        check(&two, r#"count_values("v", {x="1"})"#, r#"{v="1"} 1; {v="2"} 1"#);
        check(&two, "topk(1, {x=\"1\"})", r#"b{x="1"} 2"#);
        check(&two, "topk(0/0, a)", "error: Parameter value is NaN");
    }

    #[test]
    fn staleness_and_lookback() {
        let series = ["up 1 1 stale _ 1"];
        for (at_s, expected) in [(19, "up 1"), (20, ""), (39, ""), (40, "up 1"), (339, "up 1"), (340, "")] {
            assert_eq!(answer(&series, "up", at_s), expected, "{at_s}");
        }
        assert_eq!(answer(&series, "count_over_time(up[41s])", 40), "{} 3");
        assert_eq!(answer(&series, "count_over_time(up[40s])", 40), "{} 2", "open on the left");
        assert_eq!(answer(&series, "up offset 20s", 60), "up 1");
        assert_eq!(answer(&series, "up offset -20s", 20), "up 1");
    }

    #[test]
    fn subqueries_are_aligned_with_time_zero() {
        assert_eq!(answer(&["x 0+1x20"], "sum_over_time(x[30s:10s])", 105), "{} 27");
        assert_eq!(answer(&["x 0+1x20"], "count_over_time(x[1m:])", 125), "{} 1", "the default step is 1m");
        let hostile = answer(&["x 1"], "max_over_time(max_over_time(x[10d:1s])[10d:1s])", 100);
        assert!(hostile.contains("more than 1000000 steps"), "{hostile}");
    }

    #[test]
    fn long_chains_are_values_or_errors() {
        let mut program = Program::new();
        let chain = |n: usize| format!("x{}", " + x".repeat(n));
        let query = program.add(&chain(198)).unwrap();
        let mut store = MemoryStorage::new();
        store.append(&Labels::new([("__name__", "x")]), 0, 1.0);
        let value = Evaluator::new().eval(&program, &store, query, 0).unwrap();
        assert!(matches!(value, Value::Vector(v) if v.len() == 1 && v[0].value == 199.0));
        assert!(program.add(&chain(1400)).is_err());
        assert!(program.add(&format!("{}x", "-".repeat(1400))).is_err());
        assert!(program.add(&format!("{}x{}", "(".repeat(140), ")".repeat(140))).is_ok());
    }

    #[test]
    fn delayed_name_removal_is_an_option() {
        let mut store = MemoryStorage::new();
        for name in ["a", "b"] {
            store.append(&Labels::new([("__name__", name), ("x", "1")]), 0, 1.0);
        }
        let value = |delayed_name_removal| {
            let mut program = Program::with_options(Options { delayed_name_removal, ..Options::default() });
            let query = program.add(r#"sum by (x) (-{x="1"})"#).unwrap();
            Evaluator::new().eval(&program, &store, query, 0)
        };
        assert!(matches!(value(false), Err(EvalError::SameLabels(_))));
        assert!(matches!(value(true), Ok(Value::Vector(v)) if v.len() == 1 && v[0].value == -2.0));
    }
}
