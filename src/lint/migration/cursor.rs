//! A place among the tokens of a statement, moved on by what is expected there.

use super::token::{Kind, Token};

/// A place among tokens.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'s, 't> {
    tokens: &'s [Token<'t>],
}

impl<'s, 't> Cursor<'s, 't> {
    pub(crate) fn new(tokens: &'s [Token<'t>]) -> Self {
        Cursor { tokens }
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'s [Token<'t>] {
        self.tokens
    }

    /// Whether this keyword comes next.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.tokens.first().is_some_and(|token| token.is(word))
    }

    /// Takes a keyword, if it comes next.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.skip(usize::from(is));
        is
    }

    /// Takes several keywords in a row, all or none.
    pub(crate) fn words(&mut self, words: &[&str]) -> bool {
        let is = self.tokens.len() >= words.len()
            && self.tokens.iter().zip(words).all(|(token, word)| token.is(word));
        self.skip(if is { words.len() } else { 0 });
        is
    }

    /// Takes a sign, if it comes next.
    pub(crate) fn sign(&mut self, sign: &str) -> bool {
        let is = self.tokens.first().is_some_and(|token| token.is_sign(sign));
        self.skip(usize::from(is));
        is
    }

    fn skip(&mut self, count: usize) {
        self.tokens = self.tokens.get(count..).unwrap_or_default();
    }

    /// Takes a name: its last part, without quotes.
    pub(crate) fn name(&mut self) -> Option<String> {
        loop {
            let token =
                self.tokens.first().filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted))?;
            self.skip(1);
            if !self.sign(".") {
                return Some(plain(token));
            }
        }
    }

    /// Takes `IF [NOT] EXISTS`, `ONLY` and a name.
    pub(crate) fn optional_name(&mut self) -> Option<String> {
        let _ = self.words(&["if", "not", "exists"]) || self.words(&["if", "exists"]);
        self.word("only");
        self.name()
    }

    /// Whether a keyword is anywhere in what is left.
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.is(word))
    }

    /// Whether keywords follow each other outside of parentheses.
    pub(crate) fn contains_outside(&self, words: &[&str]) -> bool {
        let mut depth = 0usize;
        self.tokens.iter().enumerate().any(|(index, token)| {
            depth = depth_after(depth, token);
            let here = self.tokens.get(index..).unwrap_or_default();
            depth == 0 && Cursor::new(here).words(words)
        })
    }

    /// Whether something is there that could not be split.
    pub(crate) fn has_opaque(&self) -> bool {
        self.tokens.iter().any(|token| token.kind == Kind::Opaque)
    }

    /// What is between commas outside of parentheses.
    pub(crate) fn by_commas(&self) -> Vec<Cursor<'s, 't>> {
        let (mut depth, mut begin, mut parts) = (0usize, 0usize, Vec::new());
        for (index, token) in self.tokens.iter().enumerate() {
            depth = depth_after(depth, token);
            if depth == 0 && token.is_sign(",") {
                parts.push(Cursor::new(self.tokens.get(begin..index).unwrap_or_default()));
                begin = index + 1;
            }
        }
        parts.push(Cursor::new(self.tokens.get(begin..).unwrap_or_default()));
        parts
    }

    /// What is inside of the parentheses that open here.
    pub(crate) fn inside(&self) -> Option<Cursor<'s, 't>> {
        if !self.tokens.first()?.is_sign("(") {
            return None;
        }
        let mut depth = 0usize;
        let end = self.tokens.iter().position(|token| {
            depth = depth_after(depth, token);
            depth == 0
        });
        Some(Cursor::new(self.tokens.get(1..end?)?))
    }
}

fn depth_after(depth: usize, token: &Token<'_>) -> usize {
    match () {
        () if token.is_sign("(") => depth + 1,
        () if token.is_sign(")") => depth.saturating_sub(1),
        () => depth,
    }
}

/// A name without its quotes. Names are compared in any case, see the module of changes.
fn plain(token: &Token<'_>) -> String {
    let text = token.text;
    if token.kind == Kind::Quoted {
        let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        return inside.to_owned();
    }
    text.to_owned()
}
