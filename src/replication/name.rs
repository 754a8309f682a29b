//! Names of policies, kept together.
//!
//! A study of thousands of variants has millions of records, each with the name of its policy. A name of its own
//! elsewhere in memory for each of them would be fetched into the caches whenever a record is made or taken down, only to
//! count how many share it; here all names of a study share one table, and a name is a place in it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a policy; reads, compares and is stored as its text.
#[derive(Clone)]
pub struct Name {
    table: Arc<Vec<Box<str>>>,
    place: u32,
}

impl Name {
    /// Names in one table, in the order given.
    pub fn table<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Name> {
        let table: Arc<Vec<Box<str>>> = Arc::new(texts.into_iter().map(Box::from).collect());
        (0..table.len() as u32).map(|place| Name { table: Arc::clone(&table), place }).collect()
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.table.get(self.place as usize).map_or("", |text| text)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name { table: Arc::new(vec![text.into()]), place: 0 }
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place && Arc::ptr_eq(&self.table, &other.table) || **self == **other
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, formatter)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Name::from)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_text_whatever_table_it_stands_in() {
        let names = Name::table(["b", "a", "b"]);
        assert_eq!(names[0], names[2]);
        assert_eq!(names[1], Name::from("a"));
        assert!(names[1] < names[0]);
        assert_eq!(serde_json::to_string(&names).unwrap(), r#"["b","a","b"]"#);
        let read: Vec<Name> = serde_json::from_str(r#"["b","a","b"]"#).unwrap();
        assert_eq!(read, names);
    }

    #[test]
    fn names_of_a_table_share_it() {
        let names = Name::table(["a", "b"]);
        assert!(Arc::ptr_eq(&names[0].table, &names[1].table));
        assert_eq!(std::mem::size_of::<Name>(), 16);
    }
}
