//! OpenSLO documents: `openslo/v1`, and `openslo/v1alpha` as far as Sloth reads it.
//!
//! An objective counts occurrences (the share of bad events), time slices (the share of slices whose ratio misses
//! `timeSliceTarget`) or the mean ratio of slices. Slices are recorded one by one and averaged over windows, as a budget of
//! slices is. Alert policies with conditions on burn rates become alerts over their `lookbackWindow`, pending for
//! `alertAfter`; an objective without any gets the page and the ticket that Sloth generates.
//!
//! Traps: `op` of a condition is written as it stands, also where it is the wrong way round: `lte` fires while nothing burns.
//! In durations `m` is a minute and `M` a month. Calendar windows are rolling here: a simulation has no dates.

use super::sloth::usual;
use super::window::{filled, promql, span};
use super::{BurnAlert, Objective, Read, Sli, SloObject, TierAlert};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::policy::loaded::StandIn;
use crate::time::SimDuration;

/// Shortest period that the usual alerts fit into.
const SHORTEST: SimDuration = SimDuration::from_mins(3 * 24 * 60);
/// Days of a period that is absent or too short for its alerts.
const DAYS: u32 = 30;
/// The bounds of the histograms of simulated services, in seconds.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What stands for the requests that were good, and for all of them.
const GOOD: &str = "sum(rate(http_requests_total{code!~\"5..\"}[{{.window}}]))";
const TOTAL: &str = "sum(rate(http_requests_total[{{.window}}]))";

/// Adds the objectives of a document; what is no SLO is read when an SLO names it.
///
/// # Errors
/// If it cannot be read, with the place.
pub(super) fn read(root: &Reader<'_>, all: &[SloObject<'_>], read: &mut Read) -> Result<(), Diagnostic> {
    if root.required("kind")?.text()? != "SLO" {
        return Ok(());
    }
    let name = root.required("metadata")?.required("name")?.text()?.to_owned();
    let spec = root.required("spec")?;
    let days = days(&spec, read)?;
    let alerts = alert_policies(&spec, all)?;
    let objectives = spec.required("objectives")?.seq()?;
    for (index, objective) in objectives.iter().enumerate() {
        let is_old = objective.has("ratioMetrics");
        let tiers = if alerts.is_empty() { tiers(&name, objective, read) } else { Vec::new() };
        let slo = Objective {
            service: spec.required("service")?.text()?.to_owned(),
            // Sloth counts them; one alone needs no number.
            name: if is_old || objectives.len() > 1 { format!("{name}-{index}") } else { name.clone() },
            target: target(objective)?,
            days,
            sli: sli(&spec, objective, all, read)?,
            labels: Vec::new(),
            tiers,
            alerts: alerts.clone(),
            place: objective.location(),
        };
        read.objectives.push(slo);
    }
    Ok(())
}

fn target(objective: &Reader<'_>) -> Result<f64, Diagnostic> {
    let (at, factor) = match objective.get("targetPercent") {
        Some(percent) => (percent, 1.0),
        None => (objective.required("target")?, 100.0),
    };
    let percent = at.f64()? * factor;
    if percent > 0.0 && percent < 100.0 {
        // A target like 0.999 is meant as written, not as its float times a hundred.
        return Ok((percent * 1e9).round() / 1e9);
    }
    let help = "a target is between 0 and 1, both left out: at 1 there is no budget to burn";
    Err(at.diagnostic_at(format!("a target of {} cannot be alerted on", percent / factor), help))
}

/// Days of the period.
fn days(spec: &Reader<'_>, read: &mut Read) -> Result<u32, Diagnostic> {
    let first = |key: &str| {
        Ok::<_, Diagnostic>(spec.get(key).map(|list| list.seq()).transpose()?.unwrap_or_default())
    };
    if let Some(old) = first("timeWindows")?.first() {
        let count = old.required("count")?.i64()?;
        let unit = old.required("unit")?;
        let days = match unit.text()? {
            "Day" => count,
            "Week" => count.saturating_mul(7),
            "Month" => count.saturating_mul(30),
            other => {
                return Err(unit.diagnostic_at(
                    format!("`{other}` is no unit of a period here"),
                    "write Day, Week or Month",
                ));
            }
        };
        let known = u32::try_from(days).ok().filter(|days| (3..=366).contains(days));
        return known.ok_or_else(|| {
            old.diagnostic_at(format!("a period of {days} days is not played"), "3 to 366 days are")
        });
    }
    let windows = first("timeWindow")?;
    let Some(window) = windows.first() else { return Ok(DAYS) };
    let at = window.required("duration")?;
    let period = span(&at)?;
    let mut stands = |what: String, setting: &str| {
        read.stand_ins.push(StandIn { what, line: at.location().line as usize, setting: setting.to_owned() });
    };
    if window.get("isRolling").map(|rolling| rolling.bool()).transpose()? == Some(false) {
        stands("the calendar of the period".to_owned(), "a rolling period: a simulation has no dates");
    }
    if period < SHORTEST {
        let text = at.text()?;
        stands(
            format!("a period of `{text}`"),
            "30 days: it is shorter than the windows of the alerts (in OpenSLO `m` is a minute and `M` a month)",
        );
        return Ok(DAYS);
    }
    Ok(u32::try_from(period.as_millis() / 86_400_000).unwrap_or(DAYS))
}

/// What a query asks, where another system than Prometheus would answer it.
enum Asked {
    Prometheus(String),
    Other(String),
}

fn asked(at: &Reader<'_>) -> Result<Asked, Diagnostic> {
    if let Some(query) = at.get("query") {
        // v1alpha names its source beside the query.
        let source = at.get("source").map(|source| source.text()).transpose()?.unwrap_or("prometheus");
        return with_window(source, &query);
    }
    let Some(source) = at.get("metricSource") else {
        let help = "write the metric source here; sources that are defined elsewhere are not looked up";
        return Err(at.diagnostic_at("there is no `metricSource`", help));
    };
    let kind = source.get("type").map(|kind| kind.text()).transpose()?.unwrap_or("prometheus");
    let spec = source.required("spec")?;
    let query = spec.get("promql").or_else(|| spec.get("query"));
    match query {
        Some(query) => with_window(kind, &query),
        None if kind.eq_ignore_ascii_case("prometheus") => {
            Err(spec.diagnostic_at("there is no `query`", "add `query:`"))
        }
        None => Ok(Asked::Other(kind.to_owned())),
    }
}

fn with_window(kind: &str, query: &Reader<'_>) -> Result<Asked, Diagnostic> {
    if !kind.eq_ignore_ascii_case("prometheus") {
        return Ok(Asked::Other(kind.to_owned()));
    }
    let text = query.text()?.trim().to_owned();
    if filled(&text, "5m") == text && !text.contains('[') {
        let help = "write the window as `{{.window}}`, as in `sum(rate(errors_total[{{.window}}]))`";
        return Err(
            query.diagnostic_at("the query has no window, so it counts since the start of the pods", help)
        );
    }
    Ok(Asked::Prometheus(text))
}

/// The query, or what stands for it.
fn query(at: &Reader<'_>, fallback: &str, read: &mut Read) -> Result<String, Diagnostic> {
    Ok(match asked(at)? {
        Asked::Prometheus(query) => query,
        Asked::Other(kind) => {
            read.stand_ins.push(StandIn {
                what: format!("the query of `{}`, which `{kind}` would answer", at.path()),
                line: at.location().line as usize,
                setting: format!("`{fallback}` of the simulated service"),
            });
            fallback.to_owned()
        }
    })
}

fn sli(
    spec: &Reader<'_>,
    objective: &Reader<'_>,
    all: &[SloObject<'_>],
    read: &mut Read,
) -> Result<Sli, Diagnostic> {
    let ratio = match objective.get("ratioMetrics") {
        Some(ratio) => Some(ratio),
        None => {
            let indicator = indicator(spec, all)?;
            if let Some(threshold) = indicator.get("thresholdMetric") {
                return self::threshold(&threshold, objective, read);
            }
            indicator.get("ratioMetric")
        }
    };
    let Some(ratio) = ratio else {
        return Err(spec.diagnostic_at(
            "there is no indicator",
            "add `indicator:` with a ratioMetric or a thresholdMetric",
        ));
    };
    let total = query(&ratio.required("total")?, TOTAL, read)?;
    let errors = match ratio.get("bad") {
        Some(bad) => format!("({}) / ({total})", query(&bad, &format!("{TOTAL} - {GOOD}"), read)?),
        None => format!("1 - (({}) / ({total}))", query(&ratio.required("good")?, GOOD, read)?),
    };
    let method = spec.required("budgetingMethod")?;
    let slice = || objective.get("timeSliceWindow").map_or(Ok(SimDuration::from_mins(1)), |at| span(&at));
    let has_window = filled(&errors, "5m") != errors;
    Ok(match method.text()? {
        "Occurrences" if has_window => Sli::Ratio(errors),
        // Ranges that are written out stay: the ratio is recorded every minute, and averaged.
        "Occurrences" => Sli::Slices { of_slice: errors, length: SimDuration::from_mins(1) },
        "RatioTimeslices" => {
            let length = slice()?;
            Sli::Slices { of_slice: filled(&errors, &promql(length)), length }
        }
        "Timeslices" => {
            let length = slice()?;
            let wanted = objective.required("timeSliceTarget")?.f64()?;
            let misses = misses(objective)?.unwrap_or("<");
            let ratio = filled(&errors, &promql(length));
            Sli::Slices { of_slice: format!("(1 - ({ratio})) {misses} bool {wanted}"), length }
        }
        other => {
            let help = "there are: Occurrences, Timeslices, RatioTimeslices";
            return Err(method.diagnostic_at(format!("`{other}` is no budgeting method"), help));
        }
    })
}

fn indicator<'a>(spec: &Reader<'a>, all: &[SloObject<'a>]) -> Result<Reader<'a>, Diagnostic> {
    if let Some(named) = spec.get("indicatorRef") {
        return found("SLI", &named, all)?.required("spec");
    }
    spec.required("indicator")?.required("spec")
}

/// The comparison that holds where a value is not as the objective's `op` wants it.
fn misses(objective: &Reader<'_>) -> Result<Option<&'static str>, Diagnostic> {
    let Some(at) = objective.get("op") else { return Ok(None) };
    Ok(Some(match at.text()? {
        "lt" => ">=",
        "lte" => ">",
        "gt" => "<=",
        "gte" => "<",
        other => {
            return Err(at.diagnostic_at(format!("`{other}` is no operator"), "there are: lt, lte, gt, gte"));
        }
    }))
}

/// A limit on a value: bad are the minutes in which it is not kept, or, where a simulated service stands in, the requests that
/// took longer.
fn threshold(at: &Reader<'_>, objective: &Reader<'_>, read: &mut Read) -> Result<Sli, Diagnostic> {
    let limit_at = objective.required("value")?;
    let limit = limit_at.f64()?;
    let Some(misses) = misses(objective)? else {
        return Err(
            objective.diagnostic_at("an objective on a value needs `op`", "add `op: lt` or another one")
        );
    };
    match asked(at)? {
        Asked::Prometheus(query) => {
            let length = SimDuration::from_mins(1);
            Ok(Sli::Slices { of_slice: format!("({}) {misses} bool {limit}", filled(&query, "1m")), length })
        }
        Asked::Other(kind) => {
            let seconds = limit / 1000.0;
            let bound = BOUNDS.into_iter().find(|bound| *bound >= seconds);
            let Some(bound) = bound.filter(|_| misses.starts_with('>') && limit > 0.0) else {
                let help = "only a latency of up to 10 s can stand in for it; ask Prometheus instead";
                return Err(
                    limit_at.diagnostic_at(format!("nothing stands in for this query of `{kind}`"), help)
                );
            };
            let le = if bound.fract() == 0.0 { format!("{bound:.0}") } else { bound.to_string() };
            let fast =
                format!("sum(rate(http_request_duration_seconds_bucket{{le=\"{le}\"}}[{{{{.window}}}}]))");
            let total = "sum(rate(http_request_duration_seconds_count[{{.window}}]))";
            read.stand_ins.push(StandIn {
                what: format!("the query of `{}`, which `{kind}` would answer", at.path()),
                line: at.location().line as usize,
                setting: format!("requests of the simulated service that took longer than {bound} s; {limit} is read as milliseconds"),
            });
            Ok(Sli::Ratio(format!("1 - (({fast}) / ({total}))")))
        }
    }
}

fn tiers(name: &str, objective: &Reader<'_>, read: &mut Read) -> Vec<TierAlert> {
    read.stand_ins.push(StandIn {
        what: "alerts, of which the file has none".to_owned(),
        line: objective.location().line as usize,
        setting: "a page and a ticket on several windows and burn rates, as Sloth generates them".to_owned(),
    });
    let alert = |word: &str| TierAlert {
        name: format!("{name}-{word}"),
        is_page: word == "page",
        labels: vec![("sloth_severity".to_owned(), word.to_owned())],
        annotations: usual(word),
    };
    vec![alert("page"), alert("ticket")]
}

/// The conditions of all alert policies of an SLO.
fn alert_policies(spec: &Reader<'_>, all: &[SloObject<'_>]) -> Result<Vec<BurnAlert>, Diagnostic> {
    let Some(list) = spec.get("alertPolicies") else { return Ok(Vec::new()) };
    let mut alerts = Vec::new();
    for item in list.seq()? {
        let policy = resolved("AlertPolicy", "alertPolicyRef", &item, all)?;
        let policy = policy.required("spec")?;
        for item in policy.required("conditions")?.seq()? {
            let condition = resolved("AlertCondition", "conditionRef", &item, all)?;
            alerts.push(burn_alert(&condition)?);
        }
    }
    Ok(alerts)
}

/// An object that is written where it is used, or named there.
fn resolved<'a>(
    kind: &str,
    key: &str,
    item: &Reader<'a>,
    all: &[SloObject<'a>],
) -> Result<Reader<'a>, Diagnostic> {
    match item.get(key) {
        Some(named) => found(kind, &named, all),
        None if item.has("spec") => Ok(item.clone()),
        None => found(kind, item, all),
    }
}

fn found<'a>(kind: &str, named: &Reader<'a>, all: &[SloObject<'a>]) -> Result<Reader<'a>, Diagnostic> {
    let name = named.text()?;
    let is_it = |object: &&SloObject<'a>| {
        let text = |path: &str| object.reader.at(path).and_then(|at| at.text().ok());
        text("kind") == Some(kind) && text("metadata.name") == Some(name)
    };
    all.iter().find(is_it).map(|object| object.reader.clone()).ok_or_else(|| {
        named.diagnostic_at(format!("there is no {kind} `{name}`"), "give the file that defines it as well")
    })
}

fn burn_alert(object: &Reader<'_>) -> Result<BurnAlert, Diagnostic> {
    let name = object.required("metadata")?.required("name")?.text()?.to_owned();
    let spec = object.required("spec")?;
    let condition = spec.required("condition")?;
    let kind = condition.required("kind")?;
    if !kind.text()?.eq_ignore_ascii_case("burnrate") {
        return Err(kind
            .diagnostic_at(format!("`{}` is no kind of condition", kind.text()?), "write `kind: burnrate`"));
    }
    let op = condition.required("op")?;
    let op = match op.text()? {
        "lt" => "<",
        "lte" => "<=",
        "gt" => ">",
        "gte" => ">=",
        other => {
            return Err(op.diagnostic_at(format!("`{other}` is no operator"), "there are: lt, lte, gt, gte"));
        }
    };
    Ok(BurnAlert {
        name,
        op,
        burn: condition.required("threshold")?.f64()?,
        window: promql(span(&condition.required("lookbackWindow")?)?),
        hold: condition.get("alertAfter").map_or(Ok(SimDuration::ZERO), |at| span(&at))?,
        severity: spec.get("severity").map_or(Ok("page"), |severity| severity.text())?.to_owned(),
        place: condition.location(),
    })
}
