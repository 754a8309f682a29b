//! Keys of a file that nobody read, as a list for the user.

use super::line;
use crate::document::Reader;
use crate::policy::loaded::Unsupported;

/// What is known about keys that are not honoured: the end of the path (indices left out) and a note.
pub(super) type Notes = &'static [(&'static str, &'static str)];

/// The unread keys below `reader`, in the order of the text.
pub(super) fn list(reader: &Reader<'_>, notes: Notes) -> Vec<Unsupported> {
    let unread = reader.unread();
    let of = |path: &str| {
        let plain = without_indices(path);
        let known = notes.iter().find(|(end, _)| plain == *end || plain.ends_with(&format!(".{end}")));
        known.map_or("not known here: it has no effect", |(_, note)| note).to_owned()
    };
    unread
        .into_iter()
        .map(|key| Unsupported { note: of(&key.path), line: key.location.line as usize, path: key.path })
        .collect()
}

/// A key that was read and whose value cannot be honoured.
pub(super) fn unsupported(at: &Reader<'_>, note: impl Into<String>) -> Unsupported {
    Unsupported { path: at.path().to_owned(), line: line(at), note: note.into() }
}

fn without_indices(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}
