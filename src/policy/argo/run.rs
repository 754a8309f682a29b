//! The state machines of a metric and of an analysis run (argo-rollouts `analysis/analysis.go`).
//!
//! Traps: an error is not counted towards `count` and is retried every 10 s whatever the interval; failures are
//! cumulative, errors and successes in a row; when several limits are passed at once, inconclusive hides failed
//! and error hides both; a metric that failed tells its siblings to end, and those end *successful*.

use std::sync::Arc;

use super::measurement::Phase;
use super::metric::MetricSpec;
use crate::time::{SimDuration, SimTime};

/// Time from a measurement that erred to the next.
pub const ERROR_RETRY: SimDuration = SimDuration::from_secs(10);

/// What a metric has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// All finished measurements, errors included.
    pub measurements: u32,
    /// Finished measurements that count: errors do not.
    pub count: u32,
    /// Good ones.
    pub successful: u32,
    /// Bad ones, in a row or not.
    pub failed: u32,
    /// Those that were neither.
    pub inconclusive: u32,
    /// Those without a verdict.
    pub error: u32,
    /// Errors since the last measurement that was none.
    pub consecutive_error: u32,
    /// Successes since the last measurement that was none.
    pub consecutive_success: u32,
}

impl Counters {
    /// Counts a finished measurement; a phase that is not finished changes nothing.
    pub fn add(&mut self, phase: Phase) {
        match phase {
            Phase::Pending | Phase::Running => return,
            Phase::Successful => self.successful += 1,
            Phase::Failed => self.failed += 1,
            Phase::Inconclusive => self.inconclusive += 1,
            Phase::Error => self.error += 1,
        }
        self.measurements += 1;
        self.count += u32::from(phase != Phase::Error);
        self.consecutive_error = if phase == Phase::Error { self.consecutive_error + 1 } else { 0 };
        self.consecutive_success = if phase == Phase::Successful { self.consecutive_success + 1 } else { 0 };
    }

    /// The phase of a metric with these counts, no measurement in flight and no verdict yet.
    pub fn assess(&self, spec: &MetricSpec, terminating: bool) -> Phase {
        if self.measurements == 0 {
            return if terminating { Phase::Successful } else { Phase::Pending };
        }
        if let Some(phase) = self.limit_passed(spec) {
            return phase;
        }
        let by_successes = spec.consecutive_success_limit > 0;
        if by_successes && i64::from(self.consecutive_success) >= spec.consecutive_success_limit {
            return Phase::Successful;
        }
        if spec.effective_count().is_some_and(|count| self.count >= count) {
            return match (by_successes, spec.failure_limit >= 0) {
                (true, true) => Phase::Inconclusive,
                (true, false) => Phase::Failed,
                (false, _) => Phase::Successful,
            };
        }
        if terminating { Phase::Successful } else { Phase::Running }
    }

    /// The phase of the last limit, in Argo's order, that is passed.
    fn limit_passed(&self, spec: &MetricSpec) -> Option<Phase> {
        let mut phase = None;
        if spec.failure_limit >= 0 && i64::from(self.failed) > spec.failure_limit {
            phase = Some(Phase::Failed);
        }
        if i64::from(self.inconclusive) > spec.inconclusive_limit {
            phase = Some(Phase::Inconclusive);
        }
        if i64::from(self.consecutive_error) > spec.consecutive_error_limit {
            phase = Some(Phase::Error);
        }
        phase
    }
}

/// A metric of a running analysis.
#[derive(Clone, Debug)]
pub struct MetricState {
    spec: Arc<MetricSpec>,
    counters: Counters,
    /// End and phase of the last measurement.
    last: Option<(SimTime, Phase)>,
    in_flight: bool,
    phase: Phase,
}

impl MetricState {
    /// A metric that was never measured.
    pub fn new(spec: impl Into<Arc<MetricSpec>>) -> Self {
        let spec = spec.into();
        MetricState {
            spec,
            counters: Counters::default(),
            last: None,
            in_flight: false,
            phase: Phase::Pending,
        }
    }

    /// What is measured and when it is bad.
    pub fn spec(&self) -> &MetricSpec {
        &self.spec
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The phase the last assessment gave.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// When the next measurement is due, `now` at the earliest; `None` when none will be taken.
    ///
    /// Argo measures at the first reconcile strictly after this instant; how long that takes is the caller's to add.
    pub fn due(&self, now: SimTime, started_at: SimTime) -> Option<SimTime> {
        self.due_at(started_at).map(|at| at.max(now))
    }

    fn due_at(&self, started_at: SimTime) -> Option<SimTime> {
        if self.phase.is_completed() || self.in_flight {
            return None;
        }
        let Some((finished, phase)) = self.last else {
            return Some(started_at + self.spec.initial_delay);
        };
        if self.spec.effective_count().is_some_and(|count| self.counters.count >= count) {
            return None;
        }
        let wait =
            if phase == Phase::Error { ERROR_RETRY } else { self.spec.interval.unwrap_or(ERROR_RETRY) };
        Some(finished + wait)
    }

    /// Marks a measurement as begun, for providers that take their time.
    pub fn begin(&mut self) {
        self.in_flight = !self.phase.is_completed();
    }

    /// Counts a measurement that finished at `now` with `phase`. A phase that is not finished, and a metric that
    /// is, change nothing.
    pub fn record(&mut self, phase: Phase, now: SimTime) {
        if self.phase.is_completed() || !phase.is_completed() {
            return;
        }
        self.counters.add(phase);
        self.last = Some((now, phase));
        self.in_flight = false;
    }

    /// The metric's phase now, in the order of `assessMetricStatus`; `terminating` tells it to end.
    pub fn assess(&self, terminating: bool) -> Phase {
        if self.phase.is_completed() {
            self.phase
        } else if self.in_flight {
            Phase::Running
        } else {
            self.counters.assess(&self.spec, terminating)
        }
    }
}

/// An analysis run: several metrics, one phase.
#[derive(Clone, Debug)]
pub struct AnalysisRun {
    metrics: Vec<MetricState>,
    started_at: SimTime,
    terminating: bool,
    phase: Phase,
}

impl AnalysisRun {
    /// A run that starts at `started_at`; without a metric it is in phase `Error` at once.
    pub fn new(specs: impl IntoIterator<Item = impl Into<Arc<MetricSpec>>>, started_at: SimTime) -> Self {
        let metrics: Vec<MetricState> = specs.into_iter().map(MetricState::new).collect();
        let phase = if metrics.is_empty() { Phase::Error } else { Phase::Pending };
        AnalysisRun { metrics, started_at, terminating: false, phase }
    }

    /// The metrics, in the order given.
    pub fn metrics(&self) -> &[MetricState] {
        &self.metrics
    }

    /// When the run started.
    pub fn started_at(&self) -> SimTime {
        self.started_at
    }

    /// The run's phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The earliest measurement due and the index of its metric; `None` when none will be taken.
    pub fn next_due(&self) -> Option<(SimTime, usize)> {
        if self.phase.is_completed() || self.is_terminating() {
            return None;
        }
        let due = self.metrics.iter().enumerate().filter_map(|(i, m)| Some((m.due_at(self.started_at)?, i)));
        due.min()
    }

    /// Marks a measurement of metric `index` as begun.
    pub fn begin(&mut self, index: usize) {
        if let Some(metric) = self.metrics.get_mut(index).filter(|_| !self.phase.is_completed()) {
            metric.begin();
            self.phase = Phase::Running;
        }
    }

    /// Records a finished measurement of metric `index` and carries the consequences through: a verdict that ends
    /// the run ends the other metrics too, at the same instant (Argo takes one more reconcile, caused by the
    /// change of status).
    pub fn record(&mut self, index: usize, phase: Phase, now: SimTime) {
        self.note(index, phase, now);
        self.reconcile(now);
        self.reconcile(now);
    }

    /// Counts a measurement without assessing anything.
    pub fn note(&mut self, index: usize, phase: Phase, now: SimTime) {
        if let Some(metric) = self.metrics.get_mut(index).filter(|_| !self.phase.is_completed()) {
            metric.record(phase, now);
        }
    }

    /// Tells the run to stop, as a rollout does at its end: what has no verdict is successful.
    pub fn terminate(&mut self, now: SimTime) {
        self.terminating = true;
        self.reconcile(now);
    }

    /// Whether the run was told to stop, or one of its metrics that count has ended it.
    pub fn is_terminating(&self) -> bool {
        self.terminating || self.metrics.iter().any(|m| !m.spec.dry_run && m.phase.ends_run())
    }

    /// One pass of the controller: every measured metric is assessed, then the run.
    pub fn reconcile(&mut self, now: SimTime) {
        if self.phase.is_completed() {
            return;
        }
        let terminating = self.is_terminating();
        let mut worst: Option<Phase> = None;
        let mut everything_completed = true;
        for metric in &mut self.metrics {
            if terminating && metric.in_flight {
                // A provider told to stop ends its measurement well.
                metric.record(Phase::Successful, now);
            }
            if metric.last.is_none() && !metric.in_flight {
                everything_completed = false;
                continue;
            }
            metric.phase = metric.assess(terminating);
            if !metric.phase.is_completed() {
                everything_completed = false;
            } else if metric.spec.dry_run {
                worst = worst.or(Some(Phase::Successful));
            } else if worst.is_none_or(|w| w.badness() < metric.phase.badness()) {
                worst = Some(metric.phase);
            }
        }
        self.phase = match worst {
            None if terminating => Phase::Successful,
            Some(phase) if terminating || everything_completed => phase,
            _ => Phase::Running,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(seconds: u64) -> MetricSpec {
        MetricSpec { interval: Some(SimDuration::from_secs(seconds)), ..MetricSpec::default() }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    #[test]
    fn the_first_verdict_that_ends_the_run_ends_the_others_well() {
        let mut run = AnalysisRun::new([every(60), every(60)], at(0));
        run.record(0, Phase::Successful, at(0));
        run.record(1, Phase::Failed, at(0));
        assert_eq!(run.phase(), Phase::Failed);
        assert_eq!(run.metrics()[0].phase(), Phase::Successful);
        assert_eq!(run.next_due(), None);
    }

    #[test]
    fn dry_run_metrics_never_decide() {
        let dry = MetricSpec { dry_run: true, ..MetricSpec::default() };
        let mut run = AnalysisRun::new([dry, MetricSpec::default()], at(0));
        run.record(0, Phase::Failed, at(0));
        assert_eq!(run.phase(), Phase::Running);
        assert!(!run.is_terminating());
        run.record(1, Phase::Successful, at(0));
        assert_eq!((run.phase(), run.metrics()[0].phase()), (Phase::Successful, Phase::Failed));
    }

    #[test]
    fn errors_are_retried_every_ten_seconds() {
        let mut run = AnalysisRun::new([every(300)], at(0));
        for seconds in [0, 10, 20, 30] {
            assert_eq!(run.next_due(), Some((at(seconds), 0)));
            run.record(0, Phase::Error, at(seconds));
            assert_eq!(run.phase(), Phase::Running);
        }
        run.record(0, Phase::Error, at(40));
        assert_eq!(run.phase(), Phase::Error);
    }

    #[test]
    fn termination_is_success_unless_a_verdict_stands() {
        let delayed = MetricSpec { initial_delay: SimDuration::from_secs(20), ..MetricSpec::default() };
        let mut run = AnalysisRun::new([delayed], at(0));
        assert_eq!(run.next_due(), Some((at(20), 0)));
        run.terminate(at(5));
        assert_eq!(run.phase(), Phase::Successful);

        let mut job = AnalysisRun::new([MetricSpec::default()], at(0));
        job.begin(0);
        assert_eq!((job.phase(), job.next_due()), (Phase::Running, None));
        job.terminate(at(5));
        assert_eq!(job.phase(), Phase::Successful);
    }

    #[test]
    fn nothing_changes_after_the_end() {
        let mut run = AnalysisRun::new([MetricSpec::default()], at(0));
        run.record(0, Phase::Successful, at(0));
        run.record(0, Phase::Failed, at(1));
        run.record(7, Phase::Failed, at(1));
        assert_eq!(run.phase(), Phase::Successful);
        assert_eq!(AnalysisRun::new(Vec::<MetricSpec>::new(), at(0)).phase(), Phase::Error);
    }

    #[test]
    fn due_is_never_in_the_past() {
        let mut metric = MetricState::new(every(60));
        metric.record(Phase::Successful, at(10));
        assert_eq!(metric.due(at(30), at(0)), Some(at(70)));
        assert_eq!(metric.due(at(100), at(0)), Some(at(100)));
    }

    fn outcome() -> impl proptest::strategy::Strategy<Value = Phase> {
        proptest::sample::select(vec![Phase::Successful, Phase::Failed, Phase::Inconclusive, Phase::Error])
    }

    proptest::proptest! {
        #[test]
        fn a_run_goes_on_until_it_is_over_and_its_counts_add_up(
            outcomes in proptest::collection::vec(outcome(), 1..60),
            (failures, successes, count) in (-1i64..4, 0i64..4, 0u32..8),
            pair in proptest::bool::ANY,
        ) {
            let spec = MetricSpec {
                failure_limit: failures,
                consecutive_success_limit: successes,
                inconclusive_limit: 2,
                count: Some(count),
                ..every(60)
            };
            let mut run = AnalysisRun::new(vec![spec; 1 + usize::from(pair)], at(0));
            let mut before = at(0);
            for phase in outcomes {
                let Some((due, index)) = run.next_due() else {
                    assert!(run.phase().is_completed());
                    break;
                };
                assert!(due >= before && !run.phase().is_completed());
                before = due;
                run.record(index, phase, due);
                let c = run.metrics()[index].counters();
                assert_eq!(c.count, c.successful + c.failed + c.inconclusive);
                assert_eq!(c.measurements, c.count + c.error);
                assert!(c.consecutive_error <= c.error && c.consecutive_success <= c.successful);
            }
            let worst = run.metrics().iter().map(|m| m.phase()).max_by_key(|p| p.badness());
            if run.phase().is_completed() {
                assert_eq!(Some(run.phase()), worst);
            }
        }
    }
}
