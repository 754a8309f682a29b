//! Operator precedence, as in expr-lang's `parser/operator`.

use super::ast::BinOp;

/// Precedence of a binary operator and whether it groups to the right.
pub(super) fn binary(text: &str) -> Option<(BinOp, u16, bool)> {
    Some(match text {
        "or" | "||" => (BinOp::Or, 10, false),
        "and" | "&&" => (BinOp::And, 15, false),
        "==" => (BinOp::Eq, 20, false),
        "!=" => (BinOp::Ne, 20, false),
        "<" => (BinOp::Lt, 20, false),
        ">" => (BinOp::Gt, 20, false),
        ">=" => (BinOp::Ge, 20, false),
        "<=" => (BinOp::Le, 20, false),
        "in" => (BinOp::In, 20, false),
        "matches" => (BinOp::Matches, 20, false),
        "contains" => (BinOp::Contains, 20, false),
        "startsWith" => (BinOp::StartsWith, 20, false),
        "endsWith" => (BinOp::EndsWith, 20, false),
        ".." => (BinOp::Range, 25, false),
        "+" => (BinOp::Add, 30, false),
        "-" => (BinOp::Sub, 30, false),
        "*" => (BinOp::Mul, 60, false),
        "/" => (BinOp::Div, 60, false),
        "%" => (BinOp::Rem, 60, false),
        "**" | "^" => (BinOp::Pow, 100, true),
        "??" => (BinOp::Coalesce, 500, false),
        _ => return None,
    })
}

/// Whether neighbours of this operator chain: `0 < x < 1`.
pub(super) fn is_ordering(op: BinOp) -> bool {
    matches!(op, BinOp::Lt | BinOp::Gt | BinOp::Ge | BinOp::Le)
}

/// Whether `not` may stand before the operator: `x not in y`.
pub(super) fn may_be_negated(text: &str) -> bool {
    matches!(text, "in" | "matches" | "contains" | "startsWith" | "endsWith")
}
