//! One workload on one side: `backout-peers WORKLOAD SIDE UNITS` prints one line of JSON.
//!
//! `cpu_seconds` is the processor time of the process while the workload ran, setting up the model included, start of
//! the process not. `check` is the figure by which the sides of a workload are compared before their times are (see
//! `compare.py`): a fast answer that is wrong is no answer. Without arguments it lists what there is.
//!
//! The models of the hand-written loops are those of the criterion benches, included by path.

#[path = "../../world/baseline.rs"]
#[allow(dead_code, reason = "the benches use the rest")]
mod baseline;
#[path = "../../engine/models/mod.rs"]
#[allow(dead_code, reason = "the benches use the rest")]
mod models;
#[path = "../../world/queues.rs"]
#[allow(dead_code, reason = "the benches use the rest")]
mod queues;
#[path = "../../world/study.rs"]
#[allow(dead_code, reason = "the benches use the rest")]
mod study;

mod flow;
mod loops;
mod nexo;
mod request;
mod rollout;
mod samplers;
mod verdict;

use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// What a workload did.
struct Done {
    units: u64,
    check: f64,
}

/// A workload on one side.
struct Case {
    workload: &'static str,
    side: &'static str,
    unit: &'static str,
    play: fn(u64) -> Done,
}

const fn case(workload: &'static str, side: &'static str, unit: &'static str, play: fn(u64) -> Done) -> Case {
    Case { workload, side, unit, play }
}

const CASES: &[Case] = &[
    case("hold-30", "std heap", "event", |events| loops::hold_on_heap(30, events)),
    case("hold-30", "agenda", "event", |events| loops::hold_on_agenda(30, events)),
    case("hold-1000", "std heap", "event", |events| loops::hold_on_heap(1000, events)),
    case("hold-1000", "agenda", "event", |events| loops::hold_on_agenda(1000, events)),
    case("phold-30", "std heap", "event", |events| loops::phold_on_heap(30, events)),
    case("phold-30", "agenda", "event", |events| loops::phold_on_agenda(30, events)),
    case("phold-30", "nexosim", "event", |events| nexo::one_model::phold(30, events)),
    case("phold-1000", "std heap", "event", |events| loops::phold_on_heap(1000, events)),
    case("phold-1000", "agenda", "event", |events| loops::phold_on_agenda(1000, events)),
    case("phold-1000", "nexosim", "event", |events| nexo::one_model::phold(1000, events)),
    case("mm1", "std heap", "customer", loops::mm1_on_heap),
    case("mm1", "std heap, libm draws", "customer", request::mm1_baseline),
    case("mm1", "agenda", "customer", loops::mm1_on_agenda),
    case("mm1", "world", "customer", request::mm1_world),
    case("mm1", "nexosim", "customer", nexo::queue::mm1),
    case("mm1", "nexosim, one model", "customer", nexo::one_model::mm1),
    case("graph-30", "std heap", "request", loops::graph_on_heap),
    case("graph-30", "agenda", "request", loops::graph_on_agenda),
    case("graph-30", "nexosim", "request", nexo::tree::graph),
    case("graph-30", "nexosim, one model", "request", nexo::one_model::graph),
    case("graph-11", "std heap", "request", request::graph_baseline),
    case("graph-11", "world", "request", request::graph_world),
    case("graph-11", "nexosim, one model", "request", nexo::one_model::graph_in_turn),
    case("c1-constant", "world", "rollout", |n| flow::errors(n, false)),
    case("c1-constant", "samplers", "rollout", samplers::errors),
    case("c1-constant", "samplers, tables", "rollout", samplers::errors_by_tables),
    case("c1-varying", "world", "rollout", |n| flow::errors(n, true)),
    case("c2-constant", "world", "rollout", |n| flow::histograms(n, false)),
    case("c2-varying", "world", "rollout", |n| flow::histograms(n, true)),
    case("release", "references", "release", |n| rollout::releases(n, false)),
    case("release", "one policy", "release", |n| rollout::releases(n, true)),
];

/// The line that is printed.
#[derive(Serialize)]
struct Line<'a> {
    workload: &'a str,
    side: &'a str,
    unit: &'a str,
    cpu_seconds: f64,
    units: u64,
    check: f64,
}

/// Processor time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn run(case: &Case, units: u64) -> Line<'static> {
    let before = cpu_seconds();
    let done = (case.play)(units);
    let cpu_seconds = cpu_seconds() - before;
    let Case { workload, side, unit, .. } = *case;
    Line { workload, side, unit, cpu_seconds, units: done.units, check: done.check }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [workload, side, units] = args.as_slice() else {
        CASES.iter().for_each(|case| println!("{}\t{}\t{}", case.workload, case.side, case.unit));
        return if args.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let case = CASES.iter().find(|case| case.workload == workload && case.side == side);
    let (Some(case), Ok(units @ 1..)) = (case, units.parse()) else {
        eprintln!(
            "there is no `{side}` of `{workload}`, or `{units}` is no number; without arguments all are listed"
        );
        return ExitCode::from(2);
    };
    match serde_json::to_string(&run(case, units)) {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
