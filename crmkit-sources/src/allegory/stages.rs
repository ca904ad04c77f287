//! Pipelines and stages of the export, so that a deal's stage says which pipeline it is of.

use std::io;

use crmkit_core::RecordId;
use indexmap::IndexMap;

use super::{
    header::fold,
    rows::Rows,
    table::{Row, Table},
};

/// Stages with their pipelines.
#[derive(Debug, Default)]
pub(super) struct Stages {
    pipelines: IndexMap<String, String>,
    stages: IndexMap<String, Stage>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    pipeline: Option<String>,
}

impl Stages {
    /// Reads the two small objects, as far as the folder has them.
    pub(super) fn of(tables: &[Table]) -> io::Result<Self> {
        let mut found = Self::default();
        let table = |name: &str| tables.iter().find(|table| table.name == name);
        if let Some(table) = table("pipelines") {
            each(table, |id, row| {
                let name = table.slot("name").and_then(|slot| row.trimmed(slot)).unwrap_or_else(|| id.clone());
                found.pipelines.entry(id).or_insert(name);
            })?;
        }
        if let Some(table) = table("stages") {
            each(table, |id, row| {
                let name = table.slot("name").and_then(|slot| row.trimmed(slot)).unwrap_or_else(|| id.clone());
                let pipeline = table.slot("pipeline_id").and_then(|slot| row.trimmed(slot));
                found.stages.entry(id).or_insert(Stage { name, pipeline });
            })?;
        }
        Ok(found)
    }

    /// Stage ids with `Pipeline/Stage`.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&str, String)> {
        self.stages.iter().map(|(id, stage)| {
            let pipeline = stage.pipeline.as_deref().map(|pipeline| self.pipeline(pipeline));
            (id.as_str(), Self::composite(pipeline, &stage.name))
        })
    }

    /// Pipeline ids with their names.
    pub(super) fn pipelines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pipelines.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    fn pipeline<'a>(&'a self, id: &'a str) -> &'a str {
        self.pipelines.get(id).map_or(id, String::as_str)
    }

    /// The stages of that name, in that pipeline where one is told.
    pub(super) fn find(&self, name: &str, pipeline: Option<&str>) -> Vec<RecordId> {
        let fits = |stage: &Stage| {
            fold(&stage.name) == fold(name) && pipeline.is_none_or(|id| stage.pipeline.as_deref() == Some(id))
        };
        self.stages.iter().filter(|(_, stage)| fits(stage)).map(|(id, _)| id.as_str().into()).collect()
    }

    /// The key of a stage that is known by name only.
    pub(super) fn composite(pipeline: Option<&str>, stage: &str) -> String {
        match pipeline {
            Some(pipeline) => format!("{pipeline}/{stage}"),
            None => stage.to_owned(),
        }
    }

    /// A composite key for people: the pipeline by name.
    pub(super) fn named(&self, key: &str) -> String {
        match key.split_once('/') {
            Some((pipeline, stage)) if self.pipelines.contains_key(pipeline) => {
                Self::composite(Some(self.pipeline(pipeline)), stage)
            }
            _ => key.to_owned(),
        }
    }
}

fn each(table: &Table, mut take: impl FnMut(String, &Row<'_>)) -> io::Result<()> {
    for file in &table.parts {
        let mut rows = Rows::open(&file.part, file.part.first)?;
        while rows.advance()?.is_some() {
            let row = Row { rows: &rows, cells: &file.cells };
            if rows.fault().is_none()
                && let Some(id) = row.id(&table.id)
            {
                take(id, &row);
            }
        }
    }
    Ok(())
}
