//! A document as one HTML file: nothing from the network, light and dark, to be printed, sorted, filtered and used without a mouse.

use minijinja::{AutoEscape, Environment, context, value::Serde};
use serde::Serialize;

use super::page::{Block, Page, grouped};

/// What the template shows: values only, which it escapes.
#[derive(Debug, Serialize)]
#[serde(tag = "block", rename_all = "snake_case")]
enum Shown<'a> {
    Section { title: &'a str, id: String },
    Part { title: &'a str },
    Text { text: &'a str },
    List { items: &'a [String] },
    Table { header: &'a [String], rows: Vec<Vec<Cell<'a>>>, long: bool },
    Bars { header: &'a [String], rows: Vec<Bar<'a>> },
}

#[derive(Debug, Serialize)]
struct Cell<'a> {
    text: &'a str,
    number: bool,
}

#[derive(Debug, Serialize)]
struct Bar<'a> {
    name: &'a str,
    label: String,
    parts: Vec<Part>,
}

/// A part of a bar, in percent of the longest one.
#[derive(Debug, Serialize)]
struct Part {
    from: f64,
    width: f64,
}

/// An entry of the page that links a migration's documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportLink {
    /// The document's name for people.
    pub title: String,
    /// Its file, beside the index.
    pub file: String,
    /// What it says, in a few words.
    pub summary: String,
}

const TEMPLATE: &str = include_str!("page.html");

/// How many rows a table has before it gets a field to filter by.
const LONG: usize = 12;

impl Page {
    /// The page as one HTML file.
    pub(crate) fn html(&self) -> String {
        let mut sections = 0;
        let blocks: Vec<Shown<'_>> = self
            .blocks
            .iter()
            .map(|block| match block {
                Block::Section(title) => {
                    sections += 1;
                    Shown::Section { title, id: format!("s{sections}") }
                }
                Block::Part(title) => Shown::Part { title },
                Block::Text(text) => Shown::Text { text },
                Block::List(items) => Shown::List { items },
                Block::Table { header, rows } => Shown::Table {
                    header,
                    long: rows.len() > LONG,
                    rows: rows.iter().map(|row| row.iter().map(|cell| shown_cell(cell)).collect()).collect(),
                },
                Block::Bars { header, rows } => Shown::Bars { header, rows: bars(rows) },
            })
            .collect();
        render(&self.title, &blocks, &[])
    }
}

/// The page that links all documents of a migration.
pub fn report_index(title: &str, links: &[ReportLink]) -> String {
    render(title, &[], links)
}

fn render(title: &str, blocks: &[Shown<'_>], links: &[ReportLink]) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page.html", TEMPLATE).expect("the template is part of the crate, and a test renders it");
    let template = environment.get_template("page.html").expect("just added");
    template
        .render(context! { title, blocks => Serde(blocks), links => Serde(links) })
        .expect("the template uses what it is given, and a test renders it")
}

fn shown_cell(text: &str) -> Cell<'_> {
    let number = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || ",.%".contains(letter));
    Cell { text, number }
}

fn bars(rows: &[(String, Vec<u64>)]) -> Vec<Bar<'_>> {
    let longest = rows.iter().map(|(_, parts)| parts.iter().sum::<u64>()).max().unwrap_or_default().max(1) as f64;
    rows.iter()
        .map(|(name, parts)| {
            let mut from = 0.0;
            let shown = parts.iter().map(|part| {
                let width = *part as f64 * 100.0 / longest;
                from += width;
                Part { from: from - width, width }
            });
            let shown: Vec<Part> = shown.collect();
            // For those who do not see the bar.
            let label = parts.iter().map(|part| grouped(*part)).collect::<Vec<_>>().join(" / ");
            Bar { name, label, parts: shown }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut page = Page::default().title("Run <script>alert(1)</script>");
        page.section("Counts & more");
        page.part("a part");
        page.text("x < y");
        page.list(["\"quoted\"", "<em>"]);
        page.table(["mapping", "rows"], (0..20).map(|index| [format!("<i>{index}</i>"), grouped(index * 1000)]));
        page.bars(
            ["mapping", "written", "held"],
            [("deals".to_owned(), vec![30, 10]), ("notes".to_owned(), vec![20, 0])],
        );
        page
    }

    #[test]
    fn everything_is_there_and_no_value_is_markup() {
        let html = page().html();
        for wanted in [
            "Run &lt;script&gt;",
            "Counts &amp; more",
            "x &lt; y",
            "&lt;em&gt;",
            "&lt;i&gt;19&lt;",
            "19,000",
            "30 &#x2f; 10",
        ] {
            assert!(html.contains(wanted), "{wanted} in {html}");
        }
        assert!(!html.contains("<script>alert") && !html.contains("<em>"), "{html}");
        let outside = ["http://", "https://", "src=", "@import", "url("];
        let foreign: Vec<_> = outside.into_iter().filter(|from| html.contains(from)).collect();
        assert_eq!(foreign, ["http://"], "only the name of the drawing's language");
        assert_eq!(html.matches("http://www.w3.org/2000/svg").count(), html.matches("http://").count());
    }

    #[test]
    fn the_index_links_every_document() {
        let link = ReportLink { title: "Run".into(), file: "run.html".into(), summary: "8,800 <deals>".into() };
        let html = report_index("Migration", &[link]);
        assert!(html.contains("href=\"run.html\"") && html.contains("8,800 &lt;deals&gt;"), "{html}");
    }
}
