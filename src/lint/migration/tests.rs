use super::*;
use crate::lint::check_migrations;

fn ids(files: &[(&str, &str)]) -> Vec<(&'static str, Option<u32>)> {
    let texts: Vec<Text<'_>> = files.iter().map(|(name, text)| Text { name, text }).collect();
    let migrations = Migrations::parse(&texts);
    let found = check_migrations(&migrations);
    found.iter().map(|one| (one.code.unwrap_or_default(), one.location.map(|at| at.line))).collect()
}

fn names(text: &str) -> Vec<&'static str> {
    ids(&[("plain.sql", text)]).into_iter().map(|(id, _)| id).collect()
}

/// Statements and what is said of them; each has its harmless twin.
#[test]
fn statements_are_judged_by_what_the_old_revision_meets() {
    for (text, expected) in [
        (
            "ALTER TABLE ONLY \"public\".\"users\" DROP COLUMN IF EXISTS \"email\" CASCADE;",
            "migration-drops-column",
        ),
        ("alter table users drop email, drop constraint c;", "migration-drops-column"),
        ("DROP TABLE IF EXISTS a, b CASCADE;", "migration-drops-table"),
        ("DROP VIEW v;", "migration-drops-table"),
        ("ALTER TABLE a RENAME TO b;", "migration-renames"),
        ("RENAME TABLE a TO b;", "migration-renames"),
        ("ALTER TABLE `a` CHANGE COLUMN `x` `y` int;", "migration-renames"),
        ("ALTER TABLE a ALTER COLUMN b SET DATA TYPE varchar(20);", "migration-changes-type"),
        ("ALTER TABLE a ADD b int NOT NULL;", "migration-demands-value"),
        ("ALTER TABLE a ADD b int NOT NULL DEFAULT NULL;", "migration-demands-value"),
        ("ALTER TABLE a ALTER b SET NOT NULL;", "migration-demands-value"),
        ("TRUNCATE TABLE a, b;", "migration-deletes-all-rows"),
        ("DELETE FROM a;", "migration-deletes-all-rows"),
        ("UPDATE a SET b = (c);", "migration-updates-all-rows"),
        ("CREATE UNIQUE INDEX ON a (b);", "index-locks-writes"),
        ("BEGIN; CREATE INDEX CONCURRENTLY i ON a (b); COMMIT;", "concurrently-in-transaction"),
        ("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c (d);", "constraint-checks-all-rows"),
        ("ALTER TABLE a ADD CONSTRAINT u UNIQUE (b);", "constraint-checks-all-rows"),
    ] {
        let found = names(text);
        assert!(!found.is_empty() && found.iter().all(|id| *id == expected), "{text}: {found:?}");
    }
    for harmless in [
        "ALTER TABLE a DROP CONSTRAINT c;",
        "ALTER TABLE a ADD COLUMN b int;",
        "ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 0;",
        "ALTER TABLE a ADD COLUMN b bigint GENERATED ALWAYS AS IDENTITY NOT NULL;",
        "ALTER TABLE a ADD COLUMN b int CHECK (b IS NOT NULL);",
        "ALTER TABLE a ALTER COLUMN b SET DEFAULT 1, ALTER COLUMN b SET NOT NULL;",
        "ALTER TABLE a ALTER COLUMN b TYPE text;",
        "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID;",
        "ALTER TABLE a ADD CONSTRAINT u UNIQUE USING INDEX i;",
        "ALTER TABLE a VALIDATE CONSTRAINT c;",
        "CREATE INDEX CONCURRENTLY i ON a (b);",
        "CREATE TABLE a (b int NOT NULL); CREATE INDEX ON a (b); UPDATE a SET b = 1; ALTER TABLE a ADD UNIQUE (b);",
        "CREATE TEMP TABLE t (a int); DELETE FROM t; DROP TABLE t;",
        "DELETE FROM a WHERE b < 1; DELETE a FROM a JOIN c USING (d); UPDATE a SET b = 1 LIMIT 5;",
        "DROP VIEW v; CREATE VIEW v AS SELECT 1;",
        "ALTER TABLE a RENAME TO b; CREATE VIEW a AS SELECT * FROM b;",
        "INSERT INTO a VALUES ('DROP TABLE b;'); -- DROP TABLE c;",
        "CREATE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM a; END $$ LANGUAGE plpgsql;",
        "ALTER TABLE `a` ADD INDEX (b); ALTER TABLE `a` ADD UNIQUE KEY u (b); CREATE INDEX i ON `a` (b);",
    ] {
        assert_eq!(names(harmless), Vec::<&str>::new(), "{harmless}");
    }
}

/// The way SQLite documents for what its `ALTER TABLE` cannot do.
#[test]
fn a_table_that_is_rebuilt_is_not_gone() {
    let text = "PRAGMA foreign_keys=OFF;\nCREATE TABLE users_new (id integer);\nINSERT INTO users_new SELECT id FROM users;\n\
                DROP TABLE users;\nALTER TABLE users_new RENAME TO users;\n";
    assert_eq!(names(text), Vec::<&str>::new());
}

/// The migration a guide calls reversible: it swaps a column, and loses what is written meanwhile.
#[test]
fn a_swap_is_told_as_a_swap() {
    let text = "ALTER TABLE users ADD COLUMN email_new VARCHAR(255);\nUPDATE users SET email_new = email;\n\
                ALTER TABLE users DROP COLUMN email;\nALTER TABLE users RENAME COLUMN email_new TO email;\n";
    let found = ids(&[("a.sql", text)]);
    assert_eq!(found, [("migration-swaps-column", Some(3)), ("migration-updates-all-rows", Some(2))]);
}

#[test]
fn ways_down_are_looked_for_where_the_tool_has_them() {
    let up = "CREATE TABLE a (b int);";
    let without = |files: &[(&str, &str)]| ids(files).iter().any(|(id, _)| *id == "migration-without-down");
    assert!(without(&[("1_a.up.sql", up)]));
    assert!(without(&[("1_a.up.sql", up), ("1_a.down.sql", "-- nothing\nSELECT 1;")]));
    assert!(!without(&[("1_a.up.sql", up), ("1_a.down.sql", "DROP TABLE a;")]));
    assert!(without(&[("m/up.sql", up)]) && !without(&[("m/up.sql", up), ("m/down.sql", "DROP TABLE a;")]));
    assert!(without(&[("a.sql", "-- +goose Up\nCREATE TABLE a (b int);\n")]));
    assert!(without(&[("a.sql", "-- migrate:up\nCREATE TABLE a (b int);\n-- migrate:down\n")]));
    // Flyway's undo scripts are an extra, so only a gap among them is one.
    assert!(!without(&[("V1__a.sql", up), ("V2__b.sql", up)]));
    assert!(without(&[("V1__a.sql", up), ("V2__b.sql", up), ("U2__b.sql", "DROP TABLE a;")]));
    assert!(!without(&[("plain.sql", up), ("empty.up.sql", "-- nothing")]));
}

#[test]
fn what_a_way_down_restores_and_leaves() {
    let pair = |up: &str, down: &str| {
        let found = ids(&[("1_a.up.sql", up), ("1_a.down.sql", down)]);
        found.into_iter().map(|(id, _)| id).filter(|id| id.starts_with("down")).collect::<Vec<_>>()
    };
    assert_eq!(pair("ALTER TABLE a DROP b;", "ALTER TABLE a ADD b int;"), ["down-cannot-restore"]);
    assert_eq!(pair("DROP TABLE a;", "CREATE TABLE a (b int);"), ["down-cannot-restore"]);
    let kept = "ALTER TABLE a ADD b int; UPDATE a SET b = k.b FROM kept k WHERE k.id = a.id;";
    assert!(pair("ALTER TABLE a DROP b;", kept).is_empty(), "it may be filled in from a copy");
    assert_eq!(pair("ALTER TABLE a ADD b int, ADD c int;", "ALTER TABLE a DROP b;"), ["down-leaves-behind"]);
    assert!(pair("CREATE TABLE a (b int);", "DROP TABLE public.A;").is_empty());
    assert!(pair("CREATE TABLE a (b int);", "DO $$ x $$;").is_empty(), "not read, so nothing is claimed");
    assert!(pair("CREATE TABLE a (b int); ALTER TABLE a ADD c int;", "DROP TABLE a;").is_empty());
}

#[test]
fn what_is_not_read_is_listed_with_its_place() {
    let text =
        "SELECT 1;\nALTER TABLE `a` MODIFY b varchar(9);\nFROBNICATE x;\nDO $$ y $$;\nDROP TABLE 'x;\n";
    let migrations = Migrations::parse(&[Text { name: "a.sql", text }]);
    let lines: Vec<u32> = migrations.not_read().iter().filter_map(|one| Some(one.location?.line)).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert!(check_migrations(&migrations).is_empty());
}

#[test]
fn servers_are_told_by_words_only_one_has() {
    for (text, expected) in [
        ("CREATE TABLE a (b jsonb)", Server::Postgres),
        ("DO $$ x $$", Server::Postgres),
        ("CREATE TABLE `a` (b int)", Server::MySql),
        ("CREATE TABLE a (b integer PRIMARY KEY AUTOINCREMENT)", Server::Sqlite),
        ("CREATE TABLE [a] (b int)", Server::Microsoft),
        ("CREATE TABLE a (b int)", Server::Unknown),
        ("CREATE TABLE `a` (b jsonb)", Server::Unknown),
    ] {
        assert_eq!(server(&[Text { name: "a.sql", text }]), expected, "{text}");
    }
}

#[test]
fn hostile_texts_are_survived() {
    for text in [
        "ALTER TABLE",
        "ALTER TABLE a",
        "ALTER TABLE a ADD",
        "ALTER TABLE a ADD (",
        "DROP TABLE",
        "CREATE INDEX ON",
        "RENAME TABLE a",
        "UPDATE",
        "DELETE",
        "((((((",
        "))))",
        ",,,",
        "ALTER TABLE a ALTER COLUMN",
        "-- migrate:",
        "-- +goose",
        "-- +goose Down",
        "TRUNCATE ,",
        "CREATE TABLE",
        "\u{0}",
        "ALTER TABLE a CHANGE b",
    ] {
        ids(&[("a.sql", text), (".up.sql", text), ("down.sql", text), ("V__.sql", text)]);
    }
    let deep = format!("ALTER TABLE a ADD {}", "(".repeat(100_000));
    names(&deep);
    names(&format!("ALTER TABLE a ADD {}b int{}", "(".repeat(5_000), ")".repeat(5_000)));
}
