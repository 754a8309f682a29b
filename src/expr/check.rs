//! The type check of a condition against the Go type of a result.
//!
//! Argo compiles a condition anew for every measurement, typed by what the provider returned. A type error is
//! therefore a property of (condition, type of the result), independent of the value, and is found even in a
//! branch that would never run: `true || result.rate > 1` fails on a vector. The rules are those of expr-lang
//! v1.17.

use super::ast::{BinOp, Kind, Node, Pointer, UnOp};
use super::error::{ExprError, ExprErrorKind};
use super::types::Ty;

pub(super) type Checked = Result<Ty, ExprError>;

/// One enclosing predicate.
struct Scope {
    collection: Ty,
    has_index: bool,
    has_accumulator: bool,
}

pub(super) struct Checker {
    result: Ty,
    locals: Vec<Ty>,
    scopes: Vec<Scope>,
}

pub(super) fn mismatch(at: usize, message: impl Into<String>) -> ExprError {
    ExprError::new(ExprErrorKind::Type, message, at)
}

/// The type of `node` when `result` has type `result`.
pub(super) fn check(node: &Node, result: Ty) -> Checked {
    Checker { result, locals: Vec::new(), scopes: Vec::new() }.visit(node)
}

impl Checker {
    pub(super) fn visit(&mut self, node: &Node) -> Checked {
        let at = node.at;
        Ok(match &node.kind {
            Kind::Nil => Ty::Nil,
            Kind::Bool(_) => Ty::Bool,
            Kind::Int(_) => Ty::Int,
            Kind::Float(_) => Ty::Float,
            Kind::Text(_) => Ty::Text,
            Kind::Result => self.result.clone(),
            Kind::Environment => Ty::Unknown,
            Kind::Local(slot) => self.locals.get(*slot).cloned().unwrap_or(Ty::Unknown),
            Kind::FunctionName => Ty::Func,
            Kind::UnknownName(name) => return Err(mismatch(at, format!("unknown name {name}"))),
            Kind::Unary(op, operand) => self.unary(*op, operand, at)?,
            Kind::Binary(op, left, right) => {
                let (l, r) = (self.visit(left)?, self.visit(right)?);
                binary(*op, &l, &r, at)?
            }
            Kind::Compare(nodes, ops) => self.compare(nodes, ops, at)?,
            Kind::Matches { text, pattern, compiled } => {
                let (l, r) = (self.visit(text)?, self.visit(pattern)?);
                if let Some(Err(message)) = compiled {
                    return Err(mismatch(at, message.clone()));
                }
                binary(BinOp::Matches, &l, &r, at)?
            }
            Kind::Member { base, property, .. } => self.member(base, property, at)?,
            Kind::Slice { base, from, to } => self.slice(base, [from.as_deref(), to.as_deref()], at)?,
            Kind::Chain(inner) => self.visit(inner)?,
            Kind::Call(function, arguments) => self.call(*function, arguments, at)?,
            Kind::CallValue(callee, _) => match self.visit(callee)? {
                // What an unknown callee gets is not even looked at.
                Ty::Unknown => Ty::Unknown,
                other => return Err(mismatch(at, format!("{} is not callable", other.go_name()))),
            },
            Kind::Quantified(quantifier, arguments) => self.quantified(*quantifier, arguments, at)?,
            Kind::Pointer(pointer) => self.pointer(pointer, at)?,
            Kind::Let { refused, value, body } => self.declaration(refused.as_deref(), value, body, at)?,
            Kind::Sequence(nodes) => {
                let mut last = Ty::Unknown;
                for node in nodes {
                    last = self.visit(node)?;
                }
                last
            }
            Kind::Conditional(nodes) => {
                let [condition, then, otherwise] = nodes.as_ref();
                self.condition(condition)?;
                either(self.visit(then)?, self.visit(otherwise)?)
            }
            Kind::Elvis(nodes) => {
                let [condition, otherwise] = nodes.as_ref();
                either(self.condition(condition)?, self.visit(otherwise)?)
            }
            Kind::Array(nodes) => self.array(nodes)?,
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(key)?;
                    self.visit(value)?;
                }
                Ty::Map
            }
        })
    }

    fn unary(&mut self, op: UnOp, operand: &Node, at: usize) -> Checked {
        let ty = self.visit(operand)?;
        match op {
            UnOp::Not if matches!(ty, Ty::Bool | Ty::Unknown) => Ok(Ty::Bool),
            UnOp::Minus | UnOp::Plus if ty.is_number() || ty.is_unknown() => Ok(ty),
            _ => {
                let sign = match op {
                    UnOp::Not => "!",
                    UnOp::Minus => "-",
                    UnOp::Plus => "+",
                };
                Err(mismatch(at, format!("invalid operation: {sign} (mismatched type {})", ty.go_name())))
            }
        }
    }

    fn compare(&mut self, nodes: &[Node], ops: &[BinOp], at: usize) -> Checked {
        let mut left: Option<Ty> = None;
        for (i, node) in nodes.iter().enumerate() {
            let right = self.visit(node)?;
            if let (Some(l), Some(op)) = (&left, i.checked_sub(1).and_then(|i| ops.get(i))) {
                binary(*op, l, &right, at)?;
            }
            left = Some(right);
        }
        Ok(Ty::Bool)
    }

    fn member(&mut self, base: &Node, property: &Node, at: usize) -> Checked {
        if matches!(base.kind, Kind::Environment) {
            return match &property.kind {
                Kind::Text(name) if name == "result" => Ok(self.result.clone()),
                Kind::Text(name) => Err(mismatch(at, format!("unknown name {name}"))),
                _ => Ok(Ty::Unknown),
            };
        }
        let (owner, key) = (self.visit(base)?, self.visit(property)?);
        let undefined = || match &property.kind {
            Kind::Text(name) => mismatch(at, format!("type {} has no field {name}", owner.go_name())),
            _ => mismatch(at, format!("type {}[{}] is undefined", owner.go_name(), key.go_name())),
        };
        match &owner {
            Ty::Unknown => Ok(Ty::Unknown),
            Ty::Map if matches!(key, Ty::Text | Ty::Unknown) => Ok(Ty::Unknown),
            Ty::Map => Err(mismatch(
                property.at,
                format!("cannot use {} to get an element from {}", key.go_name(), owner.go_name()),
            )),
            Ty::List(..) if matches!(key, Ty::Int | Ty::Unknown) => Ok(owner.element()),
            Ty::List(..) => Err(mismatch(
                property.at,
                format!("array elements can only be selected using an integer (got {})", key.go_name()),
            )),
            _ => Err(undefined()),
        }
    }

    fn slice(&mut self, base: &Node, bounds: [Option<&Node>; 2], at: usize) -> Checked {
        let ty = self.visit(base)?;
        match ty {
            Ty::Unknown => return Ok(ty),
            Ty::Text | Ty::List(..) => {}
            _ => return Err(mismatch(at, format!("cannot slice {}", ty.go_name()))),
        }
        for bound in bounds.into_iter().flatten() {
            let index = self.visit(bound)?;
            if !matches!(index, Ty::Int | Ty::Unknown) {
                return Err(mismatch(bound.at, format!("non-integer slice index {}", index.go_name())));
            }
        }
        Ok(ty)
    }

    fn pointer(&self, pointer: &Pointer, at: usize) -> Checked {
        let scope = self.scopes.last();
        match pointer {
            Pointer::Element => scope.map(|s| s.collection.element()),
            Pointer::Index => scope.filter(|s| s.has_index).map(|_| Ty::Int),
            Pointer::Accumulator => scope.filter(|s| s.has_accumulator).map(|_| Ty::Unknown),
            Pointer::Unknown(_) => None,
        }
        .ok_or_else(|| mismatch(at, "unknown pointer"))
    }

    fn declaration(&mut self, refused: Option<&str>, value: &Node, body: &Node, at: usize) -> Checked {
        if let Some(message) = refused {
            return Err(mismatch(at, message));
        }
        let ty = self.visit(value)?;
        self.locals.push(ty);
        let body = self.visit(body);
        self.locals.pop();
        body
    }

    /// The type of what decides between two branches.
    fn condition(&mut self, node: &Node) -> Checked {
        let ty = self.visit(node)?;
        if matches!(ty, Ty::Bool | Ty::Unknown) {
            return Ok(ty);
        }
        Err(mismatch(node.at, format!("non-bool expression (type {}) used as condition", ty.go_name())))
    }

    fn array(&mut self, nodes: &[Node]) -> Checked {
        let mut alike = true;
        let mut last: Option<Ty> = None;
        for node in nodes {
            let ty = self.visit(node)?;
            alike &= last.as_ref().is_none_or(|l| l.same_kind(&ty));
            last = Some(ty);
        }
        Ok(if alike { Ty::list_of(last.unwrap_or(Ty::Unknown)) } else { Ty::any_list() })
    }

    /// The type of a predicate over `collection`.
    pub(super) fn predicate(
        &mut self,
        collection: &Ty,
        node: &Node,
        index: bool,
        accumulator: bool,
    ) -> Checked {
        self.scopes.push(Scope {
            collection: collection.clone(),
            has_index: index,
            has_accumulator: accumulator,
        });
        let ty = self.visit(node);
        self.scopes.pop();
        ty
    }
}

/// The type of a value that is one of two.
fn either(a: Ty, b: Ty) -> Ty {
    match (&a, &b) {
        (Ty::Nil, _) => b,
        (_, Ty::Nil) => a,
        (Ty::List(..), Ty::List(..)) if a.assignable_to(&b) => {
            let (x, y) = (a.element(), b.element());
            if x.assignable_to(&y) && y.assignable_to(&x) { a } else { Ty::any_list() }
        }
        _ if a.assignable_to(&b) => a,
        _ => Ty::Unknown,
    }
}

fn operator(op: BinOp) -> &'static str {
    match op {
        BinOp::Or => "||",
        BinOp::And => "&&",
        BinOp::Eq => "==",
        BinOp::Ne => "!=",
        BinOp::Lt => "<",
        BinOp::Gt => ">",
        BinOp::Ge => ">=",
        BinOp::Le => "<=",
        BinOp::In => "in",
        BinOp::Matches => "matches",
        BinOp::Contains => "contains",
        BinOp::StartsWith => "startsWith",
        BinOp::EndsWith => "endsWith",
        BinOp::Range => "..",
        BinOp::Add => "+",
        BinOp::Sub => "-",
        BinOp::Mul => "*",
        BinOp::Div => "/",
        BinOp::Rem => "%",
        BinOp::Pow => "**",
        BinOp::Coalesce => "??",
    }
}

/// The type of `l op r`.
fn binary(op: BinOp, l: &Ty, r: &Ty, at: usize) -> Checked {
    let ty = match op {
        BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Pow | BinOp::Rem => arithmetic(op, l, r),
        BinOp::In => return membership(l, r, at),
        BinOp::Coalesce => Some(match (l, r) {
            (Ty::Nil, _) => r.clone(),
            (_, Ty::Nil) => l.clone(),
            _ if r.assignable_to(l) => l.clone(),
            _ => Ty::Unknown,
        }),
        BinOp::Range => {
            let fits = *l == Ty::Int && *r == Ty::Int || l.maybe(r, |t| *t == Ty::Int);
            fits.then(|| Ty::list_of(Ty::Int))
        }
        _ => truth(op, l, r).then_some(Ty::Bool),
    };
    ty.ok_or_else(|| {
        let names = (l.go_name(), r.go_name());
        let message =
            format!("invalid operation: {} (mismatched types {} and {})", operator(op), names.0, names.1);
        mismatch(at, message)
    })
}

/// Whether an operator with a truth value accepts its sides.
fn truth(op: BinOp, l: &Ty, r: &Ty) -> bool {
    match op {
        BinOp::Eq | BinOp::Ne => l.comparable_to(r),
        BinOp::Or | BinOp::And => *l == Ty::Bool && *r == Ty::Bool || l.maybe(r, |t| *t == Ty::Bool),
        BinOp::Lt | BinOp::Gt | BinOp::Ge | BinOp::Le => {
            l.is_number() && r.is_number()
                || l == r && matches!(l, Ty::Text | Ty::Time | Ty::Duration)
                || l.maybe(r, |t| t.is_number() || matches!(t, Ty::Text | Ty::Time | Ty::Duration))
        }
        _ => *l == Ty::Text && *r == Ty::Text || l.maybe(r, |t| *t == Ty::Text),
    }
}

fn arithmetic(op: BinOp, l: &Ty, r: &Ty) -> Option<Ty> {
    let promoted = if *l == Ty::Int && *r == Ty::Int { Ty::Int } else { Ty::Float };
    let numbers = l.is_number() && r.is_number();
    let unknown = |fits: &dyn Fn(&Ty) -> bool| l.maybe(r, fits).then_some(Ty::Unknown);
    match op {
        BinOp::Add | BinOp::Sub | BinOp::Mul if numbers => Some(promoted),
        BinOp::Div | BinOp::Pow if numbers || l.maybe(r, Ty::is_number) => Some(Ty::Float),
        BinOp::Rem if *l == Ty::Int && *r == Ty::Int || l.maybe(r, |t| *t == Ty::Int) => Some(Ty::Int),
        BinOp::Add => match (l, r) {
            (Ty::Text, Ty::Text) => Some(Ty::Text),
            (Ty::Time, Ty::Duration) | (Ty::Duration, Ty::Time) => Some(Ty::Time),
            (Ty::Duration, Ty::Duration) => Some(Ty::Duration),
            _ => unknown(&|t| t.is_number() || matches!(t, Ty::Text | Ty::Time | Ty::Duration)),
        },
        BinOp::Sub => match (l, r) {
            (Ty::Time, Ty::Time) | (Ty::Duration, Ty::Duration) => Some(Ty::Duration),
            (Ty::Time, Ty::Duration) => Some(Ty::Time),
            _ => unknown(&|t| t.is_number() || matches!(t, Ty::Time | Ty::Duration)),
        },
        BinOp::Mul => match (l, r) {
            (Ty::Duration, Ty::Int | Ty::Float | Ty::Duration) | (Ty::Int | Ty::Float, Ty::Duration) => {
                Some(Ty::Duration)
            }
            _ => unknown(&|t| t.is_number() || *t == Ty::Duration),
        },
        _ => None,
    }
}

fn membership(l: &Ty, r: &Ty, at: usize) -> Checked {
    match r {
        Ty::Map if matches!(l, Ty::Text | Ty::Unknown) => Ok(Ty::Bool),
        Ty::Map => Err(mismatch(at, format!("cannot use {} as type string in map key", l.go_name()))),
        Ty::List(..) if l.comparable_to(&r.element()) => Ok(Ty::Bool),
        Ty::List(..) => {
            let message = format!("cannot use {} as type {} in array", l.go_name(), r.element().go_name());
            Err(mismatch(at, message))
        }
        Ty::Unknown => Ok(Ty::Bool),
        Ty::Text if l.is_unknown() => Ok(Ty::Bool),
        _ => {
            let message =
                format!("invalid operation: in (mismatched types {} and {})", l.go_name(), r.go_name());
            Err(mismatch(at, message))
        }
    }
}
