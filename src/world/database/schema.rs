//! One table as a migration sees it: which columns there are, and how many rows have what in them.
//!
//! A row has a value its users wrote last. A cell of a column is [`Cell::Current`] if it holds that value,
//! [`Cell::Stale`] if it holds an older one, [`Cell::Null`] if it holds nothing. Rows are not kept one by one but counted
//! by the cells of both columns. Updates hit random rows, so the number of updates a row gets in a span is a Poisson
//! number, and the shares that change class have closed forms; the counts are expectations and need not be whole. Lost
//! updates, NULL rows and lost constraints are read off the counts, nobody writes them down.
//!
//! Traps: columns go by *names*, as in code: after a rename the same values stand under the other name. The cells of a
//! column that does not exist count as NULL.

/// A name a column can go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The one the old revision knows.
    Original,
    /// The one the migration adds.
    Added,
}

impl Name {
    /// The other one.
    pub const fn other(self) -> Name {
        match self {
            Name::Original => Name::Added,
            Name::Added => Name::Original,
        }
    }
}

/// What a row has in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// What was written last.
    Current,
    /// Something older.
    Stale,
    /// Nothing.
    Null,
    /// Nothing yet: a running copy will come by.
    Pending,
}

const CELLS: [Cell; 4] = [Cell::Current, Cell::Stale, Cell::Null, Cell::Pending];
const CURRENT: usize = Cell::Current as usize;
const STALE: usize = Cell::Stale as usize;
const NULL: usize = Cell::Null as usize;
const PENDING: usize = Cell::Pending as usize;

/// Constraints of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    /// Every row must have a value.
    pub not_null: bool,
    /// No two rows have the same.
    pub unique: bool,
    /// Values refer to another table.
    pub foreign_key: bool,
}

impl Constraints {
    /// How many of these `other` does not have.
    pub fn missing_in(self, other: Constraints) -> u32 {
        u32::from(self.not_null && !other.not_null)
            + u32::from(self.unique && !other.unique)
            + u32::from(self.foreign_key && !other.foreign_key)
    }
}

/// A column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Column {
    /// Its constraints.
    pub constraints: Constraints,
    /// Whether it has the wider type.
    pub wide: bool,
}

/// Writes of one kind of code in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Writes {
    /// Which columns it writes: the original, the added one.
    pub columns: [bool; 2],
    /// Updates of random rows, expected.
    pub updates: f64,
    /// New rows, expected.
    pub inserts: f64,
    /// Share of the values that the old type does not hold.
    pub foreign: f64,
}

/// The table.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    columns: [Option<Column>; 2],
    /// Rows by the cell of the original column and that of the added one.
    rows: [[f64; 4]; 4],
    /// Rows whose value the old type does not hold.
    foreign: f64,
}

impl Schema {
    /// A table of this many rows whose one column has these constraints.
    pub fn new(rows: f64, constraints: Constraints) -> Self {
        let mut counts = [[0.0; 4]; 4];
        counts[CURRENT][NULL] = if rows.is_finite() { rows.max(0.0) } else { 0.0 };
        let original = Column { constraints, wide: false };
        Schema { columns: [Some(original), None], rows: counts, foreign: 0.0 }
    }

    /// All rows.
    pub fn total(&self) -> f64 {
        self.rows.iter().flatten().sum()
    }

    /// The column of this name, if there is one.
    pub fn column(&self, name: Name) -> Option<&Column> {
        self.columns[name as usize].as_ref()
    }

    /// Rows with this in the column of this name.
    pub fn count(&self, name: Name, cell: Cell) -> f64 {
        let cell = cell as usize;
        match name {
            Name::Original => self.rows[cell].iter().sum(),
            Name::Added => self.rows.iter().map(|row| row[cell]).sum(),
        }
    }

    /// Rows whose value the old type does not hold.
    pub fn foreign(&self) -> f64 {
        self.foreign
    }

    /// Whether it is a table whose one column goes by its first name and holds what was written last in every row.
    pub fn is_pristine(&self) -> bool {
        let wrong = self.total() - self.rows[CURRENT][NULL];
        let narrow = self.columns[0].is_some_and(|column| !column.wide);
        narrow && self.columns[1].is_none() && wrong < 0.5 && self.foreign < 0.5
    }

    /// What several kinds of code write in one span, all at the same time. Code that writes no column writes nothing.
    pub fn write(&mut self, writers: &[Writes]) {
        let rows = self.total();
        // Updates per row by the columns they write: the original only, the added one only, both.
        let mut per_row = [0.0; 3];
        let (mut updates, mut foreign) = (0.0, 0.0);
        for writes in writers {
            let Some(kind) = kind_of(writes.columns) else { continue };
            if rows > 0.0 {
                per_row[kind] += sane(writes.updates) / rows;
            }
            updates += sane(writes.updates);
            foreign += sane(writes.updates) * sane(writes.foreign).min(1.0);
        }
        self.update(per_row);
        if updates > 0.0 && rows > 0.0 {
            let settled = rows * foreign / updates;
            self.foreign = settled + (self.foreign - settled) * libm::exp(-updates / rows);
        }
        for writes in writers {
            let (original, added) = match kind_of(writes.columns) {
                Some(0) => (CURRENT, NULL),
                Some(1) => (NULL, CURRENT),
                Some(_) => (CURRENT, CURRENT),
                None => continue,
            };
            self.rows[original][added] += sane(writes.inserts);
            self.foreign += sane(writes.inserts) * sane(writes.foreign).min(1.0);
        }
    }

    /// A row has been updated as its last update left it; whether a cell that held nothing still does depends on all of
    /// them.
    fn update(&mut self, [original, added, both]: [f64; 3]) {
        let all = original + added + both;
        if all <= 0.0 {
            return;
        }
        let some = -libm::expm1(-all);
        let last = |part: f64| part / all * some;
        // Only updates of the one kind: the other cell was never written.
        let only = |kind: f64, others: f64| libm::exp(-others) * -libm::expm1(-kind);
        let only_original = only(original, added + both).min(last(original));
        let only_added = only(added, original + both).min(last(added));
        let mut after = [[0.0; 4]; 4];
        for a in CELLS.map(|cell| cell as usize) {
            for b in CELLS.map(|cell| cell as usize) {
                let count = self.rows[a][b];
                after[a][b] += count * (1.0 - some);
                after[CURRENT][CURRENT] += count * last(both);
                if is_empty(b) {
                    after[CURRENT][b] += count * only_original;
                    after[CURRENT][STALE] += count * (last(original) - only_original);
                } else {
                    after[CURRENT][STALE] += count * last(original);
                }
                if is_empty(a) {
                    after[a][CURRENT] += count * only_added;
                    after[STALE][CURRENT] += count * (last(added) - only_added);
                } else {
                    after[STALE][CURRENT] += count * last(added);
                }
            }
        }
        self.rows = after;
    }

    /// A new, empty, nullable column under the added name, if it is free.
    pub fn add_column(&mut self) {
        if self.columns[1].is_none() {
            self.columns[1] = Some(Column::default());
        }
    }

    /// Drops a column with its constraints and values.
    pub fn drop_column(&mut self, name: Name) {
        self.columns[name as usize] = None;
        let mut after = [[0.0; 4]; 4];
        for (a, row) in self.rows.iter().enumerate() {
            for (b, count) in row.iter().enumerate() {
                match name {
                    Name::Original => after[NULL][b] += count,
                    Name::Added => after[a][NULL] += count,
                }
            }
        }
        self.rows = after;
    }

    /// Whichever column there is alone goes by the other name; two columns stay as they are.
    pub fn rename(&mut self) {
        if self.columns.iter().flatten().count() != 1 {
            return;
        }
        self.columns.swap(0, 1);
        let before = self.rows;
        for (a, row) in self.rows.iter_mut().enumerate() {
            for (b, count) in row.iter_mut().enumerate() {
                *count = before[b][a];
            }
        }
    }

    /// A copy of the original column into the added one begins: it will come by the rows that are there now.
    pub fn begin_copy(&mut self) {
        for row in &mut self.rows {
            row[PENDING] += std::mem::take(&mut row[NULL]);
        }
    }

    /// This share of the rows still to come is copied.
    pub fn copy(&mut self, share: f64) {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        for (a, row) in self.rows.iter_mut().enumerate() {
            let copied = row[PENDING] * share;
            row[PENDING] -= copied;
            row[if a == PENDING { NULL } else { a }] += copied;
        }
    }

    /// The copy ends: rows it has not come by keep nothing.
    pub fn end_copy(&mut self) {
        for row in &mut self.rows {
            row[NULL] += std::mem::take(&mut row[PENDING]);
        }
    }

    /// Changes the constraints of a column; `false` if it does not exist or rows stand against it.
    pub fn constrain(&mut self, name: Name, change: impl FnOnce(&mut Constraints)) -> bool {
        let nulls = self.count(name, Cell::Null) + self.count(name, Cell::Pending);
        let Some(column) = &mut self.columns[name as usize] else { return false };
        let mut constraints = column.constraints;
        change(&mut constraints);
        if constraints.not_null && !column.constraints.not_null && nulls >= 0.5 {
            return false;
        }
        column.constraints = constraints;
        true
    }

    /// The original column gets the wider type.
    pub fn widen(&mut self) -> bool {
        let Some(column) = &mut self.columns[0] else { return false };
        column.wide = true;
        true
    }

    /// The original column gets its narrow type back. Rows that do not fit are cut, and their number returned; where
    /// cutting is not allowed and there are any, nothing changes.
    pub fn narrow(&mut self, cuts: bool) -> Option<f64> {
        let column = self.columns[0].as_mut()?;
        if self.foreign >= 0.5 && !cuts {
            return None;
        }
        column.wide = false;
        Some(std::mem::take(&mut self.foreign))
    }
}

fn is_empty(cell: usize) -> bool {
    cell == NULL || cell == PENDING
}

/// The original only, the added one only, or both.
fn kind_of(columns: [bool; 2]) -> Option<usize> {
    match columns {
        [true, false] => Some(0),
        [false, true] => Some(1),
        [true, true] => Some(2),
        [false, false] => None,
    }
}

/// A number of rows or writes as it should be: finite and not negative.
fn sane(number: f64) -> f64 {
    if number.is_finite() { number.max(0.0) } else { 0.0 }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
