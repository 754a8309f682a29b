//! The evaluator against Prometheus' own test suite, against answers of promtool for real queries, and against laws
//! that hold for every query.

use std::collections::BTreeMap;

use backout::promql::{
    Evaluator, Labels, MemoryStorage, Options, Program, PromqlError, Storage, Value, View, is_stale,
    parse_labels, parse_series, pin,
};
use backout::time::SimDuration;
use proptest::prelude::*;

use crate::promql::{index, runner, script};
use crate::shared;

const NATIVE: &str = "the expected result comes from samples that are native histograms";
const BYTES: &str =
    "a label name of bytes that are not UTF-8, which the parser reads as the character U+00FF";

/// Rows that are not expected to pass: (script, reason, lines). A row that does pass must go.
const EXCLUDED: &[(&str, &str, &[usize])] = &[
    ("aggregators.test", NATIVE, &[447, 453, 459, 467, 474, 573]),
    ("range_queries.test", NATIVE, &[93]),
    (
        "functions.test",
        NATIVE,
        &[
            47, 52, 92, 97, 245, 249, 256, 260, 264, 267, 271, 290, 295, 300, 328, 332, 339, 343, 347, 353,
            551, 660, 663, 666, 1061, 1065, 1070, 1073, 1076, 1343, 1365, 1625, 1637, 1649, 1750, 1752, 1845,
            1847, 2020,
        ],
    ),
    (
        "histograms.test",
        NATIVE,
        &[
            72, 84, 96, 102, 108, 115, 123, 131, 140, 150, 176, 195, 215, 232, 249, 267, 285, 304, 322, 339,
            354, 369, 384, 403, 422, 441, 459, 479, 492, 505, 519, 533, 551, 561, 571, 581, 591, 601, 629,
            637, 647, 659, 669, 681, 691, 709, 721, 733, 743, 753, 764, 774, 784, 796, 804, 812, 820, 828,
            836, 847, 855, 865, 873, 883, 893, 904, 914, 925, 939, 954, 968, 983, 987, 991, 1008, 1048, 1081,
            1084, 1102, 1110, 1120, 1123, 1134, 1137, 1140, 1143, 1158, 1163, 1168, 1223, 1228, 1233,
        ],
    ),
    ("subquery.test", NATIVE, &[146, 151]),
    ("aggregators.test", BYTES, &[481]),
    ("functions.test", BYTES, &[523]),
];

/// Rows that state the feature flag `promql-delayed-name-removal`; without it (the default) they come out otherwise.
const DELAYED_ONLY: &[(&str, &[usize])] =
    &[("name_label_dropping.test", &[59, 64, 69, 74, 89, 115, 119, 123])];

type Outcomes = BTreeMap<String, Vec<runner::Outcome>>;

fn suite(options: Options) -> Option<(Vec<index::Row>, Outcomes)> {
    let folder = shared::folder()?.join("conformance/promql");
    let read =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let rows = index::rows(&read("eval_index.csv"));
    let mut files = Outcomes::new();
    for row in &rows {
        if !files.contains_key(&row.file) {
            files.insert(row.file.clone(), runner::play(&script::commands(&read(&row.file)), options));
        }
    }
    Some((rows, files))
}

fn outcome<'a>(files: &'a Outcomes, row: &index::Row) -> &'a runner::Outcome {
    let found = files[&row.file].iter().find(|outcome| outcome.line == row.line);
    found.unwrap_or_else(|| panic!("{}:{} of the index is no eval command", row.file, row.line))
}

fn exclusion(row: &index::Row) -> Option<&'static str> {
    EXCLUDED
        .iter()
        .find(|(file, _, lines)| *file == row.file && lines.contains(&row.line))
        .map(|found| found.1)
}

#[test]
fn prometheus_test_suite() {
    let options = Options { delayed_name_removal: true, dates: true, ..Options::default() };
    let Some((rows, files)) = suite(options) else { return };
    let (mut passed, mut beyond, mut failed) = (0, 0, Vec::new());
    let mut excluded: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let outcome = outcome(&files, row);
        let place = format!("{}:{} {}", row.file, row.line, outcome.expr);
        match (row.in_core, exclusion(row), &outcome.verdict) {
            (true, None, Ok(())) => passed += 1,
            (true, None, Err(why)) => failed.push(format!("{place}\n    {why}")),
            (true, Some(reason), Err(_)) => *excluded.entry(reason).or_default() += 1,
            (true, Some(_), Ok(())) => failed.push(format!("{place}\n    passes: take it off the list")),
            (false, None, Ok(())) => beyond += 1,
            (false, None, Err(why)) => failed.push(format!("{place}\n    outside of the core: {why}")),
            (false, Some(reason), Err(_)) => *excluded.entry(reason).or_default() += 1,
            (false, Some(_), Ok(())) => failed.push(format!("{place}\n    passes: take it off the list")),
        }
    }
    println!("eval rows passed: {passed} of the core subset, {beyond} beyond it, of {}", rows.len());
    excluded.iter().for_each(|(reason, count)| println!("excluded {count:4}: {reason}"));
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(passed + beyond + excluded.values().sum::<usize>(), rows.len());
    assert!(passed >= 580, "only {passed} rows passed: the suite was not read");
}

#[test]
fn names_are_dropped_at_once_by_default() {
    let Some((rows, files)) = suite(Options::default()) else { return };
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| row.in_core && exclusion(row).is_none()) {
        let expected_to_differ =
            DELAYED_ONLY.iter().any(|(file, lines)| *file == row.file && lines.contains(&row.line));
        let outcome = outcome(&files, row);
        if outcome.verdict.is_err() != expected_to_differ {
            wrong.push(format!("{}:{} {}\n    {:?}", row.file, row.line, outcome.expr, outcome.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One sample of an answer of promtool.
fn oracle_samples(result: &serde_json::Value) -> Vec<(Labels, f64)> {
    let samples = result["samples"].as_array().expect("samples");
    let read = |sample: &serde_json::Value| {
        let labels = parse_labels(sample[0].as_str().expect("labels")).expect("labels");
        let value = sample[1].as_f64().or_else(|| sample[1].as_str().and_then(|text| text.parse().ok()));
        (labels, value.expect("a value"))
    };
    samples.iter().map(read).collect()
}

#[test]
fn real_queries_agree_with_promtool() {
    let Some(folder) = shared::folder() else { return };
    let path = folder.join("conformance/promql/real_queries_oracle.jsonl");
    let text = std::fs::read_to_string(path).expect("the oracle");
    let (mut expressions, mut answers) = (0, 0);
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let interval_ms = case["interval_s"].as_i64().expect("an interval") * 1000;
        let mut store = MemoryStorage::new();
        for (series, values) in case["series"].as_object().expect("series") {
            let line = format!("{series} {}", values.as_str().expect("values"));
            runner::load(&mut store, interval_ms, &[parse_series(&line).expect("series notation")]);
        }
        let expr = case["expr"].as_str().expect("an expression");
        let mut program = Program::new();
        let query = program.add(expr).unwrap_or_else(|e| panic!("{expr}: {e}"));
        check_pinning(expr);
        let mut evaluator = Evaluator::new();
        for result in case["results"].as_array().expect("results") {
            let at_s = result["eval_time_s"].as_i64().expect("a time");
            let found = evaluator.eval(&program, &store, query, at_s * 1000);
            if result.get("error").is_some() {
                assert!(found.is_err(), "{expr} at {at_s}: expected {result}, found {found:?}");
            } else {
                let wanted = oracle_samples(result);
                match OTHERWISE_IN_2.iter().find(|case| case.expr == expr.replace('\n', " ")) {
                    Some(case) => compare_with_2(case, &store, at_s * 1000, &wanted),
                    None => compare_with_oracle(expr, at_s, wanted, found.expect(expr)),
                }
            }
            answers += 1;
        }
        expressions += 1;
    }
    println!("real queries: {expressions} expressions, {answers} answers agree");
    assert_eq!((expressions, answers), (138, 552));
}

/// A real query can be asked of one side only: it compiles, and every selector is pinned.
fn check_pinning(expr: &str) {
    let window = SimDuration::from_mins(17);
    let pinned = pin(expr, &[("pinned", "yes")], Some(window)).unwrap_or_else(|e| panic!("{expr}: {e}"));
    let mut program = Program::new();
    program.add(&pinned).unwrap_or_else(|e| panic!("{pinned}: {e}"));
    for selector in program.selectors() {
        let is_pinned = selector.matchers().iter().any(|m| m.name() == "pinned" && m.value() == "yes");
        assert!(is_pinned && selector.range().is_none_or(|range| range == window), "{pinned}");
    }
}

/// An expression for which promtool 2.42, which gave the answers, differs from Prometheus 3.x.
struct OtherwiseIn2 {
    expr: &'static str,
    /// `rate` of these series, summed ...
    part: &'static str,
    /// ... and divided by the same of these, if there are any.
    whole: Option<&'static str>,
    range_ms: i64,
    /// The largest over the steps of a subquery: (range, step).
    subquery_ms: Option<(i64, i64)>,
}

/// 2.x windows hold the sample on their left edge (the third expression's steps fall on samples), and 2.x caps a
/// counter's extrapolation at zero before it looks at the spacing (the first two begin far before the first sample).
/// Here the answers are compared with a plain implementation of the 2.x rules, so that only those rules differ.
const OTHERWISE_IN_2: &[OtherwiseIn2] = &[
    OtherwiseIn2 {
        expr: r#"(sum(rate(http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}[6h]))) / (sum(rate(http_request_duration_seconds_count{job="myservice"}[6h])))"#,
        part: r#"http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}"#,
        whole: Some(r#"http_request_duration_seconds_count{job="myservice"}"#),
        range_ms: 6 * 3_600_000,
        subquery_ms: None,
    },
    OtherwiseIn2 {
        expr: r#"(sum(rate(http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}[1d]))) / (sum(rate(http_request_duration_seconds_count{job="myservice"}[1d])))"#,
        part: r#"http_request_duration_seconds_count{job="myservice",code=~"(5..|429)"}"#,
        whole: Some(r#"http_request_duration_seconds_count{job="myservice"}"#),
        range_ms: 24 * 3_600_000,
        subquery_ms: None,
    },
    OtherwiseIn2 {
        expr: r#"max_over_time(rate(http_requests_total{job="a"}[1m])[10m:1m])"#,
        part: r#"http_requests_total{job="a"}"#,
        whole: None,
        range_ms: 60_000,
        subquery_ms: Some((600_000, 60_000)),
    },
];

fn compare_with_2(case: &OtherwiseIn2, store: &MemoryStorage, at: i64, wanted: &[(Labels, f64)]) {
    let sum_at = |selector: &str, at: i64| {
        let mut program = Program::new();
        program.add(selector).expect("a selector");
        let selector = program.selectors().next().expect("a selector");
        let selected = (0..store.series_count() as u32).filter(|id| selector.matches(store.labels(*id)));
        let rates = selected.filter_map(|id| {
            let mut points = Vec::new();
            store.samples(id, at - case.range_ms - 1, at, &mut points);
            points.retain(|point| !is_stale(point.1));
            rate_of_2(&points, at - case.range_ms, at)
        });
        rates.sum::<f64>()
    };
    let found = match case.subquery_ms {
        None => sum_at(case.part, at) / case.whole.map_or(1.0, |whole| sum_at(whole, at)),
        Some((range, step)) => {
            let first = (at - range + step - 1).div_euclid(step) * step;
            (first..=at).step_by(step as usize).map(|t| sum_at(case.part, t)).fold(f64::MIN, f64::max)
        }
    };
    let [(_, wanted)] = wanted else { panic!("{}: one sample", case.expr) };
    assert!(runner::agree_within(1e-9, *wanted, found), "{} at {at}: {wanted} {found}", case.expr);
}

/// `rate` by the rules of Prometheus 2.42.
fn rate_of_2(points: &[(i64, f64)], start: i64, end: i64) -> Option<f64> {
    let (&first, &last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let resets: f64 = points.windows(2).filter(|w| w[1].1 < w[0].1).map(|w| w[0].1).sum();
    let change = last.1 - first.1 + resets;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let (mut to_start, to_end, sampled) =
        (seconds(first.0 - start), seconds(end - last.0), seconds(last.0 - first.0));
    let spacing = sampled / (points.len() - 1) as f64;
    if change > 0.0 && first.1 >= 0.0 {
        to_start = to_start.min(sampled * (first.1 / change));
    }
    let reach = |gap: f64| if gap < spacing * 1.1 { gap } else { spacing / 2.0 };
    Some(change * (sampled + reach(to_start) + reach(to_end)) / sampled / seconds(end - start))
}

fn compare_with_oracle(expr: &str, at_s: i64, mut wanted: Vec<(Labels, f64)>, found: Value) {
    let mut found: Vec<(Labels, f64)> = match found {
        Value::Scalar(value) => vec![(Labels::empty(), value)],
        Value::Vector(samples) => samples.into_iter().map(|sample| (sample.labels, sample.value)).collect(),
        other => panic!("{expr}: {other:?}"),
    };
    // promtool prints samples in order of labels, whatever the order of the result.
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let same = wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|(a, b)| a.0 == b.0 && runner::agree_within(1e-9, a.1, b.1));
    assert!(same, "{expr} at {at_s}:\n  expected {wanted:?}\n  found    {found:?}");
}

/// A small store: two metrics, a few series with gaps, resets, stale markers and NaN.
fn small_store() -> MemoryStorage {
    let mut store = MemoryStorage::new();
    for line in [
        r#"a_total{job="x",code="200"} 0+7x20 3+9x20"#,
        r#"a_total{job="x",code="500"} 0+1x10 _x5 12+2x20"#,
        r#"a_total{job="y",code="500"} 5+3x12 stale _x3 0+3x10"#,
        r#"b{job="x"} 1 NaN 3 -2 0.5x30"#,
        r#"b{job="y"} 4-1x40"#,
        r#"h_bucket{job="x",le="0.1"} 0+1x40"#,
        r#"h_bucket{job="x",le="1"} 0+3x40"#,
        r#"h_bucket{job="x",le="+Inf"} 0+4x40"#,
    ] {
        runner::load(&mut store, 15_000, &[parse_series(line).expect("series notation")]);
    }
    store
}

/// Expressions of every kind over the small store, nested a few deep.
fn expression() -> impl Strategy<Value = String> {
    let window = prop::sample::select(vec!["1m", "45s", "5m", "2m offset 30s", "3m:20s"]);
    let over = prop::sample::select(vec![
        "rate",
        "increase",
        "delta",
        "irate",
        "max_over_time",
        "avg_over_time",
        "deriv",
    ]);
    let metric = prop::sample::select(vec!["a_total", "b", "h_bucket", r#"a_total{code=~"5.."}"#]);
    let ranged = (over, metric.clone(), window).prop_map(|(function, metric, window)| {
        let (window, offset) = window.split_once(' ').unwrap_or((window, ""));
        format!("{function}({metric}[{window}] {offset})")
    });
    let leaf = prop_oneof![ranged, metric.prop_map(str::to_owned), Just("vector(2)".to_owned())];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let op = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "> bool",
            "== on(job) group_left()",
            "and",
            "or",
            "unless on(job)",
            "> on(job)",
        ]);
        let aggregation = prop::sample::select(vec![
            "sum",
            "avg by (job)",
            "max without (code)",
            "count",
            "topk by (job) (2, ",
            "quantile(0.4, ",
            "stddev by (le)",
            "histogram_quantile(0.9, ",
            "clamp_max(1, ",
        ]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (aggregation, inner.clone()).prop_map(|(head, of)| match head {
                "clamp_max(1, " => format!("clamp_max({of}, 1)"),
                "topk by (job) (2, " => format!("topk by (job) (2, {of})"),
                head if head.ends_with(", ") => format!("{head}{of})"),
                head => format!("{head} ({of})"),
            }),
            (inner, 1..9u8).prop_map(|(of, number)| format!("(0.{number} < {of})")),
        ]
    })
}

fn bits(value: &Result<Value, backout::promql::EvalError>) -> String {
    match value {
        Ok(Value::Vector(samples)) => {
            samples.iter().map(|sample| format!("{} {:x};", sample.labels, sample.value.to_bits())).collect()
        }
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text is a query or an error.
    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let mut program = Program::new();
        if let Ok(query) = program.add(&text) {
            let _ = Evaluator::new().eval(&program, &small_store(), query, 300_000);
        }
    }

    /// The same for texts made of the language's own pieces, which get further.
    #[test]
    fn no_soup_of_tokens_panics(pieces in prop::collection::vec(prop::sample::select(vec![
        "sum", "rate", "(", ")", "[5m]", "[", "]", "5m", ":", "{", "}", "a_total", "b", "by", "on", "group_left", "offset",
        "-", "+", "1", "1e300", "inf", "nan", "0", ",", "\"x\"", "=~", "=", "@", "bool", ">", "and", "or", "count_values",
        "label_replace", "quantile_over_time", "vector", "time()", "0x", ".5", "start()", "#",
    ]), 1..14)) {
        let text = pieces.join(" ");
        let mut program = Program::new();
        if let Ok(query) = program.add(&text) {
            let _ = Evaluator::new().eval(&program, &small_store(), query, 300_000);
        }
    }

    /// A query's value is the same alone, after others that share its parts, and asked twice.
    #[test]
    fn sharing_changes_nothing(texts in prop::collection::vec(expression(), 2..5), at_s in 0i64..700) {
        let store = small_store();
        let mut shared = Program::new();
        let queries: Vec<_> = texts.iter().map(|text| shared.add(text).expect(text)).collect();
        let mut evaluator = Evaluator::new();
        for (text, query) in texts.iter().zip(&queries) {
            let mut alone = Program::new();
            let own = alone.add(text).expect(text);
            let expected = bits(&Evaluator::new().eval(&alone, &store, own, at_s * 1000));
            prop_assert_eq!(&bits(&evaluator.eval(&shared, &store, *query, at_s * 1000)), &expected, "{}", text);
            prop_assert_eq!(&bits(&evaluator.eval(&shared, &store, *query, at_s * 1000)), &expected, "{} again", text);
            let mut branch = evaluator.clone();
            prop_assert_eq!(&bits(&branch.eval(&shared, &store, *query, at_s * 1000)), &expected, "{} in a clone", text);
        }
    }

    /// A range evaluation is the instant evaluations side by side.
    #[test]
    fn a_range_is_its_instants(text in expression(), step_s in 7i64..90) {
        let store = small_store();
        let mut program = Program::new();
        let query = program.add(&text).expect(&text);
        let mut evaluator = Evaluator::new();
        let Ok(series) = evaluator.eval_range(&program, &store, query, 0, 600_000, step_s * 1000) else { return Ok(()) };
        let mut points = 0;
        for at in (0..=600_000).step_by(step_s as usize * 1000) {
            let Ok(Value::Vector(samples)) = evaluator.eval(&program, &store, query, at) else { panic!("{text}") };
            for sample in samples {
                let found = series.iter().find(|one| one.labels == sample.labels).expect("the series");
                let point = found.points.iter().find(|point| point.0 == at).expect("the point");
                prop_assert_eq!(point.1.to_bits(), sample.value.to_bits());
                points += 1;
            }
        }
        prop_assert_eq!(points, series.iter().map(|one| one.points.len()).sum::<usize>());
    }

    /// The sum is the sum of its groups, and the count of a filter and of its complement is the whole.
    #[test]
    fn parts_add_up(text in expression(), threshold in -2.0f64..20.0) {
        let store = small_store();
        let value = |text: &str| {
            let mut program = Program::new();
            let query = program.add(text).expect(text);
            match Evaluator::new().view(&program, &store, query, 420_000) {
                Ok(View::Vector(view)) => Ok(view.values().next().unwrap_or(0.0)),
                Ok(View::Scalar(value)) => Ok(value),
                Err(error) => Err(error),
            }
        };
        let (Ok(whole), Ok(parts)) = (value(&format!("sum({text})")), value(&format!("sum(sum by (job) ({text}))"))) else {
            return Ok(());
        };
        prop_assert!(runner::agree_within(1e-9, whole, parts) || (whole - parts).abs() < 1e-9, "{} {}", whole, parts);
        let count = |filter: String| value(&format!("count({text} {filter})"));
        let (above, rest, nan) = (count(format!("> {threshold}")), count(format!("<= {threshold}")), value(
            &format!("count({text} unless ({text} == {text}))"),
        ));
        if let (Ok(above), Ok(rest), Ok(nan)) = (above, rest, nan) {
            prop_assert_eq!(above + rest + nan, value(&format!("count({text})")).expect("a count"));
        }
    }
}

/// What Prometheus' suite has no rows for, from the definitions.
#[test]
fn angles_and_shares_are_those_of_their_definitions() {
    let store = small_store();
    let value = |text: &str| {
        let mut program = Program::new();
        let query = program.add(text).expect(text);
        match Evaluator::new().eval(&program, &store, query, 300_000).expect(text) {
            Value::Vector(samples) => samples[0].value,
            Value::Scalar(value) => value,
            other => panic!("{other:?}"),
        }
    };
    for (text, wanted) in [
        ("sin(vector(pi() / 6))", 0.5),
        ("cos(vector(pi() / 3))", 0.5),
        ("tan(vector(pi() / 4))", 1.0),
        ("asin(vector(0.5)) * 6", std::f64::consts::PI),
        ("acos(vector(0.5)) * 3", std::f64::consts::PI),
        ("atan(vector(1)) * 4", std::f64::consts::PI),
        ("cosh(vector(1)) ^ 2 - sinh(vector(1)) ^ 2", 1.0),
        ("tanh(asinh(vector(0.75)))", 0.6),
        ("cosh(acosh(vector(3)))", 3.0),
        ("tanh(atanh(vector(0.25)))", 0.25),
        ("deg(vector(pi()))", 180.0),
        ("rad(vector(180))", std::f64::consts::PI),
        ("vector(1) atan2 vector(-1)", 0.75 * std::f64::consts::PI),
        ("count(limitk(2, a_total))", 2.0),
        ("count(limitk by (job) (1, a_total))", 2.0),
        ("count(limit_ratio(0.4, a_total) or limit_ratio(-0.6, a_total))", 3.0),
        ("count(limit_ratio(0.4, a_total) and limit_ratio(-0.6, a_total)) or vector(0)", 0.0),
        ("start() == bool end()", 1.0),
        ("count(b @ end() == b)", 2.0),
    ] {
        let found = value(text);
        assert!(
            runner::agree_within(1e-12, wanted, found) || (wanted - found).abs() < 1e-12,
            "{text}: {found}"
        );
    }
}

#[test]
fn what_is_not_supported_is_named_and_placed() {
    for (text, feature, offset) in [
        ("1 + info(x)", "the function `info`", Some(4)),
        ("x @ 5", "@ with a time, which no simulated instant has,", Some(2)),
        ("histogram_count(x)", "the function `histogram_count`", Some(0)),
        ("x + on (a) fill(0) y", "fill() of unmatched series", Some(11)),
        ("rate(x[5m * 2])", "a duration that is computed", Some(10)),
    ] {
        let found = Program::new().add(text);
        assert_eq!(found, Err(PromqlError::Unsupported { feature: feature.into(), offset }), "{text}");
    }
}

#[test]
fn selectors_of_equal_parts_are_shared() {
    let mut program = Program::new();
    let one = program.add(r#"sum(rate(x{a="1"}[1m])) > 0.1"#).unwrap();
    let other = program.add(r#"sum(rate(x{a="1"}[1m])) > 0.2"#).unwrap();
    program.add(r#"rate(x{a=~"1|2"}[5m] offset 1h)"#).unwrap();
    assert_ne!(one, other);
    assert_eq!(program.selectors().count(), 2);
    assert_eq!(program.comparison(one).unwrap().0, program.comparison(other).unwrap().0);
    assert_eq!(program.longest_window().to_string(), "1h5m");
    let selector = program.selectors_of(other).next().unwrap();
    assert_eq!((selector.name(), selector.to_string().as_str()), (Some("x"), r#"x{a="1"}"#));
    assert_eq!(selector.range().unwrap().as_secs_f64(), 60.0);
    assert!(selector.matches(&Labels::new([("__name__", "x"), ("a", "1"), ("b", "2")])));
    assert!(program.add("rate(nosuch[1m]").is_err() && program.add("info(nosuch)").is_err());
    assert_eq!(program.selectors().count(), 2, "a refused query leaves no selector");
}

#[test]
fn an_evaluator_follows_a_store_that_grows_and_changes() {
    let mut program = Program::new();
    let query = program.add("sum(up)").unwrap();
    let up = |job: &str| Labels::new([("__name__", "up"), ("job", job)]);
    let (mut first, mut second) = (MemoryStorage::new(), MemoryStorage::new());
    let mut evaluator = Evaluator::new();
    let mut sum = |store: &MemoryStorage, rebind: bool| {
        if rebind {
            evaluator.rebind();
        }
        let Value::Vector(samples) = evaluator.eval(&program, store, query, 1000).unwrap() else { panic!() };
        samples.first().map(|sample| sample.value)
    };
    assert_eq!(sum(&first, false), None);
    first.append(&up("a"), 1000, 1.0);
    assert_eq!(sum(&first, false), Some(1.0), "a sample within the instant changes the generation");
    first.append(&up("b"), 1000, 1.0);
    assert_eq!(sum(&first, false), Some(2.0));
    second.append(&Labels::new([("__name__", "down")]), 1000, 7.0);
    assert_eq!(sum(&second, true), None, "the same id is another series there");
    second.append(&up("b"), 1000, 5.0);
    assert_eq!(sum(&second, false), Some(5.0));
    assert_eq!(sum(&first, true), Some(2.0));
    assert_eq!(sum(&MemoryStorage::new(), true), None);
}
