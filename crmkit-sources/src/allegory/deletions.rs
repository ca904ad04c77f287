//! `deleted.csv`: what a delta says is gone.

use crmkit_core::{ObjectName, Problem, RecordId, Result, Severity};

use super::{
    compile::OpenedFile,
    export::{unchanged, unreadable},
    foreign, header, layout,
    rows::{Part, Rows},
};

/// The list of deleted records.
#[derive(Debug)]
pub(super) struct Deletions {
    part: Part,
    object: usize,
    id: usize,
}

impl Deletions {
    /// Looks through the list; what cannot be understood is told.
    pub(super) fn of(file: OpenedFile, objects: &[ObjectName], problems: &mut Vec<Problem>) -> Result<Option<Self>> {
        let find = |name: &str| file.header.iter().position(|cell| header::fold(cell) == name);
        let name = file.part.file.clone();
        let (Some(object), Some(id)) = (find("object"), find("id")) else {
            let message = "the list of deleted records needs the columns `object` and `id`";
            let problem =
                Problem::new(Severity::Block, "missing_id_column", message, "export the file again with them");
            problems.push(problem.in_file(name, 1));
            return Ok(None);
        };
        let deletions = Self { part: file.part, object, id };
        let (mut bad, mut first) = (0, None);
        deletions.each(|line, named| {
            let known = named.is_some_and(|(object, _)| {
                let means = header::object(object);
                layout::standard(&means).is_some() || objects.iter().any(|known| is(object, known))
            });
            if !known {
                bad += 1;
                first.get_or_insert(line);
            }
        })?;
        if let Some(first) = first {
            let message = format!("{bad} lines name no record of a known object; this is the first");
            let problem =
                Problem::new(Severity::Hold, "bad_deletion", message, "mend the lines and open the folder again");
            problems.push(problem.in_file(name, first));
        }
        Ok(Some(deletions))
    }

    /// The deleted records of an object.
    pub(super) fn of_object(&self, object: &ObjectName) -> Result<Vec<RecordId>> {
        unchanged(&self.part)?;
        let mut gone = Vec::new();
        self.each(|_, named| {
            gone.extend(named.filter(|(name, _)| is(name, object)).map(|(_, id)| RecordId::from(id)))
        })?;
        Ok(gone)
    }

    fn each(&self, mut take: impl FnMut(u64, Option<(&str, &str)>)) -> Result<()> {
        let failed = |error| unreadable(&self.part.file, error);
        let mut rows = Rows::open(&self.part, self.part.first).map_err(failed)?;
        while let Some(at) = rows.advance().map_err(failed)? {
            let (object, id) = (rows.cell(self.object), rows.cell(self.id));
            let (object, id) = (object.trim(), id.trim());
            let whole = rows.fault().is_none() && !object.is_empty() && !id.is_empty();
            take(at.line, whole.then_some((object, id)));
        }
        Ok(())
    }
}

/// Whether the word in the list means the object.
fn is(word: &str, object: &ObjectName) -> bool {
    foreign::same_name(word, object.as_str()) || header::object(word) == object.as_str()
}
