//! Scripts of the two directions, found by the names of files and the comments in them.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{self, Outcome, What};
use super::statement::{self, Marks, Part, Statement, Statements};
use super::{Migration, Script, unread};
use crate::diagnostic::{Diagnostics, Source};

/// Whose conventions a migration follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Two files: `N_x.up.sql` and `N_x.down.sql`, or `up.sql` and `down.sql` in a folder.
    Pair,
    /// Two parts of a file.
    Marked(Marks),
    /// `V1__x.sql`, with `U1__x.sql` where there is a way back.
    Flyway,
    /// A script alone, which knows no way back.
    Plain,
}

/// What the name of a file says: its migration, its direction, and whose conventions these are.
///
/// `x_up.sql` is the way up of a migration `x` only where `x_down.sql` is there: it may as well be about signing up.
fn named(name: &str, all: &BTreeSet<&str>) -> (String, Part, Tool) {
    let (folder, file) = name.rsplit_once(['/', '\\']).unwrap_or(("", name));
    let stem = file.strip_suffix(".sql").or_else(|| file.strip_suffix(".SQL")).unwrap_or(file);
    let key = |what: &str| format!("{folder}/{what}");
    for (ending, other, part) in [("up", "down", Part::Up), ("down", "up", Part::Down)] {
        let Some(before) = stem.strip_suffix(ending) else { continue };
        let twin = || format!("{}{other}.sql", &name[..name.len() - ".sql".len() - ending.len()]);
        let parted = before.strip_suffix('.').or(before.is_empty().then_some(""));
        let loosely = || before.strip_suffix(['_', '-']).filter(|_| all.contains(twin().as_str()));
        if let Some(what) = parted.or_else(loosely) {
            return (key(what), part, Tool::Pair);
        }
    }
    let version = |rest: &str| {
        let (version, _) = rest.split_once("__")?;
        let numbers =
            !version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
        numbers.then(|| version.to_owned())
    };
    let flyway = |letter: &str| stem.strip_prefix(letter).and_then(version);
    if let Some(version) = flyway("V") {
        return (key(&version), Part::Up, Tool::Flyway);
    }
    if let Some(version) = flyway("U") {
        return (key(&version), Part::Down, Tool::Flyway);
    }
    (key(stem), Part::Up, Tool::Plain)
}

/// The files of one migration.
#[derive(Default)]
struct Files<'a> {
    up: Option<Source<'a>>,
    down: Option<Source<'a>>,
}

/// The migrations in these files, in the order of their names.
pub(super) fn migrations<'a>(sources: Vec<Source<'a>>, not_read: &mut Diagnostics) -> Vec<Migration<'a>> {
    let names: BTreeSet<&str> = sources.iter().map(|source| source.name).collect();
    let mut found = Vec::new();
    let mut files: BTreeMap<(String, u8), (Tool, Files<'a>)> = BTreeMap::new();
    for source in sources {
        let split = statement::statements(source.text);
        if let Some(marks) = split.marks {
            found.push(marked(source, split, marks, not_read));
            continue;
        }
        let (key, part, tool) = named(source.name, &names);
        let family = match tool {
            Tool::Pair => 0,
            Tool::Flyway => 1,
            Tool::Marked(_) | Tool::Plain => 2,
        };
        let (_, files) = files.entry((key, family)).or_insert((tool, Files::default()));
        let place = if part == Part::Up { &mut files.up } else { &mut files.down };
        *place = Some(source);
    }
    let undoes = files.iter().any(|((_, family), (_, files))| *family == 1 && files.down.is_some());
    for (_, (tool, Files { up, down })) in files {
        let script = |source: Source<'a>, not_read: &mut Diagnostics| {
            self::script(source, &statement::statements(source.text).all, not_read)
        };
        let down_script = down.map(|source| script(source, not_read));
        let Some(up) = up else { continue };
        // Undo scripts are an extra of Flyway's that most teams do not have: only a gap among them is told.
        let tool = if tool == Tool::Flyway && !undoes { Tool::Plain } else { tool };
        found.push(Migration {
            tool,
            up: script(up, not_read),
            down: down_script,
            down_place: down.map_or((up, 0), |down| (down, 0)),
            // Those that run each file in one are told by nothing in it.
            in_transaction: false,
        });
    }
    found.sort_by(|a, b| a.up.source.name.cmp(b.up.source.name));
    found
}

/// A file with both directions.
fn marked<'a>(
    source: Source<'a>,
    split: Statements<'a>,
    marks: Marks,
    not_read: &mut Diagnostics,
) -> Migration<'a> {
    let of = |part: Part| -> Vec<Statement<'a>> {
        // What stands before the first comment is run on the way up.
        split.all.iter().filter(|one| one.part.unwrap_or(Part::Up) == part).cloned().collect()
    };
    Migration {
        tool: Tool::Marked(marks),
        up: script(source, &of(Part::Up), not_read),
        down: split.down.map(|_| script(source, &of(Part::Down), not_read)),
        down_place: (source, split.down.unwrap_or(0)),
        in_transaction: !split.no_transaction,
    }
}

fn script<'a>(source: Source<'a>, all: &[Statement<'_>], not_read: &mut Diagnostics) -> Script<'a> {
    let mut script = Script { source, changes: Vec::new(), statements: 0, is_read: true };
    for one in all {
        let outcome = change::of(one);
        let transaction = matches!(&outcome, Outcome::Read(found)
            if found.iter().any(|change| matches!(change.what, What::Begin | What::End)));
        // `SELECT 1` is what tools that demand a statement are given.
        let nothing = one.tokens.first().is_some_and(|first| first.is("select")) && one.tokens.len() <= 2;
        script.statements += usize::from(!transaction && !nothing);
        match outcome {
            Outcome::Read(found) => script.changes.extend(found),
            Outcome::NotRead(why) => {
                script.is_read = false;
                not_read.push(unread(source, one.start(), one.end(), why));
            }
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_direction_and_tool() {
        for (name, key, part, tool) in [
            ("db/0001_users.up.sql", "db/0001_users", Part::Up, Tool::Pair),
            ("db/0001_users.down.sql", "db/0001_users", Part::Down, Tool::Pair),
            ("m/2024-01-01_users/up.sql", "m/2024-01-01_users/", Part::Up, Tool::Pair),
            ("m/2024-01-01_users/down.sql", "m/2024-01-01_users/", Part::Down, Tool::Pair),
            ("V1.2__users.sql", "/1.2", Part::Up, Tool::Flyway),
            ("U1.2__users.sql", "/1.2", Part::Down, Tool::Flyway),
            ("R__views.sql", "/R__views", Part::Up, Tool::Plain),
            ("cleanup.sql", "/cleanup", Part::Up, Tool::Plain),
            ("Vendor__x.sql", "/Vendor__x", Part::Up, Tool::Plain),
        ] {
            assert_eq!(named(name, &BTreeSet::new()), (key.to_owned(), part, tool), "{name}");
        }
        let alone = BTreeSet::from(["a/sign_up.sql"]);
        assert_eq!(named("a/sign_up.sql", &alone).2, Tool::Plain);
        let both = BTreeSet::from(["a/1_up.sql", "a/1_down.sql"]);
        assert_eq!(named("a/1_up.sql", &both), ("a/1".to_owned(), Part::Up, Tool::Pair));
        assert_eq!(named("a/1_down.sql", &both), ("a/1".to_owned(), Part::Down, Tool::Pair));
    }
}
