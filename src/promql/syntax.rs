//! From text to syntax tree, with the guards the parser crate does not have.
//!
//! Traps: the grammar is parsed by the crate `promql-parser`, whose messages carry no position (it is looked for
//! afterwards), whose tree is dropped and checked recursively (so nesting and length are bounded first), and which
//! panics on a few durations (`offset inf`, `[1e300]`), which are refused before it sees them.

use promql_parser::parser::{self, Expr};

use super::error::PromqlError;

/// The longest query text [bytes].
const TEXT_MAX: usize = 64 * 1024;
/// The most operators in one query.
const OPERATORS_MAX: usize = 1500;
/// The deepest nesting of brackets.
const BRACKETS_MAX: usize = 150;
/// What the parser says when it has nothing to say.
const NO_DETAIL: &str = "invalid promql query";
/// The longest query [words] in which the place of such an error is looked for, which takes a parse per word.
const PLACED_WORDS_MAX: usize = 300;
/// The longest duration written as a plain number of seconds: a thousand years.
const SECONDS_MAX: f64 = 3.2e10;

/// Parses a query.
///
/// # Errors
/// If it is not PromQL, with the offset where that could be found, or larger than the bounds above.
pub(super) fn parse(text: &str) -> Result<Expr, PromqlError> {
    check_bounds(text)?;
    // The parser is not ours: should another text make it panic, that text is an error like any other.
    let parsed = std::panic::catch_unwind(|| parser::parse(text));
    match parsed {
        Ok(Ok(expr)) => Ok(expr),
        Ok(Err(message)) => Err(placed(message, text)),
        Err(_) => Err(PromqlError::syntax("the parser cannot read this query")),
    }
}

/// Where a word stands in the text, outside of strings.
pub(super) fn locate(text: &str, word: &str) -> Option<usize> {
    words(text).find(|(_, found)| *found == word).map(|(offset, _)| offset)
}

fn placed(message: String, text: &str) -> PromqlError {
    if message == NO_DETAIL {
        return match unexpected(text) {
            Some(offset) if offset >= text.trim_end().len() => PromqlError::Syntax {
                message: "unexpected end of the query".into(),
                offset: Some(offset),
                near: None,
            },
            Some(offset) => PromqlError::syntax_at("unexpected text", text, offset),
            None => PromqlError::syntax(message),
        };
    }
    if let Some(regex) = message.strip_prefix("illegal regex for ") {
        let wrong = format!("`{regex}` is not a regular expression");
        return match text.find(regex) {
            Some(offset) => PromqlError::syntax_at(wrong, text, offset),
            None => PromqlError::syntax(wrong),
        };
    }
    let quoted = message.split(['\'', '"', '`']).nth(1).filter(|word| !word.is_empty());
    let named = message.rsplit("name ").next().map(|word| word.trim_matches(['\'', '"', '`']));
    let found = quoted.into_iter().chain(named).find_map(|word| locate(text, word));
    match found {
        Some(offset) => PromqlError::syntax_at(message, text, offset),
        None => PromqlError::syntax(message),
    }
}

/// Where the text stops being a query: behind the longest beginning that is one once its brackets are closed, as it
/// is or with one more operand.
fn unexpected(text: &str) -> Option<usize> {
    let words: Vec<(usize, &str)> = words(text).collect();
    if words.len() > PLACED_WORDS_MAX {
        return None;
    }
    (1..=words.len()).rev().find_map(|count| {
        let (offset, last) = *words.get(count - 1)?;
        let prefix = text.get(..offset + last.len())?;
        let mut closers = Vec::new();
        for (_, word) in words.iter().take(count) {
            match *word {
                "(" => closers.push(')'),
                "[" => closers.push(']'),
                "{" => closers.push('}'),
                ")" | "]" | "}" => drop(closers.pop()),
                _ => {}
            }
        }
        let closers: String = closers.iter().rev().collect();
        let reads = |filler: &str| {
            let query = format!("{prefix}{filler}{closers}");
            std::panic::catch_unwind(|| parser::parse(&query)).is_ok_and(|parsed| parsed.is_ok())
        };
        let next = words.get(count).map_or(text.len(), |word| word.0);
        (reads("") || reads(" x") || reads(" 1")).then_some(next)
    })
}

/// The pieces of a query that matter to the guards: words, numbers and single characters, each with its offset;
/// strings and comments are left out.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(offset..)?;
            let first = rest.chars().next()?;
            let start = offset;
            match first {
                '"' | '\'' | '`' => offset += string_length(rest, first),
                '#' => offset += rest.find('\n').unwrap_or(rest.len()),
                c if c.is_whitespace() => offset += c.len_utf8(),
                c if is_word(c) => {
                    offset += rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    return text.get(start..offset).map(|word| (start, word));
                }
                c => {
                    offset += c.len_utf8();
                    return text.get(start..offset).map(|word| (start, word));
                }
            }
        }
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn string_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return offset + 1,
            _ => {}
        }
    }
    rest.len()
}

fn check_bounds(text: &str) -> Result<(), PromqlError> {
    if text.len() > TEXT_MAX {
        return Err(PromqlError::syntax(format!("the query is longer than {TEXT_MAX} bytes")));
    }
    if text.trim().is_empty() {
        return Err(PromqlError::syntax("the query is empty"));
    }
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut operators = 0usize;
    let mut before = "";
    for (offset, word) in words(text) {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "(" | "[" | "{" if matches!(open.last(), Some((_, '['))) => {
                return Err(PromqlError::syntax_at(
                    format!("unexpected `{word}` inside brackets"),
                    text,
                    offset,
                ));
            }
            "(" | "[" | "{" => open.extend(word.chars().map(|c| (offset, c))),
            ")" | "]" | "}" => check_closing(&mut open, word, offset, text)?,
            "+" | "-" | "*" | "/" | "%" | "^" | ">" | "<" | "!" | "=" | "and" | "or" | "unless" | "atan2"
                if !matches!(open.last(), Some((_, '{'))) =>
            {
                operators += 1;
            }
            _ => {}
        }
        let is_duration = before == "offset" || matches!(open.last(), Some((_, '[')));
        if is_duration && !is_sane_duration(&lower) {
            return Err(PromqlError::syntax_at("this is not a duration", text, offset));
        }
        // `offset -inf` and `offset +inf` are durations too.
        before =
            if before == "offset" && (word == "-" || word == "+") { before } else { word_or_offset(&lower) };
        if matches!(open.last(), Some((_, '['))) && is_computed(text, offset, word) {
            let feature = "a duration that is computed".to_owned();
            return Err(PromqlError::Unsupported { feature, offset: Some(offset) });
        }
        if open.len() > BRACKETS_MAX {
            return Err(PromqlError::syntax_at("brackets are nested too deep", text, offset));
        }
        if operators > OPERATORS_MAX {
            return Err(PromqlError::syntax_at("the query has too many operators", text, offset));
        }
    }
    match open.last() {
        Some(&(offset, bracket)) => {
            Err(PromqlError::syntax_at(format!("unclosed `{bracket}`"), text, offset))
        }
        None => Ok(()),
    }
}

/// Whether an operator stands between two parts of a duration (`promql-duration-expr`, a feature flag that is off by default).
fn is_computed(text: &str, offset: usize, word: &str) -> bool {
    let follows_something =
        || !text.get(..offset).is_some_and(|before| before.trim_end().ends_with(['[', ':']));
    matches!(word, "+" | "-" | "*" | "/" | "%" | "^") && follows_something()
}

fn word_or_offset(word: &str) -> &'static str {
    if word == "offset" { "offset" } else { "" }
}

fn check_closing(
    open: &mut Vec<(usize, char)>,
    word: &str,
    offset: usize,
    text: &str,
) -> Result<(), PromqlError> {
    let wanted = match word {
        ")" => '(',
        "]" => '[',
        _ => '{',
    };
    match open.pop() {
        Some((_, bracket)) if bracket == wanted => Ok(()),
        Some((at, bracket)) => Err(PromqlError::syntax_at(format!("unclosed `{bracket}`"), text, at)),
        None => Err(PromqlError::syntax_at(format!("unexpected `{word}`"), text, offset)),
    }
}

/// Refuses the plain numbers that no duration can hold; everything else is left to the parser.
fn is_sane_duration(word: &str) -> bool {
    if matches!(word, "inf" | "nan") {
        return false;
    }
    match word.parse::<f64>() {
        Ok(seconds) => seconds.is_finite() && seconds <= SECONDS_MAX,
        Err(_) => word.len() <= 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> PromqlError {
        parse(text).expect_err(text)
    }

    #[test]
    fn brackets_are_reported_where_they_open() {
        assert_eq!(refused("rate(foo[5m").offset(), Some(8));
        assert_eq!(refused("sum(foo))").offset(), Some(8));
        assert_eq!(refused("sum(foo]").offset(), Some(3));
        assert!(parse(r#"foo{a="(]"} # ((("#).is_ok());
    }

    #[test]
    fn unknown_functions_are_reported_where_they_stand() {
        assert_eq!(refused("1 + nosuch(foo)").offset(), Some(4), "{}", refused("1 + nosuch(foo)"));
    }

    #[test]
    fn errors_without_detail_are_placed_by_trying() {
        for (text, offset) in
            [("fo o", 3), ("test +", 6), ("a + * b", 4), ("sum(rate(x[5m]) foo)", 16), ("1 2", 2)]
        {
            assert_eq!(refused(text).offset(), Some(offset), "{text}: {}", refused(text));
        }
        assert_eq!(refused("rate(x[{{.window}}])").offset(), Some(7));
        let regex = refused(r#"x{a=~"{{args.name}}("}"#);
        assert_eq!(
            regex.to_string(),
            "`{{args.name}}(` is not a regular expression, near `{{args.name}}(\"}`"
        );
    }

    #[test]
    fn hostile_texts_are_errors() {
        for text in
            ["foo offset inf", "foo offset -nan", "rate(foo[1e300])", "foo[5m:1e300]", "", "  ", "-", "[1"]
        {
            refused(text);
        }
        refused(&"(".repeat(100_000));
        refused(&format!("1{}", "+1".repeat(10_000)));
        refused(&format!("{}1", "-".repeat(10_000)));
    }
}
