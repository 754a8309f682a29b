//! Playing a unit test.

use crate::diagnostic::Location;
use crate::promql::{Evaluator, Labels, MemoryStorage, Options, Program, SeriesLine, Value};
use crate::rules::{AlertState, Expansion, Group, GroupDef};

use super::file::{AlertTest, Expected, ExprTest, Test, TestFile};

/// An answer that is not the expected one.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The question: an alert or a query with its instant.
    pub what: String,
    /// Where it stands in the file.
    pub place: Location,
    /// What was expected, a line each.
    pub expected: Vec<String>,
    /// What there was, a line each; why there is no answer if there is none.
    pub found: Vec<String>,
}

/// Runs one test of a file over the groups of its rule files; what is not as expected.
pub fn play(file: &TestFile, test: &Test, groups: &[GroupDef]) -> Vec<Mismatch> {
    let options = Options { subquery_step: file.every, dates: true, ..Options::default() };
    let mut bench = match Bench::new(file, test, groups, options) {
        Ok(bench) => bench,
        Err(why) => return vec![failed("the rules".to_owned(), test.place, why)],
    };
    let mut wrong = Vec::new();
    let last_ms = test.alerts.iter().map(|t| t.at).chain(test.exprs.iter().map(|t| t.at)).max();
    let (every_ms, last_ms) = (file.every.as_millis().max(1), last_ms.map_or(0, |at| at.as_millis()));
    for after_ms in (0..=last_ms).step_by(usize::try_from(every_ms).unwrap_or(usize::MAX)) {
        if let Some(failure) = bench.evaluate(after_ms) {
            wrong.push(failure);
            return wrong;
        }
        let due = |asked: &&AlertTest| {
            (after_ms..after_ms.saturating_add(every_ms)).contains(&asked.at.as_millis())
        };
        wrong.extend(test.alerts.iter().filter(due).filter_map(|asked| bench.ask_alert(asked)));
    }
    wrong.extend(test.exprs.iter().filter_map(|asked| bench.ask_query(asked, options, file.fuzzy)));
    wrong
}

fn failed(what: String, place: Location, why: String) -> Mismatch {
    Mismatch { what, place, expected: Vec::new(), found: vec![why] }
}

/// The store and the groups of one test.
struct Bench<'a> {
    test: &'a Test,
    interval_ms: i64,
    groups: Vec<Group>,
    store: MemoryStorage,
    /// How many values of each series have been stored.
    stored: Vec<usize>,
    world: Expansion<'a>,
}

impl<'a> Bench<'a> {
    fn new(file: &TestFile, test: &'a Test, groups: &[GroupDef], options: Options) -> Result<Self, String> {
        let mut sorted: Vec<&GroupDef> = groups.iter().collect();
        // Named groups come last, in the order of their names in the file, as promtool sorts them.
        sorted.sort_by_key(|group| {
            file.order.iter().position(|name| *name == group.name).map_or(0, |at| at + 1)
        });
        let groups = sorted.iter().map(|def| Group::new(def, options)).collect::<Result<_, _>>();
        Ok(Bench {
            test,
            interval_ms: test.interval.unwrap_or(file.every).as_millis().max(1),
            groups: groups.map_err(|why| why.to_string())?,
            store: MemoryStorage::new(),
            stored: vec![0; test.series.len()],
            world: Expansion { external_labels: &test.external_labels, external_url: &test.external_url },
        })
    }

    /// Stores what has come until then and evaluates the groups.
    fn evaluate(&mut self, after_ms: i64) -> Option<Mismatch> {
        let now_ms = self.test.start_ms.saturating_add(after_ms);
        for (line, stored) in self.test.series.iter().zip(&mut self.stored) {
            store_until(&mut self.store, line, stored, (self.test.start_ms, self.interval_ms, after_ms));
        }
        for group in &mut self.groups {
            if let Some((rule, why)) = group.evaluate(&mut self.store, now_ms, &self.world).first() {
                let what = format!("rule `{}` at {}", rule.name(), shown(after_ms));
                return Some(failed(what, self.test.place, why.to_string()));
            }
        }
        None
    }

    fn ask_alert(&self, asked: &AlertTest) -> Option<Mismatch> {
        let alerts = self.groups.iter().flat_map(Group::alerts).filter(|alert| alert.name() == asked.alert);
        let firing =
            alerts.flat_map(|alert| alert.active()).filter(|active| active.state == AlertState::Firing);
        let mut found: Vec<Expected> = firing
            .map(|active| {
                let labels = active.labels.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
                let mut annotations = active.annotations.clone();
                annotations.sort();
                Expected { labels, annotations }
            })
            .collect();
        let mut expected = asked.expected.clone();
        found.sort();
        expected.sort();
        (found != expected).then(|| Mismatch {
            what: format!("alert `{}` at {}", asked.alert, shown(asked.at.as_millis())),
            place: asked.place,
            expected: expected.iter().map(alert_line).collect(),
            found: found.iter().map(alert_line).collect(),
        })
    }

    fn ask_query(&self, asked: &ExprTest, options: Options, fuzzy: bool) -> Option<Mismatch> {
        let what = format!("`{}` at {}", asked.expr.trim(), shown(asked.at.as_millis()));
        let at_ms = self.test.start_ms.saturating_add(asked.at.as_millis());
        let mut found = match answer(&self.store, &asked.expr, options, at_ms) {
            Ok(found) => found,
            Err(why) => return Some(failed(what, asked.place, why)),
        };
        let mut expected = asked.expected.clone();
        let by_labels = |a: &(Labels, f64), b: &(Labels, f64)| a.0.cmp(&b.0);
        found.sort_by(by_labels);
        expected.sort_by(by_labels);
        let alike = |(a, b): (&(Labels, f64), &(Labels, f64))| a.0 == b.0 && is_equal(a.1, b.1, fuzzy);
        if found.len() == expected.len() && found.iter().zip(&expected).all(alike) {
            return None;
        }
        let line = |(labels, value): &(Labels, f64)| format!("{labels} {value:?}");
        Some(Mismatch {
            what,
            place: asked.place,
            expected: expected.iter().map(line).collect(),
            found: found.iter().map(line).collect(),
        })
    }
}

fn answer(
    store: &MemoryStorage,
    expr: &str,
    options: Options,
    at_ms: i64,
) -> Result<Vec<(Labels, f64)>, String> {
    let mut program = Program::with_options(options);
    let query = program.add(expr).map_err(|why| why.to_string())?;
    match Evaluator::new().eval(&program, store, query, at_ms).map_err(|why| why.to_string())? {
        Value::Scalar(value) => Ok(vec![(Labels::empty(), value)]),
        Value::Vector(samples) => Ok(samples.into_iter().map(|s| (s.labels, s.value)).collect()),
        Value::Matrix(_) | Value::String(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

/// NaN is what NaN is expected to be.
fn is_equal(a: f64, b: f64, fuzzy: bool) -> bool {
    let near = fuzzy && (a.next_up() == b || a.next_down() == b);
    a == b || (a.is_nan() && b.is_nan()) || near
}

/// Adds the values of a series whose time has come; `clock` is (start, interval, time after the start), all in ms.
fn store_until(store: &mut MemoryStorage, line: &SeriesLine, stored: &mut usize, clock: (i64, i64, i64)) {
    let (start_ms, interval_ms, after_ms) = clock;
    while let Some(value) = line.values.get(*stored) {
        let at_ms = (*stored as i64).saturating_mul(interval_ms);
        if at_ms > after_ms {
            return;
        }
        if let Some(value) = value {
            store.append(&line.labels, start_ms.saturating_add(at_ms), *value);
        }
        *stored += 1;
    }
}

fn shown(after_ms: i64) -> String {
    crate::time::SimDuration::from_millis(u64::try_from(after_ms).unwrap_or(0)).to_string()
}

fn alert_line(alert: &Expected) -> String {
    let pairs = |pairs: &[(String, String)]| -> String {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    format!("labels {} annotations {}", pairs(&alert.labels), pairs(&alert.annotations))
}
