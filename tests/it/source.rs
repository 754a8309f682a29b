//! The project's own source as text, for the tests that hold it to its rules.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder` (relative to the root), sorted, with its text.
pub fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// `text` with comments, strings and character literals blanked; line breaks and lengths in characters stay.
pub fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_blank(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// One past the comment, string or character literal that starts at `at`; `at` itself if none does.
fn end_of_blank(chars: &[char], at: usize) -> usize {
    let next = |ahead: usize| chars.get(at + ahead).copied().unwrap_or(' ');
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next(1) == '/' => chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n),
        '/' if next(1) == '*' => end_of_block_comment(chars, at),
        '"' => end_of_string(chars, at + 1),
        'r' if !in_word && matches!(next(1), '"' | '#') => end_of_raw_string(chars, at + 1).unwrap_or(at),
        'b' if !in_word && next(1) == 'r' => end_of_raw_string(chars, at + 2).unwrap_or(at),
        '\'' if next(1) == '\\' => {
            chars[at + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |n| at + n + 4)
        }
        '\'' if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (at, depth) = (at + 2, depth + 1),
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `at` stands on the first `#` or the quote.
fn end_of_raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let body = at + hashes + 1;
    let closes = |from: usize| {
        chars[from] == '"' && chars[from + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    Some((body..chars.len()).find(|from| closes(*from)).map_or(chars.len(), |from| from + 1 + hashes))
}

#[test]
fn comments_and_literals_are_blanked_and_nothing_else() {
    let text = "a; // crate::b\n/* c /* d */ e */ f(\"g\\\" {\", 'h', '\\'', '{', r#\"i\"j\"#, br\"k\"); fn l<'m>() {}";
    let code = code_of(text);
    assert_eq!(code.chars().count(), text.chars().count());
    assert_eq!(code.matches('\n').count(), 1);
    let kept: String = code.split_whitespace().collect();
    assert_eq!(kept, "a;f(,,,,,);fnl<'m>(){}");
}
