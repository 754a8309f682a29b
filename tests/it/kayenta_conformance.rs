//! Kayenta's judge against the figures of its own test suites (spinnaker/kayenta, `MannWhitneySuite`,
//! `ClassifierSuite`, `DetectorSuite`, `StatisticSuite`, `ScorerSuite`).
//!
//! Rows about parts of Kayenta's library that `NetflixACAJudge-v1.0` never calls are named below, and nothing else is
//! left out.

use std::collections::BTreeMap;

use backout::policy::kayenta::judge::classify::mean_ratio;
use backout::policy::kayenta::judge::score::Part;
use backout::policy::kayenta::judge::values::{outliers, prepare};
use backout::policy::kayenta::judge::{
    Allowed, Classified, Direction, EffectMeasure, Label, MetricRule, NanStrategy, Strictness, classify,
    score,
};
use backout::rng::normal_quantile;
use backout::stats::quantile;
use backout::stats::rank_interval::{shift_interval, shifted_z};
use serde_json::Value;

use crate::shared;

/// The judge takes neither this classifier nor this detector.
const NOT_OF_THE_JUDGE: [&str; 2] = ["MeanInequalityClassifier", "KSigmaDetector"];

fn table(path: &str) -> Option<Value> {
    let text = std::fs::read_to_string(shared::folder()?.join(path)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64, error: f64) {
    assert!((found - expected).abs() <= error, "{what}: {found} is not {expected}");
}

/// A fixed stand-in for normal noise, without zero mean: what is decided must not depend on it.
fn noise() -> impl FnMut() -> f64 {
    let mut turn = 0_u32;
    move || {
        turn = (turn + 1) % 7;
        f64::from(turn) - 2.9
    }
}

#[test]
fn intervals_are_those_of_the_mann_whitney_suite() {
    let Some(cases) = table("datasets/kayenta_judge_cases.json") else { return };
    let mut seen = 0;
    for case in cases["cases"].as_array().unwrap().iter().filter(|case| case["suite"] == "MannWhitney") {
        let (x, y) = (numbers(&case["experiment"]), numbers(&case["control"]));
        let (name, expected) = (case["case"].as_str().unwrap(), &case["expected"]);
        let interval = || shift_interval(&x, &y, case["conf"].as_f64().unwrap()).unwrap();
        for (key, value) in expected.as_object().unwrap() {
            let value = value.as_f64().unwrap();
            let what = format!("{name}: {key}");
            let (low, high) = (expected["muMin"].as_f64(), expected["muMax"].as_f64());
            let z = |shift: f64| shifted_z(&x, &y, shift).unwrap();
            let quantile = normal_quantile(0.975);
            let (found, error) = match key.as_str() {
                "z_at_shift_0" => (z(0.0), 1e-6),
                "z_at_shift_5" => (z(5.0), 1e-5),
                "ci_low" | "ciLower" => (interval().low, 1e-6),
                "ci_high" | "ciUpper" => (interval().high, 1e-6),
                // The suite compares the two tie-outs with R's own estimate to 1e-4 only.
                "estimate" if name.contains("Tie out") => (interval().estimate, 1e-4),
                "estimate" => (interval().estimate, 1e-6),
                "muMin" => (least(&x) - most(&y), 1e-6),
                "muMax" => (most(&x) - least(&y), 1e-6),
                "zqLower" => (quantile, 1e-6),
                "zqUpper" => (-quantile, 1e-6),
                "fLower1" => (z(low.unwrap()) - quantile, 1e-6),
                "fUpper1" => (z(high.unwrap()) - quantile, 1e-6),
                "fLower2" => (z(low.unwrap()) + quantile, 1e-6),
                "fUpper2" => (z(high.unwrap()) + quantile, 1e-6),
                other => panic!("{name} has a figure `{other}` nobody compares"),
            };
            close(&what, found, value, error);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 + 3 * 4 + 11);
}

#[test]
fn the_other_copy_of_the_suite_says_the_same() {
    let Some(suite) = table("conformance/kayenta/mannwhitney.json") else { return };
    let tests = suite["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 7);
    let zquant = tests.iter().find(|test| test["name"] == "Test zQuant").unwrap();
    let expected: f64 = zquant["asserts"][0]["expected"].as_str().unwrap().parse().unwrap();
    // The quantile behind an interval of confidence 0.98: 1 % lies below it.
    close("zQuant", normal_quantile(0.01), expected, 1e-6);
    let copies = table("datasets/kayenta_judge_cases.json").unwrap();
    for test in tests.iter().filter(|test| test["name"] != "Test zQuant") {
        let copy = copies["cases"].as_array().unwrap().iter().find(|case| case["case"] == test["name"]);
        let copy = copy.unwrap_or_else(|| panic!("{} is in one of the two only", test["name"]));
        let arrays = test["arrays"].as_object().unwrap();
        let either = |a: &str, b: &str| numbers(arrays.get(a).or_else(|| arrays.get(b)).unwrap());
        let x = arrays.get("experimentData").map_or_else(|| either("experiment", "x"), numbers);
        let y = arrays.get("controlData").map_or_else(|| either("control", "y"), numbers);
        assert_eq!((x, y), (numbers(&copy["experiment"]), numbers(&copy["control"])), "{}", test["name"]);
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn rule(case: &Value) -> MetricRule {
    let pair = |key: &str| {
        let pair = numbers(&case[key]);
        Allowed { decrease: pair[0], increase: pair[1] }
    };
    MetricRule {
        direction: match case["direction"].as_str().unwrap() {
            "increase" => Direction::Increase,
            "decrease" => Direction::Decrease,
            _ => Direction::Either,
        },
        nan: match case["nanStrategy"].as_str().unwrap() {
            "replace" => NanStrategy::Replace,
            _ => NanStrategy::Remove,
        },
        critical: case["critical"].as_bool().unwrap(),
        must_have_data: case["mustHaveData"].as_bool().unwrap(),
        measure: match case["effectSizeMeasure"].as_str().unwrap() {
            "cles" => EffectMeasure::Cles,
            _ => EffectMeasure::MeanRatio,
        },
        allowed: pair("effectSizeThresholds_dec_inc"),
        critical_allowed: pair("criticalThresholds_dec_inc"),
        outlier_factor: None,
    }
}

fn judged(case: &Value) -> Classified {
    let rule = rule(case);
    let strictness = Strictness {
        tolerance: case["tolerance"].as_f64().unwrap(),
        confidence: case["confLevel"].as_f64().unwrap(),
    };
    let of = |key: &str| prepare(&rule, &numbers(&case[key]));
    classify(&rule, strictness, &of("experiment"), &of("control"), &mut noise())
}

#[test]
fn classifications_are_those_of_the_classifier_suite() {
    let Some(table) = table("conformance/kayenta/classifier.json") else { return };
    let (mut held, mut left_out) = (0, 0);
    for case in table["cases"].as_array().unwrap() {
        if NOT_OF_THE_JUDGE.contains(&case["classifier"].as_str().unwrap()) {
            left_out += 1;
            continue;
        }
        let (name, expected) = (case["name"].as_str().unwrap(), &case["expected"]);
        let found = judged(case);
        if let Some(label) = expected["classification"].as_str() {
            assert_eq!(found.label.word(), label, "{name}: {found:?}");
        } else {
            // The suite states the reason of a metric without data only.
            assert_eq!((found.label, found.why), (Label::Nodata, "no data on one side"), "{name}");
        }
        if let Some(critical) = expected["critical"].as_bool() {
            assert_eq!(found.critical, critical, "{name}");
        }
        match &expected["deviation"] {
            Value::Null => {}
            Value::String(nan) if nan == "NaN" => assert!(found.deviation.is_nan(), "{name}: {found:?}"),
            number => close(name, found.deviation, number.as_f64().unwrap(), 1e-9),
        }
        held += 1;
    }
    assert_eq!((held, left_out), (34, 3));
}

#[test]
fn the_copies_of_the_classifier_rows_expect_the_same() {
    let Some(table_of_rows) = table("conformance/kayenta/classifier.json") else { return };
    let copies = table("datasets/kayenta_judge_cases.json").unwrap();
    let rows = table_of_rows["cases"].as_array().unwrap();
    let mut seen = 0;
    for copy in copies["cases"].as_array().unwrap().iter().filter(|case| case["suite"] == "Classifier") {
        let row = rows.iter().find(|row| row["name"] == copy["case"]).expect("every copy is of a row");
        for (key, of_row) in [("experiment", "experiment"), ("control", "control")] {
            assert_eq!(numbers(&copy[key]), numbers(&row[of_row]), "{}", copy["case"]);
        }
        if let Some(label) = copy["expected"]["class"].as_str() {
            assert_eq!(row["expected"]["classification"].as_str(), Some(label), "{}", copy["case"]);
        }
        seen += 1;
    }
    assert_eq!(seen, 37);
}

#[test]
fn outliers_and_percentiles_are_those_of_the_suites() {
    let Some(table) = table("conformance/kayenta/detectors_stats.json") else { return };
    let mut held = 0;
    for case in table["detectors"].as_array().unwrap() {
        if NOT_OF_THE_JUDGE.contains(&case["detector"].as_str().unwrap()) {
            continue;
        }
        let args = case["args"].as_str().unwrap();
        let factor = args.split([',', ' ']).find_map(|word| word.parse().ok()).unwrap();
        let expected: Vec<bool> =
            case["outlier"].as_array().unwrap().iter().map(|v| v.as_bool().unwrap()).collect();
        let reduced = args.contains("true");
        assert_eq!(outliers(&numbers(&case["data"]), factor, reduced), expected, "{}", case["name"]);
        held += 1;
    }
    assert!(held >= 4, "{held}");
    for case in table["stats"]["percentile_R7"].as_array().unwrap() {
        let found = quantile::of(&numbers(&case["data"]), case["p"].as_f64().unwrap() / 100.0);
        close("percentile", found, case["expected"].as_f64().unwrap(), case["tol"].as_f64().unwrap() + 1e-12);
    }
    for case in table["stats"]["meanRatio"].as_array().unwrap() {
        let found = mean_ratio(&numbers(&case["experiment"]), &numbers(&case["control"]));
        match case["expected"].as_f64() {
            Some(expected) => close("mean ratio", found, expected, 1e-12),
            None => assert!(found.is_nan()),
        }
    }
}

/// Groups and labels of metrics; weights; the score (`ScorerSuite.scala`).
type Scoring<'a> = (&'a [(&'a str, Label, bool)], &'a [(&'a str, f64)], f64);

#[test]
fn scores_are_those_of_the_scorer_suite() {
    use Label::{High, Low, Nodata, Pass};
    let cases: &[Scoring<'_>] = &[
        (&[("g", Pass, false)], &[], 100.0),
        (&[("g", High, false)], &[], 0.0),
        (&[("g", Nodata, false)], &[], 0.0),
        (&[("p", Pass, false), ("p", Pass, false), ("n", Nodata, false)], &[], 100.0),
        (&[("g", Pass, false), ("g", High, false)], &[], 50.0),
        (&[("g", Pass, false), ("g", High, false), ("g", Low, false)], &[], 33.33),
        (&[("1", Pass, false), ("1", Pass, false), ("2", High, false)], &[("1", 75.0), ("2", 25.0)], 75.0),
        (&[("1", Pass, false), ("1", High, false), ("2", High, false)], &[("1", 50.0), ("2", 50.0)], 25.0),
        (&[("1", Pass, false), ("1", Nodata, false), ("2", High, false)], &[("1", 50.0), ("2", 50.0)], 50.0),
        (&[("g", Pass, false), ("g", High, true)], &[], 0.0),
        (&[("g", Low, false), ("g", Pass, true)], &[], 50.0),
        (&[("g", Pass, false), ("g", Nodata, true)], &[], 0.0),
        (
            &[("1", High, false), ("1", Low, false), ("1", Pass, false), ("2", High, false)],
            &[("1", 15.0), ("2", 85.0)],
            5.0,
        ),
        // A group of errors counts 100 (section 1.3 of the engines' semantics); with them two of two have data.
        (&[("1", Label::Error, false), ("2", High, false)], &[("1", 50.0), ("2", 50.0)], 50.0),
        (&[("1", Label::NodataFailMetric, false), ("1", Pass, false)], &[], 50.0),
    ];
    for (metrics, weights, expected) in cases {
        let groups: Vec<[String; 1]> = metrics.iter().map(|(group, ..)| [(*group).to_owned()]).collect();
        let parts: Vec<Part<'_>> = metrics
            .iter()
            .zip(&groups)
            .map(|((_, label, critical), groups)| Part { groups, label: *label, critical: *critical })
            .collect();
        let weights: BTreeMap<String, f64> =
            weights.iter().map(|(name, w)| ((*name).to_owned(), *w)).collect();
        assert_eq!(score(&parts, &weights).score, *expected, "{metrics:?}");
    }
}
