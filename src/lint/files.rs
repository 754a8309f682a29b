//! The texts of a set of policies, each parsed once however many policies they hold and however often they are asked.

use std::collections::BTreeMap;

use super::support::place::{At, File};

/// A text that belongs to a policy, under the name the policy knows it by.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Its path or name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// Texts that were loaded together, ready to be looked things up in.
pub struct Files<'a> {
    all: Vec<File<'a>>,
    /// The first file of every name.
    by_name: BTreeMap<&'a str, usize>,
    /// Documents by what `kind` they say they are: file and place in the file, in order.
    by_kind: BTreeMap<String, Vec<(usize, usize)>>,
}

impl<'a> Files<'a> {
    /// Parses the texts. Those that are not YAML are passed over: loading them has failed already.
    pub fn parse(texts: &[Text<'a>]) -> Self {
        let all: Vec<File<'a>> = texts.iter().filter_map(File::parse).collect();
        let (mut by_name, mut by_kind) = (BTreeMap::new(), BTreeMap::<String, Vec<(usize, usize)>>::new());
        for (index, file) in all.iter().enumerate() {
            by_name.entry(file.name()).or_insert(index);
            for (place, document) in file.documents().enumerate() {
                if let Some(kind) = document.get("kind") {
                    by_kind.entry(kind.raw().to_owned()).or_default().push((index, place));
                }
            }
        }
        Files { all, by_name, by_kind }
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &File<'a>> {
        self.all.iter()
    }

    /// The first of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&File<'a>> {
        self.all.get(*self.by_name.get(name)?)
    }

    /// Every document of every file.
    pub(crate) fn documents(&self) -> impl Iterator<Item = At<'_>> {
        self.all.iter().flat_map(File::documents)
    }

    /// The documents of these kinds, in order.
    pub(crate) fn objects(&self, kinds: &[&str]) -> impl Iterator<Item = At<'_>> + use<'_, 'a> {
        let mut places: Vec<(usize, usize)> =
            kinds.iter().filter_map(|kind| self.by_kind.get(*kind)).flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|(file, place)| self.all.get(file)?.document(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_in_the_order_of_files_whatever_the_order_of_kinds() {
        let texts = [
            Text { name: "a.yaml", text: "kind: Rollout\nn: 1\n---\nkind: Canary\nn: 2\n" },
            Text { name: "b.yaml", text: "n: 3\n---\nkind: Rollout\nn: 4\n" },
            // Only the first of a name is found by it.
            Text { name: "a.yaml", text: "kind: Canary\nn: 5\n" },
        ];
        let files = Files::parse(&texts);
        let numbers = |kinds: &[&str]| -> Vec<String> {
            files.objects(kinds).map(|at| at.get("n").map_or(String::new(), |n| n.raw().to_owned())).collect()
        };
        assert_eq!(numbers(&["Canary", "Rollout"]), ["1", "2", "4", "5"]);
        assert_eq!(numbers(&["Rollout", "Rollout"]), ["1", "4"]);
        assert!(numbers(&["Deployment"]).is_empty());
        assert_eq!(files.documents().count(), 5);
        assert_eq!(files.get("a.yaml").map(|file| file.documents().count()), Some(2));
        assert!(files.get("c.yaml").is_none());
    }
}
