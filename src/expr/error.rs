//! Why a condition cannot be read or evaluated.

/// A text that is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {offset})")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Byte offset into the source.
    pub offset: usize,
}

impl ParseError {
    pub(super) fn new(message: impl Into<String>, offset: usize) -> Self {
        ParseError { message: message.into(), offset }
    }
}

/// Which stage of the evaluation failed. Argo reports all of them as phase `Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExprErrorKind {
    /// The text is not an expression.
    Syntax,
    /// The expression does not fit the Go type of the result; it fails for every result of this type.
    Type,
    /// The expression fits the type but not this value, like an index beyond the end.
    Runtime,
    /// The expression gives something that is no truth value.
    NotBool,
    /// A function that the real engine has and this one does not imitate.
    Unsupported,
    /// More than a million steps: a hostile or mistaken expression.
    Budget,
}

/// Why a condition gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// The stage that failed.
    pub kind: ExprErrorKind,
    /// What is wrong, in the wording of the real engine where it has one.
    pub message: String,
    /// Byte offset into the source.
    pub offset: usize,
}

impl ExprError {
    pub(super) fn new(kind: ExprErrorKind, message: impl Into<String>, offset: usize) -> Self {
        ExprError { kind, message: message.into(), offset }
    }
}

impl From<ParseError> for ExprError {
    fn from(error: ParseError) -> Self {
        ExprError { kind: ExprErrorKind::Syntax, message: error.message, offset: error.offset }
    }
}
