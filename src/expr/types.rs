//! The static types of the condition language.
//!
//! The checker knows Go types, not values: `any` ([`Ty::Unknown`]) lets almost everything through to run time,
//! a known type is held to the letter. Nil is neither: it compares with anything by `==` and with nothing by `<`.

use super::value::ResultKind;

/// The Go element type of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Items {
    Any,
    Float,
    Text,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ty {
    Unknown,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    /// The Go type, and what the checker knows about an element beyond it.
    List(Items, Box<Ty>),
    Map,
    Time,
    Duration,
    Func,
}

impl Ty {
    pub(super) fn of(kind: ResultKind) -> Ty {
        match kind {
            ResultKind::Nil => Ty::Nil,
            ResultKind::Bool => Ty::Bool,
            ResultKind::Int => Ty::Int,
            ResultKind::Float => Ty::Float,
            ResultKind::Str => Ty::Text,
            ResultKind::Floats => Ty::List(Items::Float, Box::new(Ty::Float)),
            ResultKind::List => Ty::any_list(),
            ResultKind::Map => Ty::Map,
            ResultKind::Time => Ty::Time,
            ResultKind::Duration => Ty::Duration,
        }
    }

    pub(super) fn any_list() -> Ty {
        Ty::list_of(Ty::Unknown)
    }

    /// A list made by an expression: `[]any` for Go, with a remembered element type.
    pub(super) fn list_of(element: Ty) -> Ty {
        Ty::List(Items::Any, Box::new(element))
    }

    pub(super) fn is_unknown(&self) -> bool {
        *self == Ty::Unknown
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Ty::Int | Ty::Float)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Ty::List(..))
    }

    /// The type of an element, unknown for anything but a list.
    pub(super) fn element(&self) -> Ty {
        match self {
            Ty::List(_, element) => (**element).clone(),
            _ => Ty::Unknown,
        }
    }

    /// Go's assignability between the types at hand: identical types, and nil to a list or map.
    pub(super) fn assignable_to(&self, other: &Ty) -> bool {
        match (self, other) {
            (Ty::Nil, Ty::List(..) | Ty::Map | Ty::Func) => true,
            (Ty::Unknown | Ty::Nil, _) | (_, Ty::Unknown | Ty::Nil) => false,
            (Ty::List(a, _), Ty::List(b, _)) => a == b,
            (a, b) => a == b,
        }
    }

    /// Whether `==` between the two passes the checker.
    pub(super) fn comparable_to(&self, other: &Ty) -> bool {
        self.is_unknown()
            || other.is_unknown()
            || *self == Ty::Nil
            || *other == Ty::Nil
            || self.is_number() && other.is_number()
            || self.is_list() && other.is_list()
            || self.assignable_to(other)
    }

    /// Whether one side is unknown and the other unknown or accepted by `fits`.
    pub(super) fn maybe(&self, other: &Ty, fits: impl Fn(&Ty) -> bool) -> bool {
        match (self.is_unknown(), other.is_unknown()) {
            (true, true) => true,
            (true, false) => fits(other),
            (false, true) => fits(self),
            (false, false) => false,
        }
    }

    /// The same kind of thing for the checker's "all elements alike" rule.
    pub(super) fn same_kind(&self, other: &Ty) -> bool {
        match (self, other) {
            (Ty::List(..), Ty::List(..)) => true,
            // Nil and unknown have no Go kind.
            (Ty::Nil | Ty::Unknown, Ty::Nil | Ty::Unknown) => true,
            (a, b) => a == b,
        }
    }

    pub(super) fn go_name(&self) -> &'static str {
        match self {
            Ty::Unknown => "unknown",
            Ty::Nil => "nil",
            Ty::Bool => "bool",
            Ty::Int => "int",
            Ty::Float => "float64",
            Ty::Text => "string",
            Ty::List(Items::Any, _) => "[]interface {}",
            Ty::List(Items::Float, _) => "[]float64",
            Ty::List(Items::Text, _) => "[]string",
            Ty::Map => "map[string]interface {}",
            Ty::Time => "time.Time",
            Ty::Duration => "time.Duration",
            Ty::Func => "func",
        }
    }
}
