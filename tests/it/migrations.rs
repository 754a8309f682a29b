//! Migrations, rolled back after every step in every way, against one written rule; databases in whole replications.
//!
//! The rule (docs/migrations.md has it in words): going back to the old revision costs what was written to the column it
//! does not read. With dual writes that is nothing; without them it is what came after the switch; a copy that is made while
//! the table is written loses half of what comes while it runs. Once the old column is dropped only a restore brings it
//! back, at the price of everything written since the backup. A dropped column takes its constraints with it.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::effect::{Action, DatabaseAction};
use backout::policy::loaded::Loaded;
use backout::replication::ledger::Ledger;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{DecisionKind, Player, Reference, ReplicationRecord, RunRecord};
use backout::rng::Key;
use backout::rollback::{Fallback, ProcedureSpec, RollbackConditions};
use backout::scenario::{Scenario, embedded, read};
use backout::strategy::support::migrating::Migrating;
use backout::strategy::{Progress, Signal, Strategy};
use backout::study::{Progress as StudyProgress, Replications, Study};
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::database::state::Damage;
use backout::world::{Common, Level, Stop, World};

use crate::studies;

/// 9 updates and 1 insert a second into a hundred thousand rows; a backfill takes ten seconds.
const UPDATES: f64 = 9.0;
const INSERTS: f64 = 1.0;
/// Age of the backup at the deploy.
const AGE: f64 = 3600.0;

fn text(migration: &str, backup: &str) -> String {
    format!(
        "
format: 1
summary: s
services:
  shop: {{replicas: 4, service_time: 20ms, startup: 5s}}
traffic: [ {{to: shop, rate: 100/s}} ]
database:
  rows: 100000
  reads: 60%
  writes: 10%
  inserts: 10%
  constraints: [not_null, unique]
  on_null: wrong_answer
  bytes: 1GiB
  backup: {{state: {backup}, age: 1h, per_second: 32MiB}}
rollouts: [ {{service: shop, strategy: {{rolling: {{}}}}}} ]
change: {{migration: {migration}, faults: [{{error_burst: {{share: 1%}}}}]}}
"
    )
}

fn scenario(migration: &str, backup: &str) -> Scenario {
    let text = text(migration, backup);
    match read("test/migration", Source::new("migration.yaml", &text)) {
        Ok(resolved) => resolved.scenario,
        Err(findings) => panic!("{}", findings.render(false)),
    }
}

/// A way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The old revision, and nothing else.
    Code,
    /// The old revision, then the steps of the migration back.
    CodeThenSchema,
    /// The application is stopped, a backup from before the deploy restored, the old revision started.
    Restore,
}

impl Way {
    fn procedure(self) -> &'static str {
        match self {
            Way::Code => "kubectl_undo: {}",
            Way::CodeThenSchema => "schema_down: {}",
            Way::Restore => "database_rollback: {schema: false}",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// Whether the old revision serves all users at the end, on a schema it can use.
    back: bool,
    /// Seconds from the decision to the end of the way.
    seconds: f64,
    /// What is wrong with the data then.
    damage: Damage,
}

/// One world on its way, with whoever drives it.
struct Drive {
    world: World,
    deploy_at: SimTime,
    end: SimTime,
}

impl Drive {
    fn new(scenario: &Scenario, level: Level) -> Self {
        let deploy_at = SimTime::ZERO + SimDuration::from_secs(60);
        let end = deploy_at + SimDuration::from_secs(3 * 3600);
        let key = Key::root(1, "migrations").replication(0);
        let climate = Climate::new(&scenario.world, key, end);
        let common = Arc::new(Common::new(scenario.world.clone(), climate, key));
        let mut world = World::new(common, Arc::new([]), level);
        for slot in 0..4 {
            while world.run_until(SimTime::ZERO + SimDuration::from_secs(15 * (slot + 1))) != Stop::Reached {}
            world.end_slot(slot as usize);
        }
        world.begin_counting(None, false);
        world.deploy(Arc::new([]), SimDuration::ZERO);
        Drive { world, deploy_at, end }
    }

    /// Plays on to an instant, with slots every 15 s; asks `driver` whenever anything changes or it wants to be asked.
    fn play(
        &mut self,
        until: SimTime,
        mut driver: impl FnMut(&mut World) -> (Option<SimTime>, bool),
    ) -> bool {
        let slot = SimDuration::from_secs(15);
        loop {
            let (wake, done) = driver(&mut self.world);
            if done {
                return true;
            }
            let now = self.world.now();
            let number = now.as_nanos() / slot.as_nanos();
            let edge = SimTime::ZERO + slot * (number + 1);
            let wake = wake.filter(|at| *at > now).unwrap_or(SimTime::NEVER);
            let next = edge.min(wake).min(until);
            if let Stop::Reached = self.world.run_until(next)
                && next == edge
            {
                self.world.end_slot(number as usize);
            }
            if self.world.now() >= until {
                return false;
            }
        }
    }

    /// Rolls out and migrates until this many steps are done, and two minutes longer.
    fn migrate(&mut self, scenario: &Scenario, steps: u16) {
        let migration = scenario.world.database.as_ref().unwrap().migration.as_ref().unwrap();
        let mut rollout: Box<dyn Strategy> =
            Box::new(Migrating::around(scenario.rollout.as_dyn().start(), migration));
        let (deploy_at, end) = (self.deploy_at, self.end);
        let mut signal = Signal::Start;
        let mut there: Option<SimTime> = None;
        let reached = self.play(end, |world| {
            let view = world.view(deploy_at, false);
            let database = view.database.unwrap();
            assert!(!database.failed, "a step failed: {database:?}");
            let step = rollout.next(std::mem::replace(&mut signal, Signal::Changed), &view);
            // Steps come one after the other without a pause too; the last one asked for is the one looked at.
            let enough = database.applied >= steps && step.progress == Progress::Promoted;
            if enough {
                let at = *there.get_or_insert(view.now);
                let later = at + SimDuration::from_secs(120);
                return (Some(later), view.now >= later);
            }
            step.actions.iter().for_each(|action| world.perform(action));
            let again = (!step.actions.is_empty()).then_some(view.now + SimDuration::from_millis(1));
            (step.wake.or(again), false)
        });
        assert!(reached, "{steps} steps were not reached");
    }

    fn ask(&mut self, action: DatabaseAction) -> bool {
        let end = self.end;
        self.world.perform(&Action::Database(action));
        let deploy_at = self.deploy_at;
        self.play(end, |world| (None, !world.view(deploy_at, false).database.unwrap().running));
        !self.world.view(deploy_at, false).database.unwrap().failed
    }

    /// Carries a procedure out; it is given up when a step fails.
    fn go_back(&mut self, procedure: &str) -> Outcome {
        let decided = self.world.now();
        let procedure: ProcedureSpec = studies::yaml(procedure);
        let view = self.world.view(self.deploy_at, false);
        let conditions =
            RollbackConditions { on_failure: vec![Fallback::GiveUp], ..RollbackConditions::default() };
        let mut execution = studies::rollback(&procedure, conditions, Key::root(2, "undo"), &view);
        let (deploy_at, end) = (self.deploy_at, self.end);
        let ended = self.play(end, |world| {
            let step = execution.next(&world.view(deploy_at, false), &Ledger::default());
            step.actions.iter().for_each(|action| world.perform(action));
            (step.wake, !execution.is_pending())
        });
        assert!(ended, "the way back did not end");
        let seconds = self.world.now().since(decided).as_secs_f64();
        Outcome { back: self.world.is_restored(), seconds, damage: self.world.damage().unwrap() }
    }
}

/// What the rule says of a cell.
#[derive(Clone, Copy, Debug)]
struct Rule {
    back: bool,
    /// Seconds of updates and of inserts that are lost or NULL: at least, at most.
    updates: (f64, f64),
    inserts: (f64, f64),
    /// Whether everything written since the backup is lost.
    since_backup: bool,
    constraints: u32,
}

const NOTHING: (f64, f64) = (0.0, 0.0);

/// How far the new column falls behind without dual writes: half of the backfill, the pause of five minutes and the short
/// steps for updates, of which a few have been written over again since; all of the backfill for new rows.
const BEHIND: ((f64, f64), (f64, f64)) = ((280.0, 320.0), (300.0, 330.0));

/// Rows written in so many seconds: updates hit some rows twice.
fn written(seconds: f64) -> f64 {
    1e5 * (1.0 - (-UPDATES * seconds / 1e5).exp()) + INSERTS * seconds
}

/// A migration of the table: its name, how it is written, and how many steps there are to stop after (those that follow
/// one another without a pause count as one).
const MIGRATIONS: &[(&str, &str, &[u16])] = &[
    ("phased, dual writes", "{phased: {dual_writes: true, pause: 5m}}", &[1, 2, 3, 5, 6]),
    (
        "phased, no dual writes",
        "{phased: {dual_writes: false, constraints: false, pause: 5m}}",
        &[1, 2, 4, 5],
    ),
    ("one shot, statement by statement", "{one_shot: {}}", &[4]),
    ("one shot, one transaction", "{one_shot: {transactional: true}}", &[1]),
];

/// The written rule.
fn rule(migration: &str, step: u16, way: Way, backup: &str) -> Rule {
    if way == Way::Restore {
        let back = backup == "good";
        // Without a backup, or with a broken one, the application stays stopped and nothing has been undone.
        let there = Rule { back, since_backup: back, ..state(migration, step, way) };
        return if back {
            Rule { updates: NOTHING, inserts: NOTHING, constraints: 0, ..there }
        } else {
            there
        };
    }
    state(migration, step, way)
}

fn state(migration: &str, step: u16, way: Way) -> Rule {
    let down = way == Way::CodeThenSchema;
    let sound = Rule { back: true, updates: NOTHING, inserts: NOTHING, since_backup: false, constraints: 0 };
    // Two minutes from the step to the decision, and up to one until the old pods serve again.
    let since_switch = (120.0, 180.0);
    match (migration, step) {
        ("phased, dual writes", 6) => Rule { back: false, ..sound },
        // The new column is in use and has no constraints yet.
        ("phased, dual writes", 3) if way == Way::Restore => Rule { constraints: 2, ..sound },
        ("phased, dual writes", _) => sound,
        // While the application is stopped it is the new column that users last saw.
        ("phased, no dual writes", 4 | 5) if way == Way::Restore => {
            Rule { back: false, updates: BEHIND.0, inserts: BEHIND.1, constraints: 2, ..sound }
        }
        // NULL rows stand against NOT NULL on the way back.
        ("phased, no dual writes", 4) => {
            Rule { updates: since_switch, inserts: since_switch, constraints: 1, ..sound }
        }
        // The column is gone; what users last saw is in the other one.
        ("phased, no dual writes", 5) => {
            Rule { back: false, updates: BEHIND.0, inserts: BEHIND.1, constraints: 2, ..sound }
        }
        ("phased, no dual writes", _) => sound,
        // Half of the ten seconds of the copy, once on the way there and once on the way back.
        ("one shot, statement by statement", _) if down => {
            Rule { updates: (9.0, 12.0), inserts: (18.0, 24.0), constraints: 2, ..sound }
        }
        ("one shot, statement by statement", _) => {
            Rule { updates: (4.5, 6.0), inserts: (9.0, 12.0), constraints: 2, ..sound }
        }
        _ => Rule { constraints: 2, ..sound },
    }
}

fn level() -> Level {
    Level::Flow { histograms: false }
}

/// Every cell: migration, step, way, state of the backup, outcome.
fn cells() -> Vec<(&'static str, u16, Way, &'static str, Outcome)> {
    let mut cells = Vec::new();
    for (name, written, steps) in MIGRATIONS {
        for &step in *steps {
            for (way, backup) in [
                (Way::Code, "good"),
                (Way::CodeThenSchema, "good"),
                (Way::Restore, "good"),
                (Way::Restore, "absent"),
            ] {
                let scenario = scenario(written, backup);
                let mut drive = Drive::new(&scenario, level());
                drive.migrate(&scenario, step);
                cells.push((*name, step, way, backup, drive.go_back(way.procedure())));
            }
        }
    }
    cells
}

fn printed(cells: &[(&str, u16, Way, &str, Outcome)]) -> String {
    let mut text = String::from(
        "| migration | after step | way back | back | takes | updates lost | rows NULL | rows since backup | constraints lost |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (name, step, way, backup, outcome) in cells {
        let way = match (way, *backup) {
            (Way::Code, _) => "code only",
            (Way::CodeThenSchema, _) => "code, then schema",
            (Way::Restore, "good") => "stop, restore, start",
            (Way::Restore, _) => "stop, restore, no backup",
        };
        let Outcome { back, seconds, damage } = outcome;
        let back = if *back { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| {name} | {step} | {way} | {back} | {seconds:.0} s | {:.0} | {:.0} | {:.0} | {} |",
            damage.lost_updates, damage.null_rows, damage.since_backup, damage.constraints_lost
        );
    }
    text
}

#[test]
fn the_migration_table_is_what_the_rule_says() {
    let cells = cells();
    let table = printed(&cells);
    println!("{table}");
    let mut broken = String::new();
    for (name, step, way, backup, outcome) in &cells {
        let rule = rule(name, *step, *way, backup);
        let damage = outcome.damage;
        let within = |found: f64, (least, most): (f64, f64), rate: f64| {
            found >= 0.98 * rate * least - 0.5 && found <= 1.02 * rate * most + 0.5
        };
        let since = if rule.since_backup { (written(AGE), written(AGE + 2400.0)) } else { NOTHING };
        let holds = outcome.back == rule.back
            && within(damage.lost_updates, rule.updates, UPDATES)
            && within(damage.null_rows, rule.inserts, INSERTS)
            && within(damage.since_backup, since, 1.0)
            && damage.constraints_lost == rule.constraints;
        if !holds {
            let _ = writeln!(broken, "{name} {step} {way:?} {backup}: {rule:?} and not {outcome:?}");
        }
    }
    assert!(broken.is_empty(), "{broken}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/migrations.md")).unwrap();
    for line in table.lines() {
        assert!(page.contains(line), "docs/migrations.md has another table; the line is\n{line}");
    }
}

#[test]
fn both_levels_agree_on_requests_and_rows() {
    let scenario = scenario("{phased: {dual_writes: false, constraints: false, pause: 1m}}", "good");
    let found = [Level::Request, level()].map(|level| {
        let mut drive = Drive::new(&scenario, level);
        drive.migrate(&scenario, 5);
        // The old revision finds no column: 70 of 100 requests fail.
        drive.go_back(Way::Code.procedure());
        let from = drive.world.tally().unwrap().counts;
        let until = drive.world.now() + SimDuration::from_secs(60);
        drive.play(until, |_| (None, false));
        let number = drive.world.now().as_nanos() / 15_000_000_000;
        drive.world.end_part(number as usize, 1);
        let counts = drive.world.tally().unwrap().counts.minus(&from);
        (counts.failed as f64 / counts.issued as f64, drive.world.damage().unwrap().rows())
    });
    let [(request, rows), (flow, same)] = found;
    assert!((request - 0.7).abs() < 0.03 && (flow - 0.7).abs() < 0.03, "{request} and {flow}");
    assert!(rows > 500.0 && (rows - same).abs() < 0.01 * rows, "{rows} and {same}");
}

#[test]
fn a_lock_holds_requests_up_alike_at_both_levels() {
    // Four seconds under a lock with a time-out of ten: everybody who needs the table waits, nobody fails.
    let steps = "{steps: {up: [{step: change_type, takes: 4s, rows_per_second: 1000000/s}]}}";
    let mut scenario = scenario(steps, "good");
    scenario.world.slo.latency = Some(SimDuration::from_millis(500));
    let found = [Level::Request, Level::Flow { histograms: true }].map(|level| {
        let mut drive = Drive::new(&scenario, level);
        drive.migrate(&scenario, 1);
        let counts = drive.world.tally().unwrap().counts;
        assert_eq!(counts.failed, 0);
        counts.slow as f64
    });
    // 100 a second for 4.1 s, 70 % of them. Both levels take waits in quarters of the lock; even those of the last one, half
    // a second, are slow with the service time.
    let [request, flow] = found;
    assert!((220.0..=340.0).contains(&request), "{request}");
    assert!((request - flow).abs() < 75.0, "{request} and {flow}");
}

#[test]
fn an_application_that_is_stopped_is_down_and_turns_everybody_away() {
    let scenario = scenario("{one_shot: {transactional: true}}", "good");
    for level in [Level::Request, level()] {
        let mut drive = Drive::new(&scenario, level);
        drive.world.perform(&Action::Database(DatabaseAction::StopApplication));
        let until = drive.world.now() + SimDuration::from_secs(30);
        drive.play(until, |_| (None, false));
        let tally = drive.world.tally().unwrap();
        assert_eq!(tally.downtime.as_secs_f64(), 30.0);
        assert!(!drive.world.is_restored());
        let counts = tally.counts;
        let open = if level == Level::Request { 10 } else { 0 };
        assert!(counts.rejected + open >= counts.issued && counts.rejected > 2000, "{counts:?}");
    }
}

#[test]
fn a_silent_corruption_is_seen_by_whoever_compares_and_stops_with_the_writes() {
    let file = embedded::scenario("database/silent-corruption").unwrap();
    let scenario = Arc::new(read(file.name(), Source::new(file.path, file.text)).unwrap().scenario);
    let policy: Loaded = stop_policy();
    let records = Study::new(&[scenario], std::slice::from_ref(&policy), 11, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 6, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&StudyProgress::default())
        .unwrap();
    for record in &records {
        let bad = &record.rollouts[0].bad;
        assert!(bad.first_harm.is_some(), "the first corrupted row is the first harm");
        let (never, ours) = (reference(record, true, Reference::Never), run(record, true, &policy.name));
        // Fresh pods are slow for a few by themselves.
        let harm = never.harmed;
        assert_eq!(harm.failed + harm.rejected + harm.wrong, 0, "no request is bad");
        assert!(never.rows_lost > 0 && never.data.unwrap().corrupted == never.rows_lost);
        let decision = ours.decision.as_ref().expect("the comparison shows it");
        assert_eq!(decision.kind, DecisionKind::Stop);
        assert!(ours.rows_lost < never.rows_lost, "{} and {}", ours.rows_lost, never.rows_lost);
        assert!(ours.harmed.failed > 0, "writes that are refused fail");
        assert!(run(record, false, &policy.name).decision.is_none());
        assert_eq!(reference(record, false, Reference::Never).rows_lost, 0);
    }
}

/// A native policy that halts writes when the comparison has found rows.
fn stop_policy() -> Loaded {
    use backout::import::{ImportOptions, SourceText, load};
    let text = "
format: 1
summary: halts writes when the comparison has found rows
triggers:
  - name: rows_are_wrong
    expr: max(backout_reconciliation_mismatches) > 0
    then: stop
";
    let source = SourceText { name: "stop.yaml", text };
    match load(&[source], &ImportOptions::default()) {
        Ok(loaded) => loaded.into_iter().next().unwrap(),
        Err(error) => panic!("{error:?}"),
    }
}

fn run<'a>(record: &'a ReplicationRecord, bad: bool, name: &str) -> &'a RunRecord {
    of(record, bad, &Player::Policy(name.into()))
}

fn reference(record: &ReplicationRecord, bad: bool, reference: Reference) -> &RunRecord {
    of(record, bad, &Player::Reference(reference))
}

fn of<'a>(record: &'a ReplicationRecord, bad: bool, player: &Player) -> &'a RunRecord {
    let rollout = &record.rollouts[0];
    let twin = if bad { &rollout.bad } else { &rollout.healthy };
    twin.runs.iter().find(|run| run.player == *player).unwrap()
}

#[test]
fn the_new_revision_needs_its_schema() {
    let scenario = scenario("{steps: {up: [{step: rename_column}], candidate: {column: added}}}", "good");
    let mut drive = Drive::new(&scenario, level());
    assert!(drive.world.is_restored());
    assert!(drive.ask(DatabaseAction::Forward));
    // Before any pod of the new revision: the old one finds no column under its name.
    assert!(!drive.world.is_restored());
}

/// A release with the old column dropped, or corrupting rows: what each procedure makes of it.
fn promoted(backup: &str) -> Drive {
    let scenario = scenario("{phased: {dual_writes: true, pause: 1m}}", backup);
    let mut drive = Drive::new(&scenario, level());
    drive.migrate(&scenario, 6);
    drive
}

#[test]
fn an_emergency_restore_as_the_guide_has_it_restores_nothing_and_says_it_did() {
    let guide = "emergency_restore: {backup: newest, into_empty: false, asks_for: 10m, code: false}";
    let outcome = promoted("good").go_back(guide);
    // Ten minutes at the prompt and 32 s of a restore that does nothing; the new revision goes on as before.
    assert!((630.0..=660.0).contains(&outcome.seconds), "{outcome:?}");
    assert!(!outcome.back && outcome.damage.since_backup == 0.0, "{outcome:?}");
    // Into an empty database, with the old code: the old revision is back, without what was written since.
    let sound = promoted("good").go_back("emergency_restore: {}");
    assert!(sound.back && sound.damage.since_backup > 0.9 * written(AGE), "{sound:?}");
    assert_eq!(sound.damage.constraints_lost, 0);
}

#[test]
fn a_failed_step_leaves_the_application_stopped() {
    for (backup, procedure) in [
        ("good", "database_rollback: {}"),
        ("absent", "database_rollback: {schema: false}"),
        ("broken", "emergency_restore: {}"),
        ("absent", "emergency_restore: {}"),
    ] {
        let mut drive = promoted(backup);
        // The schema has no way back, or there is nothing to restore.
        assert!(!drive.go_back(procedure).back, "{procedure}");
        let before = drive.world.tally().unwrap().downtime;
        let until = drive.world.now() + SimDuration::from_secs(60);
        drive.play(until, |_| (None, false));
        let tally = drive.world.tally().unwrap();
        assert_eq!(tally.downtime.saturating_sub(before), SimDuration::from_secs(60), "{procedure}");
    }
}

#[test]
fn down_migrations_before_the_code_fail_the_new_code_meanwhile() {
    let failed = ["schema_down: {}", "schema_down: {schema_first: true}"].map(|procedure| {
        let scenario = scenario("{phased: {dual_writes: true, pause: 5m}}", "good");
        let mut drive = Drive::new(&scenario, level());
        drive.migrate(&scenario, 1);
        let before = drive.world.tally().unwrap().counts.failed;
        assert!(drive.go_back(procedure).back, "{procedure}");
        let number = drive.world.now().as_nanos() / 15_000_000_000;
        drive.world.end_part(number as usize, 1);
        drive.world.tally().unwrap().counts.failed - before
    });
    // The code that writes both columns fails its writes, ten a second, until the old pods have taken over.
    assert_eq!(failed[0], 0, "{failed:?}");
    assert!((50..600).contains(&failed[1]), "{failed:?}");
}
