//! What really happened, column by column.
//!
//! The trace counts since the deploy at each scrape. Between scrapes the counts are taken to grow evenly, so every
//! column shows the mean of its time and nothing is lost or counted twice, however many scrapes a column covers.

use crate::replication::record::{Nanos, TracePoint};
use crate::report::support::paint::{Tone, paint_cells};
use crate::report::support::sparkline::{Cell, Scale, sparkline};
use crate::score::words;

use super::Page;

/// Counts since the deploy, at one instant after it.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    at: f64,
    issued: f64,
    answered: f64,
    bad: f64,
    harmed: f64,
}

impl Sums {
    fn of(point: &TracePoint, deploy_at: Nanos) -> Self {
        let counts = &point.counts;
        let answered = [counts.succeeded, counts.failed, counts.timed_out, counts.rejected];
        Sums {
            at: point.at.saturating_sub(deploy_at) as f64,
            issued: counts.issued as f64,
            answered: answered.iter().map(|n| *n as f64).sum(),
            bad: [counts.failed, counts.timed_out, counts.rejected, counts.slow, counts.wrong]
                .iter()
                .map(|n| *n as f64)
                .sum(),
            harmed: point.harmed as f64,
        }
    }

    fn between(a: &Sums, b: &Sums, at: f64) -> Sums {
        let share = if b.at > a.at { ((at - a.at) / (b.at - a.at)).clamp(0.0, 1.0) } else { 1.0 };
        let mix = |x: f64, y: f64| x + (y - x) * share;
        Sums {
            at,
            issued: mix(a.issued, b.issued),
            answered: mix(a.answered, b.answered),
            bad: mix(a.bad, b.bad),
            harmed: mix(a.harmed, b.harmed),
        }
    }
}

/// The trace of a run, ready to be read at any instant.
struct Trace<'a> {
    sums: Vec<Sums>,
    points: &'a [TracePoint],
    deploy_at: Nanos,
}

impl<'a> Trace<'a> {
    fn new(points: &'a [TracePoint], deploy_at: Nanos) -> Self {
        let mut sums = vec![Sums::default()];
        sums.extend(points.iter().map(|point| Sums::of(point, deploy_at)));
        Trace { sums, points, deploy_at }
    }

    /// The counts at an instant; `None` after the last scrape.
    fn at(&self, at: f64) -> Option<Sums> {
        let next = self.sums.partition_point(|sums| sums.at < at);
        let b = self.sums.get(next)?;
        Some(self.sums.get(next.checked_sub(1)?).map_or(*b, |a| Sums::between(a, b, at)))
    }

    /// What was counted in a column, and for how long; `None` when it lies after the last scrape.
    fn during(&self, (from, to): (f64, f64)) -> Option<Sums> {
        let last = self.sums.last()?;
        if from >= last.at {
            return None;
        }
        let to = to.min(last.at);
        let (a, b) = (self.at(from).unwrap_or_default(), self.at(to)?);
        Some(Sums {
            at: to - from,
            issued: b.issued - a.issued,
            answered: b.answered - a.answered,
            bad: b.bad - a.bad,
            harmed: b.harmed - a.harmed,
        })
    }

    /// The candidate's share at the last scrape up to an instant.
    fn share(&self, at: f64) -> Option<f64> {
        let after = |point: &TracePoint| point.at.saturating_sub(self.deploy_at) as f64;
        let known = self.points.partition_point(|point| after(point) <= at);
        self.points.get(known.checked_sub(1)?).map(|point| point.candidate_share)
    }

    /// Usual time between scrapes in seconds: the middle one of all gaps.
    fn window(&self) -> f64 {
        let mut gaps: Vec<f64> =
            self.points.windows(2).map(|w| w[1].at.saturating_sub(w[0].at) as f64 / 1e9).collect();
        gaps.sort_by(f64::total_cmp);
        gaps.get(gaps.len() / 2).copied().unwrap_or(0.0)
    }
}

/// The rows of the truth, or a sentence when no trace was kept.
pub(super) fn rows(page: &Page<'_>, points: &[TracePoint]) -> Vec<String> {
    if points.is_empty() {
        return vec!["  no trace was kept of this run".to_owned()];
    }
    let trace = Trace::new(points, page.deploy_at);
    let columns: Vec<(Option<Sums>, Option<f64>)> = (0..page.axis.columns())
        .map(|column| {
            let edges = page.axis.edges(column);
            let during = trace.during(edges);
            (during, trace.share(edges.1).filter(|_| during.is_some()))
        })
        .collect();
    let window = trace.window();
    let row = |value: &dyn Fn(&Sums) -> Option<f64>| -> Vec<Option<f64>> {
        columns.iter().map(|(sums, _)| sums.as_ref().and_then(value)).collect()
    };
    let per_second = |sums: &Sums, n: f64| (sums.at > 0.0).then(|| n * 1e9 / sums.at);
    let requests = row(&|s| per_second(s, s.issued));
    let bad = row(&|s| (s.answered > 0.0).then(|| s.bad / s.answered * 100.0));
    let harmed = row(&|s| per_second(s, s.harmed).map(|rate| rate * window));
    let share: Vec<Option<f64>> = columns.iter().map(|(_, share)| share.map(|s| s * 100.0)).collect();
    let mut rows = vec![
        line(page, "requests/s", &requests, None, Tone::Plain),
        line(page, "bad ratio %", &bad, None, Tone::Plain),
        line(page, "candidate %", &share, Some(100.0), Tone::Plain),
    ];
    if window > 0.0 {
        let name = format!("harmed/{}", words::duration(window));
        rows.push(line(page, &name, &harmed, None, Tone::Bad));
    }
    rows
}

/// One row from 0 to its highest value; what is above 0 has the tone.
fn line(page: &Page<'_>, name: &str, values: &[Option<f64>], top: Option<f64>, tone: Tone) -> String {
    let zero = Scale { low: 0.0, high: top.unwrap_or(0.0) };
    let scale = values.iter().flatten().fold(zero, |scale, value| scale.and(*value));
    let cells: Vec<Cell> = values.iter().map(|v| v.map_or(Cell::Gap, Cell::Value)).collect();
    let painted: Vec<(char, Tone)> = sparkline(&cells, scale, page.glyphs)
        .into_iter()
        .zip(values)
        .map(|(c, value)| (c, if value.is_some_and(|v| v > 0.0) { tone } else { Tone::Plain }))
        .collect();
    let label = page.label(name, &format!("0..{}", words::value(scale.high)));
    format!("{label}{}", paint_cells(&painted, page.colour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::record::Counts;

    fn point(second: u64, issued: u64, harmed: u64) -> TracePoint {
        let counts = Counts { issued, succeeded: issued, ..Counts::default() };
        TracePoint { at: second * 1_000_000_000, candidate_share: 0.5, counts, harmed }
    }

    #[test]
    fn columns_neither_lose_nor_double_what_was_counted() {
        let points = [point(15, 150, 0), point(30, 450, 3), point(45, 450, 10)];
        let trace = Trace::new(&points, 0);
        for columns in [1usize, 2, 7, 45, 100] {
            let edge = |c: usize| 60e9 * c as f64 / columns as f64;
            let found: Vec<Sums> =
                (0..columns).filter_map(|c| trace.during((edge(c), edge(c + 1)))).collect();
            let total = |f: &dyn Fn(&Sums) -> f64| found.iter().map(f).sum::<f64>();
            assert!((total(&|s| s.issued) - 450.0).abs() < 1e-6, "{columns}");
            assert!((total(&|s| s.harmed) - 10.0).abs() < 1e-6, "{columns}");
        }
        assert!(trace.during((45e9, 50e9)).is_none(), "nothing is known after the last scrape");
        assert_eq!(trace.window(), 15.0);
        assert_eq!((trace.share(14e9), trace.share(15e9)), (None, Some(0.5)));
    }

    #[test]
    fn a_single_point_and_none() {
        let points = [point(10, 100, 1)];
        let trace = Trace::new(&points, 0);
        assert_eq!(trace.during((0.0, 10e9)).map(|s| s.issued), Some(100.0));
        assert_eq!(trace.window(), 0.0);
        let none = Trace::new(&[], 0);
        assert!(none.during((0.0, 1e9)).is_none());
        assert_eq!(none.share(5.0), None);
    }
}
