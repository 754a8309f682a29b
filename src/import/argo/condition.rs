//! The band of good values in an Argo condition, for showing and for asking how far a value is from it.
//!
//! Conditions are a language; only the usual form, one comparison of `result[0]`, `result` or `#` with a number, has
//! a band. Any other condition has none and is shown as it is written.

use regex::Regex;

use crate::policy::loaded::Limits;

const NONE: Limits = Limits { min: None, max: None, strict: false };

/// What is good, in words, and the band of a pair of conditions.
pub(super) fn read(success: Option<&str>, failure: Option<&str>) -> (String, Limits) {
    let words = match (success, failure) {
        (None, None) => "the measurement succeeds".to_owned(),
        (Some(success), None) => format!("`{success}`"),
        (None, Some(failure)) => format!("not `{failure}`"),
        (Some(success), Some(failure)) => format!("`{success}` and not `{failure}`"),
    };
    let limits = success
        .and_then(|text| comparison(text).map(|(operator, number)| good_side(&operator, number)))
        .or_else(|| failure.and_then(|text| comparison(text).map(|(op, number)| bad_side(&op, number))));
    (words, limits.unwrap_or(NONE))
}

/// The only comparison of the result with a number, if there is exactly one.
fn comparison(text: &str) -> Option<(String, f64)> {
    let pattern = r"(?:\bresult\s*\[\s*0\s*\]|\bresult|#)\s*(<=|>=|<|>)\s*(-?[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)";
    let regex = Regex::new(pattern).ok()?;
    let mut found = regex.captures_iter(text);
    let (first, second) = (found.next()?, found.next());
    if second.is_some() {
        return None;
    }
    let number = first.get(2)?.as_str().replace('_', "").parse().ok()?;
    Some((first.get(1)?.as_str().to_owned(), number))
}

fn good_side(operator: &str, number: f64) -> Limits {
    match operator {
        ">=" => Limits { min: Some(number), ..NONE },
        ">" => Limits { min: Some(number), strict: true, ..NONE },
        "<=" => Limits { max: Some(number), ..NONE },
        _ => Limits { max: Some(number), strict: true, ..NONE },
    }
}

fn bad_side(operator: &str, number: f64) -> Limits {
    match operator {
        ">=" => Limits { max: Some(number), strict: true, ..NONE },
        ">" => Limits { max: Some(number), ..NONE },
        "<=" => Limits { min: Some(number), strict: true, ..NONE },
        _ => Limits { min: Some(number), ..NONE },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_have_a_band() {
        let min = |text: &str| read(Some(text), None).1.min;
        assert_eq!(min("result[0] >= 0.95"), Some(0.95));
        assert_eq!(min("len(result) == 0 || result[0] >= 0.95"), Some(0.95));
        let (_, limits) = read(Some("all(result, # < 1_000)"), None);
        assert!(limits.is_bad(1000.0) && !limits.is_bad(999.0));
        let (words, limits) = read(None, Some("result[0] > 0.05"));
        assert!(limits.is_bad(0.06) && !limits.is_bad(0.05));
        assert_eq!(words, "not `result[0] > 0.05`");
        assert_eq!(read(Some("result[0] > 1 && result[0] < 2"), None).1, NONE);
        assert_eq!(read(Some("result == \"ok\""), None).1, NONE);
    }
}
