//! PromQL: the query language of most trigger files, compiled to a plan and evaluated exactly as Prometheus 3.x does.
//!
//! [`Program`] holds compiled queries, which share common parts; an [`Evaluator`] computes them against a
//! [`Storage`]. What is supported: float samples; selectors, offsets, subqueries; all arithmetic, comparison and set
//! operators with `on`, `ignoring`, `group_left`, `group_right` and `bool`; all aggregations; all functions of floats and of
//! classic histograms, experimental ones included; `@`. What is not (native histograms, `info`, `fill()`, durations that are
//! computed) is a compile error that names it.
//!
//! ```
//! use backout::promql::{Evaluator, Labels, MemoryStorage, Program, View};
//!
//! let mut store = MemoryStorage::new();
//! for (code, per_second) in [("200", 9.0), ("500", 1.0)] {
//!     let labels = Labels::new([("__name__", "requests_total"), ("code", code)]);
//!     for scrape in 0..=4 {
//!         store.append(&labels, scrape * 15_000, per_second * 15.0 * scrape as f64);
//!     }
//! }
//! let mut program = Program::new();
//! let query = program
//!     .add(r#"sum(rate(requests_total{code=~"5.."}[1m])) / sum(rate(requests_total[1m])) > 0.05"#)
//!     .unwrap();
//! let mut evaluator = Evaluator::new();
//! let View::Vector(result) = evaluator.view(&program, &store, query, 60_000).unwrap() else { panic!() };
//! assert!((result.values().next().unwrap() - 0.1).abs() < 1e-12);
//! ```
//!
//! Traps: see the modules; the ones that surprise most are that a comparison *filters* (no result is not the same as
//! 0), that `0/0` is a result (NaN) which no comparison but `!=` passes, and that windows are open on the left.

mod aggregate;
mod binary;
mod calendar;
mod compile;
mod compile_call;
mod error;
mod eval;
mod eval_node;
mod histogram;
mod labels;
mod names;
mod notation;
mod numeric;
mod operator;
mod order;
mod overlay;
mod place;
mod program;
mod rewrite;
mod sampling;
mod selector;
mod storage;
mod syntax;
mod transform;
mod value;
mod window;

pub use error::{EvalError, PromqlError};
pub use eval::Evaluator;
pub use labels::{BUCKET_BOUND, Labels, METRIC_NAME};
pub use notation::{SeriesLine, parse_labels, parse_series, parse_values};
pub use operator::{Arithmetic, Comparison};
pub use overlay::Overlay;
pub use place::placed;
pub use program::{Options, Program, QueryId, ValueType};
pub use rewrite::pin;
pub use selector::{MatchOp, Matcher, Selector};
pub use storage::{Extent, Glance, MemoryStorage, STALE, STALE_BITS, SeriesId, Storage, is_stale};
pub use value::{Sample, Series, Value, VectorView, View};
