//! Whole migrations and restores on a table with a steady stream of writes.

use proptest::prelude::*;

use super::super::schema::{Cell, Constraints};
use super::super::spec::{BackupSpec, CandidateCode, MigrationSpec, OnNull};
use super::*;
use crate::quantity::{Bytes, Ratio};

const CONSTRAINTS: Constraints = Constraints { not_null: true, unique: true, foreign_key: false };
const ROWS: f64 = 1e6;

fn spec(up: Vec<StepSpec>, candidate: CandidateCode) -> DatabaseSpec {
    DatabaseSpec {
        rows: ROWS,
        bytes: Bytes::new(1 << 30),
        reads: Ratio::HALF,
        writes: Ratio::new(0.2).unwrap(),
        inserts: Ratio::new(0.25).unwrap(),
        constraints: CONSTRAINTS,
        unreadable: Ratio::ZERO,
        on_null: OnNull::Fails,
        lock_timeout: SimDuration::from_secs(2),
        backup: BackupSpec {
            state: BackupState::Good,
            age: SimDuration::from_secs(600),
            every: SimDuration::from_secs(86_400),
            per_second: Bytes::new(1 << 25),
        },
        reconcile_every: SimDuration::from_secs(60),
        resume_after: None,
        migration: Some(MigrationSpec { up, down: Vec::new(), candidate, truncates: false }),
    }
}

fn moves(dual_writes: bool) -> CandidateCode {
    CandidateCode { column: Name::Added, waits_for_switch: true, dual_writes }
}

fn expand_and_switch() -> Vec<StepSpec> {
    let of = StepSpec::of;
    vec![
        of(StepKind::AddColumn),
        of(StepKind::Backfill),
        of(StepKind::Relax(Name::Original)),
        of(StepKind::Switch),
    ]
}

/// A database, its description, and requests per second of each revision.
struct Bench {
    spec: DatabaseSpec,
    database: Database,
    rates: [f64; 2],
    now: SimTime,
    trouble: Trouble,
}

impl Bench {
    fn new(spec: DatabaseSpec, rates: [f64; 2]) -> Self {
        let mut database = Database::new(&spec, Key::root(1, "database"));
        database.deploy(&spec, (rates[0] + rates[1]) * spec.writes.get(), SimTime::ZERO);
        Bench { spec, database, rates, now: SimTime::ZERO, trouble: Trouble::NONE }
    }

    /// Plays on for this long.
    fn wait(&mut self, seconds: f64) {
        let until = self.now + SimDuration::from_secs_f64(seconds);
        while self.now < until {
            let next = (self.now + SimDuration::from_secs(1)).min(until);
            let due = self.database.next_due(&self.spec, self.now);
            let next = if due > self.now { next.min(due) } else { next };
            let lasted = next.since(self.now).as_secs_f64();
            let span = |rate: f64| Span { requests: rate * lasted, corrupts: 0.0 };
            let spans = [span(self.rates[0]), span(self.rates[1]), Span::default()];
            self.now = next;
            self.database.settle(&self.spec, spans, next);
            self.database.advance(&self.spec, next);
            self.database.look(&self.spec, Revision::Stable, next);
        }
    }

    fn act(&mut self, action: DatabaseAction) -> bool {
        self.database.act(&self.spec, action, self.trouble, self.now);
        while self.database.view(&self.spec).running {
            self.wait(0.5);
        }
        !self.database.view(&self.spec).failed
    }

    fn forward(&mut self, steps: usize) {
        for _ in 0..steps {
            assert!(self.act(DatabaseAction::Forward), "a step of the way up failed");
        }
    }

    fn damage(&self, serving: Revision) -> Damage {
        self.database.damage(&self.spec, serving)
    }

    fn fails(&self, revision: Revision) -> f64 {
        self.database.table_use(&self.spec, self.now).fails(revision)
    }
}

#[test]
fn updates_between_backfill_and_switch_are_lost_without_dual_writes_only() {
    for dual_writes in [false, true] {
        // All users are on the new revision: 100 requests a second, 15 of which update a row and 5 insert one.
        let mut bench = Bench::new(spec(expand_and_switch(), moves(dual_writes)), [0.0, 100.0]);
        bench.forward(2);
        bench.wait(600.0);
        bench.forward(2);
        let damage = bench.damage(Revision::Candidate);
        if dual_writes {
            assert!(damage.rows() < 1e-6, "{damage:?}");
            continue;
        }
        // 600 s and the short statements behind; half of the 100 s of the backfill.
        let (updates, inserts) = (15.0 * (601.1 + 50.0), 5.0 * (601.1 + 100.0));
        assert!((damage.lost_updates - updates).abs() < 0.02 * updates, "{damage:?} against {updates}");
        assert!((damage.null_rows - inserts).abs() < 0.02 * inserts, "{damage:?} against {inserts}");
    }
}

#[test]
fn after_the_switch_the_way_back_loses_what_the_new_code_wrote() {
    for dual_writes in [false, true] {
        let mut bench = Bench::new(spec(expand_and_switch(), moves(dual_writes)), [0.0, 100.0]);
        bench.forward(4);
        bench.wait(300.0);
        let damage = bench.damage(Revision::Stable);
        let updates = if dual_writes { 0.0 } else { 15.0 * 300.0 };
        assert!((damage.lost_updates - updates).abs() <= 0.02 * updates + 1e-6, "{damage:?}");
        assert_eq!(damage.null_rows > 1.0, !dual_writes, "{damage:?}");
    }
}

#[test]
fn code_finds_the_columns_it_needs_or_fails() {
    let mut up = expand_and_switch();
    up.push(StepSpec::of(StepKind::DropColumn(Name::Original)));
    let mut bench = Bench::new(spec(up, moves(true)), [0.0, 100.0]);
    // Before the column is there, code that writes both fails all its writes.
    assert!((bench.fails(Revision::Candidate) - 0.2).abs() < 1e-9);
    bench.forward(1);
    assert_eq!(bench.fails(Revision::Candidate), 0.0);
    bench.forward(3);
    assert_eq!((bench.fails(Revision::Candidate), bench.fails(Revision::Stable)), (0.0, 0.0));
    bench.forward(1);
    // The point of no return: the old revision finds nothing, and nothing brings the column back.
    assert!((bench.fails(Revision::Stable) - 0.7).abs() < 1e-9);
    assert_eq!(bench.fails(Revision::Candidate), 0.0);
    assert!(!bench.database.view(&bench.spec).can_step_back);
    assert!(!bench.act(DatabaseAction::Backward));
    assert_eq!(bench.damage(Revision::Candidate).constraints_lost, 2);
}

#[test]
fn inserts_fail_where_a_column_they_do_not_know_must_have_a_value() {
    let of = StepSpec::of;
    let up = vec![of(StepKind::AddColumn), of(StepKind::Backfill), of(StepKind::Switch)];
    // Nobody writes while it is filled, so no row is NULL.
    let mut bench = Bench::new(spec(up, moves(false)), [0.0, 0.0]);
    bench.forward(3);
    assert!((bench.fails(Revision::Candidate) - 0.05).abs() < 1e-9, "{}", bench.fails(Revision::Candidate));
}

#[test]
fn the_one_shot_of_a_guide_comes_back_without_its_constraints() {
    let of = StepSpec::of;
    let up: Vec<StepSpec> =
        [StepKind::AddColumn, StepKind::Backfill, StepKind::DropColumn(Name::Original), StepKind::Rename]
            .map(of)
            .into();
    let mut spec = spec(up.clone(), CandidateCode::UNCHANGED);
    if let Some(migration) = &mut spec.migration {
        migration.down = up;
    }
    let mut bench = Bench::new(spec, [100.0, 0.0]);
    bench.forward(4);
    let there = bench.damage(Revision::Stable);
    // Half of the 100 s of the copy.
    assert!((there.lost_updates - 750.0).abs() < 30.0 && (there.null_rows - 500.0).abs() < 30.0, "{there:?}");
    assert_eq!(there.constraints_lost, 2);
    (0..4).for_each(|_| assert!(bench.act(DatabaseAction::Backward)));
    let back = bench.damage(Revision::Stable);
    assert!(back.lost_updates > 1.9 * there.lost_updates, "the way back loses as much again: {back:?}");
    assert_eq!((back.constraints_lost, bench.database.view(&bench.spec).applied), (2, 0));
}

#[test]
fn a_transaction_loses_no_row_and_holds_everybody_up() {
    let up = vec![StepSpec::of(StepKind::Swap)];
    let mut bench = Bench::new(spec(up, CandidateCode::UNCHANGED), [100.0, 0.0]);
    bench.database.act(&bench.spec, DatabaseAction::Forward, Trouble::NONE, SimTime::ZERO);
    bench.wait(5.0);
    let table = bench.database.table_use(&bench.spec, bench.now);
    // 20.1 s in all and a time-out of 2 s: nobody gets through.
    assert!((table.fails(Revision::Stable) - 0.7).abs() < 1e-9);
    assert_eq!(table.waits(Revision::Stable).1, 2.0);
    bench.wait(14.2);
    let table = bench.database.table_use(&bench.spec, bench.now);
    assert_eq!(table.fails(Revision::Stable), 0.0);
    assert!((table.waits(Revision::Stable).1 - 0.75).abs() < 1e-9, "{:?}", table.waits(Revision::Stable));
    bench.wait(5.0);
    assert_eq!(
        (bench.damage(Revision::Stable).rows(), bench.damage(Revision::Stable).constraints_lost),
        (0.0, 2)
    );
}

#[test]
fn a_restore_takes_bytes_over_throughput_and_costs_what_came_since() {
    let mut bench = Bench::new(spec(expand_and_switch(), moves(false)), [100.0, 0.0]);
    bench.forward(1);
    let began = bench.now;
    let action = DatabaseAction::Restore { pick: Pick::Newest, into_empty: true };
    assert!(bench.act(action));
    let took = bench.now.since(began).as_secs_f64();
    assert!((took - 32.0).abs() < 1.0, "{took} s for 1 GiB at 32 MiB/s");
    let damage = bench.damage(Revision::Stable);
    // 600 s before the deploy and the little after; what comes while it runs waits in vain.
    let writes = 20.0 * 600.0;
    assert!((damage.since_backup - writes).abs() < 0.02 * writes, "{damage:?}");
    assert_eq!(bench.database.view(&bench.spec).applied, 0);
    assert!(bench.act(action) && (bench.damage(Revision::Stable).since_backup - writes).abs() < 0.1 * writes);
}

#[test]
fn a_restore_over_what_is_there_reports_success_and_restores_nothing() {
    let mut bench = Bench::new(spec(expand_and_switch(), moves(false)), [100.0, 0.0]);
    bench.forward(1);
    let before = bench.database.stage.clone();
    assert!(bench.act(DatabaseAction::Restore { pick: Pick::Newest, into_empty: false }));
    assert_eq!(bench.database.stage.applied, before.applied);
    assert_eq!(bench.damage(Revision::Stable).since_backup, 0.0);
    for state in [BackupState::Absent, BackupState::Broken] {
        let mut spec = spec(expand_and_switch(), moves(false));
        spec.backup.state = state;
        let mut bench = Bench::new(spec, [100.0, 0.0]);
        bench.forward(1);
        assert!(!bench.act(DatabaseAction::Restore { pick: Pick::Newest, into_empty: true }), "{state:?}");
        assert_eq!(bench.database.stage.applied, 1);
    }
}

#[test]
fn the_newest_backup_may_hold_the_corruption() {
    for (pick, corrupted) in [(Pick::Newest, true), (Pick::BeforeDeploy, false)] {
        let mut spec = spec(expand_and_switch(), moves(false));
        spec.backup.every = SimDuration::from_secs(700);
        let mut bench = Bench::new(spec, [0.0, 100.0]);
        for _ in 0..200 {
            bench.now += SimDuration::from_secs(1);
            let spans = [Span::default(), Span { requests: 100.0, corrupts: 0.01 }, Span::default()];
            bench.database.settle(&bench.spec, spans, bench.now);
            bench.database.advance(&bench.spec, bench.now);
            bench.database.look(&bench.spec, Revision::Candidate, bench.now);
        }
        assert!((bench.damage(Revision::Stable).corrupted - 200.0).abs() < 0.1);
        assert!((100.0..=200.0).contains(&bench.database.mismatches()), "{}", bench.database.mismatches());
        assert!(bench.database.first_corrupted().is_some_and(|at| at < bench.now));
        assert!(bench.act(DatabaseAction::Restore { pick, into_empty: true }));
        let damage = bench.damage(Revision::Stable);
        assert_eq!(damage.corrupted > 50.0, corrupted, "{pick:?}: {damage:?}");
    }
}

#[test]
fn writes_that_are_refused_corrupt_nothing() {
    let mut bench = Bench::new(spec(Vec::new(), CandidateCode::UNCHANGED), [0.0, 100.0]);
    bench.act(DatabaseAction::StopWrites);
    assert!((bench.fails(Revision::Candidate) - 0.2).abs() < 1e-9);
    bench.now = SimTime::ZERO + SimDuration::from_secs(10);
    let spans = [Span::default(), Span { requests: 1000.0, corrupts: 0.5 }, Span::default()];
    bench.database.settle(&bench.spec, spans, bench.now);
    assert_eq!(bench.damage(Revision::Candidate).corrupted, 0.0);
    bench.act(DatabaseAction::StopApplication);
    assert!(bench.database.table_use(&bench.spec, bench.now).stopped && !bench.database.is_at_rest());
}

#[test]
fn a_step_that_fails_in_the_middle_leaves_what_it_had_done() {
    let mut bench = Bench::new(spec(expand_and_switch(), moves(false)), [100.0, 0.0]);
    bench.forward(1);
    bench.trouble = Trouble { slower: 1.0, fails: 1.0 };
    assert!(!bench.act(DatabaseAction::Forward));
    let schema = &bench.database.stage.schema;
    let (filled, empty) = (schema.count(Name::Added, Cell::Current), schema.count(Name::Added, Cell::Null));
    assert!(filled > 0.0 && empty > 0.0 && schema.count(Name::Added, Cell::Pending) == 0.0);
    // It can be tried again: the copy comes by the rows that are still empty.
    bench.trouble = Trouble::NONE;
    bench.forward(1);
    assert!(bench.database.stage.schema.count(Name::Added, Cell::Null) < 1000.0);
}

proptest! {
    #[test]
    fn forward_and_back_again_on_a_quiet_table_is_where_it_began(
        kinds in prop::sample::subsequence(vec![
            StepKind::AddColumn,
            StepKind::Backfill,
            StepKind::SetNotNull(Name::Added),
            StepKind::AddConstraints,
            StepKind::Switch,
            StepKind::Relax(Name::Original),
            StepKind::ChangeType,
        ], 0..=7),
    ) {
        // Constraints need the column, and NOT NULL its values.
        let has = |kind| kinds.contains(&kind);
        let added = has(StepKind::AddColumn);
        let kept = kinds.iter().copied().filter(|kind| match kind {
            StepKind::SetNotNull(_) => added && has(StepKind::Backfill),
            StepKind::Backfill | StepKind::AddConstraints => added,
            _ => true,
        });
        let up: Vec<StepSpec> = kept.map(StepSpec::of).collect();
        let mut bench = Bench::new(spec(up.clone(), moves(true)), [0.0, 0.0]);
        let before = bench.database.stage.clone();
        bench.forward(up.len());
        while bench.database.view(&bench.spec).can_step_back {
            prop_assert!(bench.act(DatabaseAction::Backward));
        }
        // To the row; the copy goes in parts, which round.
        let (after, names) = (&bench.database.stage, [Name::Original, Name::Added]);
        for name in names {
            prop_assert_eq!(after.schema.column(name), before.schema.column(name));
            for cell in [Cell::Current, Cell::Stale, Cell::Null, Cell::Pending] {
                let (a, b) = (after.schema.count(name, cell), before.schema.count(name, cell));
                prop_assert!((a - b).abs() < 1e-6, "{name:?} {cell:?}: {a} and {b}");
            }
        }
        prop_assert_eq!((after.applied, after.undone, after.switched), (0, 0, false));
        prop_assert!(bench.database.is_untouched());
    }

    #[test]
    fn no_number_of_requests_and_no_trouble_panics(
        rows in prop_oneof![Just(0.0), Just(1.0), Just(1e12), Just(f64::NAN), Just(f64::INFINITY)],
        requests in prop_oneof![0.0..1e6, Just(f64::NAN), Just(f64::INFINITY), Just(1e300)],
        slower in prop_oneof![0.0..1e3, Just(f64::INFINITY), Just(f64::NAN)],
        actions in prop::collection::vec(0..6usize, 0..12),
    ) {
        let mut spec = spec(expand_and_switch(), moves(false));
        spec.rows = rows;
        let mut database = Database::new(&spec, Key::root(3, "any"));
        database.deploy(&spec, requests, SimTime::ZERO);
        let mut now = SimTime::ZERO;
        let asked = [
            DatabaseAction::Forward,
            DatabaseAction::Backward,
            DatabaseAction::Restore { pick: Pick::Newest, into_empty: true },
            DatabaseAction::Restore { pick: Pick::BeforeDeploy, into_empty: false },
            DatabaseAction::StopWrites,
            DatabaseAction::AllowWrites,
        ];
        for action in actions {
            database.act(&spec, asked[action], Trouble { slower, fails: 0.3 }, now);
            for _ in 0..20 {
                now = database.next_due(&spec, now).min(now + SimDuration::from_secs(100));
                database.settle(&spec, [Span { requests, corrupts: 0.1 }; Revision::COUNT], now);
                database.advance(&spec, now);
                database.look(&spec, Revision::Candidate, now);
                let table = database.table_use(&spec, now);
                for revision in Revision::ALL {
                    prop_assert!((0.0..=1.0 + 1e-9).contains(&table.fails(revision)));
                    prop_assert!((0.0..=1.0 + 1e-9).contains(&table.wrong(revision)));
                }
            }
        }
    }
}
