//! The type check of calls: functions by their signatures, predicates by their collection.

use super::ast::{Node, Quantifier};
use super::check::{Checked, Checker, mismatch};
use super::function::Function;
use super::types::{Items, Ty};

/// What a parameter of a builtin accepts besides unknown.
#[derive(Clone, Copy)]
enum Parameter {
    Any,
    Text,
    Int,
    TextList,
}

impl Parameter {
    fn accepts(self, ty: &Ty) -> bool {
        match self {
            Parameter::Any => true,
            Parameter::Text => matches!(ty, Ty::Text | Ty::Unknown),
            Parameter::Int => matches!(ty, Ty::Int | Ty::Unknown),
            Parameter::TextList => matches!(ty, Ty::Unknown | Ty::List(Items::Any | Items::Text, _)),
        }
    }
}

use Parameter::{Any, Int, Text, TextList};

/// The overloads of functions with fixed signatures, and what they return.
fn signatures(function: Function) -> Option<(&'static [&'static [Parameter]], Ty)> {
    Some(match function {
        Function::AsInt => (&[&[Any]], Ty::Int),
        Function::AsFloat => (&[&[Any]], Ty::Float),
        Function::IsNil => (&[&[Any]], Ty::Bool),
        Function::Default => (&[&[Any, Any]], Ty::Unknown),
        Function::Type | Function::Text => (&[&[Any]], Ty::Text),
        Function::Trim | Function::TrimPrefix | Function::TrimSuffix => (&[&[Text], &[Text, Text]], Ty::Text),
        Function::Upper | Function::Lower => (&[&[Text]], Ty::Text),
        Function::Split => (&[&[Text, Text], &[Text, Text, Int]], Ty::List(Items::Text, Box::new(Ty::Text))),
        Function::Join => (&[&[TextList], &[TextList, Text]], Ty::Text),
        Function::Replace => (&[&[Text, Text, Text], &[Text, Text, Text, Int]], Ty::Text),
        Function::IndexOf | Function::LastIndexOf => (&[&[Text, Text]], Ty::Int),
        Function::HasPrefix | Function::HasSuffix => (&[&[Text, Text]], Ty::Bool),
        Function::Now => (&[&[]], Ty::Time),
        Function::Duration => (&[&[Text]], Ty::Duration),
        Function::Date => (&[&[Any], &[Any, Any], &[Any, Any, Any]], Ty::Time),
        _ => return None,
    })
}

impl Checker {
    pub(super) fn call(&mut self, function: Function, arguments: &[Node], at: usize) -> Checked {
        let mut types = Vec::with_capacity(arguments.len());
        for argument in arguments {
            types.push(self.visit(argument)?);
        }
        let name = function.name();
        if let Some((overloads, returned)) = signatures(function) {
            return by_signature(name, overloads, returned, &types, at);
        }
        match function {
            Function::Unsupported(_) => Ok(Ty::Unknown),
            Function::Max | Function::Min | Function::Mean | Function::Median => aggregate(name, &types, at),
            Function::Get => get(&types, at),
            _ => match types.as_slice() {
                [only] => single(function, only, at),
                _ => Err(mismatch(
                    at,
                    format!("invalid number of arguments for {name} (expected 1, got {})", types.len()),
                )),
            },
        }
    }

    pub(super) fn quantified(&mut self, quantifier: Quantifier, arguments: &[Node], at: usize) -> Checked {
        let name = quantifier.name();
        let Some((first, rest)) = arguments.split_first() else {
            return Err(mismatch(at, format!("not enough arguments to call {name}")));
        };
        let collection = self.visit(first)?;
        if !(collection.is_list() || collection.is_unknown()) {
            let message = format!("builtin {name} takes only array (got {})", collection.go_name());
            return Err(mismatch(first.at, message));
        }
        let Some(predicate) = rest.first() else {
            return Ok(if quantifier == Quantifier::Count { Ty::Int } else { collection.element() });
        };
        let reduces = quantifier == Quantifier::Reduce;
        let indexed = reduces || quantifier == Quantifier::Map;
        let given = self.predicate(&collection, predicate, indexed, reduces)?;
        if let Some(extra) = rest.get(1) {
            self.visit(extra)?;
        }
        // A predicate of type nil has no result at all for Go; only `map` and `reduce` keep it.
        if given == Ty::Nil && !indexed {
            return Err(mismatch(predicate.at, "predicate should has one input and one output param"));
        }
        let yes_no = matches!(given, Ty::Bool | Ty::Unknown);
        match quantifier {
            Quantifier::Map => Ok(Ty::list_of(given)),
            Quantifier::Reduce | Quantifier::Sum => Ok(given),
            Quantifier::SortBy => Ok(collection),
            Quantifier::GroupBy => Ok(Ty::Unknown),
            _ if !yes_no => {
                let message = format!("predicate should return boolean (got {})", given.go_name());
                Err(mismatch(predicate.at, message))
            }
            Quantifier::Filter if collection.is_unknown() => Ok(Ty::any_list()),
            Quantifier::Filter => Ok(Ty::list_of(collection.element())),
            Quantifier::Find | Quantifier::FindLast => Ok(collection.element()),
            Quantifier::Count | Quantifier::FindIndex | Quantifier::FindLastIndex => Ok(Ty::Int),
            Quantifier::All | Quantifier::None | Quantifier::Any | Quantifier::One => Ok(Ty::Bool),
        }
    }
}

fn by_signature(name: &str, overloads: &[&[Parameter]], returned: Ty, types: &[Ty], at: usize) -> Checked {
    let longest = overloads.iter().map(|o| o.len()).max().unwrap_or(0);
    let Some(parameters) = overloads.iter().find(|o| o.len() == types.len()) else {
        let amount = if types.len() > longest { "too many" } else { "not enough" };
        return Err(mismatch(at, format!("{amount} arguments to call {name}")));
    };
    match parameters.iter().zip(types).find(|(p, ty)| !p.accepts(ty)) {
        None => Ok(returned),
        Some((_, ty)) => Err(mismatch(at, format!("cannot use {} as argument to call {name}", ty.go_name()))),
    }
}

/// Functions of one argument whose check depends on its type.
fn single(function: Function, ty: &Ty, at: usize) -> Checked {
    let name = function.name();
    let number = ty.is_number() || ty.is_unknown();
    let invalid = || mismatch(at, format!("invalid argument for {name} (type {})", ty.go_name()));
    match function {
        // An int is let through by the checker and fails when the function is called, unless it is a literal.
        Function::IsNan | Function::IsInf if number => Ok(Ty::Bool),
        Function::IsNan | Function::IsInf => Err(mismatch(
            at,
            format!("cannot use {} as argument (type float64) to call {name}", ty.go_name()),
        )),
        Function::Len if matches!(ty, Ty::Map | Ty::List(..) | Ty::Text | Ty::Unknown) => Ok(Ty::Int),
        Function::Abs if number => Ok(ty.clone()),
        Function::Ceil | Function::Floor | Function::Round if number => Ok(Ty::Float),
        Function::Int if number || *ty == Ty::Text => Ok(Ty::Int),
        Function::Float if number || *ty == Ty::Text => Ok(Ty::Float),
        Function::First | Function::Last if ty.is_list() || ty.is_unknown() => Ok(ty.element()),
        Function::First | Function::Last => {
            Err(mismatch(at, format!("cannot get {name} element from {}", ty.go_name())))
        }
        _ => Err(invalid()),
    }
}

/// `max`, `min`, `mean`, `median`: numbers, or lists that are looked into at run time.
fn aggregate(name: &str, types: &[Ty], at: usize) -> Checked {
    let Some(first) = types.first() else {
        return Err(mismatch(at, format!("not enough arguments to call {name}")));
    };
    for ty in types {
        if ty.is_unknown() || ty.is_list() {
            return Ok(Ty::Unknown);
        }
        if !ty.is_number() {
            return Err(mismatch(at, format!("invalid argument for {name} (type {})", ty.go_name())));
        }
    }
    Ok(first.clone())
}

fn get(types: &[Ty], at: usize) -> Checked {
    let [owner, key] = types else {
        return Err(mismatch(at, format!("invalid number of arguments (expected 2, got {})", types.len())));
    };
    match owner {
        Ty::Unknown => Ok(Ty::Unknown),
        Ty::List(..) if matches!(key, Ty::Int | Ty::Unknown) => Ok(owner.element()),
        Ty::Map if matches!(key, Ty::Text | Ty::Unknown) => Ok(Ty::Unknown),
        Ty::List(..) | Ty::Map => Err(mismatch(
            at,
            format!("cannot use {} to get an element from {}", key.go_name(), owner.go_name()),
        )),
        _ => Err(mismatch(at, format!("type {} does not support indexing", owner.go_name()))),
    }
}
