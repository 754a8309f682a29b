//! Placeholders in texts: Argo's `{{args.name}}` and Flagger's `{{ namespace }}`.
//!
//! Both are filled in textually before anything else is read. The whole action between the braces is handed to the
//! caller, trimmed of blanks and of Go's trim marks; what the caller does not know is an error.

/// `text` with every placeholder replaced.
///
/// # Errors
/// The first placeholder for which `value` knows nothing, or an opening `{{` without an end.
pub(super) fn fill(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((action, behind)) = after.split_once("}}") else {
            return Err("`{{` has no `}}`".to_owned());
        };
        let (trims_before, trims_after) = (action.starts_with("- "), action.ends_with(" -"));
        let name = action.trim_start_matches("- ").trim_end_matches(" -").trim();
        filled.push_str(if trims_before { before.trim_end() } else { before });
        filled.push_str(&value(name).ok_or_else(|| format!("nothing is known about `{{{{{name}}}}}`"))?);
        rest = if trims_after { behind.trim_start() } else { behind };
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The names of Argo's arguments in a text.
pub(super) fn argument(name: &str) -> Option<&str> {
    name.strip_prefix("args.").or_else(|| name.strip_prefix("inputs.")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_with_or_without_blanks() {
        let value = |name: &str| argument(name).map(|n| format!("<{n}>"));
        assert_eq!(
            fill(r#"a{x="{{args.s-n}}",y=~"{{ args.b }}"}"#, value).unwrap(),
            r#"a{x="<s-n>",y=~"<b>"}"#
        );
        assert_eq!(fill("x {{- args.a -}} y", value).unwrap(), "x<args.a>y".replace("args.", ""));
        assert!(fill("{{workflow.name}}", value).unwrap_err().contains("workflow.name"));
        assert!(fill("{{args.a", value).is_err());
        assert_eq!(fill("no {braces}", value).unwrap(), "no {braces}");
    }
}
