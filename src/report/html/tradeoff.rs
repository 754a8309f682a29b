//! The trade-off: false rollbacks against detection time, a point for each policy.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::plot::{BAD, FONT, GOOD, INK, LINE, SIZE, SOFT, figure};
use super::{Page, Section};
use crate::score::words;
use crate::score::{Estimate, Row};

/// The section.
pub(super) const SECTION: Section = Section {
    id: "trade-off",
    title: "Trade-off: false rollbacks against detection time",
    lead: "Left and low is good. A point is a policy, by its number in the table above; lines are its 95 % intervals. On \
           the right edge: half of the bad releases or more are never detected.",
    body,
};

/// Detection times below this are drawn here, in seconds: the axis is logarithmic.
const SOONEST: f64 = 1.0;
/// Where the axis of time has a line, in seconds.
const TICKS: [f64; 14] =
    [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0];

/// Where numbers of policies stand, and which.
type Label = ((f64, f64), Vec<String>);

/// A policy in the plot.
struct Point {
    number: usize,
    /// Seconds, with its limits; `None` beyond the follow-up.
    seconds: Option<(f64, f64, f64)>,
    share: (f64, f64, f64),
}

fn body(page: &Page<'_>) -> Option<String> {
    let points: Vec<Point> =
        page.policies.iter().enumerate().filter_map(|(index, row)| point(index + 1, row)).collect();
    if points.is_empty() {
        return None;
    }
    let svg = draw(&points)?;
    Some(figure(&svg, "False rollbacks against detection time, a point for each policy"))
}

fn point(number: usize, row: &Row) -> Option<Point> {
    let limits = |estimate: &Estimate| {
        let value = estimate.value?;
        Some((value, estimate.low.unwrap_or(value), estimate.high.unwrap_or(value)))
    };
    let seconds = limits(&row.detection.detection_time.median);
    Some(Point { number, seconds, share: limits(&row.detection.false_rollback_rate)? })
}

fn draw(points: &[Point]) -> Option<String> {
    let place = |seconds: f64| libm::log(seconds.max(SOONEST));
    let known = || points.iter().filter_map(|point| point.seconds);
    let first = place(known().map(|(_, low, _)| low).fold(60.0, f64::min));
    let last = place(known().map(|(_, _, high)| high).fold(600.0, f64::max));
    let edge = last + 0.08 * (last - first);
    let ticks =
        TICKS.into_iter().map(place).filter(|at| (first - 0.3..=edge).contains(at)).collect::<Vec<_>>();
    let top = points.iter().map(|point| point.share.2).fold(0.01, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(46)
            .y_label_area_size(62)
            .build_cartesian_2d(first - 0.3..edge + 0.3, 0.0..top * 1.08)
            .ok()?;
        chart
            .configure_mesh()
            .axis_style(SOFT)
            .bold_line_style(LINE)
            .light_line_style(TRANSPARENT)
            .label_style(FONT.into_font().color(&INK))
            .x_desc("median detection time, from the first harmed request")
            .y_desc("good releases rolled back")
            .disable_x_mesh()
            .x_labels(0)
            .x_label_formatter(&|_| String::new())
            .y_label_formatter(&|share| words::percent(*share))
            .y_labels(6)
            .draw()
            .ok()?;
        for at in ticks {
            let line = PathElement::new(vec![(at, 0.0), (at, top * 1.08)], LINE);
            let label = words::duration(libm::exp(at));
            let font = FONT.into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
            chart.draw_series([line]).ok()?;
            chart.draw_series([EmptyElement::at((at, 0.0)) + Text::new(label, (0, 7), font)]).ok()?;
        }
        // Points that lie on each other have their numbers side by side.
        let mut labels: BTreeMap<(i64, i64), Label> = BTreeMap::new();
        for point in points {
            let (share, low, high) = point.share;
            let colour = if point.seconds.is_some() { GOOD } else { BAD };
            let of = |(x, left, right)| (place(x), place(left), place(right));
            let (x, left, right) = point.seconds.map_or((edge, edge, edge), of);
            let lines = [vec![(x, low), (x, high)], vec![(left, share), (right, share)]];
            chart.draw_series(lines.into_iter().map(|line| PathElement::new(line, colour.mix(0.5)))).ok()?;
            chart.draw_series([Circle::new((x, share), 5, colour.filled())]).ok()?;
            let cell =
                (libm::round(60.0 * x / (edge - first)) as i64, libm::round(40.0 * share / top) as i64);
            labels.entry(cell).or_insert(((x, share), Vec::new())).1.push(point.number.to_string());
        }
        for (at, numbers) in labels.into_values() {
            let text = Text::new(numbers.join(", "), (8, -16), FONT.into_font().color(&INK));
            chart.draw_series([EmptyElement::at(at) + text]).ok()?;
        }
        area.present().ok()?;
    }
    Some(svg)
}
