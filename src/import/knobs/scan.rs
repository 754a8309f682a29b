//! Windows and limits inside of expressions: PromQL, and the conditions of Argo's analyses.
//!
//! Only words are told apart here; that the expression is one is the importers' business. A *window* is a duration after
//! `[`. A *limit* is the first number after `<`, `<=`, `>` or `>=`, through `bool`, brackets and all, or the number right
//! before one of them: in `> (14.4 * 0.001)` it is the burn rate 14.4, and the objective stays.
//!
//! Traps: `#` begins a comment in PromQL and is the item of a closure in Argo's language; `[0]` is an index there; a number
//! compared with `len(...)` counts values and is no threshold.

use std::ops::Range;

/// In which language an expression is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Prometheus' query language.
    PromQl,
    /// Argo's conditions (the language of `expr`).
    Argo,
}

/// A number in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Its bytes in the expression.
    pub(super) at: Range<usize>,
    /// What stands there.
    pub(super) text: String,
    /// Whether it is the window of a query, and not a limit.
    pub(super) is_window: bool,
    /// What is compared with a limit: the expression from the last `and`, `or` or `unless` to it.
    pub(super) beside: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Duration,
    Sign,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    at: Range<usize>,
}

/// The windows and limits of an expression, in order.
pub(super) fn spots(text: &str, language: Language) -> Vec<Spot> {
    let tokens = tokens(text, language);
    let word = |index: usize| tokens.get(index).map_or("", |token| &text[token.at.clone()]);
    let spot = |index: usize, is_window: bool, beside: &str| {
        let at = tokens[index].at.clone();
        Spot { text: text[at.clone()].to_owned(), at, is_window, beside: beside.to_owned() }
    };
    let (mut found, mut clause) = (Vec::<Spot>::new(), 0);
    for index in 0..tokens.len() {
        match word(index) {
            "[" if tokens.get(index + 1).is_some_and(|next| next.kind == Kind::Duration) => {
                found.push(spot(index + 1, true, ""));
            }
            "and" | "or" | "unless" | "&&" | "||" => clause = tokens[index].at.end,
            "<" | "<=" | ">" | ">=" if !counts_values(index, &word) => {
                let beside = &text[clause..tokens[index].at.start];
                if let Some(limit) = limit_after(index, &tokens, &word) {
                    found.push(spot(limit, false, beside));
                } else if let Some(limit) = limit_before(index, &tokens, &word) {
                    found.push(spot(limit, false, &text[tokens[index].at.end..]));
                }
            }
            _ => {}
        }
    }
    found.retain(|spot| spot.is_window || spot.text.parse::<f64>().is_ok_and(|limit| limit != 0.0));
    found.sort_by_key(|spot| spot.at.start);
    found
}

/// The number after an operator, through what may stand between.
fn limit_after<'t>(operator: usize, tokens: &[Token], word: &impl Fn(usize) -> &'t str) -> Option<usize> {
    let mut index = operator + 1;
    while matches!(word(index), "(" | "bool") {
        index += 1;
    }
    tokens.get(index).filter(|token| token.kind == Kind::Number).map(|_| index)
}

/// The number right before an operator, if the side begins with it.
fn limit_before<'t>(operator: usize, tokens: &[Token], word: &impl Fn(usize) -> &'t str) -> Option<usize> {
    let index = operator.checked_sub(1)?;
    let begins = index == 0 || matches!(word(index - 1), "(" | "and" | "or" | "unless" | "&&" | "||");
    (begins && tokens.get(index)?.kind == Kind::Number).then_some(index)
}

/// Whether the left side of the operator is `len(...)`.
fn counts_values<'t>(operator: usize, word: &impl Fn(usize) -> &'t str) -> bool {
    let mut depth = 0usize;
    for index in (0..operator).rev() {
        match word(index) {
            ")" => depth += 1,
            "(" if depth <= 1 => return depth == 1 && index > 0 && word(index - 1) == "len",
            "(" => depth -= 1,
            _ if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

fn tokens(text: &str, language: Language) -> Vec<Token> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begin = at;
        let kind = match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'#' if language == Language::PromQl => {
                at = text[at..].find('\n').map_or(bytes.len(), |end| at + end);
                continue;
            }
            quote @ (b'"' | b'\'' | b'`') => {
                at = after_string(bytes, at, quote);
                continue;
            }
            b if b.is_ascii_alphabetic() || b == b'_' || b == b':' || b >= 0x80 => {
                at += run(&bytes[at..], |b| b.is_ascii_alphanumeric() || b"_:.".contains(&b) || b >= 0x80);
                Kind::Word
            }
            b if b.is_ascii_digit() || (b == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)) => {
                let (length, kind) = number(&bytes[at..]);
                at += length;
                kind
            }
            b'<' | b'>' | b'=' | b'!' | b'&' | b'|' => {
                let two = bytes.get(at + 1).is_some_and(|next| matches!(next, b'=' | b'~' | b'&' | b'|'));
                at += if two { 2 } else { 1 };
                Kind::Sign
            }
            _ => {
                at += 1;
                Kind::Sign
            }
        };
        found.push(Token { kind, at: begin..at });
    }
    found
}

/// How long a number or a duration is: `5`, `0.95`, `1e-3`, `5m`, `1h30m`; digits with other letters are a word.
fn number(bytes: &[u8]) -> (usize, Kind) {
    let plain = run(bytes, |b| b.is_ascii_digit() || b == b'.');
    let mut exponent = 0;
    if matches!(bytes.get(plain), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(plain + 1), Some(b'+' | b'-')));
        let digits = run(bytes.get(plain + 1 + sign..).unwrap_or_default(), |b| b.is_ascii_digit());
        exponent = if digits > 0 { 1 + sign + digits } else { 0 };
    }
    let end = plain + exponent;
    let letters = run(&bytes[end..], |b| b.is_ascii_alphanumeric() || b == b'_');
    if letters == 0 {
        return (end, Kind::Number);
    }
    let is_duration = bytes[end..end + letters].iter().all(|b| b.is_ascii_digit() || b"mshdwy".contains(b));
    (end + letters, if is_duration { Kind::Duration } else { Kind::Word })
}

fn after_string(bytes: &[u8], open: usize, quote: u8) -> usize {
    let mut at = open + 1;
    while let Some(b) = bytes.get(at) {
        match b {
            b'\\' if quote != b'`' => at += 2,
            b if *b == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| belongs(**b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, language: Language) -> Vec<(String, bool)> {
        spots(text, language).into_iter().map(|spot| (spot.text, spot.is_window)).collect()
    }

    fn expect(text: &str, language: Language, windows: &[&str], limits: &[&str]) {
        let found = of(text, language);
        let some = |is_window: bool| -> Vec<&str> {
            found.iter().filter(|(_, w)| *w == is_window).map(|(text, _)| text.as_str()).collect()
        };
        assert_eq!((some(true), some(false)), (windows.to_vec(), limits.to_vec()), "{text}");
    }

    #[test]
    fn windows_and_limits_of_queries() {
        use Language::PromQl;
        expect(
            r#"sum(rate(x{code=~"5..",a="[3m] > 7"}[5m])) / sum(rate(x[5m])) * 100 > 5"#,
            PromQl,
            &["5m", "5m"],
            &["5"],
        );
        expect("a > (14.4 * 0.001) and b > (14.4 * 0.001)", PromQl, &[], &["14.4", "14.4"]);
        expect("max_over_time(up[1h:5m]) >= bool 0.5 # > 3", PromQl, &["1h"], &["0.5"]);
        expect("0.05 < a and rate(b[1m]) > 0", PromQl, &["1m"], &["0.05"]);
        expect("histogram_quantile(0.99, x) == 3 or x offset 5m != 4", PromQl, &[], &[]);
        expect("rate(x[{{ interval }}]) > 1e-3", PromQl, &[], &["1e-3"]);
    }

    #[test]
    fn limits_of_conditions() {
        use Language::Argo;
        expect("len(result) == 0 || result[0] >= 0.95", Argo, &[], &["0.95"]);
        expect("len(result) > 3 && default(result[0], 0) < 5", Argo, &[], &["5"]);
        expect("all(result, # < 1000)", Argo, &[], &["1000"]);
    }

    #[test]
    fn a_limit_knows_what_it_is_compared_with() {
        let found = spots("a / b > 5 and rate(c[1m]) > 100", Language::PromQl);
        let limits: Vec<&str> = found.iter().filter(|s| !s.is_window).map(|s| s.beside.trim()).collect();
        assert_eq!(limits, ["a / b", "rate(c[1m])"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_spots_inside_of_it(text in "[\\PC\n]{0,60}") {
            for language in [Language::PromQl, Language::Argo] {
                for spot in spots(&text, language) {
                    proptest::prop_assert_eq!(&text[spot.at.clone()], spot.text.as_str());
                }
            }
        }
    }
}
