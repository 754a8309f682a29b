use super::super::axis::Axis;
use super::*;
use crate::report::support::sparkline::Glyphs;
use crate::score::meta::{CheckMeta, PolicyMeta};

const SECOND: Nanos = 1_000_000_000;

fn policy() -> PolicyMeta {
    let check = |name: &str| CheckMeta { name: name.to_owned(), ..CheckMeta::default() };
    PolicyMeta { checks: vec![check("errors"), check("latency")], ..PolicyMeta::default() }
}

fn printed(entries: Vec<TimelineEntry>, decision: Option<DecisionRecord>) -> Vec<String> {
    printed_in(80, entries, decision)
}

fn printed_in(width: usize, entries: Vec<TimelineEntry>, decision: Option<DecisionRecord>) -> Vec<String> {
    let policy = policy();
    let page = Page {
        width,
        axis: Axis::new(0, 600 * SECOND, 56),
        deploy_at: 0,
        glyphs: Glyphs::Ascii,
        colour: false,
        policy: &policy,
    };
    let own = decision.as_ref().map(|d| (d.at, verdict(d)));
    let events = entries
        .iter()
        .filter(|entry| !of_another(entry, own.as_ref()))
        .filter_map(|entry| event(&page, entry, own.as_ref()));
    fold(events.collect()).iter().flat_map(|line| line.print(&page)).collect()
}

fn read(at: u64, check: usize, told: &str, value: Option<f64>) -> TimelineEntry {
    let name = ["errors", "latency", "other"][check.min(2)];
    TimelineEntry {
        at: at * SECOND,
        lane: Lane::Observed,
        text: format!("{name}: {told}"),
        found: Some((check, value)),
    }
}

fn note(at: u64, lane: Lane, text: &str) -> TimelineEntry {
    TimelineEntry { at: at * SECOND, lane, text: text.to_owned(), found: None }
}

#[test]
fn readings_that_go_the_same_way_are_one_line_even_when_checks_take_turns() {
    let mut entries = Vec::new();
    for i in 0..4u64 {
        entries.push(read(15 * i, 0, "0.1 good", Some(0.1 + i as f64)));
        entries.push(read(15 * i, 1, "0.2 good", Some(0.2)));
    }
    entries.push(read(60, 0, "9 bad", Some(9.0)));
    entries.push(read(75, 0, "1 good", Some(1.0)));
    entries.push(read(75, 1, "no data", None));
    entries.push(read(90, 1, "no data", None));
    assert_eq!(
        printed(entries, None),
        [
            "    +00:00  observed  errors: 4 good readings 0.1..3.1, until +00:45",
            "    +00:00  observed  latency: 4 good readings 0.2, until +00:45",
            "    +01:00  observed  errors: 9 bad",
            "    +01:15  observed  errors: 1 good",
            "    +01:15  observed  latency: no data, 2 times, until +01:30",
        ]
    );
}

#[test]
fn what_happens_to_the_release_parts_before_and_after() {
    let good = |at| read(at, 0, "0 good", Some(0.0));
    let entries = vec![
        good(0),
        good(15),
        note(20, Lane::Cluster, "candidate weight 25 %"),
        good(30),
        note(40, Lane::Policy, "measurement was fine"),
        good(45),
        note(50, Lane::Policy, "measurement was fine"),
        note(50, Lane::Truth, "the fault begins"),
        good(60),
    ];
    assert_eq!(
        printed(entries, None),
        [
            "    +00:00  observed  errors: 2 good readings 0, until +00:15",
            "    +00:20  cluster   candidate weight 25 %",
            "    +00:30  observed  errors: 2 good readings 0, until +00:45",
            "    +00:40  policy    measurement was fine (2 times, until +00:50)",
            "    +00:50  truth     the fault begins",
            "    +01:00  observed  errors: 0 good",
        ]
    );
}

#[test]
fn pods_scaled_one_by_one_are_one_line_a_set() {
    let mut entries = Vec::new();
    for i in 1..=8u64 {
        entries.push(note(i, Lane::Cluster, &format!("scale candidate pods to {i}")));
        entries.push(note(i, Lane::Cluster, &format!("scale stable pods to {}", 8 - i)));
    }
    assert_eq!(
        printed(entries, None),
        [
            "    +00:01  cluster   scale candidate pods to 1, 2 ... 8, until +00:08",
            "    +00:01  cluster   scale stable pods to 7, 6 ... 0, until +00:08",
        ]
    );
}

#[test]
fn clients_who_move_by_themselves_are_one_line() {
    let share = |i: u64| note(i, Lane::Cluster, &format!("{CLIENT_SHARE} to {i} %"));
    let entries: Vec<_> = (1..=60).map(share).collect();
    let folded = [
        "    +00:01  cluster   share of clients on the candidate goes to 1 %, 2 % ... 60",
        "                        %, until +01:00",
    ];
    assert_eq!(printed(entries, None), folded);
}

#[test]
fn decisions_are_marked_and_those_of_others_left_out() {
    let decision = DecisionRecord {
        at: 30 * SECOND,
        kind: DecisionKind::RollBack,
        reasons: ["errors".to_owned()].into(),
        decided_by: None,
    };
    let entries = vec![
        note(0, Lane::Policy, "verdict: roll back: always"),
        note(30, Lane::Policy, "verdict: roll back: oracle"),
        note(30, Lane::Policy, "verdict: roll back: errors"),
        note(45, Lane::Policy, "verdict: roll back: errors"),
        note(60, Lane::Policy, "verdict: page: errors"),
    ];
    assert_eq!(
        printed(entries.clone(), Some(decision)),
        [
            ">>> +00:30  policy    verdict: roll back: errors",
            "    +00:45  policy    verdict: roll back: errors",
            "    +01:00  policy    verdict: page: errors",
        ]
    );
    assert_eq!(printed(entries, None), ["    +01:00  policy    verdict: page: errors"]);
}

#[test]
fn values_that_are_no_numbers_are_told_as_they_are() {
    let entries = vec![
        read(0, 0, "NaN bad", None),
        read(15, 0, "NaN bad", None),
        read(30, 0, "error", None),
        read(45, 2, "1 bad", Some(1.0)),
    ];
    assert_eq!(
        printed(entries, None),
        [
            "    +00:00  observed  errors: 2 bad readings NaN, until +00:15",
            "    +00:30  observed  errors: the query failed",
        ]
    );
}

#[test]
fn readings_without_a_number_are_counted_among_the_others() {
    let entries =
        vec![read(0, 0, "0.1 good", Some(0.1)), read(15, 0, "NaN good", None), read(30, 0, "NaN good", None)];
    let line = "    +00:00  observed  errors: 3 good readings 0.1, 2 of them NaN, until +00:30";
    assert_eq!(printed(entries, None), [line]);
}

#[test]
fn long_sentences_wrap_and_long_words_are_cut() {
    let text = format!("metric failed: {} in the end", "x".repeat(150));
    let lines = printed(vec![note(0, Lane::Policy, &text)], None);
    assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    assert_eq!(lines.concat().matches('x').count(), 150);
    assert!(printed_in(240, vec![note(0, Lane::Policy, &text)], None).len() == 1);
}
