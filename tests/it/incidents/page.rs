//! The page `docs/incidents.md`: published against simulated, and people against policies.

use std::fmt::Write;
use std::sync::LazyLock;

use super::published::{Figure, INCIDENTS, Incident, Measure, Role};
use super::{Fared, PEOPLE, POLICIES_ASKED, Played, REPLICATIONS, compared, scenario};

/// What people and policies made of each incident; played once for all tests that ask.
pub fn comparisons() -> &'static [(&'static Incident, Vec<Fared>)] {
    static ALL: LazyLock<Vec<(&'static Incident, Vec<Fared>)>> = LazyLock::new(|| {
        let one = |incident: &'static Incident| (incident, compared(incident, scenario(incident.scenario)));
        INCIDENTS.iter().map(one).collect()
    });
    &ALL
}

const HEAD: &str = "\
# Incidents

Published timelines against what the simulator makes of them, and what shipped policies would have changed. The scenarios are \
in `scenarios/incident/`; times are minutes after the deploy, and which clock time that is stands in each file.

An *input* was given to the scenario and only shows that it arrived. An *output* was not: the world had to find it. *Own* \
figures were never published. What is expected, and why it is not what was published where it is not, is in the last column; \
deviations are explained there and not tuned away. Summaries of incidents are those of public write-ups; what is from memory is \
called so in the file.

This page is written by `BACKOUT_WRITE_DOCS=1 cargo test --test it incidents`; without the variable the tests compare it \
with the runs (one replication, seed 11; tables of policies: ";

const PUBLISHED: &str = "
## Published against simulated

| incident | figure | published | role | simulated | expected | why |
|---|---|---|---|---|---|---|
";

const POLICIES: &str = "
## What policies would have changed

Mean harmed requests, and the minute of the decision (`k of n` where not every replication decides). *People* decide when they \
did; where they had nothing to take back they do nothing. All rollbacks go the way of the file.

";

const LEFT_OUT: &str = "
## Reading one

    backout run incident/knight-2012
    backout run incident/github-db-config-2024 health-check-3-fails

tells the story of one replication, policy by policy. People as they were are a policy too:

```yaml
format: 1
triggers:
  - {name: people, expr: vector(1) > 0, start_after: 30m, every: 15s, then: roll_back}
```

with the minute of the decision from the table above. In `incident/cloudflare-bot-file-2025` they are in the file: any policy \
with `then: page` wakes them.

## What is left out

Long incidents are cut where nothing but people's time passes; the files say where. Rates and pods are small: one request \
stands for many. Tails (backlogs, caches that warm for hours, users let in bit by bit) are not played. Knight's seven good \
servers and a bad one are an eighth of the orders of each; GitHub's deadlock is a lock.

Not in the corpus, because its harm is not that of a release: Google Cloud 2025-06-12, where a data row woke code shipped weeks \
before. Without the deploy there would have been the same outage, so no run of it counts a harmed request; \
`group/latent-trigger-row` has its shape.
";

/// The page.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    writeln!(page, "{} at flow level, {} at request level).", REPLICATIONS.flow, REPLICATIONS.request)
        .unwrap();
    page.push_str(PUBLISHED);
    for incident in INCIDENTS {
        let played = Played::of(incident);
        let (name, source) = (short(incident), incident.source);
        let mut head = format!("`{name}` ({source})");
        for figure in incident.figures {
            writeln!(page, "{}", row(&head, figure, played.measure(figure.measure))).unwrap();
            head.clear();
        }
    }
    page.push_str(POLICIES);
    page.push_str(&policies());
    page.push_str(LEFT_OUT);
    page
}

fn short(incident: &Incident) -> &str {
    incident.scenario.trim_start_matches("incident/")
}

fn row(head: &str, figure: &Figure, found: f64) -> String {
    let role = match figure.role {
        Role::Input => "input",
        Role::Output => "output",
        Role::Own => "own",
    };
    let say = |value: f64| number(figure.measure, value);
    let published = figure.published.map_or_else(|| "-".to_owned(), say);
    let band = format!("{} ± {}", say(figure.expected), say(figure.within));
    format!("| {head} | {} | {published} | {role} | {} | {band} | {} |", figure.name, say(found), figure.why)
}

/// A share in percent, a time in minutes.
fn number(measure: Measure, value: f64) -> String {
    if measure.is_share() { format!("{:.1} %", 100.0 * value) } else { format!("{value:.1}") }
}

fn policies() -> String {
    let mut text = format!("| incident | {PEOPLE} | {} | |\n", POLICIES_ASKED.join(" | "));
    text.push_str(&"|---".repeat(POLICIES_ASKED.len() + 3));
    text.push_str("|\n");
    for (incident, fared) in comparisons() {
        let cells: Vec<String> = fared.iter().map(cell).collect();
        writeln!(text, "| `{}` | {} | {} |", short(incident), cells.join(" | "), incident.lesson).unwrap();
    }
    text
}

/// "12,901, at 17.0".
fn cell(fared: &Fared) -> String {
    let harmed = backout::score::words::thousands(fared.harmed.round() as u64);
    let k = fared.decided.len();
    if k == 0 {
        return format!("{harmed}, {}", if fared.unheard > 0 { "unheard" } else { "never" });
    }
    let mean = fared.decided.iter().sum::<f64>() / k as f64;
    let share = if k == fared.n { String::new() } else { format!(" ({k} of {})", fared.n) };
    format!("{harmed}, at {mean:.1}{share}")
}
