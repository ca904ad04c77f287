//! Documents for people.

mod audit;
mod markdown;
mod reconciliation;
mod redact;
mod review;
mod rollback;
mod sample;

use crate::{Problem, Severity};

fn problems(page: &mut markdown::Markdown, problems: &[Problem]) {
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
