//! A clause of a gate and its text: `<score>[.stat] <op> <value> [vs base] [at 95%]`.
//!
//! ```text
//! clause  = score { "." stat } op value [ "vs" "base" ] [ "at" percent ]
//! stat    = "mean" | "rate" | "worst" | "p1" .. "p99"
//! op      = "<" | "<=" | ">" | ">="
//! value   = number [ unit ]      a unit of what the score counts: % for shares, a duration for times, days for drills
//! percent = number "%"           more than 50 %, less than 100 %
//! ```
//!
//! With `at`, the whole interval must be on the right side; without, the value itself is compared once, when everything was
//! played. With `vs base`, score and value are differences: new minus base.
//!
//! Traps: `0.05` of a share is 5 %, and `5` is refused (500 %); a number without a unit is no time.

use std::fmt;

use crate::score::figure::{FIGURES, Figure, Stat, Summary, Unit, figure};
use crate::time::SimDuration;

/// The name of the score that is not one of policies: days since the last drill.
pub const DAYS_SINCE_DRILL: &str = "days_since_drill";

/// What a clause is about.
#[derive(Clone, Copy, Debug)]
pub enum Score {
    /// A figure of the records.
    Figure(&'static Figure, Stat),
    /// Days since the last drill, by the history that was given.
    DaysSinceDrill,
}

/// How value and limit are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Op {
    /// Whether `x` is on the right side of the limit; NaN is on neither.
    pub fn holds(self, x: f64, limit: f64) -> bool {
        match self {
            Op::Below => x < limit,
            Op::AtMost => x <= limit,
            Op::Above => x > limit,
            Op::AtLeast => x >= limit,
        }
    }

    /// Whether small values are the right ones.
    pub fn wants_less(self) -> bool {
        matches!(self, Op::Below | Op::AtMost)
    }
}

/// A clause.
#[derive(Clone, Debug)]
pub struct Clause {
    /// As written.
    pub text: String,
    /// What it is about.
    pub score: Score,
    /// The comparison.
    pub op: Op,
    /// The limit: a share, seconds, a number, percent or days.
    pub limit: f64,
    /// Whether it is about the difference to the base.
    pub vs_base: bool,
    /// The level of the interval that must be on the right side; `None` compares the value.
    pub confidence: Option<f64>,
}

/// What is wrong with the text of a clause, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Bytes of the text it is about.
    pub start: usize,
    /// One past the last of them.
    pub end: usize,
    /// What is wrong.
    pub fact: String,
    /// What to write.
    pub help: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fact, self.help)
    }
}

/// A word of a clause with its place.
#[derive(Clone, Copy, Debug)]
struct Word<'t> {
    text: &'t str,
    start: usize,
}

impl Word<'_> {
    fn wrong(self, fact: impl Into<String>, help: impl Into<String>) -> Wrong {
        Wrong { start: self.start, end: self.start + self.text.len(), fact: fact.into(), help: help.into() }
    }
}

/// Words and operators; an operator needs no blanks around it.
fn words(text: &str) -> Vec<Word<'_>> {
    let kind = |c: char| {
        if c.is_whitespace() {
            0
        } else if "<>=!".contains(c) {
            1
        } else {
            2
        }
    };
    let mut found: Vec<Word<'_>> = Vec::new();
    let mut open: Option<(usize, u8)> = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if let Some((start, of)) = open.filter(|(_, of)| *of != kind(c)) {
            found.extend(text.get(start..at).map(|text| Word { text, start }).filter(|_| of != 0));
            open = None;
        }
        open = open.or(Some((at, kind(c))));
    }
    found
}

impl Clause {
    /// Reads a clause.
    ///
    /// # Errors
    /// What is wrong, with its place in the text.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let words = words(text);
        let end = Word { text: "", start: text.trim_end().len() };
        let mut rest = words.iter().copied();
        let score_word = rest.next().unwrap_or(end);
        let score = score(score_word)?;
        let op_word = rest.next().unwrap_or(end);
        let op = op(op_word)?;
        let value_word = rest.next().unwrap_or(end);
        // A unit may stand apart: `5 %`, `3 m`.
        let mut rest = rest.peekable();
        let unit_word = rest.next_if(|word| word.text != "vs" && word.text != "at");
        let (mut vs_base, mut confidence) = (false, None);
        while let Some(word) = rest.next() {
            match word.text {
                "vs" if !vs_base && confidence.is_none() => {
                    let base = rest.next().unwrap_or(end);
                    if base.text != "base" {
                        return Err(base.wrong("`vs` is followed by what to compare with", "write `vs base`"));
                    }
                    vs_base = true;
                }
                "at" if confidence.is_none() => {
                    let mut level = rest.next().unwrap_or(end);
                    if let Some(sign) = rest.next_if(|word| word.text == "%") {
                        level.text = text.get(level.start..sign.start + 1).unwrap_or(level.text);
                    }
                    confidence = Some(level_of(level)?);
                }
                _ => return Err(word.wrong(format!("`{}` is not expected here", word.text), GRAMMAR)),
            }
        }
        let written = unit_word.map_or(value_word, |unit| {
            let whole = text.get(value_word.start..unit.start + unit.text.len());
            Word { text: whole.unwrap_or(value_word.text), start: value_word.start }
        });
        let limit = value(written, score)?;
        if vs_base && matches!(score, Score::DaysSinceDrill) {
            return Err(score_word.wrong("drills have no base to compare with", "leave `vs base` out"));
        }
        Ok(Clause { text: text.trim().to_owned(), score, op, limit, vs_base, confidence })
    }

    /// The name of the score with its summary: `detection_time.p95`.
    pub fn score_name(&self) -> String {
        match self.score {
            Score::DaysSinceDrill => DAYS_SINCE_DRILL.to_owned(),
            Score::Figure(figure, stat) => {
                let summary = match stat.summary {
                    Summary::Percentile(percent) => format!(".p{percent}"),
                    Summary::Mean if matches!(figure.kind, crate::score::figure::Kind::Time(_)) => {
                        ".mean".to_owned()
                    }
                    Summary::Mean | Summary::Total => String::new(),
                };
                format!("{}{summary}{}", figure.name, if stat.worst { ".worst" } else { "" })
            }
        }
    }

    /// What its values count.
    pub fn unit(&self) -> Unit {
        match self.score {
            Score::Figure(figure, _) => figure.unit,
            Score::DaysSinceDrill => Unit::Count,
        }
    }
}

const GRAMMAR: &str = "write `<score>[.stat] <op> <value> [vs base] [at 95%]`";

fn score(word: Word<'_>) -> Result<Score, Wrong> {
    let mut parts = word.text.split('.');
    let name = parts.next().unwrap_or_default();
    if name == DAYS_SINCE_DRILL {
        return match parts.next() {
            None => Ok(Score::DaysSinceDrill),
            Some(_) => Err(word.wrong(format!("`{name}` is one number"), format!("write `{name}`"))),
        };
    }
    let Some(figure) = figure(name) else {
        let mut names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        names.push(DAYS_SINCE_DRILL);
        let meant = crate::diagnostic::did_you_mean(name, &names);
        let help = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        let fact = if name.is_empty() {
            "the score is missing".to_owned()
        } else {
            format!("there is no score `{name}`")
        };
        return Err(word.wrong(fact, format!("{help}scores: {}", names.join(", "))));
    };
    let mut stat = Stat { summary: figure.default_summary(), worst: false };
    for part in parts {
        let percentile = part.strip_prefix('p').and_then(|digits| digits.parse::<u8>().ok());
        let summary = match (part, percentile) {
            ("worst", _) => {
                stat.worst = true;
                continue;
            }
            ("mean" | "rate", _) => Some(Summary::Mean),
            (_, Some(percent)) => Some(Summary::Percentile(percent)),
            _ => None,
        };
        match summary.filter(|summary| figure.allows(*summary)) {
            Some(summary) => stat.summary = summary,
            None => {
                let known: Vec<&str> =
                    [("mean", Summary::Mean), ("p50, p95 (p1 to p99)", Summary::Percentile(50))]
                        .into_iter()
                        .filter(|(_, summary)| figure.allows(*summary))
                        .map(|(name, _)| name)
                        .chain(["worst"])
                        .collect();
                let fact = format!("`{}` has no `{part}`", figure.name);
                return Err(word.wrong(fact, format!("it has {}", known.join(", "))));
            }
        }
    }
    Ok(Score::Figure(figure, stat))
}

fn op(word: Word<'_>) -> Result<Op, Wrong> {
    match word.text {
        "<" => Ok(Op::Below),
        "<=" => Ok(Op::AtMost),
        ">" => Ok(Op::Above),
        ">=" => Ok(Op::AtLeast),
        "" => Err(word.wrong("the comparison is missing", GRAMMAR)),
        other => Err(word.wrong(format!("`{other}` is no comparison"), "write <, <=, > or >=")),
    }
}

fn level_of(word: Word<'_>) -> Result<f64, Wrong> {
    let percent = word.text.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 50.0 && percent < 100.0 => Ok(percent / 100.0),
        _ => Err(word
            .wrong("`at` is followed by a level", "write a percentage between 50% and 100%, like `at 95%`")),
    }
}

fn value(word: Word<'_>, score: Score) -> Result<f64, Wrong> {
    let unit = match score {
        Score::Figure(figure, _) => Some(figure.unit),
        Score::DaysSinceDrill => None,
    };
    let text = word.text;
    let number = |suffix: &str| {
        let digits = text.strip_suffix(suffix)?.trim();
        digits.parse::<f64>().ok().filter(|x| x.is_finite())
    };
    let found = match unit {
        None => number("d").or_else(|| number("days")).or_else(|| number("")),
        Some(Unit::Seconds) => seconds(text),
        Some(Unit::Share) => number("%")
            .map(|percent| percent / 100.0)
            .or_else(|| number("").filter(|share| (-1.0..=1.0).contains(share))),
        Some(Unit::Percent) => number("%").or_else(|| number("")),
        Some(Unit::Count) => number(""),
    };
    found.ok_or_else(|| {
        let fact = if text.is_empty() {
            "the value is missing".to_owned()
        } else {
            format!("`{text}` is no value of this score")
        };
        let help = match unit {
            None => "write a number of days, like `90d`",
            Some(Unit::Seconds) => "write a time with its unit, like `3m` or `90s`",
            Some(Unit::Share) => "write a percentage, like `5%`",
            Some(Unit::Percent) => "write a percentage or a number, like `50`",
            Some(Unit::Count) => "write a number, like `100`",
        };
        word.wrong(fact, help)
    })
}

/// A time in seconds, with its sign: differences may be negative.
fn seconds(text: &str) -> Option<f64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let rest: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
    let duration: SimDuration = rest.parse().ok()?;
    Some(sign * duration.as_nanos() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Clause {
        Clause::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
    }

    #[test]
    fn clauses_of_the_manual() {
        let one = parse("missed_rate <= 5% at 95%");
        assert_eq!((one.op, one.limit, one.vs_base, one.confidence), (Op::AtMost, 0.05, false, Some(0.95)));
        let two = parse("detection_time.p95 < 3m at 99.5 %");
        assert_eq!(
            (two.limit, two.confidence, two.score_name()),
            (180.0, Some(0.995), "detection_time.p95".into())
        );
        let three = parse("false_rollback_rate<=1 % vs base");
        assert_eq!((three.limit, three.vs_base, three.confidence), (0.01, true, None));
        assert_eq!(parse("detection_time <= -30s vs base at 90%").limit, -30.0);
        assert_eq!(parse("missed_rate.worst < 0.5").score_name(), "missed_rate.worst");
        assert_eq!(parse("detection_time.p95.worst < 10m").score_name(), "detection_time.p95.worst");
        assert_eq!(parse("detection_time < 1 m").score_name(), "detection_time.p50");
        assert_eq!(parse("days_since_drill <= 90 days").limit, 90.0);
        assert_eq!(parse("efficacy >= 50").limit, 50.0);
    }

    #[test]
    fn mistakes_have_places() {
        let at = |text: &str| {
            let wrong = Clause::parse(text).unwrap_err();
            (text.get(wrong.start..wrong.end).unwrap().to_owned(), wrong.fact)
        };
        assert_eq!(at("mised_rate < 1%").0, "mised_rate");
        assert_eq!(at("missed_rate.p95 < 1%").1, "`missed_rate` has no `p95`");
        assert_eq!(at("missed_rate == 1%").0, "==");
        assert_eq!(at("missed_rate < 5").0, "5");
        assert_eq!(at("detection_time < 5").0, "5");
        assert_eq!(at("detection_time.p100 < 5s").1, "`detection_time` has no `p100`");
        assert_eq!(at("missed_rate < 5% vs old").0, "old");
        assert_eq!(at("missed_rate < 5% at 40%").0, "40%");
        assert_eq!(at("missed_rate < 5% at 95% at 90%").0, "at");
        assert_eq!(at("missed_rate < 5% or else").0, "else");
        assert_eq!(at("").1, "the score is missing");
        assert_eq!(at("cost").1, "the comparison is missing");
        assert_eq!(at("cost <").1, "the value is missing");
        assert_eq!(at("cost < nan").0, "nan");
        assert_eq!(at("days_since_drill < 5 vs base").0, "days_since_drill");
        assert!(Clause::parse("mised_rate < 1%").unwrap_err().help.starts_with("did you mean `missed_rate`"));
    }

    #[test]
    fn values_stand_on_one_side_or_neither() {
        assert!(Op::Below.holds(1.0, 2.0) && !Op::Below.holds(2.0, 2.0) && Op::AtMost.holds(2.0, 2.0));
        assert!(Op::Above.holds(3.0, 2.0) && !Op::AtLeast.holds(f64::NAN, 2.0));
    }
}
