//! Kinds of events a world may hold, and how their parameters are drawn, all of it from the catalogues.
//!
//! Trap: the example of a member names services that the scenario does not have; a field that holds a text is taken for the
//! name of a service and left out or filled with one that exists.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::amount::{self, Unit};
use super::range::Range;
use crate::catalogue::{Card, Catalogue as _, Field};
use crate::document::parse_typed;
use crate::fault::{ConfounderSpec, FaultSpec, SurroundingSpec};
use crate::rng::Stream;
use crate::rollback::defect::DefectSpec;

/// A list of the scenario that holds members of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shelf {
    /// What is wrong with the release.
    Faults,
    /// What looks like it.
    Confounders,
    /// What happens meanwhile.
    Surroundings,
    /// What is wrong with the way back.
    Defects,
}

impl Shelf {
    /// All of them.
    pub(super) const ALL: [Shelf; 4] =
        [Shelf::Faults, Shelf::Confounders, Shelf::Surroundings, Shelf::Defects];

    /// Where it stands in the document.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Shelf::Faults => &["change", "faults"],
            Shelf::Confounders => &["confounders"],
            Shelf::Surroundings => &["surroundings"],
            Shelf::Defects => &["rollback", "defects"],
        }
    }

    fn cards(self) -> &'static [Card] {
        match self {
            Shelf::Faults => FaultSpec::CARDS,
            Shelf::Confounders => ConfounderSpec::CARDS,
            Shelf::Surroundings => SurroundingSpec::CARDS,
            Shelf::Defects => DefectSpec::CARDS,
        }
    }
}

/// A member of a catalogue that may be in a world.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) shelf: Shelf,
    pub(super) card: &'static Card,
    slots: Vec<Slot>,
}

/// One of its parameters.
#[derive(Clone, Debug)]
struct Slot {
    name: String,
    required: bool,
    domain: Domain,
}

#[derive(Clone, Debug)]
enum Domain {
    /// A quantity; `onset` where it says when something begins.
    Amount { range: Range, onset: bool },
    /// A yes or a no.
    Flag,
    /// The name of a service, or a list of names.
    Service { list: bool },
    /// A word of an enumeration or a structure: as the example has it, if it does.
    AsIs(Option<Value>),
}

/// An event of a world.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// Index of its kind.
    pub(super) kind: usize,
    pub(super) fields: BTreeMap<String, Value>,
}

/// Every kind of these lists.
pub(super) fn kinds(shelves: &[Shelf], horizon: f64) -> Vec<Kind> {
    let of = |shelf: &Shelf| shelf.cards().iter().map(|card| (*shelf, card)).collect::<Vec<_>>();
    shelves.iter().flat_map(of).map(|(shelf, card)| Kind::new(shelf, card, horizon)).collect()
}

impl Kind {
    fn new(shelf: Shelf, card: &'static Card, horizon: f64) -> Self {
        let example: Value = parse_typed(card.name, card.example).unwrap_or(Value::Null);
        let of = |field: &Field| example.get(card.name).and_then(|fields| fields.get(&field.name)).cloned();
        let slot = |field: Field| {
            let example = of(&field);
            Slot { domain: domain(&field, example, horizon), required: field.required, name: field.name }
        };
        Kind { shelf, card, slots: card.fields().into_iter().map(slot).collect() }
    }

    /// Its name in files.
    pub(super) fn name(&self) -> &'static str {
        self.card.name
    }

    /// One of its kind with drawn parameters; every optional one is left out in one case of two.
    pub(super) fn draw(&self, index: usize, services: &[String], stream: &mut Stream) -> Member {
        let mut fields = BTreeMap::new();
        for slot in &self.slots {
            let wanted = slot.required || stream.uniform() < 0.5;
            let value = slot.domain.draw(services, stream);
            if let Some(value) = value.filter(|_| wanted) {
                fields.insert(slot.name.clone(), value);
            }
        }
        Member { kind: index, fields }
    }

    /// The same with one parameter moved a little, or drawn anew.
    pub(super) fn vary(&self, member: &mut Member, services: &[String], stream: &mut Stream) {
        let Some(slot) = pick(&self.slots, stream) else { return };
        let anew = slot.domain.draw(services, stream);
        let (stays, step) = (stream.uniform() < 0.75, 2.0 * stream.uniform() - 1.0);
        let present = member.fields.get(&slot.name).and_then(amount::read);
        let value = match (&slot.domain, present) {
            (Domain::Amount { range, .. }, Some((value, _))) if stays => {
                Some(amount::write(range.near(value, step), range.unit))
            }
            (_, Some(_)) if !slot.required && !stays => None,
            _ => anew,
        };
        match value {
            Some(value) => member.fields.insert(slot.name.clone(), value),
            None if !slot.required => member.fields.remove(&slot.name),
            None => None,
        };
    }
}

impl Member {
    /// The entry as it stands in a file.
    pub(super) fn entry(&self, kind: &Kind) -> Value {
        let fields: Map<String, Value> = self.fields.clone().into_iter().collect();
        Value::Object([(kind.name().to_owned(), Value::Object(fields))].into_iter().collect())
    }
}

impl Domain {
    fn draw(&self, services: &[String], stream: &mut Stream) -> Option<Value> {
        match self {
            Domain::Amount { range, onset } => {
                let (share, at_once) = (stream.uniform(), stream.uniform() < 0.25);
                let value = if *onset && at_once { 0.0 } else { range.at(share) };
                Some(amount::write(value, range.unit))
            }
            Domain::Flag => Some(Value::Bool(stream.uniform() < 0.5)),
            Domain::Service { list } => {
                let name = Value::String(pick(services, stream)?.clone());
                Some(if *list { Value::Array(vec![name]) } else { name })
            }
            Domain::AsIs(example) => example.clone(),
        }
    }
}

/// One of them; `None` if there is none.
pub(super) fn pick<'t, T>(from: &'t [T], stream: &mut Stream) -> Option<&'t T> {
    from.get(stream.below(from.len() as u64) as usize)
}

fn domain(field: &Field, example: Option<Value>, horizon: f64) -> Domain {
    let kind = field.kind.to_lowercase();
    let unit = if kind.contains("duration") {
        Unit::Duration
    } else if kind.contains("ratio") {
        Unit::Ratio
    } else if kind.contains("rate") {
        Unit::Rate
    } else if kind.contains("number") {
        Unit::Number
    } else if kind.contains("integer") {
        Unit::Whole
    } else if kind.contains("boolean") {
        return Domain::Flag;
    } else if kind.contains("string") {
        return Domain::Service { list: kind.starts_with("list") };
    } else {
        return Domain::AsIs(example);
    };
    if kind.starts_with("list") {
        return Domain::AsIs(example);
    }
    let default = || field.default.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let typical = example.as_ref().and_then(middle).or_else(|| default().as_ref().and_then(middle));
    let onset = unit == Unit::Duration && matches!(field.name.as_str(), "at" | "after");
    Domain::Amount { range: range(unit, typical.filter(|value| *value > 0.0), onset, horizon), onset }
}

/// The value of an example, the geometric middle of one that is given as an interval.
fn middle(value: &Value) -> Option<f64> {
    if let Some((amount, _)) = amount::read(value) {
        return Some(amount);
    }
    let ends = value.get("uniform")?.as_array()?;
    let ends: Vec<f64> = ends.iter().filter_map(|end| Some(amount::read(end)?.0)).collect();
    match ends.as_slice() {
        [low, high] if *low > 0.0 => Some(libm::sqrt(low * high)),
        [_, high] => Some(high / 2.0),
        _ => None,
    }
}

/// The rules of [`ranges`](super::range::ranges) in numbers.
fn range(unit: Unit, typical: Option<f64>, onset: bool, horizon: f64) -> Range {
    let by_magnitude = |least: f64, most: f64| Range { least, most, by_magnitude: true, unit };
    match unit {
        Unit::Duration if onset => Range { least: 0.0, most: horizon / 2.0, by_magnitude: false, unit },
        Unit::Duration => {
            let typical = typical.unwrap_or(60.0);
            by_magnitude((typical / 20.0).max(1e-3), (typical * 20.0).min(horizon))
        }
        Unit::Ratio => by_magnitude((typical.unwrap_or(0.05) / 10.0).min(0.005), 1.0),
        Unit::Whole => {
            Range { least: 1.0, most: (typical.unwrap_or(2.0) * 5.0).max(2.0), by_magnitude: false, unit }
        }
        Unit::Rate | Unit::Number => {
            let typical = typical.unwrap_or(2.0);
            by_magnitude(typical / 5.0, typical * 5.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, Purpose};

    fn stream(number: u64) -> Stream {
        Key::root(1, "kinds").purpose(Purpose::Hunt).id(number).stream()
    }

    /// What is drawn for a member is what its own type reads: else it would never be played.
    #[test]
    fn nearly_all_that_is_drawn_can_be_read() {
        let services = ["web".to_owned()];
        for shelf in Shelf::ALL {
            for (index, kind) in kinds(&[shelf], 3600.0).iter().enumerate() {
                let reads = |number: &u64| {
                    let mut member = kind.draw(index, &services, &mut stream(*number));
                    kind.vary(&mut member, &services, &mut stream(1000 + number));
                    let text = super::super::yaml::flow(&member.entry(kind));
                    match shelf {
                        Shelf::Faults => parse_typed::<FaultSpec>("f", &text).is_ok(),
                        Shelf::Confounders => parse_typed::<ConfounderSpec>("c", &text).is_ok(),
                        Shelf::Surroundings => parse_typed::<SurroundingSpec>("s", &text).is_ok(),
                        Shelf::Defects => parse_typed::<DefectSpec>("d", &text).is_ok(),
                    }
                };
                let read = (0..100).filter(reads).count();
                assert!(read >= 90, "{}: {read} of 100", kind.name());
            }
        }
    }

    #[test]
    fn shares_and_times_have_the_ranges_of_the_rules() {
        let all = kinds(&[Shelf::Faults], 3600.0);
        let kind = all.iter().find(|kind| kind.name() == "error_burst").unwrap();
        let values = |field: &str| {
            let of = |n| kind.draw(0, &[], &mut stream(n)).fields.get(field).and_then(amount::read);
            (0..400).filter_map(of).map(|(value, _)| value).collect::<Vec<f64>>()
        };
        let shares = values("share");
        assert_eq!(shares.len(), 400, "it is required");
        assert!(shares.iter().all(|share| (0.0028..=1.0).contains(share)), "a tenth of sqrt(1% * 8%)");
        assert!(shares.iter().any(|share| *share < 0.01) && shares.iter().any(|share| *share > 0.5));
        let onsets = values("after");
        assert!((120..280).contains(&onsets.len()), "half of them: {}", onsets.len());
        assert!(onsets.iter().all(|onset| (0.0..=1800.0).contains(onset)));
        assert!(onsets.iter().filter(|onset| **onset == 0.0).count() > 20);
    }
}
