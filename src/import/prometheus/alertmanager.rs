//! `alertmanager.yml`, given beside rules: what it routes where, groups, delays and silences.
//!
//! Receivers are people and programs nobody runs here. One without integrations tells nobody; for the others the user says what
//! follows (`--alert receiver:NAME=roll_back`), else what is said of the alert holds, else a page. Intervals of the calendar have
//! no effect: a simulation has no dates.
//!
//! Trap: matchers are written in three ways (`match`, `match_re`, `matchers`), and a child inherits everything but those.

use std::collections::BTreeMap;

use super::AlertSetting;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::unread::{self, Notes, unsupported};
use crate::policy::loaded::Unsupported;
use crate::policy::native::Then;
use crate::policy::prometheus::alertmanager::{Alertmanager, GroupBy, Hears, Inhibition, Receiver, Route};
use crate::promql::{Labels, MatchOp, Matcher};
use crate::time::SimDuration;

/// The most routes below one another.
const DEEPEST: usize = 50;
/// Integrations that are not told of ends unless they say so.
const SILENT_ON_ENDS: [&str; 3] = ["email_configs", "slack_configs", "wechat_configs"];
const NOTES: Notes = &[
    ("mute_time_intervals", "not honoured: a simulation has no dates, so nothing is muted"),
    ("active_time_intervals", "not honoured: a simulation has no dates, so the route is always active"),
    ("time_intervals", "not honoured: a simulation has no dates"),
];

/// A configuration with what is said of it.
pub(super) struct Configuration {
    pub(super) manager: Alertmanager,
    pub(super) unsupported: Vec<Unsupported>,
    source: String,
}

/// Whether a document is a configuration of Alertmanager.
pub(in crate::import) fn is_configuration(root: &Reader<'_>) -> bool {
    root.has("route") && root.has("receivers")
}

/// What routes inherit.
#[derive(Clone)]
struct Inherited {
    receiver: usize,
    group_by: GroupBy,
    wait: SimDuration,
    interval: SimDuration,
    repeat: SimDuration,
}

/// Reads a configuration.
///
/// # Errors
/// If it is none Alertmanager would start with, with the place.
pub(super) fn read(root: &Reader<'_>, settings: &[AlertSetting]) -> Result<Configuration, Diagnostic> {
    for key in ["global", "templates", "tracing"] {
        root.ignore(key);
    }
    let receivers = receivers(&root.required("receivers")?, settings)?;
    let mut reading =
        Reading { names: receivers.iter().map(|r| r.name.clone()).collect(), routes: Vec::new() };
    let top = root.required("route")?;
    top.required("receiver")?;
    for key in ["match", "match_re", "matchers"] {
        if let Some(at) = top.get(key) {
            return Err(
                at.diagnostic_at("the root route has matchers", "it must take every alert: put them below")
            );
        }
    }
    let defaults = Inherited {
        receiver: 0,
        group_by: GroupBy::Labels(Vec::new()),
        wait: SimDuration::from_secs(30),
        interval: SimDuration::from_mins(5),
        repeat: SimDuration::from_mins(4 * 60),
    };
    reading.route(&top, defaults, 0)?;
    let mut inhibitions = Vec::new();
    if let Some(list) = root.get("inhibit_rules") {
        for item in list.seq()? {
            inhibitions.push(inhibition(&item)?);
        }
    }
    let source = root.source().name.to_owned();
    let mut left_out = unread::list(root, NOTES);
    left_out.extend(muted(root, &top));
    for entry in &mut left_out {
        entry.path = format!("{source}: {}", entry.path);
    }
    let manager = Alertmanager { routes: reading.routes, receivers, inhibitions };
    Ok(Configuration { manager, unsupported: left_out, source })
}

/// Time intervals that routes name are read by nobody; the list of unread keys has them already.
fn muted(root: &Reader<'_>, top: &Reader<'_>) -> Option<Unsupported> {
    let names = root.has("mute_time_intervals") || root.has("time_intervals");
    let is_used = top.has("mute_time_intervals") || top.has("active_time_intervals");
    (is_used && !names).then(|| unsupported(top, "it names time intervals that are not in the file"))
}

fn receivers(list: &Reader<'_>, settings: &[AlertSetting]) -> Result<Vec<Receiver>, Diagnostic> {
    let mut receivers: Vec<Receiver> = Vec::new();
    for item in list.seq()? {
        let name = item.required("name")?.text()?.to_owned();
        if receivers.iter().any(|known| known.name == name) {
            return Err(
                item.diagnostic_at(format!("there are two receivers `{name}`"), "give each its own name")
            );
        }
        let integrations: Vec<_> = item
            .whole()
            .entries()
            .iter()
            .filter(|entry| entry.key.ends_with("_configs"))
            .flat_map(|entry| entry.value.items().iter().map(move |config| (entry.key.as_str(), config)))
            .collect();
        let tells_ends = integrations.iter().any(|(key, config)| {
            let said = config.get("send_resolved").map(|node| node.raw == "true");
            said.unwrap_or(!SILENT_ON_ENDS.contains(key))
        });
        let setting = settings.iter().find(|setting| setting.which == format!("receiver:{name}"));
        let hears = match setting {
            Some(setting) => Hears::This(setting.then.clone()),
            None if integrations.is_empty() => Hears::Nobody,
            None => Hears::AsTheAlertSays,
        };
        receivers.push(Receiver { name, hears, tells_ends });
    }
    Ok(receivers)
}

/// Routes while they are read.
struct Reading {
    names: Vec<String>,
    routes: Vec<Route>,
}

impl Reading {
    /// Adds a route with all below it; its number.
    fn route(&mut self, at: &Reader<'_>, above: Inherited, depth: usize) -> Result<usize, Diagnostic> {
        if depth > DEEPEST {
            return Err(
                at.diagnostic_at("routes are nested too deeply", format!("{DEEPEST} levels are read"))
            );
        }
        let own = self.inherited(at, above)?;
        let number = self.routes.len();
        self.routes.push(Route {
            matchers: matchers(at, "match", "match_re", "matchers")?,
            goes_on: at.get("continue").map_or(Ok(false), |goes_on| goes_on.bool())?,
            children: Vec::new(),
            receiver: own.receiver,
            group_by: own.group_by.clone(),
            wait: own.wait,
            interval: own.interval,
            repeat: own.repeat,
        });
        if let Some(list) = at.get("routes") {
            for item in list.seq()? {
                let child = self.route(&item, own.clone(), depth + 1)?;
                self.routes[number].children.push(child);
            }
        }
        Ok(number)
    }

    /// What a route says itself, and what it has from above.
    fn inherited(&self, at: &Reader<'_>, above: Inherited) -> Result<Inherited, Diagnostic> {
        let span = |key: &str, above: SimDuration, may_be_zero: bool| {
            let Some(at) = at.get(key) else { return Ok(above) };
            let span = at.duration_prometheus()?;
            if span.is_zero() && !may_be_zero {
                return Err(at.diagnostic_at(format!("`{key}` is zero"), "write it like `5m`"));
            }
            Ok(span)
        };
        let receiver = match at.get("receiver") {
            None => above.receiver,
            Some(at) => {
                let name = at.text()?;
                self.names.iter().position(|known| known == name).ok_or_else(|| {
                    let help = format!("there are: {}", self.names.join(", "));
                    at.diagnostic_at(format!("there is no receiver `{name}`"), help)
                })?
            }
        };
        let group_by = match at.get("group_by") {
            None => above.group_by,
            Some(list) => {
                let mut names = Vec::new();
                for item in list.seq()? {
                    names.push(item.text()?.to_owned());
                }
                if names == ["..."] { GroupBy::All } else { GroupBy::Labels(names) }
            }
        };
        Ok(Inherited {
            receiver,
            group_by,
            wait: span("group_wait", above.wait, true)?,
            interval: span("group_interval", above.interval, false)?,
            repeat: span("repeat_interval", above.repeat, false)?,
        })
    }
}

fn inhibition(at: &Reader<'_>) -> Result<Inhibition, Diagnostic> {
    let mut equal = Vec::new();
    if let Some(list) = at.get("equal") {
        for item in list.seq()? {
            equal.push(item.text()?.to_owned());
        }
    }
    at.ignore("name");
    Ok(Inhibition {
        source: matchers(at, "source_match", "source_match_re", "source_matchers")?,
        target: matchers(at, "target_match", "target_match_re", "target_matchers")?,
        equal,
    })
}

/// The matchers under the old keys and the new one.
fn matchers(at: &Reader<'_>, plain: &str, regex: &str, new: &str) -> Result<Vec<Matcher>, Diagnostic> {
    let mut all = Vec::new();
    for (key, op) in [(plain, MatchOp::Equal), (regex, MatchOp::Regex)] {
        let Some(map) = at.get(key) else { continue };
        for (name, _, value) in map.entries()? {
            all.push(made(&value, name, op, value.text()?)?);
        }
    }
    if let Some(list) = at.get(new) {
        for item in list.seq()? {
            for one in split(item.text()?) {
                all.push(one_matcher(&item, one)?);
            }
        }
    }
    Ok(all)
}

fn made(at: &Reader<'_>, name: &str, op: MatchOp, value: &str) -> Result<Matcher, Diagnostic> {
    Matcher::new(name, op, value)
        .map_err(|why| at.diagnostic_at(format!("`{value}` cannot be matched: {why}"), "mend the expression"))
}

/// The matchers of one text, which may hold several in braces: split at commas outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[begin..place]);
                begin = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// `name="value"` with one of `=`, `!=`, `=~`, `!~`, the quotes left out or not.
fn one_matcher(at: &Reader<'_>, text: &str) -> Result<Matcher, Diagnostic> {
    let refused = || {
        let fact = format!("`{}` is no matcher", text.trim());
        at.diagnostic_at(fact, "write it like `severity=\"page\"` or `service=~\"shop|cart\"`")
    };
    let place = text.find(['=', '!']).ok_or_else(refused)?;
    let (name, rest) = text.split_at(place);
    let ops =
        [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    let (value, op) =
        ops.iter().find_map(|(sign, op)| Some((rest.strip_prefix(sign)?, *op))).ok_or_else(refused)?;
    let (name, value) = (name.trim().trim_matches('"'), value.trim());
    let inner =
        value.strip_prefix('"').map(|value| value.strip_suffix('"').ok_or_else(refused)).transpose()?;
    if name.is_empty() {
        return Err(refused());
    }
    match inner {
        Some(inner) => made(at, name, op, &inner.replace("\\\"", "\"").replace("\\\\", "\\")),
        None => made(at, name, op, value),
    }
}

impl Configuration {
    /// Where an alert goes as far as its own labels say, in words.
    pub(super) fn goes_to(&self, name: &str, labels: &[(String, String)]) -> String {
        let mut known: BTreeMap<String, String> = labels.iter().cloned().collect();
        known.insert("alertname".to_owned(), name.to_owned());
        let routes = self.manager.routes_of(&Labels::new(known));
        let words = routes.iter().map(|&route| {
            let route = &self.manager.routes[route];
            let receiver = &self.manager.receivers[route.receiver];
            let deaf = if receiver.hears == Hears::Nobody { ", which tells nobody" } else { "" };
            format!(
                "`{}`{deaf} ({} after its group begins, then every {}, again after {})",
                receiver.name, route.wait, route.interval, route.repeat
            )
        });
        words.collect::<Vec<_>>().join(" and ")
    }

    /// What it does as a whole, in words.
    pub(super) fn sentence(&self) -> String {
        format!(
            "Alertmanager ({}): {} routes, {} receivers, {} inhibitions; alerts go by the labels of their series, those of the rules are shown.",
            self.source,
            self.manager.routes.len(),
            self.manager.receivers.len(),
            self.manager.inhibitions.len()
        )
    }

    /// Whether more than a page can follow, of alerts with these reactions.
    pub(super) fn acts(&self, an_alert_acts: bool) -> bool {
        self.manager.receivers.iter().any(|receiver| match &receiver.hears {
            Hears::Nobody | Hears::This(None) => false,
            Hears::AsTheAlertSays => an_alert_acts,
            Hears::This(Some(then)) => *then != Then::Page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ImportOptions, SourceText, load};
    use crate::policy::Verdict;
    use crate::policy::bench::{Bench, vector};
    use crate::policy::loaded::Loaded;

    const RULES: &str = "groups: [{name: g, interval: 1m, rules: [{alert: High, expr: 'errors > 1', labels: {severity: page}}]}]\n";
    const MANAGER: &str = "\
global: {resolve_timeout: 5m}
route:
  receiver: team
  group_by: [alertname]
  group_wait: 10s
  routes:
    - matchers: ['severity=\"page\"', '{service=~shop|cart,zone!=\"a,b\"}']
      receiver: hook
      continue: true
      repeat_interval: 1h
    - match: {severity: page}
      match_re: {alertname: H.*}
      group_wait: 40s
      mute_time_intervals: [nights]
receivers:
  - name: team
    email_configs: [{to: a@b.c}]
  - name: hook
    webhook_configs: [{url: http://x}]
  - name: nobody
inhibit_rules:
  - source_matchers: [severity=page]
    target_match: {severity: ticket}
    equal: [service]
time_intervals: [{name: nights}]
";

    fn read_all(manager: &str, alert: &[&str]) -> Result<Vec<Loaded>, String> {
        let options = ImportOptions {
            alerts: alert.iter().map(|text| text.parse().unwrap()).collect(),
            ..ImportOptions::default()
        };
        let files = [
            SourceText { name: "rules.yml", text: RULES },
            SourceText { name: "alertmanager.yml", text: manager },
        ];
        load(&files, &options).map_err(|wrong| wrong[0].render(false))
    }

    fn configuration(text: &str, alert: &[&str]) -> Configuration {
        let documents = crate::document::parse_documents("alertmanager.yml", text).unwrap();
        let source = crate::diagnostic::Source::new("alertmanager.yml", text);
        let settings: Vec<AlertSetting> = alert.iter().map(|text| text.parse().unwrap()).collect();
        read(&Reader::new(source, &documents[0]), &settings).unwrap()
    }

    #[test]
    fn a_child_inherits_everything_but_its_matchers() {
        let manager = configuration(MANAGER, &[]).manager;
        let secs = SimDuration::from_secs;
        let waits: Vec<_> =
            manager.routes.iter().map(|r| (r.receiver, r.wait, r.interval, r.repeat)).collect();
        assert_eq!(
            waits,
            [
                (0, secs(10), secs(300), secs(4 * 3600)),
                (1, secs(10), secs(300), secs(3600)),
                (0, secs(40), secs(300), secs(4 * 3600)),
            ]
        );
        assert_eq!(manager.routes[0].children, [1, 2]);
        assert!(manager.routes.iter().all(|r| r.group_by == GroupBy::Labels(vec!["alertname".to_owned()])));
        let to =
            |text: &str| manager.routes_of(&Labels::new(text.split(' ').filter_map(|p| p.split_once('='))));
        assert_eq!(to("alertname=High severity=page service=shop"), [1, 2]);
        assert_eq!(to("alertname=High severity=page service=shopping"), [2]);
        assert_eq!(to("alertname=High severity=page service=cart zone=a,b"), [2]);
        assert_eq!(to("alertname=Low severity=page"), [0]);
        // Mail is not told of ends unless it says so, a webhook is.
        assert_eq!(manager.receivers.iter().map(|r| r.tells_ends).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(manager.receivers[2].hears, Hears::Nobody);
        assert_eq!(manager.inhibitions[0].equal, ["service"]);
    }

    #[test]
    fn what_is_not_honoured_is_listed_with_its_file_and_line() {
        let policy = read_all(MANAGER, &[]).unwrap().remove(0);
        let found: Vec<(&str, usize)> =
            policy.unsupported.iter().map(|entry| (entry.path.as_str(), entry.line)).collect();
        assert_eq!(
            found,
            [
                ("alertmanager.yml: route.routes[1].mute_time_intervals", 14),
                ("alertmanager.yml: time_intervals", 25),
            ]
        );
        assert!(policy.tells_only);
        assert!(
            policy
                .reading
                .iter()
                .any(|line| line.contains("`High` goes to `team` (40s after its group begins"))
        );
        assert!(!read_all(MANAGER, &["receiver:hook=roll_back"]).unwrap()[0].tells_only);
        assert!(read_all(MANAGER, &["receiver:nobody=ignore"]).unwrap()[0].tells_only);
    }

    #[test]
    fn a_receiver_rolls_back_when_it_is_told_and_not_when_the_alert_fires() {
        for (setting, wanted) in [("receiver:team=roll_back", true), ("receiver:hook=roll_back", false)] {
            let policy = read_all(MANAGER, &[setting]).unwrap().remove(0);
            let mut bench = Bench::new(policy.prototype, false);
            let (fired, verdict) = bench.tick(vec![vector(&[2.0]), vector(&[2.0])]);
            assert_eq!(verdict, Verdict::Continue);
            let (told, verdict) = bench.tick(vec![vector(&[2.0]), vector(&[2.0])]);
            // Its labels bring it to the second child, which is `team` after 40 s.
            assert_eq!(told, fired + SimDuration::from_secs(40), "{setting}");
            assert_eq!(verdict.is_decision(), wanted, "{setting}");
        }
    }

    #[test]
    fn matchers_are_split_outside_of_quotes() {
        assert_eq!(split("{a=\"b,c\", d=~e}"), ["a=\"b,c\"", " d=~e"]);
        assert_eq!(split("a=\"x\\\",y\""), ["a=\"x\\\",y\""]);
        assert!(split("{}").is_empty());
    }

    #[test]
    fn what_alertmanager_would_not_start_with_is_refused_with_its_place() {
        for (from, to, fact, line) in [
            ("      receiver: hook\n", "      receiver: hock\n", "there is no receiver `hock`", 8),
            ("  - name: nobody", "  - name: team", "there are two receivers `team`", 20),
            (
                "  group_by: [alertname]\n",
                "  group_by: [alertname]\n  match: {a: b}\n",
                "the root route has matchers",
                5,
            ),
            ("H.*", "'H('", "cannot be matched", 12),
            ("'severity=\"page\"'", "'severity'", "`severity` is no matcher", 7),
            ("'severity=\"page\"'", "'severity=\"page'", "is no matcher", 7),
            ("repeat_interval: 1h", "repeat_interval: 0s", "`repeat_interval` is zero", 10),
            ("group_wait: 40s", "group_wait: soon", "must be a duration", 13),
        ] {
            let text = MANAGER.replacen(from, to, 1);
            assert_ne!(text, MANAGER, "{from}");
            let found = read_all(&text, &[]).err().unwrap_or_else(|| panic!("{fact}"));
            assert!(
                found.contains(fact) && found.contains(&format!("alertmanager.yml:{line}")),
                "{fact}: {found}"
            );
        }
        let alone = [SourceText { name: "alertmanager.yml", text: MANAGER }];
        let found = load(&alone, &ImportOptions::default()).err().unwrap();
        assert!(found[0].render(false).contains("decides nothing by itself"));
    }
}
