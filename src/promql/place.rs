//! Where in a file a query is wrong.

use super::error::PromqlError;
use crate::diagnostic::{Diagnostic, Location};
use crate::document::{Reader, ScalarStyle};

/// The error at its line in the file. Filling in placeholders moves columns and no lines.
pub fn placed(error: &PromqlError, text: &str, at: &Reader<'_>) -> Diagnostic {
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
