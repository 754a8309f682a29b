//! The rules that Pyrra generates from an objective (pyrra-dev/pyrra 00b38d08, `slo/rules.go`, `slo/slo.go`).
//!
//! Its scheme is made for four weeks and scaled with the window w, each span rounded to minutes: long and short windows of w/672
//! (1 h) and w/8064 (5 m), w/112 (6 h) and w/1344 (30 m), w/28 (1 d) and w/336 (2 h), w/7 (4 d) and w/112 (6 h); pending for
//! w/20160 (2 m), w/2688 (15 m), w/672 (1 h) and w/224 (3 h); factors of 14, 7, 2 and 1, of which the first two are critical.
//! A metric is absent once it has been missing for as long as the fastest alert would take at errors only:
//! factor x budget x long window, and that alert's own wait.

use super::super::window::model_duration;
use super::{Indicator, Metric, Slo};
use crate::promql::{METRIC_NAME, MatchOp};
use crate::rules::{GroupDef, Kind, RuleDef};
use crate::time::SimDuration;

/// Time between evaluations of burn rates.
const EVERY: SimDuration = SimDuration::from_secs(30);
/// The scheme: what the window is divided by for the long rate, the short one and `for`, and the factor.
const SCHEME: [(u64, u64, u64, f64); 4] =
    [(672, 8064, 20_160, 14.0), (112, 1344, 2688, 7.0), (28, 336, 672, 2.0), (7, 112, 224, 1.0)];

/// A tier of the scheme for one window.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tier {
    long: SimDuration,
    short: SimDuration,
    hold: SimDuration,
    factor: f64,
}

fn tiers(window: SimDuration) -> [Tier; 4] {
    let part = |by: u64| rounded(SimDuration::from_nanos(window.as_nanos() / by));
    SCHEME.map(|(long, short, hold, factor)| Tier {
        long: part(long),
        short: part(short),
        hold: part(hold),
        factor,
    })
}

/// To the nearest minute, halves up.
fn rounded(span: SimDuration) -> SimDuration {
    SimDuration::from_mins((span.as_nanos() + 30_000_000_000) / 60_000_000_000)
}

/// The groups of an objective: burn rates with their alerts, then absent metrics.
pub(super) fn groups(slo: &Slo) -> Vec<GroupDef> {
    let tiers = tiers(slo.window);
    let mut rates: Vec<SimDuration> = tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
    rates.sort_unstable();
    rates.dedup();
    let mut rules: Vec<RuleDef> = rates.iter().map(|rate| slo.record(*rate)).collect();
    if let Some(name) = &slo.burns {
        let severities = &slo.severities.burns;
        rules.extend(tiers.iter().zip(severities).map(|(tier, severity)| slo.burns(name, tier, severity)));
    }
    let mut groups = vec![group(slo.name.clone(), EVERY, rules)];
    if let Some(name) = &slo.absent {
        let metrics = slo.indicator.watched().into_iter();
        let alerts = metrics.map(|metric| slo.absent(name, metric, &tiers[0])).collect();
        groups.push(group(format!("{}-increase", slo.name), every_increase(slo.window), alerts));
    }
    groups
}

fn group(name: String, every: SimDuration, rules: Vec<RuleDef>) -> GroupDef {
    GroupDef { name, interval: Some(every), query_offset: SimDuration::ZERO, limit: 0, rules }
}

/// The interval of the group of increases: half a minute more for each week of the window, from half a minute to four.
fn every_increase(window: SimDuration) -> SimDuration {
    const WEEK: u64 = 7 * 24 * 3_600_000_000_000;
    SimDuration::from_secs(30 * (window.as_nanos() / WEEK + 1).min(8))
}

impl Indicator {
    /// The metric that names the records and gives them labels.
    fn primary(&self) -> &Metric {
        match self {
            Indicator::ErrorsOfTotal { total, .. } | Indicator::SuccessOfTotal { total, .. } => total,
            Indicator::ErrorsAndSuccess { errors, .. } => errors,
            Indicator::Gauge(gauge) => gauge,
        }
    }

    /// The metrics whose absence is alerted on: of two with one name only the first, but for a bucket beside its count.
    fn watched(&self) -> Vec<&Metric> {
        let second = match self {
            Indicator::ErrorsOfTotal { errors, .. } => Some(errors),
            Indicator::SuccessOfTotal { success, .. } | Indicator::ErrorsAndSuccess { success, .. } => {
                Some(success)
            }
            Indicator::Gauge(_) => None,
        };
        let first = self.primary();
        let is_latency = matches!(self, Indicator::SuccessOfTotal { is_latency: true, .. });
        let second = second.filter(|second| is_latency || second.name() != first.name());
        std::iter::once(first).chain(second).collect()
    }

    /// The error ratio over a window.
    fn ratio(&self, by: &str, window: &str) -> String {
        let range = format!("[{window}]");
        let rate = |metric: &Metric| format!("sum{by} (rate({}))", metric.over(&range));
        match self {
            Indicator::ErrorsOfTotal { errors, total } => format!("{} / {}", rate(errors), rate(total)),
            Indicator::SuccessOfTotal { success, total, .. } => {
                format!("({} - {}) / {}", rate(total), rate(success), rate(total))
            }
            Indicator::ErrorsAndSuccess { errors, success } => {
                format!("{} / ({} + {})", rate(errors), rate(errors), rate(success))
            }
            Indicator::Gauge(gauge) => {
                let over = |function: &str| format!("sum{by} ({function}({}))", gauge.over(&range));
                let (count, sum) = (over("count_over_time"), over("sum_over_time"));
                format!("({count} - {sum}) / {count}")
            }
        }
    }
}

impl Slo {
    fn record_name(&self, rate: SimDuration) -> String {
        let name = self.indicator.primary().name();
        let name = name.strip_suffix("_total").unwrap_or(name);
        let name = name.strip_suffix("_count").unwrap_or(name);
        format!("{name}:burnrate{}", model_duration(rate))
    }

    /// Labels of rules: the objective's name, what is handed on, and what the metric fixes and does not group by.
    fn labels_of(&self, metric: &Metric, more: &[(&str, String)]) -> Vec<(String, String)> {
        let mut labels: std::collections::BTreeMap<String, String> = self.labels.iter().cloned().collect();
        labels.insert("slo".to_owned(), self.name.clone());
        labels.extend(metric.equals().into_iter().filter(|(name, _)| !self.grouping.contains(name)));
        labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        labels.into_iter().collect()
    }

    fn record(&self, rate: SimDuration) -> RuleDef {
        let by = if self.grouping.is_empty() {
            String::new()
        } else {
            format!(" by ({})", self.grouping.join(", "))
        };
        RuleDef {
            kind: Kind::Record(self.record_name(rate)),
            expr: self.indicator.ratio(&by, &model_duration(rate)),
            labels: self.labels_of(self.indicator.primary(), &[]),
            place: self.place,
        }
    }

    /// The matchers under which an alert finds the records: those of the metric that are on them, and the objective's name.
    fn selects(&self) -> String {
        let is_on_records = |name: &str, op| {
            name != METRIC_NAME
                && (self.grouping.iter().any(|label| label == name)
                    || matches!(op, MatchOp::Equal | MatchOp::NotEqual))
        };
        let matchers = self.indicator.primary().selector.matchers().iter();
        let mut texts: Vec<String> = matchers
            .filter(|matcher| is_on_records(matcher.name(), matcher.op()))
            .map(ToString::to_string)
            .chain([format!("slo={:?}", self.name)])
            .collect();
        texts.sort();
        texts.join(",")
    }

    fn burns(&self, name: &str, tier: &Tier, severity: &str) -> RuleDef {
        let selects = self.selects();
        let above = |rate: SimDuration| {
            format!("{}{{{selects}}} > ({} * (1-{}))", self.record_name(rate), tier.factor, self.target)
        };
        let exhausts = SimDuration::from_secs((self.window.as_secs_f64() / tier.factor) as u64);
        let more = [
            ("short", model_duration(tier.short)),
            ("long", model_duration(tier.long)),
            ("severity", severity.to_owned()),
            ("exhaustion", model_duration(exhausts)),
        ];
        let expr = format!("{} and {}", above(tier.short), above(tier.long));
        let labels = self.labels_of(self.indicator.primary(), &more);
        self.alert(name, tier.hold, expr, labels)
    }

    fn absent(&self, name: &str, metric: &Metric, fastest: &Tier) -> RuleDef {
        let spent = fastest.factor * (1.0 - self.target) * fastest.long.as_secs_f64();
        let hold = rounded(SimDuration::from_secs(spent as u64) + fastest.hold);
        let mut more = vec![("severity", self.severities.absent.clone())];
        more.extend(metric.equals().into_iter().find(|(name, _)| name == "le").map(|(_, le)| ("le", le)));
        let labels = self.labels_of(self.indicator.primary(), &more);
        self.alert(name, hold, format!("absent({}) == 1", metric.over("")), labels)
    }

    fn alert(&self, name: &str, hold: SimDuration, expr: String, labels: Vec<(String, String)>) -> RuleDef {
        let kind = Kind::Alert {
            name: name.to_owned(),
            hold,
            keep_firing: SimDuration::ZERO,
            annotations: self.annotations.clone(),
        };
        RuleDef { kind, expr, labels, place: self.place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The comments beside the scheme in its source, for four weeks; for a week a quarter of it, rounded.
    #[test]
    fn windows_are_those_of_four_weeks_scaled() {
        let of = |days: u64| {
            tiers(SimDuration::from_mins(days * 24 * 60))
                .map(|tier| [tier.long, tier.short, tier.hold].map(model_duration).join(" "))
        };
        assert_eq!(of(28), ["1h 5m 2m", "6h 30m 15m", "1d 2h 1h", "4d 6h 3h"]);
        assert_eq!(of(7), ["15m 1m 1m", "1h30m 8m 4m", "6h 30m 15m", "1d 1h30m 45m"]);
    }

    #[test]
    fn the_increase_group_is_slower_the_longer_the_window() {
        let of = |days: u64| every_increase(SimDuration::from_mins(days * 24 * 60)).as_secs_f64();
        assert_eq!(
            [3, 7, 14, 21, 28, 35, 42, 49, 56, 365].map(of),
            [30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 210.0, 240.0, 240.0, 240.0]
        );
    }
}
