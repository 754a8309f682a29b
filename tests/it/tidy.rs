//! House rules about the text of the source: size of files and functions, and no promises left in it.

use crate::source::{code_of, rust_files};

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 80;
const REASON: &str = "Why this file is long:";

/// Words that mean unfinished work; spelt apart so that this file does not hold them.
fn banned() -> [String; 3] {
    [["to", "do!"].concat(), ["FIX", "ME"].concat(), ["for", " now"].concat()]
}

fn too_long(text: &str) -> Option<usize> {
    let lines = text.lines().count();
    let explained = text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains(REASON));
    (lines > LONGEST_FILE && !explained).then_some(lines)
}

/// Functions longer than allowed: line, name, lines from the `fn` to its closing brace.
fn long_functions(text: &str) -> Vec<(usize, String, usize)> {
    let code: Vec<char> = code_of(text).chars().collect();
    let line_of = |at: usize| code[..at].iter().filter(|c| **c == '\n').count() + 1;
    let starts_word = |at: usize| at == 0 || !(code[at - 1].is_alphanumeric() || code[at - 1] == '_');
    let mut found = Vec::new();
    for at in 0..code.len() {
        if !(code[at..].starts_with(&['f', 'n', ' ']) && starts_word(at)) {
            continue;
        }
        let name: String = code[at + 3..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
        let Some(end) = end_of_body(&code, at).filter(|_| !name.is_empty()) else { continue };
        let lines = line_of(end) - line_of(at) + 1;
        if lines > LONGEST_FUNCTION {
            found.push((line_of(at), name, lines));
        }
    }
    found
}

/// The closing brace of the function at `at`; `None` for a signature without a body.
fn end_of_body(code: &[char], at: usize) -> Option<usize> {
    let (mut depth, mut parens) = (0usize, 0usize);
    for (index, c) in code.iter().enumerate().skip(at) {
        match c {
            '(' | '[' => parens += 1,
            ')' | ']' => parens = parens.saturating_sub(1),
            ';' if depth == 0 && parens == 0 => return None,
            '{' => depth += 1,
            '}' if depth <= 1 => return (depth == 1).then_some(index),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn banned_words(text: &str) -> Vec<(usize, String)> {
    let holds = |line: &str, word: &String| {
        line.match_indices(word.as_str()).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric)
                && (word.ends_with('!') || !after.is_some_and(char::is_alphanumeric))
        })
    };
    let words = banned();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        found.extend(words.iter().filter(|word| holds(line, word)).map(|word| (index + 1, word.clone())));
    }
    found
}

#[test]
fn files_are_short_or_say_why_not() {
    for folder in ["src", "tests"] {
        for (file, text) in rust_files(folder) {
            assert_eq!(
                too_long(&text),
                None,
                "{} is too long: split it, or write `{REASON}`",
                file.display()
            );
        }
    }
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    for (file, text) in rust_files("src") {
        for (line, name, lines) in long_functions(&text) {
            found.push(format!("{}:{line}: `{name}` has {lines} lines", file.display()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        for (file, text) in rust_files(folder) {
            for (line, word) in banned_words(&text) {
                found.push(format!("{}:{line}: `{word}`", file.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn long_files_are_caught_unless_they_say_why() {
    let long = "x\n".repeat(LONGEST_FILE + 1);
    assert_eq!(too_long(&long), Some(LONGEST_FILE + 1));
    assert_eq!(too_long(&format!("//! A table.\n//! {REASON} it is a table.\n{long}")), None);
    assert!(too_long(&format!("{long}//! {REASON} too late\n")).is_some());
    assert_eq!(too_long("x\n"), None);
}

#[test]
fn long_functions_are_caught_with_name_and_line() {
    let body = "    let a = \"}\"; // }\n".repeat(LONGEST_FUNCTION);
    let text = format!(
        "trait T {{ fn short(a: [u8; 3]); }}\n\nfn long(a: [u8; 3]) -> X {{\n{body}}}\nfn fine() {{}}\n"
    );
    assert_eq!(long_functions(&text), [(3, "long".to_owned(), LONGEST_FUNCTION + 2)]);
    assert!(long_functions(&format!("fn fine() {{\n}}\n{body}")).is_empty());
}

#[test]
fn unfinished_words_are_caught() {
    for word in banned() {
        let text = format!("a\nb {word}(c)\n");
        assert_eq!(banned_words(&text).len(), 1, "{word}");
        assert_eq!(banned_words(&text)[0].0, 2);
    }
    assert!(banned_words("wait for nowhere; autodo!\n").is_empty());
}
