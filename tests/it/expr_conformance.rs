//! Argo's condition language against rows made with the real engine (expr-lang v1.17.8) and against Argo's tests.

use std::fs;
use std::path::Path;

use backout::expr::{Condition, ResultKind, Value};
use backout::policy::argo::measurement::{Phase, assess, phase};
use serde_json::Value as Json;

use crate::shared;

fn json(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON")
}

fn text<'j>(row: &'j Json, field: &str) -> &'j str {
    row[field].as_str().unwrap_or("")
}

fn float(json: &Json) -> f64 {
    match json.as_str() {
        Some("NaN") => f64::NAN,
        Some("+Inf") => f64::INFINITY,
        Some(other) => panic!("no float: {other}"),
        None => json.as_f64().expect("a number"),
    }
}

fn oracle_result(row: &Json) -> Value {
    let result = &row["result"];
    match text(row, "kind") {
        "vector" => Value::Floats(result.as_array().expect("a list").iter().map(float).collect()),
        "scalar" => Value::Float(float(result)),
        "string" => Value::Str(text(row, "result").to_owned()),
        "json" => Value::from_json(result),
        other => panic!("unknown kind {other}"),
    }
}

fn condition(source: &str) -> Option<Condition> {
    (!source.is_empty()).then(|| Condition::parse_or_failing(source))
}

#[test]
fn every_row_of_the_real_engine_has_the_same_phase() {
    let Some(folder) = shared::folder() else { return };
    let table = fs::read_to_string(folder.join("conformance/argo/expr_oracle.jsonl")).expect("readable");
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in table.lines() {
        let row: Json = serde_json::from_str(line).expect("JSON");
        let (success, failure) =
            (condition(text(&row, "successCondition")), condition(text(&row, "failureCondition")));
        let ours = phase(&oracle_result(&row), success.as_ref(), failure.as_ref());
        rows += 1;
        if ours.name() != text(&row, "phase") {
            wrong.push(format!("{} (ours {})", line, ours.name()));
        }
    }
    eprintln!("expr_oracle: {} of {rows} rows agree, none excluded", rows - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows, 2145);
}

/// Messages are a courtesy, not a contract; a third of them in the engine's own words would be a regression.
#[test]
fn most_error_messages_are_those_of_the_real_engine() {
    let Some(folder) = shared::folder() else { return };
    let table = fs::read_to_string(folder.join("conformance/argo/expr_oracle.jsonl")).expect("readable");
    let (mut rows, mut same) = (0, 0);
    for line in table.lines() {
        let row: Json = serde_json::from_str(line).expect("JSON");
        let theirs = text(&row, "error");
        if theirs.is_empty() || theirs.contains("%!s") {
            continue;
        }
        let (success, failure) =
            (condition(text(&row, "successCondition")), condition(text(&row, "failureCondition")));
        let error =
            assess(&oracle_result(&row), success.as_ref(), failure.as_ref()).expect_err("an error row");
        rows += 1;
        same += usize::from(theirs.starts_with(&error.error.message));
    }
    eprintln!("expr_oracle: {same} of {rows} error messages start with ours word for word");
    assert!(same * 2 > rows, "{same} of {rows}");
}

/// A value as Go's test passes it: whole numbers are integers there, not floats from JSON.
fn go_value(json: &Json) -> Value {
    match json {
        Json::Number(n) if n.is_i64() => Value::Int(n.as_i64().expect("an integer")),
        other => Value::from_json(other),
    }
}

#[test]
fn argos_own_condition_tests_agree() {
    let Some(folder) = shared::folder() else { return };
    let table = json(&folder.join("conformance/argo/conditions.json"));
    let cases = table["cases"].as_array().expect("cases");
    let mut checked = 0;
    for case in cases {
        let result = go_value(&case["result"]);
        match text(case, "kind") {
            "measurement" => {
                let success = condition(text(case, "successCondition"));
                let failure = condition(text(case, "failureCondition"));
                let outcome = assess(&result, success.as_ref(), failure.as_ref());
                let ours = outcome.as_ref().map_or(Phase::Error, |p| *p);
                assert_eq!(ours.name(), text(case, "phase"), "{case}");
                for part in case["error_contains"].as_array().into_iter().flatten() {
                    let message = outcome.as_ref().expect_err("an error").to_string();
                    assert!(message.contains(part.as_str().expect("text")), "{message}: {case}");
                }
            }
            "condition" => {
                let outcome = Condition::parse_or_failing(text(case, "expr")).evaluate(&result);
                assert_eq!(outcome.as_ref().ok().copied(), case["value"].as_bool(), "{case}: {outcome:?}");
                let wanted = text(case, "error");
                if let (Err(error), false) = (&outcome, wanted.is_empty() || wanted == "*any error*") {
                    assert!(error.message.contains(wanted), "{error}: {case}");
                }
            }
            other => panic!("unknown kind {other}"),
        }
        checked += 1;
    }
    eprintln!("conditions: {checked} of {} cases agree", cases.len());
    assert_eq!(checked, 31);
}

/// A value written in the tables: NaN and infinity stand as strings, alone or in a list of floats.
fn table_value(json: &Json) -> Value {
    match json {
        Json::String(s) if s == "NaN" || s == "+Inf" => Value::Float(float(json)),
        Json::Array(items) if items.iter().all(|i| i.is_f64() || i == "NaN") => {
            Value::Floats(items.iter().map(float).collect())
        }
        other => go_value(other),
    }
}

#[test]
fn argos_function_tests_agree() {
    let Some(folder) = shared::folder() else { return };
    let table = json(&folder.join("conformance/argo/conditions.json"));
    let cases = table["functions"].as_array().expect("functions");
    for case in cases {
        let argument = table_value(&case["arg"]);
        let name = text(case, "fn");
        if name == "isNilOrEmpty" {
            assert_eq!(Some(argument.is_nil_or_empty()), case["value"].as_bool(), "{case}");
            continue;
        }
        let call = match name.strip_prefix("default(x,") {
            Some(fallback) => format!("default(result,{fallback}"),
            None => format!("{name}(result)"),
        };
        let evaluate = |source: &str| Condition::parse_or_failing(source).evaluate(&argument);
        match &case["value"] {
            Json::String(error) if error == "error" => {
                assert!(evaluate(&format!("{call} == 0")).is_err(), "{case}")
            }
            value => assert_eq!(evaluate(&format!("{call} == {value}")), Ok(true), "{case}"),
        }
    }
    eprintln!("condition functions: {} of {} cases agree", cases.len(), cases.len());
    assert_eq!(cases.len(), 22);
}

/// These rows were worked out from Argo's code; no test of Argo states them.
#[test]
fn derived_phases_agree() {
    let Some(folder) = shared::folder() else { return };
    let table = json(&folder.join("conformance/argo/conditions.json"));
    let cases = table["derived_not_from_a_test"].as_array().expect("derived rows");
    for case in cases {
        let (success, failure) =
            (condition(text(case, "successCondition")), condition(text(case, "failureCondition")));
        let ours = phase(&table_value(&case["result"]), success.as_ref(), failure.as_ref());
        assert_eq!(ours.name(), text(case, "phase"), "{case}");
    }
    eprintln!("derived phases: {} of {} cases agree", cases.len(), cases.len());
    assert_eq!(cases.len(), 12);
}

#[test]
fn a_type_error_is_known_without_a_value() {
    let condition = Condition::parse("result >= 0.95").expect("an expression");
    let fits: Vec<_> = ResultKind::ALL.into_iter().filter(|kind| condition.check(*kind).is_ok()).collect();
    assert_eq!(fits, [ResultKind::Int, ResultKind::Float]);
}
