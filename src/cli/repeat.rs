//! The command that repeats a run, as a shell reads it.

use std::ffi::OsString;

use super::args::{
    ChaosArgs, DEFAULT_SEED, FidelityArg, PlayArgs, PolicyArgs, QuickArgs, RolloutFrom, StudyArgs,
};

/// How the program was started.
pub(super) struct Invocation {
    words: Vec<String>,
}

impl Invocation {
    pub(super) fn of(words: &[OsString]) -> Self {
        Invocation { words: words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect() }
    }

    /// The command that gives the same result anywhere: `score` for the parts of a study (`plan`), without the options
    /// that say where and how it is played, kept and shown, and with its seed written out, whatever the environment holds
    /// then. So a report says the same whether it was played at once, in parts, or read from a store.
    pub(super) fn with_seed(&self, seed: u64) -> String {
        let mut command = "backout".to_owned();
        let mut words = self.words.iter();
        let (mut says_seed, mut has_command) = (false, false);
        while let Some(word) = words.next() {
            let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
            if ELSEWHERE_WITH_VALUE.contains(&name) {
                // The value is the next word, unless it stands in this one.
                if name == word {
                    words.next();
                }
                continue;
            }
            if ELSEWHERE.contains(&name) {
                continue;
            }
            let said = if word == "plan" && !has_command { "score" } else { word };
            has_command |= said == "score";
            says_seed |= name == "--seed";
            command.push(' ');
            command.push_str(&quoted(said));
        }
        if !says_seed {
            command.push_str(&format!(" --seed {seed}"));
        }
        command
    }
}

/// Options that change nothing of a result but where it is made, kept and shown, with a value.
const ELSEWHERE_WITH_VALUE: [&str; 8] =
    ["--jobs", "--format", "--out", "--color", "--store", "--events", "--shards", "--kubernetes"];
/// The same without one.
const ELSEWHERE: [&str; 3] = ["--quiet", "-q", "--no-estimate"];

/// The options that change what is played, beside the files and how often.
pub(super) fn study_options(args: &StudyArgs) -> String {
    options(args.play, &args.policy, &args.quick) + &chaos(&args.chaos)
}

/// The options that change what a policy file and a quick scenario mean, to be repeated in replay commands.
pub(super) fn options(play: PlayArgs, policy: &PolicyArgs, quick: &QuickArgs) -> String {
    let mut options = String::new();
    match play.fidelity {
        FidelityArg::Auto => {}
        FidelityArg::Flow => options.push_str(" --fidelity flow"),
        FidelityArg::Request => options.push_str(" --fidelity request"),
    }
    let mut add = |name: &str, value: String| options.push_str(&format!(" --{name} {}", quoted(&value)));
    policy.bind.iter().for_each(|value| add("bind", value.clone()));
    policy.arg.iter().for_each(|value| add("arg", value.clone()));
    policy.webhook.iter().for_each(|value| add("webhook", value.clone()));
    policy.alert.iter().for_each(|value| add("alert", value.clone()));
    policy.kayenta.iter().for_each(|value| add("kayenta", value.clone()));
    if policy.rollout == RolloutFrom::Scenario {
        add("rollout", "scenario".to_owned());
    }
    let texts = [
        ("rate", quick.rate.map(|value| value.to_string())),
        ("errors", quick.errors.map(|value| value.to_string())),
        ("p99", quick.p99.map(|value| value.to_string())),
        ("p50", quick.p50.map(|value| value.to_string())),
        ("users", quick.users.map(|value| value.to_string())),
        ("replicas", quick.replicas.map(|value| value.to_string())),
        ("service", quick.service.clone()),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            add(name, value);
        }
    }
    if policy.allow_missing_series {
        options.push_str(" --allow-missing-series");
    }
    options
}

/// The chaos that was asked for.
pub(super) fn chaos(args: &ChaosArgs) -> String {
    let mut options = String::new();
    let mut add = |name: &str, value: &str| options.push_str(&format!(" --{name} {}", quoted(value)));
    args.chaos.iter().for_each(|file| add("chaos", file));
    if let Some(at) = args.chaos_at {
        add("chaos-at", &at.to_string());
    }
    args.chaos_target.iter().for_each(|pair| add("chaos-target", pair));
    options
}

/// The seed as an option; nothing for the default.
pub(super) fn seed_option(seed: u64) -> String {
    if seed == DEFAULT_SEED { String::new() } else { format!(" --seed {seed}") }
}

/// The word as a shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(words: &[&str]) -> Invocation {
        Invocation::of(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_seed_is_written_once_and_words_are_quoted() {
        let plain = invocation(&["/usr/bin/backout", "score", "a b.yaml"]);
        assert_eq!(plain.with_seed(7), "backout score 'a b.yaml' --seed 7");
        let seeded = invocation(&["backout", "score", "--seed=9"]);
        assert_eq!(seeded.with_seed(9), "backout score --seed=9");
    }

    #[test]
    fn where_it_is_played_and_kept_is_not_part_of_it() {
        let same = "backout score a.yaml -s fault/crash-loop -n 20 --seed 7";
        for words in [
            "score a.yaml -s fault/crash-loop -n 20",
            "score a.yaml --store=night -s fault/crash-loop --format json -n 20 --out plan -q",
            "plan a.yaml --shards 7 -s fault/crash-loop -n 20 --no-estimate --out plan.json",
            "--jobs 2 plan a.yaml -s fault/crash-loop -n 20 --shards=2 --seed 7",
        ] {
            let words: Vec<&str> = std::iter::once("backout").chain(words.split(' ')).collect();
            assert_eq!(invocation(&words).with_seed(7), same);
        }
        assert_eq!(invocation(&["backout", "score", "plan"]).with_seed(7), "backout score plan --seed 7");
    }

    #[test]
    fn options_that_matter_are_repeated() {
        let policy = PolicyArgs {
            arg: vec!["a=b c".into()],
            webhook: vec!["gate=opens:20m".into()],
            alert: vec!["*=roll_back".into()],
            allow_missing_series: true,
            ..PolicyArgs::default()
        };
        let quick = QuickArgs { rate: "300/s".parse().ok(), ..QuickArgs::default() };
        assert_eq!(
            options(PlayArgs::default(), &policy, &quick),
            " --arg 'a=b c' --webhook gate=opens:20m --alert '*=roll_back' --rate 300/s --allow-missing-series"
        );
        assert_eq!(options(PlayArgs::default(), &PolicyArgs::default(), &QuickArgs::default()), "");
        assert_eq!((seed_option(DEFAULT_SEED), seed_option(7)), (String::new(), " --seed 7".to_owned()));
    }
}
