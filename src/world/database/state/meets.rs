//! What the code of each revision meets in the present state: columns it needs, locks it waits for, values it finds.
//!
//! A request fails where a column it needs does not exist, where it inserts a row without a value that must be there,
//! where it waits for a lock longer than the time-out, or where it reads a value it cannot use. It answers wrongly where
//! it reads an older value than the one written last.

use super::super::effects::{Outcome, TableUse};
use super::super::schema::{Cell, Name};
use super::super::spec::{DatabaseSpec, Lock, OnNull, StepKind};
use super::{Damage, Database, Running, Task, part_of_wait};
use crate::effect::Revision;
use crate::time::SimTime;

/// What a revision's code does with the column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Code {
    pub(super) reads: Name,
    pub(super) writes: [bool; 2],
}

impl Database {
    /// What the code of a revision reads and writes.
    pub(super) fn code(&self, spec: &DatabaseSpec, revision: Revision) -> Code {
        let plain = Code { reads: Name::Original, writes: [true, false] };
        let knows = self.knows_new_schema(revision);
        let Some(migration) = spec.migration.as_ref().filter(|_| knows) else {
            return plain;
        };
        let candidate = migration.candidate;
        let own = !candidate.waits_for_switch || self.stage.switched;
        let reads = if own { candidate.column } else { Name::Original };
        let mut writes = [reads == Name::Original, reads == Name::Added];
        if candidate.dual_writes {
            // The last phase's code no longer writes what the migration has dropped.
            writes = [!self.has_dropped_original(spec), true];
        }
        Code { reads, writes }
    }

    fn has_dropped_original(&self, spec: &DatabaseSpec) -> bool {
        let Some(migration) = &spec.migration else { return false };
        let mut done = migration.up.iter().take(self.stage.applied);
        done.any(|step| step.what == StepKind::DropColumn(Name::Original))
    }

    /// What requests meet at `now` and until the next instant that is due.
    pub fn table_use(&self, spec: &DatabaseSpec, now: SimTime) -> TableUse {
        let writes = spec.writes.get();
        let inserts = writes * spec.inserts.get();
        let shares = [inserts, writes - inserts, spec.reads.get().min(1.0 - writes)];
        let mut outcomes = Revision::ALL.map(|revision| {
            [self.insert(spec, revision), self.update(spec, revision), self.read(spec, revision)]
        });
        let mut hold = |kinds: &[usize], wait: f64, fails: bool| {
            for of_revision in &mut outcomes {
                for &kind in kinds {
                    of_revision[kind].wait += wait;
                    if fails {
                        of_revision[kind] = Outcome { fails: 1.0, wrong: 0.0, ..of_revision[kind] };
                    }
                }
            }
        };
        if let Some(running) = &self.running {
            let (lock, load) = match running.task {
                Task::Up(step) | Task::Down(step) => (step.lock, step.load.as_secs_f64()),
                Task::Restore { into_empty: true, .. } => (Lock::Everybody, 0.0),
                Task::Restore { .. } => (Lock::Nobody, 0.0),
            };
            if load > 0.0 {
                hold(&[0, 1, 2], load, false);
            }
            let (wait, fails) = lock_wait(spec, running, now);
            match lock {
                Lock::Nobody => {}
                Lock::Writers => hold(&[0, 1], wait, fails),
                Lock::Everybody => hold(&[0, 1, 2], wait, fails),
            }
        }
        if self.writes_stopped {
            hold(&[0, 1], 0.0, true);
        }
        TableUse { shares, outcomes, stopped: self.application_stopped }
    }

    fn insert(&self, spec: &DatabaseSpec, revision: Revision) -> Outcome {
        let code = self.code(spec, revision);
        let needed = |name: Name| {
            let unwritten = !code.writes[name as usize];
            self.stage.schema.column(name).is_some_and(|column| unwritten && column.constraints.not_null)
        };
        if needed(Name::Original) || needed(Name::Added) {
            return Outcome { fails: 1.0, ..Outcome::default() };
        }
        self.update(spec, revision)
    }

    fn update(&self, spec: &DatabaseSpec, revision: Revision) -> Outcome {
        let code = self.code(spec, revision);
        let missing = |name: Name| code.writes[name as usize] && self.stage.schema.column(name).is_none();
        if missing(Name::Original) || missing(Name::Added) {
            return Outcome { fails: 1.0, ..Outcome::default() };
        }
        let original = self.stage.schema.column(Name::Original);
        let narrow = code.writes[0] && original.is_some_and(|column| !column.wide);
        let changes_type = self.changes_type(spec);
        let too_wide = if narrow && changes_type && self.knows_new_schema(revision) {
            spec.unreadable.get()
        } else {
            0.0
        };
        Outcome { fails: too_wide, ..Outcome::default() }
    }

    fn changes_type(&self, spec: &DatabaseSpec) -> bool {
        let mut steps = spec.migration.iter().flat_map(|migration| &migration.up);
        steps.any(|step| step.what == StepKind::ChangeType)
    }

    fn read(&self, spec: &DatabaseSpec, revision: Revision) -> Outcome {
        let schema = &self.stage.schema;
        let name = self.code(spec, revision).reads;
        let rows = schema.total();
        if schema.column(name).is_none() {
            return Outcome { fails: 1.0, ..Outcome::default() };
        }
        if rows <= 0.0 {
            return Outcome::default();
        }
        let share = |count: f64| (count / rows).clamp(0.0, 1.0);
        let nulls = share(schema.count(name, Cell::Null) + schema.count(name, Cell::Pending));
        let stale = share(schema.count(name, Cell::Stale));
        let strange = !self.knows_new_schema(revision) && name == Name::Original;
        let unreadable = if strange { share(schema.foreign()) } else { 0.0 };
        let (fails, wrong) = match spec.on_null {
            OnNull::Fails => (nulls, stale),
            OnNull::AnswersWrongly => (0.0, nulls + stale),
        };
        let fails = 1.0 - (1.0 - fails) * (1.0 - unreadable);
        // Less than half a row is nobody's.
        let least = 0.5 / rows;
        let felt = |value: f64| if value >= least { value } else { 0.0 };
        Outcome { wait: 0.0, fails: felt(fails), wrong: felt(wrong).min(1.0 - felt(fails)) }
    }

    /// What is wrong with the data, as users of this revision see it.
    pub fn damage(&self, spec: &DatabaseSpec, serving: Revision) -> Damage {
        let schema = &self.stage.schema;
        let reads = self.code(spec, serving).reads;
        // A column that is missing hides rows and loses none that stand in the other one.
        let seen = if schema.column(reads).is_some() { reads } else { reads.other() };
        let constraints = schema.column(seen).map(|column| column.constraints).unwrap_or_default();
        Damage {
            lost_updates: schema.count(seen, Cell::Stale),
            null_rows: schema.count(seen, Cell::Null) + schema.count(seen, Cell::Pending),
            since_backup: self.since_backup,
            corrupted: self.stage.corrupted,
            constraints_lost: spec.constraints.missing_in(constraints),
        }
    }

    /// Whether the code of this revision finds what it needs.
    pub fn serves(&self, spec: &DatabaseSpec, revision: Revision) -> bool {
        let there = |name: Name| self.stage.schema.column(name).is_some();
        let code = self.code(spec, revision);
        let written = |name: Name| !code.writes[name as usize] || there(name);
        there(code.reads) && written(Name::Original) && written(Name::Added)
    }
}

/// How long a request that needs the lock waits for it, and whether in vain.
fn lock_wait(spec: &DatabaseSpec, running: &Running, now: SimTime) -> (f64, bool) {
    let left = running.ends.since(now);
    if left > spec.lock_timeout {
        return (spec.lock_timeout.as_secs_f64(), true);
    }
    let part = part_of_wait(spec, running).as_secs_f64();
    if part <= 0.0 {
        return (left.as_secs_f64(), false);
    }
    // The middle of the quarter; its edge belongs to the earlier one.
    let number = libm::ceil(left.as_secs_f64() / part - 1e-9).max(1.0);
    ((number - 0.5) * part, false)
}
