//! Prometheus rules: recording rules, alerts, and the groups that evaluate them, outside of any simulation.
//!
//! A *group* is evaluated every so often, its rules one after the other at one instant, so a rule sees what the rules
//! above it have just written. A *recording rule* writes the value of a query under a new name. An *alert* is active for
//! every series its query returns: *pending* until it has been there for `for`, *firing* from then on, and inactive at
//! the first evaluation that does not return it (unless `keep_firing_for` bridges the gap). Both write series: the name
//! of the record, `ALERTS` and `ALERTS_FOR_STATE`; a series that is not written any more gets a stale marker.
//!
//! Semantics after Prometheus 3.x (`rules/alerting.go`, `rules/recording.go`, `rules/group.go`), checked with its own
//! test files and with the alert lifecycles of its compliance suite.
//!
//! Traps: any sample returned counts, whatever its value: `up == 0` alerts, `up == bool 0` always does. One evaluation
//! without the series ends an alert, pending or firing: a lost scrape longer than the look-back resets `for`. A rule that
//! fails keeps its state and writes nothing. An alert whose labels contain the value is another alert at each value,
//! and never fires with a `for`.

mod alert;
mod file;
mod group;
mod keys;
mod rule;
mod template;
pub mod unit_test;

pub use alert::{Active, Alert, AlertState};
pub use file::{GroupDef, Kind, RuleDef, parse};
pub use group::Group;
pub use rule::{Failure, Rule};
pub use template::{Expansion, expand};
