//! Questions rules ask about a script.

use super::change::{Change, What};
use crate::diagnostic::{Location, Source};
use crate::lint::support::place::Spot;

/// A script in one of the two directions.
#[derive(Clone, Debug)]
pub(crate) struct Script<'a> {
    pub(crate) source: Source<'a>,
    /// What it does, in order.
    pub(crate) changes: Vec<Change>,
    /// How many statements it has that do anything at all.
    pub(crate) statements: usize,
    /// Whether every one of them could be read.
    pub(crate) is_read: bool,
}

/// Whether two names are the same: servers fold the case of names without quotes, each in its own way.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

impl Script<'_> {
    /// The place of a change.
    pub(crate) fn spot(&self, change: &Change) -> Spot {
        self.spot_at(change.place.start, change.place.end)
    }

    /// A place by its bytes; of several lines the first.
    pub(crate) fn spot_at(&self, start: usize, end: usize) -> Spot {
        let first = self.source.text.get(start..end).and_then(|text| text.lines().next()).unwrap_or_default();
        Spot::in_text(self.source, Location::of_bytes(self.source.text, start, start + first.len()))
    }

    fn any(&self, is: impl Fn(&What) -> bool) -> bool {
        self.changes.iter().any(|change| is(&change.what))
    }

    /// Whether it makes this table, or gives a table this name: no other revision knows it yet.
    pub(crate) fn makes_table(&self, name: &str) -> bool {
        self.any(|what| match what {
            What::CreateTable { table, .. } => same(table, name),
            What::RenameTable { to, .. } => same(to, name),
            _ => false,
        })
    }

    /// Whether it makes a column of this name.
    pub(crate) fn makes_column(&self, of: &str, name: &str) -> bool {
        self.any(|what| matches!(what, What::AddColumn { table, column, .. } if same(table, of) && same(column, name)))
    }

    /// Whether rows of a column it adds, or whose default it sets, have a value without being given one.
    pub(crate) fn gives_value(&self, of: &str, name: &str) -> bool {
        self.any(|what| match what {
            What::AddColumn { table, column, has_value: true, .. } | What::SetDefault { table, column } => {
                same(table, of) && same(column, name)
            }
            _ => false,
        })
    }

    /// Whether a column gets this name that had another one.
    pub(crate) fn renames_to(&self, of: &str, name: &str) -> bool {
        self.any(
            |what| matches!(what, What::RenameColumn { table, to, .. } if same(table, of) && same(to, name)),
        )
    }

    /// Whether this table goes, or all there is.
    pub(crate) fn drops_table(&self, name: &str) -> bool {
        self.any(|what| match what {
            What::Drop { kind: "table", name: dropped } => same(dropped, name),
            What::Drop { kind: "schema" | "database", .. } => true,
            _ => false,
        })
    }

    /// Whether this column goes.
    pub(crate) fn drops_column(&self, of: &str, name: &str) -> bool {
        self.any(|what| matches!(what, What::DropColumn { table, column } if same(table, of) && same(column, name)))
    }

    /// Whether anything has another name after it.
    pub(crate) fn renames(&self) -> bool {
        self.any(|what| matches!(what, What::RenameTable { .. } | What::RenameColumn { .. }))
    }

    /// Whether a view of this name is made.
    pub(crate) fn makes_view(&self, of: &str) -> bool {
        self.any(|what| matches!(what, What::CreateView { name } if same(name, of)))
    }

    /// Whether it writes rows.
    pub(crate) fn writes(&self) -> bool {
        self.any(|what| *what == What::Write)
    }
}
