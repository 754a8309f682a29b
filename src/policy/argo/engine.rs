//! Argo Rollouts' analyses at work: which runs exist while a rollout goes on, and what their phases make it do
//! (rollout/analysis.go, rollout/canary.go).
//!
//! A background run begins at the deploy (or at its starting step) and ends with the rollout. A step's run begins
//! when the rollout enters its analysis step and keeps it there until the run is complete. `Failed` and `Error`
//! abort; `Inconclusive` pauses until a person resumes, and then a *new* run begins.
//!
//! An experiment's run ends with the experiment: after its duration, or once the metrics required for its completion
//! have ended. Without progress for longer than the deadline a rollout is Degraded, and aborts only if it says so;
//! time in pauses, analyses and experiments does not count.
//!
//! Traps: each metric has its own clock (initial delay, interval, 10 s after an error), so runs do not tick on a
//! grid; a run whose metrics need no more measurements is successful at once and lets the step go on early; on a
//! rollout that is not the file's own, each step's analysis begins with a bake of that rollout instead.

use std::sync::Arc;

use super::measurement::{Phase, assess};
use super::metric::MetricSpec;
use super::run::AnalysisRun;
use crate::expr::{self, Value as ExprValue};
use crate::policy::{CheckOutcome, Observation, Policy, Start, Verdict};
use crate::promql::Value;
use crate::strategy::{Progress, StepKind, StepStatus};
use crate::time::{SimDuration, SimTime};

/// The shortest time between two measurements of a metric: the controller does not reconcile more often.
const SHORTEST_INTERVAL: SimDuration = SimDuration::from_secs(1);

/// One analysis: a name for messages and its metrics.
#[derive(Clone, Debug)]
pub struct AnalysisDef {
    /// The names of its templates.
    pub name: String,
    /// What kind of run it makes.
    pub kind: RunKind,
    /// When it is over, if it belongs to an experiment.
    pub experiment: Option<ExperimentEnd>,
    metrics: Vec<MetricDef>,
}

/// One metric of an analysis.
#[derive(Clone, Debug)]
pub struct MetricDef {
    /// Limits and conditions.
    pub spec: Arc<MetricSpec>,
    /// How it is measured.
    pub measure: Measure,
    /// Index of its check.
    pub check: usize,
}

/// How a metric is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// A query at the instant of the measurement, by index.
    Query(usize),
    /// A query over a span; all values of all series are one list.
    Range {
        /// Index of the query.
        query: usize,
        /// Start, an expression like `now() - duration("5m")`.
        start: String,
        /// End, an expression.
        end: String,
        /// Time between two values.
        step: SimDuration,
    },
    /// A provider the simulation does not have, and what is assumed of it.
    Assumed(Assumption),
}

/// What is assumed of a provider that the simulation does not have.
#[derive(Clone, Debug, PartialEq)]
pub enum Assumption {
    /// Every measurement ends like this.
    Phase(Phase),
    /// This share (0 to 1) of the measurements succeeds, the others fail.
    Share(f64),
    /// Every measurement has this result, which the conditions judge.
    Value(ExprValue),
}

/// What a rollout does with a run, as far as words and the end of it go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunKind {
    /// A step of a canary.
    #[default]
    Step,
    /// Beside all steps.
    Background,
    /// Before the switch of a blue-green rollout.
    PrePromotion,
    /// After the switch of a blue-green rollout.
    PostPromotion,
    /// An experiment of a canary.
    Experiment,
}

impl RunKind {
    /// Its name in messages.
    const fn name(self) -> &'static str {
        match self {
            RunKind::Step => "Step-based",
            RunKind::Background => "Background",
            RunKind::PrePromotion => "Pre-promotion",
            RunKind::PostPromotion => "Post-promotion",
            RunKind::Experiment => "Experiment",
        }
    }
}

/// When an experiment is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExperimentEnd {
    /// Its duration, from when its pods are available; without one only required metrics end it.
    pub lasts: Option<SimDuration>,
    /// Which metrics must have ended first, by index.
    pub required: Vec<bool>,
}

/// The longest time without progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// So long (`progressDeadlineSeconds`).
    pub after: SimDuration,
    /// Whether the rollout aborts then (`progressDeadlineAbort`).
    pub abort: bool,
    /// What the controller says then.
    pub says: &'static str,
}

impl AnalysisDef {
    /// An analysis of these metrics.
    pub fn new(name: String, mut metrics: Vec<MetricDef>) -> Self {
        for metric in &mut metrics {
            if metric.spec.interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
                let interval = Some(SHORTEST_INTERVAL);
                metric.spec = Arc::new(MetricSpec { interval, ..(*metric.spec).clone() });
            }
        }
        AnalysisDef { name, kind: RunKind::Step, experiment: None, metrics }
    }

    /// The same analysis as another kind of run.
    #[must_use]
    pub fn of_kind(self, kind: RunKind) -> Self {
        AnalysisDef { kind, ..self }
    }

    /// Its metrics.
    pub fn metrics(&self) -> &[MetricDef] {
        &self.metrics
    }

    /// From the start of a run to its last measurement when every measurement succeeds; metrics without a count
    /// and with an interval are left out, since they never end.
    pub fn length(&self) -> SimDuration {
        if let Some(ExperimentEnd { lasts: Some(lasts), .. }) = &self.experiment {
            return (*lasts).max(self.required_length());
        }
        self.metrics.iter().filter_map(MetricDef::length).max().unwrap_or(SimDuration::ZERO)
    }

    fn required_length(&self) -> SimDuration {
        let end = self.experiment.as_ref().map_or(&[][..], |end| end.required.as_slice());
        let required = self.metrics.iter().zip(end).filter(|(_, required)| **required);
        required.filter_map(|(metric, _)| metric.length()).max().unwrap_or(SimDuration::ZERO)
    }

    /// Whether a run ends by itself when every measurement succeeds.
    pub fn ends(&self) -> bool {
        match &self.experiment {
            Some(end) => end.lasts.is_some() || end.required.contains(&true),
            None => self.metrics.iter().all(|metric| metric.length().is_some()),
        }
    }

    /// Whether every metric that an experiment waits for has ended.
    fn required_ended(&self, run: &AnalysisRun) -> bool {
        let end = self.experiment.as_ref().map_or(&[][..], |end| end.required.as_slice());
        run.metrics().iter().zip(end).all(|(metric, required)| !required || metric.phase().is_completed())
    }

    fn run(&self, now: SimTime) -> AnalysisRun {
        AnalysisRun::new(self.metrics.iter().map(|metric| Arc::clone(&metric.spec)), now)
    }
}

impl MetricDef {
    /// From the start of a run to its last measurement when every measurement succeeds; `None` if that never comes.
    fn length(&self) -> Option<SimDuration> {
        let spec = &self.spec;
        let successes = u32::try_from(spec.consecutive_success_limit).ok().filter(|limit| *limit > 0);
        let count = match (spec.effective_count(), successes) {
            (Some(count), Some(successes)) => count.min(successes),
            (count, successes) => count.or(successes)?,
        };
        let between = spec.interval.unwrap_or(SimDuration::ZERO);
        Some(spec.initial_delay + between * u64::from(count.saturating_sub(1)))
    }
}

/// The analyses of a rollout.
#[derive(Clone, Debug, Default)]
pub struct Analyses {
    /// The one that runs in the background, and the step at which it begins.
    pub background: Option<(AnalysisDef, usize)>,
    /// Those of the analysis steps, in the order of the steps.
    pub steps: Vec<AnalysisDef>,
    /// How long until a person resumes a rollout that is paused by an inconclusive run.
    pub resume_after: SimDuration,
    /// The longest time without progress, of a rollout that is the file's own.
    pub deadline: Option<Deadline>,
}

/// Argo's analyses of one release.
#[derive(Clone, Debug)]
pub struct Argo {
    analyses: Arc<Analyses>,
    background: Option<Running>,
    step: Option<Running>,
    own_rollout: bool,
    finished: bool,
    /// Since when the rollout waits for pods or weights, and when that may be too long.
    progressing: Option<(SimTime, SimTime)>,
}

/// A run under way.
#[derive(Clone, Debug)]
struct Running {
    which: Which,
    run: AnalysisRun,
    /// When a person resumes after an inconclusive run.
    resume_at: Option<SimTime>,
    /// Whether the end of the run has been acted on.
    settled: bool,
    /// When the duration of its experiment is over.
    experiment_ends: Option<SimTime>,
    /// Whether only required metrics keep it going.
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Background,
    /// The step's analysis of this number, begun in the step of this index.
    Step(usize, usize),
}

impl Running {
    fn begin(which: Which, analysis: &AnalysisDef, now: SimTime) -> Self {
        let end = analysis.experiment.as_ref();
        let lasts = end.and_then(|end| end.lasts);
        Running {
            which,
            run: analysis.run(now),
            resume_at: None,
            settled: false,
            experiment_ends: lasts.map(|lasts| now + lasts),
            over: lasts.is_none() && end.is_some_and(|end| end.required.contains(&true)),
        }
    }

    fn next_tick(&self) -> SimTime {
        if let Some(at) = self.resume_at {
            return at;
        }
        let due = self.run.next_due().map(|(at, _)| at);
        match [due, self.experiment_ends].into_iter().flatten().min() {
            Some(at) if !self.settled => at,
            _ if self.settled => SimTime::NEVER,
            _ => self.run.started_at(),
        }
    }
}

impl Argo {
    /// Analyses before their start.
    pub fn new(analyses: Analyses) -> Self {
        Self::new_shared(&Arc::new(analyses))
    }

    fn finish(&mut self, now: SimTime) {
        for running in [&mut self.background, &mut self.step].into_iter().flatten() {
            running.run.terminate(now);
        }
        self.finished = true;
    }

    fn begin_background(&mut self, index: usize, now: SimTime) {
        if let Some((analysis, starting_step)) = &self.analyses.background
            && self.background.is_none()
            && index >= *starting_step
        {
            self.background = Some(Running::begin(Which::Background, analysis, now));
        }
    }

    fn begin_step(&mut self, number: usize, index: usize, now: SimTime) {
        let which = Which::Step(number, index);
        if self.step.as_ref().is_some_and(|running| running.which == which) {
            return;
        }
        let analysis = self.analyses.steps.get(number);
        self.step = analysis.map(|analysis| Running::begin(which, analysis, now));
    }

    /// Takes what is due of one run and says what its phase means.
    fn advance(&self, running: &mut Running, o: &mut Observation<'_>) -> Verdict {
        let analyses = Arc::clone(&self.analyses);
        let analysis = match running.which {
            Which::Background => analyses.background.as_ref().map(|(analysis, _)| analysis),
            Which::Step(number, _) => analyses.steps.get(number),
        };
        let Some(analysis) = analysis else { return Verdict::Continue };
        if running.resume_at.is_some_and(|at| o.now >= at) {
            o.say(|| format!("resumed by a person: a new analysis run of {} begins", analysis.name));
            *running = Running::begin(running.which, analysis, o.now);
        }
        while running.resume_at.is_none()
            && let Some((at, index)) = running.run.next_due()
            && at <= o.now
        {
            let Some(metric) = analysis.metrics.get(index) else { break };
            let phase = measure(metric, o);
            running.run.record(index, phase, o.now);
        }
        if running.experiment_ends.is_some_and(|at| o.now >= at) {
            (running.experiment_ends, running.over) = (None, true);
        }
        if running.over && !running.run.phase().is_completed() && analysis.required_ended(&running.run) {
            running.run.terminate(o.now);
        }
        self.conclude(running, analysis, o)
    }

    fn conclude(&self, running: &mut Running, analysis: &AnalysisDef, o: &mut Observation<'_>) -> Verdict {
        let is_step = running.which != Which::Background;
        let phase = running.run.phase();
        let newly = phase.is_completed() && !std::mem::replace(&mut running.settled, phase.is_completed());
        if newly {
            o.say(|| format!("AnalysisRun {} {}", analysis.name, phase.name()));
        }
        match phase {
            Phase::Failed | Phase::Error => {
                let kind = if is_step { analysis.kind } else { RunKind::Background }.name();
                let message = message(running, analysis);
                Verdict::RollBack { reasons: vec![format!("{kind} analysis phase error/failed: {message}")] }
            }
            Phase::Inconclusive => {
                running.resume_at.get_or_insert(o.now + self.analyses.resume_after);
                Verdict::Inconclusive { reasons: vec![message(running, analysis)] }
            }
            Phase::Successful if is_step && newly && self.own_rollout => Verdict::Advance,
            Phase::Successful => Verdict::Continue,
            Phase::Pending | Phase::Running if is_step => Verdict::Hold,
            Phase::Pending | Phase::Running => Verdict::Continue,
        }
    }
}

/// The sentence of the metric that ended the run, in Argo's words.
fn message(running: &Running, analysis: &AnalysisDef) -> String {
    let phase = running.run.phase();
    let culprit =
        running.run.metrics().iter().find(|metric| metric.phase() == phase && !metric.spec().dry_run);
    let Some(metric) = culprit else {
        return format!("analysis {} has no metrics", analysis.name);
    };
    let (counters, spec) = (metric.counters(), metric.spec());
    let why = match phase {
        Phase::Failed if spec.failure_limit >= 0 && i64::from(counters.failed) > spec.failure_limit => {
            format!("failed ({}) > failureLimit ({})", counters.failed, spec.failure_limit)
        }
        Phase::Failed => format!(
            "consecutiveSuccess ({}) < consecutiveSuccessLimit ({})",
            counters.consecutive_success, spec.consecutive_success_limit
        ),
        Phase::Error => format!(
            "consecutiveErrors ({}) > consecutiveErrorLimit ({})",
            counters.consecutive_error, spec.consecutive_error_limit
        ),
        _ => {
            format!(
                "inconclusive ({}) > inconclusiveLimit ({})",
                counters.inconclusive, spec.inconclusive_limit
            )
        }
    };
    format!("Metric {:?} assessed {} due to {why}", spec.name, phase.name())
}

fn measure(metric: &MetricDef, o: &mut Observation<'_>) -> Phase {
    let result = match &metric.measure {
        Measure::Assumed(Assumption::Phase(phase)) => return *phase,
        Measure::Assumed(Assumption::Share(share)) => {
            // One draw an instant, turned by the golden ratio so that metrics measured together differ.
            let drawn = (o.chance + metric.check as f64 * 0.618_033_988_749_894_9) % 1.0;
            return if drawn < *share { Phase::Successful } else { Phase::Failed };
        }
        Measure::Assumed(Assumption::Value(value)) => Ok(value.clone()),
        Measure::Query(query) => {
            o.queries.value(*query).map_err(|error| error.to_string()).and_then(instant_result)
        }
        Measure::Range { query, start, end, step } => range_result(*query, start, end, *step, o),
    };
    let spec = &metric.spec;
    let result = match result {
        Ok(result) => result,
        Err(error) => {
            o.found(metric.check, CheckOutcome::Error);
            o.say(|| format!("Metric {:?} measurement Error: {error}", spec.name));
            return Phase::Error;
        }
    };
    match assess(&result, spec.success_condition.as_ref(), spec.failure_condition.as_ref()) {
        Ok(phase) => {
            o.found(metric.check, outcome(phase, &result));
            o.say(|| format!("Metric {:?} measurement {}: {}", spec.name, phase.name(), shown(&result)));
            phase
        }
        Err(error) => {
            let outcome = if result.is_nil_or_empty() { CheckOutcome::NoData } else { CheckOutcome::Error };
            o.found(metric.check, outcome);
            o.say(|| format!("Metric {:?} measurement Error: {error}", spec.name));
            Phase::Error
        }
    }
}

/// What the Prometheus provider makes of an instant query.
fn instant_result(value: &Value) -> Result<ExprValue, String> {
    match value {
        Value::Vector(samples) => Ok(ExprValue::Floats(samples.iter().map(|sample| sample.value).collect())),
        Value::Scalar(number) => Ok(ExprValue::Float(*number)),
        Value::Matrix(_) | Value::String(_) => Err("Prometheus metric type not supported".to_owned()),
    }
}

fn range_result(
    query: usize,
    start: &str,
    end: &str,
    step: SimDuration,
    o: &mut Observation<'_>,
) -> Result<ExprValue, String> {
    let bound = |text: &str| expr::range_bound(text, o.now).map_err(|error| error.message);
    let (start, end) = (bound(start)?, bound(end)?);
    match o.queries.range(query, start, end, step).map_err(|error| error.to_string())? {
        Value::Matrix(series) => {
            let values = series.iter().flat_map(|series| series.points.iter().map(|(_, value)| *value));
            Ok(ExprValue::Floats(values.collect()))
        }
        other => instant_result(&other),
    }
}

fn numbers(result: &ExprValue) -> &[f64] {
    match result {
        ExprValue::Floats(values) => values,
        ExprValue::Float(value) => std::slice::from_ref(value),
        _ => &[],
    }
}

fn outcome(phase: Phase, result: &ExprValue) -> CheckOutcome {
    match (numbers(result).first(), phase) {
        (None, _) => CheckOutcome::NoData,
        (Some(value), Phase::Successful) => CheckOutcome::Good(*value),
        (Some(value), _) => CheckOutcome::Bad(*value),
    }
}

fn shown(result: &ExprValue) -> String {
    let values: Vec<String> = numbers(result).iter().map(ToString::to_string).collect();
    format!("[{}]", values.join(","))
}

impl Policy for Argo {
    fn start(&mut self, start: &Start) {
        *self = Argo { own_rollout: start.own_rollout, ..Argo::new_shared(&self.analyses) };
        self.begin_background(0, start.deploy_at);
        self.watch_progress(start.deploy_at);
    }

    fn next_tick(&self) -> SimTime {
        if self.finished {
            return SimTime::NEVER;
        }
        let runs = [&self.background, &self.step];
        let stalled = self.progressing.map(|(_, at)| at);
        runs.into_iter().flatten().map(Running::next_tick).chain(stalled).min().unwrap_or(SimTime::NEVER)
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        if self.finished {
            return Verdict::Continue;
        }
        if o.rollout.progress == Progress::Promoted {
            self.finish(o.now);
            return Verdict::Continue;
        }
        let mut verdict = self.check_progress(o);
        let (mut background, mut step) = (self.background.take(), self.step.take());
        for running in [&mut background, &mut step].into_iter().flatten() {
            verdict = verdict.stronger(self.advance(running, o));
        }
        (self.background, self.step) = (background, step);
        if verdict.is_decision() {
            self.finish(o.now);
        }
        verdict
    }

    fn on_step(&mut self, step: &StepStatus, now: SimTime) {
        if self.finished {
            return;
        }
        match step.kind {
            StepKind::Progressing => self.watch_progress(now),
            _ => self.progressing = None,
        }
        match step.kind {
            StepKind::Done | StepKind::Promoting => return self.finish(now),
            StepKind::Analysis(number) if self.own_rollout => self.begin_step(number, step.index, now),
            StepKind::Bake | StepKind::Pause | StepKind::Analysis(_) if !self.own_rollout => {
                let last = self.analyses.steps.len().saturating_sub(1);
                self.begin_step(step.index.min(last), step.index, now);
            }
            _ => self.step = None,
        }
        self.begin_background(step.index, now);
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

impl Argo {
    fn new_shared(analyses: &Arc<Analyses>) -> Self {
        Argo {
            analyses: Arc::clone(analyses),
            background: None,
            step: None,
            own_rollout: false,
            finished: false,
            progressing: None,
        }
    }

    /// The rollout waits for pods or weights from now on.
    fn watch_progress(&mut self, now: SimTime) {
        if self.own_rollout && self.progressing.is_none() {
            self.progressing = self.analyses.deadline.map(|deadline| (now, now + deadline.after));
        }
    }

    /// Whether there was no progress for too long.
    fn check_progress(&mut self, o: &mut Observation<'_>) -> Verdict {
        let (Some((since, at)), Some(deadline)) = (self.progressing, self.analyses.deadline) else {
            return Verdict::Continue;
        };
        if o.now < at {
            return Verdict::Continue;
        }
        let stalled_at = since.max(o.rollout.progressed_at) + deadline.after;
        if o.now < stalled_at {
            self.progressing = Some((since, stalled_at));
            return Verdict::Continue;
        }
        o.say(|| format!("no progress for {}: {}", deadline.after, deadline.says));
        self.progressing = Some((since, SimTime::NEVER));
        if deadline.abort {
            Verdict::RollBack { reasons: vec![format!("{} for {}", deadline.says, deadline.after)] }
        } else {
            Verdict::Continue
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
