//! Where an alert goes, and what silences it.
//!
//! Traps: a label that an alert does not have is the empty text, for matchers, for groups and for `equal`; the root takes what no
//! child does; an alert that an inhibition both silences with and silences does not silence itself, nor another such one.

use super::Alertmanager;
use crate::policy::native::Then;
use crate::promql::{Labels, Matcher};
use crate::time::SimDuration;

/// By what a route groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Every alert by itself (`...`).
    All,
    /// The values of these labels; without any, all alerts of the route are one group.
    Labels(Vec<String>),
}

impl GroupBy {
    /// The labels of the group of an alert.
    pub(super) fn of(&self, labels: &Labels) -> Labels {
        match self {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.keep(names),
        }
    }
}

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// What an alert must have to come here, all of it.
    pub matchers: Vec<Matcher>,
    /// Whether an alert that comes here goes to later siblings as well.
    pub goes_on: bool,
    /// The numbers of the routes below.
    pub children: Vec<usize>,
    /// The number of its receiver.
    pub receiver: usize,
    /// What is told together.
    pub group_by: GroupBy,
    /// From the first alert of a group to the first look.
    pub wait: SimDuration,
    /// Between looks.
    pub interval: SimDuration,
    /// After how long the same is told again.
    pub repeat: SimDuration,
}

/// Who hears what a receiver is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Hears {
    /// Nobody: a receiver without integrations.
    Nobody,
    /// Whoever hears the alert.
    AsTheAlertSays,
    /// This is done, whatever the alert; `None` if nothing.
    This(Option<Then>),
}

/// A receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// Who hears it.
    pub hears: Hears,
    /// Whether it is told of alerts that end while others go on.
    pub tells_ends: bool,
}

/// An inhibition.
#[derive(Clone, Debug)]
pub struct Inhibition {
    /// What silences.
    pub source: Vec<Matcher>,
    /// What is silenced.
    pub target: Vec<Matcher>,
    /// The labels both must have with the same values.
    pub equal: Vec<String>,
}

/// Whether labels satisfy all of these.
fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.is_match(labels.value(matcher.name())))
}

impl Alertmanager {
    /// The routes at which an alert ends up, in their order.
    pub fn routes_of(&self, labels: &Labels) -> Vec<usize> {
        let mut found = Vec::new();
        self.descend(0, labels, &mut found);
        found
    }

    /// Whether the alert came to this route or below it.
    fn descend(&self, at: usize, labels: &Labels, found: &mut Vec<usize>) -> bool {
        let Some(route) = self.routes.get(at).filter(|route| all_match(&route.matchers, labels)) else {
            return false;
        };
        let before = found.len();
        for &child in &route.children {
            if self.descend(child, labels, found) && !self.routes[child].goes_on {
                break;
            }
        }
        if found.len() == before {
            found.push(at);
        }
        true
    }

    /// Whether any of what fires silences this alert.
    pub(super) fn is_inhibited<'a>(
        &self,
        labels: &Labels,
        firing: impl Iterator<Item = &'a Labels> + Clone,
    ) -> bool {
        self.inhibitions.iter().filter(|rule| all_match(&rule.target, labels)).any(|rule| {
            let is_both = all_match(&rule.source, labels);
            firing.clone().any(|source| {
                all_match(&rule.source, source)
                    && rule.equal.iter().all(|name| source.value(name) == labels.value(name))
                    && !(is_both && all_match(&rule.target, source))
            })
        })
    }
}
