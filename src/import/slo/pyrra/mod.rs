//! Pyrra's objectives (`pyrra.dev/v1alpha1`, `ServiceLevelObjective`).
//!
//! Pyrra's operator makes rules of them ([`rules`]); an objective is a target in percent over a window, and an indicator of
//! plain selectors: two of errors, total and success, a histogram bucket against its count, or a gauge of 0 and 1.
//!
//! Traps: windows and factors follow from the objective's window, so an objective over a week is alerted on within minutes; a
//! `target` of `0.99` is 0.99 %, not 99 %; alerts for absent metrics are made unless they are switched off.

mod rules;

use super::window::days_of;
use super::{Made, Read};
use crate::diagnostic::{Diagnostic, Location};
use crate::document::Reader;
use crate::import::line;
use crate::policy::loaded::Unsupported;
use crate::promql::{Program, Selector, placed};
use crate::time::SimDuration;

/// The prefix of labels and annotations that are handed on to rules.
const HANDED_ON: &str = "pyrra.dev/";
/// Below this the shortest rate rounds to no time at all.
const SHORTEST: SimDuration = SimDuration::from_mins(28 * 24 * 12 / 2);

/// A selector as the file has it.
#[derive(Clone, Debug)]
struct Metric {
    selector: Selector,
}

/// What is measured.
#[derive(Clone, Debug)]
enum Indicator {
    /// Errors against the total.
    ErrorsOfTotal { errors: Metric, total: Metric },
    /// What is missing of the total, also of a histogram's count (`is_latency`).
    SuccessOfTotal { success: Metric, total: Metric, is_latency: bool },
    /// Errors against errors and successes.
    ErrorsAndSuccess { errors: Metric, success: Metric },
    /// A gauge that is 1 when all is well.
    Gauge(Metric),
}

/// The severities of alerts: absent metrics, then the four burn rates, fastest first.
#[derive(Clone, Debug)]
struct Severities {
    absent: String,
    burns: [String; 4],
}

/// An objective as it is written.
#[derive(Clone, Debug)]
struct Slo {
    name: String,
    /// Of one.
    target: f64,
    window: SimDuration,
    indicator: Indicator,
    grouping: Vec<String>,
    /// Labels and annotations that are handed on.
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    /// Names of the alerts; `None` if they are switched off.
    burns: Option<String>,
    absent: Option<String>,
    severities: Severities,
    place: Location,
}

/// Adds the objective of a document.
///
/// # Errors
/// If it is none, with the place.
pub(super) fn read(root: &Reader<'_>, read: &mut Read) -> Result<(), Diagnostic> {
    let kind = root.required("kind")?;
    if kind.text()? != "ServiceLevelObjective" {
        let fact = format!("`{}` of Pyrra is not read", kind.text()?);
        return Err(kind.diagnostic_at(fact, "give a ServiceLevelObjective"));
    }
    let slo = slo(root)?;
    root.ignore("apiVersion");
    root.ignore("status");
    let days = days_of(slo.window);
    read.made.push(Made {
        sentence: format!(
            "Objective `{}`: {} % over {days} days; burn rates of 14, 7, 2 and 1 over windows of that length's share.",
            slo.name,
            percent(slo.target)
        ),
        note: "Records of the increase over the whole window and the generic ones are left out: dashboards read them, no alert does."
            .to_owned(),
        groups: rules::groups(&slo),
    });
    read.unsupported.extend(root.unread().into_iter().map(|unread| Unsupported {
        path: unread.path,
        line: unread.location.line as usize,
        note: "not honoured: no rule follows from it".to_owned(),
    }));
    Ok(())
}

/// Of one, in percent, without the noise of floats.
fn percent(share: f64) -> f64 {
    (share * 1e11).round() / 1e9
}

fn slo(root: &Reader<'_>) -> Result<Slo, Diagnostic> {
    let metadata = root.required("metadata")?;
    let name = metadata.required("name")?.text()?.to_owned();
    let (labels, annotations) = (handed_on(&metadata, "labels")?, handed_on(&metadata, "annotations")?);
    root.ignore("metadata");
    let spec = root.required("spec")?;
    spec.ignore("description");
    let (indicator, grouping) = indicator(&spec.required("indicator")?)?;
    let alerting = spec.get("alerting");
    let on = |key: &str, default: bool| {
        let value = alerting.as_ref().and_then(|alerting| alerting.get(key));
        value.map_or(Ok(default), |value| value.bool())
    };
    let text = |path: &str, default: &str| {
        let value = alerting.as_ref().and_then(|alerting| alerting.at(path));
        let text = value.map_or(Ok(default), |value| value.text())?;
        Ok::<_, Diagnostic>(if text.is_empty() { default } else { text }.to_owned())
    };
    let named = |on: bool, key: &str, default: &str| on.then(|| text(key, default)).transpose();
    let burns = !on("disabled", false)? && on("burnrates", true)?;
    Ok(Slo {
        target: target(&spec.required("target")?)?,
        window: window(&spec.required("window")?)?,
        indicator,
        grouping,
        labels,
        annotations,
        burns: named(burns, "name", "ErrorBudgetBurn")?,
        absent: named(on("absent", true)?, "absentName", "SLOMetricAbsent")?,
        severities: Severities {
            absent: text("severities.absent", "critical")?,
            burns: [
                text("severities.fastBurn", "critical")?,
                text("severities.mediumBurn", "critical")?,
                text("severities.slowBurn", "warning")?,
                text("severities.longTermBurn", "warning")?,
            ],
        },
        place: spec.location(),
        name,
    })
}

fn handed_on(metadata: &Reader<'_>, key: &str) -> Result<Vec<(String, String)>, Diagnostic> {
    let Some(map) = metadata.get(key) else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for (name, _, value) in map.entries()? {
        if let Some(name) = name.strip_prefix(HANDED_ON) {
            pairs.push((name.to_owned(), value.text()?.to_owned()));
        }
    }
    Ok(pairs)
}

/// The target in percent, which Pyrra divides by a hundred.
fn target(at: &Reader<'_>) -> Result<f64, Diagnostic> {
    let percent: f64 = at.text()?.trim().parse().unwrap_or(f64::NAN);
    if percent > 0.0 && percent < 100.0 {
        return Ok(percent / 100.0);
    }
    let fact = format!("a target of `{}` cannot be alerted on", at.text()?);
    Err(at.diagnostic_at(fact, "write percent between 0 and 100, both left out, like `\"99.5\"`"))
}

fn window(at: &Reader<'_>) -> Result<SimDuration, Diagnostic> {
    let window = at.duration_prometheus()?;
    if (SHORTEST..=SimDuration::from_mins(366 * 24 * 60)).contains(&window) {
        return Ok(window);
    }
    let help = "Pyrra's shortest rate is a 8064th of the window, rounded to minutes: write 3d to 366d";
    Err(at.diagnostic_at(format!("burn rates over `{}` cannot be played", at.text()?), help))
}

fn indicator(at: &Reader<'_>) -> Result<(Indicator, Vec<String>), Diagnostic> {
    if let Some(native) = at.get("latencyNative") {
        let help = "simulated services have classic histograms: write `latency:` with a bucket and a count";
        return Err(native.diagnostic_at("native histograms are not simulated", help));
    }
    let (ratio, latency) = (at.get("ratio"), at.get("latency"));
    if let (Some(_), Some(latency)) = (&ratio, &latency) {
        let fact = "an objective has `ratio` and `latency`";
        return Err(latency.diagnostic_at(fact, "Pyrra refuses both: make it two objectives"));
    }
    if let Some(ratio) = ratio {
        let of = |key: &str| ratio.get(key).map(|at| metric(&at)).transpose();
        let indicator = match (of("errors")?, of("total")?, of("success")?) {
            (Some(errors), Some(total), None) => Indicator::ErrorsOfTotal { errors, total },
            (None, Some(total), Some(success)) => {
                Indicator::SuccessOfTotal { success, total, is_latency: false }
            }
            (Some(errors), None, Some(success)) => Indicator::ErrorsAndSuccess { errors, success },
            _ => {
                let help = "write `errors:` and `total:`, or `success:` in the place of one of them";
                return Err(ratio.diagnostic_at("a ratio is made of two metrics", help));
            }
        };
        return Ok((indicator, grouping(&ratio)?));
    }
    if let Some(latency) = latency {
        let success_at = latency.required("success")?;
        let (success, total) = (metric(&success_at)?, metric(&latency.required("total")?)?);
        let bucket = success.equals().into_iter().find(|(name, _)| name == "le").map(|(_, value)| value);
        if bucket.is_none_or(|value| value.parse::<f64>().is_err()) {
            let help = "write the bucket's bound as a number, like `{le=\"0.25\"}`";
            return Err(success_at.diagnostic_at("the fast requests have no `le`", help));
        }
        let indicator = Indicator::SuccessOfTotal { success, total, is_latency: true };
        return Ok((indicator, grouping(&latency)?));
    }
    if let Some(gauge) = at.get("bool_gauge") {
        return Ok((Indicator::Gauge(metric(&gauge)?), grouping(&gauge)?));
    }
    Err(at.diagnostic_at("there is no indicator", "there are: ratio, latency, bool_gauge"))
}

fn grouping(at: &Reader<'_>) -> Result<Vec<String>, Diagnostic> {
    let Some(list) = at.get("grouping") else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for item in list.seq()? {
        names.push(item.text()?.to_owned());
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The selector under `metric:`; Pyrra takes nothing else.
fn metric(at: &Reader<'_>) -> Result<Metric, Diagnostic> {
    let at = at.required("metric")?;
    let text = at.text()?.trim();
    let mut program = Program::new();
    let query = program.add(text).map_err(|error| placed(&error, text, &at))?;
    let selector = program.selectors_of(query).next().cloned();
    let no_selector = || {
        let help = "Pyrra takes a selector only, like `http_requests_total{job=\"shop\"}`, and adds the rates itself";
        at.diagnostic_at(format!("`{text}` is no plain selector (line {})", line(&at)), help)
    };
    let selector = selector.filter(|selector| selector.name().is_some()).ok_or_else(no_selector)?;
    let metric = Metric { selector };
    // Equal meanings are one node of a program.
    if program.add(&metric.over("")).is_ok_and(|same| same == query) {
        Ok(metric)
    } else {
        Err(no_selector())
    }
}

impl Metric {
    fn name(&self) -> &str {
        self.selector.name().unwrap_or_default()
    }

    /// The selector with a range (`[5m]`), or without.
    fn over(&self, range: &str) -> String {
        match self.selector.offset_ms() {
            0 => format!("{}{range}", self.selector),
            ms => format!("{}{range} offset {ms}ms", self.selector),
        }
    }

    /// Labels that are fixed to one value, the name left out.
    fn equals(&self) -> Vec<(String, String)> {
        let fixed = self.selector.matchers().iter().filter(|matcher| {
            matcher.op() == crate::promql::MatchOp::Equal && matcher.name() != crate::promql::METRIC_NAME
        });
        fixed.map(|matcher| (matcher.name().to_owned(), matcher.value().to_owned())).collect()
    }
}
