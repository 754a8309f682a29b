//! Operators on values at run time, with Go's rules: integers wrap, `/` is always a float division, numbers of
//! different types compare by value, NaN compares false with everything.

use super::ast::BinOp;
use super::value::{Instant, Val, Value, go_int};

const SECOND: i128 = 1_000_000_000;

impl Instant {
    fn total(self) -> i128 {
        i128::from(self.seconds) * SECOND + i128::from(self.nanos)
    }

    /// The instant `nanos` after the epoch; saturates where seconds leave 64 bits.
    pub(super) fn from_total(nanos: i128) -> Instant {
        let seconds = nanos.div_euclid(SECOND);
        let limit = i128::from(i64::MAX);
        Instant { seconds: seconds.clamp(-limit, limit) as i64, nanos: nanos.rem_euclid(SECOND) as u32 }
    }

    fn plus(self, nanos: i64) -> Instant {
        Instant::from_total(self.total() + i128::from(nanos))
    }

    fn minus(self, other: Instant) -> i64 {
        (self.total() - other.total()).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

/// `==`: by value between numbers, element by element between lists, exact otherwise.
pub(super) fn equal(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Nil, Val::Nil) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Int(a), Val::Int(b)) => a == b,
        (Val::Text(a), Val::Text(b)) => a == b,
        (Val::Time(a), Val::Time(b)) => a == b,
        (Val::Duration(a), Val::Duration(b)) => a == b,
        (Val::Map(a), Val::Map(b)) => a == b,
        _ => match (a.number(), b.number(), a.list_len(), b.list_len()) {
            (Some(a), Some(b), ..) => a == b,
            (_, _, Some(n), Some(m)) => n == m && (0..n).all(|i| equal(&a.element(i), &b.element(i))),
            _ => false,
        },
    }
}

/// `<`, `<=`, `>`, `>=`; `None` when the two have no order.
pub(super) fn ordered(op: BinOp, a: &Val<'_>, b: &Val<'_>) -> Option<bool> {
    use std::cmp::Ordering::{Greater, Less};
    let order = match (a, b) {
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
        (Val::Time(a), Val::Time(b)) => Some(a.cmp(b)),
        (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        // No order at all between a number and NaN: every comparison is false.
        _ => a.number()?.partial_cmp(&b.number()?),
    };
    Some(match op {
        BinOp::Lt => order == Some(Less),
        BinOp::Gt => order == Some(Greater),
        BinOp::Le => order.is_some_and(|o| o != Greater),
        _ => order.is_some_and(|o| o != Less),
    })
}

/// `+ - * / % **`; `None` where the operator is not defined on these types, or divides an integer by zero.
pub(super) fn arithmetic<'a>(op: BinOp, a: &Val<'a>, b: &Val<'a>) -> Option<Val<'a>> {
    if let (Val::Int(a), Val::Int(b)) = (a, b) {
        return integers(op, *a, *b);
    }
    if let (Some(a), Some(b)) = (a.number(), b.number()) {
        return floats(op, a, b).map(Val::Float);
    }
    match (op, a, b) {
        (BinOp::Add, Val::Text(a), Val::Text(b)) => Some(Val::Text(format!("{a}{b}").into())),
        (BinOp::Add, Val::Time(t), Val::Duration(d)) | (BinOp::Add, Val::Duration(d), Val::Time(t)) => {
            Some(Val::Time(t.plus(*d)))
        }
        (BinOp::Sub, Val::Time(t), Val::Duration(d)) => Some(Val::Time(t.plus(d.checked_neg()?))),
        (BinOp::Sub, Val::Time(a), Val::Time(b)) => Some(Val::Duration(a.minus(*b))),
        (BinOp::Add, Val::Duration(a), Val::Duration(b)) => Some(Val::Duration(a.wrapping_add(*b))),
        (BinOp::Sub, Val::Duration(a), Val::Duration(b)) => Some(Val::Duration(a.wrapping_sub(*b))),
        (BinOp::Mul, Val::Duration(a), Val::Duration(b)) => Some(Val::Duration(a.wrapping_mul(*b))),
        (BinOp::Mul, Val::Duration(d), n) | (BinOp::Mul, n, Val::Duration(d)) => {
            Some(Val::Duration(go_int(*d as f64 * n.number()?)))
        }
        _ => None,
    }
}

fn integers<'a>(op: BinOp, a: i64, b: i64) -> Option<Val<'a>> {
    Some(match op {
        BinOp::Add => Val::Int(a.wrapping_add(b)),
        BinOp::Sub => Val::Int(a.wrapping_sub(b)),
        BinOp::Mul => Val::Int(a.wrapping_mul(b)),
        BinOp::Rem if b == 0 => return None,
        BinOp::Rem => Val::Int(a.wrapping_rem(b)),
        _ => Val::Float(floats(op, a as f64, b as f64)?),
    })
}

fn floats(op: BinOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinOp::Add => a + b,
        BinOp::Sub => a - b,
        BinOp::Mul => a * b,
        BinOp::Div => a / b,
        BinOp::Pow => libm::pow(a, b),
        _ => return None,
    })
}

/// `needle in haystack`; the error says why it is not defined.
pub(super) fn contained(needle: &Val<'_>, haystack: &Val<'_>) -> Result<bool, String> {
    if let Some(length) = haystack.list_len() {
        return Ok((0..length).any(|i| equal(&haystack.element(i), needle)));
    }
    match (needle, haystack) {
        (_, Val::Nil) => Ok(false),
        (Val::Text(key), Val::Map(fields)) => Ok(fields.contains_key(key.as_ref())),
        (Val::Nil, Val::Map(fields)) => Ok(fields.contains_key("")),
        (_, Val::Map(_)) => Err(format!("cannot use {} as type string in map key", needle.go_name())),
        _ => Err(format!("operator \"in\" not defined on {}", haystack.go_name())),
    }
}

/// `list[index]`, `map[key]`, `text[index]`; negative indices count from the end.
pub(super) fn fetch<'a>(owner: &Val<'a>, key: &Val<'_>) -> Result<Val<'a>, String> {
    let undefined = || format!("cannot fetch from {}", owner.go_name());
    match (owner, key) {
        (Val::Map(std::borrow::Cow::Borrowed(fields)), Val::Text(name)) => {
            Ok(fields.get(name.as_ref()).map_or(Val::Nil, Val::from))
        }
        (Val::Map(fields), Val::Text(name)) => {
            Ok(fields.get(name.as_ref()).cloned().map_or(Val::Nil, Val::owned))
        }
        (Val::Map(fields), Val::Nil) => Ok(fields.get("").cloned().map_or(Val::Nil, Val::owned)),
        (Val::Map(_), _) => Err(format!("cannot use {} to get an element from a map", key.go_name())),
        (Val::Text(text), _) => {
            let index = position(key, text.len()).map_err(|e| e.unwrap_or_else(undefined))?;
            Ok(text.as_bytes().get(index).map_or(Val::Nil, |b| Val::Int(i64::from(*b))))
        }
        _ => {
            let length = owner.list_len().ok_or_else(undefined)?;
            let index = position(key, length).map_err(|e| e.unwrap_or_else(undefined))?;
            Ok(owner.element(index))
        }
    }
}

/// The place of `key` in a list of `length`; the error is `None` when the key is no number.
fn position(key: &Val<'_>, length: usize) -> Result<usize, Option<String>> {
    let index = key.integer().ok_or(None)?;
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = if index < 0 { size.saturating_add(index) } else { index };
    match usize::try_from(from_start) {
        Ok(place) if place < length => Ok(place),
        _ => Err(Some(format!("index out of range: {from_start} (array length is {length})"))),
    }
}

/// `owner[from:to]`; bounds are clipped, negative ones count from the end.
pub(super) fn slice<'a>(owner: &Val<'a>, from: i64, to: Option<i64>) -> Result<Val<'a>, String> {
    let length = match owner {
        Val::Text(text) => text.len(),
        _ => owner.list_len().ok_or_else(|| format!("cannot slice {}", owner.go_name()))?,
    };
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let clip = |i: i64| (if i < 0 { size.saturating_add(i) } else { i }).clamp(0, size);
    let end = to.map_or(size, clip) as usize;
    let start = (clip(from) as usize).min(end);
    match owner {
        Val::Text(text) => match text.get(start..end) {
            Some(part) => Ok(Val::Text(part.to_owned().into())),
            None => Err("slice cuts a character".to_owned()),
        },
        Val::Floats(v) => Ok(Val::Floats(v.get(start..end).unwrap_or(&[]).to_vec().into())),
        Val::List(v) => Ok(Val::List(v.get(start..end).unwrap_or(&[]).to_vec().into())),
        _ => Err(format!("cannot slice {}", owner.go_name())),
    }
}

/// A list of owned values.
pub(super) fn list<'a>(items: Vec<Value>) -> Val<'a> {
    Val::List(items.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_compares_false_and_integers_wrap() {
        let nan = Val::Float(f64::NAN);
        for op in [BinOp::Lt, BinOp::Le, BinOp::Gt, BinOp::Ge] {
            assert_eq!(ordered(op, &nan, &Val::Int(1)), Some(false));
        }
        assert!(!equal(&nan, &nan));
        assert!(matches!(
            arithmetic(BinOp::Add, &Val::Int(i64::MAX), &Val::Int(1)),
            Some(Val::Int(i64::MIN))
        ));
        assert!(arithmetic(BinOp::Rem, &Val::Int(1), &Val::Int(0)).is_none());
        assert!(matches!(arithmetic(BinOp::Rem, &Val::Int(i64::MIN), &Val::Int(-1)), Some(Val::Int(0))));
        assert!(ordered(BinOp::Lt, &Val::Bool(true), &Val::Int(1)).is_none());
    }

    #[test]
    fn lists_of_different_go_types_are_equal_by_element() {
        let floats = Value::Floats(vec![1.0, 2.0]);
        let items = Value::List(vec![Value::Int(1), Value::Float(2.0)]);
        assert!(equal(&Val::from(&floats), &Val::from(&items)));
    }

    #[test]
    fn slices_clip_and_indices_do_not() {
        let floats = Value::Floats(vec![1.0, 2.0, 3.0]);
        let list = Val::from(&floats);
        assert_eq!(slice(&list, -2, Some(99)).unwrap().into_owned(), Value::Floats(vec![2.0, 3.0]));
        assert_eq!(slice(&list, 3, Some(1)).unwrap().into_owned(), Value::Floats(vec![]));
        assert!(fetch(&list, &Val::Int(-4)).unwrap_err().contains("out of range: -1"));
        assert!(matches!(fetch(&list, &Val::Int(-1)), Ok(Val::Float(3.0))));
        assert!(fetch(&list, &Val::Int(i64::MIN)).is_err());
    }
}
