//! What can be wrong with a query: when it is read, and when it is evaluated.

use super::labels::Labels;

/// Why a text cannot be compiled. Offsets are bytes into the query text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromqlError {
    /// Not PromQL, or PromQL with a type error.
    #[error("{message}{}", near_clause(.near))]
    Syntax {
        /// What is wrong, without position.
        message: String,
        /// Where, if it could be found.
        offset: Option<usize>,
        /// A few characters of the text from there on.
        near: Option<String>,
    },
    /// Legal PromQL that this evaluator does not have.
    #[error("{feature} is not supported")]
    Unsupported {
        /// The feature, as its documentation calls it.
        feature: String,
        /// Where it stands, if it could be found.
        offset: Option<usize>,
    },
}

fn near_clause(near: &Option<String>) -> String {
    near.as_ref().map(|text| format!(", near `{text}`")).unwrap_or_default()
}

impl PromqlError {
    /// Where in the query text the error was seen (bytes), if that is known.
    pub fn offset(&self) -> Option<usize> {
        match self {
            PromqlError::Syntax { offset, .. } | PromqlError::Unsupported { offset, .. } => *offset,
        }
    }

    pub(super) fn syntax(message: impl Into<String>) -> Self {
        PromqlError::Syntax { message: message.into(), offset: None, near: None }
    }

    pub(super) fn syntax_at(message: impl Into<String>, text: &str, offset: usize) -> Self {
        let near = text.get(offset..).map(|rest| rest.chars().take(24).collect::<String>());
        let near = near.map(|near| near.split_whitespace().collect::<Vec<_>>().join(" "));
        PromqlError::Syntax {
            message: message.into(),
            offset: Some(offset),
            near: near.filter(|n| !n.is_empty()),
        }
    }

    pub(super) fn unsupported(feature: impl Into<String>) -> Self {
        PromqlError::Unsupported { feature: feature.into(), offset: None }
    }
}

/// Why a compiled query has no value at this instant. Prometheus fails the evaluation in the same cases.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// Two elements of a result would carry the same labels.
    #[error("vector cannot contain metrics with the same labelset: {0}")]
    SameLabels(Labels),
    /// Two series of the "one" side share a match group.
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation; \
         many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany {
        /// The labels that are matched on.
        group: Labels,
        /// `left` or `right`, as written.
        side: &'static str,
    },
    /// More than one series meets one partner without `group_left` or `group_right`.
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ManyToOne,
    /// Two results of a grouped match would carry the same labels.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    GroupedMatchNotUnique,
    /// A parameter has no meaning, like `topk(NaN, x)`.
    #[error("{0}")]
    Parameter(String),
    /// A subquery would take too many steps; the limit is one million inner evaluations per query.
    #[error("subqueries take more than {limit} steps")]
    TooManySteps {
        /// The limit that was passed.
        limit: u32,
    },
    /// The query and the program do not belong together.
    #[error("the query is not part of this program")]
    UnknownQuery,
}
