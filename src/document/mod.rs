//! The one door to YAML and JSON.
//!
//! Two ways lead in. Our own formats are typed: [`parse_typed`] fills a `Deserialize` type and is strict (an unknown
//! key is an error with "did you mean"). Users' files are trees: [`parse_documents`] keeps every key with its place
//! and every scalar as it was written, and a [`Reader`] walks the tree and remembers what was read, so that an
//! importer can say at the end which lines it did not honour.
//!
//! Whatever comes in, nothing panics and nothing grows without bound: [`limits`] holds the budgets.
//!
//! Traps: a scalar has two faces. `version: 1.10` is the number 1.1 and the text `1.10`; ask with
//! [`Reader::text`] for what was written. `yes` and `on` are texts in YAML 1.2 and booleans in the YAML 1.1 that
//! Kubernetes and Prometheus read; [`Reader::bool`] takes both.

mod duration;
pub mod limits;
mod node;
mod reader;
mod scalar;
mod tree;
mod typed;

pub(crate) use duration::go as duration_of_go;
pub use node::{Entry, Node, NodeValue, ScalarStyle};
pub use reader::{Reader, Unread};
pub use tree::parse_documents;
pub use typed::parse_typed;

use crate::diagnostic::{Diagnostic, Location, Source};

/// The bytes of a file as text.
///
/// # Errors
/// If they are not UTF-8, with the place of the first bad byte.
pub fn decode<'b>(source_name: &str, bytes: &'b [u8]) -> Result<&'b str, Diagnostic> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let good = std::str::from_utf8(good).unwrap_or_default();
        let location = Location::of_bytes(good, good.len(), good.len());
        Source::new(source_name, good)
            .error(location, "not a text: the bytes here are not UTF-8")
            .with_help("save the file as UTF-8")
    })
}

/// An error if `text` is larger than [`limits::MAX_BYTES`].
fn check_size(source: Source<'_>) -> Result<(), Diagnostic> {
    if source.text.len() <= limits::MAX_BYTES {
        return Ok(());
    }
    let fact = format!("the text has {} bytes, more than {}", source.text.len(), limits::MAX_BYTES);
    Err(Diagnostic::error(fact).in_source(source.name).with_help("split it into several files"))
}

/// Advice for a text that does not parse because it is a template.
fn template_help(source: Source<'_>, line: usize) -> Option<&'static str> {
    let line = source.text.split('\n').nth(line.saturating_sub(1))?;
    let is_template = line.contains("{{") || line.contains("{%");
    is_template.then_some("this looks like a template: render it first, for example with `helm template`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        assert_eq!(decode("a", b"a: \xc3\xa4").unwrap(), "a: ä");
        let error = decode("a", b"a: 1\nb: \xff").unwrap_err();
        assert_eq!(error.location.map(|l| (l.line, l.column)), Some((2, 4)));
    }

    #[test]
    fn a_huge_text_is_refused_at_both_doors() {
        let huge = " ".repeat(limits::MAX_BYTES + 1);
        assert!(parse_documents("huge", &huge).unwrap_err().message.contains("bytes, more than"));
        assert!(parse_typed::<u8>("huge", &huge).unwrap_err().message.contains("bytes, more than"));
    }
}
