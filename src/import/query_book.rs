//! The queries of one policy: read once, each text once, errors placed in the file.

use super::line;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::policy::loaded::QueryDef;
use crate::promql::{self, Program};

/// The queries of one policy.
#[derive(Default)]
pub(super) struct QueryBook {
    program: Program,
    queries: Vec<QueryDef>,
}

impl QueryBook {
    /// Adds a query that is written (before its placeholders were filled in) at `at`; its index.
    ///
    /// # Errors
    /// If it is no PromQL that can be evaluated.
    pub(super) fn add(&mut self, text: &str, at: &Reader<'_>) -> Result<usize, Diagnostic> {
        let text = text.trim();
        self.program.add(text).map_err(|error| promql::placed(&error, text, at))?;
        Ok(self.insert(text.to_owned(), line(at)))
    }

    /// Adds a text that is known to be PromQL.
    pub(super) fn insert(&mut self, text: String, line: usize) -> usize {
        if let Some(known) = self.queries.iter().position(|query| query.text == text) {
            return known;
        }
        self.queries.push(QueryDef { text, line });
        self.queries.len() - 1
    }

    /// Whether a text is PromQL that can be evaluated.
    pub(super) fn reads(&mut self, text: &str) -> bool {
        self.program.add(text).is_ok()
    }

    /// The text of a query.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        self.queries.get(index).map(|query| query.text.as_str())
    }

    /// The queries by index.
    pub(super) fn into_queries(self) -> Vec<QueryDef> {
        self.queries
    }
}
