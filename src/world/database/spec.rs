//! The resolved description of a database and of the migration that comes with the release.
//!
//! The database belongs to the service that is rolled out. One table matters, and in it one *column*: the one the
//! migration is about. Everything else in the database is as if it were not there.
//!
//! Traps: shares are of the service's requests, not of the queries; a rate of rows per second is how fast one statement
//! goes through the table, not how fast users write.

use super::schema::{Constraints, Name};
use crate::quantity::{Bytes, Ratio};
use crate::time::SimDuration;

/// The database of the service that is rolled out.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseSpec {
    /// Rows of the table at time zero.
    pub rows: f64,
    /// Size of the whole database: what a restore has to read.
    pub bytes: Bytes,
    /// Share of the service's requests that read the column.
    pub reads: Ratio,
    /// Share of the service's requests that write the column; with `reads` at most 1.
    pub writes: Ratio,
    /// Share of those writes that insert a new row; the others update a random one.
    pub inserts: Ratio,
    /// What the column has before the migration.
    pub constraints: Constraints,
    /// Share of what the new revision writes that the old type does not hold and the old revision cannot read.
    pub unreadable: Ratio,
    /// What code does with a NULL where it expects a value.
    pub on_null: OnNull,
    /// How long a query waits for a lock before it fails.
    pub lock_timeout: SimDuration,
    /// Backups.
    pub backup: BackupSpec,
    /// Time between two runs of the job that compares the table with its source.
    pub reconcile_every: SimDuration,
    /// After a halt of writes: how long until a person allows them again; `None` = not in this run.
    pub resume_after: Option<SimDuration>,
    /// The migration; `None` = the release leaves the schema alone.
    pub migration: Option<MigrationSpec>,
}

/// What code does with a NULL where it expects a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNull {
    /// The request fails.
    #[default]
    Fails,
    /// It answers wrongly, with status 200.
    AnswersWrongly,
}

/// Backups of the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackupSpec {
    /// Whether there are any, and whether they can be read.
    pub state: BackupState,
    /// How old the newest one is at the deploy.
    pub age: SimDuration,
    /// Time from one to the next.
    pub every: SimDuration,
    /// Bytes per second that a restore gets through.
    pub per_second: Bytes,
}

/// Whether backups are any good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackupState {
    /// They can be restored.
    #[default]
    Good,
    /// They exist, and a restore fails when it has read them.
    Broken,
    /// There are none.
    Absent,
}

/// The migration that comes with the release.
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationSpec {
    /// Its steps, in order.
    pub up: Vec<StepSpec>,
    /// What undoes it once all of it is done; where this is empty each step is undone by its inverse, last one first.
    pub down: Vec<StepSpec>,
    /// What the new revision does with the column.
    pub candidate: CandidateCode,
    /// Whether a type that is made narrower again cuts what does not fit; else the statement is refused.
    pub truncates: bool,
}

/// What the new revision does with the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateCode {
    /// The name under which it wants the column in the end.
    pub column: Name,
    /// Whether it goes on with the old name until the step [`StepKind::Switch`]; else it wants its own from the start.
    pub waits_for_switch: bool,
    /// Whether it writes both columns as long as both exist.
    pub dual_writes: bool,
}

impl CandidateCode {
    /// Code that uses the column as the old revision does.
    pub const UNCHANGED: CandidateCode =
        CandidateCode { column: Name::Original, waits_for_switch: false, dual_writes: false };
}

/// When a step is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the first pod of the new revision starts.
    Before,
    /// After the new revision has all traffic.
    After,
}

/// Whom a statement keeps waiting while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// Nobody.
    #[default]
    Nobody,
    /// Requests that write the column.
    Writers,
    /// Requests that read or write the column.
    Everybody,
}

/// What a step does to the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A new, empty, nullable column beside the original one.
    AddColumn,
    /// Copies the original column into the new one, row by row, where the new one is NULL.
    Backfill,
    /// A flag: the new revision reads the new column from now on, and writes only that one unless it writes both.
    Switch,
    /// Drops NOT NULL from the column of this name.
    Relax(Name),
    /// Makes the column of this name NOT NULL; fails if a row has none.
    SetNotNull(Name),
    /// Gives the new column the other constraints of the original one (unique, foreign key).
    AddConstraints,
    /// Drops the column of this name with its constraints and its values.
    DropColumn(Name),
    /// The column goes by the other name from now on.
    Rename,
    /// Another, wider type for the original column.
    ChangeType,
    /// Adds, copies, drops and renames in one transaction.
    Swap,
}

/// A step of a migration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSpec {
    /// What it does.
    pub what: StepKind,
    /// When it is run.
    pub when: When,
    /// Pause before it, from the end of the step before (or the promotion): phases are deployments of their own.
    pub pause: SimDuration,
    /// Whom it keeps waiting.
    pub lock: Lock,
    /// Its fixed duration.
    pub takes: SimDuration,
    /// Rows it gets through per second, if its duration depends on them.
    pub rows_per_second: Option<f64>,
    /// What each request that touches the table waits longer while it runs.
    pub load: SimDuration,
    /// Chance that it fails in the middle.
    pub fails: Ratio,
}

/// Fixed duration of a statement that changes the catalogue only.
const CATALOGUE_ONLY: SimDuration = SimDuration::from_millis(100);

impl StepSpec {
    /// A step with the locks and durations its kind has by default.
    ///
    /// The locks are PostgreSQL's (documentation of `ALTER TABLE`, `CREATE INDEX` and "Explicit Locking"): adding a nullable
    /// column, dropping and renaming change the catalogue only but lock everybody out for that moment; NOT NULL is checked by
    /// a scan under the same lock; a unique index built the plain way blocks writers; another type rewrites the table
    /// under the strongest lock. The speeds are round numbers for one ordinary disk: half a million rows a second
    /// scanned, a hundred thousand indexed, fifty thousand rewritten, ten thousand updated in batches.
    pub fn of(what: StepKind) -> Self {
        let (lock, takes, rows_per_second) = match what {
            StepKind::AddColumn | StepKind::Relax(_) | StepKind::DropColumn(_) | StepKind::Rename => {
                (Lock::Everybody, CATALOGUE_ONLY, None)
            }
            StepKind::Backfill => (Lock::Nobody, CATALOGUE_ONLY, Some(10_000.0)),
            StepKind::Switch => (Lock::Nobody, SimDuration::from_secs(1), None),
            StepKind::SetNotNull(_) => (Lock::Everybody, CATALOGUE_ONLY, Some(500_000.0)),
            StepKind::AddConstraints => (Lock::Writers, CATALOGUE_ONLY, Some(100_000.0)),
            StepKind::ChangeType | StepKind::Swap => (Lock::Everybody, CATALOGUE_ONLY, Some(50_000.0)),
        };
        let load = match what {
            StepKind::Backfill => SimDuration::from_millis(2),
            _ => SimDuration::ZERO,
        };
        let (when, pause) = (When::Before, SimDuration::ZERO);
        StepSpec { what, when, pause, lock, takes, rows_per_second, load, fails: Ratio::ZERO }
    }

    /// The same after the promotion, after a pause.
    #[must_use]
    pub fn after(self, pause: SimDuration) -> Self {
        StepSpec { when: When::After, pause, ..self }
    }

    /// How long it takes on a table of this many rows.
    pub fn duration(&self, rows: f64) -> SimDuration {
        match self.rows_per_second {
            Some(speed) if speed > 0.0 => self.takes + SimDuration::from_secs_f64(rows.max(0.0) / speed),
            _ => self.takes,
        }
    }

    /// What undoes it; `None` if nothing does. The inner `None` is a step that leaves nothing to undo.
    pub fn inverse(&self) -> Option<Option<StepSpec>> {
        let what = match self.what {
            StepKind::AddColumn => StepKind::DropColumn(Name::Added),
            StepKind::Relax(name) => StepKind::SetNotNull(name),
            StepKind::SetNotNull(name) => StepKind::Relax(name),
            // The same statement turns a flag back, gives the other name back and the narrow type.
            StepKind::Switch | StepKind::Rename | StepKind::ChangeType | StepKind::AddConstraints => {
                self.what
            }
            StepKind::Backfill => return Some(None),
            StepKind::DropColumn(_) | StepKind::Swap => return None,
        };
        let back = StepSpec { fails: self.fails, ..StepSpec::of(what) };
        Some(Some(if what == self.what { StepSpec { pause: SimDuration::ZERO, ..*self } } else { back }))
    }
}

impl StepKind {
    /// What it is called in timelines.
    pub const fn words(self) -> &'static str {
        match self {
            StepKind::AddColumn => "add the column",
            StepKind::Backfill => "backfill",
            StepKind::Switch => "switch to the new column",
            StepKind::Relax(_) => "drop NOT NULL",
            StepKind::SetNotNull(_) => "set NOT NULL",
            StepKind::AddConstraints => "add the constraints",
            StepKind::DropColumn(_) => "drop the column",
            StepKind::Rename => "rename the column",
            StepKind::ChangeType => "change the type",
            StepKind::Swap => "swap the column",
        }
    }
}
