//! Which values an expression can have, whatever happens in the world.
//!
//! Interval arithmetic over the tree of a query, with two things remembered along the way: what the number is (a share
//! of requests, a latency), and by how much it was scaled since. Every interval holds all values the expression can
//! have, and often more; a comparison outside of it is decided before anything is played.
//!
//! Traps: a quotient is a share only when the series above are among those below, over the same window; NaN and empty
//! results have no place in an interval and are not spoken about.

use promql_parser::parser::{Expr, VectorSelector, token};

use super::query::{bare, called, number, selectors, windows};
use crate::lint::Facts;
use crate::telemetry::binding::{Bound, Naming};
use crate::telemetry::dialect::{Signal, Text, Transform};
use crate::telemetry::instrument::Instrument;
use crate::world::instruments::{BOUNDS, Code};

/// What a number is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Quantity {
    /// A share of requests or the like, 0 to 1 before scaling.
    Share {
        /// Whether it is the good ones that are counted.
        good: bool,
    },
    /// A quantile of a histogram with these finite bounds, in the metric's unit.
    Quantile { bounds: Vec<f64>, millis: bool },
    /// A mean latency in the metric's unit.
    Mean { millis: bool },
    /// Anything else.
    Other,
}

/// The values an expression can have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Values {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) quantity: Quantity,
    /// By what the quantity was multiplied.
    pub(crate) scale: f64,
}

const INF: f64 = f64::INFINITY;

impl Values {
    fn new(low: f64, high: f64) -> Self {
        Values { low, high, quantity: Quantity::Other, scale: 1.0 }
    }
    fn any() -> Self {
        Values::new(-INF, INF)
    }
    fn upward() -> Self {
        Values::new(0.0, INF)
    }
    fn of(quantity: Quantity, high: f64) -> Self {
        Values { low: 0.0, high, quantity, scale: 1.0 }
    }
    fn is_from_zero(&self) -> bool {
        self.low >= 0.0
    }
    fn times(self, factor: f64) -> Self {
        if !factor.is_finite() || factor == 0.0 {
            return Values::any();
        }
        let (a, b) = (self.low * factor, self.high * factor);
        let quantity = if factor > 0.0 { self.quantity } else { Quantity::Other };
        Values { low: a.min(b), high: a.max(b), quantity, scale: self.scale * factor }
    }
    fn plain(self) -> Self {
        Values::new(self.low, self.high)
    }

    /// Milliseconds in a second of a latency as it stands here: 1 for seconds, 1000 for milliseconds.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let millis = match self.quantity {
            Quantity::Quantile { millis, .. } | Quantity::Mean { millis } => millis,
            _ => return None,
        };
        Some(self.scale * if millis { 1000.0 } else { 1.0 })
    }
}

/// What is needed to know what a selector reads.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) naming: &'a Naming,
    pub(crate) facts: &'a Facts,
}

impl Reading<'_> {
    pub(crate) fn bind(&self, selector: &VectorSelector) -> Option<Bound> {
        super::query::bind(selector, self.naming, self.facts).ok()
    }

    /// The values of an expression.
    pub(crate) fn values(&self, expr: &Expr) -> Values {
        if let Some(number) = number(expr) {
            return Values::new(number, number);
        }
        match expr {
            Expr::Paren(inner) => self.values(&inner.expr),
            Expr::Unary(negated) => self.values(&negated.expr).times(-1.0),
            Expr::VectorSelector(selector) => self.selected(selector),
            Expr::MatrixSelector(matrix) => self.selected(&matrix.vs),
            Expr::Subquery(subquery) => self.values(&subquery.expr),
            Expr::Aggregate(aggregate) => self.aggregated(aggregate.op, &aggregate.expr),
            Expr::Binary(binary) => match binary.op.id() {
                token::T_LAND | token::T_LUNLESS => self.values(&binary.lhs),
                token::T_LOR => union(self.values(&binary.lhs), self.values(&binary.rhs)),
                token::T_ADD => {
                    let (a, b) = (self.values(&binary.lhs), self.values(&binary.rhs));
                    Values::new(sum(a.low, b.low, -INF), sum(a.high, b.high, INF))
                }
                token::T_SUB => self.difference(&binary.lhs, &binary.rhs),
                token::T_MUL => self.product(&binary.lhs, &binary.rhs),
                token::T_DIV => self.quotient(&binary.lhs, &binary.rhs),
                _ if binary.op.is_comparison_operator() && binary.return_bool() => Values::new(0.0, 1.0),
                _ if binary.op.is_comparison_operator() => self.values(&binary.lhs),
                _ => Values::any(),
            },
            Expr::Call(call) => {
                let arguments: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
                self.called(call.func.name, &arguments)
            }
            _ => Values::any(),
        }
    }

    fn selected(&self, selector: &VectorSelector) -> Values {
        let Some(bound) = self.bind(selector) else { return Values::any() };
        let parts = bound.families.iter().flat_map(|family| &family.parts);
        let of = parts.map(|part| match (part.signal, part.transform) {
            (_, Transform::Always(constant)) => Values::new(constant.min(0.0), constant.max(0.0)),
            (_, Transform::Complement | Transform::OneWhile(_) | Transform::Positive)
            | (Signal::Up | Signal::Ready | Signal::LastKilledByMemory, _) => Values::new(0.0, 1.0),
            (Signal::LatencyMean, transform) => {
                Values::of(Quantity::Mean { millis: transform == Transform::Times(1000.0) }, INF)
            }
            _ => Values::upward(),
        });
        of.reduce(union).unwrap_or_else(Values::any)
    }

    fn aggregated(&self, op: token::TokenType, inner: &Expr) -> Values {
        let values = self.values(inner);
        match op.id() {
            token::T_MIN | token::T_MAX | token::T_AVG | token::T_TOPK | token::T_BOTTOMK => values,
            token::T_SUM if values.is_from_zero() => Values::upward(),
            token::T_COUNT | token::T_GROUP | token::T_COUNT_VALUES => Values::new(1.0, INF),
            token::T_STDDEV | token::T_STDVAR => Values::upward(),
            _ => Values::any(),
        }
    }

    fn called(&self, name: &str, arguments: &[&Expr]) -> Values {
        let first = || arguments.first().map_or_else(Values::any, |argument| self.values(argument));
        let constant = |at: usize| arguments.get(at).and_then(|argument| number(argument));
        match name {
            "rate" | "irate" | "increase" | "resets" | "changes" | "count_over_time" | "time"
            | "timestamp" | "stddev_over_time" | "stdvar_over_time" => Values::upward(),
            "sum_over_time" if first().is_from_zero() => Values::upward(),
            "avg_over_time" | "min_over_time" | "max_over_time" | "last_over_time" | "sort" | "sort_desc"
            | "label_replace" | "label_join" | "scalar" | "vector" => first(),
            "absent" | "absent_over_time" | "present_over_time" => Values::new(1.0, 1.0),
            "abs" => {
                let inner = first();
                let most = inner.low.abs().max(inner.high.abs());
                if inner.is_from_zero() { inner } else { Values::new(0.0, most) }
            }
            "clamp_min" => match constant(1) {
                Some(least) => {
                    let inner = first();
                    Values { low: inner.low.max(least), high: inner.high.max(least), ..inner }
                }
                None => Values::any(),
            },
            "clamp_max" => match constant(1) {
                Some(most) => {
                    let inner = first();
                    Values { low: inner.low.min(most), high: inner.high.min(most), ..inner }
                }
                None => Values::any(),
            },
            "ceil" | "floor" | "round" => {
                let inner = first();
                Values::new(inner.low.floor(), inner.high.ceil())
            }
            "histogram_quantile" => self.quantile(constant(0), arguments.get(1).copied()),
            _ => Values::any(),
        }
    }

    /// Prometheus gives the highest finite bound for what lies beyond it, and interpolates from zero below the first.
    fn quantile(&self, q: Option<f64>, histogram: Option<&Expr>) -> Values {
        let in_range = q.is_some_and(|q| (0.0..=1.0).contains(&q));
        let buckets = histogram.filter(|_| in_range).and_then(|histogram| {
            let (selector, _) = selectors(histogram).into_iter().next()?;
            let bound = self.bind(selector)?;
            let labels = bound.families.iter().flat_map(|f| &f.parts).flat_map(|part| &part.labels);
            labels.into_iter().find(|(name, _)| name == "le").map(|(_, text)| *text)
        });
        let (millis, which) = match buckets {
            Some(Text::BoundSeconds(which)) => (false, which),
            Some(Text::BoundMillis(which)) => (true, which),
            _ => return Values::any(),
        };
        let unit = if millis { 1000.0 } else { 1.0 };
        let has =
            |(index, bound): (usize, &f64)| (which.has(index) && bound.is_finite()).then_some(bound * unit);
        let bounds: Vec<f64> = BOUNDS.iter().enumerate().filter_map(has).collect();
        let top = bounds.last().copied().unwrap_or(INF);
        Values::of(Quantity::Quantile { bounds, millis }, top)
    }

    fn difference(&self, left: &Expr, right: &Expr) -> Values {
        let (a, b) = (self.values(left), self.values(right));
        let (low, high) = (sum(a.low, -b.high, -INF), sum(a.high, -b.low, INF));
        match b.quantity {
            // What is left of the whole: 1 - errors, 100 - percentage.
            Quantity::Share { good } if number(left) == Some(b.scale) => {
                Values { low, high, quantity: Quantity::Share { good: !good }, scale: b.scale }
            }
            _ => Values::new(low, high),
        }
    }

    fn product(&self, left: &Expr, right: &Expr) -> Values {
        let (a, b) = (self.values(left), self.values(right));
        match (number(left), number(right)) {
            (Some(factor), _) => b.times(factor),
            (_, Some(factor)) => a.times(factor),
            _ if a.is_from_zero() && b.is_from_zero() => Values::upward(),
            _ => Values::any(),
        }
    }

    fn quotient(&self, above: &Expr, below: &Expr) -> Values {
        let values = self.values(above);
        if let Some(divisor) = number(below) {
            return values.times(1.0 / divisor);
        }
        // `100 * errors / requests` is read as `(100 * errors) / requests`.
        if let Expr::Binary(product) = bare(above)
            && product.op.id() == token::T_MUL
        {
            if let Some(factor) = number(&product.lhs) {
                return self.quotient(&product.rhs, below).times(factor);
            }
            if let Some(factor) = number(&product.rhs) {
                return self.quotient(&product.lhs, below).times(factor);
            }
        }
        if let Some(quantity) = self.ratio(above, below) {
            let high = if matches!(quantity, Quantity::Share { .. }) { 1.0 } else { INF };
            return Values::of(quantity, high);
        }
        let both = values.is_from_zero() && self.values(below).is_from_zero();
        if both { Values::upward() } else { Values::any() }
    }

    /// What the quotient of two sums of rates is, if it is something known.
    fn ratio(&self, above: &Expr, below: &Expr) -> Option<Quantity> {
        if windows(above)? != windows(below)? {
            return None;
        }
        let (above, below) = (self.bind(counted(above)?)?, self.bind(counted(below)?)?);
        let kind = |bound: &Bound| bound.families.first().and_then(|f| f.parts.first()).map(|p| p.signal);
        match kind(&above)? {
            Signal::LatencySum | Signal::ClientLatencySum => {
                let millis = above
                    .families
                    .iter()
                    .flat_map(|f| &f.parts)
                    .any(|p| p.transform == Transform::Times(1000.0));
                below.feeds.iter().all(|feed| counts(feed.instrument)).then_some(Quantity::Mean { millis })
            }
            _ => {
                let among = above.feeds.iter().all(|feed| {
                    let same = |other: &&crate::telemetry::binding::Feed| {
                        other.service == feed.service && other.set == feed.set
                    };
                    let theirs: Vec<Instrument> =
                        below.feeds.iter().filter(same).map(|f| f.instrument).collect();
                    holds(&theirs, feed.instrument)
                });
                let good = above.feeds.iter().any(|feed| is_good(feed.instrument));
                among.then_some(Quantity::Share { good })
            }
        }
    }
}

/// The one selector under sums and rates; guards against an empty or zero side are looked through.
fn counted(expr: &Expr) -> Option<&VectorSelector> {
    match bare(expr) {
        Expr::Aggregate(aggregate) if aggregate.op.id() == token::T_SUM => counted(&aggregate.expr),
        Expr::Call(call) if matches!(call.func.name, "rate" | "increase") => {
            match call.args.args.first()?.as_ref() {
                Expr::MatrixSelector(matrix) => Some(&matrix.vs),
                _ => None,
            }
        }
        Expr::Call(call) if call.func.name == "clamp_min" => counted(call.args.args.first()?),
        Expr::Binary(binary) if binary.op.id() == token::T_LOR => {
            let is_zero = called(&binary.rhs) == Some("vector");
            is_zero.then(|| counted(&binary.lhs)).flatten()
        }
        Expr::Binary(binary) if binary.op.is_comparison_operator() && !binary.return_bool() => {
            number(&binary.rhs).and_then(|_| counted(&binary.lhs))
        }
        _ => None,
    }
}

fn counts(instrument: Instrument) -> bool {
    use Instrument::{ClientErrors, ClientNoPod, ClientRequests, ServerErrors, ServerRequests};
    matches!(instrument, ServerRequests(_) | ServerErrors | ClientRequests(_) | ClientErrors | ClientNoPod)
}

fn is_good(instrument: Instrument) -> bool {
    use Instrument::{ClientBucket, ClientRequests, ServerBucket, ServerRequests};
    matches!(
        instrument,
        ServerRequests(Code::Ok) | ClientRequests(Code::Ok) | ServerBucket(_) | ClientBucket(_)
    )
}

/// Whether what one instrument counts is among what the others count.
fn holds(others: &[Instrument], one: Instrument) -> bool {
    let all_server = Code::ALL.iter().all(|code| others.contains(&Instrument::ServerRequests(*code)));
    let all_client = Code::ALL.iter().all(|code| others.contains(&Instrument::ClientRequests(*code)));
    let last = (BOUNDS.len() - 1) as u8;
    others.contains(&one)
        || match one {
            Instrument::ServerErrors => all_server,
            Instrument::ServerBucket(_) => all_server || others == [Instrument::ServerBucket(last)],
            Instrument::ClientErrors => all_client,
            Instrument::ClientBucket(_) => all_client || others == [Instrument::ClientBucket(last)],
            _ => false,
        }
}

fn union(a: Values, b: Values) -> Values {
    let (low, high) = (a.low.min(b.low), a.high.max(b.high));
    let is_zero = b.low == 0.0 && b.high == 0.0;
    if is_zero || (a.quantity == b.quantity && a.scale == b.scale) {
        return Values { low, high, ..a };
    }
    Values { low, high, ..a.plain() }
}

/// The sum of two ends; opposite infinities give the end that claims nothing.
fn sum(a: f64, b: f64, unknown: f64) -> f64 {
    let sum = a + b;
    if sum.is_nan() { unknown } else { sum }
}

#[cfg(test)]
mod tests {
    use super::super::query::tree;
    use super::*;
    use crate::effect::ServiceId;
    use crate::strategy::support::replicas::Bounds;
    use crate::strategy::{StrategySpec, rolling::Rolling};
    use crate::telemetry::binding::WorldNames;
    use crate::telemetry::dialect::Dialect;
    use crate::time::SimDuration;

    fn values(text: &str) -> Values {
        let facts = Facts {
            world: WorldNames {
                services: vec!["web".into()],
                target: ServiceId(0),
                returns: false,
                model: Default::default(),
                released: Vec::new(),
            },
            dialects: Dialect::ALL.to_vec(),
            scrape: SimDuration::from_secs(15),
            loss: 0.0,
            warm_up: SimDuration::from_mins(5),
            horizon: SimDuration::from_mins(60),
            errors: 0.001,
            rate: 100.0,
            startup: SimDuration::from_secs(10),
            rollout: StrategySpec::Rolling(Rolling { bounds: Bounds::default() }),
            people_act: false,
        };
        let naming = Naming::native("web");
        Reading { naming: &naming, facts: &facts }.values(&tree(text).unwrap())
    }

    const BAD: &str = "sum(rate(http_requests_total{code=~\"5..\"}[1m]))";
    const ALL: &str = "sum(rate(http_requests_total[1m]))";

    #[test]
    fn shares_are_told_by_what_is_counted() {
        let share = values(&format!("{BAD} / {ALL}"));
        assert_eq!((share.low, share.high, share.quantity), (0.0, 1.0, Quantity::Share { good: false }));
        for percent in
            [format!("100 * {BAD} / {ALL}"), format!("100 * ({BAD} or vector(0)) / clamp_min({ALL}, 1)")]
        {
            let values = values(&percent);
            assert_eq!((values.high, values.scale), (100.0, 100.0), "{percent}");
            assert_eq!(values.quantity, Quantity::Share { good: false });
        }
        let success = values(&format!("1 - {BAD} / {ALL}"));
        assert_eq!((success.low, success.high, success.quantity), (0.0, 1.0, Quantity::Share { good: true }));
        let upside_down = values(&format!("{ALL} / {BAD}"));
        assert_eq!((upside_down.high, upside_down.quantity), (INF, Quantity::Other));
        let other_window = values(&format!("{BAD} / {}", ALL.replace("1m", "5m")));
        assert_eq!(other_window.high, INF);
    }

    #[test]
    fn quantiles_end_at_the_last_finite_bound_of_their_histogram() {
        let quantile =
            |metric: &str| values(&format!("histogram_quantile(0.99, sum by (le) (rate({metric}[1m])))"));
        let client = quantile("http_request_duration_seconds_bucket");
        assert_eq!((client.low, client.high, client.per_second()), (0.0, 10.0, Some(1.0)));
        let istio = quantile("istio_request_duration_milliseconds_bucket");
        assert_eq!((istio.high, istio.per_second()), (300_000.0, Some(1000.0)));
        let scaled =
            values("1000 * histogram_quantile(0.99, rate(http_request_duration_seconds_bucket[1m]))");
        assert_eq!((scaled.high, scaled.per_second()), (10_000.0, Some(1000.0)));
        assert_eq!(
            values("histogram_quantile(95, rate(http_request_duration_seconds_bucket[1m]))").high,
            INF
        );
    }

    #[test]
    fn other_ranges_hold_what_can_happen() {
        assert_eq!((values("up").low, values("min(up)").high), (0.0, 1.0));
        assert_eq!(values("sum(up)").high, INF);
        assert_eq!(values("count(up)").low, 1.0);
        assert_eq!(values("delta(http_requests_in_flight[5m])").low, -INF);
        assert_eq!(values("abs(up - 5)"), Values::new(0.0, 5.0));
        let mean = values(
            "sum(rate(http_request_duration_seconds_sum[1m])) / sum(rate(http_request_duration_seconds_count[1m]))",
        );
        assert_eq!((mean.per_second(), mean.high), (Some(1.0), INF));
        assert_eq!(values("up == bool 0"), Values::new(0.0, 1.0));
    }
}
