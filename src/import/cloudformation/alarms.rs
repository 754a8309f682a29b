//! CloudWatch alarms of a template: which statistic of which metric, and what of it is bad.
//!
//! Metrics the simulation has: `Errors`, `Invocations` and `Duration` of `AWS/Lambda`; `RequestCount`,
//! `HTTPCode_Target_5XX_Count` and `TargetResponseTime` of `AWS/ApplicationELB`; and metrics of the house by `--bind`. A
//! period's sum is the exact difference of counters at its two ends, series by series, and not `increase()`, which
//! stretches what it saw to the edges of its window: CloudWatch counts and does not extrapolate.
//!
//! Which revision is seen: with the dimension `ExecutedVersion` the new one, else both together, as an alias, a function or
//! a load balancer counts them. Lambda's metrics exist in periods with invocations only; `HTTPCode_Target_5XX_Count` in
//! periods with such answers only.

use super::Draft;
use super::values::{Resolved, resolve};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::policy::codedeploy::Alarm;
use crate::policy::codedeploy::alarm::{Comparison, TreatMissing};
use crate::policy::loaded::{CheckDef, Limits};
use crate::telemetry::dialect::Signal;
use crate::time::SimDuration;

/// The longest time an alarm may look back: a day.
const LONGEST: u64 = 86_400;
/// Keys that say whom an alarm tells, which is nobody here.
const TELLS: [&str; 6] =
    ["AlarmDescription", "AlarmActions", "OKActions", "InsufficientDataActions", "ActionsEnabled", "Tags"];

/// What a metric measures here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// Server errors, none of which is 0 wherever there are requests.
    Errors,
    /// Server errors, without a datapoint where there are none.
    ErrorsIfAny,
    /// Requests.
    Requests,
    /// Time of an answer, in so many of its units a second.
    Latency(u32),
}

/// The alarm of a resource; `Err(None)` when it cannot be watched, which is listed.
pub(super) fn alarm<'a>(
    draft: &mut Draft<'a, '_>,
    logical: &str,
    properties: &Reader<'a>,
) -> Result<Option<Alarm>, Diagnostic> {
    TELLS.iter().for_each(|key| properties.ignore(key));
    let name = draft.text(properties, "AlarmName")?.unwrap_or_else(|| logical.to_owned());
    if let Some(math) = properties.get("Metrics") {
        math.whole();
        draft.not_honoured(&math, "metric math is not computed: this alarm is not watched");
        return Ok(None);
    }
    let Some(query) = query(draft, properties)? else {
        properties.whole();
        return Ok(None);
    };
    let whole = |draft: &Draft<'a, '_>, key: &str, default: u64| whole(draft, properties, key, default);
    let period = whole(draft, "Period", 60)?;
    let evaluated = whole(draft, "EvaluationPeriods", 1)?;
    let needed = whole(draft, "DatapointsToAlarm", evaluated)?;
    let at = properties.get("EvaluationPeriods").unwrap_or_else(|| properties.clone());
    if period == 0 || evaluated == 0 || needed == 0 || needed > evaluated {
        let help = "1 <= DatapointsToAlarm <= EvaluationPeriods, and a Period above zero";
        return Err(at.diagnostic_at(
            format!("{needed} of {evaluated} periods of {period} s cannot be evaluated"),
            help,
        ));
    }
    if period.saturating_mul(evaluated) > LONGEST {
        return Err(at.diagnostic_at(
            format!("{evaluated} periods of {period} s are more than a day"),
            "CloudWatch refuses such an alarm",
        ));
    }
    let (comparison, threshold) = limit(draft, properties)?;
    let alarm = Alarm {
        name: name.clone(),
        query,
        period: SimDuration::from_secs(period),
        evaluated: evaluated as u32,
        needed: needed as u32,
        comparison,
        threshold,
        treat: treat(draft, properties)?,
        check: draft.checks.len(),
    };
    tell(draft, &alarm, line(properties));
    Ok(Some(alarm))
}

fn tell(draft: &mut Draft<'_, '_>, alarm: &Alarm, line: usize) {
    let bad = format!("{} {}", alarm.comparison.sign(), alarm.threshold);
    let query = draft.book.text(alarm.query).map(str::to_owned);
    let strict = matches!(alarm.comparison, Comparison::AtLeast | Comparison::AtMost);
    let is_upper = matches!(alarm.comparison, Comparison::Above | Comparison::AtLeast);
    let bound = Some(alarm.threshold);
    let limits = Limits { min: bound.filter(|_| !is_upper), max: bound.filter(|_| is_upper), strict };
    draft.checks.push(CheckDef { name: alarm.name.clone(), query, good: format!("not {bad}"), limits, line });
    let missing = match alarm.treat {
        TreatMissing::Missing => "missing",
        TreatMissing::Ignore => "ignored",
        TreatMissing::Breaching => "breaching",
        TreatMissing::NotBreaching => "not breaching",
    };
    draft.reading.push(format!(
        "Alarm `{}`, looked at every minute: ALARM when {} of {} periods of {} are {bad}; missing data are {missing}.",
        alarm.name, alarm.needed, alarm.evaluated, alarm.period
    ));
}

fn whole(draft: &Draft<'_, '_>, at: &Reader<'_>, key: &str, default: u64) -> Result<u64, Diagnostic> {
    let Some(reader) = at.get(key) else { return Ok(default) };
    let value = draft.resolve(&reader);
    let number = value.text().and_then(|text| text.trim().parse::<u32>().ok());
    number
        .map(u64::from)
        .ok_or_else(|| reader.diagnostic_at(format!("`{key}` must be a whole number"), "write it like `3`"))
}

fn limit(draft: &Draft<'_, '_>, properties: &Reader<'_>) -> Result<(Comparison, f64), Diagnostic> {
    let operator = properties.required("ComparisonOperator")?;
    let comparison = match draft.resolve(&operator).text() {
        Some("GreaterThanThreshold") => Comparison::Above,
        Some("GreaterThanOrEqualToThreshold") => Comparison::AtLeast,
        Some("LessThanThreshold") => Comparison::Below,
        Some("LessThanOrEqualToThreshold") => Comparison::AtMost,
        _ => {
            let fact = "this operator is not played";
            return Err(
                operator.diagnostic_at(fact, "anomaly bands are not simulated: compare with a `Threshold`")
            );
        }
    };
    let reader = properties.required("Threshold")?;
    let number = draft.resolve(&reader).text().and_then(|text| text.trim().parse::<f64>().ok());
    match number.filter(|number| number.is_finite()) {
        Some(threshold) => Ok((comparison, threshold)),
        None => Err(reader.diagnostic_at("`Threshold` must be a number", "write it like `5`")),
    }
}

fn treat(draft: &Draft<'_, '_>, properties: &Reader<'_>) -> Result<TreatMissing, Diagnostic> {
    let Some(reader) = properties.get("TreatMissingData") else { return Ok(TreatMissing::Missing) };
    match draft.resolve(&reader).text() {
        Some("missing") => Ok(TreatMissing::Missing),
        Some("ignore") => Ok(TreatMissing::Ignore),
        Some("breaching") => Ok(TreatMissing::Breaching),
        Some("notBreaching") => Ok(TreatMissing::NotBreaching),
        _ => Err(reader.diagnostic_at(
            "unknown treatment of missing data",
            "missing, ignore, breaching or notBreaching",
        )),
    }
}

/// The query of a period's statistic; `None` when the metric is none of the simulation's, which is listed.
fn query<'a>(draft: &mut Draft<'a, '_>, properties: &Reader<'a>) -> Result<Option<usize>, Diagnostic> {
    let namespace = draft.text(properties, "Namespace")?.unwrap_or_default();
    let metric = properties.required("MetricName")?;
    let name = draft.resolve(&metric).text().unwrap_or_default().to_owned();
    let Some(measure) = measure(draft, &namespace, &name) else {
        let note = format!(
            "`{namespace}` {name} is not simulated: this alarm is not watched (say `--bind {name}=SIGNAL`)"
        );
        draft.not_honoured(&metric, &note);
        return Ok(None);
    };
    let period = whole(draft, properties, "Period", 60)?;
    let key = if properties.has("ExtendedStatistic") { "ExtendedStatistic" } else { "Statistic" };
    let statistic = properties.required(key)?;
    let wanted = draft.resolve(&statistic).text().unwrap_or_default().to_owned();
    let role = if sees_new_only(draft, properties) { "role=\"candidate\"" } else { "" };
    properties.ignore("Unit");
    let Some(text) = expression(measure, &wanted, role, period) else {
        draft.not_honoured(
            &statistic,
            &format!("{wanted} of {name} is not measured: this alarm is not watched"),
        );
        return Ok(None);
    };
    Ok(Some(draft.book.add(&text, &statistic)?))
}

fn measure(draft: &Draft<'_, '_>, namespace: &str, name: &str) -> Option<Measure> {
    let bound = draft.options.bindings.iter().find(|binding| binding.metric == name);
    if let Some(binding) = bound {
        return match binding.signal {
            Signal::Errors | Signal::ClientErrors => Some(Measure::Errors),
            Signal::Requests | Signal::ClientRequests => Some(Measure::Requests),
            Signal::LatencyMean | Signal::LatencySum | Signal::LatencyBuckets => {
                let millis = binding.unit == crate::telemetry::dialect::Unit::Milliseconds;
                Some(Measure::Latency(if millis { 1000 } else { 1 }))
            }
            _ => None,
        };
    }
    match (namespace, name) {
        ("AWS/Lambda", "Errors") => Some(Measure::Errors),
        ("AWS/Lambda", "Invocations") | ("AWS/ApplicationELB", "RequestCount") => Some(Measure::Requests),
        ("AWS/Lambda", "Duration") => Some(Measure::Latency(1000)),
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count") => Some(Measure::ErrorsIfAny),
        ("AWS/ApplicationELB", "TargetResponseTime") => Some(Measure::Latency(1)),
        _ => None,
    }
}

/// Whether the dimensions name the version that is being deployed.
fn sees_new_only(draft: &Draft<'_, '_>, properties: &Reader<'_>) -> bool {
    let Some(dimensions) = properties.get("Dimensions") else { return false };
    let list = dimensions.whole();
    list.items().iter().any(|item| item.get("Name").is_some_and(|name| name.raw == "ExecutedVersion"))
        || draft.options.args.get("sees").is_some_and(|sees| sees == "candidate")
}

/// PromQL of a statistic over the period that ends now.
fn expression(measure: Measure, statistic: &str, role: &str, period: u64) -> Option<String> {
    let counted = |metric: &str, more: &str| {
        let comma = if role.is_empty() || more.is_empty() { "" } else { "," };
        let series = format!("{metric}{{{role}{comma}{more}}}");
        // The last value on each side, whether or not the last scrape was lost; what was not there in the five minutes
        // before counts from zero.
        let now = format!("last_over_time({series}[{period}s])");
        format!("clamp_min({now} - (last_over_time({series}[5m] offset {period}s) or {now} * 0), 0)")
    };
    let requests = format!("sum({})", counted("http_requests_total", ""));
    let errors = format!("sum({})", counted("http_requests_total", "code=~\"5..\""));
    let latency = "http_request_duration_seconds";
    match (measure, statistic) {
        (Measure::Requests, "Sum" | "SampleCount") => Some(format!("{requests} > 0")),
        (Measure::Errors, "Sum") => Some(format!("({errors} or vector(0)) and {requests} > 0")),
        (Measure::ErrorsIfAny, "Sum") => Some(format!("{errors} > 0")),
        // One datapoint an invocation, 0 or 1: the average is the share of errors.
        (Measure::Errors, "Average") => Some(format!("({errors} or vector(0)) / ({requests} > 0)")),
        (Measure::Latency(units), "Average") => {
            let sum = format!("sum({})", counted(&format!("{latency}_sum"), ""));
            let count = format!("sum({})", counted(&format!("{latency}_count"), ""));
            Some(format!("{units} * {sum} / ({count} > 0)"))
        }
        (Measure::Latency(units), statistic) => {
            let percent: f64 =
                statistic.strip_prefix('p')?.parse().ok().filter(|p| (0.0..=100.0).contains(p))?;
            let buckets = counted(&format!("{latency}_bucket"), "");
            Some(format!("{units} * histogram_quantile({}, sum by (le) ({buckets}))", percent / 100.0))
        }
        _ => None,
    }
}

/// The logical or given names under which an alarm can be listed.
pub(super) fn is_called(
    draft: &Draft<'_, '_>,
    logical: &str,
    properties: Option<&Reader<'_>>,
    wanted: &Resolved,
) -> bool {
    let Some(wanted) = wanted.text() else { return false };
    let named = properties.and_then(|properties| properties.peek().get("AlarmName"));
    wanted == logical || named.is_some_and(|name| name.raw == wanted && draft.root.has("Resources"))
}

/// The value behind a cursor, by the template of a draft.
impl Draft<'_, '_> {
    pub(super) fn resolve(&self, at: &Reader<'_>) -> Resolved {
        resolve(at, &self.root, self.options)
    }

    /// The text under a key, if there is one that can be told.
    pub(super) fn text(&self, at: &Reader<'_>, key: &str) -> Result<Option<String>, Diagnostic> {
        Ok(at.get(key).and_then(|reader| self.resolve(&reader).text().map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Program;

    #[test]
    fn every_statistic_that_is_measured_is_an_expression() {
        let measures = [Measure::Errors, Measure::ErrorsIfAny, Measure::Requests, Measure::Latency(1000)];
        let mut written = 0;
        for measure in measures {
            for statistic in ["Sum", "Average", "SampleCount", "p99", "p99.9", "Maximum", "tm90", "p101", "p"]
            {
                for role in ["", "role=\"candidate\""] {
                    let Some(text) = expression(measure, statistic, role, 60) else { continue };
                    assert!(Program::new().add(&text).is_ok(), "{text}");
                    written += 1;
                }
            }
        }
        // Errors: sum, average. Errors if any: sum. Requests: sum, count. Latency: average, two percentiles.
        assert_eq!(written, 2 * (2 + 1 + 2 + 3));
    }
}
