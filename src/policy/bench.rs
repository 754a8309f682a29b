//! For tests: a policy asked at chosen instants, with scripted answers of monitoring.

use crate::effect::{RolloutView, Routing, SetName, SetView, Split};
use crate::policy::{
    CheckOutcome, Facts, Notice, Observation, Policy, Queries, QueryError, RolloutStatus, Start, Truth,
    Verdict,
};
use crate::promql::{Labels, Sample, Value};
use crate::strategy::{Progress, StepKind, StepStatus};
use crate::time::{SimDuration, SimTime};

/// What monitoring answers, by query.
pub(crate) struct Script(pub(crate) Vec<Result<Value, QueryError>>);

impl Queries for Script {
    fn value(&mut self, query: usize) -> Result<&Value, QueryError> {
        match self.0.get(query) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(error.clone()),
            None => Err(QueryError::Failed(format!("no answer for query {query}"))),
        }
    }

    fn range(&mut self, query: usize, _: SimTime, _: SimTime, _: SimDuration) -> Result<Value, QueryError> {
        self.value(query).cloned()
    }
}

/// A vector of samples without labels.
pub(crate) fn vector(values: &[f64]) -> Result<Value, QueryError> {
    let sample = |(index, value): (usize, &f64)| Sample {
        labels: Labels::new([("pod", format!("p{index}"))]),
        value: *value,
    };
    Ok(Value::Vector(values.iter().enumerate().map(sample).collect()))
}

/// The instant so many seconds after the deploy, which is at 600 s.
pub(crate) fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(600 + seconds)
}

/// A policy on the bench.
pub(crate) struct Bench {
    pub(crate) policy: Box<dyn Policy>,
    pub(crate) script: Script,
    pub(crate) status: RolloutStatus,
    pub(crate) chance: f64,
    pub(crate) truth: Option<Truth>,
    pub(crate) facts: Facts,
    pub(crate) findings: Vec<(usize, CheckOutcome)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) log: Vec<String>,
}

impl Bench {
    /// The policy started at the deploy, on its own rollout or not, with a ready canary at 10 %.
    pub(crate) fn new(policy: Box<dyn Policy>, own_rollout: bool) -> Self {
        let mut policy = policy;
        policy.start(&Start { deploy_at: at(0), phase: 0.0, end: at(36_000), own_rollout });
        let ready = SetView { desired: 4, created: 4, ready: 4, available: 4, ..SetView::default() };
        let mut sets = [SetView::default(); SetName::COUNT];
        sets[SetName::Old.index()] = ready;
        sets[SetName::New.index()] = ready;
        let view = RolloutView {
            now: at(0),
            deploy_at: at(0),
            replicas: 4,
            sets,
            split: Split { candidate: 0.1, ..Split::STABLE },
            in_force: Split { candidate: 0.1, ..Split::STABLE },
            routing: Routing::Weighted,
            hold: false,
            database: None,
            others_back: 0,
        };
        let step = StepStatus { index: 1, kind: StepKind::Bake, since: at(0) };
        let status = RolloutStatus { view, step, progress: Progress::Running, progressed_at: at(0) };
        let script = Script(Vec::new());
        Bench {
            policy,
            script,
            status,
            chance: 0.5,
            truth: None,
            facts: Facts::default(),
            findings: Vec::new(),
            notices: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Asks the policy now.
    pub(crate) fn ask(&mut self, now: SimTime) -> Verdict {
        self.status.view.now = now;
        let mut observation = Observation {
            now,
            rollout: self.status,
            chance: self.chance,
            truth: self.truth,
            facts: self.facts,
            queries: &mut self.script,
            findings: &mut self.findings,
            notices: &mut self.notices,
            log: Some(&mut self.log),
        };
        self.policy.observe(&mut observation)
    }

    /// Asks the policy at its next tick with these answers.
    pub(crate) fn tick(&mut self, answers: Vec<Result<Value, QueryError>>) -> (SimTime, Verdict) {
        self.script = Script(answers);
        let now = self.policy.next_tick();
        assert_ne!(now, SimTime::NEVER, "the policy is finished");
        let verdict = self.ask(now);
        (now, verdict)
    }

    /// Verdicts of successive ticks of a policy with one query.
    pub(crate) fn run(&mut self, answers: &[Result<Value, QueryError>]) -> Vec<Verdict> {
        answers.iter().map(|answer| self.tick(vec![answer.clone()]).1).collect()
    }
}
