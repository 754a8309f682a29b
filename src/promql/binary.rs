//! Operators between vectors.
//!
//! Traps: elements meet when their labels are equal *without the metric name* (or as `on`/`ignoring` say); a
//! filtering comparison keeps the left value, and the vector's value when the other side is a scalar; a group of
//! several elements on the "one" side is an error, not a cross product.

use super::aggregate::Context;
use super::error::EvalError;
use super::names::Element;
use super::operator::{BinaryOp, SetOp};
use super::program::{Many, Matching, TransformId};

/// A vector against a number; names are left to the caller.
pub(super) fn with_scalar(
    op: BinaryOp,
    vector: &[Element],
    scalar: f64,
    scalar_left: bool,
    out: &mut Vec<Element>,
) {
    for element in vector {
        let (left, right) = if scalar_left { (scalar, element.value) } else { (element.value, scalar) };
        let Some(value) = op.apply(left, right) else { continue };
        // A filter keeps the vector's value, also where it stands on the right.
        let value = if matches!(op, BinaryOp::Filter(_)) { element.value } else { value };
        out.push(Element { value, ..*element });
    }
}

/// A vector against a vector.
///
/// # Errors
/// If the match is not unique where it must be.
pub(super) fn vectors(
    context: &mut Context<'_>,
    op: BinaryOp,
    left: &[Element],
    right: &[Element],
    matching: Matching,
    out: &mut Vec<Element>,
) -> Result<(), EvalError> {
    if left.is_empty() || right.is_empty() {
        return Ok(());
    }
    // The "one" side is looked up; for group_right that is the left one.
    let (many, one) = if matching.many == Many::Right { (right, left) } else { (left, right) };
    let Context { program, names, marks } = context;
    marks.clear(names.label_count());
    for (position, element) in one.iter().enumerate() {
        let group = names.transform(program, matching.signature, element.label);
        if marks.set(group, position as u32).is_some() {
            let side = if matching.many == Many::Right { "left" } else { "right" };
            return Err(EvalError::ManyToMany { group: names.labels(group), side });
        }
    }
    let mut matched = vec![false; if matching.many == Many::Neither { one.len() } else { 0 }];
    for element in many {
        let group = names.transform(program, matching.signature, element.label);
        let Some(position) = marks.get(group) else { continue };
        let Some(partner) = one.get(position as usize) else { continue };
        let (l, r) = if matching.many == Many::Right {
            (partner.value, element.value)
        } else {
            (element.value, partner.value)
        };
        let Some(value) = op.apply(l, r) else { continue };
        let mut label = names.transform(program, matching.result, element.label);
        if let Some(include) = matching.include {
            label = names.include(program, include, label, partner.label);
        }
        if let Some(seen) = matched.get_mut(position as usize)
            && std::mem::replace(seen, true)
        {
            return Err(EvalError::ManyToOne);
        }
        let keeps_mark = matches!(op, BinaryOp::Filter(_)) && element.drop_name;
        out.push(Element { label, drop_name: keeps_mark || matches!(op, BinaryOp::Test(_)), value });
    }
    if matching.many != Many::Neither {
        marks.clear(names.label_count());
        if out.iter().any(|element| marks.set(element.label, 0).is_some()) {
            return Err(EvalError::GroupedMatchNotUnique);
        }
    }
    Ok(())
}

/// `and`, `or`, `unless`.
pub(super) fn sets(
    context: &mut Context<'_>,
    op: SetOp,
    left: &[Element],
    right: &[Element],
    signature: TransformId,
    out: &mut Vec<Element>,
) {
    let Context { program, names, marks } = context;
    marks.clear(names.label_count());
    let (marking, filtered) = if op == SetOp::Or { (left, right) } else { (right, left) };
    for element in marking {
        let group = names.transform(program, signature, element.label);
        marks.set(group, 0);
    }
    if op == SetOp::Or {
        out.extend_from_slice(left);
    }
    for element in filtered {
        let group = names.transform(program, signature, element.label);
        if marks.get(group).is_some() == (op == SetOp::And) {
            out.push(*element);
        }
    }
}
