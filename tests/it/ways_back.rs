//! Every kind of rollout with every procedure, in the middle of the rollout and after it; and every fault, rollout and
//! procedure in pairs, each pair in some cell. The outcome of a cell comes from the rules in `crosses.rs`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use backout::catalogue::{Card, Catalogue};
use backout::fault::FaultSpec;
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, RollbackOutcome, RunRecord};
use backout::rollback::{ProcedureSpec, RollbackConditions};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::strategy::StrategySpec;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::crosses::{self, FAULTS, Needs, PROCEDURES, Procedure, STRATEGIES, Way};
use crate::studies;

/// Decided in the middle of every rollout, and long after its end.
pub const MIDDLE: SimDuration = SimDuration::from_secs(75);
pub const LATE: SimDuration = SimDuration::from_mins(8);

fn same_names(what: &str, written: impl Iterator<Item = &'static str>, cards: &[Card]) {
    let written: BTreeSet<&str> = written.map(crosses::name).collect();
    let members: BTreeSet<&str> = cards.iter().map(|card| card.name).collect();
    assert_eq!(written, members, "{what}: lines (left) and the catalogue (right) differ");
}

#[test]
fn every_member_has_its_line() {
    same_names("strategies", STRATEGIES.iter().map(|way| way.0), StrategySpec::CARDS);
    same_names("procedures", PROCEDURES.iter().map(|procedure| procedure.0), ProcedureSpec::CARDS);
    same_names("faults", FAULTS.iter().map(|fault| fault.0), FaultSpec::CARDS);
}

/// One thing somebody does in a world: a procedure at an instant.
type Move = (&'static Procedure, SimDuration);

fn scenario(way: &Way, fault: &str, horizon: SimDuration) -> Scenario {
    let conditions =
        RollbackConditions { person_after: SimDuration::from_mins(1), ..RollbackConditions::default() };
    Scenario {
        name: "test/ways-back".to_owned(),
        rollout: crosses::strategy(way),
        faults: vec![("change.faults[0]".to_owned(), studies::yaml::<FaultSpec>(fault))],
        rollback_conditions: conditions,
        warm_up: SimDuration::from_mins(2),
        horizon,
        watch: SimDuration::from_mins(1),
        ..studies::canary(FidelityChoice::Auto, 10.0)
    }
}

/// Somebody who does it whatever they see.
fn mover(number: usize, (procedure, after): &Move, way: &Way) -> Loaded {
    Loaded {
        rollout: Some(crosses::strategy(way)),
        rollback: Some(crosses::procedure(procedure)),
        ..studies::clockwork(&format!("mover-{number}"), *after)
    }
}

/// The runs of the bad release, one a move.
fn play(scenario: Scenario, way: &Way, moves: &[Move]) -> Vec<RunRecord> {
    let policies: Vec<Loaded> = moves.iter().enumerate().map(|(n, what)| mover(n, what, way)).collect();
    let mut records = Study::new(&[studies::shared(scenario)], &policies, 5, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: 1, request: 1 })
        .with_jobs(NonZeroUsize::MIN)
        .play(&Progress::default())
        .unwrap();
    let runs = records.remove(0).rollouts.remove(0).bad.runs;
    let of = |policy: &Loaded| {
        let is_it = |run: &&RunRecord| run.player == Player::Policy(policy.name.as_str().into());
        runs.iter().find(is_it).unwrap().clone()
    };
    policies.iter().map(of).collect()
}

/// Whether users are served by something else than the release in the end.
fn helped(run: &RunRecord) -> bool {
    let rollback = run.rollback.as_ref().expect("it was begun");
    rollback.restored.is_some() && rollback.outcome != RollbackOutcome::Impossible
}

#[test]
fn what_cannot_undo_a_rollout_says_why() {
    let mut refused = 0;
    for (way, procedure) in STRATEGIES.iter().flat_map(|way| PROCEDURES.iter().map(move |p| (way, p))) {
        let spec = crosses::procedure(procedure);
        assert_eq!(spec.as_dyn().needs_database(), procedure.1 == Needs::Database, "{}", procedure.0);
        if crosses::is_played_elsewhere(procedure) {
            continue;
        }
        let reason = spec.why_not(crosses::strategy(way).as_dyn().routing());
        let rule = crosses::undefined(way, procedure);
        let fits = match (reason, rule) {
            (Some(reason), Some(part)) => reason.contains(part),
            (reason, rule) => reason == rule,
        };
        assert!(fits, "{}, {}: {reason:?}, by the rule {rule:?}", way.0, procedure.0);
        refused += usize::from(rule.is_some());
    }
    assert!(refused > 0);
}

#[test]
fn every_procedure_on_every_kind_of_rollout() {
    let mut broken = Vec::new();
    for way in STRATEGIES {
        let defined = || PROCEDURES.iter().filter(|procedure| crosses::undefined(way, procedure).is_none());
        let moves: Vec<Move> = defined().flat_map(|p| [(p, MIDDLE), (p, LATE)]).collect();
        let scenario = scenario(way, "error_burst: {share: 30%}", SimDuration::from_mins(20));
        for ((procedure, after), run) in moves.iter().zip(play(scenario, way, &moves)) {
            let late = *after == LATE;
            let expected = crosses::helps(way, procedure, late);
            if helped(&run) != expected {
                broken.push(format!(
                    "{}, {}, late: {late}: expected {expected}, {:?}",
                    way.0, procedure.0, run.rollback
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{} cells:\n{}", broken.len(), broken.join("\n"));
}

/// A cell of the three lists, by index: strategy, fault, procedure.
type Cell = (usize, usize, usize);

/// Cells in which every pair that is defined occurs: for each fault and procedure the rollout, among those the
/// procedure can undo, whose pairs with the two are not in yet; the one met least so far among equals.
fn pairwise() -> Vec<Cell> {
    let mut cells = Vec::new();
    let (mut of_fault, mut of_procedure) = (BTreeSet::new(), BTreeSet::new());
    let mut met = vec![0; STRATEGIES.len()];
    for fault in 0..FAULTS.len() {
        for (procedure, written) in PROCEDURES.iter().enumerate() {
            let defined =
                (0..STRATEGIES.len()).filter(|s| crosses::undefined(&STRATEGIES[*s], written).is_none());
            let gain = |s: usize| {
                usize::from(!of_fault.contains(&(s, fault)))
                    + usize::from(!of_procedure.contains(&(s, procedure)))
            };
            let best = defined.max_by_key(|&s| (gain(s), std::cmp::Reverse(met[s])));
            let Some(strategy) = best else { continue };
            of_fault.insert((strategy, fault));
            of_procedure.insert((strategy, procedure));
            met[strategy] += 1;
            cells.push((strategy, fault, procedure));
        }
    }
    // What the faults were too few for.
    for (s, way) in STRATEGIES.iter().enumerate() {
        for (p, written) in PROCEDURES.iter().enumerate() {
            if crosses::undefined(way, written).is_none() && of_procedure.insert((s, p)) {
                cells.push((s, p % FAULTS.len(), p));
            }
        }
    }
    cells
}

#[test]
fn every_pair_of_the_three_is_in_some_cell() {
    let cells = pairwise();
    let pairs = |pick: fn(&Cell) -> (usize, usize)| cells.iter().map(pick).collect::<BTreeSet<_>>();
    let (sf, sp, fp) = (pairs(|c| (c.0, c.1)), pairs(|c| (c.0, c.2)), pairs(|c| (c.1, c.2)));
    let defined = |s: usize, p: usize| crosses::undefined(&STRATEGIES[s], &PROCEDURES[p]).is_none();
    for (s, way) in STRATEGIES.iter().enumerate() {
        assert!((0..FAULTS.len()).all(|f| sf.contains(&(s, f))), "{}", way.0);
        assert!((0..PROCEDURES.len()).all(|p| sp.contains(&(s, p)) == defined(s, p)), "{}", way.0);
    }
    for (f, fault) in FAULTS.iter().enumerate() {
        let all = (0..PROCEDURES.len())
            .all(|p| fp.contains(&(f, p)) || crosses::is_played_elsewhere(&PROCEDURES[p]));
        assert!(all, "{}", fault.0);
    }
}

#[test]
fn every_fault_rollout_and_procedure_in_pairs() {
    let cells = pairwise();
    let mut broken = Vec::new();
    for (s, way) in STRATEGIES.iter().enumerate() {
        for (f, (fault, fate)) in FAULTS.iter().enumerate() {
            let here = cells.iter().filter(|cell| (cell.0, cell.1) == (s, f));
            let moves: Vec<Move> = here.map(|cell| (&PROCEDURES[cell.2], MIDDLE)).collect();
            if moves.is_empty() {
                continue;
            }
            let example = FaultSpec::CARDS.iter().find(|card| card.name == *fault).map(|card| card.example);
            let scenario = scenario(way, example.unwrap_or(fault), SimDuration::from_mins(10));
            for ((procedure, _), run) in moves.iter().zip(play(scenario, way, &moves)) {
                let expected = crosses::helps_with(way, fault, procedure) && crosses::mends(*fate, procedure);
                if helped(&run) != expected {
                    let cell = format!("{}, {fault}, {}", way.0, procedure.0);
                    broken.push(format!("{cell}: expected {expected}, {:?}", run.rollback));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} cells of {}:\n{}", broken.len(), cells.len(), broken.join("\n"));
}

/// What a cell of the page says.
fn cell(way: &Way, procedure: &Procedure) -> &'static str {
    if crosses::undefined(way, procedure).is_some() {
        return "-";
    }
    match [false, true].map(|late| crosses::helps(way, procedure, late)) {
        [true, true] => "yes",
        [true, false] => "midway",
        [false, true] => "late",
        [false, false] => "no",
    }
}

/// The page about which procedure undoes which rollout, by the rules.
fn page() -> String {
    let mut page = PREFACE.to_owned();
    for (number, way) in STRATEGIES.iter().enumerate() {
        page.push_str(&format!("- **{}** `{}`\n", letter(number), way.0));
    }
    let letters: Vec<String> = (0..STRATEGIES.len()).map(letter).collect();
    page.push_str(&format!(
        "\n| procedure | {} |\n|---|{}\n",
        letters.join(" | "),
        "---|".repeat(letters.len())
    ));
    for procedure in PROCEDURES.iter().filter(|procedure| !crosses::is_played_elsewhere(procedure)) {
        let cells: Vec<&str> = STRATEGIES.iter().map(|way| cell(way, procedure)).collect();
        page.push_str(&format!("| `{}` | {} |\n", procedure.0, cells.join(" | ")));
    }
    page.push_str(AFTERWORD);
    page
}

fn letter(number: usize) -> String {
    char::from(b'A' + number as u8).to_string()
}

const PREFACE: &str = "# Which procedure undoes which rollout

Written by `BACKOUT_WRITE_DOCS=1 cargo test --test it ways_back` from the rules in `tests/it/crosses.rs`, which every cell is played \
against: decided in the middle of the rollout (75 s after the deploy) and after its end (8 min). *yes*: users are on pods of the old \
revision in the end, all of them there and no others in their way, whenever it is decided; *midway*, *late*: only then; *no*: never, \
though the procedure may report success; *-*: undefined, and a scenario that says so is refused with the reason.

";

const AFTERWORD: &str = "
A procedure that moves nobody is right *midway* where nobody has been sent over yet (K, L).

A dash has one of three reasons: a procedure that has nothing but a router's weights needs a router; one that changes a value which \
clients look up needs clients that look; one that replaces pods in place and knows of no router needs one pool of pods. \
`schema_down`, `database_rollback` and `emergency_restore` need a database ([migrations.md](migrations.md)).

What a release changed around its code (`pool_size`, `autoscaler_limits`, `lb_health_check`) stays whatever becomes of pods and traffic: \
of all procedures only `terraform_reapply` with the old configuration and a fix that mends put it back.
";

#[test]
fn the_page_is_the_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ways-back.md");
    if std::env::var("BACKOUT_WRITE_DOCS").is_ok_and(|write| write == "1") {
        std::fs::write(path, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "write it with BACKOUT_WRITE_DOCS=1");
}
