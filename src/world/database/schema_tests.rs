//! The counts against closed forms, and laws that hold for any of them.

use proptest::prelude::*;

use super::*;

const NOT_NULL: Constraints = Constraints { not_null: true, unique: false, foreign_key: false };
const OLD: [bool; 2] = [true, false];
const NEW: [bool; 2] = [false, true];
const BOTH: [bool; 2] = [true, true];

fn writes(columns: [bool; 2], updates: f64, inserts: f64) -> Writes {
    Writes { columns, updates, inserts, foreign: 0.0 }
}

/// A table of a million rows whose new column has just been filled.
fn filled() -> Schema {
    let mut schema = Schema::new(1e6, NOT_NULL);
    schema.add_column();
    schema.begin_copy();
    schema.copy(1.0);
    schema.end_copy();
    schema
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}

#[test]
fn without_dual_writes_as_many_updates_are_lost_as_come_between_backfill_and_switch() {
    let mut schema = filled();
    // 50 updates a second for 10 minutes: 30,000 of a million rows, some of them twice.
    let (rows, updates) = (1e6, 50.0 * 600.0);
    schema.write(&[writes(OLD, updates, 0.0)]);
    close(schema.count(Name::Added, Cell::Stale), rows * -libm::expm1(-updates / rows));
    assert!((schema.count(Name::Added, Cell::Stale) - updates).abs() < 0.02 * updates);
    close(schema.count(Name::Original, Cell::Stale), 0.0);
    let mut dual = filled();
    dual.write(&[writes(BOTH, updates, 300.0)]);
    close(dual.count(Name::Added, Cell::Stale) + dual.count(Name::Original, Cell::Stale), 0.0);
    close(dual.count(Name::Added, Cell::Null), 0.0);
    close(dual.total(), 1e6 + 300.0);
}

#[test]
fn rows_inserted_by_code_that_knows_one_column_are_null_in_the_other() {
    let mut schema = filled();
    schema.write(&[writes(OLD, 0.0, 120.0), writes(NEW, 0.0, 30.0)]);
    close(schema.count(Name::Added, Cell::Null), 120.0);
    close(schema.count(Name::Original, Cell::Null), 30.0);
    // A write of both columns gives the row both values.
    schema.write(&[writes(BOTH, 1e9, 0.0)]);
    assert!(schema.count(Name::Added, Cell::Null) < 1e-6);
}

#[test]
fn a_copy_loses_half_of_the_updates_that_come_while_it_runs() {
    let mut schema = Schema::new(1e6, NOT_NULL);
    schema.add_column();
    schema.begin_copy();
    // Row by row over 100 s with 20 updates a second: a row copied at time s is lost if it is updated in the rest.
    let (parts, seconds, rate) = (10_000, 100.0, 20.0);
    for part in 0..parts {
        schema.copy(1.0 / f64::from(parts - part));
        schema.write(&[writes(OLD, rate * seconds / f64::from(parts), 0.0)]);
    }
    let all = rate * seconds / 1e6;
    let lost = 1e6 * (1.0 - -libm::expm1(-all) / all);
    let found = schema.count(Name::Added, Cell::Stale);
    assert!((found - lost).abs() < 1e-3 * lost, "{found} and not {lost}");
    assert!((lost - rate * seconds / 2.0).abs() < 0.01 * lost);
}

#[test]
fn rows_inserted_while_a_copy_runs_are_not_come_by() {
    let mut schema = Schema::new(1000.0, NOT_NULL);
    schema.add_column();
    schema.begin_copy();
    schema.copy(0.25);
    close(schema.count(Name::Added, Cell::Pending), 750.0);
    schema.write(&[writes(OLD, 0.0, 8.0)]);
    schema.copy(1.0);
    close(schema.count(Name::Added, Cell::Null), 8.0);
    close(schema.count(Name::Added, Cell::Current), 1000.0);
}

#[test]
fn two_kinds_of_code_at_once_leave_the_last_write() {
    let mut schema = filled();
    schema.write(&[writes(OLD, 3e6, 0.0), writes(NEW, 1e6, 0.0)]);
    let written = 1e6 * -libm::expm1(-4.0);
    close(schema.count(Name::Added, Cell::Stale), 0.75 * written);
    close(schema.count(Name::Original, Cell::Stale), 0.25 * written);
}

#[test]
fn a_dropped_column_takes_its_values_and_constraints_with_it() {
    let mut schema = filled();
    schema.write(&[writes(OLD, 5000.0, 40.0)]);
    let stale = schema.count(Name::Added, Cell::Stale);
    schema.drop_column(Name::Original);
    schema.rename();
    close(schema.count(Name::Original, Cell::Stale), stale);
    close(schema.count(Name::Original, Cell::Null), 40.0);
    let constraints = schema.column(Name::Original).unwrap().constraints;
    assert_eq!(NOT_NULL.missing_in(constraints), 1);
    assert!(!schema.constrain(Name::Original, |c| c.not_null = true), "NULL rows stand against it");
    assert!(!schema.is_pristine());
}

#[test]
fn values_that_the_old_type_does_not_hold_stand_against_the_way_back() {
    let mut schema = Schema::new(1e6, NOT_NULL);
    assert!(schema.widen());
    let strange = Writes { columns: OLD, updates: 20_000.0, inserts: 100.0, foreign: 0.1 };
    schema.write(&[strange]);
    close(schema.foreign(), 0.1 * (1e6 * -libm::expm1(-0.02)) + 10.0);
    assert_eq!(schema.clone().narrow(false), None);
    let foreign = schema.foreign();
    assert_eq!(schema.narrow(true), Some(foreign));
    // Sound code writes over them in time.
    let mut healed = Schema::new(1e6, NOT_NULL);
    healed.write(&[strange]);
    healed.write(&[writes(OLD, 2e7, 0.0)]);
    assert!(healed.foreign() < 1e-3, "{}", healed.foreign());
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Write(Writes, Writes),
    Add,
    Begin,
    Copy(f64),
    End,
    Drop(Name),
    Rename,
    Widen,
    Narrow(bool),
}

fn amount() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1e4, 0.0..1e13, Just(f64::NAN), Just(f64::INFINITY), Just(-5.0), Just(f64::MAX)]
}

fn code() -> impl Strategy<Value = Writes> {
    (any::<[bool; 2]>(), amount(), amount(), amount())
        .prop_map(|(columns, updates, inserts, foreign)| Writes { columns, updates, inserts, foreign })
}

fn deed() -> impl Strategy<Value = Deed> {
    let name = || prop_oneof![Just(Name::Original), Just(Name::Added)];
    prop_oneof![
        (code(), code()).prop_map(|(a, b)| Deed::Write(a, b)),
        Just(Deed::Add),
        Just(Deed::Begin),
        amount().prop_map(Deed::Copy),
        Just(Deed::End),
        name().prop_map(Deed::Drop),
        Just(Deed::Rename),
        Just(Deed::Widen),
        any::<bool>().prop_map(Deed::Narrow),
    ]
}

fn perform(schema: &mut Schema, deed: Deed) {
    match deed {
        Deed::Write(a, b) => schema.write(&[a, b]),
        Deed::Add => schema.add_column(),
        Deed::Begin => schema.begin_copy(),
        Deed::Copy(share) => schema.copy(share),
        Deed::End => schema.end_copy(),
        Deed::Drop(name) => schema.drop_column(name),
        Deed::Rename => schema.rename(),
        Deed::Widen => _ = schema.widen(),
        Deed::Narrow(cuts) => _ = schema.narrow(cuts),
    }
}

proptest! {
    #[test]
    fn rows_are_conserved_whatever_is_done(
        rows in amount(),
        deeds in prop::collection::vec(deed(), 0..30),
    ) {
        let mut schema = Schema::new(rows, NOT_NULL);
        for deed in deeds {
            let before = schema.total();
            perform(&mut schema, deed);
            let inserts = match deed {
                Deed::Write(a, b) => [a, b]
                    .iter()
                    .filter(|w| w.columns != [false; 2])
                    .map(|w| sane(w.inserts))
                    .sum::<f64>(),
                _ => 0.0,
            };
            let expected = before + inserts;
            if expected.is_finite() {
                prop_assert!((schema.total() - expected).abs() <= 1e-9 * expected.max(1.0), "{deed:?}");
                for name in [Name::Original, Name::Added] {
                    let cells = [Cell::Current, Cell::Stale, Cell::Null, Cell::Pending];
                    let all: f64 = cells.iter().map(|&cell| schema.count(name, cell)).sum();
                    prop_assert!((all - schema.total()).abs() <= 1e-9 * all.max(1.0));
                    prop_assert!(cells.iter().all(|&cell| schema.count(name, cell) >= -1e-9 * all.max(1.0)));
                }
            }
        }
    }

    #[test]
    fn writing_twice_for_half_as_long_is_writing_once(
        old in 0.0..3e6f64, new in 0.0..3e6f64, both in 0.0..3e6f64,
    ) {
        let all = |part: f64| {
            [writes(OLD, old * part, 0.0), writes(NEW, new * part, 0.0), writes(BOTH, both * part, 0.0)]
        };
        let (mut once, mut twice) = (filled(), filled());
        once.write(&all(1.0));
        twice.write(&all(0.5));
        twice.write(&all(0.5));
        for name in [Name::Original, Name::Added] {
            for cell in [Cell::Current, Cell::Stale, Cell::Null] {
                let (a, b) = (once.count(name, cell), twice.count(name, cell));
                prop_assert!((a - b).abs() < 1e-3, "{name:?} {cell:?}: {a} and {b}");
            }
        }
    }
}
