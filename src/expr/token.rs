//! Splits a condition into tokens.
//!
//! Follows the token rules of expr-lang: `not`, `in`, `matches` and their like are operators, `1..2` is a range
//! and not two decimals, `?.` is one token even in `a ?.5 : 1`, and `$` is a letter.

use std::borrow::Cow;

use super::error::ParseError;

/// Longest condition that is read, in bytes.
const MAX_SOURCE: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Identifier,
    Number,
    Text,
    Operator,
    Bracket,
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'s> {
    pub(super) kind: TokenKind,
    /// The characters; for `Text` the unescaped content.
    pub(super) text: Cow<'s, str>,
    /// Byte offset of the first character.
    pub(super) at: usize,
}

/// All tokens of `source`, the last one of kind `End`.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, ParseError> {
    if source.len() > MAX_SOURCE {
        return Err(ParseError::new(format!("condition is longer than {MAX_SOURCE} bytes"), MAX_SOURCE));
    }
    let mut lexer = Lexer { source, at: 0, out: Vec::new() };
    while lexer.token()? {}
    Ok(lexer.out)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    out: Vec<Token<'s>>,
}

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, set: &str) -> bool {
        match self.peek() {
            Some(c) if set.contains(c) => {
                self.at += c.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let text = Cow::Borrowed(self.source.get(start..self.at).unwrap_or(""));
        self.out.push(Token { kind, text, at: start });
    }

    /// Reads one token or a stretch of space; false at the end.
    fn token(&mut self) -> Result<bool, ParseError> {
        let start = self.at;
        let Some(c) = self.bump() else {
            self.push(TokenKind::End, start);
            return Ok(false);
        };
        match c {
            c if c.is_whitespace() => {}
            '"' | '\'' => self.quoted(c, start)?,
            '`' => self.raw(start)?,
            '0'..='9' => self.number(start)?,
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => self.number(start)?,
            '/' if self.accept("/") => self.line_comment(),
            '/' if self.accept("*") => self.block_comment(start)?,
            '(' | '[' | '{' | ')' | ']' | '}' => self.push(TokenKind::Bracket, start),
            c if is_word(c) => self.word(start),
            c => {
                let second = match c {
                    '?' => ".?",
                    '#' => "#",
                    '|' => "|",
                    ':' => ":",
                    '.' => ".",
                    '&' | '!' | '=' | '*' | '<' | '>' => "&=*",
                    ',' | ';' | '%' | '+' | '-' | '^' | '/' => "",
                    _ => {
                        return Err(ParseError::new(
                            format!("unrecognized character: `{}`", c.escape_debug()),
                            start,
                        ));
                    }
                };
                self.accept(second);
                self.push(TokenKind::Operator, start);
            }
        }
        Ok(true)
    }

    fn word(&mut self, start: usize) {
        while self.peek().is_some_and(is_word) {
            self.bump();
        }
        let kind = match self.source.get(start..self.at).unwrap_or("") {
            "not" | "in" | "or" | "and" | "matches" | "contains" | "startsWith" | "endsWith" | "let"
            | "if" | "else" => TokenKind::Operator,
            _ => TokenKind::Identifier,
        };
        self.push(kind, start);
    }

    fn number(&mut self, start: usize) -> Result<(), ParseError> {
        self.at = start;
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        let whole = self.at;
        if self.accept(".") {
            if self.peek() == Some('.') {
                self.at = whole;
                self.push(TokenKind::Number, start);
                return Ok(());
            }
            self.accept_run(digits);
        }
        if self.accept("eE") {
            self.accept("+-");
            self.accept_run(digits);
        }
        if self.peek().is_some_and(is_word) {
            self.bump();
            let text = self.source.get(start..self.at).unwrap_or("");
            return Err(ParseError::new(format!("bad number syntax: {text:?}"), start));
        }
        self.push(TokenKind::Number, start);
        Ok(())
    }

    fn line_comment(&mut self) {
        while self.bump().is_some_and(|c| c != '\n') {}
    }

    fn block_comment(&mut self, start: usize) -> Result<(), ParseError> {
        match self.rest().find("*/") {
            Some(length) => {
                self.at += length + 2;
                Ok(())
            }
            None => Err(ParseError::new("unclosed comment", start)),
        }
    }

    fn raw(&mut self, start: usize) -> Result<(), ParseError> {
        let mut text = String::new();
        loop {
            match self.bump() {
                None => return Err(ParseError::new("literal not terminated", start)),
                Some('`') if self.accept("`") => text.push('`'),
                Some('`') => break,
                Some(c) => text.push(c),
            }
        }
        self.out.push(Token { kind: TokenKind::Text, text: Cow::Owned(text), at: start });
        Ok(())
    }

    fn quoted(&mut self, quote: char, start: usize) -> Result<(), ParseError> {
        let mut text = String::new();
        loop {
            match self.bump() {
                None | Some('\n') => return Err(ParseError::new("literal not terminated", start)),
                Some(c) if c == quote => break,
                Some('\\') => self.escape(&mut text, start)?,
                Some(c) => text.push(c),
            }
        }
        self.out.push(Token { kind: TokenKind::Text, text: Cow::Owned(text), at: start });
        Ok(())
    }

    fn escape(&mut self, text: &mut String, start: usize) -> Result<(), ParseError> {
        let invalid = || ParseError::new("invalid char escape", start);
        let c = self.bump().ok_or_else(invalid)?;
        let code = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '\\' | '\'' | '"' | '`' | '?' => c as u32,
            'x' => self.digits(2, 16).ok_or_else(invalid)?,
            'u' => self.digits(4, 16).ok_or_else(invalid)?,
            'U' => self.digits(8, 16).ok_or_else(invalid)?,
            '0'..='3' => {
                self.at -= 1;
                self.digits(3, 8).ok_or_else(invalid)?
            }
            _ => return Err(invalid()),
        };
        text.push(char::from_u32(code).ok_or_else(invalid)?);
        Ok(())
    }

    fn digits(&mut self, count: usize, radix: u32) -> Option<u32> {
        let text = self.rest().get(..count).filter(|t| t.chars().all(|c| c.is_digit(radix)))?;
        self.at += count;
        u32::from_str_radix(text, radix).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).unwrap().into_iter().map(|t| t.text.into_owned()).collect()
    }

    #[test]
    fn ranges_optional_chains_and_numbers_are_kept_apart() {
        assert_eq!(texts("0..1"), ["0", "..", "1", ""]);
        assert_eq!(texts("a?.[0]??.5"), ["a", "?.", "[", "0", "]", "??", ".5", ""]);
        assert_eq!(texts("1_000 >= 0xFF // rest"), ["1_000", ">=", "0xFF", ""]);
        assert_eq!(texts(r#"'it\'s' "\u0041\x42""#), ["it's", "AB", ""]);
    }

    #[test]
    fn broken_literals_point_at_their_start() {
        assert_eq!(tokens("a == 'x").unwrap_err().offset, 5);
        assert_eq!(tokens("12ab").unwrap_err().offset, 0);
        assert_eq!(tokens("/* x").unwrap_err().message, "unclosed comment");
        assert_eq!(tokens("a @ b").unwrap_err().offset, 2);
    }
}
