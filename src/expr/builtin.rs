//! What the functions do at run time.

use super::ast::Node;
use super::error::ExprErrorKind;
use super::eval::{Evaluated, Evaluator, Stop, fail, stop};
use super::function::Function;
use super::go_time;
use super::number::{float_text, go_float};
use super::ops;
use super::value::{Val, Value, go_int};

/// Longest text `replace` and `join` may blow up to, in bytes.
const LONGEST: usize = 1_000_000;

impl<'a> Evaluator<'a> {
    pub(super) fn call(&mut self, function: Function, arguments: &'a [Node], at: usize) -> Evaluated<'a> {
        // Most functions take one argument; the vector for the others costs nothing while it is empty.
        let mut arguments = arguments.iter();
        let first = match arguments.next() {
            Some(node) => self.visit(node)?,
            None => Val::Nil,
        };
        let mut rest = Vec::new();
        for node in arguments {
            rest.push(self.visit(node)?);
        }
        match function {
            Function::Unsupported(name) => {
                Err(stop(ExprErrorKind::Unsupported, at, format!("{name} is not imitated")))
            }
            Function::Now => match self.now {
                Some(now) => Ok(Val::Time(now)),
                None => Err(stop(ExprErrorKind::Unsupported, at, "now() has no meaning in a condition here")),
            },
            Function::Date if self.now.is_some() => {
                Err(stop(ExprErrorKind::Unsupported, at, "calendar dates have no meaning in simulated time"))
            }
            // Both ignore what they are given and look at the whole result.
            Function::IsNil => Ok(Val::Bool(matches!(self.whole_result(), Val::Nil))),
            Function::Default => Ok(match self.whole_result() {
                Val::Nil => rest.into_iter().next().unwrap_or(Val::Nil),
                whole => whole,
            }),
            Function::Max | Function::Min | Function::Mean | Function::Median => {
                let mut values = vec![first];
                values.append(&mut rest);
                self.spend(values.iter().filter_map(Val::list_len).sum(), at)?;
                aggregate(function, &values, at)
            }
            _ => plain(function, first, &rest, at),
        }
    }
}

fn plain<'a>(function: Function, first: Val<'a>, rest: &[Val<'a>], at: usize) -> Evaluated<'a> {
    let invalid = || fail(at, format!("invalid argument for {} (type {})", function.name(), first.go_name()));
    Ok(match function {
        Function::AsInt | Function::Int => Val::Int(to_integer(function, &first, at)?),
        Function::AsFloat | Function::Float => {
            Val::Float(to_float(&first).ok_or_else(|| not_a_number(&first, at))?)
        }
        // Typed for float64: an integer that got past the checker does not convert.
        Function::IsNan | Function::IsInf => match first {
            Val::Float(f) => {
                Val::Bool(if function == Function::IsNan { f.is_nan() } else { f.is_infinite() })
            }
            other => {
                return Err(fail(at, format!("interface conversion: {} is not float64", other.go_name())));
            }
        },
        Function::Len => match &first {
            Val::Text(t) => count(t.chars().count()),
            Val::Map(m) => count(m.len()),
            list => count(list.list_len().ok_or_else(invalid)?),
        },
        Function::Abs => match first {
            Val::Int(i) => Val::Int(i.wrapping_abs()),
            Val::Float(f) => Val::Float(f.abs()),
            _ => return Err(invalid()),
        },
        Function::Ceil => Val::Float(first.number().ok_or_else(invalid)?.ceil()),
        Function::Floor => Val::Float(first.number().ok_or_else(invalid)?.floor()),
        Function::Round => Val::Float(first.number().ok_or_else(invalid)?.round()),
        Function::First => ops::fetch(&first, &Val::Int(0)).unwrap_or(Val::Nil),
        Function::Last => ops::fetch(&first, &Val::Int(-1)).unwrap_or(Val::Nil),
        Function::Get => ops::fetch(&first, rest.first().unwrap_or(&Val::Nil)).unwrap_or(Val::Nil),
        Function::Type => Val::Text(type_name(&first).into()),
        Function::Text => Val::Text(to_text(&first, at)?.into()),
        Function::Duration => match &first {
            Val::Text(t) => Val::Duration(go_time::duration(t).map_err(|e| fail(at, e))?),
            _ => return Err(invalid()),
        },
        Function::Date => match (&first, rest) {
            (Val::Text(t), []) => {
                Val::Time(go_time::date(t).ok_or_else(|| fail(at, format!("invalid date {t}")))?)
            }
            _ => {
                return Err(stop(
                    ExprErrorKind::Unsupported,
                    at,
                    "date with a layout or a zone is not imitated",
                ));
            }
        },
        Function::Join => join(&first, rest.first(), at)?,
        _ => text_function(function, &first, rest, at)?,
    })
}

fn count<'a>(n: usize) -> Val<'a> {
    Val::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn not_a_number(value: &Val<'_>, at: usize) -> Stop {
    match value {
        Val::Text(t) => fail(at, format!("strconv.ParseFloat: parsing {t:?}: invalid syntax")),
        other => fail(at, format!("not a number: {}", other.go_name())),
    }
}

fn to_float(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Text(t) => go_float(t),
        other => other.number(),
    }
}

fn to_integer(function: Function, value: &Val<'_>, at: usize) -> Result<i64, Stop> {
    match value {
        Val::Int(i) => Ok(*i),
        Val::Float(f) => Ok(go_int(*f)),
        Val::Text(t) => t.parse().map_err(|_| match function {
            Function::AsInt => fail(at, format!("strconv.ParseInt: parsing {t:?}: invalid syntax")),
            _ => fail(at, format!("invalid operation: int({t})")),
        }),
        other => Err(not_a_number(other, at)),
    }
}

fn type_name(value: &Val<'_>) -> &'static str {
    match value {
        Val::Nil => "nil",
        Val::Bool(_) => "bool",
        Val::Int(_) => "int",
        Val::Float(_) => "float",
        Val::Text(_) => "string",
        Val::Floats(_) | Val::List(_) => "array",
        Val::Map(_) => "map",
        Val::Time(_) => "time.Time",
        Val::Duration(_) => "time.Duration",
    }
}

fn to_text(value: &Val<'_>, at: usize) -> Result<String, Stop> {
    Ok(match value {
        Val::Nil => "<nil>".to_owned(),
        Val::Bool(b) => b.to_string(),
        Val::Int(i) => i.to_string(),
        Val::Float(f) => float_text(*f),
        Val::Text(t) => t.to_string(),
        other => {
            let message = format!("string({}) is not imitated", other.go_name());
            return Err(stop(ExprErrorKind::Unsupported, at, message));
        }
    })
}

fn join<'a>(list: &Val<'a>, glue: Option<&Val<'a>>, at: usize) -> Evaluated<'a> {
    let glue = match glue {
        Some(Val::Text(t)) => t.as_ref(),
        Some(other) => return Err(fail(at, format!("cannot join with {}", other.go_name()))),
        None => "",
    };
    let length =
        list.list_len().ok_or_else(|| fail(at, format!("invalid argument for join ({})", list.go_name())))?;
    if length.saturating_mul(glue.len()) > LONGEST {
        return Err(stop(ExprErrorKind::Budget, at, "join makes too long a text"));
    }
    let mut parts = Vec::with_capacity(length);
    for index in 0..length {
        match list.element(index) {
            Val::Text(t) => parts.push(t.into_owned()),
            other => return Err(fail(at, format!("cannot join {}", other.go_name()))),
        }
    }
    Ok(Val::Text(parts.join(glue).into()))
}

/// Functions whose arguments are all strings, but for a count at the end.
fn text_function<'a>(function: Function, first: &Val<'a>, rest: &[Val<'a>], at: usize) -> Evaluated<'a> {
    let text = |value: &Val<'a>| match value {
        Val::Text(t) => Ok(t.clone()),
        other => Err(fail(at, format!("{} needs a string, not {}", function.name(), other.go_name()))),
    };
    let subject = text(first)?;
    let argument = rest.first().map(text).transpose()?;
    let limit = rest.get(if function == Function::Replace { 2 } else { 1 }).and_then(Val::integer);
    let given = argument.as_deref();
    let place = |index: Option<usize>| index.map_or(Val::Int(-1), count);
    let owned = |t: &str| Val::Text(t.to_owned().into());
    Ok(match (function, given) {
        (Function::Trim, None) => owned(subject.trim()),
        (Function::Trim, Some(set)) => owned(subject.trim_matches(|c| set.contains(c))),
        (Function::TrimPrefix, given) => {
            let prefix = given.unwrap_or(" ");
            owned(subject.strip_prefix(prefix).unwrap_or(&subject))
        }
        (Function::TrimSuffix, given) => {
            let suffix = given.unwrap_or(" ");
            owned(subject.strip_suffix(suffix).unwrap_or(&subject))
        }
        (Function::Upper, _) => Val::Text(subject.to_uppercase().into()),
        (Function::Lower, _) => Val::Text(subject.to_lowercase().into()),
        (Function::Split, Some(by)) => ops::list(split(&subject, by, limit)),
        (Function::IndexOf, Some(part)) => place(subject.find(part)),
        (Function::LastIndexOf, Some(part)) => place(subject.rfind(part)),
        (Function::HasPrefix, Some(part)) => Val::Bool(subject.starts_with(part)),
        (Function::HasSuffix, Some(part)) => Val::Bool(subject.ends_with(part)),
        (Function::Replace, Some(old)) => {
            let new = rest.get(1).map(text).transpose()?.unwrap_or_default();
            // Growth is bounded: inserting a long text between all characters of another is a way to eat memory.
            if subject.len().saturating_add(1).saturating_mul(new.len().max(1)) > LONGEST {
                return Err(stop(ExprErrorKind::Budget, at, "replace makes too long a text"));
            }
            Val::Text(match limit.and_then(|n| usize::try_from(n).ok()) {
                Some(times) => subject.replacen(old, &new, times).into(),
                None => subject.replace(old, &new).into(),
            })
        }
        _ => return Err(fail(at, format!("not enough arguments to call {}", function.name()))),
    })
}

fn split(subject: &str, by: &str, limit: Option<i64>) -> Vec<Value> {
    let text = |part: &str| Value::Str(part.to_owned());
    let limit = limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    if by.is_empty() {
        let mut rest = subject;
        let mut parts = Vec::new();
        while let Some(c) = rest.chars().next() {
            if parts.len() + 1 >= limit {
                break;
            }
            parts.push(Value::Str(c.to_string()));
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
        if !rest.is_empty() && limit > 0 {
            parts.push(text(rest));
        }
        return parts;
    }
    subject.splitn(limit, by).map(text).collect()
}

/// `max`, `min`, `mean`, `median` over numbers and (nested) lists of numbers.
fn aggregate<'a>(function: Function, values: &[Val<'a>], at: usize) -> Evaluated<'a> {
    let invalid = |value: &Val<'a>| {
        fail(at, format!("invalid argument for {} (type {})", function.name(), value.go_name()))
    };
    if let ([only], Function::Max | Function::Min) = (values, function)
        && only.list_len().is_none()
    {
        return Ok(only.clone());
    }
    let mut numbers = Vec::new();
    for value in values {
        flatten(value, &mut numbers).map_err(|odd| invalid(&odd))?;
    }
    Ok(match function {
        Function::Max | Function::Min => {
            let wanted =
                if function == Function::Max { super::ast::BinOp::Lt } else { super::ast::BinOp::Gt };
            // The first stays unless a later one beats it, so a leading NaN is never beaten.
            let mut best = Val::Nil;
            for number in numbers {
                if matches!(best, Val::Nil) || ops::ordered(wanted, &best, &number) == Some(true) {
                    best = number;
                }
            }
            best
        }
        Function::Mean if numbers.is_empty() => Val::Float(0.0),
        Function::Mean => {
            let total: f64 = numbers.iter().filter_map(Val::number).fold(0.0, |sum, x| sum + x);
            Val::Float(total / numbers.len() as f64)
        }
        _ => Val::Float(median(numbers.iter().filter_map(Val::number).collect())),
    })
}

fn flatten<'a>(value: &Val<'a>, into: &mut Vec<Val<'a>>) -> Result<(), Val<'a>> {
    if value.number().is_some() {
        into.push(value.clone());
        return Ok(());
    }
    let length = value.list_len().ok_or_else(|| value.clone())?;
    (0..length).try_for_each(|index| flatten(&value.element(index), into))
}

fn median(mut values: Vec<f64>) -> f64 {
    // Go sorts NaN first.
    values.sort_by(|a, b| {
        b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    let middle = values.len() / 2;
    let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => at(middle),
        _ => (at(middle - 1) + at(middle)) / 2.0,
    }
}
