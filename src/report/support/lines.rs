//! Lines of text of a given width: padding, shortening and wrapping by characters, not bytes.

/// The text without characters that would steer a terminal: names come from files of anybody.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The text in a column of this width, left or right.
pub fn pad(text: &str, width: usize, right: bool) -> String {
    let fill = " ".repeat(width.saturating_sub(text.chars().count()));
    if right { format!("{fill}{text}") } else { format!("{text}{fill}") }
}

/// The text cut in its middle to at most this many characters: ends of names tell them apart as much as beginnings.
pub fn shorten(text: &str, width: usize) -> String {
    let text = clean(text);
    let length = text.chars().count();
    if length <= width {
        return text;
    }
    let head = width.saturating_sub(1).div_ceil(2);
    let tail = width.saturating_sub(1) - head;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}~{end}")
}

/// The text in lines of at most `width` characters, the first begun with `first`, the others with `rest`.
///
/// A word longer than a line stands alone and whole, so that it can be copied.
pub fn wrap(text: &str, width: usize, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        let longer = line.chars().count() + usize::from(!empty) + word.chars().count();
        if !empty && longer > width {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&clean(word));
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_width() {
        assert_eq!(pad("ab", 4, true), "  ab");
        assert_eq!(shorten("canary-analysis", 9), "cana~ysis");
        assert_eq!(shorten("short", 9), "short");
        assert_eq!(shorten("\u{1b}[2J", 9), "?[2J");
        assert_eq!(wrap("a\nb \u{7}", 9, "", ""), ["a b ?"]);
        assert_eq!(wrap("one two three", 8, "- ", "  "), ["- one", "  two", "  three"]);
        assert_eq!(wrap("", 8, "- ", "  "), ["- "]);
        assert_eq!(wrap("a verylongwordindeed b", 8, "", ""), ["a", "verylongwordindeed", "b"]);
    }
}
