//! The metrics of a canary configuration: how each is judged, and where its values come from.

use super::queries::{self, ROLES};
use super::{Draft, signals};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::expr::Value;
use crate::import::{Answer, line};
use crate::policy::argo::engine::Assumption;
use crate::policy::argo::measurement::Phase;
use crate::policy::kayenta::judge::{Allowed, Direction, EffectMeasure, Label, MetricRule, NanStrategy};
use crate::policy::kayenta::{Metric, Source};
use crate::policy::loaded::{CheckDef, Limits};
use crate::telemetry::dialect::{self, Signal};
use crate::telemetry::infer;

/// Reads one metric.
pub(super) fn metric<'a>(draft: &mut Draft<'a, '_>, item: &Reader<'a>) -> Result<Metric, Diagnostic> {
    let name = item.required("name")?.text()?.to_owned();
    item.ignore("scopeName");
    let groups = match item.get("groups") {
        Some(groups) => groups
            .seq()?
            .iter()
            .map(|group| Ok(group.text()?.to_owned()))
            .collect::<Result<_, Diagnostic>>()?,
        None => Vec::new(),
    };
    // Older files have the same under `extensions`.
    let all = item.get("analysisConfigurations").or_else(|| item.get("extensions"));
    let canary = all.and_then(|all| all.get("canary"));
    let rule = canary.as_ref().map_or_else(|| Ok(MetricRule::default()), rule)?;
    let muted =
        canary.as_ref().and_then(|canary| canary.get("muted")).map_or(Ok(false), |muted| muted.bool())?;
    let source = source(draft, &name, item)?;
    let check = draft.checks.len();
    let query = match source {
        Source::Queries { experiment, .. } => draft.book.text(experiment).map(str::to_owned),
        Source::Assumed(_) => None,
    };
    let good = good(&rule);
    tell(draft, &name, &rule, muted);
    let limits = Limits { min: None, max: None, strict: false };
    draft.checks.push(CheckDef { name: name.clone(), query, good, limits, line: line(item) });
    Ok(Metric { name, groups, muted, rule, source, check })
}

fn good(rule: &MetricRule) -> String {
    match rule.direction {
        Direction::Increase => "not above the control",
        Direction::Decrease => "not below the control",
        Direction::Either => "like the control",
    }
    .to_owned()
}

fn tell(draft: &mut Draft<'_, '_>, name: &str, rule: &MetricRule, muted: bool) {
    let effect = match rule.measure {
        EffectMeasure::MeanRatio => "ratio of means",
        EffectMeasure::Cles => "share of larger values",
    };
    let counts = match rule.direction {
        Direction::Increase => format!("at least {}", rule.allowed.increase),
        Direction::Decrease => format!("at most {}", rule.allowed.decrease),
        Direction::Either => {
            format!("at least {} or at most {}", rule.allowed.increase, rule.allowed.decrease)
        }
    };
    let mut more = String::new();
    if rule.nan == NanStrategy::Replace {
        more.push_str("; values that are not there are 0");
    }
    if let Some(factor) = rule.outlier_factor {
        more.push_str(&format!("; values beyond {factor} interquartile ranges are taken out"));
    }
    if rule.must_have_data {
        more.push_str("; no data is a failure");
    }
    if rule.critical {
        more.push_str("; critical: its failure makes the score 0");
    }
    if muted {
        more.push_str("; muted: it is in no score");
    }
    draft.reading.push(format!(
        "`{name}` is {} unless the 98 % interval of the shift is clear of a quarter of it and the {effect} is {counts}{more}.",
        good(rule)
    ));
}

fn rule(canary: &Reader<'_>) -> Result<MetricRule, Diagnostic> {
    let flag = |key: &str| canary.get(key).map_or(Ok(false), |flag| flag.bool());
    let direction = word(
        canary,
        "direction",
        &[
            ("increase", Direction::Increase),
            ("decrease", Direction::Decrease),
            ("either", Direction::Either),
        ],
    )?;
    // `none` is read as `remove`.
    let nan = word(
        canary,
        "nanStrategy",
        &[("none", NanStrategy::Remove), ("remove", NanStrategy::Remove), ("replace", NanStrategy::Replace)],
    )?;
    let (measure, allowed, critical_allowed) = effect(canary)?;
    Ok(MetricRule {
        direction: direction.unwrap_or_default(),
        nan: nan.unwrap_or_default(),
        critical: flag("critical")?,
        must_have_data: flag("mustHaveData")?,
        measure,
        allowed,
        critical_allowed,
        outlier_factor: outliers(canary)?,
    })
}

/// The value of one of some words, in either case.
fn word<T: Copy>(at: &Reader<'_>, key: &str, words: &[(&str, T)]) -> Result<Option<T>, Diagnostic> {
    let Some(reader) = at.get(key) else { return Ok(None) };
    let text = reader.text()?;
    match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(reader.diagnostic_at(format!("`{text}` is no {key}"), format!("write {}", known.join(", "))))
        }
    }
}

fn effect(canary: &Reader<'_>) -> Result<(EffectMeasure, Allowed, Allowed), Diagnostic> {
    let Some(effect) = canary.get("effectSize") else {
        let any = Allowed::any(EffectMeasure::MeanRatio);
        return Ok((EffectMeasure::MeanRatio, any, any));
    };
    let measures = [("meanRatio", EffectMeasure::MeanRatio), ("cles", EffectMeasure::Cles)];
    let measure = word(&effect, "measure", &measures)?.unwrap_or_default();
    let any = Allowed::any(measure);
    let of = |key: &str, default: f64| effect.get(key).map_or(Ok(default), |number| number.f64());
    let allowed = Allowed {
        decrease: of("allowedDecrease", any.decrease)?,
        increase: of("allowedIncrease", any.increase)?,
    };
    let critical = Allowed {
        decrease: of("criticalDecrease", any.decrease)?,
        increase: of("criticalIncrease", any.increase)?,
    };
    Ok((measure, allowed, critical))
}

/// Kayenta's default factor is 3 (`NetflixACAJudge.scala`).
fn outliers(canary: &Reader<'_>) -> Result<Option<f64>, Diagnostic> {
    let Some(outliers) = canary.get("outliers") else { return Ok(None) };
    let strategy = word(&outliers, "strategy", &[("keep", false), ("none", false), ("remove", true)])?;
    let factor = match outliers.get("outlierFactor") {
        None => 3.0,
        Some(reader) => {
            let factor = reader.f64()?;
            if factor <= 0.0 {
                return Err(reader.diagnostic_at("the factor must be above zero", "write it like `3.0`"));
            }
            factor
        }
    };
    Ok(strategy.unwrap_or(false).then_some(factor))
}

/// Where values come from: what the user says, the file's own expression, or a signal its words mean.
fn source<'a>(draft: &mut Draft<'a, '_>, name: &str, item: &Reader<'a>) -> Result<Source, Diagnostic> {
    let query = item.required("query")?;
    let kind = query.required("type")?.text()?.to_owned();
    let said = draft.options.providers.get(name).or_else(|| draft.options.providers.get(&kind)).cloned();
    if let Some(answer) = said {
        query.whole();
        return told(draft, name, &query, &answer);
    }
    if kind == "prometheus" {
        let (expressions, at) = queries::expressions(draft, &query)?;
        query.ignore("resourceType");
        query.ignore("serviceType");
        if expressions.at == queries::Place::Template && expressions.texts[0].is_empty() {
            return Err(at.diagnostic_at("there is no expression", "write it behind `PromQL:`"));
        }
        let metric = query.get("metricName").and_then(|name| name.text().ok());
        let whole = metric.is_none() || !expressions.texts[0].starts_with("avg(");
        if whole || metric.is_some_and(|metric| is_known(draft, metric)) {
            if expressions.texts[0] == expressions.texts[1] {
                draft
                    .reading
                    .push(format!("`{name}` reads the same series on both sides: it always passes."));
            }
            let mut places = [0; 3];
            for (place, text) in places.iter_mut().zip(&expressions.texts) {
                *place = draft.book.add(text, &at)?;
            }
            return Ok(Source::Queries { experiment: places[0], baseline: places[1], stable: places[2] });
        }
    }
    let words: Vec<&str> = ["metricName", "q", "metricType", "query"]
        .iter()
        .filter_map(|key| query.peek().get(key)?.as_str())
        .collect();
    let texts: Vec<&str> = std::iter::once(name).chain(words).collect();
    if kind != "prometheus" {
        query.whole();
    }
    Ok(match signals::meant(&texts) {
        Some(signal) => stands_in(draft, name, &query, signal),
        None => {
            let setting = format!("no data at every judgement (say `--bind provider.{name}=SIGNAL`)");
            draft.stand_in(&format!("metric {name} ({kind})"), &query, &setting);
            Source::Assumed(Label::Nodata)
        }
    })
}

/// Whether a metric of this name can be read as it is.
fn is_known(draft: &Draft<'_, '_>, metric: &str) -> bool {
    draft.options.bindings.iter().any(|binding| binding.metric == metric)
        || dialect::owner(metric).is_some()
        || infer::metric(metric).is_some()
}

fn told(
    draft: &mut Draft<'_, '_>,
    name: &str,
    query: &Reader<'_>,
    answer: &Answer,
) -> Result<Source, Diagnostic> {
    let label = match answer {
        Answer::NoData => Label::Nodata,
        Answer::Assumed(Assumption::Phase(Phase::Successful)) => Label::Pass,
        Answer::Assumed(Assumption::Phase(Phase::Failed)) => Label::High,
        Answer::Assumed(Assumption::Phase(Phase::Error)) => Label::Error,
        Answer::Assumed(Assumption::Value(Value::Str(word))) if signals::named(word).is_some() => {
            let signal = signals::named(word).unwrap_or(Signal::Cpu);
            return Ok(stands_in(draft, name, query, signal));
        }
        Answer::Assumed(_) => {
            let fact = format!("what is said of metric `{name}` is nothing Kayenta's judge could find");
            let help = format!("say succeed, fail, error, no_data, or a signal: {}", signals::NAMES);
            return Err(query.diagnostic_at(fact, help));
        }
    };
    draft.stand_in(&format!("metric {name}"), query, &format!("{} at every judgement", label.word()));
    Ok(Source::Assumed(label))
}

fn stands_in(draft: &mut Draft<'_, '_>, name: &str, query: &Reader<'_>, signal: Signal) -> Source {
    let mut places = [0; 3];
    for (place, role) in places.iter_mut().zip(ROLES) {
        let text = signals::query(signal, role).unwrap_or_default();
        *place = draft.book.insert(text, line(query));
    }
    draft.stand_in(&format!("metric {name}"), query, signals::words(signal));
    Source::Queries { experiment: places[0], baseline: places[1], stable: places[2] }
}
