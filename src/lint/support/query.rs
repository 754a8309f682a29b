//! Queries as trees: walking them, the comparisons in them, and what their selectors read.

use promql_parser::label;
use promql_parser::parser::{self, Expr, VectorSelector, token};

use crate::lint::Facts;
use crate::telemetry::binding::{self, BindError, Bound, Naming};
use crate::telemetry::matcher::{MatchOp, SelectorShape};
use crate::time::SimDuration;

/// The tree of a query; `None` if it is none (loading has said so already).
pub(crate) fn tree(text: &str) -> Option<Expr> {
    parser::parse(text.trim()).ok()
}

/// The expression without brackets around it.
pub(crate) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => bare(&inner.expr),
        other => other,
    }
}

/// The parts an expression is made of.
pub(crate) fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter().map(AsRef::as_ref).chain([aggregate.expr.as_ref()]).collect()
        }
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Binary(binary) => vec![&binary.lhs, &binary.rhs],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

/// Calls `visit` with the expression and everything in it, outermost first. Depth is bounded where the query is read.
pub(crate) fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr)) {
    visit(expr);
    parts(expr).into_iter().for_each(|part| walk(part, visit));
}

/// Every selector with its range, if it has one.
pub(crate) fn selectors(expr: &Expr) -> Vec<(&VectorSelector, Option<SimDuration>)> {
    let mut found = Vec::new();
    walk(expr, &mut |part| match part {
        Expr::VectorSelector(selector) => found.push((selector, None)),
        Expr::MatrixSelector(matrix) => found.push((&matrix.vs, Some(span(matrix.range)))),
        _ => {}
    });
    found
}

/// The longest and the shortest range of an expression; subqueries count.
pub(crate) fn windows(expr: &Expr) -> Option<(SimDuration, SimDuration)> {
    let mut spans: Vec<SimDuration> = selectors(expr).into_iter().filter_map(|(_, range)| range).collect();
    walk(expr, &mut |part| {
        if let Expr::Subquery(subquery) = part {
            spans.push(span(subquery.range));
        }
    });
    Some((spans.iter().copied().min()?, spans.iter().copied().max()?))
}

fn span(range: std::time::Duration) -> SimDuration {
    SimDuration::from_nanos(u64::try_from(range.as_nanos()).unwrap_or(u64::MAX))
}

/// The number an expression is, if it is one.
pub(crate) fn number(expr: &Expr) -> Option<f64> {
    match bare(expr) {
        Expr::NumberLiteral(literal) => Some(literal.val),
        Expr::Unary(negated) => number(&negated.expr).map(|value| -value),
        _ => None,
    }
}

/// Which values are bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

impl Operator {
    fn of(op: token::TokenType) -> Option<Self> {
        Some(match op.id() {
            token::T_GTR => Operator::Above,
            token::T_GTE => Operator::AtLeast,
            token::T_LSS => Operator::Below,
            token::T_LTE => Operator::AtMost,
            token::T_EQLC => Operator::Equal,
            token::T_NEQ => Operator::Unequal,
            _ => return None,
        })
    }

    fn mirrored(self) -> Self {
        match self {
            Operator::Above => Operator::Below,
            Operator::AtLeast => Operator::AtMost,
            Operator::Below => Operator::Above,
            Operator::AtMost => Operator::AtLeast,
            same => same,
        }
    }

    /// The sign.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Operator::Above => ">",
            Operator::AtLeast => ">=",
            Operator::Below => "<",
            Operator::AtMost => "<=",
            Operator::Equal => "==",
            Operator::Unequal => "!=",
        }
    }

    /// Whether large values are bad.
    pub(crate) fn is_upward(self) -> bool {
        matches!(self, Operator::Above | Operator::AtLeast)
    }
}

/// A comparison with a number whose truth is what is bad.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) left: Expr,
    pub(crate) operator: Operator,
    pub(crate) number: f64,
    /// Whether it alone decides: not a part of an `and`, where a guard may hold always.
    pub(crate) alone: bool,
}

/// The comparisons with numbers that decide whether an expression has a result.
pub(crate) fn comparisons(expr: &Expr) -> Vec<Comparison> {
    let mut found = Vec::new();
    collect(expr, true, &mut found);
    found
}

fn collect(expr: &Expr, alone: bool, found: &mut Vec<Comparison>) {
    let Expr::Binary(binary) = bare(expr) else { return };
    match binary.op.id() {
        token::T_LAND => {
            collect(&binary.lhs, false, found);
            collect(&binary.rhs, false, found);
        }
        token::T_LOR => {
            collect(&binary.lhs, alone, found);
            collect(&binary.rhs, alone, found);
        }
        // What `unless` takes away is good where the rest is bad: only its left side says what is bad.
        token::T_LUNLESS => collect(&binary.lhs, false, found),
        _ => {
            let Some(operator) = Operator::of(binary.op).filter(|_| !binary.return_bool()) else { return };
            let (left, operator, number) = match (number(&binary.lhs), number(&binary.rhs)) {
                (None, Some(number)) => (&binary.lhs, operator, number),
                (Some(number), None) => (&binary.rhs, operator.mirrored(), number),
                _ => return,
            };
            found.push(Comparison { left: left.as_ref().clone(), operator, number, alone });
        }
    }
}

/// What a selector reads in the scenario.
///
/// # Errors
/// As [`binding::bind`]; a regular expression that is none counts as an unknown metric.
pub(crate) fn bind(selector: &VectorSelector, naming: &Naming, facts: &Facts) -> Result<Bound, BindError> {
    let shape = shape(selector);
    let unreadable = || BindError::UnknownMetric { metric: selector.to_string(), suggestion: None };
    binding::bind(&shape.ok_or_else(unreadable)?, naming, &facts.dialects, &facts.world)
}

fn shape(selector: &VectorSelector) -> Option<SelectorShape> {
    let mut shape = SelectorShape { name: selector.name.clone(), matchers: Vec::new() };
    for matcher in &selector.matchers.matchers {
        let op = match matcher.op {
            label::MatchOp::Equal => MatchOp::Equal,
            label::MatchOp::NotEqual => MatchOp::NotEqual,
            label::MatchOp::Re(_) => MatchOp::Regex,
            label::MatchOp::NotRe(_) => MatchOp::NotRegex,
        };
        if matcher.name == "__name__" && op == MatchOp::Equal {
            shape.name = Some(matcher.value.clone());
            continue;
        }
        shape = shape.with(&matcher.name, op, &matcher.value).ok()?;
    }
    Some(shape)
}

/// The name of the function called at the top of an expression.
pub(crate) fn called(expr: &Expr) -> Option<&str> {
    match bare(expr) {
        Expr::Call(call) => Some(call.func.name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deciding_comparisons_are_found_with_the_number_on_the_right() {
        let of = |text: &str| {
            comparisons(&tree(text).unwrap())
                .iter()
                .map(|c| format!("{} {} {} {}", c.left, c.operator.sign(), c.number, c.alone))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("(5 < a) or b == -1"), ["a > 5 true", "b == -1 true"]);
        assert_eq!(of("a > 5 and b > 0"), ["a > 5 false", "b > 0 false"]);
        assert_eq!(of("a / (b > 0) > 2 unless c > 3"), ["a / (b > 0) > 2 false"]);
        assert_eq!(of("a > b"), Vec::<String>::new());
        assert_eq!(of("a > bool 5"), Vec::<String>::new());
    }

    #[test]
    fn windows_are_those_of_ranges_and_subqueries() {
        let windows = |text: &str| windows(&tree(text).unwrap());
        let minutes = SimDuration::from_mins;
        assert_eq!(windows("rate(a[5m]) / rate(b[1m])"), Some((minutes(1), minutes(5))));
        assert_eq!(windows("max_over_time(a[1h:1m])"), Some((minutes(60), minutes(60))));
        assert_eq!(windows("a > 5"), None);
    }
}
