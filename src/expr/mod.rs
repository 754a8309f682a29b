//! Argo's condition language: expr-lang v1.17 as Argo Rollouts uses it, with its type errors.
//!
//! A condition such as `len(result) == 0 || result[0] >= 0.95` is compiled by Argo for every measurement, *typed
//! by what the provider returned*. The type decides as much as the value: `result >= 0.95` on a Prometheus vector
//! is no comparison that is false, it is a type error, the measurement's phase is `Error`, and five errors ten
//! seconds apart abort the rollout. So this module reproduces the checker and not only the arithmetic.
//!
//! Traps it reproduces:
//! * `isNil(x)` and `default(x, d)` ignore `x` and look at the whole result.
//! * `isNaN` and `isInf` take a `float64` and nothing else: `isNaN(result)` on a vector is a type error.
//! * NaN compares false with everything, so `result[0] >= 0.95` and `result[0] < 0.95` are both false.
//! * A type error counts in a branch that would never run; `x || true` is true even where `x` would fail at run time.
//! * `default(result[0], 0)` on an empty vector fails on the index before `default` is asked.
//!
//! What is not imitated (sorting, grouping, JSON and base64 text, bit operations, calendar layouts) is listed by
//! [`Condition::unsupported`] and gives an error of kind [`ExprErrorKind::Unsupported`], never a guess. Sources:
//! expr-lang v1.17.8 and argo-rollouts `utils/evaluate`; agreement is tested on rows made with the real engine.

mod ast;
mod builtin;
mod check;
mod check_call;
mod error;
mod eval;
mod fold;
mod function;
mod go_time;
mod number;
mod ops;
mod parse;
mod parse_call;
mod precedence;
mod predicate;
mod token;
mod types;
mod value;

pub use error::{ExprError, ExprErrorKind, ParseError};
pub use value::{Instant, ResultKind, Value};

use crate::time::{SimDuration, SimTime};
use ast::{Kind, Node, Quantifier};
use function::Function;
use types::Ty;
use value::Val;

/// A condition, read and type-checked once, evaluated as often as needed.
#[derive(Clone, Debug)]
pub struct Condition {
    source: String,
    tree: Result<Node, ParseError>,
    /// The verdict of the checker for each [`ResultKind`], in the order of its variants.
    checked: Vec<Result<(), ExprError>>,
}

impl Condition {
    /// Reads `source` as an expression.
    ///
    /// # Errors
    /// When the text is not an expression. Type errors are not errors here: they depend on the result.
    pub fn parse(source: &str) -> Result<Condition, ParseError> {
        let mut tree = parse::parse(source)?;
        let checked =
            ResultKind::ALL.iter().map(|kind| check::check(&tree, Ty::of(*kind)).map(|_| ())).collect();
        fold::fold(&mut tree);
        Ok(Condition { source: source.to_owned(), tree: Ok(tree), checked })
    }

    /// Reads `source`; a text that is no expression becomes a condition that fails at every evaluation, which is
    /// what Argo makes of it.
    pub fn parse_or_failing(source: &str) -> Condition {
        Condition::parse(source).unwrap_or_else(|error| Condition {
            source: source.to_owned(),
            tree: Err(error),
            checked: Vec::new(),
        })
    }

    /// The text this was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the condition fits results of `kind`, whatever their value.
    ///
    /// # Errors
    /// The type error every result of this kind would give.
    pub fn check(&self, kind: ResultKind) -> Result<(), ExprError> {
        if let Err(error) = &self.tree {
            return Err(error.clone().into());
        }
        self.checked.get(kind as usize).cloned().unwrap_or(Ok(()))
    }

    /// Whether the condition holds for `result`.
    ///
    /// # Errors
    /// Where Argo would set the measurement's phase to `Error`: a type error, a failing index or conversion, a
    /// value that is no truth value; and what this engine does not imitate.
    pub fn evaluate(&self, result: &Value) -> Result<bool, ExprError> {
        let tree = self.tree.as_ref().map_err(|error| ExprError::from(error.clone()))?;
        if let Some(Err(error)) = self.checked.get(result.kind() as usize) {
            return Err(error.clone());
        }
        match eval::evaluate(tree, result, None) {
            Ok(Val::Bool(verdict)) => Ok(verdict),
            Ok(other) => Err(not_bool(other.go_name(), tree.at)),
            Err(error) => Err(*error),
        }
    }

    /// The functions of the real engine that this condition calls and that are not imitated, each once.
    pub fn unsupported(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if let Ok(tree) = &self.tree {
            collect_unsupported(tree, &mut names);
        }
        names
    }
}

fn not_bool(name: &str, at: usize) -> ExprError {
    ExprError::new(ExprErrorKind::NotBool, format!("expected bool, but got {name}"), at)
}

fn collect_unsupported(node: &Node, names: &mut Vec<&'static str>) {
    let name = match &node.kind {
        Kind::Call(Function::Unsupported(name), _) => Some(*name),
        Kind::Call(Function::Now, _) => Some("now"),
        Kind::Quantified(q @ (Quantifier::GroupBy | Quantifier::SortBy), _) => Some(q.name()),
        _ => None,
    };
    if let Some(name) = name.filter(|n| !names.contains(n)) {
        names.push(name);
    }
    node.kind.children(&mut |child| collect_unsupported(child, names));
}

/// The instant a bound of an Argo range query names, like `now() - duration("5m")`.
///
/// `now` is the instant of the measurement. An instant before the start of the simulation is its start.
///
/// # Errors
/// When the text is not an expression, does not give an instant, or names a calendar date, which simulated time
/// does not have.
pub fn range_bound(source: &str, now: SimTime) -> Result<SimTime, ExprError> {
    let tree = parse::parse(source)?;
    check::check(&tree, Ty::Nil)?;
    let instant = Instant::from_total(i128::from(now.as_nanos()));
    match eval::evaluate(&tree, &Value::Nil, Some(instant)).map_err(|error| *error)? {
        Val::Time(t) => {
            let nanos = i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
            Ok(SimTime::from_nanos(nanos.clamp(0, i128::from(u64::MAX)) as u64))
        }
        other => {
            let message = format!("expected time.Time, but got {}", other.go_name());
            Err(ExprError::new(ExprErrorKind::Type, message, tree.at))
        }
    }
}

/// A duration as Go (and so every duration field of Argo) reads it: `90s`, `1h30m`, `500ms`; no `d`, no bare
/// number but `0`, no spaces. A negative one is zero here, since it is over at once.
///
/// # Errors
/// Go's own message.
pub fn go_duration(text: &str) -> Result<SimDuration, String> {
    go_time::duration(text).map(|nanos| SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
