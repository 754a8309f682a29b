//! What the user says about providers that the simulation does not have: `--bind provider.NAME=ANSWER`.

use crate::expr::Value;
use crate::policy::argo::engine::Assumption;
use crate::policy::argo::measurement::Phase;

/// What a provider answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Every measurement ends like this, or this share of them succeeds, or each has this result.
    Assumed(Assumption),
    /// It has no data: each provider has its own way to say so.
    NoData,
}

impl Answer {
    /// Reads `succeed`, `fail`, `error`, `inconclusive`, `no_data`, a share of measurements that succeed like `90%`,
    /// or else a result: JSON, or a plain text.
    ///
    /// # Errors
    /// A share that is none, in words.
    pub fn parse(text: &str) -> Result<Answer, String> {
        let assumed = |assumption| Ok(Answer::Assumed(assumption));
        match text {
            "succeed" => return assumed(Assumption::Phase(Phase::Successful)),
            "fail" => return assumed(Assumption::Phase(Phase::Failed)),
            "error" => return assumed(Assumption::Phase(Phase::Error)),
            "inconclusive" => return assumed(Assumption::Phase(Phase::Inconclusive)),
            "no_data" => return Ok(Answer::NoData),
            _ => {}
        }
        if let Some(percent) = text.strip_suffix('%') {
            let share = percent.trim().parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p));
            let share = share.ok_or_else(|| format!("`{text}` is no share between 0% and 100%"))?;
            return assumed(Assumption::Share(share / 100.0));
        }
        let value = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(json) => Value::from_json(&json),
            Err(_) => Value::Str(text.to_owned()),
        };
        assumed(Assumption::Value(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_word_a_share_or_a_result() {
        let of = |text: &str| Answer::parse(text).unwrap();
        assert_eq!(of("fail"), Answer::Assumed(Assumption::Phase(Phase::Failed)));
        assert_eq!(of("90%"), Answer::Assumed(Assumption::Share(0.9)));
        assert_eq!(of("0.97"), Answer::Assumed(Assumption::Value(Value::Float(0.97))));
        assert_eq!(of("ok"), Answer::Assumed(Assumption::Value(Value::Str("ok".to_owned()))));
        assert_eq!(of("no_data"), Answer::NoData);
        assert!(Answer::parse("101%").is_err());
        assert!(matches!(of("[1, 2]"), Answer::Assumed(Assumption::Value(Value::List(_)))));
    }
}
