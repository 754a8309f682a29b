//! The functions a condition may call: Argo's own six and expr-lang's builtins.

use super::ast::Quantifier;

/// A function that takes values (not a predicate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    AsInt,
    AsFloat,
    IsNan,
    IsInf,
    IsNil,
    Default,
    Len,
    Type,
    Abs,
    Ceil,
    Floor,
    Round,
    Int,
    Float,
    Text,
    Trim,
    TrimPrefix,
    TrimSuffix,
    Upper,
    Lower,
    Split,
    Join,
    Replace,
    IndexOf,
    LastIndexOf,
    HasPrefix,
    HasSuffix,
    Max,
    Min,
    Mean,
    Median,
    First,
    Last,
    Get,
    Now,
    Duration,
    Date,
    /// Known to the real engine, not imitated here.
    Unsupported(&'static str),
}

/// Names Argo puts into the environment beside `result`.
const ARGO: [(&str, Function); 6] = [
    ("asInt", Function::AsInt),
    ("asFloat", Function::AsFloat),
    ("isNaN", Function::IsNan),
    ("isInf", Function::IsInf),
    ("isNil", Function::IsNil),
    ("default", Function::Default),
];

const BUILTINS: [(&str, Function); 31] = [
    ("len", Function::Len),
    ("type", Function::Type),
    ("abs", Function::Abs),
    ("ceil", Function::Ceil),
    ("floor", Function::Floor),
    ("round", Function::Round),
    ("int", Function::Int),
    ("float", Function::Float),
    ("string", Function::Text),
    ("trim", Function::Trim),
    ("trimPrefix", Function::TrimPrefix),
    ("trimSuffix", Function::TrimSuffix),
    ("upper", Function::Upper),
    ("lower", Function::Lower),
    ("split", Function::Split),
    ("join", Function::Join),
    ("replace", Function::Replace),
    ("indexOf", Function::IndexOf),
    ("lastIndexOf", Function::LastIndexOf),
    ("hasPrefix", Function::HasPrefix),
    ("hasSuffix", Function::HasSuffix),
    ("max", Function::Max),
    ("min", Function::Min),
    ("mean", Function::Mean),
    ("median", Function::Median),
    ("first", Function::First),
    ("last", Function::Last),
    ("get", Function::Get),
    ("now", Function::Now),
    ("duration", Function::Duration),
    ("date", Function::Date),
];

const UNSUPPORTED: [&str; 25] = [
    "splitAfter",
    "repeat",
    "toJSON",
    "fromJSON",
    "toBase64",
    "fromBase64",
    "timezone",
    "take",
    "keys",
    "values",
    "toPairs",
    "fromPairs",
    "reverse",
    "uniq",
    "concat",
    "flatten",
    "sort",
    "bitand",
    "bitor",
    "bitxor",
    "bitnand",
    "bitshl",
    "bitshr",
    "bitushr",
    "bitnot",
];

const QUANTIFIERS: [(&str, Quantifier); 15] = [
    ("all", Quantifier::All),
    ("none", Quantifier::None),
    ("any", Quantifier::Any),
    ("one", Quantifier::One),
    ("filter", Quantifier::Filter),
    ("map", Quantifier::Map),
    ("count", Quantifier::Count),
    ("sum", Quantifier::Sum),
    ("find", Quantifier::Find),
    ("findIndex", Quantifier::FindIndex),
    ("findLast", Quantifier::FindLast),
    ("findLastIndex", Quantifier::FindLastIndex),
    ("reduce", Quantifier::Reduce),
    ("groupBy", Quantifier::GroupBy),
    ("sortBy", Quantifier::SortBy),
];

impl Function {
    /// The function called `name`, Argo's before the builtins.
    pub(super) fn named(name: &str) -> Option<Function> {
        let unsupported = || UNSUPPORTED.iter().find(|n| **n == name);
        ARGO.iter()
            .chain(&BUILTINS)
            .find(|(n, _)| *n == name)
            .map(|(_, f)| *f)
            .or_else(|| unsupported().map(|n| Function::Unsupported(n)))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Function::Unsupported(name) => name,
            f => ARGO.iter().chain(&BUILTINS).find(|(_, g)| *g == f).map_or("?", |(n, _)| n),
        }
    }
}

impl Quantifier {
    pub(super) fn named(name: &str) -> Option<Quantifier> {
        QUANTIFIERS.iter().find(|(n, _)| *n == name).map(|(_, q)| *q)
    }

    pub(super) fn name(self) -> &'static str {
        QUANTIFIERS.iter().find(|(_, q)| *q == self).map_or("?", |(n, _)| n)
    }

    /// Least and greatest number of arguments, the predicate included.
    pub(super) fn arguments(self) -> (usize, usize) {
        match self {
            Quantifier::Count | Quantifier::Sum => (1, 2),
            Quantifier::Reduce | Quantifier::SortBy => (2, 3),
            _ => (2, 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_function_and_back() {
        for (name, function) in ARGO.iter().chain(&BUILTINS) {
            assert_eq!(Function::named(name), Some(*function));
            assert_eq!(function.name(), *name);
        }
        assert_eq!(Function::named("bitnot"), Some(Function::Unsupported("bitnot")));
        assert_eq!(Function::named("all"), None);
        assert_eq!(Quantifier::named("none").map(Quantifier::name), Some("none"));
    }
}
