//! Function calls: from name and arguments to nodes.

use promql_parser::label::{METRIC_NAME, MatchOp as ParsedOp, Matcher as ParsedMatcher};
use promql_parser::parser::Expr;

use super::calendar::Field;
use super::compile::{Compiler, check_label_name};
use super::error::PromqlError;
use super::labels::{BUCKET_BOUND, Labels};
use super::operator::{BinaryOp, Elementwise};
use super::program::{Node, NodeId, SpanPart, TransformId, ValueType};
use super::transform::TransformKind;
use super::window::WindowFunction;

/// One call to compile.
pub(super) struct Call<'a, 'p> {
    pub(super) compiler: &'a mut Compiler<'p>,
    pub(super) name: &'a str,
    pub(super) arguments: &'a [Box<Expr>],
}

impl Call<'_, '_> {
    /// # Errors
    /// If the function is not supported or an argument has the wrong type.
    pub(super) fn compile(mut self) -> Result<NodeId, PromqlError> {
        if let Some(function) = window_function(self.name) {
            return self.over_window(function);
        }
        if let Some(function) = elementwise(self.name) {
            return self.elementwise(function);
        }
        let node = match self.name {
            "time" => Node::Time,
            "pi" => Node::Number(std::f64::consts::PI.to_bits()),
            "start" => Node::Evaluated(SpanPart::Start),
            "end" => Node::Evaluated(SpanPart::End),
            "step" => Node::Evaluated(SpanPart::Step),
            "range" => Node::Evaluated(SpanPart::Length),
            "min_of" => self.of_two(BinaryOp::Smaller)?,
            "max_of" => self.of_two(BinaryOp::Larger)?,
            "sort_by_label" => self.sort_by_label(false)?,
            "sort_by_label_desc" => self.sort_by_label(true)?,
            "vector" => Node::VectorOf(self.scalar(0)?),
            "scalar" => Node::ScalarOf(self.vector(0)?),
            "sort" => Node::Sort { expr: self.vector(0)?, descending: false },
            "sort_desc" => Node::Sort { expr: self.vector(0)?, descending: true },
            "absent" => {
                let labels = absent_labels(self.argument(0)?);
                Node::Absent { expr: self.vector(0)?, labels }
            }
            "absent_over_time" => {
                let labels = absent_labels(self.argument(0)?);
                let argument = self.argument(0)?;
                Node::AbsentOverTime { window: self.compiler.window(argument)?, labels }
            }
            "timestamp" => {
                let expr = self.vector(0)?;
                let selector = match self.compiler.program.nodes.get(expr as usize) {
                    Some(Node::Select(selector)) => Some(*selector),
                    _ => None,
                };
                Node::Timestamp { expr, selector }
            }
            "histogram_quantile" => {
                let quantile = self.scalar(0)?;
                let expr = self.vector(1)?;
                Node::HistogramQuantile { quantile, expr, without_bound: self.without_bound()? }
            }
            "histogram_quantiles" => self.histogram_quantiles()?,
            "histogram_fraction" => {
                let (lower, upper, expr) = (self.scalar(0)?, self.scalar(1)?, self.vector(2)?);
                Node::HistogramFraction { lower, upper, expr, without_bound: self.without_bound()? }
            }
            "label_replace" => self.label_replace()?,
            "label_join" => self.label_join()?,
            name => return Err(self.compiler.unsupported(format!("the function `{name}`"), name)),
        };
        Ok(self.compiler.program.node(node))
    }

    fn over_window(mut self, function: WindowFunction) -> Result<NodeId, PromqlError> {
        let (parameters, range) = match function {
            WindowFunction::Quantile => ([Some(self.scalar(0)?), None], 1),
            WindowFunction::PredictLinear => ([Some(self.scalar(1)?), None], 0),
            WindowFunction::Smoothing => ([Some(self.scalar(1)?), Some(self.scalar(2)?)], 0),
            _ => ([None, None], 0),
        };
        let argument = self.argument(range)?;
        let window = self.compiler.window(argument)?;
        Ok(self.compiler.program.node(Node::OverWindow { function, window, parameters }))
    }

    fn elementwise(mut self, function: Elementwise) -> Result<NodeId, PromqlError> {
        let expr = match function {
            // Without an argument it is the date of the evaluation.
            Elementwise::Date(_) if self.arguments.is_empty() => {
                let now = self.compiler.program.node(Node::Time);
                self.compiler.program.node(Node::VectorOf(now))
            }
            _ => self.vector(0)?,
        };
        let (first, second) = match function {
            Elementwise::Round if self.arguments.len() < 2 => {
                (Some(self.compiler.program.node(Node::Number(1f64.to_bits()))), None)
            }
            Elementwise::Round | Elementwise::ClampMin | Elementwise::ClampMax => {
                (Some(self.scalar(1)?), None)
            }
            Elementwise::Clamp => (Some(self.scalar(1)?), Some(self.scalar(2)?)),
            _ => (None, None),
        };
        Ok(self.compiler.program.node(Node::Elementwise { function, expr, first, second }))
    }

    /// `min_of` and `max_of`.
    fn of_two(&mut self, op: BinaryOp) -> Result<Node, PromqlError> {
        let (left, right) = (self.scalar(0)?, self.scalar(1)?);
        Ok(Node::ScalarBinary { op, left, right })
    }

    fn sort_by_label(&mut self, descending: bool) -> Result<Node, PromqlError> {
        let expr = self.vector(0)?;
        let names = (1..self.arguments.len()).map(|index| Ok(self.text(index)?.into()));
        let names: Vec<Box<str>> = names.collect::<Result<_, PromqlError>>()?;
        Ok(Node::SortByLabel { expr, names: self.compiler.program.include(names.into()), descending })
    }

    fn histogram_quantiles(&mut self) -> Result<Node, PromqlError> {
        let expr = self.vector(0)?;
        let label = self.text(1)?;
        check_label_name(&label)?;
        let quantiles =
            (2..self.arguments.len()).map(|index| self.scalar(index)).collect::<Result<Vec<_>, _>>()?;
        let without_bound = self.without_bound()?;
        Ok(Node::HistogramQuantiles { quantiles: quantiles.into(), label: label.into(), expr, without_bound })
    }

    /// From the labels of a bucket to those of its histogram.
    fn without_bound(&mut self) -> Result<TransformId, PromqlError> {
        self.compiler.program.transform(TransformKind::Drop(Box::new([BUCKET_BOUND.into()])))
    }

    fn label_replace(&mut self) -> Result<Node, PromqlError> {
        let expr = self.vector(0)?;
        let [target, replacement, source, pattern] =
            [self.text(1)?, self.text(2)?, self.text(3)?, self.text(4)?];
        check_label_name(&target)?;
        let sets_name = target == METRIC_NAME;
        let kind = TransformKind::Replace {
            target: target.into(),
            replacement: replacement.into(),
            source: source.into(),
            pattern: pattern.into(),
        };
        Ok(Node::Relabel { expr, transform: self.compiler.program.transform(kind)?, sets_name })
    }

    fn label_join(&mut self) -> Result<Node, PromqlError> {
        let expr = self.vector(0)?;
        let [target, separator] = [self.text(1)?, self.text(2)?];
        check_label_name(&target)?;
        let sets_name = target == METRIC_NAME;
        let mut sources: Vec<Box<str>> = Vec::new();
        for index in 3..self.arguments.len() {
            let source = self.text(index)?;
            check_label_name(&source)?;
            sources.push(source.into());
        }
        let kind = TransformKind::Join {
            target: target.into(),
            separator: separator.into(),
            sources: sources.into(),
        };
        Ok(Node::Relabel { expr, transform: self.compiler.program.transform(kind)?, sets_name })
    }

    fn scalar(&mut self, index: usize) -> Result<NodeId, PromqlError> {
        let argument = self.argument(index)?;
        self.compiler.typed(argument, ValueType::Scalar, &format!("call to function `{}`", self.name))
    }

    fn vector(&mut self, index: usize) -> Result<NodeId, PromqlError> {
        let argument = self.argument(index)?;
        self.compiler.typed(argument, ValueType::Vector, &format!("call to function `{}`", self.name))
    }

    fn text(&self, index: usize) -> Result<String, PromqlError> {
        self.compiler.text(self.argument(index)?, &format!("call to function `{}`", self.name))
    }
}

impl<'a> Call<'a, '_> {
    fn argument(&self, index: usize) -> Result<&'a Expr, PromqlError> {
        let missing =
            || PromqlError::syntax(format!("call to function `{}` has too few arguments", self.name));
        self.arguments.get(index).map(|argument| &**argument).ok_or_else(missing)
    }
}

fn window_function(name: &str) -> Option<WindowFunction> {
    Some(match name {
        "rate" => WindowFunction::Rate,
        "increase" => WindowFunction::Increase,
        "delta" => WindowFunction::Delta,
        "irate" => WindowFunction::InstantRate,
        "idelta" => WindowFunction::InstantDelta,
        "resets" => WindowFunction::Resets,
        "changes" => WindowFunction::Changes,
        "deriv" => WindowFunction::Derivative,
        "predict_linear" => WindowFunction::PredictLinear,
        "sum_over_time" => WindowFunction::Sum,
        "avg_over_time" => WindowFunction::Average,
        "count_over_time" => WindowFunction::Count,
        "min_over_time" => WindowFunction::Minimum,
        "max_over_time" => WindowFunction::Maximum,
        "last_over_time" => WindowFunction::Last,
        "present_over_time" => WindowFunction::Present,
        "quantile_over_time" => WindowFunction::Quantile,
        "stddev_over_time" => WindowFunction::StandardDeviation,
        "stdvar_over_time" => WindowFunction::Variance,
        "first_over_time" => WindowFunction::First,
        "mad_over_time" => WindowFunction::MedianDeviation,
        "double_exponential_smoothing" => WindowFunction::Smoothing,
        "ts_of_first_over_time" => WindowFunction::TimeOfFirst,
        "ts_of_last_over_time" => WindowFunction::TimeOfLast,
        "ts_of_min_over_time" => WindowFunction::TimeOfMinimum,
        "ts_of_max_over_time" => WindowFunction::TimeOfMaximum,
        _ => return None,
    })
}

fn elementwise(name: &str) -> Option<Elementwise> {
    Some(match name {
        "abs" => Elementwise::Absolute,
        "ceil" => Elementwise::Ceiling,
        "floor" => Elementwise::Floor,
        "exp" => Elementwise::Exponential,
        "ln" => Elementwise::Logarithm,
        "log2" => Elementwise::Logarithm2,
        "log10" => Elementwise::Logarithm10,
        "sqrt" => Elementwise::SquareRoot,
        "sgn" => Elementwise::Sign,
        "round" => Elementwise::Round,
        "clamp" => Elementwise::Clamp,
        "clamp_min" => Elementwise::ClampMin,
        "clamp_max" => Elementwise::ClampMax,
        "sin" => Elementwise::Sine,
        "cos" => Elementwise::Cosine,
        "tan" => Elementwise::Tangent,
        "asin" => Elementwise::ArcSine,
        "acos" => Elementwise::ArcCosine,
        "atan" => Elementwise::ArcTangent,
        "sinh" => Elementwise::HyperbolicSine,
        "cosh" => Elementwise::HyperbolicCosine,
        "tanh" => Elementwise::HyperbolicTangent,
        "asinh" => Elementwise::AreaSine,
        "acosh" => Elementwise::AreaCosine,
        "atanh" => Elementwise::AreaTangent,
        "deg" => Elementwise::Degrees,
        "rad" => Elementwise::Radians,
        "minute" => Elementwise::Date(Field::Minute),
        "hour" => Elementwise::Date(Field::Hour),
        "day_of_week" => Elementwise::Date(Field::DayOfWeek),
        "day_of_month" => Elementwise::Date(Field::DayOfMonth),
        "day_of_year" => Elementwise::Date(Field::DayOfYear),
        "days_in_month" => Elementwise::Date(Field::DaysInMonth),
        "month" => Elementwise::Date(Field::Month),
        "year" => Elementwise::Date(Field::Year),
        _ => return None,
    })
}

/// The labels `absent` gives its result: those the selector fixes by equality. A label that is matched twice is left
/// out, as upstream does for old rules (`createLabelsForAbsentFunction`).
fn absent_labels(argument: &Expr) -> Labels {
    let matchers: &[ParsedMatcher] = match argument {
        Expr::VectorSelector(selector) => &selector.matchers.matchers,
        Expr::MatrixSelector(matrix) => &matrix.vs.matchers.matchers,
        _ => &[],
    };
    let mut labels = Labels::empty();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != METRIC_NAME) {
        if matches!(matcher.op, ParsedOp::Equal) && !seen.contains(&matcher.name.as_str()) {
            labels = labels.with(&matcher.name, &matcher.value);
            seen.push(&matcher.name);
        } else {
            labels = labels.without(&[&matcher.name]);
        }
    }
    labels
}
