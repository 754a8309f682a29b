//! The metrics of an analysis: limits, conditions and where their values come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::templates::Arguments;
use super::{Draft, condition, line, providers};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::expr::Condition;
use crate::import::placeholder;
use crate::import::unread::unsupported;
use crate::policy::argo::engine::{Measure, MetricDef};
use crate::policy::argo::metric::{self, Field, InvalidMetric, MetricFields, MetricSpec};
use crate::policy::loaded::CheckDef;
use crate::time::SimDuration;

/// The metrics of a run while its templates are read.
#[derive(Default)]
pub(super) struct Collected {
    fields: Vec<MetricFields>,
    measures: Vec<Measure>,
    checks: Vec<CheckDef>,
    places: Vec<(Diagnostic, Vec<(Field, Diagnostic)>)>,
    dry_run: Vec<String>,
    /// Arguments to which a template gave a value of its own.
    pub(super) defaults: BTreeMap<String, String>,
}

/// What reading one metric needs at hand.
struct Context<'d, 'r> {
    item: &'d Reader<'r>,
    arguments: &'d Arguments,
}

impl<'r> Context<'_, 'r> {
    fn fill(&self, at: &Reader<'_>) -> Result<String, Diagnostic> {
        let value = |name: &str| self.arguments.0.get(placeholder::argument(name)?).cloned();
        placeholder::fill(at.text()?, value).map_err(|fact| {
            let help = "declare it under `args:` of the template, or give it as an argument";
            at.diagnostic_at(fact, help).with_code("placeholder")
        })
    }

    fn text(&self, key: &str) -> Result<Option<String>, Diagnostic> {
        self.item.get(key).map(|reader| self.fill(&reader)).transpose()
    }

    fn number(&self, key: &str) -> Result<Option<i64>, Diagnostic> {
        let Some(reader) = self.item.get(key) else { return Ok(None) };
        self.fill(&reader)?.trim().parse().map(Some).map_err(|_| {
            let fact = format!("`{}` must be a whole number", reader.path());
            reader.diagnostic_at(fact, "write digits only, like `3`").with_code("wrong_type")
        })
    }
}

/// Reads one metric.
pub(super) fn one(
    draft: &mut Draft<'_, '_>,
    item: &Reader<'_>,
    arguments: &Arguments,
    all: &mut Collected,
) -> Result<(), Diagnostic> {
    let context = Context { item, arguments };
    let provider = item.required("provider")?;
    let providers: Vec<String> = provider.peek().entries().iter().map(|entry| entry.key.clone()).collect();
    let fields = MetricFields {
        name: context.text("name")?.unwrap_or_default(),
        interval: context.text("interval")?,
        initial_delay: context.text("initialDelay")?,
        count: context.number("count")?,
        failure_limit: context.number("failureLimit")?,
        inconclusive_limit: context.number("inconclusiveLimit")?,
        consecutive_error_limit: context.number("consecutiveErrorLimit")?,
        consecutive_success_limit: context.number("consecutiveSuccessLimit")?,
        success_condition: context.text("successCondition")?,
        failure_condition: context.text("failureCondition")?,
        providers,
        dry_run: false,
    };
    list_unread_conditions(draft, item, &fields);
    let (measure, query) = measure(draft, &context, &provider, &fields)?;
    let (good, limits) =
        condition::read(fields.success_condition.as_deref(), fields.failure_condition.as_deref());
    let name = fields.name.clone();
    all.checks.push(CheckDef { name, query, good, limits, line: line(item) });
    all.places.push(places(item));
    all.measures.push(measure);
    all.fields.push(fields);
    Ok(())
}

/// Conditions that are no expressions, or use what is not imitated, err at every measurement.
fn list_unread_conditions(draft: &mut Draft<'_, '_>, item: &Reader<'_>, fields: &MetricFields) {
    let both =
        [("successCondition", &fields.success_condition), ("failureCondition", &fields.failure_condition)];
    for (key, text) in both {
        let (Some(reader), Some(text)) = (item.get(key), text) else { continue };
        match Condition::parse(text) {
            Err(error) => {
                let note =
                    format!("no expression, so every measurement is an Error, as in Argo: {}", error.message);
                draft.unsupported.push(unsupported(&reader, note));
            }
            Ok(condition) => {
                for name in condition.unsupported() {
                    let note = format!("`{name}` is not imitated: such a measurement is an Error");
                    draft.unsupported.push(unsupported(&reader, note));
                }
            }
        }
    }
}

/// How a metric is measured, and its query for showing.
fn measure(
    draft: &mut Draft<'_, '_>,
    context: &Context<'_, '_>,
    provider: &Reader<'_>,
    fields: &MetricFields,
) -> Result<(Measure, Option<String>), Diagnostic> {
    let Some(prometheus) = provider.get("prometheus") else {
        return Ok((Measure::Assumed(providers::assumed(draft, &fields.name, provider)), None));
    };
    for key in ["address", "timeout", "headers", "authentication", "insecure"] {
        prometheus.ignore(key);
    }
    let reader = prometheus.required("query")?;
    let text = context.fill(&reader)?;
    let query = draft.book.add(&text, &reader)?;
    let shown = draft.book.text(query).map(str::to_owned);
    let Some(range) = prometheus.get("rangeQuery") else { return Ok((Measure::Query(query), shown)) };
    let bound = |key: &str| -> Result<String, Diagnostic> {
        let reader = range.required(key)?;
        let text = context.fill(&reader)?;
        // Read once at a later instant, so that a bad bound is told here and not as errors in the simulation.
        let noon = crate::time::SimTime::ZERO + SimDuration::from_mins(720);
        crate::expr::range_bound(&text, noon).map_err(|error| {
            let fact = format!("`{}` names no instant: {}", reader.path(), error.message);
            reader.diagnostic_at(fact, "write it like `now() - duration(\"5m\")`")
        })?;
        Ok(text)
    };
    let step_reader = range.required("step")?;
    let step = crate::expr::go_duration(&context.fill(&step_reader)?).unwrap_or(SimDuration::ZERO);
    if step.is_zero() {
        return Err(step_reader.diagnostic_at("the step must be a duration above zero", "write it like `1m`"));
    }
    Ok((Measure::Range { query, start: bound("start")?, end: bound("end")?, step }, shown))
}

/// Errors of a metric at its place and at those of its fields, to be filled with the fact.
fn places(item: &Reader<'_>) -> (Diagnostic, Vec<(Field, Diagnostic)>) {
    let fields = [
        (Field::Name, "name"),
        (Field::Count, "count"),
        (Field::Interval, "interval"),
        (Field::InitialDelay, "initialDelay"),
        (Field::FailureLimit, "failureLimit"),
        (Field::InconclusiveLimit, "inconclusiveLimit"),
        (Field::ConsecutiveErrorLimit, "consecutiveErrorLimit"),
        (Field::ConsecutiveSuccessLimit, "consecutiveSuccessLimit"),
        (Field::Provider, "provider"),
    ];
    let help = "Argo refuses such a metric: the analysis ends in phase Error";
    let of = |(field, key): (Field, &str)| Some((field, item.get(key)?.diagnostic_at("", help)));
    (item.diagnostic_at("", help), fields.into_iter().filter_map(of).collect())
}

impl Collected {
    pub(super) fn add_dry_run(&mut self, list: &Reader<'_>) -> Result<(), Diagnostic> {
        for item in list.seq()? {
            self.dry_run.push(item.required("metricName")?.text()?.to_owned());
        }
        Ok(())
    }

    /// The metrics, checked as Argo checks them; their checks go to the draft.
    pub(super) fn finish(
        mut self,
        draft: &mut Draft<'_, '_>,
        dry_run: Option<&Reader<'_>>,
        at: &Reader<'_>,
    ) -> Result<Vec<MetricDef>, Diagnostic> {
        if let Some(list) = dry_run {
            self.add_dry_run(list)?;
        }
        if self.fields.is_empty() && draft.options.allow_missing {
            return Ok(Vec::new());
        }
        let names: Vec<String> = self.fields.iter().map(|fields| fields.name.clone()).collect();
        let flags = metric::dry_run_flags(&self.dry_run, &names)
            .map_err(|fact| at.diagnostic_at(fact, "each metric must be named once; write `.*` for all"))?;
        for (fields, flag) in self.fields.iter_mut().zip(flags) {
            fields.dry_run = flag;
        }
        let specs = MetricSpec::from_fields(&self.fields).map_err(|invalid| self.place(&invalid, at))?;
        let mut metrics = Vec::new();
        for ((spec, measure), check) in specs.into_iter().zip(self.measures).zip(self.checks) {
            metrics.push(MetricDef { spec: Arc::new(spec), measure, check: draft.checks.len() });
            draft.checks.push(check);
        }
        Ok(metrics)
    }

    fn place(&self, invalid: &InvalidMetric, at: &Reader<'_>) -> Diagnostic {
        let place = invalid.index.and_then(|index| self.places.get(index));
        let of_field = place.map(|(whole, fields)| {
            fields.iter().find(|(field, _)| *field == invalid.field).map_or(whole, |(_, found)| found).clone()
        });
        let mut found = of_field.unwrap_or_else(|| at.diagnostic_at("", "list metrics under `spec.metrics`"));
        found.message.clone_from(&invalid.message);
        found.with_code("invalid_metric")
    }
}
