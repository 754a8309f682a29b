//! What all plots share: the drawing area and its colours.
//!
//! A plot is drawn once, in the colours below; the page's style names them in attribute selectors and puts the reader's
//! scheme in their place. So they must be equal to those in `style.css`, which a test holds.

use plotters::style::RGBColor;

/// Lines and text.
pub(super) const INK: RGBColor = RGBColor(0x10, 0x10, 0x10);
/// What is read second.
pub(super) const SOFT: RGBColor = RGBColor(0x60, 0x60, 0x60);
/// The mesh.
pub(super) const LINE: RGBColor = RGBColor(0xd0, 0xd0, 0xd0);
/// Policies.
pub(super) const GOOD: RGBColor = RGBColor(0x0b, 0x6b, 0xcb);
/// Policies of which something is beyond the scale.
pub(super) const BAD: RGBColor = RGBColor(0xb5, 0x47, 0x08);

/// Width and height of a plot in its own units.
pub(super) const SIZE: (u32, u32) = (960, 480);

/// Size of text in a plot.
pub(super) const FONT: (&str, i32) = ("sans-serif", 15);

/// The finished drawing for a page: scaled by its view box, described for who cannot see it.
pub(super) fn figure(svg: &str, label: &str) -> String {
    let (width, height) = SIZE;
    let fixed = format!("<svg width=\"{width}\" height=\"{height}\"");
    let free = format!("<svg role=\"img\" aria-label=\"{}\"", super::text(label));
    format!("<figure>\n{}</figure>\n", svg.replacen(&fixed, &free, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_knows_every_colour() {
        for RGBColor(r, g, b) in [INK, SOFT, LINE, GOOD, BAD] {
            let name = format!("svg [fill=\"#{r:02X}{g:02X}{b:02X}\"]");
            assert!(super::super::STYLE.contains(&name), "{name}");
        }
    }
}
