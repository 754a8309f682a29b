//! The life of an alert, series by series (`rules/alerting.go` of Prometheus 3.x).

use std::collections::BTreeMap;

use crate::promql::{Labels, METRIC_NAME, Sample};

use super::file::{Kind, RuleDef};
use super::rule::Failure;
use super::template::{Expansion, expand};

/// Resolved series are remembered, and would be sent as resolved, this long [ms].
const RESOLVED_RETENTION_MS: i64 = 15 * 60 * 1000;

/// Where an active series of an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// It was active and is not any more.
    Inactive,
    /// Its query returns it, not for long enough yet.
    Pending,
    /// It fires.
    Firing,
}

impl AlertState {
    /// Prometheus' word for it.
    pub const fn name(self) -> &'static str {
        match self {
            AlertState::Inactive => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
        }
    }
}

/// One series of an alert. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// Its labels, those of the rule and `alertname` included.
    pub labels: Labels,
    /// Texts for people, with their templates filled in at the last evaluation that returned it.
    pub annotations: Vec<(String, String)>,
    /// Where it is.
    pub state: AlertState,
    /// The value at the last evaluation that returned it.
    pub value: f64,
    /// The first evaluation that returned it.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    keeps_since_ms: Option<i64>,
    resolved_at_ms: Option<i64>,
}

/// A rule that alerts, with the series it has active.
#[derive(Clone, Debug)]
pub struct Alert {
    name: String,
    hold_ms: i64,
    keep_firing_ms: i64,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    active: BTreeMap<Labels, Active>,
}

impl Alert {
    /// The alert of a rule, with nothing active; `None` for a recording rule.
    pub fn new(rule: &RuleDef) -> Option<Self> {
        let Kind::Alert { name, hold, keep_firing, annotations } = &rule.kind else { return None };
        Some(Alert {
            name: name.clone(),
            hold_ms: hold.as_millis(),
            keep_firing_ms: keep_firing.as_millis(),
            labels: rule.labels.clone(),
            annotations: annotations.clone(),
            active: BTreeMap::new(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The series that are pending or fire, or have ended within the last quarter of an hour.
    pub fn active(&self) -> impl Iterator<Item = &Active> {
        self.active.values()
    }

    /// Takes in what the query returned at `at_ms`; the samples of `ALERTS` and `ALERTS_FOR_STATE` that follow.
    ///
    /// # Errors
    /// If two series would be one alert, or there are more than `limit` (0: any number). Nothing is active then.
    pub fn observe(
        &mut self,
        returned: &[Sample],
        at_ms: i64,
        limit: u32,
        world: &Expansion<'_>,
    ) -> Result<Vec<Sample>, Failure> {
        let fresh = self.fresh(returned, at_ms, world)?;
        for (labels, fresh) in &fresh {
            match self.active.get_mut(labels).filter(|known| known.state != AlertState::Inactive) {
                Some(known) => {
                    known.value = fresh.value;
                    known.annotations.clone_from(&fresh.annotations);
                }
                None => {
                    self.active.insert(labels.clone(), fresh.clone());
                }
            }
        }
        let (hold_ms, keep_ms) = (self.hold_ms, self.keep_firing_ms);
        let mut lasting = 0;
        self.active.retain(|labels, active| {
            let keeps = if fresh.contains_key(labels) {
                active.keeps_since_ms = None;
                true
            } else {
                match active.fades(at_ms, keep_ms) {
                    Some(keeps) => keeps,
                    None => return false,
                }
            };
            if keeps {
                lasting += 1;
                active.ripen(at_ms, hold_ms);
            }
            true
        });
        if limit > 0 && lasting > limit {
            self.active.clear();
            return Err(Failure::Limit { limit, found: lasting });
        }
        Ok(self
            .active
            .values()
            .filter(|a| a.state != AlertState::Inactive)
            .flat_map(Active::samples)
            .collect())
    }

    /// What the query returned, by the labels of the alerts it makes.
    fn fresh(
        &self,
        returned: &[Sample],
        at_ms: i64,
        world: &Expansion<'_>,
    ) -> Result<BTreeMap<Labels, Active>, Failure> {
        let mut fresh = BTreeMap::new();
        for sample in returned {
            let own = sample.labels.without(&[METRIC_NAME]);
            let filled = |texts: &[(String, String)]| -> Vec<(String, String)> {
                let of = |text: &str| expand(text, &own, sample.value, world);
                texts.iter().map(|(name, text)| (name.clone(), of(text))).collect()
            };
            let mut labels = own.clone();
            for (name, value) in filled(&self.labels) {
                labels = labels.with(&name, &value);
            }
            labels = labels.with("alertname", &self.name);
            let active = Active {
                labels: labels.clone(),
                annotations: filled(&self.annotations),
                state: AlertState::Pending,
                value: sample.value,
                active_at_ms: at_ms,
                fired_at_ms: None,
                keeps_since_ms: None,
                resolved_at_ms: None,
            };
            if fresh.insert(labels.clone(), active).is_some() {
                return Err(Failure::SameLabels(labels));
            }
        }
        Ok(fresh)
    }
}

impl Active {
    /// At an evaluation that does not return it: whether it goes on firing all the same, `None` if it is forgotten.
    fn fades(&mut self, at_ms: i64, keep_ms: i64) -> Option<bool> {
        let mut keeps = false;
        if self.state == AlertState::Firing && keep_ms > 0 {
            let since = *self.keeps_since_ms.get_or_insert(at_ms);
            keeps = at_ms - since < keep_ms;
        }
        let is_old = self.resolved_at_ms.is_some_and(|resolved| at_ms - resolved > RESOLVED_RETENTION_MS);
        if self.state == AlertState::Pending || is_old {
            return None;
        }
        if self.state != AlertState::Inactive && !keeps {
            self.state = AlertState::Inactive;
            self.resolved_at_ms = Some(at_ms);
        }
        Some(keeps)
    }

    fn ripen(&mut self, at_ms: i64, hold_ms: i64) {
        if self.state == AlertState::Pending && at_ms - self.active_at_ms >= hold_ms {
            self.state = AlertState::Firing;
            self.fired_at_ms = Some(at_ms);
        }
    }

    /// `ALERTS{alertstate=...} 1` and since when, in seconds.
    fn samples(&self) -> [Sample; 2] {
        let alerts = self.labels.with(METRIC_NAME, "ALERTS").with("alertstate", self.state.name());
        let since = self.labels.with(METRIC_NAME, "ALERTS_FOR_STATE");
        [
            Sample { labels: alerts, value: 1.0 },
            Sample { labels: since, value: self.active_at_ms.div_euclid(1000) as f64 },
        ]
    }
}
