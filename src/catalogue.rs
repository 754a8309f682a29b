//! How kinds of things are listed: one file per member, one list per directory, everything else follows.
//!
//! A member is a parameter type (`Deserialize`, `deny_unknown_fields`) that implements [`Entry`]. The directory's
//! `mod.rs` declares each file with a plain `mod` line and names it once in [`catalogue!`](crate::catalogue!), which
//! makes the externally tagged enum of the file format, the list of [`Card`]s that help, reference pages and tests
//! walk, and the way to the behaviour (`as_dyn`).
//!
//! Traps: the name of a member is written three times (its file, its `NAME`, its type in snake case) and all three
//! must agree; the macro refuses to compile otherwise. `mod` lines stay outside of the macro because rustfmt
//! silently skips files declared inside of one. Helpers of a directory live in its `support` folder, so that
//! "files of the directory = members" can be tested.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::document::parse_typed;

/// A member of a catalogue.
pub trait Entry {
    /// Its name in files, in snake case, and the name of its source file.
    const NAME: &'static str;
    /// One sentence for lists: what it is, without the name.
    const SUMMARY: &'static str;
    /// A complete use of it as it stands in a file, `name: {field: value}`; a test reads it.
    const EXAMPLE: &'static str;
}

/// A member as lists and reference pages show it.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// See [`Entry::NAME`].
    pub name: &'static str,
    /// See [`Entry::SUMMARY`].
    pub summary: &'static str,
    /// See [`Entry::EXAMPLE`].
    pub example: &'static str,
    schema: fn() -> schemars::Schema,
}

/// A field of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in files.
    pub name: String,
    /// Its type in words: `Ratio`, `list of string`.
    pub kind: String,
    /// Whether it must be given.
    pub required: bool,
    /// Its doc comment.
    pub doc: String,
    /// What holds if it is not given, as JSON.
    pub default: Option<String>,
}

/// A member from outside of the crate: the variant `Custom` of every enum made by
/// [`catalogue!`](crate::catalogue!). It has no form in files; a program puts it where a file's entry would stand.
///
/// Two of them are equal if they are clones of one.
pub struct Custom<T: ?Sized> {
    name: &'static str,
    member: Arc<T>,
}

impl<T: ?Sized> Custom<T> {
    /// A member with the name that records and reports show.
    pub fn new(name: &'static str, member: Arc<T>) -> Self {
        Custom { name, member }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its behaviour.
    pub fn member(&self) -> &T {
        &self.member
    }
}

impl<T: ?Sized> Clone for Custom<T> {
    fn clone(&self) -> Self {
        Custom { name: self.name, member: Arc::clone(&self.member) }
    }
}

impl<T: ?Sized> std::fmt::Debug for Custom<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Custom({})", self.name)
    }
}

impl<T: ?Sized> PartialEq for Custom<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.member, &other.member)
    }
}

/// An enum made by [`catalogue!`](crate::catalogue!).
pub trait Catalogue {
    /// Its members, in the order of the list.
    const CARDS: &'static [Card];
    /// The name of the member this value is of.
    fn name(&self) -> &'static str;
}

impl Card {
    /// The card of a member.
    pub const fn of<T: Entry + schemars::JsonSchema>() -> Self {
        Card { name: T::NAME, summary: T::SUMMARY, example: T::EXAMPLE, schema: schema_of::<T> }
    }

    /// The member's parameters as a JSON schema.
    pub fn schema(&self) -> schemars::Schema {
        (self.schema)()
    }

    /// The member's fields by name, from its doc comments and types.
    pub fn fields(&self) -> Vec<Field> {
        let schema = self.schema();
        let required: Vec<&str> = schema
            .get("required")
            .and_then(|list| list.as_array())
            .map(|list| list.iter().filter_map(|name| name.as_str()).collect())
            .unwrap_or_default();
        let Some(properties) = schema.get("properties").and_then(|map| map.as_object()) else {
            return Vec::new();
        };
        let field = |(name, schema): (&String, &serde_json::Value)| Field {
            name: name.clone(),
            kind: kind_of(schema),
            required: required.contains(&name.as_str()),
            doc: schema.get("description").and_then(|doc| doc.as_str()).unwrap_or_default().to_owned(),
            default: schema.get("default").map(ToString::to_string),
        };
        let mut fields: Vec<Field> = properties.iter().map(field).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields
    }
}

fn schema_of<T: schemars::JsonSchema>() -> schemars::Schema {
    schemars::SchemaGenerator::default().into_root_schema_for::<T>()
}

fn kind_of(schema: &serde_json::Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(|r| r.as_str()) {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(options) = schema.get(choice).and_then(|list| list.as_array()) {
            let kinds: Vec<String> = options.iter().map(kind_of).filter(|kind| kind != "null").collect();
            return kinds.join(" or ");
        }
    }
    match schema.get("type") {
        Some(serde_json::Value::String(kind)) if kind == "array" => match schema.get("items") {
            Some(items) => format!("list of {}", kind_of(items)),
            None => "list".to_owned(),
        },
        Some(serde_json::Value::String(kind)) => kind.clone(),
        Some(serde_json::Value::Array(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(|k| k.as_str()).filter(|k| *k != "null").collect();
            kinds.join(" or ")
        }
        _ => schema.get("const").map_or_else(|| "any".to_owned(), ToString::to_string),
    }
}

/// The card of the name.
///
/// # Errors
/// If there is none, with the one that was likely meant and all there are; `what` names the kind, like `fault`.
pub fn find<'c>(cards: &'c [Card], what: &str, name: &str) -> Result<&'c Card, Diagnostic> {
    cards.iter().find(|card| card.name == name).ok_or_else(|| {
        let names: Vec<&str> = cards.iter().map(|card| card.name).collect();
        let meant = did_you_mean(name, &names).map(|meant| format!("did you mean `{meant}`? "));
        Diagnostic::error(format!("there is no {what} `{name}`")).with_help(format!(
            "{}there are: {}",
            meant.unwrap_or_default(),
            names.join(", ")
        ))
    })
}

/// Reads every example of a catalogue, for the tests of its directory.
///
/// # Errors
/// The first member whose example does not read, reads as another member, or that has no summary.
pub fn check_examples<S: Catalogue + DeserializeOwned>() -> Result<(), Diagnostic> {
    for card in S::CARDS {
        let read: S = parse_typed(&format!("example of {}", card.name), card.example)?;
        if read.name() != card.name {
            let fact = format!("the example of `{}` is one of `{}`", card.name, read.name());
            return Err(Diagnostic::error(fact));
        }
        if card.summary.trim().is_empty() {
            return Err(Diagnostic::error(format!("`{}` has no summary", card.name)));
        }
    }
    Ok(())
}

/// Whether two names are the same text; for the compile-time checks of [`catalogue!`](crate::catalogue!).
#[doc(hidden)]
pub const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether `snake` is `camel` as serde's `snake_case` writes it: an underscore before each capital but the first.
#[doc(hidden)]
pub const fn is_snake_of(snake: &str, camel: &str) -> bool {
    let (snake, camel) = (snake.as_bytes(), camel.as_bytes());
    let (mut s, mut c) = (0, 0);
    while c < camel.len() {
        if camel[c].is_ascii_uppercase() && c > 0 {
            if s >= snake.len() || snake[s] != b'_' {
                return false;
            }
            s += 1;
        }
        if s >= snake.len() || snake[s] != camel[c].to_ascii_lowercase() {
            return false;
        }
        s += 1;
        c += 1;
    }
    s == snake.len()
}

/// Makes the enum of a directory's members.
///
/// ```
/// # use backout::catalogue::{self, Catalogue, Entry};
/// mod error_burst {
///     /// A share of requests fails.
///     #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
///     #[serde(deny_unknown_fields)]
///     pub struct ErrorBurst {
///         /// Share of requests that fail.
///         pub share: backout::quantity::Ratio,
///     }
/// }
/// impl Entry for error_burst::ErrorBurst {
///     const NAME: &'static str = "error_burst";
///     const SUMMARY: &'static str = "a share of requests fails";
///     const EXAMPLE: &'static str = "error_burst: {share: 5%}";
/// }
/// pub trait Fault { fn harm(&self) -> f64; }
/// impl Fault for error_burst::ErrorBurst {
///     fn harm(&self) -> f64 { self.share.get() }
/// }
///
/// backout::catalogue! {
///     /// Everything that can go wrong.
///     pub enum Spec: Fault {
///         error_burst => error_burst::ErrorBurst,
///     }
/// }
///
/// # fn main() {
/// let spec: Spec = backout::document::parse_typed("doc", "error_burst: {share: 5%}").unwrap();
/// assert_eq!(spec.as_dyn().harm(), 0.05);
/// assert_eq!(spec.name(), "error_burst");
/// assert_eq!(Spec::CARDS[0].fields()[0].doc, "Share of requests that fail.");
/// catalogue::check_examples::<Spec>().unwrap();
/// # }
/// ```
#[macro_export]
macro_rules! catalogue {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $spec:ident : $behaviour:path {
            $($name:ident => $module:ident :: $type:ident),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        $visibility enum $spec {
            $(
                #[doc = concat!("See [`", stringify!($module), "::", stringify!($type), "`].")]
                $type($module::$type),
            )+
            /// A member from outside of the crate.
            #[serde(skip)]
            Custom($crate::catalogue::Custom<dyn $behaviour>),
        }

        impl $crate::catalogue::Catalogue for $spec {
            const CARDS: &'static [$crate::catalogue::Card] =
                &[$($crate::catalogue::Card::of::<$module::$type>()),+];
            fn name(&self) -> &'static str {
                match self {
                    $($spec::$type(_) => <$module::$type as $crate::catalogue::Entry>::NAME,)+
                    $spec::Custom(custom) => custom.name(),
                }
            }
        }

        impl $spec {
            /// A member from outside of the crate, under the name that records and reports show.
            #[allow(dead_code, reason = "not every catalogue needs one in this crate")]
            $visibility fn custom(name: &'static str, member: impl $behaviour + 'static) -> Self {
                $spec::Custom($crate::catalogue::Custom::new(name, ::std::sync::Arc::new(member)))
            }

            /// The behaviour of the member.
            $visibility fn as_dyn(&self) -> &(dyn $behaviour + 'static) {
                match self {
                    $($spec::$type(member) => member,)+
                    $spec::Custom(custom) => custom.member(),
                }
            }
        }

        $(
            const _: () = {
                assert!(
                    $crate::catalogue::same(
                        stringify!($name),
                        <$module::$type as $crate::catalogue::Entry>::NAME,
                    ),
                    concat!("the NAME of ", stringify!($type), " is not its name in the catalogue"),
                );
                assert!(
                    $crate::catalogue::same(stringify!($name), stringify!($module)),
                    concat!(stringify!($name), " must live in a file of its name"),
                );
                assert!(
                    $crate::catalogue::is_snake_of(stringify!($name), stringify!($type)),
                    concat!(stringify!($name), " is not the snake case of ", stringify!($type)),
                );
            };
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    mod steady {
        use crate::quantity::Weight;

        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Steady {
            /// Traffic it gets.
            pub(super) weight: Weight,
            /// Names.
            #[serde(default)]
            pub(super) tags: Vec<String>,
            /// How often.
            pub(super) times: Option<u8>,
        }
    }

    mod never {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Never {}
    }

    impl Entry for steady::Steady {
        const NAME: &'static str = "steady";
        const SUMMARY: &'static str = "takes its weight";
        const EXAMPLE: &'static str = "steady: {weight: 5%}";
    }

    impl Entry for never::Never {
        const NAME: &'static str = "never";
        const SUMMARY: &'static str = "takes nothing";
        const EXAMPLE: &'static str = "never: {}";
    }

    trait Weigh {
        fn weigh(&self) -> f64;
    }

    impl Weigh for steady::Steady {
        fn weigh(&self) -> f64 {
            self.weight.get()
        }
    }

    impl Weigh for never::Never {
        fn weigh(&self) -> f64 {
            0.0
        }
    }

    crate::catalogue! {
        /// Toys.
        enum Toy: Weigh {
            steady => steady::Steady,
            never => never::Never,
        }
    }

    #[test]
    fn a_catalogue_parses_lists_and_dispatches() {
        check_examples::<Toy>().unwrap();
        let toys: Vec<Toy> = parse_typed("t", "[{steady: {weight: 5%, tags: [a]}}, {never: {}}]").unwrap();
        assert_eq!(toys.iter().map(|toy| toy.as_dyn().weigh()).collect::<Vec<_>>(), [5.0, 0.0]);
        assert_eq!(toys.iter().map(Catalogue::name).collect::<Vec<_>>(), ["steady", "never"]);
        let error = parse_typed::<Toy>("t", "nevr: {}").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("did you mean `never`? names: `steady`, `never`"));
    }

    #[test]
    fn fields_are_documented_from_the_type() {
        let fields = Toy::CARDS[0].fields();
        let told: Vec<_> =
            fields.iter().map(|f| (f.name.as_str(), f.kind.as_str(), f.required, f.doc.as_str())).collect();
        let expected = [
            ("tags", "list of string", false, "Names."),
            ("times", "integer", false, "How often."),
            ("weight", "Weight", true, "Traffic it gets."),
        ];
        assert_eq!(told, expected);
        assert_eq!(fields[0].default.as_deref(), Some("[]"));
        assert!(Toy::CARDS[1].fields().is_empty());
    }

    #[test]
    fn an_example_of_another_member_is_caught() {
        #[derive(serde::Deserialize)]
        struct Wrong(#[expect(dead_code, reason = "only read")] serde_json::Value);
        impl Catalogue for Wrong {
            const CARDS: &'static [Card] = Toy::CARDS;
            fn name(&self) -> &'static str {
                "other"
            }
        }
        let error = check_examples::<Wrong>().unwrap_err();
        assert_eq!(error.message, "the example of `steady` is one of `other`");
    }

    #[test]
    fn a_member_from_outside_dispatches_and_has_no_form_in_files() {
        struct Feather;
        impl Weigh for Feather {
            fn weigh(&self) -> f64 {
                0.25
            }
        }
        let toy = Toy::custom("feather", Feather);
        assert_eq!((toy.name(), toy.as_dyn().weigh()), ("feather", 0.25));
        assert_eq!(toy, toy.clone());
        assert_ne!(toy, Toy::custom("feather", Feather));
        assert!(serde_json::to_string(&toy).is_err());
        assert!(parse_typed::<Toy>("t", "custom: {}").is_err());
    }

    #[test]
    fn names_are_found_or_corrected() {
        assert_eq!(find(Toy::CARDS, "toy", "never").unwrap().summary, "takes nothing");
        let error = find(Toy::CARDS, "toy", "stedy").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("did you mean `steady`? there are: steady, never"));
    }

    #[test]
    fn snake_case_is_serdes() {
        assert!(is_snake_of("error_burst", "ErrorBurst") && is_snake_of("p99_guard", "P99Guard"));
        assert!(!is_snake_of("errorburst", "ErrorBurst") && !is_snake_of("error_bursts", "ErrorBurst"));
        assert!(same("a", "a") && !same("a", "ab") && !same("a", "b"));
    }
}
