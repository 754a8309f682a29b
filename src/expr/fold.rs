//! Rewrites the real engine makes before it runs an expression, where they change the answer.
//!
//! `x || true` becomes `true` and `x && false` becomes `false` *without evaluating `x`*, so an `x` that would
//! fail at run time (an index into an empty vector) does not. Type errors in `x` still count: types are checked
//! first.

use super::ast::{BinOp, Kind, Node, UnOp};

/// Folds truth constants, innermost first.
pub(super) fn fold(node: &mut Node) {
    match &mut node.kind {
        Kind::Unary(_, a) | Kind::Chain(a) => fold(a),
        Kind::Binary(_, a, b)
        | Kind::Matches { text: a, pattern: b, .. }
        | Kind::Member { base: a, property: b, .. }
        | Kind::Let { value: a, body: b, .. } => {
            fold(a);
            fold(b);
        }
        Kind::Slice { base, from, to } => {
            fold(base);
            from.iter_mut().chain(to).for_each(|n| fold(n));
        }
        Kind::CallValue(callee, arguments) => {
            fold(callee);
            arguments.iter_mut().for_each(fold);
        }
        Kind::Compare(nodes, _)
        | Kind::Call(_, nodes)
        | Kind::Quantified(_, nodes)
        | Kind::Sequence(nodes)
        | Kind::Array(nodes) => nodes.iter_mut().for_each(fold),
        Kind::Conditional(nodes) => nodes.iter_mut().for_each(fold),
        Kind::Elvis(nodes) => nodes.iter_mut().for_each(fold),
        Kind::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| {
            fold(key);
            fold(value);
        }),
        _ => {}
    }
    if let Some(folded) = folded(&mut node.kind) {
        *node = folded;
    }
}

/// What a node with constant parts becomes.
fn folded(kind: &mut Kind) -> Option<Node> {
    match kind {
        Kind::Unary(UnOp::Not, a) => constant(a).map(|value| bool_node(!value, a.at)),
        Kind::Binary(BinOp::Eq, a, b) => equal_constants(a, b).map(|value| bool_node(value, a.at)),
        _ => folded_truth(kind),
    }
}

fn bool_node(value: bool, at: usize) -> Node {
    Node { kind: Kind::Bool(value), at, depth: 1 }
}

fn equal_constants(a: &Node, b: &Node) -> Option<bool> {
    match (&a.kind, &b.kind) {
        (Kind::Int(a), Kind::Int(b)) => Some(a == b),
        (Kind::Text(a), Kind::Text(b)) => Some(a == b),
        (Kind::Bool(a), Kind::Bool(b)) => Some(a == b),
        _ => None,
    }
}

fn folded_truth(kind: &mut Kind) -> Option<Node> {
    let Kind::Binary(op @ (BinOp::And | BinOp::Or), left, right) = kind else { return None };
    let (a, b) = (constant(left), constant(right));
    // The neutral side vanishes, the dominant one decides.
    let neutral = *op == BinOp::And;
    let placeholder = || Node { kind: Kind::Nil, at: 0, depth: 1 };
    if a == Some(neutral) {
        Some(std::mem::replace(right, placeholder()))
    } else if b == Some(neutral) {
        Some(std::mem::replace(left, placeholder()))
    } else if a.is_some() || b.is_some() {
        Some(bool_node(!neutral, left.at))
    } else {
        None
    }
}

fn constant(node: &Node) -> Option<bool> {
    match node.kind {
        Kind::Bool(value) => Some(value),
        _ => None,
    }
}

/// Makes integer literals floats where a function wants a float, as the checker of the real engine does.
pub(super) fn integers_to_floats(node: &mut Node) {
    match &mut node.kind {
        Kind::Int(value) => node.kind = Kind::Float(*value as f64),
        Kind::Unary(_, a) => integers_to_floats(a),
        Kind::Binary(BinOp::Add | BinOp::Sub | BinOp::Mul, a, b) => {
            integers_to_floats(a);
            integers_to_floats(b);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse::parse;

    #[test]
    fn a_dominant_constant_on_either_side_decides() {
        for (text, expected) in [
            ("result[9] > 1 || true", Some(true)),
            ("true || result[9] > 1", Some(true)),
            ("result[9] > 1 && false", Some(false)),
            ("(true && true) and (false or true)", Some(true)),
            ("result[9] > 1 || !false", Some(true)),
            ("result[9] > 1 || 1 == 1", Some(true)),
            ("result[9] > 1 || false", None),
        ] {
            let mut node = parse(text).unwrap();
            fold(&mut node);
            assert_eq!(constant(&node), expected, "{text}");
        }
    }
}
