//! Flagger's analysis: one tick machine a canary (pkg/controller/scheduler.go and scheduler_metrics.go).
//!
//! On every tick the controller looks at one thing after another and stops at the first that applies: primary not
//! ready, new revision (first the gates that confirm it), revision changed again, canary not ready, a rollback
//! webhook that says so, too many failed checks, nothing to analyse yet (pre-rollout webhooks), a failed check
//! (webhooks, built-in and inline metrics, templates), gates. What is left, the step to the next weight, is the
//! [strategy's](crate::strategy::flagger); both tick at the same instants, policy first.
//!
//! Traps: failed checks are counted over the whole analysis and never taken back, except by a new revision; the
//! rollback comes on the tick *after* the one whose check reached the threshold; no data and NaN are failed checks; a
//! canary that is not ready is waited for and not judged, even when the threshold has been reached; with several
//! series the last one counts; a gate that waits is no failed check, and the analysis goes on while it waits.

mod alert;
mod analysis;
mod sentence;
mod webhook;

pub use alert::Alert;
pub use analysis::{Analysis, Band, Metric, MetricKind};
pub use webhook::{Answer, HookKind, Opens, Webhook};

use crate::effect::{Routing, SetName};
use crate::policy::observation::{Notice, Severity};
use crate::policy::{CheckOutcome, Observation, Policy, QueryError, Start, Verdict};
use crate::promql::Value;
use crate::strategy::flagger::is_ready;
use crate::strategy::{Progress, StepKind, StepStatus};
use crate::time::SimTime;
use webhook::{Chance, Moment};

/// The analysis of one release.
#[derive(Clone, Debug)]
pub struct Flagger {
    analysis: std::sync::Arc<Analysis>,
    deploy_at: SimTime,
    next_tick: SimTime,
    noticed: Option<SimTime>,
    failed_checks: u32,
    own_rollout: bool,
    /// Another revision was deployed since the last tick.
    superseded: bool,
    /// Whether the canary was ready on an earlier tick.
    was_ready: bool,
    /// Since when fewer pods of the canary are available than its Deployment promises.
    unavailable_since: Option<SimTime>,
    /// When each webhook was called first.
    asked: Vec<Option<SimTime>>,
    /// Gates of this kind wait: what is said once is not said again.
    waiting: Option<HookKind>,
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
        let asked = vec![None; analysis.webhooks.len()];
        Flagger {
            analysis: std::sync::Arc::new(analysis),
            deploy_at: SimTime::ZERO,
            next_tick: SimTime::NEVER,
            noticed: None,
            failed_checks: 0,
            own_rollout: false,
            superseded: false,
            was_ready: false,
            unavailable_since: None,
            asked,
            waiting: None,
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
        let mut chance = Chance(o.chance);
        let Some(noticed) = self.noticed else { return self.notice(&mut chance, o) };
        if o.rollout.progress == Progress::Promoted {
            return self.promoted(&mut chance, o);
        }
        let view = o.rollout.view;
        let primary = is_ready(&view, SetName::Old, view.replicas, analysis.primary_ready);
        if self.own_rollout && !analysis.skip_analysis && !primary {
            o.say(|| sentence::primary_not_ready(&analysis, view.set(SetName::Old).ready, view.replicas));
            return Verdict::Hold;
        }
        if self.superseded {
            return self.restart(o);
        }
        let canary = *view.set(SetName::New);
        if canary.desired == 0 || !is_ready(&view, SetName::New, canary.desired, analysis.canary_ready) {
            return self.wait(noticed, &mut chance, o);
        }
        self.was_ready = true;
        self.unavailable_since = None;
        if analysis.skip_analysis {
            o.say(|| sentence::copying(&analysis));
            return if self.own_rollout { Verdict::Continue } else { Verdict::Promote };
        }
        if self.is_told_to_roll_back(&mut chance, o) {
            let reason = format!("Rolling back {} manual webhook invoked", analysis.id());
            self.tell(Severity::Warn, "Rolling back manual webhook invoked", o);
            return self.roll_back(reason, &mut chance, o);
        }
        if self.failed_checks >= analysis.threshold {
            let reason = format!(
                "Rolling back {} failed checks threshold reached {}",
                analysis.id(),
                self.failed_checks
            );
            let message = format!("Failed checks threshold reached {}", self.failed_checks);
            self.tell(Severity::Error, &message, o);
            return self.roll_back(reason, &mut chance, o);
        }
        if self.analysis_fails(&mut chance, o) {
            self.failed_checks = self.failed_checks.saturating_add(1);
            return Verdict::Hold;
        }
        if self.gates_wait(&mut chance, o) {
            return Verdict::Hold;
        }
        self.say_step(o);
        Verdict::Continue
    }

    /// A new revision is noticed on a tick, once every gate in front of it is open.
    fn notice(&mut self, chance: &mut Chance, o: &mut Observation<'_>) -> Verdict {
        if self.own_rollout && self.gate_waits(HookKind::ConfirmRollout, chance, o) {
            return Verdict::Hold;
        }
        self.noticed = Some(o.now);
        let id = self.analysis.target_id();
        o.say(|| format!("New revision detected! Scaling up {id}"));
        self.tell(Severity::Info, "New revision detected, progressing canary analysis.", o);
        Verdict::Continue
    }

    /// The revision changed in mid-analysis: the tick only takes everything back to the start.
    fn restart(&mut self, o: &mut Observation<'_>) -> Verdict {
        self.superseded = false;
        self.failed_checks = 0;
        self.waiting = None;
        self.was_ready = false;
        self.unavailable_since = None;
        self.noticed = Some(o.now);
        let id = self.analysis.target_id();
        o.say(|| format!("New revision detected! Restarting analysis for {id}"));
        Verdict::Continue
    }

    /// The canary is not ready: nothing is judged, and after the deadline it is given up. Giving up sends no alert
    /// unless the failed checks have reached their threshold, too.
    fn wait(&mut self, noticed: SimTime, chance: &mut Chance, o: &mut Observation<'_>) -> Verdict {
        let analysis = std::sync::Arc::clone(&self.analysis);
        let canary = *o.rollout.view.set(SetName::New);
        // The Deployment's own promise: at most a quarter of the pods, rounded down, are unavailable.
        let promised = canary.desired - canary.desired / 4;
        if canary.available >= promised {
            self.unavailable_since = None;
        } else {
            let since = if self.was_ready { o.now } else { noticed };
            self.unavailable_since.get_or_insert(since);
        }
        let progressed = o.rollout.progressed_at.max(noticed);
        let stuck = o.now.since(progressed) > analysis.progress_deadline;
        let unavailable =
            self.unavailable_since.is_some_and(|since| o.now.since(since) > analysis.progress_deadline);
        if stuck || unavailable {
            let reason = if stuck {
                sentence::deadline_exceeded(&analysis)
            } else {
                sentence::not_ready(&analysis, canary.ready, canary.desired)
            };
            if self.failed_checks >= analysis.threshold {
                let message = format!("Failed checks threshold reached {}", self.failed_checks);
                self.tell(Severity::Error, &message, o);
            }
            return self.roll_back(reason, chance, o);
        }
        o.say(|| sentence::not_ready(&analysis, canary.ready, canary.desired));
        Verdict::Hold
    }

    fn roll_back(&mut self, reason: String, chance: &mut Chance, o: &mut Observation<'_>) -> Verdict {
        let id = self.analysis.id();
        o.say(|| reason.clone());
        o.say(|| format!("Canary failed! Scaling down {id}"));
        self.call_all(HookKind::PostRollout, chance, o);
        self.end();
        Verdict::RollBack { reasons: vec![reason] }
    }

    /// The canary's code is the stable one now; what is left is to say when the promotion is over.
    fn promoted(&mut self, chance: &mut Chance, o: &mut Observation<'_>) -> Verdict {
        if self.own_rollout && o.rollout.step.kind == StepKind::Promoting {
            return Verdict::Continue;
        }
        self.end();
        // A primary that never came up leaves all traffic on the canary: nothing was completed.
        if self.own_rollout && o.rollout.view.split.candidate < 1.0 {
            let id = self.analysis.target_id();
            if self.analysis.skip_analysis {
                o.say(|| format!("Promotion completed! Canary analysis was skipped for {id}"));
                self.tell(Severity::Info, "Canary analysis was skipped, promotion finished.", o);
            } else {
                self.call_all(HookKind::PostRollout, chance, o);
                o.say(|| format!("Promotion completed! Scaling down {id}"));
                let message = "Canary analysis completed successfully, promotion finished.";
                self.tell(Severity::Info, message, o);
            }
        }
        Verdict::Continue
    }

    /// Sends an alert to everybody whose filter lets it through.
    fn tell(&self, severity: Severity, message: &str, o: &mut Observation<'_>) {
        for alert in self.analysis.alerts.iter().filter(|alert| alert.gets(severity)) {
            o.tell(Notice { severity, whom: alert.whom.clone(), text: message.to_owned() });
        }
    }

    /// Calls one webhook.
    fn call(&mut self, index: usize, chance: &mut Chance, o: &Observation<'_>) -> Result<(), String> {
        let Some(hook) = self.analysis.webhooks.get(index) else { return Ok(()) };
        let asked = self.asked.get_mut(index).map_or(o.now, |first| *first.get_or_insert(o.now));
        hook.answer.call(Moment { now: o.now, asked, deploy: self.deploy_at }, chance)
    }

    /// Calls the webhooks of a kind in their order up to the first that fails: its index and why.
    fn first_refusal(
        &mut self,
        kind: HookKind,
        chance: &mut Chance,
        o: &Observation<'_>,
    ) -> Option<(usize, String)> {
        let analysis = std::sync::Arc::clone(&self.analysis);
        let of_kind = analysis.webhooks.iter().enumerate().filter(|(_, hook)| hook.kind == kind);
        of_kind
            .map(|(index, _)| (index, self.call(index, chance, o)))
            .find_map(|(index, result)| result.err().map(|error| (index, error)))
    }

    /// Calls webhooks from which nothing follows.
    fn call_all(&mut self, kind: HookKind, chance: &mut Chance, o: &mut Observation<'_>) {
        let analysis = std::sync::Arc::clone(&self.analysis);
        match self.first_refusal(kind, chance, o) {
            Some((index, error)) => {
                o.say(|| format!("Post-rollout hook {} failed {error}", analysis.webhooks[index].name));
            }
            None => {
                for hook in analysis.webhooks.iter().filter(|hook| hook.kind == kind) {
                    o.say(|| format!("Post-rollout check {} passed", hook.name));
                }
            }
        }
    }

    fn is_told_to_roll_back(&mut self, chance: &mut Chance, o: &mut Observation<'_>) -> bool {
        let analysis = std::sync::Arc::clone(&self.analysis);
        for (index, hook) in analysis.webhooks.iter().enumerate() {
            if hook.kind != HookKind::Rollback {
                continue;
            }
            if self.call(index, chance, o).is_ok() {
                o.say(|| format!("Rollback check {} passed", hook.name));
                return true;
            }
            o.say(|| format!("Rollback hook {} not signaling a rollback", hook.name));
        }
        false
    }

    /// Gates before the next step: more weight, or the promotion. They are part of this file's own rollout only.
    fn gates_wait(&mut self, chance: &mut Chance, o: &mut Observation<'_>) -> bool {
        if !self.own_rollout {
            return false;
        }
        let analysis = std::sync::Arc::clone(&self.analysis);
        let promotes = o.rollout.step.index >= analysis.confirmed_from;
        let mirrored = o.rollout.view.split.mirror > 0.0;
        let increases = analysis.increases && !mirrored && self.waiting != Some(HookKind::ConfirmPromotion);
        if increases && self.gate_waits(HookKind::ConfirmTrafficIncrease, chance, o) {
            return true;
        }
        promotes && self.gate_waits(HookKind::ConfirmPromotion, chance, o)
    }

    /// Whether a gate of this kind is closed; people are told once a wait (weights: on every tick).
    fn gate_waits(&mut self, kind: HookKind, chance: &mut Chance, o: &mut Observation<'_>) -> bool {
        let Some((index, _)) = self.first_refusal(kind, chance, o) else {
            if self.waiting == Some(kind) {
                self.waiting = None;
            }
            return false;
        };
        let analysis = std::sync::Arc::clone(&self.analysis);
        let hook = &analysis.webhooks[index];
        if self.waiting != Some(kind) || kind == HookKind::ConfirmTrafficIncrease {
            let (what, message) = match kind {
                HookKind::ConfirmRollout => ("approval", "Canary is waiting for approval."),
                HookKind::ConfirmPromotion => {
                    ("promotion approval", "Canary promotion is waiting for approval.")
                }
                _ => ("traffic increase approval", "Canary traffic increase is waiting for approval."),
            };
            o.say(|| format!("Halt {} advancement waiting for {what} {}", analysis.id(), hook.name));
            if !hook.mute_alert {
                self.tell(Severity::Warn, message, o);
            }
        }
        self.waiting = Some(kind);
        true
    }

    /// Whether requests (or iterations) have reached the canary, so that there is something to analyse. Steps taken
    /// are looked at as well as the weight: an iteration counts even when no request is routed.
    fn has_traffic(o: &Observation<'_>) -> bool {
        let view = &o.rollout.view;
        match view.routing {
            Routing::Weighted | Routing::Clients | Routing::Registry => {
                view.split.candidate > 0.0 || o.rollout.step.index > 0
            }
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

    /// Runs the checks of a tick in Flagger's order up to the first that fails.
    fn analysis_fails(&mut self, chance: &mut Chance, o: &mut Observation<'_>) -> bool {
        let analysis = std::sync::Arc::clone(&self.analysis);
        let begins = !Self::has_traffic(o);
        let kind = if begins { HookKind::PreRollout } else { HookKind::Rollout };
        if begins {
            o.say(|| format!("Starting canary analysis for {}", analysis.target_id()));
        }
        if let Some((index, error)) = self.first_refusal(kind, chance, o) {
            let check = if begins { "pre-rollout check" } else { "external check" };
            let name = &analysis.webhooks[index].name;
            o.say(|| format!("Halt {} advancement {check} {name} failed {error}", analysis.id()));
            return true;
        }
        let metrics = &analysis.metrics;
        let order = |templates| metrics.iter().enumerate().filter(move |(_, m)| m.is_template() == templates);
        !begins && order(false).chain(order(true)).any(|(index, metric)| !self.passes(index, metric, o))
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
        self.deploy_at = start.deploy_at;
        self.next_tick = if self.analysis.suspend {
            SimTime::NEVER
        } else {
            start.deploy_at + self.analysis.interval.scale(offset)
        };
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

    fn on_step(&mut self, step: &StepStatus, now: SimTime) {
        self.superseded |= step.kind == StepKind::Superseded;
        // The tick that ends the promotion is this one, and the strategy's part of it comes after the policy's.
        if self.own_rollout && step.kind == StepKind::Done && self.next_tick != SimTime::NEVER {
            self.next_tick = now;
        }
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
