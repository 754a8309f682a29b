//! From syntax tree to nodes of a program: types are checked, constants folded, what is not supported is named.

use std::time::{Duration, SystemTime};

use promql_parser::label::{METRIC_NAME, MatchOp as ParsedOp};
use promql_parser::parser::token;
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinModifier, BinaryExpr, Expr, LabelModifier, Offset, SubqueryExpr,
    VectorMatchCardinality, VectorSelector,
};

use super::compile_call::Call;
use super::error::PromqlError;
use super::operator::{Aggregation, Arithmetic, BinaryOp, Comparison, Elementwise, SetOp};
use super::program::{Many, Matching, Node, NodeId, Program, ValueType, Window};
use super::selector::{MatchOp, Matcher, Pin, When};
use super::syntax;
use super::transform::{LabelNames, TransformKind};

/// The deepest nesting of expressions.
const DEPTH_MAX: u32 = 200;
/// The longest range, step or offset: a thousand years [ms].
const SPAN_MAX_MS: i64 = 32_000_000_000_000;

/// Compiles `text` into `program`.
///
/// # Errors
/// See [`Program::add`].
pub(super) fn compile(program: &mut Program, text: &str) -> Result<NodeId, PromqlError> {
    compile_tree(program, text, &syntax::parse(text)?)
}

/// Compiles a syntax tree; `text` is only searched for places of errors.
///
/// # Errors
/// See [`Program::add`].
pub(super) fn compile_tree(program: &mut Program, text: &str, tree: &Expr) -> Result<NodeId, PromqlError> {
    Compiler { program, text, depth: 0 }.expr(tree)
}

/// The state of one compilation.
pub(super) struct Compiler<'a> {
    pub(super) program: &'a mut Program,
    text: &'a str,
    depth: u32,
}

impl Compiler<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<NodeId, PromqlError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(PromqlError::syntax("the query is nested too deep"));
        }
        let node = match expr {
            Expr::Paren(inner) => self.expr(&inner.expr),
            Expr::NumberLiteral(number) => Ok(self.number(number.val)),
            Expr::StringLiteral(string) => Ok(self.program.node(Node::Text(string.val.as_str().into()))),
            Expr::Unary(unary) => self.negation(&unary.expr),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::VectorSelector(selector) => {
                let id = self.selector(selector, None)?;
                Ok(self.program.node(Node::Select(id)))
            }
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                let window = self.window(expr)?;
                Ok(self.program.node(Node::Matrix(window)))
            }
            Expr::Call(call) => {
                Call { compiler: self, name: call.func.name, arguments: &call.args.args }.compile()
            }
            Expr::Extension(_) => Err(PromqlError::unsupported("an extension of the syntax tree")),
        }?;
        self.depth -= 1;
        Ok(node)
    }

    /// An unsupported feature, placed where `word` stands.
    pub(super) fn unsupported(&self, feature: String, word: &str) -> PromqlError {
        PromqlError::Unsupported { feature, offset: syntax::locate(self.text, word) }
    }

    pub(super) fn type_of(&self, node: NodeId) -> ValueType {
        self.program.nodes.get(node as usize).map_or(ValueType::Vector, Node::value_type)
    }

    /// Compiles an expression that must have a type.
    pub(super) fn typed(
        &mut self,
        expr: &Expr,
        wanted: ValueType,
        place: &str,
    ) -> Result<NodeId, PromqlError> {
        let node = self.expr(expr)?;
        let found = self.type_of(node);
        if found == wanted {
            return Ok(node);
        }
        let name = |t| match t {
            ValueType::Scalar => "scalar",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
            ValueType::String => "string",
        };
        Err(PromqlError::syntax(format!("expected type {} in {place}, got {}", name(wanted), name(found))))
    }

    fn number(&mut self, value: f64) -> NodeId {
        self.program.node(Node::Number(value.to_bits()))
    }

    fn constant(&self, node: NodeId) -> Option<f64> {
        match self.program.nodes.get(node as usize) {
            Some(Node::Number(bits)) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    fn negation(&mut self, expr: &Expr) -> Result<NodeId, PromqlError> {
        let inner = self.expr(expr)?;
        match (self.type_of(inner), self.constant(inner)) {
            (ValueType::Scalar, Some(value)) => Ok(self.number(-value)),
            (ValueType::Scalar, None) => {
                Ok(self.program.node(Node::ScalarElementwise(Elementwise::Negate, inner)))
            }
            (ValueType::Vector, _) => Ok(self.program.node(Node::Elementwise {
                function: Elementwise::Negate,
                expr: inner,
                first: None,
                second: None,
            })),
            _ => Err(PromqlError::syntax(
                "unary expression only allowed on expressions of type scalar or vector",
            )),
        }
    }

    pub(super) fn selector(
        &mut self,
        parsed: &VectorSelector,
        range: Option<Duration>,
    ) -> Result<u32, PromqlError> {
        if !parsed.matchers.or_matchers.is_empty() {
            return Err(self.unsupported("`or` between matchers".into(), "or"));
        }
        let mut matchers = Vec::new();
        if let Some(name) = &parsed.name {
            matchers.push(Matcher::new(METRIC_NAME, MatchOp::Equal, name)?);
        }
        for matcher in &parsed.matchers.matchers {
            let op = match matcher.op {
                ParsedOp::Equal => MatchOp::Equal,
                ParsedOp::NotEqual => MatchOp::NotEqual,
                ParsedOp::Re(_) => MatchOp::Regex,
                ParsedOp::NotRe(_) => MatchOp::NotRegex,
            };
            if parsed.name.is_some() && matcher.name == METRIC_NAME {
                return Err(PromqlError::syntax("metric name must not be set twice"));
            }
            matchers.push(Matcher::new(&matcher.name, op, &matcher.value)?);
        }
        if matchers.iter().all(|matcher| matcher.is_match("")) {
            return Err(PromqlError::syntax("vector selector must contain at least one non-empty matcher"));
        }
        let range_ms = range.map(|range| positive_ms(range, "range")).transpose()?;
        let when = self.when(parsed.offset.as_ref(), parsed.at.as_ref())?;
        Ok(self.program.selector(matchers, range_ms, when))
    }

    /// The window a range function reads.
    pub(super) fn window(&mut self, expr: &Expr) -> Result<Window, PromqlError> {
        match expr {
            Expr::Paren(inner) => self.window(&inner.expr),
            Expr::MatrixSelector(matrix) => {
                Ok(Window::Selector(self.selector(&matrix.vs, Some(matrix.range))?))
            }
            Expr::Subquery(subquery) => self.subquery(subquery),
            _ => Err(PromqlError::syntax("expected a range vector, like `metric[5m]`")),
        }
    }

    fn subquery(&mut self, parsed: &SubqueryExpr) -> Result<Window, PromqlError> {
        let default_ms = self.program.options().subquery_step.as_millis();
        let step_ms = parsed.step.map_or(Ok(default_ms), |step| positive_ms(step, "step"))?;
        if step_ms <= 0 {
            return Err(PromqlError::syntax("the step of a subquery must be greater than 0"));
        }
        let range_ms = positive_ms(parsed.range, "range")?;
        let when = self.when(parsed.offset.as_ref(), parsed.at.as_ref())?;
        let expr = self.typed(&parsed.expr, ValueType::Vector, "subquery")?;
        Ok(Window::Subquery { expr, range_ms, step_ms, when })
    }

    fn when(&self, offset: Option<&Offset>, at: Option<&AtModifier>) -> Result<When, PromqlError> {
        let offset_ms = offset_ms(offset)?;
        let pin = match at {
            None => None,
            Some(AtModifier::Start) => Some(Pin::Start),
            Some(AtModifier::End) => Some(Pin::End),
            Some(AtModifier::At(time)) if self.program.options().dates => Some(Pin::At(date_ms(*time)?)),
            Some(AtModifier::At(_)) => {
                return Err(self.unsupported("@ with a time, which no simulated instant has,".into(), "@"));
            }
        };
        Ok(When { offset_ms, pin })
    }

    fn aggregate(&mut self, parsed: &AggregateExpr) -> Result<NodeId, PromqlError> {
        let op = match parsed.op.id() {
            token::T_SUM => Aggregation::Sum,
            token::T_AVG => Aggregation::Average,
            token::T_COUNT => Aggregation::Count,
            token::T_MIN => Aggregation::Minimum,
            token::T_MAX => Aggregation::Maximum,
            token::T_GROUP => Aggregation::Group,
            token::T_STDDEV => Aggregation::StandardDeviation,
            token::T_STDVAR => Aggregation::Variance,
            token::T_QUANTILE => Aggregation::Quantile,
            token::T_TOPK => Aggregation::Top,
            token::T_BOTTOMK => Aggregation::Bottom,
            token::T_COUNT_VALUES => Aggregation::CountValues,
            token::T_LIMITK => Aggregation::LimitCount,
            token::T_LIMIT_RATIO => Aggregation::LimitRatio,
            _ => {
                return Err(
                    self.unsupported(format!("the aggregation `{}`", parsed.op), &parsed.op.to_string())
                );
            }
        };
        let expr = self.typed(&parsed.expr, ValueType::Vector, "aggregation expression")?;
        if op == Aggregation::CountValues {
            return self.count_values(parsed, expr);
        }
        let parameter = match &parsed.param {
            Some(param) => Some(self.typed(param, ValueType::Scalar, "aggregation expression")?),
            None => None,
        };
        let grouping = self.program.transform(grouping(parsed.modifier.as_ref(), None))?;
        Ok(self.program.node(Node::Aggregate { op, expr, grouping, parameter }))
    }

    fn count_values(&mut self, parsed: &AggregateExpr, expr: NodeId) -> Result<NodeId, PromqlError> {
        let param =
            parsed.param.as_deref().ok_or_else(|| PromqlError::syntax("count_values needs a label name"))?;
        let label = self.text(param, "count_values")?;
        check_label_name(&label)?;
        let grouping = self.program.transform(grouping(parsed.modifier.as_ref(), Some(&label)))?;
        Ok(self.program.node(Node::CountValues { expr, label: label.as_str().into(), grouping }))
    }

    /// A string literal, maybe in parentheses.
    pub(super) fn text(&self, expr: &Expr, place: &str) -> Result<String, PromqlError> {
        match expr {
            Expr::Paren(inner) => self.text(&inner.expr, place),
            Expr::StringLiteral(literal) => Ok(literal.val.clone()),
            _ => Err(PromqlError::syntax(format!("expected a string in {place}"))),
        }
    }

    fn binary(&mut self, parsed: &BinaryExpr) -> Result<NodeId, PromqlError> {
        let plain = BinModifier::default();
        let modifier = parsed.modifier.as_ref().unwrap_or(&plain);
        if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
            return Err(self.unsupported("fill() of unmatched series".into(), "fill"));
        }
        let left = self.expr(&parsed.lhs)?;
        let right = self.expr(&parsed.rhs)?;
        let types = (self.type_of(left), self.type_of(right));
        if let Some(op) = set_op(parsed.op.id()) {
            if types != (ValueType::Vector, ValueType::Vector) {
                return Err(PromqlError::syntax(format!(
                    "set operator `{}` works between vectors only",
                    parsed.op
                )));
            }
            let signature = self.program.transform(signature(modifier.matching.as_ref()))?;
            return Ok(self.program.node(Node::Set { op, left, right, signature }));
        }
        let op = binary_op(parsed.op.id(), modifier.return_bool).ok_or_else(|| {
            self.unsupported(format!("the operator `{}`", parsed.op), &parsed.op.to_string())
        })?;
        match types {
            (ValueType::Scalar, ValueType::Scalar) => self.scalars(op, left, right),
            (ValueType::Vector, ValueType::Scalar) => Ok(self.program.node(Node::WithScalar {
                op,
                vector: left,
                scalar: right,
                scalar_left: false,
            })),
            (ValueType::Scalar, ValueType::Vector) => {
                Ok(self.program.node(Node::WithScalar { op, vector: right, scalar: left, scalar_left: true }))
            }
            (ValueType::Vector, ValueType::Vector) => {
                let matching = self.matching(op, modifier)?;
                Ok(self.program.node(Node::Vectors { op, left, right, matching }))
            }
            _ => Err(PromqlError::syntax(
                "binary expression must contain only scalar and instant vector types",
            )),
        }
    }

    fn scalars(&mut self, op: BinaryOp, left: NodeId, right: NodeId) -> Result<NodeId, PromqlError> {
        if matches!(op, BinaryOp::Filter(_)) {
            return Err(PromqlError::syntax("comparisons between scalars must use BOOL modifier"));
        }
        if let (Some(a), Some(b)) = (self.constant(left), self.constant(right))
            && let Some(value) = op.apply(a, b)
        {
            return Ok(self.number(value));
        }
        Ok(self.program.node(Node::ScalarBinary { op, left, right }))
    }

    fn matching(&mut self, op: BinaryOp, modifier: &BinModifier) -> Result<Matching, PromqlError> {
        let (many, include) = match &modifier.card {
            VectorMatchCardinality::OneToOne => (Many::Neither, None),
            VectorMatchCardinality::ManyToOne(labels) => (Many::Left, Some(names(&labels.labels, &[]))),
            VectorMatchCardinality::OneToMany(labels) => (Many::Right, Some(names(&labels.labels, &[]))),
            VectorMatchCardinality::ManyToMany => {
                return Err(PromqlError::syntax("many-to-many matching is for set operators only"));
            }
        };
        // With delayed removal a `bool` comparison marks its result instead of renaming it.
        let drops_name = match op {
            BinaryOp::Test(_) => !self.program.options().delayed_name_removal,
            _ => op.drops_name(),
        };
        let dropped: &[&str] = if drops_name { &[METRIC_NAME] } else { &[] };
        let result = match (&modifier.matching, many) {
            (Some(LabelModifier::Include(labels)), Many::Neither) => {
                let kept: Vec<String> =
                    labels.labels.iter().filter(|l| !dropped.contains(&l.as_str())).cloned().collect();
                TransformKind::Keep(names(&kept, &[]))
            }
            (Some(LabelModifier::Exclude(labels)), Many::Neither) => {
                TransformKind::Drop(names(&labels.labels, dropped))
            }
            _ => TransformKind::Drop(names(&[], dropped)),
        };
        let include = include.filter(|names| !names.is_empty()).map(|names| self.program.include(names));
        let signature = self.program.transform(signature(modifier.matching.as_ref()))?;
        let result = self.program.transform(result)?;
        Ok(Matching { signature, result, many, include })
    }
}

/// Sorted and each once, so that equal lists compare equal.
fn names(labels: &[String], more: &[&str]) -> LabelNames {
    let mut names: Vec<Box<str>> =
        labels.iter().map(|l| l.as_str().into()).chain(more.iter().map(|&l| l.into())).collect();
    names.sort_unstable();
    names.dedup();
    names.into()
}

fn signature(matching: Option<&LabelModifier>) -> TransformKind {
    match matching {
        Some(LabelModifier::Include(labels)) => TransformKind::Keep(names(&labels.labels, &[])),
        Some(LabelModifier::Exclude(labels)) => TransformKind::Drop(names(&labels.labels, &[METRIC_NAME])),
        None => TransformKind::Drop(names(&[], &[METRIC_NAME])),
    }
}

/// `added` is the label `count_values` sets: it tells groups apart unless `without` names it.
fn grouping(modifier: Option<&LabelModifier>, added: Option<&str>) -> TransformKind {
    match modifier {
        Some(LabelModifier::Exclude(labels)) => TransformKind::Drop(names(&labels.labels, &[METRIC_NAME])),
        Some(LabelModifier::Include(labels)) => TransformKind::Keep(names(&labels.labels, added.as_slice())),
        None => TransformKind::Keep(names(&[], added.as_slice())),
    }
}

fn set_op(id: token::TokenId) -> Option<SetOp> {
    match id {
        token::T_LAND => Some(SetOp::And),
        token::T_LOR => Some(SetOp::Or),
        token::T_LUNLESS => Some(SetOp::Unless),
        _ => None,
    }
}

fn binary_op(id: token::TokenId, return_bool: bool) -> Option<BinaryOp> {
    let comparison = if return_bool { BinaryOp::Test } else { BinaryOp::Filter };
    Some(match id {
        token::T_ADD => BinaryOp::Arithmetic(Arithmetic::Add),
        token::T_SUB => BinaryOp::Arithmetic(Arithmetic::Subtract),
        token::T_MUL => BinaryOp::Arithmetic(Arithmetic::Multiply),
        token::T_DIV => BinaryOp::Arithmetic(Arithmetic::Divide),
        token::T_MOD => BinaryOp::Arithmetic(Arithmetic::Modulo),
        token::T_POW => BinaryOp::Arithmetic(Arithmetic::Power),
        token::T_ATAN2 => BinaryOp::Arithmetic(Arithmetic::Angle),
        token::T_EQLC => comparison(Comparison::Equal),
        token::T_NEQ => comparison(Comparison::NotEqual),
        token::T_GTR => comparison(Comparison::Greater),
        token::T_GTE => comparison(Comparison::GreaterOrEqual),
        token::T_LSS => comparison(Comparison::Less),
        token::T_LTE => comparison(Comparison::LessOrEqual),
        _ => return None,
    })
}

/// Any text but the empty one is a label name since Prometheus 3.0.
pub(super) fn check_label_name(name: &str) -> Result<(), PromqlError> {
    if name.is_empty() || name.contains('\u{fffd}') {
        return Err(PromqlError::syntax(format!("invalid label name {name:?}")));
    }
    Ok(())
}

fn positive_ms(span: Duration, what: &str) -> Result<i64, PromqlError> {
    match i64::try_from(span.as_millis()) {
        Ok(0) => Err(PromqlError::syntax(format!("the {what} must be at least 1ms"))),
        Ok(ms) if ms <= SPAN_MAX_MS => Ok(ms),
        _ => Err(PromqlError::syntax(format!("the {what} is too long"))),
    }
}

/// Milliseconds since 1970, negative before.
fn date_ms(time: SystemTime) -> Result<i64, PromqlError> {
    let ms = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()),
        Err(before) => i64::try_from(before.duration().as_millis()).map(|ms| -ms),
    };
    ms.map_err(|_| PromqlError::syntax("the time after @ is too far away"))
}

fn offset_ms(offset: Option<&Offset>) -> Result<i64, PromqlError> {
    let (span, sign) = match offset {
        None => return Ok(0),
        Some(Offset::Pos(span)) => (span, 1),
        Some(Offset::Neg(span)) => (span, -1),
    };
    match i64::try_from(span.as_millis()) {
        Ok(ms) if ms <= SPAN_MAX_MS => Ok(sign * ms),
        _ => Err(PromqlError::syntax("the offset is too long")),
    }
}
