//! Unit tests of the language as a whole; the large table made with the real engine is in `tests/it`.

use super::*;
use proptest::prelude::*;

fn vector(values: &[f64]) -> Value {
    Value::Floats(values.to_vec())
}

fn verdict(source: &str, result: &Value) -> Result<bool, ExprErrorKind> {
    Condition::parse_or_failing(source).evaluate(result).map_err(|e| e.kind)
}

#[test]
fn the_type_of_the_result_decides() {
    assert_eq!(verdict("result >= 0.95", &Value::Float(0.99)), Ok(true));
    assert_eq!(verdict("result >= 0.95", &vector(&[0.99])), Err(ExprErrorKind::Type));
    assert_eq!(verdict("true || result.rate > 1", &vector(&[])), Err(ExprErrorKind::Type));
    assert_eq!(verdict("result[0]", &vector(&[1.0])), Err(ExprErrorKind::NotBool));
    assert_eq!(verdict("result[0] >", &vector(&[1.0])), Err(ExprErrorKind::Syntax));
    assert!(Condition::parse("result[0] > 1").unwrap().check(ResultKind::Float).is_err());
}

#[test]
fn nan_makes_both_sides_of_a_threshold_false() {
    let nan = vector(&[f64::NAN]);
    assert_eq!(verdict("result[0] >= 0.95", &nan), Ok(false));
    assert_eq!(verdict("result[0] < 0.95", &nan), Ok(false));
    assert_eq!(verdict("not (result[0] < 0.95)", &nan), Ok(true));
    assert_eq!(verdict("isNaN(result[0]) || result[0] >= 0.95", &nan), Ok(true));
}

#[test]
fn default_and_is_nil_look_at_the_whole_result() {
    assert_eq!(verdict("default(result[0], 0) <= 0.05", &vector(&[])), Err(ExprErrorKind::Runtime));
    assert_eq!(verdict("default(result, 1) >= 0.95", &Value::Nil), Ok(true));
    assert_eq!(verdict("isNil(1)", &Value::Nil), Ok(true));
    assert_eq!(verdict("isNil(nil)", &Value::Float(1.0)), Ok(false));
}

#[test]
fn a_dominant_constant_hides_a_run_time_error_but_no_type_error() {
    assert_eq!(verdict("result[0] > 1 || true", &vector(&[])), Ok(true));
    assert_eq!(verdict("result.x > 1 || true", &vector(&[])), Err(ExprErrorKind::Type));
}

#[test]
fn is_nan_of_an_integer_literal_is_a_float_and_of_an_integer_is_not() {
    assert_eq!(verdict("isNaN(1)", &Value::Nil), Ok(false));
    assert_eq!(verdict("isNaN(asInt(result))", &Value::Float(1.0)), Err(ExprErrorKind::Runtime));
}

#[test]
fn optional_chains_stop_at_nil() {
    let map = Value::from_json(&serde_json::json!({"a": {"b": 1}, "n": null}));
    assert_eq!(verdict("result?.a?.b == 1", &map), Ok(true));
    assert_eq!(verdict("result?.n?.b == nil", &map), Ok(true));
    assert_eq!(verdict("result.n.b == nil", &map), Err(ExprErrorKind::Runtime));
    assert_eq!(verdict("(result.n?.b ?? 3) == 3", &map), Ok(true));
    assert_eq!(verdict("result.n?.b.c.d == nil", &map), Ok(true));
}

#[test]
fn predicates_pipes_variables_and_slices() {
    let v = vector(&[1.0, 2.0, 3.0]);
    for source in [
        "result | filter(# > 1) | len() == 2",
        "let n = len(result); let m = sum(result); m / n == 2",
        "map(result, # * #index) == [0, 2, 6]",
        "reduce(result, #acc + #, 10) == 16",
        "result[1:] == [2, 3] and result[-1] == last(result)",
        "find(result, # > 1) == 2 && findLastIndex(result, # > 1) == 2",
        "median(result) == 2 && max(result, 9) == 9 && min(result) == 1",
        "if len(result) > 2 { true } else { false }",
        "1 < len(result) <= 3",
        "(result[0] > 9) ?: result[0] == 1",
        "one(result, # == 2) ? !any(result, # > 3) : false",
        "{a: 1, \"b\": 2}.b == 2 && 2 not in [1, 3]",
        "string(result[0]) + \"x\" == '1x'",
        "split('a,b', ',')[1] == 'b' and join(['a', 'b'], '-') == 'a-b'",
        "$env.result[0] == 1",
    ] {
        assert_eq!(verdict(source, &v), Ok(true), "{source}");
    }
}

#[test]
fn text_functions() {
    let text = Value::Str("  pod-1,pod-2 ".to_owned());
    for source in [
        "trim(result) == 'pod-1,pod-2'",
        "trim('xxaxx', 'x') == 'a' && trimPrefix('v1', 'v') == '1' && trimSuffix('5ms', 'ms') == '5'",
        "upper('a') + lower('B') == 'Ab'",
        "split('a,b,c', ',', 2) == ['a', 'b,c'] && split('ab', '') == ['a', 'b']",
        "replace('aaa', 'a', 'b') == 'bbb' && replace('aaa', 'a', 'b', 1) == 'baa'",
        "indexOf(result, 'pod') == 2 && lastIndexOf(result, 'pod') == 8 && indexOf(result, 'x') == -1",
        "hasPrefix(result, '  p') and not hasSuffix(result, '2')",
        "result matches 'pod-[0-9]' && !(result matches '^pod')",
        "'a' in ['a'] && result contains 'pod' && result not startsWith 'pod'",
        "int('42') == 42 && float('0.5') == 0.5 && type(1.0) == 'float' && type(nil) == 'nil'",
    ] {
        assert_eq!(verdict(source, &text), Ok(true), "{source}");
    }
    for source in
        ["upper(1) == ''", "split('a') == []", "join([1, 2]) == ''", "result matches '('", "int('x') == 0"]
    {
        assert!(verdict(source, &text).is_err(), "{source}");
    }
}

#[test]
fn aggregates_look_into_lists_and_refuse_the_rest() {
    let list = Value::from_json(&serde_json::json!([3, [1, 2]]));
    assert_eq!(
        verdict("max(result) == 3 && min(result) == 1 && mean(result) == 2 && median(result) == 2", &list),
        Ok(true)
    );
    assert_eq!(
        verdict("max(result) == nil && mean(result) == 0 && sum(result) == 0", &vector(&[])),
        Ok(true)
    );
    assert_eq!(verdict("max(result) >= 0", &vector(&[])), Err(ExprErrorKind::Runtime));
    assert_eq!(verdict("mean(result) > 0", &Value::Str("x".to_owned())), Err(ExprErrorKind::Type));
    // A leading NaN is never beaten, a later one never wins.
    assert_eq!(verdict("isNaN(max(result))", &vector(&[f64::NAN, 1.0])), Ok(true));
    assert_eq!(verdict("max(result) == 1", &vector(&[1.0, f64::NAN])), Ok(true));
}

#[test]
fn what_is_not_imitated_says_so() {
    let condition = Condition::parse("len(sort(result)) > 0 && now() == now()").unwrap();
    assert_eq!(condition.unsupported(), ["sort", "now"]);
    assert_eq!(condition.evaluate(&vector(&[1.0])).unwrap_err().kind, ExprErrorKind::Unsupported);
}

#[test]
fn work_is_bounded() {
    let v = vector(&[0.0; 200]);
    let nested = "all(result, all(result, all(result, all(result, # == 0))))";
    assert_eq!(verdict(nested, &v), Err(ExprErrorKind::Budget));
    assert_eq!(verdict("len(1..9000000000) > 0", &v), Err(ExprErrorKind::Budget));
    assert_eq!(
        verdict("len(map(result, map(result, map(result, result)))) > 0", &v),
        Err(ExprErrorKind::Budget)
    );
    assert_eq!(verdict("'x' matches '(a{900}){900}'", &v), Err(ExprErrorKind::Type));
    let doubling = |from: &str| {
        let lets: String =
            (1..40).map(|i| format!("let x{i} = {} + x{};", format_args!("x{}", i - 1), i - 1)).collect();
        format!("let x0 = {from}; {lets} len(x39) > 0")
    };
    assert_eq!(verdict(&doubling("'ab'"), &v), Err(ExprErrorKind::Budget));
    let lists: String = (1..40).map(|i| format!("let x{i} = [x{0}, x{0}];", i - 1)).collect();
    assert_eq!(verdict(&format!("let x0 = 1; {lists} len(x39) > 0"), &v), Err(ExprErrorKind::Budget));
    let elvis = "(".repeat(60) + "true" + &" ?: true)".repeat(60);
    assert_eq!(verdict(&elvis, &v), Ok(true));
}

#[test]
fn range_bounds_are_counted_from_now() {
    let now = SimTime::ZERO + SimDuration::from_mins(10);
    let five = SimTime::ZERO + SimDuration::from_mins(5);
    assert_eq!(range_bound("now() - duration(\"5m\")", now), Ok(five));
    assert_eq!(range_bound("now()", now), Ok(now));
    assert_eq!(range_bound("now() - duration('2h')", now), Ok(SimTime::ZERO));
    assert_eq!(range_bound("now() - 2 * duration('150s')", now), Ok(five));
    assert_eq!(range_bound("date('2024-05-01')", now).unwrap_err().kind, ExprErrorKind::Unsupported);
    assert_eq!(range_bound("5", now).unwrap_err().kind, ExprErrorKind::Type);
    assert_eq!(range_bound("now() -", now).unwrap_err().kind, ExprErrorKind::Syntax);
    assert_eq!(range_bound("now() - duration('5d')", now).unwrap_err().kind, ExprErrorKind::Runtime);
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "result", "[", "]", "(", ")", "{", "}", "#", ".", "?.", "..", "0", "1", "-1", "0.5", "nil", "true",
        "'a'", "+", "-", "*", "/", "%", "**", "==", "<", ">=", "in", "not", "&&", "||", "??", "?", ":", ",",
        ";", "|", "let", "x", "=", "if", "else", "all", "map", "filter", "sum", "len", "max", "first",
        "isNaN", "default", "asInt", "matches", "contains", "#acc", "reduce", "$env", "split", "replace",
        "duration", "date",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

fn results() -> Vec<Value> {
    vec![
        Value::Nil,
        Value::Float(f64::NAN),
        Value::Str("é0.5".to_owned()),
        vector(&[]),
        vector(&[0.5, f64::INFINITY]),
        Value::from_json(&serde_json::json!({"a": [1, "b"], "x": null})),
        Value::from_json(&serde_json::json!([{"v": 1}, 2, "three"])),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "\\PC{0,200}") {
        for result in results() {
            let _ = Condition::parse_or_failing(&source).evaluate(&result);
        }
    }

    #[test]
    fn no_salad_of_tokens_makes_it_panic(source in words()) {
        let condition = Condition::parse_or_failing(&source);
        let _ = range_bound(&source, SimTime::ZERO);
        for result in results() {
            let verdict = condition.evaluate(&result);
            prop_assert_eq!(&verdict, &condition.evaluate(&result));
            if condition.check(result.kind()).is_err() {
                prop_assert!(verdict.is_err());
            }
        }
    }
}
