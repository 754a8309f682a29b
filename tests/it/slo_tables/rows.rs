//! The rows of the tables: what was published, the closed form, and the run it comes out of.

use super::{BUDGET, DAY, HOUR, MINUTE, Outage, PERIOD, RATE, Run, Watch, policy, rules};
use crate::shared;

/// What a figure is measured in, for printing.
#[derive(Clone, Copy)]
pub enum Unit {
    Seconds,
    /// Share of the budget.
    Budget,
    Count,
}

/// One figure of a table.
pub struct Row {
    pub what: String,
    /// As published; empty where only the closed form is known.
    pub published: &'static str,
    /// The closed form; `None`: it never happens.
    pub exact: Option<f64>,
    pub simulated: Option<f64>,
    /// How far the simulated figure may be from the closed form.
    pub allowed: f64,
    pub unit: Unit,
}

impl Row {
    pub fn holds(&self) -> bool {
        match (self.exact, self.simulated) {
            (Some(exact), Some(simulated)) => (exact - simulated).abs() <= self.allowed,
            (exact, simulated) => exact.is_none() && simulated.is_none(),
        }
    }

    pub fn shown(&self, value: Option<f64>) -> String {
        match (value, self.unit) {
            (None, _) => "never".to_owned(),
            (Some(value), Unit::Seconds) => time(value),
            (Some(value), Unit::Budget) => format!("{:.3} %", value * 100.0),
            (Some(value), Unit::Count) => format!("{value:.0}"),
        }
    }

    pub fn line(&self) -> String {
        let Row { what, published, exact, simulated, allowed, .. } = self;
        let mark = if self.holds() { "" } else { "  <- outside" };
        format!(
            "{what:58} {published:>14} {:>12} {:>12} +-{}{mark}",
            self.shown(*exact),
            self.shown(*simulated),
            self.shown(Some(*allowed))
        )
    }
}

/// A time in the unit people would say it in.
fn time(seconds: f64) -> String {
    match seconds.abs() {
        s if s < 600.0 => format!("{seconds:.1} s"),
        s if s < 3.0 * HOUR => format!("{:.2} min", seconds / MINUTE),
        s if s < 3.0 * DAY => format!("{:.2} h", seconds / HOUR),
        _ => format!("{:.2} d", seconds / DAY),
    }
}

/// When a window crosses a burn rate: `None` if the error ratio is not above it.
fn crosses(window: f64, burn: f64, share: f64) -> Option<f64> {
    (share > burn * BUDGET).then(|| burn * BUDGET / share * window)
}

/// When it falls below again, after the end of the outage.
fn resets(window: f64, burn: f64, share: f64) -> f64 {
    window - burn * BUDGET / share * window
}

/// Rows of one run.
struct Rows<'a> {
    run: &'a Run,
    rows: Vec<Row>,
}

impl<'a> Rows<'a> {
    fn of(run: &'a Run) -> Self {
        Rows { run, rows: Vec::new() }
    }

    fn time(mut self, what: &str, published: &'static str, exact: Option<f64>, found: Option<f64>) -> Self {
        let allowed = self.run.granularity();
        let (what, simulated, unit) = (what.to_owned(), found, Unit::Seconds);
        self.rows.push(Row { what, published, exact, simulated, allowed, unit });
        self
    }

    fn fires(self, alert: &str, what: &str, published: &'static str, exact: Option<f64>) -> Self {
        let found = self.run.fired_first(alert);
        self.time(what, published, exact, found)
    }

    fn stops(self, alert: &str, what: &str, published: &'static str, exact: f64) -> Self {
        let found = self.run.over(alert);
        self.time(what, published, Some(exact), found)
    }

    /// The budget spent when it fires: what a delay costs is spent at the rate of the outage.
    fn spent(mut self, alert: &str, what: &str, published: &'static str, exact: f64) -> Self {
        let found = self.run.fired_first(alert).map(|at| self.run.spent(at, BUDGET));
        let allowed = self.run.outage.share * self.run.granularity() / (BUDGET * PERIOD);
        let (what, simulated, unit) = (what.to_owned(), found, Unit::Budget);
        self.rows.push(Row { what, published, exact: Some(exact), simulated, allowed, unit });
        self
    }

    fn never(self, alert: &str, what: &str) -> Self {
        let found = self.run.fired_first(alert);
        self.time(what, "never", None, found)
    }
}

/// The six approaches.
pub fn approaches() -> Vec<Row> {
    let mut rows = Vec::new();
    let total = Run::of(Outage::for_a_while(1.0, 150.0), 36.5 * HOUR);
    rows.extend(
        Rows::of(&total)
            .fires("Rate10m", "1: 10 min rate, total outage: fires after", "0.6 s", crosses(600.0, 1.0, 1.0))
            .fires("Rate36h", "2: 36 h rate, total outage: fires after", "2 min 10 s", Some(129.6))
            .stops("Rate36h", "2: 36 h rate: fires on after the end", "36 h", resets(36.0 * HOUR, 1.0, 1.0))
            .fires("Burn36", "4: burn 36, total outage: fires after", "", crosses(HOUR, 36.0, 1.0))
            .stops("Burn36", "4: burn 36: fires on after the end", "58 min", resets(HOUR, 36.0, 1.0))
            .rows,
    );
    let slight = Run::of(Outage::of(1.02 * BUDGET), HOUR);
    rows.extend(
        Rows::of(&slight)
            .spent("Rate10m", "1: 10 min rate, 0.1 % of errors: budget spent", "0.02 %", 600.0 / PERIOD)
            .rows,
    );
    rows.extend(steady());
    rows.extend(spikes());
    rows
}

/// What a duration clause does, and what stays just below a burn rate.
fn steady() -> Vec<Row> {
    let hours = Run::of(Outage::of(1.0), 1.2 * HOUR);
    let slow = Run::of(Outage::of(0.002), 1.2 * HOUR);
    let below = Run::of(Outage::of(0.035), 21.0 * HOUR);
    let hour = Some(HOUR + 0.06);
    let mut rows = Rows::of(&hours)
        .fires("For1h", "3: 1 min rate for 1 h, total outage: fires after", "1 h", hour)
        .spent("For1h", "3: the same: budget spent", "140 %", 1.3889)
        .rows;
    let delay = "3: the same at 0.2 % of errors: fires after";
    rows.extend(Rows::of(&slow).fires("For1h", delay, "1 h", Some(HOUR + 30.0)).rows);
    let empty = below.used_up(BUDGET);
    rows.extend(
        Rows::of(&below)
            .never("Burn36", "4: burn 36 at burn 35: fires after")
            .time("4: at burn 35 the budget is gone after", "20.5 h", Some(PERIOD / 35.0), empty)
            .rows,
    );
    rows
}

/// Spikes that end before a clause is over, and alerts that come and go.
fn spikes() -> Vec<Row> {
    let spikes = Run::of(Outage { share: 1.0, lasts: 300.0, pause: 300.0 }, 6.0 * HOUR);
    let each = 300.0 / (BUDGET * PERIOD);
    let mut rows =
        Rows::of(&spikes).never("For10m", "3: 5 min spikes every 10 min, for 10 min: fires after").rows;
    for (count, published) in [(1, "12 %"), (3, "35 %")] {
        // Between two spikes.
        let at = f64::from(count) * 600.0 - 100.0;
        rows.push(Row {
            what: format!("3: budget spent by {count} of them"),
            published,
            exact: Some(each * f64::from(count)),
            simulated: Some(spikes.spent(at, BUDGET)),
            allowed: 1e-3,
            unit: Unit::Budget,
        });
    }
    // 0.59 s of total outage every ten minutes: 98 % of what the objective allows. Sampling takes part: a window of 10 min
    // holds the increases between its samples, 9 min 45 s, so that a spike has left it before the next one has come.
    let ticks = Run::of(Outage { share: 0.59, lasts: 1.0, pause: 599.0 }, DAY);
    rows.push(Row {
        what: "1: alerts a day while the objective is met".to_owned(),
        published: "144",
        exact: Some(144.0),
        simulated: Some(ticks.fired("Rate10m").len() as f64),
        // The errors of the first spike make the counter, and are in no increase.
        allowed: 1.0,
        unit: Unit::Count,
    });
    rows.push(Row {
        what: "1: budget spent by a month of such days".to_owned(),
        published: "<= 100 %",
        exact: Some(0.59 / 600.0 / BUDGET),
        simulated: Some(ticks.spent(DAY, BUDGET) * 30.0),
        allowed: 0.01,
        unit: Unit::Budget,
    });
    rows
}

/// Detection times of the tiers by error ratio.
pub fn tiers() -> Vec<Row> {
    let tiers = [("Long1h", HOUR, 14.4), ("Long6h", 6.0 * HOUR, 6.0), ("Long3d", 3.0 * DAY, 1.0)];
    let published = [
        (1.0, ["51.8 s", "2.16 min", "4.32 min"]),
        (0.1, ["8.64 min", "21.6 min", "43.2 min"]),
        (0.05, ["17.3 min", "43.2 min", "86.4 min"]),
        (0.02, ["43.2 min", "108 min", "3.6 h"]),
        (0.01, ["-", "3.6 h", "7.2 h"]),
        (0.005, ["-", "-", "14.4 h"]),
        (0.002, ["-", "-", "36 h"]),
    ];
    let mut rows = Vec::new();
    for (share, published) in published {
        let last = crosses(3.0 * DAY, 1.0, share).unwrap_or(DAY);
        let run = Run::of(Outage::of(share), last + HOUR);
        for ((alert, window, burn), published) in tiers.into_iter().zip(published) {
            let what = format!("{} % of errors, {alert} at burn {burn}: fires after", share * 100.0);
            let exact = crosses(window, burn, share);
            rows.extend(Rows::of(&run).fires(alert, &what, published, exact).rows);
        }
        if share == 0.02 {
            for ((alert, window, burn), published) in tiers.into_iter().zip(["2 %", "5 %", "10 %"]) {
                let what = format!("{alert} at burn {burn}: budget spent when it fires");
                rows.extend(Rows::of(&run).spent(alert, &what, published, burn * window / PERIOD).rows);
            }
        }
    }
    rows
}

/// Each long window with a short one.
pub fn pairs() -> Vec<Row> {
    let example = Run::of(Outage::for_a_while(0.15, 600.0), 2.0 * HOUR);
    let mut rows = Rows::of(&example)
        .fires("Pair1h", "15 % of errors for 10 min, 1 h and 5 min: fires after", "5 min", Some(345.6))
        .stops("Pair1h", "the same: fires on after the end", "5 min", resets(300.0, 14.4, 0.15))
        .stops("Long1h", "1 h alone: fires on after the end", "60 min", resets(HOUR, 14.4, 0.15))
        .spent("Pair1h", "1 h and 5 min: budget spent when it fires", "2 %", 0.02)
        .rows;
    for (share, fires, stops) in [
        (1.0, "52 s", "29.8 min"),
        (0.1, "8.65 min", "28.2 min"),
        (0.02, "43.2 min", "21.0 min"),
        (0.01, "3.60 h", "12.0 min"),
    ] {
        let run = Run::of(Outage::for_a_while(share, 6.0 * HOUR), 7.0 * HOUR);
        let first = crosses(HOUR, 14.4, share).or(crosses(6.0 * HOUR, 6.0, share));
        let (began, ended) = ("both pages, 6 h of errors: fires after", "the same: fires on after the end");
        let at = format!("{} %: ", share * 100.0);
        rows.extend(
            Rows::of(&run)
                .fires("Page", &format!("{at}{began}"), fires, first)
                .stops("Page", &format!("{at}{ended}"), stops, resets(1800.0, 6.0, share))
                .rows,
        );
        if share == 0.01 {
            rows.extend(Rows::of(&run).never("Pair1h", "1 %: 1 h and 5 min: fires after").rows);
        }
    }
    let hours = Run::of(Outage::of(0.01), 8.0 * HOUR);
    rows.extend(
        Rows::of(&hours)
            .fires("Pair1d", "ticket, 1 d and 2 h at burn 3, 1 %: fires after", "", crosses(DAY, 3.0, 0.01))
            .fires(
                "Pair3d",
                "ticket, 3 d and 6 h at burn 1, 1 %: fires after",
                "",
                crosses(3.0 * DAY, 1.0, 0.01),
            )
            .rows,
    );
    rows
}

/// Thirty days: when a budget is gone, as the truth has it and as windows of thirty days see it.
pub fn budgets() -> Vec<Row> {
    let coarse = Watch { scrape: 300.0, every: 300.0, history: HOUR, ..Watch::USUAL };
    let silent = || policy(&rules::month("5m"), &["*=ignore"], "shop");
    let mut rows = Vec::new();
    for (share, burn, published) in
        [(0.001, 1, "30 d"), (0.002, 2, "15 d"), (0.01, 10, "3 d"), (1.0, 1000, "43 min")]
    {
        let exact = PERIOD * BUDGET / share;
        let run = Run::new(coarse, Outage::of(share), exact * 1.01 + HOUR, silent());
        let what = format!("burn {burn}, {} % of errors: the budget is gone after", share * 100.0);
        // Chance: at most four standard deviations of the number of errors that the budget allows.
        let errors = RATE * PERIOD * BUDGET;
        let allowed = 1.0 + 4.0 * exact / errors.sqrt();
        let (simulated, unit) = (run.used_up(BUDGET), Unit::Seconds);
        rows.push(Row { what, published, exact: Some(exact), simulated, allowed, unit });
    }
    rows.extend(month());
    rows.extend(extremes());
    rows
}

/// Windows of thirty days over a history of thirty days.
fn month() -> Vec<Row> {
    let base = 1e-6;
    let watch = Watch { scrape: 60.0, every: 60.0, history: PERIOD + HOUR, base, weight: 1.0 };
    let run = Run::new(watch, Outage::of(1.0), 1.2 * HOUR, policy(&rules::month("1m"), &[], "shop"));
    // What failed before the outage is spent already, and the outage replaces it.
    let gone = PERIOD * (BUDGET - base) / (1.0 - base);
    let mut rows = Rows::of(&run)
        .fires("Gone", "total outage: a query over 30 d sees it gone after", "43 min", Some(gone))
        .fires("GoneByRecord", "a record over the 5 min record, 30 d: after", "", Some(gone + 150.0))
        .rows;
    let never_failed = Watch { base: 0.0, history: 2.0 * DAY, ..watch };
    let run = Run::new(never_failed, Outage::of(0.01), HOUR, policy(&rules::month("1m"), &[], "shop"));
    // The mean is over the samples that there are, and the first is one with errors.
    rows.extend(
        Rows::of(&run)
            .fires("GoneByRecord", "the same at 1 % where nothing ever failed: after", "", Some(60.0))
            .rows,
    );
    rows
}

/// Objectives far from three nines.
fn extremes() -> Vec<Row> {
    let fine = Watch { scrape: 1.0, every: 15.0, history: HOUR, ..Watch::USUAL };
    let loose = policy(&rules::approaches("15s", 0.1), &[], "shop");
    let total = Run::new(Watch::USUAL, Outage::of(1.0), 8.0 * HOUR, loose);
    let mut rows = Rows::of(&total).never("Pair1h", "90 %, total outage: 1 h and 5 min: fires after").rows;
    rows.push(Row {
        what: "90 %: budget spent by an hour of total outage".to_owned(),
        published: "1.39 %",
        exact: Some(HOUR / (0.1 * PERIOD)),
        simulated: Some(total.spent(HOUR, 0.1)),
        allowed: Watch::USUAL.scrape / (0.1 * PERIOD),
        unit: Unit::Budget,
    });
    for (weight, published, what) in
        [(1.0, "26 s", "99.999 %, total outage"), (0.01, "43 min", "99.999 %, released to 1 % of traffic")]
    {
        let exact = 1e-5 * PERIOD / weight;
        let silent = policy(&rules::month("15s"), &["*=ignore"], "shop");
        let run = Run::new(Watch { weight, ..fine }, Outage::of(1.0), exact + MINUTE, silent);
        let errors = RATE * PERIOD * 1e-5;
        rows.push(Row {
            what: format!("{what}: the budget is gone after"),
            published,
            exact: Some(exact),
            simulated: run.used_up(1e-5),
            allowed: 0.1 + 4.0 * exact / errors.sqrt(),
            unit: Unit::Seconds,
        });
    }
    rows
}

/// A file as Sloth generates it: its groups have no interval of their own, and its alerts read another group's records.
pub fn sloth() -> Vec<Row> {
    let Some(folder) = shared::folder() else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join("policies/prom-02-sloth-getting-started.yml")).unwrap();
    let watch = Watch { scrape: 15.0, every: MINUTE, ..Watch::USUAL };
    let mut rows = Vec::new();
    for (share, published) in [(1.0, ["52 s", ""]), (0.1, ["8.65 min", ""]), (0.01, ["3.60 h", "7.2 h"])] {
        let exact = [
            crosses(HOUR, 14.4, share).or(crosses(6.0 * HOUR, 6.0, share)),
            crosses(DAY, 3.0, share).into_iter().chain(crosses(3.0 * DAY, 1.0, share)).reduce(f64::min),
        ];
        for (place, severity) in ["page", "ticket"].into_iter().enumerate() {
            let setting = format!("sloth_severity:{severity}=page");
            let rules = policy(&text, &[&setting, "*=ignore"], "myservice");
            let run = Run::new(watch, Outage::of(share), exact[place].unwrap_or(HOUR) + HOUR / 2.0, rules);
            let what = format!("{} % of errors, {severity}: fires after", share * 100.0);
            rows.push(Row {
                what,
                published: published[place],
                exact: exact[place],
                simulated: run.fired_first("MyServiceHighErrorRate"),
                // The alerts' group reads records that are up to an interval old.
                allowed: run.granularity() + watch.every,
                unit: Unit::Seconds,
            });
        }
    }
    rows
}
