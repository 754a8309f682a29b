//! A world: what happens in it, and what of the scenario is other than it was.
//!
//! What is played is always the *text* made from it, read like any file, so that what is found is what is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::amount::{self, Unit};
use super::kind::{Kind, Member, Shelf, pick};
use super::range::{Range, Setting, TARGET};
use crate::rng::Stream;

/// What all worlds of a hunt share.
pub(super) struct Stage {
    /// The scenario without its events.
    pub(super) base: Value,
    /// Its services.
    pub(super) services: Vec<String>,
    /// What may happen.
    pub(super) kinds: Vec<Kind>,
    /// What of the scenario may be otherwise, with its place and its range there.
    pub(super) knobs: Vec<Knob>,
}

/// A setting in a scenario.
pub(super) struct Knob {
    pub(super) setting: &'static Setting,
    path: Vec<String>,
    pub(super) range: Range,
}

/// A world of a hunt.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct World {
    /// Its events.
    pub(super) members: Vec<Member>,
    /// What is otherwise: index of the knob, value in base units.
    pub(super) settings: BTreeMap<usize, f64>,
}

impl Stage {
    /// The scenario of this document, emptied of its events; the hunt brings its own.
    pub(super) fn new(document: &Value, kinds: Vec<Kind>, settings: &[&'static Setting]) -> Self {
        let mut base = document.clone();
        for shelf in Shelf::ALL {
            take(&mut base, shelf.path());
        }
        // They are about another world and about pooled scores.
        for key in ["summary", "weight"] {
            take(&mut base, &[key]);
        }
        let services = base.get("services").and_then(Value::as_object);
        let services: Vec<String> = services.map(|map| map.keys().cloned().collect()).unwrap_or_default();
        let target = at(&base, &["rollouts", "0", "service"]).and_then(Value::as_str).unwrap_or_default();
        let target = target.to_owned();
        let knobs = settings.iter().filter_map(|setting| Knob::new(setting, &base, &target)).collect();
        Stage { base, services, kinds, knobs }
    }

    /// The document of a world.
    pub(super) fn document(&self, world: &World) -> Value {
        let mut document = self.base.clone();
        for member in &world.members {
            let Some(kind) = self.kinds.get(member.kind) else { continue };
            push(&mut document, kind.shelf.path(), member.entry(kind));
        }
        for (index, value) in &world.settings {
            let Some(knob) = self.knobs.get(*index) else { continue };
            put(&mut document, &knob.path, knob.written(*value, at(&self.base, &knob.path)));
        }
        document
    }

    /// A member of this kind.
    pub(super) fn member(&self, kind: usize, stream: &mut Stream) -> Option<Member> {
        Some(self.kinds.get(kind)?.draw(kind, &self.services, stream))
    }

    /// A world around an event of this kind (or around none): each of these other kinds may be in it, half of the worlds
    /// are without company; each setting is otherwise with this probability.
    pub(super) fn draw(
        &self,
        principal: Option<usize>,
        others: &[usize],
        otherwise: f64,
        stream: &mut Stream,
    ) -> World {
        let mut world = World::default();
        world.members.extend(principal.and_then(|kind| self.member(kind, stream)));
        while stream.uniform() < 0.5 {
            let Some(kind) = pick(others, stream) else { break };
            world.members.extend(self.member(*kind, stream));
        }
        for (index, knob) in self.knobs.iter().enumerate() {
            let (turned, share) = (stream.uniform() < otherwise, stream.uniform());
            if turned {
                world.settings.insert(index, knob.range.at(share));
            }
        }
        world
    }

    /// The world with one thing otherwise; its first event, if it has a principal one, stays of its kind.
    pub(super) fn vary(
        &self,
        world: &World,
        principal: bool,
        others: &[usize],
        stream: &mut Stream,
    ) -> World {
        let mut world = world.clone();
        let kept = usize::from(principal);
        let choice = stream.uniform();
        if choice < 0.6 && !world.members.is_empty() {
            let which = stream.below(world.members.len() as u64) as usize;
            if let Some(member) = world.members.get_mut(which)
                && let Some(kind) = self.kinds.get(member.kind)
            {
                kind.vary(member, &self.services, stream);
            }
        } else if choice < 0.7 && world.members.len() > kept {
            let which = kept + stream.below((world.members.len() - kept) as u64) as usize;
            world.members.remove(which);
        } else if choice < 0.8 {
            let added = pick(others, stream).and_then(|kind| self.member(*kind, stream));
            world.members.extend(added);
        } else {
            self.turn(&mut world, stream);
        }
        world
    }

    /// One setting is moved, drawn, or put back.
    fn turn(&self, world: &mut World, stream: &mut Stream) {
        if self.knobs.is_empty() {
            return;
        }
        let index = stream.below(self.knobs.len() as u64) as usize;
        let Some(knob) = self.knobs.get(index) else { return };
        let (share, choice, step) = (stream.uniform(), stream.uniform(), 2.0 * stream.uniform() - 1.0);
        match world.settings.get(&index).copied() {
            Some(_) if choice < 0.3 => {
                world.settings.remove(&index);
            }
            Some(value) if choice < 0.8 => {
                world.settings.insert(index, knob.range.near(value, step));
            }
            _ => {
                world.settings.insert(index, knob.range.at(share));
            }
        }
    }

    /// Names of the settings that are otherwise in this document.
    pub(super) fn otherwise(&self, document: &Value) -> Vec<&'static str> {
        let differs = |knob: &&Knob| at(document, &knob.path) != at(&self.base, &knob.path);
        self.knobs.iter().filter(differs).map(|knob| knob.setting.name).collect()
    }
}

impl Knob {
    fn new(setting: &'static Setting, base: &Value, target: &str) -> Option<Self> {
        let name = |part: &&str| if *part == TARGET { target.to_owned() } else { (*part).to_owned() };
        let path: Vec<String> = setting.path.iter().map(name).collect();
        let own = at(base, &path).and_then(amount::read).map(|(value, _)| value);
        let unit = if setting.relative { own.filter(|own| *own > 0.0)? } else { 1.0 };
        let range = Range {
            least: setting.least * unit,
            most: setting.most * unit,
            by_magnitude: true,
            unit: setting.unit,
        };
        Some(Knob { setting, path, range })
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    fn written(&self, value: f64, own: Option<&Value>) -> Value {
        let value = amount::write(value, self.range.unit);
        if !self.setting.noise {
            return value;
        }
        let tau = own.and_then(|noise| noise.get("tau")).cloned();
        json!({ "tau": tau.unwrap_or_else(|| amount::write(300.0, Unit::Duration)), "cv": value })
    }
}

/// What stands at a path; numbers are places in lists.
pub(super) fn at<'v>(value: &'v Value, path: &[impl AsRef<str>]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.as_ref().parse::<usize>().ok()?),
        _ => value.get(part.as_ref()),
    })
}

/// The same, to be changed.
pub(super) fn at_mut<'v>(value: &'v mut Value, path: &[impl AsRef<str>]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Array(items) => items.get_mut(part.as_ref().parse::<usize>().ok()?),
        _ => value.get_mut(part.as_ref()),
    })
}

/// Takes out what stands at a path, and maps that are empty then.
pub(super) fn take(value: &mut Value, path: &[impl AsRef<str>]) -> Option<Value> {
    let (last, above) = path.split_last()?;
    let taken = match at_mut(value, above)? {
        Value::Object(map) => map.remove(last.as_ref()),
        Value::Array(items) => {
            let index = last.as_ref().parse::<usize>().ok().filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    };
    let empty = at(value, above).is_some_and(|above| {
        above.as_object().is_some_and(Map::is_empty) || above.as_array().is_some_and(Vec::is_empty)
    });
    if taken.is_some() && empty && !above.is_empty() {
        take(value, above);
    }
    taken
}

/// Puts a value at a path, making the maps on the way.
pub(super) fn put(document: &mut Value, path: &[impl AsRef<str>], value: Value) {
    let Some((last, above)) = path.split_last() else { return };
    let mut place = document;
    for part in above {
        place = match place {
            Value::Array(items) => {
                let index = part.as_ref().parse::<usize>().unwrap_or(usize::MAX);
                let Some(item) = items.get_mut(index) else { return };
                item
            }
            Value::Object(map) => map.entry(part.as_ref()).or_insert_with(|| Value::Object(Map::new())),
            _ => return,
        };
    }
    if let Value::Object(map) = place {
        map.insert(last.as_ref().to_owned(), value);
    } else if let Value::Array(items) = place
        && let Some(item) = last.as_ref().parse::<usize>().ok().and_then(|index| items.get_mut(index))
    {
        *item = value;
    }
}

/// Adds an item to the list at a path, making it if need be.
fn push(document: &mut Value, path: &[&str], item: Value) {
    match at_mut(document, path) {
        Some(Value::Array(items)) => items.push(item),
        _ => put(document, path, Value::Array(vec![item])),
    }
}
