//! The files of unit tests.

use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::document::{Reader, parse_documents};
use crate::promql::{self, Labels, Program, SeriesLine, parse_labels, parse_values};
use crate::rules::keys::{dated, known_keys, span};
use crate::time::SimDuration;

/// A file of unit tests.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFile {
    /// The rule files, as written (paths or patterns relative to this file), with their places.
    pub rule_files: Vec<(String, Location)>,
    /// Time between evaluations; a minute if absent.
    pub every: SimDuration,
    /// Names of groups in the order of their evaluation; groups that are not named come as they are, before these.
    pub order: Vec<String>,
    /// Whether numbers may differ by one unit in the last place.
    pub fuzzy: bool,
    /// The tests, in order.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it stands.
    pub place: Location,
    /// Time between the values of a series; that between evaluations if absent.
    pub interval: Option<SimDuration>,
    /// When it starts [ms since 1970]; zero if absent.
    pub start_ms: i64,
    /// What there is.
    pub series: Vec<SeriesLine>,
    /// Which alerts fire.
    pub alerts: Vec<AlertTest>,
    /// What queries give.
    pub exprs: Vec<ExprTest>,
    /// Labels of the server, for templates.
    pub external_labels: Vec<(String, String)>,
    /// Where the server is found, for templates.
    pub external_url: String,
}

/// Which series of an alert fire at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertTest {
    /// When, after the start.
    pub at: SimDuration,
    /// The alert.
    pub alert: String,
    /// What is expected, in any order.
    pub expected: Vec<Expected>,
    /// Where the question stands.
    pub place: Location,
}

/// An alert that is expected to fire.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// Its labels, `alertname` included.
    pub labels: Vec<(String, String)>,
    /// Its annotations.
    pub annotations: Vec<(String, String)>,
}

/// What a query gives at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct ExprTest {
    /// When, after the start.
    pub at: SimDuration,
    /// The query.
    pub expr: String,
    /// What is expected, in any order.
    pub expected: Vec<(Labels, f64)>,
    /// Where the question stands.
    pub place: Location,
}

const FILE_KEYS: [&str; 5] =
    ["rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"];
const TEST_KEYS: [&str; 8] = [
    "interval",
    "input_series",
    "name",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
    "start_timestamp",
];

/// Reads a file of unit tests.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn parse(source: Source<'_>) -> Result<TestFile, Diagnostics> {
    let mut wrong = Diagnostics::new();
    let Some(documents) = wrong.keep(parse_documents(source.name, source.text)) else { return Err(wrong) };
    let Some(document) = documents.first() else {
        wrong.push(Diagnostic::error("the file is empty").in_source(source.name).with_help("write `tests:`"));
        return Err(wrong);
    };
    let root = Reader::new(source, document);
    let file = file(&root, &mut wrong);
    match file {
        Some(file) if !wrong.has_errors() => Ok(file),
        _ => Err(wrong),
    }
}

fn file(root: &Reader<'_>, wrong: &mut Diagnostics) -> Option<TestFile> {
    known_keys(root, &FILE_KEYS, wrong);
    let text_of = |item: &Reader<'_>| Ok((item.text()?.to_owned(), item.location()));
    let rule_files = wrong.keep(list(root, "rule_files", text_of))?;
    let order = wrong.keep(list(root, "group_eval_order", |item| item.text().map(str::to_owned)))?;
    let every = wrong.keep(span(root, "evaluation_interval"))?.filter(|every| !every.is_zero());
    let fuzzy = wrong.keep(root.get("fuzzy_compare").map(|flag| flag.bool()).transpose())?.unwrap_or(false);
    let items = wrong.keep(list(root, "tests", |item| Ok(item.clone())))?;
    let tests = items.iter().filter_map(|item| test(item, wrong)).collect();
    Some(TestFile { rule_files, every: every.unwrap_or(SimDuration::from_mins(1)), order, fuzzy, tests })
}

fn test(item: &Reader<'_>, wrong: &mut Diagnostics) -> Option<Test> {
    known_keys(item, &TEST_KEYS, wrong);
    let name = wrong.keep(item.get("name").map(|name| name.text().map(str::to_owned)).transpose())?;
    let url = wrong.keep(item.get("external_url").map(|url| url.text().map(str::to_owned)).transpose())?;
    Some(Test {
        name,
        place: item.location(),
        interval: wrong.keep(span(item, "interval"))?.filter(|every| !every.is_zero()),
        start_ms: wrong.keep(start(item))?,
        series: wrong.keep(list(item, "input_series", series))?,
        alerts: wrong.keep(list(item, "alert_rule_test", alert_test))?,
        exprs: wrong.keep(list(item, "promql_expr_test", expr_test))?,
        external_labels: wrong.keep(pairs(item, "external_labels"))?,
        external_url: url.unwrap_or_default(),
    })
}

/// Seconds since 1970, or a date in the form of RFC 3339.
fn start(item: &Reader<'_>) -> Result<i64, Diagnostic> {
    let Some(start) = item.get("start_timestamp") else { return Ok(0) };
    let text = start.text()?;
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let ms = seconds.map(|seconds| libm::round(seconds * 1000.0) as i64).or_else(|| rfc_3339_ms(text));
    ms.ok_or_else(|| {
        let help = "write seconds since 1970, or a time like `2024-01-01T00:00:00Z`";
        start.diagnostic_at(format!("`{text}` is no instant"), help)
    })
}

fn rfc_3339_ms(text: &str) -> Option<i64> {
    Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
}

fn series(item: &Reader<'_>) -> Result<SeriesLine, Diagnostic> {
    let name = item.required("series")?;
    let values = item.required("values")?;
    let wrong = |at: &Reader<'_>, why: &promql::PromqlError| {
        at.diagnostic_at(why.to_string(), "write it like `up{job=\"web\"}` and `0+1x10 _ stale`")
    };
    Ok(SeriesLine {
        labels: parse_labels(name.text()?).map_err(|why| wrong(&name, &why))?,
        values: parse_values(values.text()?).map_err(|why| wrong(&values, &why))?,
    })
}

fn alert_test(item: &Reader<'_>) -> Result<AlertTest, Diagnostic> {
    let alert = item.required("alertname")?.text()?.to_owned();
    let expected = list(item, "exp_alerts", |expected| {
        let mut labels = pairs(expected, "exp_labels")?;
        if !labels.iter().any(|(name, _)| name == "alertname") {
            labels.push(("alertname".to_owned(), alert.clone()));
        }
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort();
        let mut annotations = pairs(expected, "exp_annotations")?;
        annotations.sort();
        Ok(Expected { labels, annotations })
    })?;
    Ok(AlertTest { at: at(item)?, alert: alert.clone(), expected, place: item.location() })
}

fn expr_test(item: &Reader<'_>) -> Result<ExprTest, Diagnostic> {
    let expr = item.required("expr")?;
    let text = expr.text()?.to_owned();
    Program::with_options(dated()).add(&text).map_err(|why| promql::placed(&why, &text, &expr))?;
    let expected = list(item, "exp_samples", |sample| {
        if let Some(histogram) = sample.get("histogram") {
            let help = "native histograms are not supported: leave the test out";
            return Err(histogram.diagnostic_at("a native histogram is expected", help));
        }
        let labels = sample.get("labels").map(|labels| {
            let wrong =
                |why: promql::PromqlError| labels.diagnostic_at(why.to_string(), "write `name{a=\"b\"}`");
            parse_labels(labels.text()?).map_err(wrong)
        });
        let value = sample.get("value").map(|value| number(&value)).transpose()?.unwrap_or(0.0);
        Ok((labels.transpose()?.unwrap_or_default(), value))
    })?;
    Ok(ExprTest { at: at(item)?, expr: text, expected, place: item.location() })
}

fn number(value: &Reader<'_>) -> Result<f64, Diagnostic> {
    let text = value.text()?.trim_start_matches('.');
    match text {
        "Inf" | "+Inf" | "inf" => Ok(f64::INFINITY),
        "-Inf" | "-inf" => Ok(f64::NEG_INFINITY),
        "NaN" | "nan" => Ok(f64::NAN),
        _ => value.f64(),
    }
}

fn at(item: &Reader<'_>) -> Result<SimDuration, Diagnostic> {
    Ok(span(item, "eval_time")?.unwrap_or(SimDuration::ZERO))
}

fn list<'a, T>(
    item: &Reader<'a>,
    key: &str,
    each: impl Fn(&Reader<'a>) -> Result<T, Diagnostic>,
) -> Result<Vec<T>, Diagnostic> {
    let Some(list) = item.get(key) else { return Ok(Vec::new()) };
    list.seq()?.iter().map(each).collect()
}

fn pairs(item: &Reader<'_>, key: &str) -> Result<Vec<(String, String)>, Diagnostic> {
    let Some(map) = item.get(key) else { return Ok(Vec::new()) };
    let text =
        |(name, _, value): (&str, Location, Reader<'_>)| Ok((name.to_owned(), value.text()?.to_owned()));
    map.entries()?.into_iter().map(text).collect()
}
