//! Ways down: those that are not there, and those that do not lead back.

use super::super::migration::{Migration, Migrations, Script, Tool, What, same};
use super::super::{Check, Example, Mistake, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "migration-without-down",
        summary: "a migration has no way down, or an empty one",
        effect: "After a rollback of the code the schema stays as it is, and whoever has to undo it writes the statements in the night.",
        example: Example::sql(
            "0015_notes.sql",
            "-- +goose Up\nCREATE TABLE notes (id bigint PRIMARY KEY);\n\n-- +goose Down\n",
        ),
        check: Check::Migrations(missing),
    },
    Rule {
        id: "down-cannot-restore",
        summary: "a way down gives back a column or a table, but not what was in it",
        effect: "It runs without an error and reports success; the old revision then finds a column that is empty, or a table without rows.",
        example: Example::sql(
            "0016_phone.sql",
            "-- migrate:up\nALTER TABLE accounts DROP COLUMN phone;\n\n\
             -- migrate:down\nALTER TABLE accounts ADD COLUMN phone text;\n",
        )
        .beside(&["migration-drops-column"]),
        check: Check::Migrations(empty_again),
    },
    Rule {
        id: "down-leaves-behind",
        summary: "a way down leaves behind what the way up made",
        effect: "Going up again fails at what is there already, and nobody knows any more which schema a database has.",
        example: Example::sql(
            "0017_invoices.sql",
            "-- migrate:up\nCREATE TABLE invoices (id bigint PRIMARY KEY);\nCREATE TABLE lines (invoice bigint);\n\n\
             -- migrate:down\nDROP TABLE invoices;\n",
        ),
        check: Check::Migrations(left),
    },
];

fn missing(all: &Migrations<'_>) -> Vec<Mistake> {
    let look = |migration: &Migration<'_>| {
        if migration.up.statements == 0 || migration.tool == Tool::Plain {
            return None;
        }
        let fact = match &migration.down {
            None => "this migration has no way down",
            Some(down) if down.statements == 0 && down.is_read => {
                "the way down of this migration does nothing"
            }
            Some(_) => return None,
        };
        let (source, at) = migration.down_place;
        let place = Script { source, changes: Vec::new(), statements: 0, is_read: true };
        let help = "write what undoes it, or say in the runbook that the schema stays and why the old revision can live with it\n`-s database/phased-dual-writes` plays ways back with and without it";
        Some(place.spot_at(at, source.text.len()).mistake(fact, help))
    };
    all.all.iter().filter_map(look).collect()
}

/// What a way up takes away with its rows: words for it, and whether the way down makes it again.
fn taken(up: &Script<'_>, down: &Script<'_>) -> Vec<(String, Option<usize>)> {
    let made = |is: &dyn Fn(&What) -> bool| down.changes.iter().position(|change| is(&change.what));
    let mut found = Vec::new();
    for change in &up.changes {
        match &change.what {
            What::DropColumn { table, column }
                if !up.makes_table(table)
                    && !up.makes_column(table, column)
                    && !up.renames_to(table, column) =>
            {
                let again = made(
                    &|what| matches!(what, What::AddColumn { table: of, column: name, .. } if same(of, table) && same(name, column)),
                );
                found.push((format!("`{table}.{column}` comes back without its values"), again));
            }
            What::Drop { kind: "table", name } if !up.makes_table(name) => {
                let again =
                    made(&|what| matches!(what, What::CreateTable { table, .. } if same(table, name)));
                found.push((format!("`{name}` comes back without its rows"), again));
            }
            _ => {}
        }
    }
    found
}

fn empty_again(all: &Migrations<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for Migration { up, down, .. } in &all.all {
        // Rows that are written on the way down may be the ones that were kept elsewhere.
        let Some(down) = down.as_ref().filter(|down| !down.writes() && down.is_read) else { continue };
        for (fact, again) in taken(up, down) {
            let Some(change) = again.and_then(|at| down.changes.get(at)) else { continue };
            let help = "keep a copy on the way up and fill it in again here; or do not drop it before nobody goes back\n`-s database/point-of-no-return` plays it";
            found.push(down.spot(change).mistake(format!("the way down runs, and {fact}"), help));
        }
    }
    found
}

fn left(all: &Migrations<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for Migration { up, down, .. } in &all.all {
        let readable =
            |down: &&Script<'_>| down.is_read && down.statements > 0 && !down.renames() && !up.renames();
        let Some(down) = down.as_ref().filter(readable) else { continue };
        for change in &up.changes {
            let name = match &change.what {
                What::CreateTable { table, temporary: false } => {
                    (!down.drops_table(table) && !up.drops_table(table)).then(|| table.clone())
                }
                What::AddColumn { table, column, .. } => {
                    let goes =
                        |script: &Script<'_>| script.drops_table(table) || script.drops_column(table, column);
                    (!goes(down) && !goes(up)).then(|| format!("{table}.{column}"))
                }
                _ => None,
            };
            if let Some(name) = name {
                let fact = format!("the way down leaves `{name}` behind");
                found.push(
                    up.spot(change)
                        .mistake(fact, "drop it on the way down, in the reverse order of the way up"),
                );
            }
        }
    }
    found
}
