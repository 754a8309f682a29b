//! SQL as words, quoted names, texts, numbers, signs and comments, each with its bytes.
//!
//! Enough to know where a statement begins and ends and what its head says, in PostgreSQL, MySQL, SQLite and SQL Server.
//!
//! Traps: a semicolon inside of a text, a dollar-quoted body or the data of a `COPY` ends nothing. Whether a backslash
//! escapes depends on the server; it is taken to where names are quoted with backticks, which only MySQL does, and in
//! PostgreSQL's `E'…'`.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes, backticks or brackets.
    Quoted,
    /// A text in quotes or dollars.
    Text,
    /// A number.
    Number,
    /// Any other character.
    Sign,
    /// A comment with what begins it.
    Comment,
    /// What nobody can split: a block between `DELIMITER` lines.
    Opaque,
}

/// A token and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    pub(crate) text: &'t str,
    /// Byte of its beginning.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Byte behind its end.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, in any case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this sign.
    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// The tokens of a text; a quote or comment without an end goes to the end of the text and is [`Kind::Opaque`].
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { text, at: 0, found: Vec::new(), escapes: text.contains('`'), begin: 0 };
    while scanner.step() {}
    scanner.found
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    found: Vec<Token<'t>>,
    /// Whether a backslash escapes in every text.
    escapes: bool,
    /// The first token of the statement.
    begin: usize,
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@')
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let range = self.at..(self.at + length).min(self.text.len());
        let text = self.text.get(range.clone()).unwrap_or_default();
        self.found.push(Token { kind, text, start: range.start });
        self.at = range.end;
    }

    /// Pushes up to the end that was found, or all of the rest as what has no end.
    fn push_until(&mut self, kind: Kind, end: Option<usize>) {
        match end {
            Some(length) => self.push(kind, length),
            None => self.push(Kind::Opaque, self.rest().len()),
        }
    }

    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.at += rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        } else if rest.starts_with("--") || (first == '#' && self.escapes) || self.is_client_command() {
            self.push(Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
        } else if let Some(version) = rest.strip_prefix("/*!") {
            // MySQL runs what is in such a comment, from the version that follows on.
            self.at += 3 + version.bytes().take_while(u8::is_ascii_digit).count();
        } else if rest.starts_with("*/") {
            self.at += 2;
        } else if rest.starts_with("/*") {
            self.push_until(Kind::Comment, end_of_comment(rest));
        } else if first == '\'' {
            self.push_until(Kind::Text, end_of_quote(rest, '\'', self.escapes));
        } else if matches!(first, 'e' | 'E') && rest[1..].starts_with('\'') {
            self.push_until(Kind::Text, end_of_quote(&rest[1..], '\'', true).map(|length| length + 1));
        } else if matches!(first, '"' | '`') {
            self.push_until(Kind::Quoted, end_of_quote(rest, first, false));
        } else if first == '[' && self.opens_name() {
            self.push_until(Kind::Quoted, rest.find(']').map(|at| at + 1));
        } else if let Some(length) = dollar_quote(rest) {
            self.push_until(Kind::Text, length);
        } else if first.is_ascii_digit() {
            self.push(Kind::Number, rest.find(|c: char| !in_word(c) && c != '.').unwrap_or(rest.len()));
        } else if in_word(first) {
            self.word(rest);
        } else {
            self.sign(first);
        }
        true
    }

    /// A word; `DELIMITER` and `GO` at the beginning of a line are orders to the client.
    fn word(&mut self, rest: &'t str) {
        let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let orders = word.eq_ignore_ascii_case("delimiter") && self.begins_line();
        if orders && rest.lines().next().is_some_and(|line| line.trim().len() > length) {
            let ends = rest.lines().skip(1).find(|line| {
                let mut words = line.split_whitespace();
                words.next().is_some_and(|word| word.eq_ignore_ascii_case("delimiter"))
                    && words.next() == Some(";")
            });
            let end = ends.map(|line| line.as_ptr() as usize - rest.as_ptr() as usize + line.len());
            self.push_until(Kind::Opaque, end);
        } else {
            self.push(Kind::Word, length);
        }
    }

    fn sign(&mut self, sign: char) {
        self.push(Kind::Sign, sign.len_utf8());
        if sign == ';' {
            let statement = self.found.get(self.begin..).unwrap_or_default();
            let mut words = statement.iter().filter(|token| token.kind == Kind::Word);
            let copies =
                words.next().is_some_and(|word| word.is("copy")) && words.any(|word| word.is("stdin"));
            if copies {
                // The data of a dump, to the line that ends it.
                let rest = self.rest();
                self.at += rest.find("\n\\.").map_or(rest.len(), |at| at + 3);
            }
            self.begin = self.found.len();
        }
    }

    /// An order to `psql`: a backslash that begins a line.
    fn is_client_command(&self) -> bool {
        self.rest().starts_with('\\') && self.begins_line()
    }

    /// Whether nothing stands before this on its line.
    fn begins_line(&self) -> bool {
        self.text[..self.at].rsplit('\n').next().is_some_and(|before| before.trim().is_empty())
    }

    /// Whether a bracket begins a name, as in SQL Server, and is no subscript.
    fn opens_name(&self) -> bool {
        let names = self.rest()[1..].chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        let before = self.text[..self.at].chars().next_back();
        names && !before.is_some_and(|c| in_word(c) || c == ']')
    }
}

/// The length of a quote with its ends; a doubled quote stands for itself.
fn end_of_quote(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = letters.next() {
        if c == '\\' && escapes {
            letters.next();
        } else if c == quote {
            match letters.peek() {
                Some((_, next)) if *next == quote => drop(letters.next()),
                _ => return Some(at + quote.len_utf8()),
            }
        }
    }
    None
}

/// The length of a comment; they nest in PostgreSQL and SQL Server.
fn end_of_comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0usize);
    loop {
        let rest = text.get(at..)?;
        let next = rest.find("*/")?;
        let opened = rest.get(..next)?.matches("/*").count();
        depth += opened;
        at += next + 2;
        depth = depth.saturating_sub(1);
        if depth == 0 {
            return Some(at);
        }
    }
}

/// `$$…$$` and `$tag$…$tag$`: whether one begins here, and its length if it ends.
fn dollar_quote(text: &str) -> Option<Option<usize>> {
    let tag = text.strip_prefix('$')?;
    let length = tag.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(tag.len());
    let starts_well = !tag.starts_with(|c: char| c.is_ascii_digit());
    if !tag[length..].starts_with('$') || !starts_well {
        return None;
    }
    let quote: Range<usize> = 0..length + 2;
    let mark = text.get(quote.clone())?;
    Some(text.get(quote.end..)?.find(mark).map(|at| at + 2 * quote.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text).iter().map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn semicolons_inside_of_texts_bodies_and_comments_are_no_signs() {
        let text = "a '; ''; ' \"x;y\" $$ ; $$ $f$ ; $$ ; $f$ /* ; /* ; */ ; */ -- ;\n;";
        let signs = tokens(text).iter().filter(|token| token.is_sign(";")).count();
        assert_eq!(signs, 1, "{:?}", kinds(text));
    }

    #[test]
    fn backslashes_escape_where_the_server_lets_them() {
        assert_eq!(kinds("'a\\' b")[..2], [(Kind::Text, "'a\\'"), (Kind::Word, "b")]);
        assert_eq!(kinds("`t` 'a\\' b'")[1], (Kind::Text, "'a\\' b'"));
        assert_eq!(kinds("E'a\\' b' c")[0], (Kind::Text, "E'a\\' b'"));
    }

    #[test]
    fn brackets_are_names_or_subscripts() {
        assert_eq!(kinds("[order id]"), [(Kind::Quoted, "[order id]")]);
        assert_eq!(kinds("text[]")[1], (Kind::Sign, "["));
        assert_eq!(kinds("a[i]")[1], (Kind::Sign, "["));
    }

    #[test]
    fn what_has_no_end_goes_to_the_end() {
        for text in ["a 'b; c", "a /* b", "a $$ b", "\"a"] {
            assert_eq!(tokens(text).last().map(|token| token.kind), Some(Kind::Opaque), "{text}");
        }
    }

    #[test]
    fn data_and_client_orders_are_passed_over() {
        let dump = "COPY t FROM stdin;\n1\tit's; a\n\\.\nSELECT 1;";
        let words: Vec<&str> =
            tokens(dump).iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect();
        assert_eq!(words, ["COPY", "t", "FROM", "stdin", "SELECT"]);
        let block = "DELIMITER //\nCREATE TRIGGER x BEGIN a; END//\nDELIMITER ;\nDROP TABLE t;";
        assert_eq!(tokens(block)[0].kind, Kind::Opaque);
        assert!(tokens(block)[1].is("drop"));
        assert_eq!(kinds("/*!40101 SET NAMES utf8 */;").len(), 4);
    }

    #[test]
    fn no_text_panics_and_bytes_are_where_they_are() {
        for text in ["ä'ö", "$ä$", "[ä", "`\u{1F600}` \\", "/*!", "*/", "e'", "$1$", "#", "DELIMITER", "E"]
        {
            for token in tokens(text) {
                assert_eq!(text.get(token.start..token.end()), Some(token.text));
            }
        }
    }
}
