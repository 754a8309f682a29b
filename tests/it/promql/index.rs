//! `eval_index.csv`: one row per eval command of the scripts, with a verdict on whether it is in the core subset.

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The script.
    pub file: String,
    /// The line of the eval command, from 1.
    pub line: usize,
    /// Whether the expression uses only what the evaluator claims to have.
    pub in_core: bool,
}

/// Reads the table.
pub fn rows(csv: &str) -> Vec<Row> {
    let mut records = records(csv).into_iter();
    let header = records.next().expect("a header");
    let column = |name: &str| header.iter().position(|h| h == name).expect("a known column");
    let (file, line, core) = (column("file"), column("line"), column("in_core_subset"));
    records
        .filter(|fields| fields.len() == header.len())
        .map(|fields| Row {
            file: fields[file].clone(),
            line: fields[line].parse().expect("a line number"),
            in_core: fields[core] == "1",
        })
        .collect()
}

/// Splits CSV with quoted fields.
fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut records, mut fields, mut field, mut quoted) = (vec![], vec![], String::new(), false);
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut fields));
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    records
}
