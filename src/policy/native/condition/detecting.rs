//! A detector at work on what monitoring shows.

use std::sync::Arc;

use super::Answer;
use super::arm::{Arm, ArmReader, Mute, Reading};
use crate::catalogue::Catalogue as _;
use crate::detect::{Detector, DetectorSpec, Reads, Sample, State};
use crate::policy::{CheckOutcome, Observation, Start};
use crate::time::{SimDuration, SimTime};

/// A detector as it was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectDef {
    /// What sentences call it.
    pub name: String,
    /// Which one.
    pub by: DetectorSpec,
    /// What is judged.
    pub candidate: Arm,
    /// What it is compared with.
    pub control: Option<Arm>,
    /// The past it learns from.
    pub learn: Option<LearnDef>,
    /// Index of its check.
    pub check: usize,
}

/// The past that is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnDef {
    /// How far back from the deploy.
    pub past: SimDuration,
    /// What is read of it.
    pub from: Arm,
}

/// A detector with what it is shown.
#[derive(Clone, Debug)]
pub struct Detecting {
    def: Arc<DetectDef>,
    detector: Box<dyn Detector>,
    candidate: ArmReader,
    control: Option<ArmReader>,
    /// The deploy and the time between evaluations, until the past has been read.
    learns: Option<(SimTime, SimDuration)>,
    was: State,
}

impl Detecting {
    /// A detector before its start.
    pub fn new(def: DetectDef) -> Self {
        Detecting {
            detector: def.by.as_dyn().start(),
            candidate: ArmReader::new(def.candidate),
            control: def.control.map(ArmReader::new),
            learns: None,
            was: State::Learning,
            def: Arc::new(def),
        }
    }

    /// As it was loaded.
    pub fn def(&self) -> &DetectDef {
        &self.def
    }

    /// A rollout begins. The trigger starts from a copy of what was loaded, so nothing has been seen yet, and what a kind
    /// computes from its parameters (limits of many looks) is not computed again in every replication.
    pub(super) fn start(&mut self, start: &Start, every: SimDuration) {
        self.learns = self.def.learn.map(|_| (start.deploy_at, every));
    }

    pub(super) fn reset(&mut self) {
        self.detector.reset();
        self.was = State::Learning;
    }

    /// The logarithm of its evidence, if it measures any.
    pub(super) fn evidence(&self) -> Option<f64> {
        self.detector.evidence()
    }

    pub(super) fn evaluate(&mut self, o: &mut Observation<'_>) -> Answer {
        self.learn(o);
        let candidate = self.candidate.read(o);
        let control = self.control.as_mut().map(|control| control.read(o)).transpose();
        let state = match (candidate, control) {
            (Ok(candidate), Ok(control)) => {
                show(&candidate, control.as_ref(), &mut |s| self.detector.step(s))
            }
            (Err(mute), _) | (_, Err(mute)) => return self.mute(mute, o),
        };
        let Some(state) = state else { return self.mute(Mute::NoData, o) };
        self.tell(state, o);
        match state {
            State::Alarm => Answer::bad(),
            State::Quiet | State::Warning => Answer::Good,
            State::Accepted => Answer::Accepted,
            State::Learning => Answer::Learning,
        }
    }

    fn mute(&self, why: Mute, o: &mut Observation<'_>) -> Answer {
        let (outcome, answer) = match why {
            Mute::NoData => (CheckOutcome::NoData, Answer::NoData),
            Mute::Error => (CheckOutcome::Error, Answer::Error),
        };
        o.found(self.def.check, outcome);
        answer
    }

    fn learn(&mut self, o: &mut Observation<'_>) {
        let (Some((deploy_at, every)), Some(learn)) = (self.learns.take(), self.def.learn) else { return };
        let from = SimTime::ZERO + deploy_at.since(SimTime::ZERO + learn.past);
        let reads = self.def.by.as_dyn().reads();
        for reading in ArmReader::new(learn.from).read_past((from, deploy_at, every), o) {
            // What is normal has one arm; a detector that compares two learns from both as equals.
            let control = matches!(reads, Reads::Values | Reads::CountsBeside | Reads::Classes);
            show(&reading, control.then_some(&reading), &mut |sample| self.detector.learn(sample));
        }
    }

    fn tell(&mut self, state: State, o: &mut Observation<'_>) {
        let before = std::mem::replace(&mut self.was, state);
        let statistic = self.detector.statistic();
        o.found(
            self.def.check,
            match (state, statistic) {
                (State::Alarm, statistic) => CheckOutcome::Bad(statistic.unwrap_or(f64::NAN)),
                (State::Learning, _) | (_, None) => CheckOutcome::Nothing,
                (_, Some(statistic)) => CheckOutcome::Good(statistic),
            },
        );
        let says = match (before, state) {
            (State::Alarm, State::Alarm) => return,
            (_, State::Alarm) => "alarm",
            (State::Accepted, State::Accepted) => return,
            (_, State::Accepted) => "accepted",
            (State::Warning, State::Warning) => return,
            (_, State::Warning) => "warning",
            _ => return,
        };
        let (name, by, limit) = (&self.def.name, self.def.by.name(), self.detector.limit());
        o.say(|| match (statistic, limit) {
            (Some(statistic), Some(limit)) => {
                format!("{name}: {by} {says} at {statistic:.4} (limit {limit:.4})")
            }
            _ => format!("{name}: {by} {says}"),
        });
    }
}

/// Makes a sample of what one or two arms had to say, and shows it; `None` if they do not fit together.
fn show<T>(
    candidate: &Reading,
    control: Option<&Reading>,
    act: &mut dyn FnMut(&Sample<'_>) -> T,
) -> Option<T> {
    Some(match (candidate, control) {
        (Reading::Value(value), None) => act(&Sample::Value(*value)),
        (Reading::Counts(counts), None) => act(&Sample::Counts(*counts)),
        (Reading::Value(candidate), Some(Reading::Value(control))) => {
            act(&Sample::Values { candidate: *candidate, control: *control })
        }
        (Reading::Counts(candidate), Some(Reading::Counts(control))) => {
            act(&Sample::CountsBeside { candidate: *candidate, control: *control })
        }
        (Reading::Classes(candidate), Some(Reading::Classes(control))) => {
            let (candidate, control) = same_classes(candidate, control)?;
            act(&Sample::Classes { candidate: &candidate, control: &control })
        }
        _ => return None,
    })
}

/// The counts of both; `None` if their classes differ.
fn same_classes(first: &[(String, f64)], second: &[(String, f64)]) -> Option<(Vec<f64>, Vec<f64>)> {
    let alike = first.len() == second.len() && first.iter().zip(second).all(|(a, b)| a.0 == b.0);
    let counts = |classes: &[(String, f64)]| classes.iter().map(|(_, count)| *count).collect();
    alike.then(|| (counts(first), counts(second)))
}
