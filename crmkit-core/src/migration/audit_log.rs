//! The audit log out of the ledger: its chain checked, its lines as JSON or as a table for spreadsheets.

use std::collections::HashMap;

use crate::{
    AuditLine, ChainHead, Entry, Error, RecordRef, Result, Select, migration::Migration, report::csv_line, verify_chain,
};

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    JsonLines,
    /// Comma separated, with a header, safe to open in a spreadsheet.
    Csv,
}

/// How many lines are read at once.
const PAGE: usize = 500;

impl Migration {
    /// Checks the audit log's chain from its first line and gives its head: the one that reports quote.
    ///
    /// # Errors
    /// `Storage` with the place of the first line that does not follow.
    pub async fn verify_audit(&self) -> Result<ChainHead> {
        let mut head = ChainHead::default();
        self.each_page(|lines| {
            head = verify_chain(lines, head).map_err(|broken| {
                Error::storage("audit.verify", "a line of the audit log was changed, or one before it taken out")
                    .with_context("line", broken.sequence)
            })?;
            Ok(())
        })
        .await?;
        Ok(head)
    }

    /// Hands the audit log out line by line, oldest first, with the source record beside each line that is about one (R135). The log
    /// itself holds digests of ids; who keeps the lines keeps the ids.
    ///
    /// # Errors
    /// What `write` gives; `Storage` where the chain is broken.
    pub async fn export_audit(
        &self,
        format: LogFormat,
        mut write: impl FnMut(&str) -> std::io::Result<()>,
    ) -> Result<ChainHead> {
        let names = self.names_of_digests().await?;
        let failed = |error| Error::storage("audit.export", "the lines cannot be written").with_source(error);
        if format == LogFormat::Csv {
            let header = [
                "sequence",
                "time",
                "actor",
                "operation",
                "mapping",
                "source",
                "destination",
                "result",
                "key",
                "hash",
                "chain",
            ];
            write(&csv_line(header)).map_err(failed)?;
        }
        let mut head = ChainHead::default();
        self.each_page(|lines| {
            head = verify_chain(lines, head).map_err(|broken| {
                Error::storage("audit.export", "the audit log is broken").with_context("line", broken.sequence)
            })?;
            for line in lines {
                let known = names.get(&line.entry.key);
                let text = match format {
                    LogFormat::JsonLines => {
                        let mut json = serde_json::to_value(line).expect("an audit line is serialisable");
                        if let Some((mapping, source)) = known {
                            json["mapping"] = mapping.as_str().into();
                            json["source"] = source.to_string().into();
                        }
                        format!("{json}\n")
                    }
                    LogFormat::Csv => {
                        let entry = &line.entry;
                        let (mapping, source) =
                            known.map(|(mapping, source)| (mapping.clone(), source.to_string())).unwrap_or_default();
                        let destination = entry.destination.as_ref().map(ToString::to_string).unwrap_or_default();
                        let hash = entry.hash.map(|hash| hash.to_string()).unwrap_or_default();
                        let (sequence, time, chain) =
                            (line.sequence.to_string(), entry.time.to_rfc3339(), line.chain.to_string());
                        csv_line([
                            sequence.as_str(),
                            &time,
                            &entry.actor,
                            &entry.operation,
                            &mapping,
                            &source,
                            &destination,
                            &entry.result,
                            &entry.key,
                            &hash,
                            &chain,
                        ])
                    }
                };
                write(&text).map_err(failed)?;
            }
            Ok(())
        })
        .await?;
        Ok(head)
    }

    async fn each_page(&self, mut look: impl FnMut(&[AuditLine]) -> Result<()>) -> Result<()> {
        self.open().await?;
        let mut after = None;
        loop {
            let page = self.core.ledger.select(&Select::Audit, after.as_ref(), PAGE).await?;
            let lines: Vec<AuditLine> = page
                .items
                .into_iter()
                .filter_map(|entry| if let Entry::Audit(line) = entry { Some(line) } else { None })
                .collect();
            look(&lines)?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Mapping and source record behind each digest that a line can carry.
    async fn names_of_digests(&self) -> Result<HashMap<String, (String, RecordRef)>> {
        self.open().await?;
        let mut names = HashMap::new();
        let Ok(plan) = self.frozen_plan().await else { return Ok(names) };
        for mapping in &plan.mappings {
            let select = Select::Rows { mapping: mapping.id.clone(), pass: None, states: Vec::new() };
            let mut after = None;
            loop {
                let page = self.facts().row_page(&select, after.as_ref(), PAGE).await?;
                for row in page.items {
                    let digest = self.core.keyed(&row.key);
                    let source = RecordRef { object: row.key.object, id: row.key.id };
                    names.insert(digest, (mapping.id.to_string(), source));
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(names)
    }
}
