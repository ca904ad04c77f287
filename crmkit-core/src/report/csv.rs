//! Cells of a CSV file that somebody will open in a spreadsheet.

/// A text that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe in front.
///
/// ```
/// assert_eq!(crmkit_core::spreadsheet_cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
/// assert_eq!(crmkit_core::spreadsheet_cell("Acme"), "Acme");
/// assert_eq!(crmkit_core::spreadsheet_cell("-5"), "-5");
/// ```
pub fn spreadsheet_cell(text: &str) -> String {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if begins && !is_number { format!("'{text}") } else { text.to_owned() }
}

/// A line of a CSV file.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cell = |text: &str| {
        let text = spreadsheet_cell(text);
        if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_is_one_line_whatever_its_cells_hold() {
        assert_eq!(line(["a", "b \"c\"", "=1+1,2", ""]), "a,\"b \"\"c\"\"\",\"'=1+1,2\",\r\n");
    }
}
