//! Runs a type-checked condition on one result.
//!
//! Evaluation borrows from the result and allocates only for what an expression makes. Its cost is bounded: a
//! million steps (tree nodes visited, list elements made), then the error kind is `Budget`.

use super::ast::{BinOp, Kind, Node, Pointer, UnOp};
use super::error::{ExprError, ExprErrorKind};
use super::ops;
use super::value::{Instant, Val, Value};

/// Steps one evaluation may take.
const BUDGET: u32 = 1_000_000;
/// Steps a pattern costs that has to be compiled at run time.
const COMPILE: usize = 50_000;

/// Why evaluation stopped.
pub(super) enum Stop {
    /// A `?.` met nil: the chain around it is nil.
    Chain,
    Error(Box<ExprError>),
}

pub(super) type Evaluated<'a> = Result<Val<'a>, Stop>;

pub(super) fn fail(at: usize, message: impl Into<String>) -> Stop {
    stop(ExprErrorKind::Runtime, at, message)
}

pub(super) fn stop(kind: ExprErrorKind, at: usize, message: impl Into<String>) -> Stop {
    Stop::Error(Box::new(ExprError::new(kind, message, at)))
}

/// One enclosing predicate.
pub(super) struct Scope<'a> {
    pub(super) collection: Val<'a>,
    pub(super) index: usize,
    pub(super) accumulator: Val<'a>,
}

pub(super) struct Evaluator<'a> {
    result: &'a Value,
    /// What `now()` gives; `None` where it must not be asked.
    pub(super) now: Option<Instant>,
    locals: Vec<Val<'a>>,
    pub(super) scopes: Vec<Scope<'a>>,
    steps: u32,
}

/// The value of `node` for `result`.
pub(super) fn evaluate<'a>(
    node: &'a Node,
    result: &'a Value,
    now: Option<Instant>,
) -> Result<Val<'a>, Box<ExprError>> {
    let mut evaluator = Evaluator { result, now, locals: Vec::new(), scopes: Vec::new(), steps: BUDGET };
    match evaluator.visit(node) {
        Ok(value) => Ok(value),
        Err(Stop::Chain) => Ok(Val::Nil),
        Err(Stop::Error(error)) => Err(error),
    }
}

impl<'a> Evaluator<'a> {
    /// The measurement itself.
    pub(super) fn whole_result(&self) -> Val<'a> {
        Val::from(self.result)
    }

    /// Takes `steps` from the budget.
    pub(super) fn spend(&mut self, steps: usize, at: usize) -> Result<(), Stop> {
        match u32::try_from(steps).ok().and_then(|s| self.steps.checked_sub(s)) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(stop(ExprErrorKind::Budget, at, format!("more than {BUDGET} steps"))),
        }
    }

    /// The value of a node. What an expression makes is paid for by its size, so doubling a text or a list over and
    /// over ends in an error.
    pub(super) fn visit(&mut self, node: &'a Node) -> Evaluated<'a> {
        let value = self.value(node)?;
        self.spend(1 + value.made_weight(), node.at)?;
        Ok(value)
    }

    /// [`Evaluator::visit`] for keeps: a copy that no longer points into the result.
    pub(super) fn owned(&mut self, node: &'a Node) -> Result<Value, Stop> {
        let value = self.visit(node)?;
        self.spend(value.weight(), node.at)?;
        Ok(value.into_owned())
    }

    fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        let at = node.at;
        Ok(match &node.kind {
            Kind::Nil => Val::Nil,
            Kind::Bool(b) => Val::Bool(*b),
            Kind::Int(i) => Val::Int(*i),
            Kind::Float(f) => Val::Float(*f),
            Kind::Text(t) => Val::Text(t.as_str().into()),
            Kind::Result => Val::from(self.result),
            Kind::Local(slot) => self.locals.get(*slot).cloned().unwrap_or(Val::Nil),
            Kind::Environment | Kind::FunctionName => {
                return Err(stop(ExprErrorKind::Unsupported, at, "a function or `$env` used as a value"));
            }
            Kind::UnknownName(name) => return Err(fail(at, format!("unknown name {name}"))),
            Kind::Unary(op, operand) => self.unary(*op, operand, at)?,
            Kind::Binary(op, left, right) => self.binary(*op, left, right, at)?,
            Kind::Compare(nodes, ops) => self.compare(nodes, ops, at)?,
            Kind::Matches { text, pattern, compiled } => {
                self.matches(text, pattern, compiled.as_ref(), at)?
            }
            Kind::Member { base, property, optional } => self.member(base, property, *optional, at)?,
            Kind::Slice { base, from, to } => self.slice(base, from.as_deref(), to.as_deref(), at)?,
            Kind::Chain(inner) => match self.visit(inner) {
                Err(Stop::Chain) => Val::Nil,
                other => other?,
            },
            Kind::Call(function, arguments) => self.call(*function, arguments, at)?,
            Kind::CallValue(callee, _) => {
                let value = self.visit(callee)?;
                return Err(fail(at, format!("cannot call {}", value.go_name())));
            }
            Kind::Quantified(quantifier, arguments) => self.quantified(*quantifier, arguments, at)?,
            Kind::Pointer(pointer) => self.pointer(pointer, at)?,
            Kind::Let { value, body, .. } => {
                let value = self.visit(value)?;
                self.locals.push(value);
                let body = self.visit(body);
                self.locals.pop();
                body?
            }
            Kind::Sequence(nodes) => {
                let mut last = Val::Nil;
                for node in nodes {
                    last = self.visit(node)?;
                }
                last
            }
            Kind::Conditional(nodes) => {
                let [condition, then, otherwise] = nodes.as_ref();
                let chosen = if self.truth(condition)? { then } else { otherwise };
                self.visit(chosen)?
            }
            Kind::Elvis(nodes) => {
                let [condition, otherwise] = nodes.as_ref();
                if self.truth(condition)? { Val::Bool(true) } else { self.visit(otherwise)? }
            }
            Kind::Array(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for node in nodes {
                    items.push(self.owned(node)?);
                }
                ops::list(items)
            }
            Kind::Map(pairs) => self.map(pairs)?,
        })
    }

    /// The value of a node that must be a truth value.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<bool, Stop> {
        match self.visit(node)? {
            Val::Bool(b) => Ok(b),
            other => Err(fail(node.at, format!("{} is not bool", other.go_name()))),
        }
    }

    fn unary(&mut self, op: UnOp, operand: &'a Node, at: usize) -> Evaluated<'a> {
        match op {
            UnOp::Not => Ok(Val::Bool(!self.truth(operand)?)),
            UnOp::Plus => self.visit(operand),
            UnOp::Minus => match self.visit(operand)? {
                Val::Int(i) => Ok(Val::Int(i.wrapping_neg())),
                Val::Float(f) => Ok(Val::Float(-f)),
                other => Err(fail(at, format!("invalid operation: - {}", other.go_name()))),
            },
        }
    }

    fn binary(&mut self, op: BinOp, left: &'a Node, right: &'a Node, at: usize) -> Evaluated<'a> {
        match op {
            // The right side is the value as it is: Go looks only at the left.
            BinOp::Or if self.truth(left)? => return Ok(Val::Bool(true)),
            BinOp::And if !self.truth(left)? => return Ok(Val::Bool(false)),
            BinOp::Or | BinOp::And => return self.visit(right),
            BinOp::Coalesce => {
                let value = self.visit(left)?;
                return if matches!(value, Val::Nil) { self.visit(right) } else { Ok(value) };
            }
            _ => {}
        }
        let (a, b) = (self.visit(left)?, self.visit(right)?);
        let undefined = || fail(at, format!("invalid operation on {} and {}", a.go_name(), b.go_name()));
        Ok(match op {
            BinOp::Eq => Val::Bool(ops::equal(&a, &b)),
            BinOp::Ne => Val::Bool(!ops::equal(&a, &b)),
            BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge => {
                Val::Bool(ops::ordered(op, &a, &b).ok_or_else(undefined)?)
            }
            BinOp::In => Val::Bool(ops::contained(&a, &b).map_err(|message| fail(at, message))?),
            BinOp::Contains | BinOp::StartsWith | BinOp::EndsWith | BinOp::Matches => match (&a, &b) {
                (Val::Text(a), Val::Text(b)) => Val::Bool(match op {
                    BinOp::Contains => a.contains(b.as_ref()),
                    BinOp::StartsWith => a.starts_with(b.as_ref()),
                    _ => a.ends_with(b.as_ref()),
                }),
                _ => return Err(undefined()),
            },
            BinOp::Range => {
                self.range(a.integer().ok_or_else(undefined)?, b.integer().ok_or_else(undefined)?, at)?
            }
            _ => ops::arithmetic(op, &a, &b).ok_or_else(undefined)?,
        })
    }

    fn range(&mut self, from: i64, to: i64, at: usize) -> Evaluated<'a> {
        let size = (i128::from(to) - i128::from(from) + 1).max(0);
        self.spend(usize::try_from(size).unwrap_or(usize::MAX), at)?;
        Ok(ops::list((from..=to).map(Value::Int).collect()))
    }

    fn compare(&mut self, nodes: &'a [Node], ops: &[BinOp], at: usize) -> Evaluated<'a> {
        let mut nodes = nodes.iter();
        let mut left = match nodes.next() {
            Some(node) => self.visit(node)?,
            None => return Ok(Val::Bool(true)),
        };
        for (node, op) in nodes.zip(ops) {
            let right = self.visit(node)?;
            match ops::ordered(*op, &left, &right) {
                Some(true) => left = right,
                Some(false) => return Ok(Val::Bool(false)),
                None => {
                    let names = (left.go_name(), right.go_name());
                    return Err(fail(at, format!("invalid operation on {} and {}", names.0, names.1)));
                }
            }
        }
        Ok(Val::Bool(true))
    }

    fn matches(
        &mut self,
        text: &'a Node,
        pattern: &'a Node,
        compiled: Option<&'a Result<regex::Regex, String>>,
        at: usize,
    ) -> Evaluated<'a> {
        let (text, pattern) = (self.visit(text)?, self.visit(pattern)?);
        let (Val::Text(text), Val::Text(pattern)) = (&text, &pattern) else {
            // expr-lang: nil matches nothing.
            return match text {
                Val::Nil => Ok(Val::Bool(false)),
                _ => Err(fail(at, "matches needs strings")),
            };
        };
        match compiled {
            Some(Ok(regex)) => Ok(Val::Bool(regex.is_match(text))),
            Some(Err(message)) => Err(fail(at, message.clone())),
            None => {
                self.spend(COMPILE, at)?;
                let regex = super::parse::compile(pattern).map_err(|message| fail(at, message))?;
                Ok(Val::Bool(regex.is_match(text)))
            }
        }
    }

    fn member(&mut self, base: &'a Node, property: &'a Node, optional: bool, at: usize) -> Evaluated<'a> {
        if matches!(base.kind, Kind::Environment) {
            return match &property.kind {
                Kind::Text(name) if name == "result" => Ok(Val::from(self.result)),
                _ => Err(stop(ExprErrorKind::Unsupported, at, "`$env` with a computed name")),
            };
        }
        let owner = self.visit(base)?;
        if optional && matches!(owner, Val::Nil) {
            return Err(Stop::Chain);
        }
        let key = self.visit(property)?;
        ops::fetch(&owner, &key).map_err(|message| fail(at, message))
    }

    fn slice(
        &mut self,
        base: &'a Node,
        from: Option<&'a Node>,
        to: Option<&'a Node>,
        at: usize,
    ) -> Evaluated<'a> {
        let owner = self.visit(base)?;
        let from = from.map(|node| self.bound(node)).transpose()?.unwrap_or(0);
        let to = to.map(|node| self.bound(node)).transpose()?;
        self.spend(owner.weight(), at)?;
        ops::slice(&owner, from, to).map_err(|message| fail(at, message))
    }

    fn bound(&mut self, node: &'a Node) -> Result<i64, Stop> {
        let value = self.visit(node)?;
        value.integer().ok_or_else(|| fail(node.at, format!("non-integer slice index {}", value.go_name())))
    }

    fn pointer(&self, pointer: &Pointer, at: usize) -> Evaluated<'a> {
        let scope = self.scopes.last().ok_or_else(|| fail(at, "pointer outside a predicate"))?;
        Ok(match pointer {
            Pointer::Element => scope.collection.element(scope.index),
            Pointer::Index => Val::Int(i64::try_from(scope.index).unwrap_or(i64::MAX)),
            Pointer::Accumulator => scope.accumulator.clone(),
            Pointer::Unknown(name) => return Err(fail(at, format!("unknown pointer #{name}"))),
        })
    }

    fn map(&mut self, pairs: &'a [(Node, Node)]) -> Evaluated<'a> {
        let mut fields = std::collections::BTreeMap::new();
        for (key, value) in pairs {
            let Val::Text(name) = self.visit(key)? else {
                return Err(fail(key.at, "a map key must be a string"));
            };
            fields.insert(name.into_owned(), self.owned(value)?);
        }
        Ok(Val::Map(std::borrow::Cow::Owned(fields)))
    }
}
