//! Keptn's `AnalysisDefinition` with its `AnalysisValueTemplate`s and, if it is given, the `Analysis` that runs them.
//!
//! The time frame and the arguments of templates are in the `Analysis`; without one they are said by `--arg
//! timeframe=10m` and `--arg NAME=VALUE`. A template's query is asked at the end of the time frame. Where a template is not
//! given, a simulated signal that its name means stands in for it, on the candidate.
//!
//! Trap: bounds are Kubernetes quantities, so `500m` is a half.

use super::bundle::{Bundle, Object};
use super::placeholder;
use super::query_book::QueryBook;
use super::unread::{self, Notes};
use super::{ImportOptions, line, signals};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Reader;
use crate::policy::keptn::{Analysis, Criterion, Keptn, Objective};
use crate::policy::loaded::{CheckDef, Limits, Loaded, StandIn};
use crate::telemetry::naming::{Engine, Naming, Role};
use crate::time::SimDuration;

/// The time frame where nobody says any.
const TIMEFRAME: SimDuration = SimDuration::from_mins(10);
const NOTES: Notes = &[("analysisValueTemplateRef.namespace", "templates are found by their name alone")];

/// A policy while it is read.
struct Draft<'b, 'a> {
    bundle: &'b Bundle<'a>,
    options: &'b ImportOptions,
    book: QueryBook,
    checks: Vec<CheckDef>,
    stand_ins: Vec<StandIn>,
    reading: Vec<String>,
    /// Arguments of the analysis.
    args: Vec<(String, String)>,
}

/// The policy of a definition.
pub(super) fn load(
    object: &Object<'_>,
    bundle: &Bundle<'_>,
    options: &ImportOptions,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut draft = Draft {
        bundle,
        options,
        book: QueryBook::default(),
        checks: Vec::new(),
        stand_ins: Vec::new(),
        reading: Vec::new(),
        args: Vec::new(),
    };
    let mut problems = Diagnostics::new();
    let one = |found: Diagnostic| vec![found];
    let timeframe = timeframe(&mut draft, object).map_err(one)?;
    let spec = object.reader.required("spec").map_err(one)?;
    let mut objectives = Vec::new();
    for item in spec.required("objectives").and_then(|list| list.seq()).map_err(one)? {
        objectives.extend(problems.keep(objective(&mut draft, &item)));
    }
    if objectives.is_empty() && !problems.has_errors() {
        problems.push(spec.diagnostic_at("there are no objectives", "list them under `objectives`"));
    }
    let total = spec.required("totalScore").map_err(one)?;
    let (pass, warning) = (percent(&total, "passPercentage"), percent(&total, "warningPercentage"));
    let (pass, warning) = (problems.keep(pass).unwrap_or(0.0), problems.keep(warning).unwrap_or(0.0));
    if warning > pass {
        problems
            .push(total.diagnostic_at("the warning percentage is above the pass percentage", "swap them"));
    }
    if problems.has_errors() {
        return Err(problems.into_iter().collect());
    }
    draft.reading.push(format!(
        "A score of {pass} % or more passes, {warning} % or more is a warning, less rolls back; it is evaluated once, {timeframe} after the deploy."
    ));
    let mut naming = Naming::native(options.service.as_deref().unwrap_or("app")).with_engine(Engine::Keptn);
    naming.namespace.clone_from(&object.namespace);
    let mut unsupported = unread::list(&object.reader, NOTES);
    unsupported.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    Ok(Loaded {
        name: object.name.clone(),
        source: object.reader.source().name.to_owned(),
        engine: Engine::Keptn,
        identity: format!("{}/{}", object.namespace, object.name),
        summary: format!("Keptn analysis {}: {} objectives, once", object.name, objectives.len()),
        prototype: Box::new(Keptn::new(Analysis { objectives, pass, warning, timeframe })),
        queries: draft.book.into_queries(),
        checks: draft.checks,
        rollout: None,
        rollback: None,
        naming,
        needs_truth: false,
        tells_only: false,
        unsupported,
        stand_ins: draft.stand_ins,
        reading: draft.reading,
    })
}

/// The time frame and arguments of the analysis of this definition, if one is given, else of the options.
fn timeframe(draft: &mut Draft<'_, '_>, object: &Object<'_>) -> Result<SimDuration, Diagnostic> {
    for analysis in &draft.bundle.keptn_analyses {
        let spec = analysis.reader.required("spec")?;
        if spec.required("analysisDefinition")?.required("name")?.text()? != object.name {
            continue;
        }
        if let Some(args) = spec.get("args") {
            for (name, _, value) in args.entries()? {
                draft.args.push((name.to_owned(), value.text()?.to_owned()));
            }
        }
        if let Some(recent) = spec.at("timeframe.recent") {
            return recent.duration_go();
        }
    }
    let timeframe = match draft.options.args.get("timeframe") {
        None => TIMEFRAME,
        Some(text) => text.parse().map_err(|_| {
            object
                .reader
                .diagnostic_at(format!("`timeframe={text}` is no duration"), "write `--arg timeframe=10m`")
        })?,
    };
    let what = "time frame of the Analysis".to_owned();
    draft.stand_ins.push(StandIn { what, line: 0, setting: format!("{timeframe} (`--arg timeframe=TIME`)") });
    Ok(timeframe)
}

fn percent(at: &Reader<'_>, key: &str) -> Result<f64, Diagnostic> {
    let reader = at.required(key)?;
    let value = reader.f64()?;
    if (0.0..=100.0).contains(&value) {
        Ok(value)
    } else {
        Err(reader.diagnostic_at(format!("`{key}` must lie between 0 and 100"), "write it like `60`"))
    }
}

fn objective(draft: &mut Draft<'_, '_>, item: &Reader<'_>) -> Result<Objective, Diagnostic> {
    let reference = item.required("analysisValueTemplateRef")?;
    let name_at = reference.required("name")?;
    let name = name_at.text()?.to_owned();
    let weight = match item.get("weight") {
        Some(reader) => {
            let weight = reader.f64()?;
            if weight < 0.0 {
                return Err(reader.diagnostic_at("a weight is not below zero", "write it like `1`"));
            }
            weight
        }
        None => 1.0,
    };
    let key = item.get("keyObjective").map_or(Ok(false), |key| key.bool())?;
    let target = item.get("target");
    let of = |name: &str| {
        let criterion = target.as_ref().and_then(|target| target.get(name));
        criterion.map(|reader| criterion_of(&reader)).transpose()
    };
    let (failure, warning) = (of("failure")?, of("warning")?);
    let query = query(draft, &name, &name_at)?;
    let check = draft.checks.len();
    let text = query.and_then(|query| draft.book.text(query).map(str::to_owned));
    let good = failure.map_or_else(|| "always".to_owned(), |failure| format!("not {}", failure.words()));
    let limits = limits(failure);
    draft.checks.push(CheckDef { name: name.clone(), query: text, good, limits, line: line(item) });
    let words = |criterion: Option<Criterion>| criterion.map_or_else(|| "never".to_owned(), Criterion::words);
    let more = if key { "; a failure fails the analysis" } else { "" };
    draft.reading.push(format!(
        "Objective `{name}`, weight {weight}: fails when {}, half of its weight when {}{more}.",
        words(failure),
        words(warning)
    ));
    Ok(Objective { name, query, failure, warning, weight, key, check })
}

fn limits(failure: Option<Criterion>) -> Limits {
    let (min, max, strict) = match failure {
        Some(Criterion::Above(bound)) => (None, Some(bound), false),
        Some(Criterion::AtLeast(bound)) => (None, Some(bound), true),
        Some(Criterion::Below(bound)) => (Some(bound), None, false),
        Some(Criterion::AtMost(bound)) => (Some(bound), None, true),
        Some(Criterion::Outside(low, high)) => (Some(low), Some(high), false),
        _ => (None, None, false),
    };
    Limits { min, max, strict }
}

/// The one operator of a criterion.
fn criterion_of(at: &Reader<'_>) -> Result<Criterion, Diagnostic> {
    type Make = fn(f64) -> Criterion;
    type Span = fn(f64, f64) -> Criterion;
    let bounds: [(&str, Make); 5] = [
        ("lessThan", Criterion::Below),
        ("lessThanOrEqual", Criterion::AtMost),
        ("greaterThan", Criterion::Above),
        ("greaterThanOrEqual", Criterion::AtLeast),
        ("equalTo", Criterion::Equal),
    ];
    if let Some((reader, make)) = bounds.iter().find_map(|(key, make)| Some((at.get(key)?, make))) {
        return Ok(make(quantity(&reader.required("fixedValue")?)?));
    }
    let ranges: [(&str, Span); 2] = [("inRange", Criterion::Within), ("notInRange", Criterion::Outside)];
    if let Some((reader, make)) = ranges.iter().find_map(|(key, make)| Some((at.get(key)?, make))) {
        let (low, high) =
            (quantity(&reader.required("lowBound")?)?, quantity(&reader.required("highBound")?)?);
        return Ok(make(low, high));
    }
    Err(at.diagnostic_at("there is no operator", "write `greaterThan:` with a `fixedValue:`"))
}

/// A Kubernetes quantity: a number with `m` for thousandths, or `k`, `M`, `G`, `Ki`, `Mi`, `Gi`.
fn quantity(at: &Reader<'_>) -> Result<f64, Diagnostic> {
    const SUFFIXES: [(&str, f64); 9] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
    ];
    let text = at.text()?.trim();
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (digits, factor) = suffix.unwrap_or((text, 1.0));
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
    number
        .map(|number| number * factor)
        .ok_or_else(|| at.diagnostic_at(format!("`{text}` is no quantity"), "write it like `500m` or `0.5`"))
}

/// The query of a value template, or of the signal its name means.
fn query(draft: &mut Draft<'_, '_>, name: &str, at: &Reader<'_>) -> Result<Option<usize>, Diagnostic> {
    let bundle = draft.bundle;
    if let Some(template) = bundle.value_templates.iter().find(|template| template.name == name) {
        let reader = template.reader.required("spec")?.required("query")?;
        let text = reader.text()?;
        let value = |action: &str| {
            let wanted = action.strip_prefix('.')?.trim();
            let given = draft.args.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            given.or_else(|| draft.options.args.get(wanted).cloned())
        };
        let filled = placeholder::fill(text, value)
            .map_err(|fact| reader.diagnostic_at(fact, "say it with `--arg NAME=VALUE`"))?;
        return Ok(Some(draft.book.add(&filled, &reader)?));
    }
    let meant =
        signals::meant(&[name]).and_then(|signal| signals::sharp_query(signal, Role::Candidate, name));
    let (query, setting) = match meant {
        Some((text, words)) => (Some(draft.book.insert(text, line(at))), format!("{words} of the candidate")),
        None => (None, "no value (give the AnalysisValueTemplate)".to_owned()),
    };
    let what = format!("value template {name}");
    draft.stand_ins.push(StandIn { what, line: line(at), setting });
    Ok(query)
}
