//! The statements of a text, and which part of a migration each belongs to.
//!
//! A text has one part (plain scripts, pairs of files), or two with a comment before each: `-- +goose Up` and `Down`,
//! `-- migrate:up` and `down` (dbmate), `-- +migrate Up` and `Down` (sql-migrate).
//!
//! Trap: bodies of functions and triggers hold semicolons. Those in dollars are one text; those between `BEGIN` and `END`
//! are counted; what stands between `StatementBegin` and `StatementEnd` is one statement by order.

use super::token::{Kind, Token, tokens};

/// A way of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// To the new schema.
    Up,
    /// And back.
    Down,
}

/// Whose comments part a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    /// `-- +goose Up`.
    Goose,
    /// `-- migrate:up`.
    Dbmate,
    /// `-- +migrate Up`.
    SqlMigrate,
}

/// A statement without its semicolon and comments; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'t> {
    pub(crate) tokens: Vec<Token<'t>>,
    /// The part the comments put it in, if there are such comments.
    pub(crate) part: Option<Part>,
}

impl Statement<'_> {
    /// Byte of its beginning.
    pub(crate) fn start(&self) -> usize {
        self.tokens.first().map_or(0, |token| token.start)
    }

    /// Byte behind its end.
    pub(crate) fn end(&self) -> usize {
        self.tokens.last().map_or(0, Token::end)
    }
}

/// A text in statements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements<'t> {
    pub(crate) all: Vec<Statement<'t>>,
    /// Whose comments part it.
    pub(crate) marks: Option<Marks>,
    /// Byte of the comment that begins the way back.
    pub(crate) down: Option<usize>,
    /// Whether a comment asks for no transaction.
    pub(crate) no_transaction: bool,
}

/// Splits a text.
pub(crate) fn statements(text: &str) -> Statements<'_> {
    let mut splitter = Splitter::default();
    for token in tokens(text) {
        splitter.take(token, text);
    }
    splitter.end();
    splitter.found
}

#[derive(Default)]
struct Splitter<'t> {
    found: Statements<'t>,
    part: Option<Part>,
    current: Vec<Token<'t>>,
    /// Between the comments that make one statement of what they enclose.
    in_block: bool,
    /// Open `BEGIN`s and `CASE`s of a body.
    depth: usize,
    /// Whether the last word was `END`.
    after_end: bool,
}

impl<'t> Splitter<'t> {
    fn take(&mut self, token: Token<'t>, text: &str) {
        if token.kind == Kind::Comment {
            self.comment(token);
            return;
        }
        if token.kind != Kind::Word && std::mem::take(&mut self.after_end) {
            self.depth = self.depth.saturating_sub(1);
        }
        let alone = token.is("go") && is_alone(text, token);
        if (token.is_sign(";") && self.depth == 0 && !self.in_block) || alone {
            self.end();
            return;
        }
        if token.kind == Kind::Word && has_body(&self.current) {
            self.count(token);
        }
        self.current.push(token);
    }

    /// Counts what is open in a body.
    fn count(&mut self, token: Token<'_>) {
        let closes_other = ["if", "loop", "while", "repeat", "for"].iter().any(|word| token.is(word));
        if std::mem::take(&mut self.after_end) {
            // `END IF` and the like close what was not counted; `END` alone and `END CASE` what was.
            if closes_other {
                return;
            }
            self.depth = self.depth.saturating_sub(1);
            if token.is("case") {
                return;
            }
        }
        if token.is("begin") || (token.is("case") && self.depth > 0) {
            self.depth += 1;
        }
        self.after_end = token.is("end") && self.depth > 0;
    }

    fn end(&mut self) {
        let tokens = std::mem::take(&mut self.current);
        self.depth = 0;
        self.after_end = false;
        if !tokens.is_empty() {
            self.found.all.push(Statement { tokens, part: self.part });
        }
    }

    fn comment(&mut self, token: Token<'_>) {
        let Some(line) = token.text.strip_prefix("--") else { return };
        let words: Vec<String> = line.split_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (marks, order, more) = match words.as_slice() {
            ["+goose", order, more @ ..] => (Marks::Goose, *order, more),
            ["+migrate", order, more @ ..] => (Marks::SqlMigrate, *order, more),
            [first, more @ ..] if first.starts_with("migrate:") => {
                (Marks::Dbmate, first.trim_start_matches("migrate:"), more)
            }
            // sqlx asks for it so.
            ["no-transaction"] => {
                self.found.no_transaction = true;
                return;
            }
            _ => return,
        };
        self.found.no_transaction |= order == "no" && more.first() == Some(&"transaction");
        self.found.no_transaction |=
            more.iter().any(|word| matches!(*word, "transaction:false" | "notransaction"));
        match order {
            "up" | "down" => {
                self.end();
                self.in_block = false;
                self.part = Some(if order == "up" { Part::Up } else { Part::Down });
                self.found.marks = Some(marks);
                if order == "down" {
                    self.found.down = Some(token.start);
                }
            }
            "statementbegin" => {
                self.end();
                self.in_block = true;
            }
            "statementend" => {
                self.in_block = false;
                self.end();
            }
            _ => {}
        }
    }
}

/// Whether a statement makes something that may have a body between `BEGIN` and `END`.
fn has_body(tokens: &[Token<'_>]) -> bool {
    let made = ["function", "procedure", "trigger", "event"];
    let creates = tokens.first().is_some_and(|first| first.is("create") || first.is("alter"));
    creates && tokens.iter().take(12).any(|token| made.iter().any(|word| token.is(word)))
}

/// Whether a token is all there is on its line.
fn is_alone(text: &str, token: Token<'_>) -> bool {
    let before = text.get(..token.start).and_then(|before| before.rsplit('\n').next());
    let after = text.get(token.end()..).and_then(|after| after.split('\n').next());
    before.is_some_and(|before| before.trim().is_empty())
        && after.is_some_and(|after| after.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Vec<(Option<Part>, String)> {
        let head = |statement: &Statement<'_>| {
            let words: Vec<&str> = statement.tokens.iter().take(2).map(|token| token.text).collect();
            (statement.part, words.join(" "))
        };
        statements(text).all.iter().map(head).collect()
    }

    #[test]
    fn parts_follow_from_the_comments_of_their_tools() {
        for (up, down, marks) in [
            ("-- +goose Up", "-- +goose Down", Marks::Goose),
            ("-- migrate:up transaction:false", "-- migrate:down", Marks::Dbmate),
            ("-- +migrate Up", "-- +migrate Down", Marks::SqlMigrate),
        ] {
            let text = format!("{up}\nCREATE TABLE a (b int);\n{down}\nDROP TABLE a;\n");
            let expected =
                [(Some(Part::Up), "CREATE TABLE".to_owned()), (Some(Part::Down), "DROP TABLE".to_owned())];
            assert_eq!(heads(&text), expected, "{text}");
            let found = statements(&text);
            assert_eq!((found.marks, found.down.is_some()), (Some(marks), true));
            assert_eq!(found.no_transaction, marks == Marks::Dbmate);
        }
    }

    #[test]
    fn bodies_are_one_statement() {
        for body in [
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d; END;",
            "CREATE PROCEDURE p() BEGIN IF x THEN SELECT 1; END IF; WHILE y DO SELECT 2; END WHILE; END;",
            "CREATE FUNCTION f() RETURNS int AS $$ BEGIN DELETE FROM d; RETURN 1; END $$ LANGUAGE plpgsql;",
            "-- +goose StatementBegin\nDO x; y;\n-- +goose StatementEnd\n",
        ] {
            let text = format!("{body}\nDROP TABLE z;");
            let found = heads(&text);
            assert_eq!(found.len(), 2, "{found:?}");
            assert_eq!(found[1].1, "DROP TABLE");
        }
    }

    #[test]
    fn batches_of_sql_server_end_at_go() {
        let found = heads("DROP TABLE a\nGO\nDROP TABLE b\ngo\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(heads("; ;\n-- nothing\n").len(), 0);
    }
}
