//! SQL migrations: what each does on its way up, and how much of that its way down takes back.
//!
//! A schema is one for both revisions of a release: while it is rolled out, and after the code was taken back, the old
//! revision meets the new schema. So a change is backward-compatible if the old revision finds what it reads and may
//! write what it writes, and reversible if the way down brings back what was there, rows included.
//!
//! Files of golang-migrate and sqlx (`N_x.up.sql`), goose, dbmate, sql-migrate, Flyway (`V1__x.sql`, `U1__x.sql`), Diesel
//! (`up.sql`, `down.sql`) and plain scripts are told apart by name and by the comments that part them.
//!
//! Traps: a way down that runs is not one that restores: `ADD COLUMN` after `DROP COLUMN` gives an empty column. What is
//! made in the same migration concerns nobody else. Statements that cannot be read are listed ([`Migrations::not_read`])
//! and nothing is claimed about them.

mod change;
mod cursor;
mod pair;
mod script;
mod statement;
mod table;
mod token;

use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::lint::Text;

pub(crate) use change::{Change, What};
pub(crate) use pair::Tool;
pub(crate) use script::{Script, same};

/// Which server a set of files is for, as far as words only one of them has tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Postgres,
    MySql,
    Sqlite,
    Microsoft,
    /// Nothing tells.
    Unknown,
}

/// A migration.
#[derive(Clone, Debug)]
pub(crate) struct Migration<'a> {
    /// Whose conventions it follows.
    pub(crate) tool: Tool,
    pub(crate) up: Script<'a>,
    pub(crate) down: Option<Script<'a>>,
    /// Where a missing or empty way down is to be told.
    pub(crate) down_place: (Source<'a>, usize),
    /// Whether its tool runs it in a transaction.
    pub(crate) in_transaction: bool,
}

/// Migrations that were given together.
#[derive(Clone, Debug)]
pub struct Migrations<'a> {
    pub(crate) all: Vec<Migration<'a>>,
    pub(crate) server: Server,
    not_read: Diagnostics,
}

impl<'a> Migrations<'a> {
    /// Reads texts, and puts those that belong together by their names and comments.
    pub fn parse(texts: &[Text<'a>]) -> Self {
        let mut not_read = Diagnostics::new();
        let sources = texts.iter().map(|text| Source::new(text.name, text.text));
        let all = pair::migrations(sources.collect(), &mut not_read);
        Migrations { all, server: server(texts), not_read }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Statements about which nothing is claimed, as notes with their places.
    pub fn not_read(&self) -> &Diagnostics {
        &self.not_read
    }
}

/// Words that only one server has.
const WORDS: &[(&str, Server)] = &[
    ("serial", Server::Postgres),
    ("bigserial", Server::Postgres),
    ("timestamptz", Server::Postgres),
    ("jsonb", Server::Postgres),
    ("bytea", Server::Postgres),
    ("concurrently", Server::Postgres),
    ("plpgsql", Server::Postgres),
    ("extension", Server::Postgres),
    ("uuid_generate_v4", Server::Postgres),
    ("gen_random_uuid", Server::Postgres),
    ("engine", Server::MySql),
    ("auto_increment", Server::MySql),
    ("unsigned", Server::MySql),
    ("longtext", Server::MySql),
    ("tinyint", Server::MySql),
    ("autoincrement", Server::Sqlite),
    ("pragma", Server::Sqlite),
    ("nvarchar", Server::Microsoft),
    ("uniqueidentifier", Server::Microsoft),
    ("sp_rename", Server::Microsoft),
    ("nonclustered", Server::Microsoft),
];

/// The one server whose words are there; unknown where there are none, or those of two.
fn server(texts: &[Text<'_>]) -> Server {
    let mut known = Vec::new();
    for text in texts {
        for token in token::tokens(text.text) {
            let quoted = token.kind == token::Kind::Quoted;
            if quoted && token.text.starts_with('`') {
                known.push(Server::MySql);
            } else if quoted && token.text.starts_with('[') {
                known.push(Server::Microsoft);
            } else if token.kind == token::Kind::Text && token.text.starts_with('$') {
                known.push(Server::Postgres);
            }
            known.extend(WORDS.iter().filter(|(word, _)| token.is(word)).map(|(_, server)| *server));
        }
    }
    match known.split_first() {
        Some((first, others)) if others.iter().all(|other| other == first) => *first,
        _ => Server::Unknown,
    }
}

/// A statement nothing is claimed about.
fn unread(source: Source<'_>, start: usize, end: usize, why: &str) -> Diagnostic {
    let first_line = source.text.get(start..end).and_then(|text| text.lines().next()).unwrap_or_default();
    let place = Location::of_bytes(source.text, start, start + first_line.len());
    Diagnostic::note(format!("this statement is not read: {why}"))
        .at(source, place)
        .with_help("nothing is claimed about it: look yourself what the old revision meets after it")
}

#[cfg(test)]
mod tests;
