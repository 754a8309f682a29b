//! Flagger's analysis: one tick machine a canary (pkg/controller/scheduler.go and scheduler_metrics.go).
//!
//! On every tick the controller looks at one thing after another and stops at the first that applies: new revision,
//! canary not ready, too many failed checks, nothing to analyse yet, a failed check. What is left, the step to the
//! next weight, is the [strategy's](crate::strategy::flagger); both tick at the same instants, policy first.
//!
//! Traps: failed checks are counted over the whole analysis and never taken back; the rollback comes on the tick
//! *after* the one whose check reached the threshold; no data and NaN are failed checks; a canary that is not ready
//! is waited for and not judged, even when the threshold has been reached; with several series the last one counts.

mod sentence;

use crate::effect::{Routing, SetName};
use crate::policy::{CheckOutcome, Observation, Policy, QueryError, Start, Verdict};
use crate::promql::Value;
use crate::strategy::Progress;
use crate::time::{SimDuration, SimTime};

/// A canary's analysis as its file has it, with Flagger's defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Name of the Canary.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The workload it targets.
    pub target: String,
    /// The provider its built-in metrics ask.
    pub provider: String,
    /// Time between ticks.
    pub interval: SimDuration,
    /// Failed checks that lead to the rollback.
    pub threshold: u32,
    /// Time without progress after which a canary that is not ready is rolled back.
    pub progress_deadline: SimDuration,
    /// Whether there is no analysis at all.
    pub skip_analysis: bool,
    /// The metrics in the order of the file; their indices are those of the checks.
    pub metrics: Vec<Metric>,
    /// What the controller says when it takes its successive steps, without the leading "Advance name.namespace".
    pub steps: Vec<String>,
}

/// One metric of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What kind of metric it is.
    pub kind: MetricKind,
    /// Index of its query; `None` makes every check fail.
    pub query: Option<usize>,
    /// Which values pass.
    pub band: Band,
}

/// The kinds of metrics, which differ in order and in their sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// `request-success-rate`, in per cent.
    SuccessRate,
    /// `request-duration`, cut to whole milliseconds.
    Duration,
    /// A query in the Canary itself.
    Inline,
    /// A MetricTemplate; checked after all the others.
    Template,
    /// Neither a built-in name nor a query nor a template.
    Undefined,
}

/// Which values pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// `thresholdRange`: both ends pass.
    Range {
        /// Below it fails.
        min: Option<f64>,
        /// Above it fails.
        max: Option<f64>,
    },
    /// The old `threshold`: a lower bound for the success rate, an upper bound for everything else.
    Threshold(f64),
}

/// Which end of the band a value is beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beyond {
    Below(f64),
    Above(f64),
}

impl Metric {
    /// The bounds in force, (lower, upper).
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match (self.band, self.kind) {
            (Band::Range { min, max }, _) => (min, max),
            (Band::Threshold(min), MetricKind::SuccessRate) => (Some(min), None),
            (Band::Threshold(max), _) => (None, Some(max)),
        }
    }

    /// The value that is compared: durations lose their fraction of a millisecond, as do their bounds.
    fn compared(&self, value: f64) -> f64 {
        if self.kind == MetricKind::Duration { value.trunc() } else { value }
    }

    fn judge(&self, value: f64) -> Option<Beyond> {
        let (min, max) = self.bounds();
        let value = self.compared(value);
        let below = min.map(|min| self.compared(min)).filter(|min| value < *min);
        let above = max.map(|max| self.compared(max)).filter(|max| value > *max);
        below.map(Beyond::Below).or(above.map(Beyond::Above))
    }

    fn is_template(&self) -> bool {
        matches!(self.kind, MetricKind::Template | MetricKind::Undefined)
    }
}

/// The analysis of one release.
#[derive(Clone, Debug)]
pub struct Flagger {
    analysis: std::sync::Arc<Analysis>,
    next_tick: SimTime,
    noticed: Option<SimTime>,
    failed_checks: u32,
    own_rollout: bool,
}

/// What a measurement gave.
enum Measured {
    Value(f64),
    NoValues,
    Failed(String),
}

impl Flagger {
    /// An analysis before its start.
    pub fn new(analysis: Analysis) -> Self {
        Flagger {
            analysis: std::sync::Arc::new(analysis),
            next_tick: SimTime::NEVER,
            noticed: None,
            failed_checks: 0,
            own_rollout: false,
        }
    }

    /// Failed checks so far.
    pub fn failed_checks(&self) -> u32 {
        self.failed_checks
    }

    fn end(&mut self) {
        self.next_tick = SimTime::NEVER;
    }

    fn tick(&mut self, o: &mut Observation<'_>) -> Verdict {
        let analysis = std::sync::Arc::clone(&self.analysis);
        let Some(noticed) = self.noticed else {
            self.noticed = Some(o.now);
            o.say(|| format!("New revision detected! Scaling up {}", analysis.target_id()));
            return Verdict::Continue;
        };
        if o.rollout.progress == Progress::Promoted {
            self.end();
            return Verdict::Continue;
        }
        let canary = *o.rollout.view.set(SetName::New);
        if canary.desired == 0 || canary.ready < canary.desired {
            return self.wait(noticed, o);
        }
        if analysis.skip_analysis {
            o.say(|| format!("Copying {} template spec", analysis.target_id()));
            return if self.own_rollout { Verdict::Continue } else { Verdict::Promote };
        }
        if self.failed_checks >= analysis.threshold {
            return self.roll_back(o);
        }
        if !Self::has_traffic(o) {
            o.say(|| format!("Starting canary analysis for {}", analysis.target_id()));
            self.say_step(o);
            return Verdict::Continue;
        }
        match self.first_failure(o) {
            None => {
                self.say_step(o);
                Verdict::Continue
            }
            Some(()) => {
                self.failed_checks = self.failed_checks.saturating_add(1);
                Verdict::Hold
            }
        }
    }

    /// The canary is not ready: nothing is judged, and after the deadline it is given up.
    fn wait(&mut self, noticed: SimTime, o: &mut Observation<'_>) -> Verdict {
        let analysis = &self.analysis;
        let canary = *o.rollout.view.set(SetName::New);
        let progressed = o.rollout.progressed_at.max(noticed);
        if o.now.since(progressed) > analysis.progress_deadline {
            let reason = sentence::deadline_exceeded(analysis);
            o.say(|| reason.clone());
            self.end();
            return Verdict::RollBack { reasons: vec![reason] };
        }
        o.say(|| sentence::not_ready(analysis, canary.ready, canary.desired));
        Verdict::Hold
    }

    fn roll_back(&mut self, o: &mut Observation<'_>) -> Verdict {
        let id = self.analysis.id();
        let reason = format!("Rolling back {id} failed checks threshold reached {}", self.failed_checks);
        o.say(|| reason.clone());
        o.say(|| format!("Canary failed! Scaling down {id}"));
        self.end();
        Verdict::RollBack { reasons: vec![reason] }
    }

    /// Whether requests (or iterations) have reached the canary, so that there is something to analyse. Steps taken
    /// are looked at as well as the weight: an iteration counts even when no request is routed.
    fn has_traffic(o: &Observation<'_>) -> bool {
        let view = &o.rollout.view;
        match view.routing {
            Routing::Weighted => view.split.candidate > 0.0 || o.rollout.step.index > 0,
            Routing::Endpoints => view.set(SetName::New).ready > 0,
        }
    }

    /// Says which step follows; known only for the file's own rollout.
    fn say_step(&self, o: &mut Observation<'_>) {
        if !self.own_rollout {
            return;
        }
        let analysis = &self.analysis;
        let index = o.rollout.step.index;
        o.say(|| match analysis.steps.get(index) {
            Some(step) => format!("Advance {} {step}", analysis.id()),
            None => sentence::copying(analysis),
        });
    }

    /// Runs the checks in Flagger's order up to the first that fails.
    fn first_failure(&self, o: &mut Observation<'_>) -> Option<()> {
        let metrics = &self.analysis.metrics;
        let order = |templates| metrics.iter().enumerate().filter(move |(_, m)| m.is_template() == templates);
        for (index, metric) in order(false).chain(order(true)) {
            if !self.passes(index, metric, o) {
                return Some(());
            }
        }
        None
    }

    fn passes(&self, index: usize, metric: &Metric, o: &mut Observation<'_>) -> bool {
        let analysis = &self.analysis;
        match measure(metric, o) {
            Measured::Value(value) => match metric.judge(value) {
                None => {
                    o.found(index, CheckOutcome::Good(value));
                    true
                }
                Some(beyond) => {
                    o.found(index, CheckOutcome::Bad(value));
                    o.say(|| sentence::halt(analysis, metric, value, beyond));
                    false
                }
            },
            Measured::NoValues => {
                o.found(index, CheckOutcome::NoData);
                o.say(|| sentence::no_values(analysis, metric));
                false
            }
            Measured::Failed(error) => {
                o.found(index, CheckOutcome::Error);
                o.say(|| sentence::query_failed(metric, &error));
                false
            }
        }
    }
}

impl Analysis {
    fn id(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    fn target_id(&self) -> String {
        format!("{}.{}", self.target, self.namespace)
    }
}

fn measure(metric: &Metric, o: &mut Observation<'_>) -> Measured {
    let Some(query) = metric.query else {
        return Measured::Failed("the metric has neither a query nor a template".to_owned());
    };
    match o.queries.value(query) {
        Ok(Value::Vector(samples)) => match samples.last() {
            Some(sample) if !sample.value.is_nan() => Measured::Value(sample.value),
            _ => Measured::NoValues,
        },
        Ok(Value::Scalar(_) | Value::Matrix(_) | Value::String(_)) => {
            Measured::Failed("unmarshaling result failed: not a vector".to_owned())
        }
        Err(QueryError::Unavailable) => {
            Measured::Failed("request failed: context deadline exceeded".to_owned())
        }
        Err(QueryError::Failed(error)) => Measured::Failed(error),
    }
}

impl Policy for Flagger {
    fn start(&mut self, start: &Start) {
        let offset = if start.own_rollout { 0.0 } else { start.phase };
        self.own_rollout = start.own_rollout;
        self.next_tick = start.deploy_at + self.analysis.interval.scale(offset);
    }

    fn next_tick(&self) -> SimTime {
        self.next_tick
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        if observation.now < self.next_tick {
            return Verdict::Continue;
        }
        self.next_tick = observation.now + self.analysis.interval;
        self.tick(observation)
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
