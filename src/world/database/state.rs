//! The database of one branch: its table, the migration step or restore under way, its backups.
//!
//! It is told what to do by actions, advanced by its owner to the instants it names ([`Database::next_due`]), and told
//! before each of them what was written meanwhile ([`Database::settle`]).
//!
//! Traps: one thing runs at a time, and what is asked meanwhile is refused; a step that fails leaves what it had done so
//! far; a rollback of the code changes nothing here. Rows are counted in expectation at both levels, from the expected
//! arrivals.

mod meets;

use super::schema::{Name, Schema, Writes};
use super::spec::{BackupState, DatabaseSpec, StepKind, StepSpec, When};
use crate::effect::{DatabaseAction, DatabaseView, Pick, Revision};
use crate::rng::{Key, Purpose};
use crate::time::{SimDuration, SimTime};

/// Parts into which the wait for the end of a lock is cut.
const PARTS: u64 = 4;

/// The shortest time anything takes.
const SHORTEST: SimDuration = SimDuration::from_millis(1);

/// What goes with the table: what a backup holds, and what a restore brings back.
#[derive(Clone, Debug, PartialEq)]
struct Stage {
    schema: Schema,
    /// Steps of the way up that are done.
    applied: usize,
    /// Steps of an explicit way down that are done.
    undone: usize,
    /// Whether the new revision uses its own column.
    switched: bool,
    /// Corrupted rows.
    corrupted: f64,
}

/// A backup.
#[derive(Clone, Debug, PartialEq)]
struct Backup {
    at: SimTime,
    stage: Stage,
    /// Updates and inserts up to then.
    written: (f64, f64),
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    Up(StepSpec),
    Down(StepSpec),
    Restore { pick: Pick, into_empty: bool },
}

/// A task under way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Running {
    task: Task,
    began: SimTime,
    ends: SimTime,
    /// When it fails, if it does.
    fails_at: Option<SimTime>,
}

/// What the conditions of the moment do to tasks that begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// Multiplier of their duration.
    pub slower: f64,
    /// Chance of failing beyond their own.
    pub fails: f64,
}

impl Trouble {
    /// Everything as planned.
    pub const NONE: Trouble = Trouble { slower: 1.0, fails: 0.0 };
}

/// What requests of one revision did in a span, expected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// Requests that reached a pod of it.
    pub requests: f64,
    /// Share of them that corrupts a row.
    pub corrupts: f64,
}

/// What is wrong with the data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Damage {
    /// Rows of which users see an older value than the one written last.
    pub lost_updates: f64,
    /// Rows in which users see nothing.
    pub null_rows: f64,
    /// Rows written after the backup that was restored.
    pub since_backup: f64,
    /// Rows with a wrong value, or one that was cut.
    pub corrupted: f64,
    /// Constraints of the original column that the one in use does not have.
    pub constraints_lost: u32,
}

impl Damage {
    /// Rows lost or corrupted.
    pub fn rows(&self) -> f64 {
        self.lost_updates + self.null_rows + self.since_backup + self.corrupted
    }
}

/// The database of one branch.
#[derive(Clone, Debug)]
pub struct Database {
    stage: Stage,
    running: Option<Running>,
    failed: bool,
    attempts: u64,
    key: Key,
    deployed_at: SimTime,
    backups: Vec<Backup>,
    next_backup: SimTime,
    next_look: SimTime,
    mismatches: f64,
    since_backup: f64,
    /// Updates and inserts since time zero.
    written: (f64, f64),
    application_stopped: bool,
    writes_stopped: bool,
    writes_resume: Option<SimTime>,
    /// Corrupting requests so far, and how many it takes to the first corrupted row.
    corrupting: (f64, f64),
    first_corrupted: Option<SimTime>,
    settled_at: SimTime,
    /// Whether the third revision is a fix of the new one, which knows its schema, and no older one.
    third_is_fix: bool,
    /// When whoever asked for something that takes no time hears of it.
    answer_at: Option<SimTime>,
}

impl Database {
    /// The database at time zero, before any deploy.
    pub fn new(spec: &DatabaseSpec, key: Key) -> Self {
        let key = key.purpose(Purpose::Database);
        let schema = Schema::new(spec.rows, spec.constraints);
        let first = -libm::log(key.entity("first corrupted row").uniform_open());
        Database {
            stage: Stage { schema, applied: 0, undone: 0, switched: false, corrupted: 0.0 },
            running: None,
            failed: false,
            attempts: 0,
            key,
            deployed_at: SimTime::NEVER,
            backups: Vec::new(),
            next_backup: SimTime::NEVER,
            next_look: SimTime::NEVER,
            mismatches: 0.0,
            since_backup: 0.0,
            written: (0.0, 0.0),
            application_stopped: false,
            writes_stopped: false,
            writes_resume: None,
            corrupting: (0.0, first),
            first_corrupted: None,
            settled_at: SimTime::ZERO,
            third_is_fix: false,
            answer_at: None,
        }
    }

    /// The release is deployed: from here on there are backups and looks at the data. `writes` is the present rate of
    /// writes per second, which fills the time since the newest backup.
    pub fn deploy(&mut self, spec: &DatabaseSpec, writes: f64, now: SimTime) {
        self.deployed_at = now;
        self.next_look = now + spec.reconcile_every;
        if spec.backup.state == BackupState::Absent {
            return;
        }
        let since = writes * spec.backup.age.as_secs_f64();
        let inserts = since * spec.inserts.get();
        let written = (self.written.0 - (since - inserts), self.written.1 - inserts);
        self.backups.push(Backup { at: now.before(spec.backup.age), stage: self.stage.clone(), written });
        let next = spec.backup.every.saturating_sub(spec.backup.age);
        self.next_backup = now + next.max(SimDuration::from_secs(60));
    }

    /// The next instant at which something happens by itself.
    pub fn next_due(&self, spec: &DatabaseSpec, now: SimTime) -> SimTime {
        let mut due = self.next_backup.min(self.next_look);
        due = due.min(self.writes_resume.unwrap_or(SimTime::NEVER));
        due = due.min(self.answer_at.unwrap_or(SimTime::NEVER));
        if let Some(running) = &self.running {
            due = due.min(running.fails_at.unwrap_or(running.ends));
            let part = part_of_wait(spec, running);
            let edges = (0..=PARTS).map(|n| running.ends.before(part * n)).filter(|at| *at > now);
            due = edges.fold(due, SimTime::min);
        }
        due.max(now)
    }

    /// Notes what was written since the last call, in which nothing changed but that.
    pub fn settle(&mut self, spec: &DatabaseSpec, spans: [Span; Revision::COUNT], now: SimTime) {
        let from = std::mem::replace(&mut self.settled_at, now);
        if now <= from {
            return;
        }
        // Half of what is copied before the writes and half after them: so a row that is copied meets half of the writes of
        // the span, on average.
        let middle = from + now.since(from).scale(0.5);
        self.copy((from, middle));
        self.note_writes(spec, spans, (from, now));
        self.copy((middle, now));
    }

    /// A running copy gets on: so much of what is left to its end.
    fn copy(&mut self, (from, until): (SimTime, SimTime)) {
        if let Some(Running { task: Task::Up(step) | Task::Down(step), ends, .. }) = &self.running
            && step.what == StepKind::Backfill
        {
            let left = ends.since(from).as_secs_f64();
            let share = if left > 0.0 { until.since(from).as_secs_f64() / left } else { 1.0 };
            self.stage.schema.copy(share);
        }
    }

    fn note_writes(
        &mut self,
        spec: &DatabaseSpec,
        spans: [Span; Revision::COUNT],
        (from, now): (SimTime, SimTime),
    ) {
        let table = self.table_use(spec, from);
        if table.stopped {
            return;
        }
        let writers = Revision::ALL.map(|revision| {
            let requests = spans[revision as usize].requests;
            let [inserts, updates] =
                [0, 1].map(|kind| table.shares[kind] * (1.0 - table.outcomes[revision as usize][kind].fails));
            let columns = self.code(spec, revision).writes;
            let strange = self.knows_new_schema(revision) && columns[Name::Original as usize];
            let foreign = if strange { spec.unreadable.get() } else { 0.0 };
            Writes { columns, updates: requests * updates, inserts: requests * inserts, foreign }
        });
        self.stage.schema.write(&writers);
        self.written.0 += writers.iter().map(|writes| writes.updates).sum::<f64>();
        self.written.1 += writers.iter().map(|writes| writes.inserts).sum::<f64>();
        if !self.writes_stopped {
            self.corrupt(spans.iter().map(|span| span.requests * span.corrupts).sum(), (from, now));
        }
    }

    /// So many requests each corrupt a random row.
    fn corrupt(&mut self, requests: f64, (from, now): (SimTime, SimTime)) {
        let rows = self.stage.schema.total();
        if !(requests > 0.0 && rows > 0.0) {
            return;
        }
        let left = (rows - self.stage.corrupted).max(0.0);
        self.stage.corrupted = rows - left * libm::exp(-requests / rows);
        let (before, first) = self.corrupting;
        self.corrupting.0 += requests;
        if self.first_corrupted.is_none() && self.corrupting.0 >= first {
            self.first_corrupted = Some(from + now.since(from).scale((first - before) / requests));
        }
    }

    /// What happens by itself at this instant. Returns whether a task ended.
    pub fn advance(&mut self, spec: &DatabaseSpec, now: SimTime) -> bool {
        let mut ended = false;
        if let Some(running) = self.running {
            if running.fails_at.is_some_and(|at| at <= now) {
                self.break_off(&running);
                ended = true;
            } else if running.ends <= now {
                self.running = None;
                self.failed = !self.finish(spec, &running.task);
                ended = true;
            }
        }
        if self.answer_at.is_some_and(|at| at <= now) {
            self.answer_at = None;
            ended = true;
        }
        if self.next_backup <= now {
            self.backups.push(Backup { at: now, stage: self.stage.clone(), written: self.written });
            self.next_backup = now + spec.backup.every.max(SimDuration::from_secs(60));
        }
        if self.writes_resume.is_some_and(|at| at <= now) {
            self.writes_stopped = false;
            self.writes_resume = None;
            ended = true;
        }
        ended
    }

    /// Runs the job that compares the table with its source, if it is due; `serving` is the revision users see.
    pub fn look(&mut self, spec: &DatabaseSpec, serving: Revision, now: SimTime) {
        if self.next_look <= now {
            self.next_look = now + spec.reconcile_every.max(SimDuration::from_secs(1));
            let damage = self.damage(spec, serving);
            self.mismatches = libm::floor(damage.lost_updates + damage.null_rows + damage.corrupted);
        }
    }

    /// A task fails in the middle: rows that a copy has come by stay copied.
    fn break_off(&mut self, running: &Running) {
        self.running = None;
        self.failed = true;
        if let Task::Up(step) | Task::Down(step) = running.task
            && step.what == StepKind::Backfill
        {
            self.stage.schema.end_copy();
        }
    }

    fn finish(&mut self, spec: &DatabaseSpec, task: &Task) -> bool {
        match *task {
            Task::Up(step) => {
                let done = self.alter(spec, step.what, false);
                self.stage.applied += usize::from(done);
                done
            }
            Task::Down(step) => {
                let listed = self.takes_listed_way(spec);
                let done = self.alter(spec, step.what, !listed);
                if done {
                    self.count_down(spec, listed);
                }
                done
            }
            Task::Restore { pick, into_empty } => self.restore(spec, pick, into_empty),
        }
    }

    fn takes_listed_way(&self, spec: &DatabaseSpec) -> bool {
        let Some(migration) = &spec.migration else { return false };
        !migration.down.is_empty() && self.stage.applied == migration.up.len()
    }

    fn count_down(&mut self, spec: &DatabaseSpec, listed: bool) {
        if !listed {
            self.stage.applied = self.stage.applied.saturating_sub(1);
            return;
        }
        self.stage.undone += 1;
        if spec.migration.as_ref().is_some_and(|migration| self.stage.undone >= migration.down.len()) {
            self.stage.applied = 0;
            self.stage.undone = 0;
        }
    }

    /// Does to the schema what a step does; `back` where the same kind of step undoes itself.
    fn alter(&mut self, spec: &DatabaseSpec, what: StepKind, back: bool) -> bool {
        let original = spec.constraints;
        let schema = &mut self.stage.schema;
        match what {
            StepKind::AddColumn => schema.add_column(),
            StepKind::Backfill => {
                schema.copy(1.0);
                schema.end_copy();
            }
            StepKind::Switch => self.stage.switched = !back,
            StepKind::Relax(name) => return schema.constrain(name, |c| c.not_null = false),
            StepKind::SetNotNull(name) => return schema.constrain(name, |c| c.not_null = true),
            StepKind::AddConstraints => {
                return schema.constrain(Name::Added, |c| {
                    c.unique = original.unique && !back;
                    c.foreign_key = original.foreign_key && !back;
                });
            }
            StepKind::DropColumn(name) => schema.drop_column(name),
            StepKind::Rename => schema.rename(),
            StepKind::ChangeType if back => {
                let cuts = spec.migration.as_ref().is_some_and(|migration| migration.truncates);
                let Some(cut) = schema.narrow(cuts) else { return false };
                self.stage.corrupted += cut;
            }
            StepKind::ChangeType => return schema.widen(),
            StepKind::Swap => {
                schema.add_column();
                schema.begin_copy();
                schema.copy(1.0);
                schema.end_copy();
                schema.drop_column(Name::Original);
                schema.rename();
            }
        }
        true
    }

    /// Puts a backup in the place of what there is.
    fn restore(&mut self, spec: &DatabaseSpec, pick: Pick, into_empty: bool) -> bool {
        if spec.backup.state == BackupState::Broken {
            return false;
        }
        let Some(backup) = self.picked(pick).cloned() else { return false };
        if !into_empty {
            // The tables exist and their keys are taken: every statement fails, and the client reports success.
            return true;
        }
        let rows = backup.stage.schema.total();
        let updates = (self.written.0 - backup.written.0).max(0.0);
        let updated = if rows > 0.0 { -rows * libm::expm1(-updates / rows) } else { 0.0 };
        self.since_backup = updated + (self.written.1 - backup.written.1).max(0.0);
        self.stage = backup.stage;
        self.stage.schema.end_copy();
        true
    }

    fn picked(&self, pick: Pick) -> Option<&Backup> {
        match pick {
            Pick::Newest => self.backups.last(),
            Pick::BeforeDeploy => self.backups.iter().rev().find(|backup| backup.at <= self.deployed_at),
        }
    }

    /// Which code the third revision is: an older one, or a fix of the new one.
    pub fn third_is_fix(&mut self, is_fix: bool) {
        self.third_is_fix = is_fix;
    }

    fn knows_new_schema(&self, revision: Revision) -> bool {
        match revision {
            Revision::Stable => false,
            Revision::Candidate => true,
            Revision::Other => self.third_is_fix,
        }
    }

    /// Does what was asked. What cannot be begun has failed at once.
    pub fn act(&mut self, spec: &DatabaseSpec, action: DatabaseAction, trouble: Trouble, now: SimTime) {
        self.answer_at = Some(now + SHORTEST);
        match action {
            DatabaseAction::StopApplication => self.application_stopped = true,
            DatabaseAction::StartApplication => self.application_stopped = false,
            DatabaseAction::StopWrites => {
                self.writes_stopped = true;
                self.writes_resume = spec.resume_after.map(|after| now + after);
            }
            DatabaseAction::AllowWrites => {
                self.writes_stopped = false;
                self.writes_resume = None;
            }
            _ if self.running.is_some() => {}
            DatabaseAction::Forward => match self.next_up(spec) {
                Some(step) => {
                    self.begin(Task::Up(step), step.duration(self.stage.schema.total()), trouble, now)
                }
                None => self.failed = true,
            },
            DatabaseAction::Backward => self.step_back(spec, trouble, now),
            DatabaseAction::Restore { pick, into_empty } => {
                if self.picked(pick).is_none() {
                    self.failed = true;
                    return;
                }
                let speed = (spec.backup.per_second.get() as f64).max(1.0);
                let takes = SimDuration::from_secs_f64(spec.bytes.get() as f64 / speed);
                self.begin(Task::Restore { pick, into_empty }, takes, Trouble::NONE, now);
            }
        }
    }

    fn next_up(&self, spec: &DatabaseSpec) -> Option<StepSpec> {
        spec.migration.as_ref()?.up.get(self.stage.applied).copied()
    }

    fn step_back(&mut self, spec: &DatabaseSpec, trouble: Trouble, now: SimTime) {
        // Steps that leave nothing to undo are passed over.
        loop {
            match self.next_down(spec) {
                Some(Some(step)) => {
                    let takes = step.duration(self.stage.schema.total());
                    return self.begin(Task::Down(step), takes, trouble, now);
                }
                Some(None) => self.stage.applied -= 1,
                None => {
                    self.failed = self.stage.applied > 0;
                    return;
                }
            }
        }
    }

    /// The next step back; `None` if there is none or nothing undoes it, `Some(None)` if there is nothing to undo.
    fn next_down(&self, spec: &DatabaseSpec) -> Option<Option<StepSpec>> {
        let migration = spec.migration.as_ref()?;
        if self.takes_listed_way(spec) {
            return migration.down.get(self.stage.undone).map(|step| Some(*step));
        }
        migration.up.get(self.stage.applied.checked_sub(1)?)?.inverse()
    }

    fn begin(&mut self, task: Task, takes: SimDuration, trouble: Trouble, now: SimTime) {
        self.failed = false;
        self.attempts += 1;
        let (own, direction) = match task {
            Task::Up(step) => (step.fails.get(), 1),
            Task::Down(step) => (step.fails.get(), 2),
            Task::Restore { .. } => (0.0, 3),
        };
        let key = self.key.id(direction).id(self.stage.applied as u64).id(self.attempts);
        let takes = takes.scale(trouble.slower.max(0.0)).max(SHORTEST);
        let fails = key.uniform() < 1.0 - (1.0 - own) * (1.0 - trouble.fails);
        let fails_at = fails.then(|| now + takes.scale(key.id(1).uniform()).max(SHORTEST).min(takes));
        if let Task::Up(step) | Task::Down(step) = task
            && step.what == StepKind::Backfill
        {
            self.stage.schema.begin_copy();
        }
        self.running = Some(Running { task, began: now, ends: now + takes, fails_at });
    }

    /// What a controller sees.
    pub fn view(&self, spec: &DatabaseSpec) -> DatabaseView {
        let migration = spec.migration.as_ref();
        let steps = migration.map_or(0, |migration| migration.up.len());
        let before =
            |m: &super::spec::MigrationSpec| m.up.iter().take_while(|step| step.when == When::Before).count();
        DatabaseView {
            applied: self.stage.applied as u16,
            steps: steps as u16,
            before: migration.map_or(0, before) as u16,
            running: self.running.is_some(),
            failed: self.failed,
            application_stopped: self.application_stopped,
            writes_stopped: self.writes_stopped,
            can_step_back: self.next_down(spec).is_some(),
        }
    }

    /// Whether nothing is under way and everybody is served.
    pub fn is_at_rest(&self) -> bool {
        self.running.is_none() && !self.application_stopped && !self.writes_stopped
    }

    /// Whether it is as if nothing had ever been deployed.
    pub fn is_untouched(&self) -> bool {
        let stage = &self.stage;
        self.is_at_rest()
            && stage.applied == 0
            && !stage.switched
            && stage.schema.is_pristine()
            && stage.corrupted < 0.5
            && self.since_backup < 0.5
    }

    /// What the last run of the comparing job found.
    pub fn mismatches(&self) -> f64 {
        self.mismatches
    }

    /// When the first row was corrupted.
    pub fn first_corrupted(&self) -> Option<SimTime> {
        self.first_corrupted
    }

    /// Since when nothing has been noted.
    pub fn settled_at(&self) -> SimTime {
        self.settled_at
    }

    /// What is running, in words.
    pub fn doing(&self) -> Option<String> {
        let running = self.running.as_ref()?;
        Some(match running.task {
            Task::Up(step) => step.what.words().to_owned(),
            Task::Down(step) => format!("back: {}", step.what.words()),
            Task::Restore { .. } => "restore a backup".to_owned(),
        })
    }
}

/// A quarter of the longest wait for the end of what is running.
fn part_of_wait(spec: &DatabaseSpec, running: &Running) -> SimDuration {
    let longest = running.ends.since(running.began).min(spec.lock_timeout);
    SimDuration::from_nanos(longest.as_nanos() / PARTS)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
