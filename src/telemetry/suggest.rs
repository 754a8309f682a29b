//! "Did you mean": the nearest of a list of known names.

/// The known name nearest to `wrong`, if any is near enough to be meant: at most a third of its letters differ.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(|name| (distance(wrong, name, most), name))
        .filter(|(far, name)| *far <= most || contains(name, wrong))
        .min_by_key(|(far, name)| (*far, name.len()))
        .map(|(_, name)| name)
}

/// A short name inside a long one, like a service inside its host name.
fn contains(known: &str, wrong: &str) -> bool {
    wrong.len() >= 3 && known.contains(wrong)
}

/// Edit distance, given up beyond `most`.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant_and_a_far_one_is_not() {
        let known = ["istio_requests_total", "http_requests_total", "up"];
        assert_eq!(nearest("istio_request_total", known), Some("istio_requests_total"));
        assert_eq!(nearest("frobnicate", known), None);
        assert!(nearest("checkout", ["checkout.default.svc.cluster.local"]).is_some());
        assert_eq!(distance("kitten", "sitting", 9), 3);
    }
}
