//! What reading rule files and reading their unit tests have in common.

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::document::Reader;
use crate::promql::Options;
use crate::time::SimDuration;

/// Files may hold what only unit tests can play: dates.
pub(super) fn dated() -> Options {
    Options { dates: true, ..Options::default() }
}

/// The span under a key.
pub(super) fn span(item: &Reader<'_>, key: &str) -> Result<Option<SimDuration>, Diagnostic> {
    item.get(key).map(|value| value.duration_prometheus()).transpose()
}

/// Prometheus refuses keys that it does not know.
pub(super) fn known_keys(item: &Reader<'_>, known: &[&str], wrong: &mut Diagnostics) {
    for entry in item.peek().entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let help = match did_you_mean(&entry.key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        wrong.push(
            item.source().error(entry.location, format!("unknown key `{}`", entry.key)).with_help(help),
        );
    }
}
