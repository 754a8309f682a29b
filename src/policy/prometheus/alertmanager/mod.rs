//! Alertmanager between alerts and people: routes, groups, inhibition, and who is told when (prometheus/alertmanager
//! 68fb2d57, `dispatch/dispatch.go`, `notify/notify.go`, `inhibit/inhibit.go`).
//!
//! An alert goes down the tree of routes to the first child that matches, and on to its siblings where a route says
//! `continue`. At its route it joins the group of alerts with the same values of `group_by`. A new group waits `group_wait`
//! and is looked at every `group_interval` after that; at each look the receiver is told if an alert fires that it does not
//! know of, if all have ended, if one has ended and it wants to know that, or if `repeat_interval` has passed.
//!
//! Traps: an alert that joins a group that is there already waits for the next look, up to `group_interval` (five minutes by
//! default, not the half a minute of `group_wait`); one that ends and fires again between two looks, in front of a receiver
//! that is not told of ends, is not told again before `repeat_interval`; an inhibited alert is told at the first look after its
//! source has ended. What is told is remembered after a group is gone.

mod route;

use std::collections::{BTreeMap, BTreeSet};

pub use self::route::{GroupBy, Hears, Inhibition, Receiver, Route};
use crate::policy::native::{Then, verdict_of};
use crate::policy::{Observation, Verdict};
use crate::promql::Labels;
use crate::time::SimTime;

/// A configuration as it was loaded.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    /// All routes; the first is the root.
    pub routes: Vec<Route>,
    /// All receivers.
    pub receivers: Vec<Receiver>,
    /// What silences what.
    pub inhibitions: Vec<Inhibition>,
}

/// A series of an alert that fires, as a group of rules reports it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Firing {
    /// Its labels, `alertname` included.
    pub(super) labels: Labels,
    /// Its sentence.
    pub(super) reason: String,
    /// What follows it where the receiver does not say; `None` if nobody listens to it.
    pub(super) then: Option<Then>,
}

/// What is known of a series that fires.
#[derive(Clone, Debug)]
struct Known {
    /// The group of rules that reports it.
    group: usize,
    reason: String,
    then: Option<Then>,
}

/// What a receiver was told last of a group.
#[derive(Clone, Debug)]
struct Told {
    at: SimTime,
    firing: BTreeSet<Labels>,
    ended: BTreeSet<Labels>,
}

/// Alerts with one route and the same values of its labels.
#[derive(Clone, Debug)]
struct Group {
    alerts: BTreeSet<Labels>,
    next: SimTime,
}

type Key = (usize, Labels);

/// A configuration at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Dispatch {
    firing: BTreeMap<Labels, Known>,
    groups: BTreeMap<Key, Group>,
    told: BTreeMap<Key, Told>,
}

impl Dispatch {
    /// The next look at a group.
    pub(super) fn next(&self) -> SimTime {
        self.groups.values().map(|group| group.next).min().unwrap_or(SimTime::NEVER)
    }

    /// Takes in all that fires of a group of rules.
    pub(super) fn hear(&mut self, manager: &Alertmanager, group: usize, firing: Vec<Firing>, now: SimTime) {
        let present: BTreeSet<&Labels> = firing.iter().map(|alert| &alert.labels).collect();
        self.firing.retain(|labels, known| known.group != group || present.contains(labels));
        for Firing { labels, reason, then } in firing {
            if self.firing.contains_key(&labels) {
                continue;
            }
            for route in manager.routes_of(&labels) {
                let key = (route, manager.routes[route].group_by.of(&labels));
                let wait = manager.routes[route].wait;
                let fresh = || Group { alerts: BTreeSet::new(), next: now + wait };
                self.groups.entry(key).or_insert_with(fresh).alerts.insert(labels.clone());
            }
            self.firing.insert(labels, Known { group, reason, then });
        }
    }

    /// Takes what fires now as told already: it has been firing since before anybody looked.
    pub(super) fn settle(&mut self, manager: &Alertmanager, now: SimTime) {
        for (key, group) in &mut self.groups {
            group.next = now + manager.routes[key.0].interval;
            let told = Told { at: now, firing: group.alerts.clone(), ended: BTreeSet::new() };
            self.told.insert(key.clone(), told);
        }
    }

    /// Looks at every group whose time has come; what follows from what is told.
    pub(super) fn flush(&mut self, manager: &Alertmanager, o: &mut Observation<'_>) -> Verdict {
        let due: Vec<Key> =
            self.groups.iter().filter(|(_, group)| group.next <= o.now).map(|(key, _)| key.clone()).collect();
        let mut verdict = Verdict::Continue;
        for key in due {
            verdict = verdict.stronger(self.look(manager, &key, o));
        }
        verdict
    }

    fn look(&mut self, manager: &Alertmanager, key: &Key, o: &mut Observation<'_>) -> Verdict {
        let Some(group) = self.groups.get(key) else { return Verdict::Continue };
        let route = &manager.routes[key.0];
        let fires = |labels: &&Labels| self.firing.contains_key(*labels);
        let is_heard = |labels: &&Labels| !manager.is_inhibited(labels, self.firing.keys());
        let firing: BTreeSet<Labels> = group.alerts.iter().filter(fires).filter(is_heard).cloned().collect();
        let ended: BTreeSet<Labels> = group.alerts.iter().filter(|labels| !fires(labels)).cloned().collect();
        let receiver = &manager.receivers[route.receiver];
        let news = self.news(key, &firing, &ended, receiver.tells_ends, route, o.now);
        let mut verdict = Verdict::Continue;
        if let Some(news) = news {
            if news == News::Fires {
                verdict = self.follow(receiver, &firing, o);
            } else {
                o.say(|| format!("alertmanager tells {} of alerts that have ended", receiver.name));
            }
            self.told.insert(key.clone(), Told { at: o.now, firing, ended });
        }
        if let Some(group) = self.groups.get_mut(key) {
            group.next = o.now + route.interval;
            group.alerts.retain(|labels| self.firing.contains_key(labels));
            if group.alerts.is_empty() {
                self.groups.remove(key);
            }
        }
        verdict
    }

    /// Whether a receiver is told, and of what.
    fn news(
        &self,
        key: &Key,
        firing: &BTreeSet<Labels>,
        ended: &BTreeSet<Labels>,
        tells_ends: bool,
        route: &Route,
        now: SimTime,
    ) -> Option<News> {
        let Some(told) = self.told.get(key) else { return (!firing.is_empty()).then_some(News::Fires) };
        if !firing.is_subset(&told.firing) {
            Some(News::Fires)
        } else if firing.is_empty() {
            (!told.firing.is_empty()).then_some(News::Ends)
        } else if tells_ends && !ended.is_subset(&told.ended) {
            Some(News::Ends)
        } else {
            (now.since(told.at) > route.repeat).then_some(News::Fires)
        }
    }

    /// What follows when a receiver is told that these fire.
    fn follow(&self, receiver: &Receiver, firing: &BTreeSet<Labels>, o: &mut Observation<'_>) -> Verdict {
        let mut verdict = Verdict::Continue;
        let mut names = BTreeSet::new();
        for (labels, known) in firing.iter().filter_map(|labels| Some((labels, self.firing.get(labels)?))) {
            names.insert(labels.value("alertname"));
            let then = match &receiver.hears {
                Hears::Nobody => None,
                Hears::AsTheAlertSays => known.then.as_ref(),
                Hears::This(then) => then.as_ref(),
            };
            if let Some(then) = then {
                verdict = verdict.stronger(verdict_of(then, &known.reason));
            }
        }
        let names: Vec<&str> = names.into_iter().collect();
        o.say(|| format!("alertmanager tells {}: {}", receiver.name, names.join(", ")));
        verdict
    }
}

/// What a receiver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Fires,
    Ends,
}

#[cfg(test)]
mod tests;
