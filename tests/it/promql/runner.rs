//! Plays a script against the evaluator.

use backout::promql::{Evaluator, Labels, MemoryStorage, Options, Program, Series, SeriesLine, Value, View};

use super::script::{Command, Eval, Expected, When};

/// What became of one eval command.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub line: usize,
    pub expr: String,
    /// `Ok` if the outcome is the expected one.
    pub verdict: Result<(), String>,
}

/// The tolerance of the suite itself, whose expectations are written with few digits.
const TOLERANCE: f64 = 1e-6;

/// Whether both are NaN or they differ by at most a share of the larger one.
pub fn agree_within(tolerance: f64, a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

fn agree(a: f64, b: f64) -> bool {
    agree_within(TOLERANCE, a, b)
}

/// Plays all commands; one outcome per eval.
pub fn play(commands: &[Command], options: Options) -> Vec<Outcome> {
    let mut store = MemoryStorage::new();
    let mut outcomes = Vec::new();
    for command in commands {
        match command {
            Command::Clear => store = MemoryStorage::new(),
            Command::Load { interval_ms, series } => load(&mut store, *interval_ms, series),
            Command::Eval(eval) => {
                let mut program = Program::with_options(options);
                let compiled = program.add(&eval.expr);
                let result = compiled.map_err(|e| e.to_string()).and_then(|query| {
                    evaluate(&program, &store, query, eval.when).map_err(|e| e.to_string())
                });
                let verdict = compare(eval, result);
                outcomes.push(Outcome { line: eval.line, expr: eval.expr.clone(), verdict });
            }
        }
    }
    outcomes
}

/// Adds series with one value per interval from time zero.
pub fn load(store: &mut MemoryStorage, interval_ms: i64, series: &[SeriesLine]) {
    for line in series {
        // A series without any float sample was all histograms.
        for (value, step) in line.values.iter().zip(0i64..) {
            if let Some(value) = value {
                store.append(&line.labels, step * interval_ms, *value);
            }
        }
    }
}

fn evaluate(
    program: &Program,
    store: &MemoryStorage,
    query: backout::promql::QueryId,
    when: When,
) -> Result<Value, backout::promql::EvalError> {
    let mut evaluator = Evaluator::new();
    match when {
        When::Instant(at) => {
            let value = evaluator.eval(program, store, query, at)?;
            // What was remembered must be what was computed.
            if let Ok(View::Vector(view)) = evaluator.view(program, store, query, at) {
                let again: Vec<f64> = view.values().collect();
                let Value::Vector(first) = &value else { panic!("another type the second time") };
                assert!(first.iter().zip(&again).all(|(a, b)| a.value.to_bits() == b.to_bits()));
            }
            Ok(value)
        }
        When::Range { start, end, step } => {
            Ok(Value::Matrix(evaluator.eval_range(program, store, query, start, end, step)?))
        }
    }
}

fn compare(eval: &Eval, result: Result<Value, String>) -> Result<(), String> {
    let value = match (eval.fails, result) {
        (true, Err(_)) => return Ok(()),
        (true, Ok(value)) => return Err(format!("should fail, is {value:?}")),
        (false, Err(error)) => return Err(error),
        (false, Ok(value)) => value,
    };
    match (&eval.expected, value) {
        (Expected::String(text), Value::String(found)) if *text == found => Ok(()),
        (Expected::Scalar(wanted), Value::Scalar(found)) if agree(*wanted, found) => Ok(()),
        (Expected::Series(wanted), Value::Vector(found)) => {
            let found: Vec<(Labels, Vec<Option<f64>>)> =
                found.into_iter().map(|sample| (sample.labels, vec![Some(sample.value)])).collect();
            compare_series(wanted, &found, eval.ordered)
        }
        (Expected::Series(wanted), Value::Matrix(found)) => {
            let When::Range { start, end, step } = eval.when else { return Err("a range vector".into()) };
            compare_series(wanted, &at_steps(&found, start, end, step), false)
        }
        (Expected::Matrix { start, step, series }, Value::Matrix(found)) => {
            let points = series.iter().map(|line| line.values.len()).max().unwrap_or(1) as i64;
            compare_series(series, &at_steps(&found, *start, start + (points - 1) * step, *step), false)
        }
        (wanted, found) => Err(format!("expected {wanted:?}, found {found:?}")),
    }
}

/// Values at each step; a point between the steps is an extra value that matches nothing.
fn at_steps(series: &[Series], start: i64, end: i64, step: i64) -> Vec<(Labels, Vec<Option<f64>>)> {
    let value_at = |one: &Series, at: i64| one.points.iter().find(|point| point.0 == at).map(|point| point.1);
    let steps: Vec<i64> = (0..).map(|n| start + n * step).take_while(|at| *at <= end).collect();
    series
        .iter()
        .map(|one| {
            let mut values: Vec<Option<f64>> = steps.iter().map(|at| value_at(one, *at)).collect();
            values.extend(one.points.iter().filter(|p| !steps.contains(&p.0)).map(|p| Some(p.1)));
            (one.labels.clone(), values)
        })
        .collect()
}

fn compare_series(
    wanted: &[SeriesLine],
    found: &[(Labels, Vec<Option<f64>>)],
    ordered: bool,
) -> Result<(), String> {
    let complaint = || format!("expected {wanted:?}, found {found:?}");
    if wanted.len() != found.len() {
        return Err(complaint());
    }
    for (place, line) in wanted.iter().enumerate() {
        let partner =
            if ordered { found.get(place) } else { found.iter().find(|(labels, _)| *labels == line.labels) };
        let Some((labels, values)) = partner else { return Err(complaint()) };
        let length = values.len().max(line.values.len());
        let same = (0..length).all(|step| {
            match (line.values.get(step).copied().flatten(), values.get(step).copied().flatten()) {
                (None, None) => true,
                (Some(a), Some(b)) => agree(a, b),
                _ => false,
            }
        });
        if *labels != line.labels || !same {
            return Err(complaint());
        }
    }
    Ok(())
}
