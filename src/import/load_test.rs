//! Load-test commands in webhooks, as synthetic traffic on the canary.
//!
//! `hey -z 1m -q 10 -c 2 http://…` sends 10 requests a second from each of 2 workers for a minute. Without `-q` it
//! sends as fast as it is answered, which is no rate that a file tells. `wrk2 -R 100` sends 100 requests a second in
//! all; plain `wrk` has no rate either.

use crate::quantity::Rate;

/// hey's number of workers when the command gives none.
const WORKERS: f64 = 50.0;

/// Requests per second of a `hey` or `wrk2` command; `None` for other commands and for unlimited rates.
pub(super) fn rate(command: &str) -> Option<Rate> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (at, program) = program(&words)?;
    let words = words.get(at + 1..)?;
    let total = if program == "hey" {
        flag(words, "-q")? * flag(words, "-c").unwrap_or(WORKERS)
    } else {
        flag(words, "--rate").or_else(|| flag(words, "-R"))?
    };
    Rate::per_second(total).ok().filter(|rate| rate.get() > 0.0)
}

/// Whether a command is a load test of a known kind, with or without a rate.
pub(super) fn is_one(command: &str) -> bool {
    program(&command.split_whitespace().collect::<Vec<_>>()).is_some()
}

/// The load generator in a command, with or without its folder, and where it stands.
fn program<'w>(words: &[&'w str]) -> Option<(usize, &'w str)> {
    let name = |word: &'w str| word.rsplit('/').next().unwrap_or(word);
    let known = |(_, name): &(usize, &str)| ["hey", "wrk", "wrk2"].contains(name);
    // An address that ends in such a name is no command.
    let commands = words.iter().enumerate().filter(|(_, word)| !word.contains("://"));
    commands.map(|(at, word)| (at, name(word))).find(known)
}

/// The number after a flag, also when it is written without a blank (`-q10`, `-q=10`).
fn flag(words: &[&str], name: &str) -> Option<f64> {
    words.iter().enumerate().find_map(|(at, word)| {
        let rest = word.strip_prefix(name)?;
        let number = if rest.is_empty() { words.get(at + 1)? } else { rest.trim_start_matches('=') };
        number.parse::<f64>().ok().filter(|value| value.is_finite())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hey_commands_have_a_rate_when_they_say_so() {
        let rate = |command: &str| super::rate(command).map(Rate::get);
        assert_eq!(rate("hey -z 1m -q 10 -c 2 http://podinfo-canary.test/"), Some(20.0));
        assert_eq!(rate("hey -z 1m -q5 http://x/"), Some(250.0));
        assert_eq!(rate("/usr/bin/hey -c=4 -q=2.5 -H 'Cookie: type=insider' http://x/"), Some(10.0));
        assert_eq!(rate("hey -z 1m -c 2 http://x/"), None);
        assert_eq!(rate("curl -sd 'test' http://x/token | grep token"), None);
        assert_eq!(rate("hey -q"), None);
        assert_eq!(rate("wrk -t 2 -c 10 -d 1m http://x/"), None);
        assert_eq!(rate("wrk2 -t2 -c10 -R 200 http://x/"), Some(200.0));
        assert_eq!(rate("/bin/wrk --rate=50 http://x/"), Some(50.0));
        assert!(is_one("wrk -t 2 http://x/") && !is_one("they say hello"));
    }
}
