//! AWS CodeDeploy while it shifts traffic, and the CloudWatch alarms it watches.
//!
//! Every alarm is evaluated once a minute over whole periods that end then. If any of the deployment's alarms is in ALARM
//! while traffic is being shifted, the deployment stops and the last good revision is deployed anew. Hooks run before the
//! first traffic and after the last; one that fails fails the deployment.
//!
//! Traps: an alarm that is in ALARM already stops a deployment as it starts, the one that would mend things included;
//! what comes after the last step is watched by nobody; and an alarm on an alias or a load balancer sees both revisions
//! together, so the share of the new one dilutes what it does. Monitoring that does not answer has no datapoints.

pub mod alarm;

use std::sync::Arc;

use self::alarm::{AlarmState, Comparison, Datapoint, EXTRA_PERIODS, TreatMissing, evaluate};
use super::{CheckOutcome, Observation, Policy, Start, Verdict};
use crate::promql::Value;
use crate::strategy::{Progress, StepStatus};
use crate::time::{SimDuration, SimTime};

/// Time between evaluations of alarms whose period is a minute or more.
const EVERY: SimDuration = SimDuration::from_mins(1);

/// An alarm a deployment watches.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// The query of one period's statistic.
    pub query: usize,
    /// Length of a period.
    pub period: SimDuration,
    /// Datapoints that are evaluated.
    pub evaluated: u32,
    /// How many of them must be breaching.
    pub needed: u32,
    /// Which side is bad.
    pub comparison: Comparison,
    /// Of what.
    pub threshold: f64,
    /// What becomes of missing datapoints.
    pub treat: TreatMissing,
    /// The number of its check.
    pub check: usize,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookTime {
    /// Before the first request reaches the new revision.
    PreTraffic,
    /// When the new revision has all requests.
    PostTraffic,
}

/// A function that checks the deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// When it runs.
    pub time: HookTime,
    /// How long it takes.
    pub takes: SimDuration,
    /// Chance (0 to 1) that it fails.
    pub fails: f64,
}

/// A deployment as it was loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployment {
    /// Its alarms; any one stops it.
    pub alarms: Vec<Alarm>,
    /// Its hooks.
    pub hooks: Vec<Hook>,
    /// Index of the step in which the new revision has all traffic and the last hook runs, in its own rollout.
    pub last_step: Option<usize>,
}

/// A deployment at work.
#[derive(Clone, Debug)]
pub struct CodeDeploy {
    deployment: Arc<Deployment>,
    states: Vec<AlarmState>,
    next_poll: SimTime,
    /// When each hook ends; [`SimTime::NEVER`] where it has not begun or is over.
    hooks: Vec<SimTime>,
    own_rollout: bool,
}

impl CodeDeploy {
    /// A deployment before its start.
    pub fn new(deployment: Deployment) -> Self {
        let states = vec![AlarmState::InsufficientData; deployment.alarms.len()];
        let hooks = vec![SimTime::NEVER; deployment.hooks.len()];
        CodeDeploy {
            deployment: Arc::new(deployment),
            states,
            next_poll: SimTime::NEVER,
            hooks,
            own_rollout: false,
        }
    }

    fn begin_hooks(&mut self, time: HookTime, now: SimTime) {
        for (hook, ends) in self.deployment.hooks.iter().zip(&mut self.hooks) {
            if hook.time == time {
                *ends = now + hook.takes;
            }
        }
    }

    /// The first hook that is over now and has failed.
    fn failed_hook(&mut self, o: &mut Observation<'_>) -> Option<String> {
        let deployment = Arc::clone(&self.deployment);
        for (hook, ends) in deployment.hooks.iter().zip(&mut self.hooks) {
            if *ends > o.now {
                continue;
            }
            *ends = SimTime::NEVER;
            if o.chance < hook.fails {
                return Some(format!("hook {} failed", hook.name));
            }
            o.say(|| format!("hook {} succeeded", hook.name));
        }
        None
    }

    /// Evaluates every alarm; the name of the first that is in ALARM.
    fn poll(&mut self, o: &mut Observation<'_>) -> Option<String> {
        let deployment = Arc::clone(&self.deployment);
        let mut firing = None;
        for (alarm, state) in deployment.alarms.iter().zip(&mut self.states) {
            let (points, newest) = datapoints(alarm, o);
            o.found(alarm.check, outcome(alarm, newest));
            if let Some(new) = evaluate(&points, alarm.needed, alarm.evaluated, alarm.treat)
                && new != *state
            {
                let old = std::mem::replace(state, new);
                o.say(|| format!("alarm {}: {} -> {}", alarm.name, old.word(), new.word()));
            }
            if *state == AlarmState::Alarm && firing.is_none() {
                firing = Some(format!("alarm {} is in ALARM", alarm.name));
            }
        }
        firing
    }

    fn end(&mut self) {
        self.next_poll = SimTime::NEVER;
        self.hooks.iter_mut().for_each(|ends| *ends = SimTime::NEVER);
    }
}

/// The datapoints of the evaluation range, oldest first, and the newest value.
fn datapoints(alarm: &Alarm, o: &mut Observation<'_>) -> (Vec<Datapoint>, Option<f64>) {
    let periods = alarm.evaluated.saturating_add(EXTRA_PERIODS) as usize;
    let start = o.now.before(alarm.period.scale((periods - 1) as f64));
    let mut values: Vec<Option<f64>> = vec![None; periods];
    if let Ok(Value::Matrix(series)) = o.queries.range(alarm.query, start, o.now, alarm.period) {
        for (at, value) in series.first().map(|series| series.points.as_slice()).unwrap_or_default() {
            // From the newest on, because the first of a short past are cut off.
            let back = (o.now.as_millis() - at) / alarm.period.as_millis().max(1);
            let place = usize::try_from(back).ok().and_then(|back| (periods - 1).checked_sub(back));
            if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
                *slot = Some(*value).filter(|value| !value.is_nan());
            }
        }
    }
    let point = |value: &Option<f64>| match value {
        None => Datapoint::Missing,
        Some(value) if alarm.comparison.breaches(*value, alarm.threshold) => Datapoint::Breaching,
        Some(_) => Datapoint::Good,
    };
    (values.iter().map(point).collect(), values.last().copied().flatten())
}

fn outcome(alarm: &Alarm, newest: Option<f64>) -> CheckOutcome {
    match newest {
        None => CheckOutcome::NoData,
        Some(value) if alarm.comparison.breaches(value, alarm.threshold) => CheckOutcome::Bad(value),
        Some(value) => CheckOutcome::Good(value),
    }
}

impl Policy for CodeDeploy {
    fn start(&mut self, start: &Start) {
        let deployment = Arc::clone(&self.deployment);
        *self = CodeDeploy { own_rollout: start.own_rollout, ..CodeDeploy::new(Deployment::default()) };
        self.states = vec![AlarmState::InsufficientData; deployment.alarms.len()];
        self.hooks = vec![SimTime::NEVER; deployment.hooks.len()];
        self.deployment = deployment;
        // The state of the alarms is looked at as the deployment starts.
        self.next_poll = if self.deployment.alarms.is_empty() { SimTime::NEVER } else { start.deploy_at };
        self.begin_hooks(HookTime::PreTraffic, start.deploy_at);
    }

    fn next_tick(&self) -> SimTime {
        self.hooks.iter().copied().min().unwrap_or(SimTime::NEVER).min(self.next_poll)
    }

    fn on_step(&mut self, step: &StepStatus, now: SimTime) {
        if self.own_rollout && self.deployment.last_step == Some(step.index) {
            self.begin_hooks(HookTime::PostTraffic, now);
        }
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        if o.rollout.progress == Progress::Promoted {
            o.say(|| "the deployment succeeded: its alarms are watched no longer".to_owned());
            self.end();
            return Verdict::Continue;
        }
        let mut reason = self.failed_hook(o);
        if reason.is_none() && self.next_poll <= o.now {
            self.next_poll = o.now + EVERY;
            reason = self.poll(o);
        }
        match reason {
            None => Verdict::Continue,
            Some(reason) => {
                o.say(|| format!("the deployment stops: {reason}"));
                self.end();
                Verdict::RollBack { reasons: vec![reason] }
            }
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
mod tests {
    use super::*;
    use crate::policy::QueryError;
    use crate::policy::bench::{Bench, at};
    use crate::promql::{Labels, Series};

    fn deployment(treat: TreatMissing) -> Deployment {
        let alarm = Alarm {
            name: "errors".to_owned(),
            query: 0,
            period: EVERY,
            evaluated: 3,
            needed: 2,
            comparison: Comparison::Above,
            threshold: 5.0,
            treat,
            check: 0,
        };
        Deployment { alarms: vec![alarm], ..Deployment::default() }
    }

    /// Values at whole minutes around the deploy.
    fn minutes(values: &[(i64, f64)]) -> Result<Value, QueryError> {
        let points =
            values.iter().map(|(minute, value)| (at(0).as_millis() + minute * 60_000, *value)).collect();
        Ok(Value::Matrix(vec![Series { labels: Labels::empty(), points }]))
    }

    #[test]
    fn two_of_three_minutes_stop_the_deployment() {
        let mut bench = Bench::new(Box::new(CodeDeploy::new(deployment(TreatMissing::Missing))), true);
        let quiet = [(-4, 0.0), (-3, 0.0), (-2, 0.0), (-1, 0.0), (0, 0.0)];
        assert_eq!(bench.tick(vec![minutes(&quiet)]), (at(0), Verdict::Continue));
        let one = [(-3, 0.0), (-2, 0.0), (-1, 0.0), (0, 0.0), (1, 9.0)];
        assert_eq!(bench.tick(vec![minutes(&one)]), (at(60), Verdict::Continue));
        let two = [(-2, 0.0), (-1, 0.0), (0, 0.0), (1, 9.0), (2, 6.0)];
        let (when, verdict) = bench.tick(vec![minutes(&two)]);
        assert_eq!(when, at(120));
        assert_eq!(verdict, Verdict::RollBack { reasons: vec!["alarm errors is in ALARM".to_owned()] });
        assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
        assert_eq!(bench.log[0], "alarm errors: INSUFFICIENT_DATA -> OK");
    }

    #[test]
    fn an_alarm_that_fires_already_blocks_the_deployment() {
        let mut bench = Bench::new(Box::new(CodeDeploy::new(deployment(TreatMissing::Missing))), true);
        let bad = [(-4, 9.0), (-3, 9.0), (-2, 9.0), (-1, 9.0), (0, 9.0)];
        assert!(bench.tick(vec![minutes(&bad)]).1.is_decision());
    }

    #[test]
    fn no_data_stops_it_only_where_it_is_breaching() {
        for (treat, stops) in [
            (TreatMissing::Missing, false),
            (TreatMissing::Ignore, false),
            (TreatMissing::NotBreaching, false),
            (TreatMissing::Breaching, true),
        ] {
            let mut bench = Bench::new(Box::new(CodeDeploy::new(deployment(treat))), true);
            let verdict = bench.tick(vec![Err(QueryError::Unavailable)]).1;
            assert_eq!(verdict.is_decision(), stops, "{treat:?}");
        }
    }

    #[test]
    fn a_hook_that_fails_stops_it_when_it_is_over() {
        let hook = |fails| Hook {
            name: "check".to_owned(),
            time: HookTime::PreTraffic,
            takes: SimDuration::from_secs(20),
            fails,
        };
        let deployment = |fails| Deployment { hooks: vec![hook(fails)], ..Deployment::default() };
        let mut fails = Bench::new(Box::new(CodeDeploy::new(deployment(1.0))), true);
        let (when, verdict) = fails.tick(Vec::new());
        assert_eq!((when, verdict.is_decision()), (at(20), true));
        let mut succeeds = Bench::new(Box::new(CodeDeploy::new(deployment(0.0))), true);
        assert_eq!(succeeds.tick(Vec::new()), (at(20), Verdict::Continue));
        assert_eq!(succeeds.policy.next_tick(), SimTime::NEVER);
    }

    #[test]
    fn what_is_promoted_is_watched_no_longer() {
        let mut bench = Bench::new(Box::new(CodeDeploy::new(deployment(TreatMissing::Breaching))), true);
        bench.status.progress = Progress::Promoted;
        assert_eq!(bench.tick(Vec::new()).1, Verdict::Continue);
        assert_eq!(bench.policy.next_tick(), SimTime::NEVER);
    }
}
