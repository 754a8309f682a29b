//! Migrations that hold locks while requests wait, as PostgreSQL takes them.
//!
//! Locks are those of its documentation ("Explicit Locking", `CREATE INDEX`, `ALTER TABLE`). Nothing is said of files
//! whose words are those of another server.

use super::super::migration::{Migration, Migrations, Server, What};
use super::super::{Check, Example, Mistake, Rule};

const PLAYED: &str = "`-s database/lock-storm` plays requests that wait for locks";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "index-locks-writes",
        summary: "an index is built on a table in use without `CONCURRENTLY`",
        effect: "PostgreSQL lets nobody write to the table until the index is built; requests that write pile up, and time out.",
        example: Example::sql("0018_orders.sql", "CREATE INDEX orders_by_day ON orders (created_at);\n"),
        check: Check::Migrations(index),
    },
    Rule {
        id: "concurrently-in-transaction",
        summary: "`CONCURRENTLY` stands in a transaction",
        effect: "PostgreSQL refuses it there, so the migration fails before the release begins.",
        example: Example::sql(
            "0019_orders.sql",
            "-- migrate:up\nCREATE INDEX CONCURRENTLY orders_by_day ON orders (created_at);\n\n\
             -- migrate:down\nDROP INDEX orders_by_day;\n",
        ),
        check: Check::Migrations(concurrently),
    },
    Rule {
        id: "constraint-checks-all-rows",
        summary: "a constraint is added to a table in use and checked at once",
        effect: "PostgreSQL reads every row under a lock that lets nobody write, for a primary key or a unique constraint nobody read either.",
        example: Example::sql(
            "0020_orders.sql",
            "ALTER TABLE orders ADD CONSTRAINT positive CHECK (amount > 0);\n",
        ),
        check: Check::Migrations(constraint),
    },
];

/// Whether the locks of PostgreSQL are spoken about.
fn may_be_postgres(all: &Migrations<'_>) -> bool {
    matches!(all.server, Server::Postgres | Server::Unknown)
}

/// How a finding begins where nothing tells the server.
fn where_said(all: &Migrations<'_>) -> &'static str {
    if all.server == Server::Postgres { "" } else { "in PostgreSQL " }
}

fn index(all: &Migrations<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for Migration { up, .. } in all.all.iter().filter(|_| may_be_postgres(all)) {
        for change in &up.changes {
            let What::CreateIndex { table, concurrently: false } = &change.what else { continue };
            if up.makes_table(table) {
                continue;
            }
            let fact = format!("{}nobody can write to `{table}` until this index is built", where_said(all));
            let help = format!(
                "write `CREATE INDEX CONCURRENTLY` in a migration of its own, outside of a transaction\n{PLAYED}"
            );
            found.push(up.spot(change).mistake(fact, help));
        }
    }
    found
}

fn concurrently(all: &Migrations<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for Migration { up, in_transaction, .. } in &all.all {
        let mut open = *in_transaction;
        for change in &up.changes {
            match &change.what {
                What::Begin => open = true,
                What::End => open = *in_transaction,
                What::CreateIndex { concurrently: true, .. } if open => {
                    let fact =
                        "`CREATE INDEX CONCURRENTLY` is refused in a transaction, and this migration is one";
                    let help = "ask the tool for none (`-- +goose NO TRANSACTION`, `-- migrate:up transaction:false`), and put nothing else into the file";
                    found.push(up.spot(change).mistake(fact, help));
                }
                _ => {}
            }
        }
    }
    found
}

fn constraint(all: &Migrations<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for Migration { up, .. } in all.all.iter().filter(|_| may_be_postgres(all)) {
        for change in &up.changes {
            let What::AddConstraint { table, kind } = &change.what else { continue };
            if up.makes_table(table) {
                continue;
            }
            let fact = format!(
                "{}every row of `{table}` is checked for this {kind} while writes wait",
                where_said(all)
            );
            let how = match *kind {
                "UNIQUE" | "PRIMARY KEY" => {
                    "build a unique index with `CONCURRENTLY` first, and add the constraint `USING INDEX`"
                }
                "EXCLUDE" => "there is no way without the lock: do it when few write, with a `lock_timeout`",
                _ => "add it `NOT VALID`, and `VALIDATE CONSTRAINT` in a migration after it",
            };
            found.push(up.spot(change).mistake(fact, format!("{how}\n{PLAYED}")));
        }
    }
    found
}
