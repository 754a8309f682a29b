//! Kayenta's canary analysis, run as its standalone service runs it: judgement after judgement over a window.
//!
//! A run has a lifetime that is cut into analysis intervals. At the end of each the metrics of the window are fetched for
//! the experiment and for the control and [judged](judge). A score at or below the marginal threshold ends the run at
//! once; after the last interval the score must be at least the pass threshold. Whatever fails rolls back, because that is
//! what the pipeline around Kayenta is for: Kayenta itself only says so.
//!
//! Traps: each judgement waits for its interval first, so with one interval, the default of a run, the first word comes
//! at the very end; the window grows unless a lookback is given, and then old values dilute new ones; early end uses `<=`
//! and the verdict `>=`, so a score *at* the marginal threshold is Marginal and ends the run all the same. Series are
//! paired by their labels, and what has no counterpart is without data.

pub mod judge;
mod noise;
mod pairs;
mod sentence;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::judge::values::prepare;
use self::judge::{Classified, Label, MetricRule, Scored, Strictness, classify, score};
use self::noise::Noise;
use super::{CheckOutcome, Observation, Policy, QueryError, Start, Verdict};
use crate::effect::SetName;
use crate::promql::Value;
use crate::time::{SimDuration, SimTime};

/// Time between attempts to fetch what monitoring did not answer (orca task backoff).
const BACKOFF: SimDuration = SimDuration::from_secs(2);
/// How long the attempts go on before the run has failed.
const PATIENCE: SimDuration = SimDuration::from_mins(2);
/// Fewer values of the control than this are warned of (Kayenta, docs/canary-config.md).
const ADVISED_POINTS: usize = 50;

/// What a run says beside its configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// From the beginning of the analysis to its last judgement.
    pub lifetime: SimDuration,
    /// Time between judgements; at most the lifetime.
    pub interval: SimDuration,
    /// From the deploy to the beginning of the analysis.
    pub begin_after: SimDuration,
    /// Width of a window that slides; zero for one that grows from the beginning.
    pub lookback: SimDuration,
    /// Time between the values of a series.
    pub step: SimDuration,
    /// The least final score that passes.
    pub pass: f64,
    /// Scores up to this one end the run.
    pub marginal: f64,
}

impl Run {
    /// How many judgements there are: whole intervals in the lifetime, at least one.
    pub fn judgements(&self) -> u32 {
        let whole = self.lifetime.as_nanos() / self.interval.as_nanos().max(1);
        u32::try_from(whole).unwrap_or(u32::MAX).max(1)
    }
}

/// Where the values of a metric come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// Monitoring, by the numbers of three queries.
    Queries {
        /// The candidate.
        experiment: usize,
        /// The control where fresh pods of the old revision run beside the candidate.
        baseline: usize,
        /// The control where none do.
        stable: usize,
    },
    /// Nowhere; this is assumed of every judgement.
    Assumed(Label),
}

/// A metric of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// Whether it is only reported.
    pub muted: bool,
    /// How it is judged.
    pub rule: MetricRule,
    /// Where its values come from.
    pub source: Source,
    /// The number of its check.
    pub check: usize,
}

/// A configuration with what its run says.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The metrics, in order.
    pub metrics: Vec<Metric>,
    /// Weights of groups, in percent.
    pub weights: BTreeMap<String, f64>,
    /// The run.
    pub run: Run,
}

/// A run at work.
#[derive(Clone, Debug)]
pub struct Kayenta {
    analysis: Arc<Analysis>,
    begins: SimTime,
    /// When the judgement that comes next is due.
    due: SimTime,
    next: SimTime,
    judged: u32,
    has_baseline: bool,
}

/// A pair of series with what it was found to be.
struct Judged {
    metric: usize,
    name: String,
    found: Classified,
    points: (usize, usize),
}

impl Kayenta {
    /// A run before its start.
    pub fn new(analysis: Analysis) -> Self {
        Kayenta {
            analysis: Arc::new(analysis),
            begins: SimTime::ZERO,
            due: SimTime::NEVER,
            next: SimTime::NEVER,
            judged: 0,
            has_baseline: false,
        }
    }

    /// The window of the judgement that is due.
    fn window(&self) -> (SimTime, SimTime) {
        let run = &self.analysis.run;
        let start = if run.lookback.is_zero() { self.begins } else { self.due.before(run.lookback) };
        (start, self.due)
    }

    /// Fetches and judges every metric; an error where monitoring does not answer or series cannot be paired.
    fn judge(&self, o: &mut Observation<'_>) -> Result<Vec<Judged>, Trouble> {
        let analysis = Arc::clone(&self.analysis);
        let mut noise = Noise::of(o.chance);
        let mut judged = Vec::new();
        for (index, metric) in analysis.metrics.iter().enumerate() {
            let (experiment, control) = match metric.source {
                Source::Assumed(label) => {
                    let found = assumed(metric, label);
                    judged.push(Judged { metric: index, name: metric.name.clone(), found, points: (0, 0) });
                    continue;
                }
                Source::Queries { experiment, baseline, stable } => {
                    (experiment, if self.has_baseline { baseline } else { stable })
                }
            };
            let (experiment, control) = (self.fetch(experiment, o)?, self.fetch(control, o)?);
            let (start, end) = self.window();
            let grid = pairs::Grid { start, end, step: analysis.run.step };
            for pair in pairs::mix(&experiment, &control, grid).map_err(Trouble::Unpaired)? {
                let (x, y) = (prepare(&metric.rule, &pair.experiment), prepare(&metric.rule, &pair.control));
                let mut draw = || noise.normal();
                let found = classify(&metric.rule, Strictness::default(), &x, &y, &mut draw);
                let name = format!("{}{}", metric.name, pair.tags);
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
                o.found(metric.check, outcome(found.label, mean(&x)));
                judged.push(Judged { metric: index, name, found, points: (x.len(), y.len()) });
            }
        }
        Ok(judged)
    }

    fn fetch(&self, query: usize, o: &mut Observation<'_>) -> Result<Value, Trouble> {
        let (start, end) = self.window();
        o.queries.range(query, start, end, self.analysis.run.step).map_err(Trouble::Fetch)
    }

    fn score(&self, judged: &[Judged]) -> Scored {
        let analysis = &self.analysis;
        let parts: Vec<judge::score::Part<'_>> = judged
            .iter()
            .filter_map(|one| Some((one, analysis.metrics.get(one.metric)?)))
            .filter(|(_, metric)| !metric.muted)
            .map(|(one, metric)| judge::score::Part {
                groups: &metric.groups,
                label: one.found.label,
                critical: one.found.critical,
            })
            .collect();
        score(&parts, &analysis.weights)
    }

    /// Says what was found, metric by metric, and then the score.
    fn tell(&self, judged: &[Judged], scored: &Scored, o: &mut Observation<'_>) {
        for one in judged {
            let Some(metric) = self.analysis.metrics.get(one.metric) else { continue };
            o.say(|| sentence::of_metric(&one.name, &metric.rule, &one.found, one.points));
        }
        let run = &self.analysis.run;
        o.say(|| sentence::of_score(self.judged, run, scored));
        let fewest = judged.iter().map(|one| one.points.1).filter(|n| *n > 0).min();
        if let Some(fewest) = fewest.filter(|n| *n < ADVISED_POINTS) {
            o.say(|| format!("{fewest} values of the control: Kayenta advises {ADVISED_POINTS} or more"));
        }
    }

    /// What follows from the score of a judgement.
    fn follow(&mut self, scored: &Scored) -> Verdict {
        let run = self.analysis.run;
        let is_last = self.judged >= run.judgements();
        if is_last || scored.score <= run.marginal {
            self.next = SimTime::NEVER;
        } else {
            self.due += run.interval;
            self.next = self.due;
        }
        let fails = if is_last { scored.score < run.pass } else { scored.score <= run.marginal };
        if fails {
            Verdict::RollBack { reasons: vec![sentence::of_score(self.judged, &run, scored)] }
        } else {
            Verdict::Continue
        }
    }

    /// What follows when there was nothing to judge: another attempt, or the end of the run.
    fn recover(&mut self, trouble: &Trouble, o: &mut Observation<'_>) -> Verdict {
        if matches!(trouble, Trouble::Fetch(_)) && o.now.since(self.due) < PATIENCE {
            self.next = o.now + BACKOFF;
            o.say(|| format!("{trouble}; trying again in {BACKOFF}"));
            return Verdict::Continue;
        }
        self.next = SimTime::NEVER;
        let reason = format!("the canary run failed without a verdict: {trouble}");
        o.say(|| reason.clone());
        Verdict::Inconclusive { reasons: vec![reason] }
    }
}

/// Why there is no judgement.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("metrics could not be fetched: {0}")]
    Fetch(QueryError),
    #[error("{0}")]
    Unpaired(String),
}

fn assumed(metric: &Metric, label: Label) -> Classified {
    let fails = !matches!(label, Label::Pass | Label::Error);
    Classified {
        label,
        critical: metric.rule.critical && fails,
        deviation: 1.0,
        comparison: None,
        why: "assumed",
    }
}

fn outcome(label: Label, mean: f64) -> CheckOutcome {
    match label {
        Label::Pass if mean.is_nan() => CheckOutcome::NoData,
        Label::Pass => CheckOutcome::Good(mean),
        Label::High | Label::Low => CheckOutcome::Bad(mean),
        Label::Nodata | Label::NodataFailMetric => CheckOutcome::NoData,
        Label::Error => CheckOutcome::Error,
    }
}

impl Policy for Kayenta {
    fn start(&mut self, start: &Start) {
        let run = self.analysis.run;
        self.begins = start.deploy_at + run.begin_after;
        self.due = self.begins + run.interval;
        self.next = self.due;
        self.judged = 0;
        self.has_baseline = false;
    }

    fn next_tick(&self) -> SimTime {
        self.next
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        self.has_baseline |= o.rollout.view.set(SetName::Baseline).desired > 0;
        match self.judge(o) {
            Ok(judged) => {
                self.judged += 1;
                let scored = self.score(&judged);
                self.tell(&judged, &scored, o);
                self.follow(&scored)
            }
            Err(trouble) => self.recover(&trouble, o),
        }
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
