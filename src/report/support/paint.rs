//! Colour that means something: red is harm or a reading on the bad side, yellow a decision, green a good end.
//!
//! Everything is laid out before it is painted: escape sequences have no width.

use owo_colors::OwoColorize;

/// What a piece of text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Harm, a bad reading, a failure.
    Bad,
    /// A decision.
    Decision,
    /// A good end.
    Good,
}

/// The text in the colour of its tone, or as it is.
pub fn paint(text: &str, tone: Tone, colour: bool) -> String {
    match tone {
        _ if !colour || text.trim().is_empty() => text.to_owned(),
        Tone::Plain => text.to_owned(),
        Tone::Bad => text.red().to_string(),
        Tone::Decision => text.yellow().to_string(),
        Tone::Good => text.green().to_string(),
    }
}

/// Characters with a tone each: neighbours of the same tone share one escape, blanks at the end are dropped.
pub fn paint_cells(cells: &[(char, Tone)], colour: bool) -> String {
    let used = cells.iter().rposition(|(c, _)| *c != ' ').map_or(0, |last| last + 1);
    let mut out = String::new();
    for group in cells.get(..used).unwrap_or_default().chunk_by(|a, b| a.1 == b.1) {
        let text: String = group.iter().map(|(c, _)| c).collect();
        let tone = group.first().map_or(Tone::Plain, |(_, tone)| *tone);
        out.push_str(&paint(&text, tone, colour));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_escapes_and_neighbours_share_one() {
        let cells = [('a', Tone::Plain), ('b', Tone::Bad), ('c', Tone::Bad), (' ', Tone::Bad)];
        assert_eq!(paint_cells(&cells, false), "abc");
        assert_eq!(paint_cells(&cells, true), "a\u{1b}[31mbc\u{1b}[39m");
        assert_eq!(paint_cells(&[], true), "");
        assert_eq!(paint("  ", Tone::Bad, true), "  ");
    }
}
