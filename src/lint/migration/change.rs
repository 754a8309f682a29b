//! What a statement does to the schema and to the rows, as far as its words say it.
//!
//! Heads of statements are read, not expressions: which table and column, whether a value is demanded, whether all rows
//! are touched, who waits meanwhile. A statement with a head nobody knows here, or one that states a column anew without
//! saying what is different (`MODIFY`), is [`Outcome::NotRead`]: nothing is claimed about it.
//!
//! Trap: names without quotes are the same in any case; a schema before a name may be left out elsewhere, so names are
//! compared without it.

use std::ops::Range;

use super::cursor::Cursor;
use super::statement::Statement;
use super::table;

/// Something that is done, and the bytes that say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) what: What,
    pub(crate) place: Range<usize>,
}

/// What is done. Names are as they are written, without quotes and schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    CreateTable {
        table: String,
        temporary: bool,
    },
    CreateView {
        name: String,
    },
    /// A table, view, schema or database goes; `kind` says which.
    Drop {
        kind: &'static str,
        name: String,
    },
    /// `has_value` if rows without a value get one.
    AddColumn {
        table: String,
        column: String,
        not_null: bool,
        has_value: bool,
    },
    DropColumn {
        table: String,
        column: String,
    },
    RenameTable {
        from: String,
        to: String,
    },
    RenameColumn {
        table: String,
        from: String,
        to: String,
    },
    /// `free` is the change that rewrites nothing and refuses nothing: to a text without a limit.
    ChangeType {
        table: String,
        column: String,
        free: bool,
    },
    SetNotNull {
        table: String,
        column: String,
    },
    SetDefault {
        table: String,
        column: String,
    },
    /// A constraint the rows there are must satisfy at once; `kind` is the SQL word.
    AddConstraint {
        table: String,
        kind: &'static str,
    },
    CreateIndex {
        table: String,
        concurrently: bool,
    },
    Truncate {
        table: String,
    },
    DeleteAll {
        table: String,
    },
    UpdateAll {
        table: String,
    },
    /// Rows are written, some or all of them, wherever.
    Write,
    /// A transaction begins.
    Begin,
    /// And ends.
    End,
}

/// What is known of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All it does that matters here, perhaps nothing.
    Read(Vec<Change>),
    /// It cannot be told, and why.
    NotRead(&'static str),
}

/// Statements that change neither tables that are there nor rows that are there.
const HARMLESS: &[&str] = &[
    "select",
    "set",
    "reset",
    "comment",
    "grant",
    "revoke",
    "pragma",
    "use",
    "analyze",
    "vacuum",
    "reindex",
    "lock",
    "unlock",
    "show",
    "explain",
    "values",
    "notify",
    "cluster",
    "refresh",
    "print",
    "optimize",
    "security",
    "discard",
    "checkpoint",
    "attach",
    "detach",
    "savepoint",
    "release",
    "if",
    "table",
];

/// Reads a statement.
pub(crate) fn of(statement: &Statement<'_>) -> Outcome {
    let mut at = Cursor::new(&statement.tokens);
    if at.has_opaque() {
        return Outcome::NotRead("it has a quote, a comment or a block without an end that can be found");
    }
    let whole = statement.start()..statement.end();
    let one = |what: What| Outcome::Read(vec![Change { what, place: whole.clone() }]);
    if at.words(&["alter", "table"]) {
        return table::alter(at, whole);
    }
    if at.words(&["alter", "view"]) {
        let name = at.optional_name();
        return match (name, at.words(&["rename", "to"]), at.name()) {
            (Some(from), true, Some(to)) => one(What::RenameTable { from, to }),
            _ => Outcome::Read(Vec::new()),
        };
    }
    if at.words(&["rename", "table"]) {
        return renames(at, whole);
    }
    if at.word("create") {
        return create(at, whole);
    }
    if at.word("drop") {
        return drop(at, whole);
    }
    if at.word("truncate") {
        at.word("table");
        return names(at, |table| What::Truncate { table }, &whole);
    }
    if at.words(&["delete", "from"]) || at.word("delete") {
        return rows(at, "delete", |table| What::DeleteAll { table }, whole);
    }
    if at.word("update") {
        return rows(at, "update", |table| What::UpdateAll { table }, whole);
    }
    if ["insert", "replace", "merge", "copy", "load"].iter().any(|word| at.word(word)) {
        return one(What::Write);
    }
    if at.word("begin") || at.words(&["start", "transaction"]) {
        return one(What::Begin);
    }
    if at.word("commit") || at.word("rollback") || at.word("end") {
        return one(What::End);
    }
    if at.word("with") {
        let writes = ["update", "delete", "merge"].iter().any(|word| at.contains(word));
        let why = "which rows a `WITH` writes is not followed";
        return if writes { Outcome::NotRead(why) } else { Outcome::Read(Vec::new()) };
    }
    // Types, sequences, functions, roles and the like: nothing of a table.
    if at.word("alter") || HARMLESS.iter().any(|word| at.word(word)) {
        return Outcome::Read(Vec::new());
    }
    Outcome::NotRead("its kind is not known")
}

/// `a TO b, c TO d`.
fn renames(mut at: Cursor<'_, '_>, whole: Range<usize>) -> Outcome {
    let mut found = Vec::new();
    loop {
        let (Some(from), true, Some(to)) = (at.name(), at.word("to"), at.name()) else {
            return Outcome::NotRead("its names are not where they are expected");
        };
        found.push(Change { what: What::RenameTable { from, to }, place: whole.clone() });
        if !at.sign(",") {
            return Outcome::Read(found);
        }
    }
}

fn create(mut at: Cursor<'_, '_>, whole: Range<usize>) -> Outcome {
    for word in ["or", "replace", "global", "local"] {
        at.word(word);
    }
    let temporary = at.word("temporary") || at.word("temp");
    for word in ["unlogged", "foreign", "virtual", "unique", "materialized"] {
        at.word(word);
    }
    for word in ["clustered", "nonclustered", "fulltext", "spatial"] {
        at.word(word);
    }
    let place = whole;
    if at.word("table") {
        return match at.optional_name() {
            Some(table) => {
                Outcome::Read(vec![Change { what: What::CreateTable { table, temporary }, place }])
            }
            None => Outcome::NotRead("its table has no name"),
        };
    }
    if at.word("view")
        && let Some(name) = at.optional_name()
    {
        return Outcome::Read(vec![Change { what: What::CreateView { name }, place }]);
    }
    if at.word("index") {
        let concurrently = at.word("concurrently");
        at.words(&["if", "not", "exists"]);
        if !at.is_word("on") {
            at.name();
        }
        let on = at.word("on");
        at.word("only");
        return match at.name().filter(|_| on) {
            Some(table) => {
                Outcome::Read(vec![Change { what: What::CreateIndex { table, concurrently }, place }])
            }
            None => Outcome::NotRead("its table is not where it is expected"),
        };
    }
    Outcome::Read(Vec::new())
}

fn drop(mut at: Cursor<'_, '_>, whole: Range<usize>) -> Outcome {
    at.word("temporary");
    at.word("materialized");
    for kind in ["table", "view", "schema", "database"] {
        if at.word(kind) {
            return names(at, |name| What::Drop { kind, name }, &whole);
        }
    }
    Outcome::Read(Vec::new())
}

/// `[IF EXISTS] a, b`, each a change.
fn names(mut at: Cursor<'_, '_>, what: impl Fn(String) -> What, whole: &Range<usize>) -> Outcome {
    at.words(&["if", "exists"]);
    at.word("only");
    let mut found = Vec::new();
    loop {
        let Some(name) = at.name() else {
            return Outcome::NotRead("its names are not where they are expected");
        };
        found.push(Change { what: what(name), place: whole.clone() });
        at.sign("*");
        if !at.sign(",") {
            return Outcome::Read(found);
        }
    }
}

/// A `DELETE` or `UPDATE`: all rows, unless something limits it.
fn rows(mut at: Cursor<'_, '_>, kind: &str, what: impl Fn(String) -> What, place: Range<usize>) -> Outcome {
    for word in ["low_priority", "ignore", "only"] {
        at.word(word);
    }
    let Some(table) = at.name() else { return Outcome::NotRead("its table is not where it is expected") };
    // A join, a limit and `TOP` choose rows as well; a second `FROM` of an update joins.
    let limits: &[&str] = match kind {
        "update" => &["where", "limit", "join", "from", "top"],
        _ => &["where", "limit", "join", "using", "top"],
    };
    let all = !limits.iter().any(|word| at.contains(word));
    let some = if kind == "update" { vec![What::Write] } else { Vec::new() };
    let found = if all { some.into_iter().chain([what(table)]).collect() } else { some };
    Outcome::Read(found.into_iter().map(|what| Change { what, place: place.clone() }).collect())
}
