//! Documents for people.

mod audit;
mod csv;
mod delta;
mod handover;
#[cfg(feature = "html")]
mod html;
mod page;
mod reconciliation;
mod redact;
mod review;
mod rollback;
mod sample;

use crate::{
    Audit, DeltaReport, Handover, Problem, Reconciliation, Review, RollbackPreview, RollbackReport, RunReport,
    SampleDiff, Severity,
};

pub(crate) use csv::line as csv_line;
pub use csv::spreadsheet_cell;
#[cfg(feature = "html")]
pub use html::{ReportLink, report_index};

/// Every document has the same two forms.
macro_rules! documents {
    ($($document:ty),*) => {$(
        impl $document {
            /// The document as Markdown. Values stay values: none can become markup.
            pub fn to_markdown(&self) -> String {
                self.page().markdown()
            }

            /// The document as one HTML file without anything from the network.
            #[cfg(feature = "html")]
            pub fn to_html(&self) -> String {
                self.page().html()
            }
        }
    )*};
}

documents!(
    Audit,
    Review,
    SampleDiff,
    RunReport,
    DeltaReport,
    Reconciliation,
    RollbackPreview,
    RollbackReport,
    Handover
);

fn problems(page: &mut page::Page, problems: &[Problem]) {
    page.table(
        ["", "where", "what", "remedy"],
        problems.iter().map(|problem| {
            let grade = match problem.severity {
                Severity::Block => "blocks",
                Severity::Hold => "holds",
                Severity::Warn => "warns",
            };
            let place = match (&problem.file, problem.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                (Some(file), None) => file.clone(),
                (None, _) => problem.pointer.clone(),
            };
            [grade.to_owned(), place, problem.message.clone(), problem.remedy.clone()]
        }),
    );
}
