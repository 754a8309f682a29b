//! The tree of a condition.

use super::function::Function;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Byte offset into the source.
    pub(super) at: usize,
    /// Levels below and including this one, bounded by the parser.
    pub(super) depth: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnOp {
    Not,
    Minus,
    Plus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Gt,
    Ge,
    Le,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Pow,
    Coalesce,
}

/// The functions that take a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    None,
    Any,
    One,
    Filter,
    Map,
    Count,
    Sum,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    Reduce,
    GroupBy,
    SortBy,
}

/// What `#`, `#index` and `#acc` point at inside a predicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pointer {
    Element,
    Index,
    Accumulator,
    Unknown(String),
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// The measurement.
    Result,
    /// `$env`.
    Environment,
    /// A variable declared by `let`, counted from the outermost.
    Local(usize),
    /// The bare name of a function.
    FunctionName,
    UnknownName(String),
    Unary(UnOp, Box<Node>),
    Binary(BinOp, Box<Node>, Box<Node>),
    /// `a < b <= c`: neighbours are compared, all must hold.
    Compare(Vec<Node>, Vec<BinOp>),
    Matches {
        text: Box<Node>,
        pattern: Box<Node>,
        /// The compiled pattern when it is a literal, or why it does not compile.
        compiled: Option<Result<regex::Regex, String>>,
    },
    Member {
        base: Box<Node>,
        property: Box<Node>,
        optional: bool,
    },
    Slice {
        base: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    /// Where a `?.` on nil jumps to.
    Chain(Box<Node>),
    Call(Function, Vec<Node>),
    /// A call of something that is not a known function.
    CallValue(Box<Node>, Vec<Node>),
    Quantified(Quantifier, Vec<Node>),
    Pointer(Pointer),
    Let {
        /// Why the name may not be declared, if so.
        refused: Option<String>,
        value: Box<Node>,
        body: Box<Node>,
    },
    Sequence(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    /// `a ?: b`: `a ? a : b` with `a` asked once.
    Elvis(Box<[Node; 2]>),
    Array(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Kind {
    /// Calls `visit` for every direct child.
    pub(super) fn children<'n>(&'n self, visit: &mut dyn FnMut(&'n Node)) {
        match self {
            Kind::Nil
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Result
            | Kind::Environment
            | Kind::Local(_)
            | Kind::FunctionName
            | Kind::UnknownName(_)
            | Kind::Pointer(_) => {}
            Kind::Unary(_, a) | Kind::Chain(a) => visit(a),
            Kind::Binary(_, a, b)
            | Kind::Matches { text: a, pattern: b, .. }
            | Kind::Member { base: a, property: b, .. }
            | Kind::Let { value: a, body: b, .. } => {
                visit(a);
                visit(b);
            }
            Kind::Slice { base, from, to } => {
                visit(base);
                from.iter().chain(to).for_each(|n| visit(n));
            }
            Kind::CallValue(callee, arguments) => {
                visit(callee);
                arguments.iter().for_each(visit);
            }
            Kind::Compare(nodes, _)
            | Kind::Call(_, nodes)
            | Kind::Quantified(_, nodes)
            | Kind::Sequence(nodes)
            | Kind::Array(nodes) => nodes.iter().for_each(visit),
            Kind::Conditional(nodes) => nodes.iter().for_each(visit),
            Kind::Elvis(nodes) => nodes.iter().for_each(visit),
            Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                visit(key);
                visit(value);
            }),
        }
    }
}
