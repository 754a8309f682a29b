//! Shares that a rollout goes through: they rise, and end at everybody.

use crate::quantity::Weight;
use crate::strategy::Objection;

/// Most steps of a rollout.
const MOST: usize = 200;

/// What is wrong with a list of shares in this field.
pub fn objections(field: &str, shares: &[Weight]) -> Vec<Objection> {
    let object =
        |path: Vec<String>, fact: String, help: &str| Objection { path, fact, help: help.to_owned() };
    let whole = || vec![field.to_owned()];
    if shares.last().is_none_or(|last| last.get() < 100.0) {
        let fact = "the last share is not everybody".to_owned();
        return vec![object(
            whole(),
            fact,
            "end with `100%`: a rollout that stops on the way is never promoted",
        )];
    }
    if shares.len() > MOST {
        return vec![object(
            whole(),
            format!("{} steps are more than {MOST}", shares.len()),
            "take larger steps",
        )];
    }
    let wrong = shares.windows(2).enumerate().filter(|(_, pair)| pair[1].get() <= pair[0].get());
    wrong
        .map(|(at, pair)| {
            let fact = format!("the share {} does not rise above {} of the step before", pair[1], pair[0]);
            object(vec![field.to_owned(), (at + 1).to_string()], fact, "shares rise from step to step")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_rise_to_everybody() {
        let of = |shares: &[f64]| {
            let shares: Vec<Weight> = shares.iter().map(|share| Weight::percent(*share).unwrap()).collect();
            objections("waves", &shares).into_iter().map(|found| found.path.join(".")).collect::<Vec<_>>()
        };
        assert!(of(&[1.0, 50.0, 100.0]).is_empty());
        assert_eq!(of(&[]), ["waves"]);
        assert_eq!(of(&[10.0, 50.0]), ["waves"]);
        assert_eq!(of(&[50.0, 10.0, 100.0]), ["waves.1"]);
    }
}
