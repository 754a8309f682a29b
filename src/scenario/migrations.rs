//! The migration of a change: as written, and as the steps it stands for.
//!
//! `phased`, `one_shot` and `change_type` are lists of steps with good defaults; `steps` is a list of one's own. Which locks
//! and durations a step has when nothing is said is in [`StepSpec::of`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::database::LONGEST;
use super::resolve::Checker;
use crate::quantity::{Rate, Ratio};
use crate::time::SimDuration;
use crate::world::database::schema::{Constraints, Name};
use crate::world::database::spec::{CandidateCode, Lock, MigrationSpec, StepKind, StepSpec, When};

/// Most steps of a migration.
const MAX_STEPS: usize = 50;

/// The migration that comes with the release; the bad twin and the healthy one have the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// Another column in phases: add it before the release; after the promotion fill it, switch to it, and drop the old one.
    Phased(Phased),
    /// Add, copy, drop and rename in one go before the release; undone by the same four steps.
    OneShot(OneShot),
    /// Another, wider type for the column, in place, before the release.
    ChangeType(ChangeType),
    /// Steps of your own.
    Steps(Steps),
}

/// Another column in phases, each a deployment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Phased {
    /// Whether the new revision writes both columns as long as both exist. Without it, what is written between the backfill and
    /// the switch is lost, and so is what is written after the switch if the old revision comes back.
    pub dual_writes: bool,
    /// Pause before each phase.
    pub pause: SimDuration,
    /// Whether the new column gets the constraints of the old one.
    pub constraints: bool,
    /// Whether the old column is dropped in the end: from there on the old revision cannot come back.
    pub contract: bool,
    /// Rows the backfill gets through per second.
    pub rows_per_second: Rate,
    /// What each request that touches the table waits longer while the backfill runs.
    pub load: SimDuration,
    /// Chance that a step fails in the middle.
    pub fails: Ratio,
}

/// Add, copy, drop and rename in one go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OneShot {
    /// Whether the four are one transaction: everybody waits for all of it, and nothing is lost. Else what is written while the
    /// copy runs is lost.
    pub transactional: bool,
    /// Rows the copy gets through per second.
    pub rows_per_second: Rate,
    /// What each request that touches the table waits longer while the copy runs.
    pub load: SimDuration,
    /// Chance that a step fails in the middle.
    pub fails: Ratio,
}

/// Another, wider type for the column, in place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeType {
    /// Rows that are rewritten per second, with everybody locked out.
    pub rows_per_second: Rate,
    /// Whether the way back cuts values that do not fit the old type; else it is refused while there are any.
    pub truncates: bool,
    /// Chance that it fails in the middle.
    pub fails: Ratio,
}

/// A migration of steps of one's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// The steps, in order; those before the release first.
    pub up: Vec<Step>,
    /// What undoes all of it; if absent, each step is undone by its inverse, last one first.
    #[serde(default)]
    pub down: Vec<Step>,
    /// What the new revision does with the column.
    #[serde(default)]
    pub candidate: Candidate,
    /// Whether the way back of `change_type` cuts values that do not fit; else it is refused while there are any.
    #[serde(default)]
    pub truncates: bool,
}

/// What the new revision does with the column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Candidate {
    /// The column it wants in the end.
    pub column: ColumnName,
    /// Whether it goes on with the old one until the step `switch`.
    pub waits_for_switch: bool,
    /// Whether it writes both as long as both exist.
    pub dual_writes: bool,
}

/// One of the two names of the column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnName {
    /// The one the old revision knows.
    #[default]
    Original,
    /// The one the migration brings.
    Added,
}

/// A step of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it does.
    pub step: StepName,
    /// When it is run.
    #[serde(default)]
    pub when: Moment,
    /// Pause before it.
    #[serde(default = "no_time")]
    pub pause: SimDuration,
    /// Whom it keeps waiting while it runs; what PostgreSQL does if absent.
    #[serde(default)]
    pub lock: Option<LockName>,
    /// Its fixed duration; 100ms if absent.
    #[serde(default)]
    pub takes: Option<SimDuration>,
    /// Rows it gets through per second, beside the fixed duration.
    #[serde(default)]
    pub rows_per_second: Option<Rate>,
    /// What each request that touches the table waits longer while it runs.
    #[serde(default)]
    pub load: Option<SimDuration>,
    /// Chance that it fails in the middle.
    #[serde(default = "nothing")]
    pub fails: Ratio,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// A new, empty, nullable column.
    AddColumn,
    /// Copies the old column into the new one where that is NULL.
    Backfill,
    /// The new revision uses the new column from now on.
    Switch,
    /// Drops NOT NULL from the old column.
    DropNotNull,
    /// Makes the new column NOT NULL; fails if a row has no value.
    SetNotNull,
    /// Gives the new column the other constraints of the old one.
    AddConstraints,
    /// Drops the old column.
    DropColumn,
    /// Drops the new column.
    DropAdded,
    /// Gives the column that is left the other name.
    RenameColumn,
    /// A wider type for the old column.
    ChangeType,
}

/// When a step is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the first pod of the new revision starts.
    #[default]
    Before,
    /// After the new revision has all traffic.
    After,
}

/// Whom a statement keeps waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockName {
    /// Nobody.
    Nobody,
    /// Requests that write the column.
    Writers,
    /// Requests that read or write the column.
    Everybody,
}

impl Default for Phased {
    fn default() -> Self {
        let backfill = StepSpec::of(StepKind::Backfill);
        Phased {
            dual_writes: true,
            pause: five_minutes(),
            constraints: true,
            contract: true,
            rows_per_second: speed(&backfill),
            load: backfill.load,
            fails: Ratio::ZERO,
        }
    }
}

impl Default for OneShot {
    fn default() -> Self {
        let backfill = StepSpec::of(StepKind::Backfill);
        let (rows_per_second, load) = (speed(&backfill), backfill.load);
        OneShot { transactional: false, rows_per_second, load, fails: Ratio::ZERO }
    }
}

impl Default for ChangeType {
    fn default() -> Self {
        let rows_per_second = speed(&StepSpec::of(StepKind::ChangeType));
        ChangeType { rows_per_second, truncates: false, fails: Ratio::ZERO }
    }
}

fn speed(step: &StepSpec) -> Rate {
    step.rows_per_second.and_then(|speed| Rate::per_second(speed).ok()).unwrap_or_default()
}

impl Phased {
    fn spec(&self, constraints: Constraints) -> MigrationSpec {
        let plain = |what| StepSpec { fails: self.fails, ..StepSpec::of(what) };
        let speed = Some(self.rows_per_second.get());
        let backfill = StepSpec { rows_per_second: speed, load: self.load, ..plain(StepKind::Backfill) };
        let (pause, at_once) = (self.pause, SimDuration::ZERO);
        let mut up = vec![plain(StepKind::AddColumn), backfill.after(pause)];
        if !self.dual_writes && constraints.not_null {
            // Code that no longer writes the old column could insert nothing otherwise.
            up.push(plain(StepKind::Relax(Name::Original)).after(pause));
            up.push(plain(StepKind::Switch).after(at_once));
        } else {
            up.push(plain(StepKind::Switch).after(pause));
        }
        if self.constraints && constraints.not_null {
            up.push(plain(StepKind::SetNotNull(Name::Added)).after(pause));
        }
        if self.constraints && (constraints.unique || constraints.foreign_key) {
            up.push(plain(StepKind::AddConstraints).after(at_once));
        }
        if self.contract {
            up.push(plain(StepKind::DropColumn(Name::Original)).after(pause));
        }
        let candidate =
            CandidateCode { column: Name::Added, waits_for_switch: true, dual_writes: self.dual_writes };
        MigrationSpec { up, down: Vec::new(), candidate, truncates: false }
    }
}

impl OneShot {
    fn spec(&self) -> MigrationSpec {
        let plain = |what| StepSpec { fails: self.fails, ..StepSpec::of(what) };
        let speed = Some(self.rows_per_second.get());
        let up = if self.transactional {
            vec![StepSpec { rows_per_second: speed, ..plain(StepKind::Swap) }]
        } else {
            let copy = StepSpec { rows_per_second: speed, load: self.load, ..plain(StepKind::Backfill) };
            let (drop, rename) = (StepKind::DropColumn(Name::Original), StepKind::Rename);
            vec![plain(StepKind::AddColumn), copy, plain(drop), plain(rename)]
        };
        MigrationSpec { down: up.clone(), up, candidate: CandidateCode::UNCHANGED, truncates: false }
    }
}

impl ChangeType {
    fn spec(&self) -> MigrationSpec {
        let speed = Some(self.rows_per_second.get());
        let change = StepSpec::of(StepKind::ChangeType);
        let up = vec![StepSpec { rows_per_second: speed, fails: self.fails, ..change }];
        let candidate = CandidateCode::UNCHANGED;
        MigrationSpec { up, down: Vec::new(), candidate, truncates: self.truncates }
    }
}

impl Step {
    fn spec(&self) -> StepSpec {
        let book = StepSpec::of(match self.step {
            StepName::AddColumn => StepKind::AddColumn,
            StepName::Backfill => StepKind::Backfill,
            StepName::Switch => StepKind::Switch,
            StepName::DropNotNull => StepKind::Relax(Name::Original),
            StepName::SetNotNull => StepKind::SetNotNull(Name::Added),
            StepName::AddConstraints => StepKind::AddConstraints,
            StepName::DropColumn => StepKind::DropColumn(Name::Original),
            StepName::DropAdded => StepKind::DropColumn(Name::Added),
            StepName::RenameColumn => StepKind::Rename,
            StepName::ChangeType => StepKind::ChangeType,
        });
        let lock = self.lock.map_or(book.lock, |lock| match lock {
            LockName::Nobody => Lock::Nobody,
            LockName::Writers => Lock::Writers,
            LockName::Everybody => Lock::Everybody,
        });
        StepSpec {
            when: if self.when == Moment::After { When::After } else { When::Before },
            pause: self.pause,
            lock,
            takes: self.takes.unwrap_or(book.takes),
            rows_per_second: self.rows_per_second.map(Rate::get).or(book.rows_per_second),
            load: self.load.unwrap_or(book.load),
            fails: self.fails,
            ..book
        }
    }
}

impl Steps {
    fn spec(&self) -> MigrationSpec {
        let column = match self.candidate.column {
            ColumnName::Original => Name::Original,
            ColumnName::Added => Name::Added,
        };
        let Candidate { waits_for_switch, dual_writes, .. } = self.candidate;
        MigrationSpec {
            up: self.up.iter().map(Step::spec).collect(),
            down: self.down.iter().map(Step::spec).collect(),
            candidate: CandidateCode { column, waits_for_switch, dual_writes },
            truncates: self.truncates,
        }
    }
}

/// The steps a migration stands for, checked.
pub(super) fn resolve(
    checker: &mut Checker<'_>,
    migration: &Migration,
    constraints: Constraints,
) -> MigrationSpec {
    check_migration(checker, migration);
    match migration {
        Migration::Phased(phased) => phased.spec(constraints),
        Migration::OneShot(one_shot) => one_shot.spec(),
        Migration::ChangeType(change) => change.spec(),
        Migration::Steps(steps) => steps.spec(),
    }
}

fn check_migration(checker: &mut Checker<'_>, migration: &Migration) {
    let base = ["change", "migration"];
    let in_kind = |kind, field| [base[0], base[1], kind, field];
    let mut speed = |kind, rate: Rate| {
        if rate.get() < 1.0 {
            let help = "write how many rows one statement gets through, like `10000/s`";
            checker.error(&in_kind(kind, "rows_per_second"), "fewer than one row a second", help);
        }
    };
    match migration {
        Migration::Phased(phased) => {
            speed("phased", phased.rows_per_second);
            let path = in_kind("phased", "pause");
            checker.span(&path, phased.pause, SimDuration::ZERO, LONGEST);
        }
        Migration::OneShot(one_shot) => speed("one_shot", one_shot.rows_per_second),
        Migration::ChangeType(change) => speed("change_type", change.rows_per_second),
        Migration::Steps(steps) => {
            check_steps(checker, "up", &steps.up);
            check_steps(checker, "down", &steps.down);
            if steps.up.is_empty() {
                let help = "write `- {step: add_column}`, or leave the migration out";
                checker.error(&in_kind("steps", "up"), "a migration without steps", help);
            }
        }
    }
}

fn check_steps(checker: &mut Checker<'_>, way: &str, steps: &[Step]) {
    let path = ["change", "migration", "steps", way];
    if steps.len() > MAX_STEPS {
        let fact = format!("{} steps are more than {MAX_STEPS}", steps.len());
        checker.error(&path, fact, "play the migrations of several releases one by one");
    }
    for (index, step) in steps.iter().enumerate() {
        let number = index.to_string();
        let field = |name| path.iter().copied().chain([number.as_str(), name]).collect::<Vec<_>>();
        checker.span(&field("pause"), step.pause, SimDuration::ZERO, LONGEST);
        if step.rows_per_second.is_some_and(|rate| rate.get() < 1.0) {
            let help = "write how many rows it gets through, like `10000/s`";
            checker.error(&field("rows_per_second"), "fewer than one row a second", help);
        }
        let late = index.checked_sub(1).and_then(|before| steps.get(before));
        if step.when == Moment::Before && late.is_some_and(|late| late.when == Moment::After) {
            let help = "steps before the release come first in the list";
            checker.error(&field("when"), "a step before the release behind one after it", help);
        }
    }
}

fn nothing() -> Ratio {
    Ratio::ZERO
}
fn no_time() -> SimDuration {
    SimDuration::ZERO
}
fn five_minutes() -> SimDuration {
    SimDuration::from_mins(5)
}
