//! Names of services, as a scenario can have them and as other files mention them.

use std::collections::BTreeMap;

/// Longest name of a service: that of a DNS label.
const LONGEST: usize = 63;

/// The name with everything that is no lower-case letter, digit or `-` replaced by `-`; `service` if nothing is left.
pub(super) fn dns_label(name: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() => c,
        _ => '-',
    };
    let label: String = name.chars().map(plain).take(LONGEST).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "service".to_owned() } else { label.to_owned() }
}

/// Gives every key a name that a scenario can have, different ones to different keys.
#[derive(Debug, Default)]
pub(super) struct Labels {
    of: BTreeMap<String, String>,
}

impl Labels {
    /// The name for `key`, which is called `wanted`; taken names get a number. The same key gets the same name again.
    pub(super) fn give(&mut self, key: &str, wanted: &str) -> String {
        if let Some(label) = self.of.get(key) {
            return label.clone();
        }
        let label = dns_label(wanted);
        let taken = |label: &str| self.of.values().any(|other| other == label);
        let mut unique = label.clone();
        let mut number = 2;
        while taken(&unique) {
            let short: String = label.chars().take(LONGEST - 8).collect();
            unique = format!("{short}-{number}");
            number += 1;
        }
        self.of.insert(key.to_owned(), unique.clone());
        unique
    }

    /// Makes `key` another name of what is called `label`, if it has none of its own.
    pub(super) fn alias(&mut self, key: &str, label: &str) {
        self.of.entry(key.to_owned()).or_insert_with(|| label.to_owned());
    }

    /// The name that was given to `key`.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.of.get(key).map(String::as_str)
    }
}

/// The services among `known` that a value mentions as a host: `shop`, `http://shop:80/x`, `a:1,b:2`, `shop.ns.svc`.
///
/// A host is the part of a word before its port and path, and of a dotted name the first label. A word that merely contains
/// a name mentions nothing.
pub(super) fn hosts<'n>(value: &str, known: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'');
    let host = |word: &'_ str| -> String {
        let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
        let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        rest.split([':', '.']).next().unwrap_or(rest).to_owned()
    };
    let mentioned: Vec<String> = value.split(separator).map(host).collect();
    known.filter(|name| mentioned.iter().any(|host| host == name)).collect()
}

/// Whether a name says that load comes from there; a guess from words in use.
pub(super) fn sounds_like_load(name: &str) -> bool {
    let squeezed: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let squeezed = squeezed.to_ascii_lowercase();
    ["loadgen", "loadtest", "locust", "k6", "trafficgen"].iter().any(|word| squeezed.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_whole_words_before_port_and_path() {
        let known = ["cart", "cartservice", "db"];
        let of = |value: &str| hosts(value, known.into_iter());
        assert_eq!(of("cartservice:7070"), ["cartservice"]);
        assert_eq!(of("http://cart.shop.svc.cluster.local:80/x"), ["cart"]);
        assert_eq!(of("postgres://user:pw@db:5432/x"), ["db"]);
        assert_eq!(of("cart:1,db:2"), ["cart", "db"]);
        assert!(of("my-cart, /cart, carts").is_empty());
    }

    #[test]
    fn labels_are_unique_and_short() {
        let mut labels = Labels::default();
        assert_eq!(labels.give("a", "My_Service"), "my-service");
        assert_eq!(labels.give("b", "my.service"), "my-service-2");
        assert_eq!(labels.give("a", "other"), "my-service");
        assert_eq!(labels.give("c", "__"), "service");
        assert_eq!(labels.give("d", &"x".repeat(99)).len(), LONGEST);
        assert_eq!(labels.give("e", &"x".repeat(99)).len(), LONGEST - 6);
        assert_eq!(labels.get("b"), Some("my-service-2"));
    }
}
