//! The actions of an `ALTER TABLE`.

use std::ops::Range;

use super::change::{Change, Outcome, What};
use super::cursor::Cursor;

const UNKNOWN: &str = "an action of it is not known";
const STATED_ANEW: &str = "it states a column anew, and what is different is not in it";

/// Actions after which every revision finds and may do what it did.
const HARMLESS: &[&[&str]] = &[
    &["validate"],
    &["owner"],
    &["enable"],
    &["disable"],
    &["set", "statistics"],
    &["set", "("],
    &["set", "logged"],
    &["set", "unlogged"],
    &["set", "tablespace"],
    &["reset"],
    &["inherit"],
    &["no", "inherit"],
    &["attach"],
    &["cluster"],
    &["replica"],
    &["force"],
    &["comment"],
    &["algorithm"],
    &["lock"],
    &["auto_increment"],
    &["row_format"],
];

/// What follows `ALTER TABLE`.
pub(super) fn alter(mut at: Cursor<'_, '_>, whole: Range<usize>) -> Outcome {
    let Some(table) = at.optional_name() else { return Outcome::NotRead("its table has no name") };
    at.sign("*");
    // SQL Server says so before a constraint.
    let _ = at.words(&["with", "check"]) || at.words(&["with", "nocheck"]);
    let mut found = Vec::new();
    for action in at.by_commas() {
        let first = action.rest().first().map_or(whole.start, |token| token.start);
        let last = action.rest().last().map_or(whole.end, |token| token.end());
        match self::action(action, &table) {
            Ok(all) => found.extend(all.into_iter().map(|what| Change { what, place: first..last })),
            Err(why) => return Outcome::NotRead(why),
        }
    }
    Outcome::Read(found)
}

fn action(mut at: Cursor<'_, '_>, table: &str) -> Result<Vec<What>, &'static str> {
    if at.word("add") {
        return add(at, table);
    }
    if at.word("drop") {
        return dropped(at, table);
    }
    if at.word("alter") {
        at.word("column");
        return column(at, table);
    }
    if at.word("rename") {
        return rename(at, table);
    }
    if at.word("change") {
        at.word("column");
        let (from, to) = at.name().zip(at.name()).ok_or(UNKNOWN)?;
        if from.eq_ignore_ascii_case(&to) {
            return Err(STATED_ANEW);
        }
        return Ok(vec![What::RenameColumn { table: table.to_owned(), from, to }]);
    }
    if at.word("modify") {
        return Err(STATED_ANEW);
    }
    let harmless = HARMLESS.iter().any(|words| match words {
        [word, "("] => at.is_word(word) && at.rest().get(1).is_some_and(|token| token.is_sign("(")),
        words => at.words(words),
    });
    if harmless { Ok(Vec::new()) } else { Err(UNKNOWN) }
}

fn add(mut at: Cursor<'_, '_>, table: &str) -> Result<Vec<What>, &'static str> {
    let says_column = at.word("column");
    at.words(&["if", "not", "exists"]);
    if let Some(inside) = at.inside() {
        // MySQL adds several columns in parentheses.
        let each = inside.by_commas().into_iter().map(|part| added(part, table, says_column));
        return Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
    }
    added(at, table, says_column)
}

/// A column or a constraint.
fn added(mut at: Cursor<'_, '_>, table: &str, says_column: bool) -> Result<Vec<What>, &'static str> {
    if !says_column && let Some(constraint) = constraint(at, table) {
        return Ok(constraint);
    }
    let column = at.name().ok_or(UNKNOWN)?;
    let given = [
        &["default"][..],
        &["generated"],
        &["identity"],
        &["auto_increment"],
        &["as"],
        &["serial"],
        &["bigserial"],
        &["smallserial"],
        &["rowversion"],
    ];
    let has_value =
        given.iter().any(|words| at.contains_outside(words)) && !at.contains_outside(&["default", "null"]);
    let not_null = at.contains_outside(&["not", "null"]);
    Ok(vec![What::AddColumn { table: table.to_owned(), column, not_null, has_value }])
}

/// A constraint, key or index that is added, or nothing if this is a column.
fn constraint(mut at: Cursor<'_, '_>, table: &str) -> Option<Vec<What>> {
    let named = at.word("constraint");
    if named
        && !["check", "foreign", "unique", "primary", "exclude", "not"].iter().any(|word| at.is_word(word))
    {
        at.name();
    }
    // Indexes and partitions of MySQL, defaults of SQL Server.
    if ["index", "key", "fulltext", "spatial", "partition", "period", "default"]
        .iter()
        .any(|word| at.is_word(word))
    {
        return Some(Vec::new());
    }
    let known = [
        (&["check"][..], "CHECK"),
        (&["foreign", "key"], "FOREIGN KEY"),
        (&["unique"], "UNIQUE"),
        (&["primary", "key"], "PRIMARY KEY"),
        (&["exclude"], "EXCLUDE"),
        (&["not", "null"], "NOT NULL"),
    ];
    let kind = known.iter().find_map(|(words, kind)| at.words(words).then_some(*kind))?;
    let later = at.contains_outside(&["not", "valid"]) || at.contains_outside(&["using", "index"]);
    let what = What::AddConstraint { table: table.to_owned(), kind };
    Some(if later { Vec::new() } else { vec![what] })
}

fn dropped(mut at: Cursor<'_, '_>, table: &str) -> Result<Vec<What>, &'static str> {
    let says_column = at.word("column");
    let others =
        ["constraint", "index", "key", "primary", "foreign", "check", "partition", "period", "default"];
    if !says_column && others.iter().any(|word| at.is_word(word)) {
        return Ok(Vec::new());
    }
    let column = at.optional_name().ok_or(UNKNOWN)?;
    Ok(vec![What::DropColumn { table: table.to_owned(), column }])
}

fn rename(mut at: Cursor<'_, '_>, table: &str) -> Result<Vec<What>, &'static str> {
    let from = table.to_owned();
    if at.word("to") || at.word("as") {
        return Ok(vec![What::RenameTable { from, to: at.name().ok_or(UNKNOWN)? }]);
    }
    if ["constraint", "index", "key"].iter().any(|word| at.is_word(word)) {
        return Ok(Vec::new());
    }
    at.word("column");
    let name = at.name().ok_or(UNKNOWN)?;
    if at.rest().is_empty() {
        return Ok(vec![What::RenameTable { from, to: name }]);
    }
    if !at.word("to") {
        return Err(UNKNOWN);
    }
    Ok(vec![What::RenameColumn { table: from, from: name, to: at.name().ok_or(UNKNOWN)? }])
}

/// `ALTER COLUMN name …`.
fn column(mut at: Cursor<'_, '_>, table: &str) -> Result<Vec<What>, &'static str> {
    if at.is_word("constraint") || at.is_word("index") || at.is_word("check") {
        return Ok(Vec::new());
    }
    let column = at.name().ok_or(UNKNOWN)?;
    let table = table.to_owned();
    if at.words(&["set", "not", "null"]) {
        return Ok(vec![What::SetNotNull { table, column }]);
    }
    if at.words(&["set", "data", "type"]) || at.word("type") {
        let unlimited = at.is_word("text")
            || ((at.words(&["character", "varying"]) || at.word("varchar"))
                && !at.rest().first().is_some_and(|token| token.is_sign("(")));
        let free = unlimited && !at.contains("using");
        return Ok(vec![What::ChangeType { table, column, free }]);
    }
    if at.words(&["set", "default"]) {
        return Ok(vec![What::SetDefault { table, column }]);
    }
    if ["set", "drop", "add", "restart", "reset"].iter().any(|word| at.is_word(word)) {
        return Ok(Vec::new());
    }
    // SQL Server states the column anew.
    Err(STATED_ANEW)
}
