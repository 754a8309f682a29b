//! From a value to the bytes in which it is written.
//!
//! A scalar has two faces: what it says (escapes and folding resolved, which the tree keeps) and what stands in the file.
//! Only digits are ever replaced, and digits are never escaped; what is between them has to be followed, though, to know
//! which bytes a character of an expression comes from. A text that cannot be followed (an escape by number, a tag) has
//! no knobs: nothing is guessed.

use std::ops::Range;

use crate::document::{Node, ScalarStyle};

/// The bytes of a scalar without its quotes, if they are exactly what it says.
pub(super) fn scalar(text: &str, node: &Node) -> Option<Range<usize>> {
    let (start, slice) = slice(text, node)?;
    let at = match node.style {
        // The place may begin with an anchor.
        ScalarStyle::Plain => slice.trim_end().len().checked_sub(node.raw.len())?,
        ScalarStyle::Quoted => slice.find(['"', '\''])? + 1,
        ScalarStyle::Block => return None,
    };
    let range = start + at..start + at + node.raw.len();
    (!node.raw.is_empty() && text.get(range.clone()) == Some(node.raw.as_str())).then_some(range)
}

/// For each byte of what the scalar says, the byte of the file it comes from; white space has none of its own and is given
/// the byte of what comes next.
pub(super) fn embedded(text: &str, node: &Node) -> Option<Vec<usize>> {
    let (start, slice) = slice(text, node)?;
    let (mut at, quote) = match node.style {
        ScalarStyle::Plain => (0, None),
        ScalarStyle::Quoted => {
            let open = slice.find(['"', '\''])?;
            (open + 1, slice.as_bytes().get(open).copied())
        }
        ScalarStyle::Block => (block_content(slice), None),
    };
    let written = slice.as_bytes();
    let mut bytes = Vec::with_capacity(node.raw.len());
    for c in node.raw.bytes() {
        if c.is_ascii_whitespace() {
            bytes.push(start + at);
            continue;
        }
        at = next(written, at, quote, c)?;
        bytes.push(start + at);
        at += 1;
    }
    Some(bytes)
}

/// Where the byte `c` is written at or after `at`, past white space and escapes; `None` where something else is.
fn next(written: &[u8], mut at: usize, quote: Option<u8>, c: u8) -> Option<usize> {
    loop {
        let here = *written.get(at)?;
        match (here, quote) {
            _ if here.is_ascii_whitespace() => at += 1,
            (b'\\', Some(b'"')) => match *written.get(at + 1)? {
                b'n' | b't' | b'r' | b' ' | b'\n' | b'\r' => at += 2,
                escaped if escaped == c && matches!(c, b'"' | b'\\' | b'/') => return Some(at + 1),
                _ => return None,
            },
            (b'\'', Some(b'\'')) if c == b'\'' => return Some(at + 1),
            _ => return (here == c).then_some(at),
        }
    }
}

/// The first byte after the header of a block scalar, if the place holds the header.
fn block_content(slice: &str) -> usize {
    match slice.bytes().next() {
        Some(b'|' | b'>') => slice.find('\n').map_or(slice.len(), |end| end + 1),
        _ => 0,
    }
}

fn slice<'t>(text: &'t str, node: &Node) -> Option<(usize, &'t str)> {
    let (start, end) = (node.location.start as usize, node.location.end as usize);
    Some((start, text.get(start..end)?))
}
