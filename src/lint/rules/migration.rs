//! Migrations the old revision of a release cannot live with: it runs beside the new one, and again after a rollback.

use super::super::migration::{Change, Migration, Migrations, What, same};
use super::super::{Check, Example, Mistake, Rule};

/// What plays a column that is gone.
const GONE: &str = "`-s database/point-of-no-return` plays it";
/// What plays the way in steps.
const PHASED: &str = "`-s database/phased-dual-writes` plays the way in steps";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "migration-drops-column",
        summary: "a migration drops a column of a table that is in use",
        effect: "The old revision reads a column that is gone: while the release goes on, and after a rollback of the code, which then repairs nothing.",
        example: Example::sql("0007_email.sql", "ALTER TABLE users DROP COLUMN email;\n"),
        check: Check::Migrations(column),
    },
    Rule {
        id: "migration-swaps-column",
        summary: "a migration drops a column and gives its name to another one",
        effect: "Between the two statements there is no such column; what was written to the old one since it was copied is lost, and its constraints and indexes go with it.",
        example: Example::sql(
            "0008_email.sql",
            "ALTER TABLE users ADD COLUMN email_new VARCHAR(255);\n\
             UPDATE users SET email_new = lower(email) WHERE email IS NOT NULL;\n\
             ALTER TABLE users DROP COLUMN email;\n\
             ALTER TABLE users RENAME COLUMN email_new TO email;\n",
        ),
        check: Check::Migrations(swapped),
    },
    Rule {
        id: "migration-drops-table",
        summary: "a migration drops a table or a view that is in use",
        effect: "The old revision finds no table: a rollback of the code repairs nothing, and the rows come back from a backup only.",
        example: Example::sql("0009_sessions.sql", "DROP TABLE sessions;\n"),
        check: Check::Migrations(table),
    },
    Rule {
        id: "migration-renames",
        summary: "a migration renames a table or a column that is in use",
        effect: "At every moment one of the two revisions asks for a name that is not there.",
        example: Example::sql("0010_names.sql", "ALTER TABLE users RENAME COLUMN name TO full_name;\n"),
        check: Check::Migrations(renamed),
    },
    Rule {
        id: "migration-changes-type",
        summary: "a migration changes the type of a column",
        effect: "The table is rewritten while everybody waits, unless the type only widens; and the old revision, during the release and after a rollback, reads and writes a type it does not know.",
        example: Example::sql(
            "0011_amount.sql",
            "ALTER TABLE orders ALTER COLUMN amount TYPE bigint USING amount::bigint;\n",
        ),
        check: Check::Migrations(retyped),
    },
    Rule {
        id: "migration-demands-value",
        summary: "a migration demands a value the old revision does not write",
        effect: "Inserts of the old revision are refused: during the release, and all of them after a rollback of the code. A column that is added so to a table with rows fails at once.",
        example: Example::sql("0012_plan.sql", "ALTER TABLE accounts ADD COLUMN plan text NOT NULL;\n"),
        check: Check::Migrations(demanded),
    },
    Rule {
        id: "migration-deletes-all-rows",
        summary: "a migration deletes every row of a table",
        effect: "No way down brings them back: a rollback of the code meets an empty table.",
        example: Example::sql("0013_jobs.sql", "DELETE FROM jobs;\n"),
        check: Check::Migrations(deleted),
    },
    Rule {
        id: "migration-updates-all-rows",
        summary: "a migration updates every row of a table in one statement",
        effect: "Rows stay locked until the last one is written, so requests that write wait; what they held before is in no way down.",
        example: Example::sql("0014_region.sql", "UPDATE accounts SET region = 'eu';\n"),
        check: Check::Migrations(updated),
    },
];

/// Looks at every change of every way up.
fn each(
    all: &Migrations<'_>,
    look: impl Fn(&Migration<'_>, &Change) -> Option<(String, String)>,
) -> Vec<Mistake> {
    let mut found = Vec::new();
    for migration in &all.all {
        for change in &migration.up.changes {
            if let Some((fact, help)) = look(migration, change) {
                found.push(migration.up.spot(change).mistake(fact, help));
            }
        }
    }
    found
}

fn column(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let What::DropColumn { table, column } = &change.what else { return None };
        let own = up.makes_table(table) || up.makes_column(table, column) || up.renames_to(table, column);
        (!own).then(|| {
            let fact = format!("the old revision still reads `{table}.{column}`: rolling the code back brings no column back");
            let help = format!(
                "stop using it in one release, and drop it in a later one, when nobody rolls back behind the first\n{GONE}"
            );
            (fact, help)
        })
    })
}

fn swapped(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let What::DropColumn { table, column } = &change.what else { return None };
        (up.renames_to(table, column) && !up.makes_table(table)).then(|| {
            let fact = format!(
                "`{table}.{column}` is dropped and another column takes its name: what was written to it since the copy is lost"
            );
            let help = format!(
                "keep both columns: write to both, fill in the new one, read it, and drop the old one releases later\n\
                 `-s database/one-shot-swap` plays it, {PHASED}"
            );
            (fact, help)
        })
    })
}

fn table(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let What::Drop { kind, name } = &change.what else { return None };
        let rebuilt = up.changes.iter().any(|other| {
            other.place.start > change.place.start
                && matches!(&other.what, What::RenameTable { to, .. } if same(to, name))
        });
        let anew = up
            .changes
            .iter()
            .find(|other| matches!(&other.what, What::CreateTable { table, .. } if same(table, name)));
        // What is made before it is dropped again is nobody's.
        let own = anew.is_some_and(|other| other.place.start < change.place.start);
        if rebuilt || own || (*kind == "view" && up.makes_view(name)) {
            return None;
        }
        let fact = match anew {
            Some(_) => format!("`{name}` is dropped and made anew: its rows are gone"),
            None => format!(
                "the old revision still reads the {kind} `{name}`: rolling the code back brings none back"
            ),
        };
        let help = "stop using it in one release; rename or back it up, and drop it when nobody rolls back behind that";
        Some((fact, format!("{help}\n{GONE}")))
    })
}

fn renamed(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let (old, new, how) = match &change.what {
            What::RenameTable { from, to } => {
                let makes =
                    |what: &What| matches!(what, What::CreateTable { table, .. } if same(table, from));
                let back = up.makes_view(from);
                if back || up.changes.iter().any(|other| makes(&other.what)) {
                    return None;
                }
                (from.clone(), to.clone(), "leave a view with the old name")
            }
            What::RenameColumn { table, from, to } => {
                if up.makes_table(table) || up.makes_column(table, from) {
                    return None;
                }
                let how = "add a column with the new name and write to both";
                (format!("{table}.{from}"), to.clone(), how)
            }
            _ => return None,
        };
        let fact = format!("the old revision asks for `{old}`, which is called `{new}` from now on");
        Some((fact, format!("{how} until no revision asks for the old one\n{PHASED}")))
    })
}

fn retyped(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let What::ChangeType { table, column, free: false } = &change.what else { return None };
        (!up.makes_table(table) && !up.makes_column(table, column)).then(|| {
            let fact = format!("`{table}.{column}` has another type from now on, for the old revision as well");
            let help = format!(
                "unless the new type holds all the old one does: add a column of the new type, write to both, switch, drop the old one later\n{PHASED}"
            );
            (fact, help)
        })
    })
}

fn demanded(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let (table, column) = match &change.what {
            What::AddColumn { table, column, not_null: true, has_value: false } => (table, column),
            What::SetNotNull { table, column } => (table, column),
            _ => return None,
        };
        (!up.makes_table(table) && !up.gives_value(table, column)).then(|| {
            let fact = format!("a row without `{table}.{column}` is refused from now on, and the old revision writes such rows");
            let help = format!(
                "give it a default first, or demand it a release after the one that writes it always\n{PHASED}"
            );
            (fact, help)
        })
    })
}

fn deleted(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let (What::Truncate { table } | What::DeleteAll { table }) = &change.what else { return None };
        (!up.makes_table(table)).then(|| {
            let fact = format!("every row of `{table}` is deleted: no way down brings them back");
            let help = "say which rows in a `WHERE`, or keep a copy until nobody rolls back behind it\n`-s database/restore-from-backup` plays what is left";
            (fact, help.to_owned())
        })
    })
}

fn updated(all: &Migrations<'_>) -> Vec<Mistake> {
    each(all, |Migration { up, .. }, change| {
        let What::UpdateAll { table } = &change.what else { return None };
        (!up.makes_table(table)).then(|| {
            let fact = format!("every row of `{table}` is written in one statement and stays locked until it ends");
            let help = "write them in batches outside of the migration, a range of keys at a time\n`-s database/lock-storm` plays requests that wait for locks";
            (fact, help.to_owned())
        })
    })
}
