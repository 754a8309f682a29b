//! Queries made from queries: the same question asked of one side only.

use std::time::Duration;

use promql_parser::label::{METRIC_NAME, MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};

use super::compile;
use super::error::PromqlError;
use super::program::Program;
use super::syntax;
use crate::time::SimDuration;

/// The text of a query with an equality matcher added to every selector for each of `matchers`, and, if `window` is
/// given, with every innermost range (of a range selector, or of a subquery that holds no range selector) replaced by
/// it. A selector that already says `label="value"` for one of the labels keeps its own: in a comparison of two sides
/// each selector still means its side.
///
/// ```
/// use backout::promql::pin;
/// let query = r#"sum(rate(errors_total{code="500"}[1m])) > 2"#;
/// let pinned = pin(query, &[("role", "candidate")], Some(backout::time::SimDuration::from_mins(20)));
/// assert_eq!(pinned.unwrap(), r#"sum(rate(errors_total{code="500",role="candidate"}[20m])) > 2"#);
/// ```
///
/// # Errors
/// If `text` does not compile, the window is shorter than 1 ms, or the new query cannot be written down.
pub fn pin(
    text: &str,
    matchers: &[(&str, &str)],
    window: Option<SimDuration>,
) -> Result<String, PromqlError> {
    compile::compile(&mut Program::new(), text)?;
    if window.is_some_and(|window| window.as_millis() == 0) {
        return Err(PromqlError::syntax("the window must be at least 1ms"));
    }
    let mut tree = syntax::parse(text)?;
    let window = window.map(|window| Duration::from_millis(window.as_millis().unsigned_abs()));
    pin_expr(&mut tree, matchers, window);
    let pinned = tree.to_string();
    // The printed form must mean the tree it was printed from; equal meanings are one node of a program.
    let mut program = Program::new();
    if compile::compile(&mut program, &pinned)? != compile::compile_tree(&mut program, text, &tree)? {
        return Err(PromqlError::syntax("the query cannot be rewritten"));
    }
    Ok(pinned)
}

/// Returns whether `expr` holds a range selector.
fn pin_expr(expr: &mut Expr, matchers: &[(&str, &str)], window: Option<Duration>) -> bool {
    let mut pin = |part: &mut Expr| pin_expr(part, matchers, window);
    match expr {
        Expr::Aggregate(aggregate) => {
            let in_param = aggregate.param.as_deref_mut().is_some_and(&mut pin);
            pin(&mut aggregate.expr) || in_param
        }
        Expr::Unary(unary) => pin(&mut unary.expr),
        Expr::Binary(binary) => {
            let left = pin(&mut binary.lhs);
            pin(&mut binary.rhs) || left
        }
        Expr::Paren(paren) => pin(&mut paren.expr),
        Expr::Call(call) => {
            let held: Vec<bool> = call.args.args.iter_mut().map(|argument| pin(argument)).collect();
            held.contains(&true)
        }
        Expr::Subquery(subquery) => {
            if !pin(&mut subquery.expr)
                && let Some(window) = window
            {
                subquery.range = window;
            }
            true
        }
        Expr::VectorSelector(selector) => {
            pin_selector(selector, matchers);
            false
        }
        Expr::MatrixSelector(matrix) => {
            pin_selector(&mut matrix.vs, matchers);
            matrix.range = window.unwrap_or(matrix.range);
            true
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
    }
}

fn pin_selector(selector: &mut VectorSelector, matchers: &[(&str, &str)]) {
    for &(name, value) in matchers {
        let own = &mut selector.matchers.matchers;
        let says_so = own.iter().any(|m| m.name == name && matches!(m.op, MatchOp::Equal));
        let is_name = name == METRIC_NAME && selector.name.is_some();
        if !says_so && !is_name {
            own.push(Matcher::new(MatchOp::Equal, name, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_pinned_unless_it_names_its_side() {
        let text = r#"rate(a{role="stable"}[1m]) / on(x) group_left rate(b[1m] offset 5m) or vector(0)"#;
        let pinned = pin(text, &[("role", "candidate")], None).unwrap();
        assert_eq!(
            pinned,
            r#"rate(a{role="stable"}[1m]) / on (x) group_left () rate(b{role="candidate"}[1m] offset 5m) or vector(0)"#
        );
    }

    #[test]
    fn innermost_ranges_are_stretched() {
        let window = Some(SimDuration::from_mins(30));
        let text = "max_over_time(rate(a[1m])[10m:1m]) + count_over_time(up[5m:])";
        assert_eq!(
            pin(text, &[], window).unwrap(),
            "max_over_time(rate(a[30m])[10m:1m]) + count_over_time(up[30m:])"
        );
    }

    #[test]
    fn what_does_not_compile_is_not_rewritten() {
        assert!(pin("info(x)", &[], None).is_err());
        assert!(pin("rate(x[1m])", &[], Some(SimDuration::ZERO)).is_err());
    }
}
