//! Markdown that shows values as they are: nothing in a value can end a table cell or become markup.

use std::fmt::{Display, Write as _};

/// A Markdown text under construction.
#[derive(Debug, Default)]
pub(crate) struct Markdown(String);

impl Markdown {
    pub(crate) fn title(mut self, title: impl Display) -> Self {
        let _ = writeln!(self.0, "# {}\n", escape(&title.to_string()));
        self
    }

    pub(crate) fn section(&mut self, title: impl Display) {
        let _ = writeln!(self.0, "## {}\n", escape(&title.to_string()));
    }

    pub(crate) fn part(&mut self, title: impl Display) {
        let _ = writeln!(self.0, "### {}\n", escape(&title.to_string()));
    }

    pub(crate) fn text(&mut self, text: impl Display) {
        let _ = writeln!(self.0, "{}\n", escape(&text.to_string()));
    }

    pub(crate) fn list<T: Display>(&mut self, items: impl IntoIterator<Item = T>) {
        for item in items {
            let _ = writeln!(self.0, "- {}", escape(&item.to_string()));
        }
        self.0.push('\n');
    }

    /// A table; nothing without rows.
    pub(crate) fn table<const N: usize>(&mut self, header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        let _ = writeln!(self.0, "| {} |", header.join(" | "));
        let _ = writeln!(self.0, "|{}", "---|".repeat(N));
        for row in rows {
            let _ = writeln!(self.0, "| {} |", row.map(|cell| escape(&cell)).join(" | "));
        }
        self.0.push('\n');
    }

    pub(crate) fn done(self) -> String {
        format!("{}\n", self.0.trim_end())
    }
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
        let mut markdown = Markdown::default().title("A|B");
        markdown.table(["x", "y"], [["a|b\n<i>".to_owned(), "[l](http://x)".to_owned()]]);
        let wanted = "# A\\|B\n\n| x | y |\n|---|---|\n| a\\|b &lt;i&gt; | \\[l\\](http://x) |\n";
        assert_eq!(markdown.done(), wanted);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }
}
