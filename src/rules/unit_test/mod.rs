//! Unit tests of rules, as `promtool test rules` runs them.
//!
//! A test loads series, evaluates all groups of the named rule files every `evaluation_interval` from the start to its
//! last question, and asks which alerts fire and what queries give. Nothing is simulated here: it is the rule engine of
//! this crate against what the author of the rules expects.
//!
//! Traps, all of them promtool's: groups are evaluated at the interval of the *test file*, not at their own; samples later
//! than the last evaluation are not there; an alert counts only when it *fires*, and an expected alert without
//! `alertname` has the one that is asked for; numbers must be equal to the last bit unless `fuzzy_compare` allows one unit
//! in the last place.

mod file;
mod play;

pub use file::{AlertTest, Expected, ExprTest, Test, TestFile, parse};
pub use play::{Mismatch, play};
