//! The rules, a small family a file. To add one: write it in its family's `RULES`; a new family is a `mod` line and an
//! entry of [`FAMILIES`]. The reference page `docs/lint.md` and the tests of the examples follow from the lists.

mod across;
mod argo;
mod arguments;
mod bind;
mod chaos;
mod comparison;
mod condition;
mod deployments;
mod flagger;
mod kayenta;
mod kubernetes;
mod latency;
mod migration;
mod migration_down;
mod migration_lock;
mod sample;
mod share;
mod statistic;
mod time;
mod trigger;
mod window;

pub use bind::unused_bindings;

use super::Rule;

/// Every rule, by family, with the heading of the family.
pub const FAMILIES: &[(&str, &[Rule])] = &[
    ("Names and bindings", bind::RULES),
    ("Arguments", arguments::RULES),
    ("Shares and percentages", share::RULES),
    ("Latencies and histograms", latency::RULES),
    ("Statistics", statistic::RULES),
    ("Comparisons", comparison::RULES),
    ("Traffic", sample::RULES),
    ("Time", time::RULES),
    ("Windows", window::RULES),
    ("What a policy does", trigger::RULES),
    ("Argo conditions", condition::RULES),
    ("Argo metrics", argo::RULES),
    ("Flagger", flagger::RULES),
    ("Kayenta", kayenta::RULES),
    ("Kubernetes", kubernetes::RULES),
    ("Deployments and compose files", deployments::RULES),
    ("Across files", across::RULES),
    ("Chaos", chaos::RULES),
    ("Migrations", migration::RULES),
    ("Ways down", migration_down::RULES),
    ("Locks", migration_lock::RULES),
];

/// Every rule, in the order of the reference page.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|(_, rules)| rules.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_words_joined_by_hyphens_and_unique() {
        let mut seen = BTreeSet::new();
        for rule in rules() {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.id);
            assert!(seen.insert(rule.id), "{} is there twice", rule.id);
            assert!(!rule.summary.ends_with('.') && rule.effect.ends_with('.'), "{}", rule.id);
        }
    }
}
