//! The queries of one policy: read once, each text once, errors placed in the file.

use super::line;
use crate::diagnostic::{Diagnostic, Location};
use crate::document::{Reader, ScalarStyle};
use crate::policy::loaded::QueryDef;
use crate::promql::{Program, PromqlError};

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
        self.program.add(text).map_err(|error| place(&error, text, at))?;
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

/// The line of the error. Filling in placeholders moves columns and no lines.
fn place(error: &PromqlError, text: &str, at: &Reader<'_>) -> Diagnostic {
    let source = at.source();
    let start = at.location();
    let lines_down = error
        .offset()
        .map_or(0, |offset| text.get(..offset).unwrap_or_default().bytes().filter(|b| *b == b'\n').count());
    let is_block = at.peek().style == ScalarStyle::Block;
    // The place of a block is its indicator or its first line, as the reader of the tree has it.
    let written = source.text.get(start.start as usize..).unwrap_or_default();
    let is_indicator = is_block && written.starts_with(['|', '>']);
    let line = start.line as usize + lines_down + usize::from(is_indicator);
    let location = if is_block || lines_down > 0 { line_location(source.text, line) } else { Some(start) };
    source
        .error(location.unwrap_or(start), format!("`{}` is no query: {error}", at.path()))
        .with_help(help(error))
        .with_code("promql")
}

fn help(error: &PromqlError) -> &'static str {
    match error {
        PromqlError::Unsupported { .. } => "write the query without it",
        PromqlError::Syntax { .. } => "such a query fails at every evaluation; try it in Prometheus first",
    }
}

/// The part of a line that is not blank.
fn line_location(text: &str, line: usize) -> Option<Location> {
    let mut start = 0;
    for (number, content) in text.split('\n').enumerate() {
        if number + 1 == line {
            let indent = content.len() - content.trim_start().len();
            return Some(Location::of_bytes(text, start + indent, start + content.trim_end().len()));
        }
        start += content.len() + 1;
    }
    None
}
