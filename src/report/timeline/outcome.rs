//! What the run came to: decision, detection, rollback, harm, the reason of a mistake, and the frame beside it.
//!
//! Detection and misses are judged by [`case`], as in the scorecard; harm is what was bad here and good without the
//! deploy, as everywhere.

use crate::replication::record::{
    DecisionKind, Harm, MissCause, Nanos, Player, Reference, RollbackOutcome, RollbackRecord, RunRecord,
};
use crate::report::support::headline::counted;
use crate::report::support::lines::{pad, wrap};
use crate::report::support::paint::{Tone, paint};
use crate::score::case::{Case, Fate, Frames, case};
use crate::score::stratum::Stratum;
use crate::score::why::miss_sentence;
use crate::score::words;

use super::{Page, Told, Twin, cut, seconds};

/// Columns of a caption, with the blanks before it.
const CAPTION: usize = 14;
/// Widths of the columns of the frame: name, harmed, users, decided, rollback.
const COLUMNS: [usize; 5] = [20, 12, 10, 10, 12];

/// A sentence with its caption.
struct Fact {
    caption: &'static str,
    text: String,
    tone: Tone,
}

fn fact(caption: &'static str, text: String, tone: Tone) -> Fact {
    Fact { caption, text, tone }
}

/// The summary.
pub(super) fn lines(page: &Page<'_>, told: &Told<'_>) -> Vec<String> {
    let judged = judged(told);
    let mut facts = vec![decision(page, told)];
    facts.push(match told.input.twin {
        Twin::Bad => detection(told, judged.as_ref()),
        Twin::Healthy => healthy(page, told),
    });
    facts.extend(told.run.rollback.as_deref().map(rolled_back));
    facts.extend(told.run.further.iter().map(|rollback| followed(page, rollback)));
    facts.extend(notified(page, told.run));
    facts.push(harm(told.run));
    facts.extend(recovery(page, told));
    facts.extend(why(told, judged.as_ref()));
    let mut lines: Vec<String> = facts.iter().flat_map(|fact| print(page, fact)).collect();
    lines.push(String::new());
    lines.extend(frame(page, told));
    lines
}

fn print(page: &Page<'_>, fact: &Fact) -> Vec<String> {
    let room = page.width - CAPTION;
    let pieces = wrap(&fact.text, room, "", "").into_iter().flat_map(|line| cut(&line, room));
    pieces
        .enumerate()
        .map(|(i, piece)| {
            let caption = if i == 0 { format!("  {}", fact.caption) } else { String::new() };
            let line = format!("{}{piece}", pad(&caption, CAPTION, false));
            paint(line.trim_end(), fact.tone, page.colour)
        })
        .collect()
}

/// The case of this replication; `None` when a twin lacks the run.
fn judged(told: &Told<'_>) -> Option<Case> {
    let of = |runs: &[RunRecord]| runs.iter().find(|run| run.player == told.run.player).cloned();
    let (bad, healthy) = (of(&told.rollout.bad.runs)?, of(&told.rollout.healthy.runs)?);
    let (record, scenario) = (told.input.record, told.input.scenario);
    let frames = Frames::of(record, told.rollout, scenario);
    Some(case(record, (told.rollout, &frames), &bad, &healthy, scenario))
}

fn decision(page: &Page<'_>, told: &Told<'_>) -> Fact {
    let pages = match told.run.pages {
        0 => String::new(),
        n => format!("; {} sent", counted(u64::from(n), "page")),
    };
    let Some(decision) = &told.run.decision else {
        return fact("decision", format!("none{pages}"), Tone::Plain);
    };
    let kind = match decision.kind {
        DecisionKind::RollBack => "roll back",
        DecisionKind::ForwardFix => "forward fix",
        DecisionKind::Stop => "stop (halt writes)",
    };
    let reasons = match &*decision.reasons {
        [] => String::new(),
        reasons => format!(": {}", reasons.join("; ")),
    };
    fact("decision", format!("{kind} at {}{reasons}{pages}", page.clock(decision.at)), Tone::Decision)
}

/// How the policy fared with the bad release.
fn detection(told: &Told<'_>, judged: Option<&Case>) -> Fact {
    let since = |from: Option<Nanos>| {
        let decided = told.run.decision.as_ref()?.at;
        Some(words::duration(seconds(from?, decided)))
    };
    let watch = words::duration(told.input.scenario.watch as f64 / 1e9);
    let (text, tone) = match judged.map(|case| case.fate) {
        None => ("not judged: the record lacks the other twin".to_owned(), Tone::Plain),
        Some(Fate::Harmless) => {
            ("nothing to detect: left alone, the release harms no request".to_owned(), Tone::Plain)
        }
        Some(Fate::Early) => {
            ("early: decided before the fault began, a false alarm in a bad release".to_owned(), Tone::Bad)
        }
        Some(Fate::Prevented) => {
            let late = since(told.twin.onset).unwrap_or_default();
            (format!("prevented: {late} after the fault began, before any harm"), Tone::Good)
        }
        Some(Fate::Detected) => {
            let harm = since(told.twin.first_harm).unwrap_or_default();
            let onset =
                since(told.twin.onset).map_or(String::new(), |t| format!(", {t} after the fault began"));
            (format!("{harm} after the first harmed request{onset}"), Tone::Good)
        }
        Some(Fate::Missed) if told.run.decision.is_some() => {
            (format!("missed: decided later than {watch} after the first harmed request"), Tone::Bad)
        }
        Some(Fate::Missed) => {
            (format!("missed: no decision within {watch} after the first harmed request"), Tone::Bad)
        }
    };
    fact("detection", text, tone)
}

/// How it fared with the good one.
fn healthy(page: &Page<'_>, told: &Told<'_>) -> Fact {
    if told.run.decision.is_some() {
        let text = "false alarm: the release is good".to_owned();
        return fact("verdict", text, Tone::Bad);
    }
    let promoted = told.run.promoted_at.map_or_else(
        || "it never had all traffic".to_owned(),
        |at| format!("it had all traffic at {}", page.clock(at)),
    );
    fact("verdict", format!("right: the good release was left alone; {promoted}"), Tone::Good)
}

fn rolled_back(rollback: &RollbackRecord) -> Fact {
    let (word, tone) = match rollback.outcome {
        RollbackOutcome::Worked => ("worked", Tone::Good),
        RollbackOutcome::Slow => ("worked, but slowly (over 60s)", Tone::Plain),
        RollbackOutcome::NoEffect => ("no effect: the candidate went on serving", Tone::Bad),
        RollbackOutcome::Impossible => ("impossible: there was nothing to go back to", Tone::Bad),
        RollbackOutcome::MadeWorse => ("made it worse: more harmed requests than without it", Tone::Bad),
        RollbackOutcome::Unfinished => ("unfinished when the follow-up ended", Tone::Bad),
    };
    let time = match rollback.restored {
        Some(at) => format!("{} from decision to restored", words::duration(seconds(rollback.began, at))),
        None => "never restored".to_owned(),
    };
    let stamp = |name: &str, at: Option<Nanos>| match at {
        Some(at) => format!("{name} {}", words::duration(seconds(rollback.began, at))),
        None => format!("{name} never"),
    };
    let stamps = [
        stamp("drained", rollback.drained),
        stamp("restored", rollback.restored),
        stamp("verified", rollback.verified),
    ];
    let hands = if rollback.unattended { "unattended" } else { "with human steps" };
    let text = format!("{word}; {time} ({}); {}, {hands}", stamps.join(", "), rollback.procedure);
    fact("rollback", text, tone)
}

/// What followed the first rollback: another one, a fix forwards, a sync that put the new revision back.
fn followed(page: &Page<'_>, rollback: &RollbackRecord) -> Fact {
    let target = rollback.target.as_deref().map_or(String::new(), |name| format!(" to {name}"));
    let ended = match rollback.restored {
        Some(at) => format!("traffic and capacity there at {}", page.clock(at)),
        None => "traffic and capacity never there".to_owned(),
    };
    let text = format!("{}{target} from {} on; {ended}", rollback.procedure, page.clock(rollback.began));
    fact("then", text, Tone::Plain)
}

/// Who heard of a rollback by alerts of the engine itself; only Flagger's rollback has such alerts.
fn notified(page: &Page<'_>, run: &RunRecord) -> Option<Fact> {
    let by_flagger = run.rollback.as_ref().is_some_and(|rollback| rollback.procedure == "flagger");
    let Some(at) = run.notified_at() else {
        let text = "nobody: no alert went out with the rollback".to_owned();
        return by_flagger.then(|| fact("told", text, Tone::Plain));
    };
    let then = run.notices.iter().filter(|notice| notice.at == at);
    let whom: Vec<&str> = then.map(|notice| notice.whom.as_str()).collect();
    Some(fact("told", format!("{} at {}", whom.join(", "), page.clock(at)), Tone::Plain))
}

fn harm(run: &RunRecord) -> Fact {
    let harmed = run.harmed.total();
    let mut text = format!("{} beyond no deploy", counted(harmed, "harmed request"));
    if harmed > 0 {
        text.push_str(&format!(": {}", kinds(&run.harmed)));
    }
    if run.users_harmed > 0.0 {
        text.push_str(&format!("; users hit: {}", words::count(run.users_harmed)));
    }
    if run.harmed.relieved > 0 {
        text.push_str(&format!("; {} better off", counted(run.harmed.relieved, "request")));
    }
    if run.downtime > 0 {
        text.push_str(&format!("; down for {}", words::duration(run.downtime as f64 / 1e9)));
    }
    if run.rows_lost > 0 {
        text.push_str(&format!("; {} lost or corrupted", counted(run.rows_lost, "row")));
    }
    fact("harm", text, if harmed > 0 { Tone::Bad } else { Tone::Good })
}

fn kinds(harm: &Harm) -> String {
    let kinds = [
        (harm.failed, "failed"),
        (harm.timed_out, "timed out"),
        (harm.rejected, "rejected"),
        (harm.wrong, "wrong"),
        (harm.slow, "slow"),
    ];
    let some = kinds.into_iter().filter(|(n, _)| *n > 0);
    some.map(|(n, word)| format!("{} {word}", words::thousands(n))).collect::<Vec<_>>().join(", ")
}

/// Seconds between a complete rollback and recovery from which on it is said that one is not the other.
const LONG_AFTER: f64 = 120.0;

/// How long users were still harmed when the last rollback before `until` was complete, where that is worth a word.
fn after_rollback(run: &RunRecord, until: Nanos) -> String {
    let restored = run
        .rollback
        .as_deref()
        .into_iter()
        .chain(run.further.iter())
        .filter_map(|rollback| rollback.restored);
    let last = restored.filter(|at| *at <= until).max();
    let late = last.map(|at| seconds(at, until)).filter(|late| *late >= LONG_AFTER);
    late.map_or(String::new(), |late| format!(", {} after the rollback was complete", words::duration(late)))
}

fn recovery(page: &Page<'_>, told: &Told<'_>) -> Option<Fact> {
    let first_harm = told.twin.first_harm.filter(|_| told.run.harmed.total() > 0)?;
    Some(match told.run.recovered_at {
        Some(at) => {
            let took = words::duration(seconds(first_harm, at));
            let late = after_rollback(told.run, at);
            let again = super::harmed_again(told.run);
            let again =
                again.map_or(String::new(), |at| format!("; harmed again from {} on", page.clock(at)));
            fact("recovery", format!("{took} after the first harmed request{late}{again}"), Tone::Plain)
        }
        None if told.run.metastable.is_some() => {
            let gone = if told.run.rollback.is_some() {
                "the rollback was complete"
            } else {
                "the trigger was gone"
            };
            fact(
                "recovery",
                format!("none: {gone} and users were still refused: the overload feeds itself"),
                Tone::Bad,
            )
        }
        None => {
            let late = after_rollback(told.run, told.run.ended_at);
            fact("recovery", format!("not by the end of the follow-up{late}"), Tone::Bad)
        }
    })
}

/// Why it missed, or why it fired for nothing.
fn why(told: &Told<'_>, judged: Option<&Case>) -> Option<Fact> {
    if told.input.twin == Twin::Healthy {
        told.run.decision.as_ref()?;
        let text = match told.run.false_cause.as_deref() {
            None => "no cause was looked for".to_owned(),
            Some("noise") => "noise alone does it".to_owned(),
            Some(confounder) => format!("it takes `{confounder}` for the release"),
        };
        return Some(fact("why", text, Tone::Plain));
    }
    if told.run.miss == Some(MissCause::RollbackFailed) {
        return Some(fact("why", "it decided, but the rollback failed".to_owned(), Tone::Plain));
    }
    let case = judged.filter(|case| case.fate == Fate::Missed)?;
    if told.run.decision.is_some() {
        return Some(fact("why", "it decided too late".to_owned(), Tone::Plain));
    }
    let base_rate = told.input.scenario.base_rate;
    let alone = Stratum { scenario: 0, weight: 1.0, base_rate, cases: vec![case.clone()] };
    // The sentence of the scorecard begins with a share, which is always all of one.
    let sentence = miss_sentence(&alone, "", told.input.policy)?;
    let reason = sentence.split_once(" of : ").map_or(sentence.as_str(), |(_, reason)| reason);
    Some(fact("why", reason.to_owned(), Tone::Plain))
}

/// The same replication under the reference players.
fn frame(page: &Page<'_>, told: &Told<'_>) -> Vec<String> {
    let compose = |cells: [String; 5]| {
        let [name, rest @ ..] = cells;
        let [first, widths @ ..] = COLUMNS;
        let name = super::shorten(&name, first);
        let rest = rest.iter().zip(widths).map(|(cell, width)| pad(cell, width, true));
        format!("  {}{}", pad(&name, first, false), rest.collect::<String>())
    };
    let heads = ["in this replication", "harmed", "users hit", "decided", "rollback"];
    let mut lines = vec![compose(heads.map(str::to_owned))];
    let references =
        [(Reference::Never, "never"), (Reference::Always, "always"), (Reference::Oracle, "oracle")];
    for (reference, name) in references {
        let player = Player::Reference(reference);
        let run = told.twin.runs.iter().find(|run| run.player == player);
        lines.extend(run.map(|run| compose(cells(page, name, run))));
    }
    lines.push(compose(cells(page, &page.policy.name, told.run)));
    lines.extend(avoided(told).iter().flat_map(|text| wrap(text, page.width, "  ", "  ")));
    lines
}

fn cells(page: &Page<'_>, name: &str, run: &RunRecord) -> [String; 5] {
    let dash = || "-".to_owned();
    let rollback = run
        .rollback
        .as_ref()
        .map(|r| r.restored.map_or_else(|| "never".to_owned(), |at| words::duration(seconds(r.began, at))));
    [
        name.to_owned(),
        words::thousands(run.harmed.total()),
        words::count(run.users_harmed),
        run.decision.as_ref().map_or_else(dash, |d| page.clock(d.at)),
        rollback.unwrap_or_else(dash),
    ]
}

/// The harm it avoided, as a share of what doing nothing harms.
fn avoided(told: &Told<'_>) -> Option<String> {
    let never = Player::Reference(Reference::Never);
    let nothing = told.twin.runs.iter().find(|run| run.player == never)?.harmed.total();
    let own = told.run.harmed.total();
    Some(match (own, nothing) {
        (0, 0) => return None,
        (own, nothing) if own == nothing => "It avoided none of the harm of doing nothing.".to_owned(),
        (own, 0) => format!("It did harm ({own}) where doing nothing does none."),
        (own, nothing) if own > nothing => {
            format!("It harmed {} requests more than doing nothing.", words::thousands(own - nothing))
        }
        (own, nothing) => format!(
            "It avoided {} of the harm of doing nothing.",
            words::percent((nothing - own) as f64 / nothing as f64)
        ),
    })
}
