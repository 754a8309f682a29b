//! The rules, a small family a file. To add one: write it in its family's `RULES`; a new family is a `mod` line and an
//! entry of [`FAMILIES`]. The reference page `docs/lint.md` and the tests of the examples follow from the lists.

mod argo;
mod arguments;
mod bind;
mod comparison;
mod condition;
mod deployments;
mod flagger;
mod kubernetes;
mod latency;
mod sample;
mod share;
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
    ("Comparisons", comparison::RULES),
    ("Traffic", sample::RULES),
    ("Time", time::RULES),
    ("Windows", window::RULES),
    ("What a policy does", trigger::RULES),
    ("Argo conditions", condition::RULES),
    ("Argo metrics", argo::RULES),
    ("Flagger", flagger::RULES),
    ("Kubernetes", kubernetes::RULES),
    ("Deployments and compose files", deployments::RULES),
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
