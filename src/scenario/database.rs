//! The `database:` block: as written, and checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::migrations;
use super::resolve::Checker;
use crate::catalogue::Catalogue;
use crate::quantity::{Bytes, Ratio};
use crate::time::SimDuration;
use crate::world::database::schema::Constraints;
use crate::world::database::spec::{BackupSpec, BackupState, DatabaseSpec, OnNull};

/// Most rows of the table.
const MAX_ROWS: u64 = 1_000_000_000_000;
/// Longest age of a backup and longest pause.
pub(super) const LONGEST: SimDuration = SimDuration::from_secs(30 * 86_400);

/// The database of the service that is rolled out, as far as it matters: one table, and in it the one column that a
/// migration is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Rows of the table, 1 to 1e12.
    pub rows: u64,
    /// Size of the database: what a restore has to get through.
    #[serde(default = "one_gibibyte")]
    pub bytes: Bytes,
    /// Share of the service's requests that read the column.
    #[serde(default = "half")]
    pub reads: Ratio,
    /// Share of the service's requests that write the column; with `reads` at most 100%.
    #[serde(default = "ten_percent")]
    pub writes: Ratio,
    /// Share of those writes that insert a new row; the others update a random one.
    #[serde(default = "ten_percent")]
    pub inserts: Ratio,
    /// Constraints of the column before the migration.
    #[serde(default = "only_not_null")]
    pub constraints: Vec<Constraint>,
    /// Share of what the new revision writes that the old type does not hold and the old revision cannot read.
    #[serde(default = "nothing")]
    pub unreadable: Ratio,
    /// What code does with a NULL where it expects a value.
    #[serde(default)]
    pub on_null: NullMeans,
    /// How long a query waits for a lock before it fails.
    #[serde(default = "ten_seconds")]
    pub lock_timeout: SimDuration,
    /// Backups.
    #[serde(default)]
    pub backup: Backup,
    /// Time between two runs of the job that compares the table with its source and sets
    /// `backout_reconciliation_mismatches`.
    #[serde(default = "five_minutes")]
    pub reconcile_every: SimDuration,
    /// When a policy has halted the writes (`stop`): how long until a person allows them again; not in this run if absent.
    #[serde(default)]
    pub resume_after: Option<SimDuration>,
}

/// A constraint of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// Every row has a value.
    NotNull,
    /// No two rows have the same.
    Unique,
    /// Values refer to another table.
    ForeignKey,
}

/// What code does with a NULL where it expects a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NullMeans {
    /// The request fails.
    #[default]
    Failure,
    /// It answers wrongly, with status 200.
    WrongAnswer,
}

/// Backups of the database.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// Whether there are any, and whether they can be read.
    pub state: Backups,
    /// How old the newest one is at the deploy.
    pub age: SimDuration,
    /// Time from one to the next; one that is taken after rows were corrupted holds the corrupted rows.
    pub every: SimDuration,
    /// Bytes that a restore gets through per second.
    pub per_second: Bytes,
}

/// Whether backups are any good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backups {
    /// They can be restored.
    #[default]
    Good,
    /// They exist, and a restore fails when it has read them.
    Broken,
    /// There are none.
    Absent,
}

impl Default for Backup {
    fn default() -> Self {
        Backup {
            state: Backups::Good,
            age: SimDuration::from_mins(6 * 60),
            every: SimDuration::from_mins(24 * 60),
            per_second: Bytes::new(50 << 20),
        }
    }
}

/// The database with its migration, checked; nothing if the document has none.
pub(super) fn resolve(checker: &mut Checker<'_>) -> Option<Box<DatabaseSpec>> {
    let document = checker.document;
    let Some(database) = &document.database else {
        need_one(checker);
        return None;
    };
    check(checker, database);
    let constraints = Constraints {
        not_null: database.constraints.contains(&Constraint::NotNull),
        unique: database.constraints.contains(&Constraint::Unique),
        foreign_key: database.constraints.contains(&Constraint::ForeignKey),
    };
    let migration = document.change.migration.as_ref();
    let migration = migration.map(|migration| migrations::resolve(checker, migration, constraints));
    let backup = database.backup;
    Some(Box::new(DatabaseSpec {
        rows: database.rows as f64,
        bytes: database.bytes,
        reads: database.reads,
        writes: database.writes,
        inserts: database.inserts,
        constraints,
        unreadable: database.unreadable,
        on_null: match database.on_null {
            NullMeans::Failure => OnNull::Fails,
            NullMeans::WrongAnswer => OnNull::AnswersWrongly,
        },
        lock_timeout: database.lock_timeout,
        backup: BackupSpec {
            state: match backup.state {
                Backups::Good => BackupState::Good,
                Backups::Broken => BackupState::Broken,
                Backups::Absent => BackupState::Absent,
            },
            age: backup.age,
            every: backup.every,
            per_second: backup.per_second,
        },
        reconcile_every: database.reconcile_every,
        resume_after: database.resume_after,
        migration,
    }))
}

/// What makes no sense without a database.
fn need_one(checker: &mut Checker<'_>) {
    let help = "add a block like `database: {rows: 1000000}`";
    if checker.document.change.migration.is_some() {
        checker.error(&["change", "migration"], "a migration, and no database", help);
    }
    for (index, rollout) in checker.document.rollouts.iter().enumerate() {
        let procedure = rollout.rollback.as_ref().filter(|way| way.as_dyn().needs_database());
        if let Some(procedure) = procedure {
            let fact = format!("`{}` is about a database, and there is none", procedure.name());
            checker.error(&["rollouts", &index.to_string(), "rollback"], fact, help);
        }
    }
    for (index, fault) in checker.document.change.faults.iter().enumerate() {
        if fault.as_dyn().needs_database() {
            let fact = format!("`{}` does nothing without a database", fault.name());
            checker.error(&["change", "faults", &index.to_string()], fact, help);
        }
    }
}

fn check(checker: &mut Checker<'_>, database: &Database) {
    if database.rows == 0 || database.rows > MAX_ROWS {
        let fact = format!("{} rows are not between 1 and {MAX_ROWS}", database.rows);
        checker.error(&["database", "rows"], fact, "give the rows of the table that is migrated");
    }
    if database.reads.get() + database.writes.get() > 1.0 {
        let fact = format!("{} of the requests read and {} write", database.reads, database.writes);
        checker.error(&["database", "reads"], fact, "a request does one of them: at most 100% together");
    }
    let (one_second, second) = (SimDuration::from_secs(1), SimDuration::from_millis(1));
    checker.span(&["database", "lock_timeout"], database.lock_timeout, second, LONGEST);
    checker.span(&["database", "reconcile_every"], database.reconcile_every, one_second, LONGEST);
    checker.span(&["database", "backup", "age"], database.backup.age, SimDuration::ZERO, LONGEST);
    let minute = SimDuration::from_mins(1);
    checker.span(&["database", "backup", "every"], database.backup.every, minute, LONGEST);
    if database.backup.per_second.get() == 0 {
        let help = "give what a restore gets through in a second, like `50MiB`";
        checker.error(&["database", "backup", "per_second"], "a restore that never ends", help);
    }
}

fn one_gibibyte() -> Bytes {
    Bytes::new(1 << 30)
}
fn half() -> Ratio {
    Ratio::HALF
}
fn ten_percent() -> Ratio {
    Ratio::new(0.1).unwrap_or(Ratio::ZERO)
}
fn nothing() -> Ratio {
    Ratio::ZERO
}
fn only_not_null() -> Vec<Constraint> {
    vec![Constraint::NotNull]
}
fn ten_seconds() -> SimDuration {
    SimDuration::from_secs(10)
}
fn five_minutes() -> SimDuration {
    SimDuration::from_mins(5)
}

#[cfg(test)]
mod tests {
    use super::super::{Scenario, read};
    use crate::diagnostic::Source;
    use crate::world::database::schema::Name;
    use crate::world::database::spec::{StepKind, When};

    fn resolve(database: &str, change: &str) -> Result<Scenario, String> {
        let text = format!(
            "format: 1\nservices: {{shop: {{service_time: 20ms}}}}\ntraffic: [{{to: shop, rate: 10/s}}]\n\
             rollouts: [{{service: shop, strategy: {{rolling: {{}}}}}}]\n{database}\nchange: {change}\n"
        );
        let read = read("test/database", Source::new("s.yaml", &text));
        read.map(|resolved| resolved.scenario).map_err(|findings| findings.render(false))
    }

    #[test]
    fn what_needs_a_database_says_so_at_its_place() {
        let error =
            resolve("", "{migration: {one_shot: {}}, faults: [{error_burst: {share: 1%}}]}").unwrap_err();
        assert!(error.contains("a migration, and no database") && error.contains("s.yaml:"), "{error}");
        let error = resolve("", "{faults: [{silent_corruption: {share: 1%}}]}").unwrap_err();
        assert!(error.contains("`silent_corruption` does nothing without a database"), "{error}");
    }

    #[test]
    fn ranges_are_checked() {
        let fault = "{faults: [{error_burst: {share: 1%}}]}";
        for (database, expected) in [
            ("database: {rows: 0}", "0 rows are not between"),
            ("database: {rows: 9, reads: 70%, writes: 40%}", "at most 100% together"),
            ("database: {rows: 9, lock_timeout: 0s}", "0s is not between"),
            ("database: {rows: 9, backup: {per_second: 0B}}", "a restore that never ends"),
        ] {
            let error = resolve(database, fault).unwrap_err();
            assert!(error.contains(expected), "{database}: {error}");
        }
        let steps = "{migration: {steps: {up: [{step: backfill, when: after}, {step: add_column}]}}}";
        let error = resolve("database: {rows: 9}", steps).unwrap_err();
        assert!(error.contains("a step before the release behind one after it"), "{error}");
        let slow = "{migration: {one_shot: {rows_per_second: 0/s}}}";
        assert!(resolve("database: {rows: 9}", slow).unwrap_err().contains("fewer than one row a second"));
    }

    #[test]
    fn phased_migrations_have_the_steps_their_options_ask_for() {
        let steps = |phased: &str, constraints: &str| {
            let database = format!("database: {{rows: 9, constraints: [{constraints}]}}");
            let change =
                format!("{{migration: {{phased: {{{phased}}}}}, faults: [{{error_burst: {{share: 1%}}}}]}}");
            let scenario = resolve(&database, &change).unwrap();
            let up = scenario.world.database.unwrap().migration.unwrap().up;
            assert!(up[0].when == When::Before && up[1..].iter().all(|step| step.when == When::After));
            up.into_iter().map(|step| step.what).collect::<Vec<_>>()
        };
        use StepKind::{AddColumn, AddConstraints, Backfill, DropColumn, Relax, SetNotNull, Switch};
        let (original, added) = (Name::Original, Name::Added);
        assert_eq!(
            steps("dual_writes: true", "not_null, unique"),
            [AddColumn, Backfill, Switch, SetNotNull(added), AddConstraints, DropColumn(original)]
        );
        assert_eq!(
            steps("dual_writes: false, constraints: false, contract: false", "not_null"),
            [AddColumn, Backfill, Relax(original), Switch]
        );
        assert_eq!(steps("dual_writes: false", ""), [AddColumn, Backfill, Switch, DropColumn(original)]);
    }
}
