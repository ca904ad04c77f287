//! A document for people before it has a form: what stands on it, and its form as Markdown. Values stay values: nothing in one can
//! end a table cell or become markup.

use std::fmt::{Display, Write as _};

/// A document under construction.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// What can stand on a page.
#[derive(Debug)]
pub(super) enum Block {
    Section(String),
    Part(String),
    Text(String),
    List(Vec<String>),
    Table {
        header: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// Numbers side by side, which a picture shows better: what each stands for, the parts of its bar.
    Bars {
        header: Vec<String>,
        rows: Vec<(String, Vec<u64>)>,
    },
}

impl Page {
    pub(crate) fn title(mut self, title: impl Display) -> Self {
        self.title = title.to_string();
        self
    }

    pub(crate) fn section(&mut self, title: impl Display) {
        self.blocks.push(Block::Section(title.to_string()));
    }

    pub(crate) fn part(&mut self, title: impl Display) {
        self.blocks.push(Block::Part(title.to_string()));
    }

    pub(crate) fn text(&mut self, text: impl Display) {
        self.blocks.push(Block::Text(text.to_string()));
    }

    /// A list; nothing without items.
    pub(crate) fn list<T: Display>(&mut self, items: impl IntoIterator<Item = T>) {
        let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// A table; nothing without rows.
    pub(crate) fn table<const N: usize>(&mut self, header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
        if !rows.is_empty() {
            self.blocks.push(Block::Table { header: header.map(str::to_owned).into(), rows });
        }
    }

    /// Bars of several parts each, with what a bar stands for in front; nothing without a number above 0.
    pub(crate) fn bars<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = (String, Vec<u64>)>,
    ) {
        let rows: Vec<(String, Vec<u64>)> = rows.into_iter().collect();
        if rows.iter().any(|(_, parts)| parts.iter().any(|part| *part > 0)) {
            self.blocks.push(Block::Bars { header: header.map(str::to_owned).into(), rows });
        }
    }

    /// The page as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", escape(&self.title));
        for block in &self.blocks {
            // Writing to a text cannot fail.
            let _ = match block {
                Block::Section(title) => writeln!(text, "## {}\n", escape(title)),
                Block::Part(title) => writeln!(text, "### {}\n", escape(title)),
                Block::Text(words) => writeln!(text, "{}\n", escape(words)),
                Block::List(items) => {
                    let items: String = items.iter().map(|item| format!("- {}\n", escape(item))).collect();
                    writeln!(text, "{items}")
                }
                Block::Table { header, rows } => table(&mut text, header, rows),
                Block::Bars { header, rows } => {
                    let rows: Vec<Vec<String>> = rows
                        .iter()
                        .map(|(name, parts)| {
                            std::iter::once(name.clone()).chain(parts.iter().map(|part| grouped(*part))).collect()
                        })
                        .collect();
                    table(&mut text, header, &rows)
                }
            };
        }
        format!("{}\n", text.trim_end())
    }
}

fn table(text: &mut String, header: &[String], rows: &[Vec<String>]) -> std::fmt::Result {
    writeln!(text, "| {} |", header.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(header.len()))?;
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    writeln!(text)
}

/// Text that Markdown shows as it is, on one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A number with thousands separated: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_become_markup() {
        let mut page = Page::default().title("A|B");
        page.table(["x", "y"], [["a|b\n<i>".to_owned(), "[l](http://x)".to_owned()]]);
        page.bars(["who", "a"], [("_n_".to_owned(), vec![1200])]);
        let wanted = "# A\\|B\n\n| x | y |\n|---|---|\n| a\\|b &lt;i&gt; | \\[l\\](http://x) |\n\n\
            | who | a |\n|---|---|\n| \\_n\\_ | 1,200 |\n";
        assert_eq!(page.markdown(), wanted);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }
}
