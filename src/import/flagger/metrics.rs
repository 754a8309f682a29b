//! The metrics of an analysis: built-in ones, queries in place, and templates.

use super::{Draft, Names, builtin};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::bundle::Object;
use crate::import::line;
use crate::import::placeholder;
use crate::import::unread::unsupported;
use crate::policy::flagger::{Band, Metric, MetricKind};
use crate::policy::loaded::{CheckDef, Limits, StandIn};

/// The metrics of an analysis with their checks, index by index.
#[derive(Default)]
pub(super) struct Metrics {
    pub(super) metrics: Vec<Metric>,
    pub(super) checks: Vec<CheckDef>,
}

impl Metrics {
    pub(super) fn is_template(&self, index: usize) -> bool {
        self.metrics
            .get(index)
            .is_some_and(|metric| matches!(metric.kind, MetricKind::Template | MetricKind::Undefined))
    }
}

pub(super) fn read(draft: &mut Draft<'_, '_>, section: &Reader<'_>) -> Result<Metrics, Diagnostic> {
    let mut all = Metrics::default();
    let Some(list) = section.get("metrics") else { return Ok(all) };
    for item in list.seq()? {
        let metric = one(draft, &item);
        if let Some(Some(metric)) = draft.problems.keep(metric) {
            all.checks.push(check(draft, &metric, &item));
            all.metrics.push(metric);
        }
    }
    Ok(all)
}

/// One metric; `None` for a provider that is replaced by a stand-in.
fn one(draft: &mut Draft<'_, '_>, item: &Reader<'_>) -> Result<Option<Metric>, Diagnostic> {
    let name_reader = item.required("name")?;
    let name = name_reader.text()?.to_owned();
    let interval = match item.get("interval") {
        Some(reader) => {
            reader.duration_prometheus()?;
            reader.text()?.to_owned()
        }
        None => "1m".to_owned(),
    };
    let band = band(draft, item)?;
    let is_builtin = matches!(name.as_str(), "request-success-rate" | "request-duration");
    if is_builtin {
        let template = match builtin::query(&draft.names.provider, &name) {
            Ok(template) => template,
            Err(fact) if draft.options.allow_missing => {
                let what = format!("metric {name}: {fact}");
                let setting = "assumed to pass".to_owned();
                draft.stand_ins.push(StandIn { what, line: line(item), setting });
                item.whole();
                return Ok(None);
            }
            Err(fact) => {
                let help = format!(
                    "providers whose metrics are simulated: {}; use a MetricTemplate, or \
                     `--allow-missing-series` to take the check to pass",
                    builtin::PROVIDERS
                );
                return Err(name_reader.diagnostic_at(fact, help).with_code("missing_dialect"));
            }
        };
        let text = fill(&template, &draft.names, &interval, item, &name_reader)?;
        let query = Some(draft.book.add(&text, &name_reader)?);
        let kind = if name == "request-duration" { MetricKind::Duration } else { MetricKind::SuccessRate };
        return Ok(Some(Metric { name, kind, query, band }));
    }
    if let Some(reader) = item.get("query") {
        // Flagger sends it as it is: placeholders are for templates only.
        let query = Some(draft.book.add(reader.text()?, &reader)?);
        return Ok(Some(Metric { name, kind: MetricKind::Inline, query, band }));
    }
    let Some(reference) = item.get("templateRef") else {
        let note = "neither built in nor with a query nor a template: every check of it fails";
        draft.unsupported.push(unsupported(item, note));
        return Ok(Some(Metric { name, kind: MetricKind::Undefined, query: None, band }));
    };
    templated(draft, item, &reference, name, &interval, band)
}

fn templated(
    draft: &mut Draft<'_, '_>,
    item: &Reader<'_>,
    reference: &Reader<'_>,
    name: String,
    interval: &str,
    band: Band,
) -> Result<Option<Metric>, Diagnostic> {
    let line = line(reference);
    let wanted = reference.required("name")?.text()?;
    let namespace = match reference.get("namespace") {
        Some(reader) => reader.text()?.to_owned(),
        None => draft.names.namespace.clone(),
    };
    let Some(template) = find(draft, wanted, &namespace) else {
        if draft.options.allow_missing {
            let what = format!("metric {name}, whose template {wanted}.{namespace} is not given");
            draft.stand_ins.push(StandIn { what, line, setting: "assumed to pass".to_owned() });
            return Ok(None);
        }
        let fact = format!("metric template `{wanted}.{namespace}` is not in the files given");
        let help = "give the file with this MetricTemplate as well";
        return Err(reference.diagnostic_at(fact, help).with_code("missing_template"));
    };
    let spec = template.reader.required("spec")?;
    let provider = spec.required("provider")?.required("type")?.text()?;
    if provider != "prometheus" {
        let what = format!("metric {name} ({provider})");
        draft.stand_ins.push(StandIn { what, line, setting: "assumed to pass".to_owned() });
        return Ok(None);
    }
    let query = spec.required("query")?;
    let text = fill(query.text()?, &draft.names, interval, item, &query)?;
    let query = Some(draft.book.add(&text, &query)?);
    Ok(Some(Metric { name, kind: MetricKind::Template, query, band }))
}

fn find<'b, 'a>(draft: &Draft<'b, 'a>, name: &str, namespace: &str) -> Option<&'b Object<'a>> {
    let named = |object: &&Object<'a>| object.name == name;
    let all = || draft.bundle.metric_templates.iter().filter(named);
    all()
        .find(|object| object.namespace == namespace)
        .or_else(|| all().find(|object| !object.names_namespace))
}

fn fill(
    text: &str,
    names: &Names,
    interval: &str,
    item: &Reader<'_>,
    at: &Reader<'_>,
) -> Result<String, Diagnostic> {
    let variables = item.get("templateVariables");
    let value = |name: &str| match name {
        "name" => Some(names.name.clone()),
        "namespace" => Some(names.namespace.clone()),
        "target" => Some(names.target.clone()),
        "service" => Some(names.service.clone()),
        "ingress" => Some(names.ingress.clone()),
        "route" => Some(names.route.clone()),
        "interval" => Some(interval.to_owned()),
        _ => {
            let variable = variables.as_ref()?.get(name.strip_prefix("variables.")?)?;
            variable.text().ok().map(str::to_owned)
        }
    };
    placeholder::fill(text, value).map_err(|fact| {
        let help = "known: namespace, name, target, service, ingress, route, interval, variables.*; \
                    the last come from the metric's `templateVariables`";
        at.diagnostic_at(fact, help).with_code("placeholder")
    })
}

fn band(draft: &mut Draft<'_, '_>, item: &Reader<'_>) -> Result<Band, Diagnostic> {
    let old = item.get("threshold").map(|reader| reader.f64()).transpose()?;
    if let Some(range) = item.get("thresholdRange") {
        let min = range.get("min").map(|reader| reader.f64()).transpose()?;
        let max = range.get("max").map(|reader| reader.f64()).transpose()?;
        return Ok(Band::Range { min, max });
    }
    if old.is_none() {
        draft.unsupported.push(unsupported(item, "no threshold: Flagger takes 0 for it"));
    }
    Ok(Band::Threshold(old.unwrap_or(0.0)))
}

fn check(draft: &Draft<'_, '_>, metric: &Metric, item: &Reader<'_>) -> CheckDef {
    let (min, max) = metric.bounds();
    let good: Vec<String> = [min.map(|min| format!(">= {min}")), max.map(|max| format!("<= {max}"))]
        .into_iter()
        .flatten()
        .collect();
    CheckDef {
        name: metric.name.clone(),
        query: metric.query.and_then(|query| draft.book.text(query)).map(str::to_owned),
        good: if good.is_empty() { "any value".to_owned() } else { good.join(" and ") },
        limits: Limits { min, max, strict: false },
        line: line(item),
    }
}
