//! Load-test commands in webhooks, as synthetic traffic on the canary.
//!
//! `hey -z 1m -q 10 -c 2 http://…` sends 10 requests a second from each of 2 workers for a minute. Without `-q` it
//! sends as fast as it is answered, which is no rate that a file tells.

use crate::quantity::Rate;

/// hey's number of workers when the command gives none.
const WORKERS: f64 = 50.0;

/// Requests per second of a `hey` command; `None` for other commands and for unlimited rates.
pub(super) fn rate(command: &str) -> Option<Rate> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "hey" || word.ends_with("/hey"))?;
    let words = words.get(at + 1..)?;
    let per_worker = flag(words, "-q")?;
    let workers = flag(words, "-c").unwrap_or(WORKERS);
    Rate::per_second(per_worker * workers).ok().filter(|rate| rate.get() > 0.0)
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
    }
}
