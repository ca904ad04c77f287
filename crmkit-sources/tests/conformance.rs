//! The export folder keeps the rules for sources.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::{fs, io::Write as _, path::Path, sync::Arc};

use async_trait::async_trait;
use crmkit_core::{
    ObjectName, RecordId, SourceConnector,
    testing::{
        conformance::source::SourceHarness,
        generate::{AllegoryExport, Expected},
    },
};
use crmkit_sources::allegory::ExportFolder;
use tempfile::TempDir;

struct Generated {
    _folder: TempDir,
    expected: Expected,
    source: Arc<ExportFolder>,
}

#[async_trait]
impl SourceHarness for Generated {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let expected = AllegoryExport::new(11).companies(40).contacts(60).tasks(0).mess(0.4).write(&folder).unwrap();
        let source = Arc::new(ExportFolder::open(&folder).unwrap());
        Self { _folder: folder, expected, source }
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.source.clone()
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        let contacts = self.expected.records.iter().filter(|record| record.key.object == "contacts");
        contacts.map(|record| record.key.id.clone()).collect()
    }

    fn empty_object(&self) -> Option<ObjectName> {
        Some("tasks".into())
    }
}

/// A clean file that grows while it is read.
struct Growing(TempDir, Arc<ExportFolder>);

#[async_trait]
impl SourceHarness for Growing {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (1..=9).map(|id| format!("{id},Person {id}\n")).collect();
        fs::write(folder.path().join("contacts.csv"), format!("id,name\n{rows}")).unwrap();
        let source = Arc::new(ExportFolder::open(&folder).unwrap());
        Self(folder, source)
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.1.clone()
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        (1..=9).map(|id| RecordId::from(id.to_string())).collect()
    }

    async fn add_record(&self) -> bool {
        let mut file = fs::OpenOptions::new().append(true).open(self.0.path().join("contacts.csv")).unwrap();
        file.write_all(b"10,Person 10\n").unwrap();
        true
    }
}

struct Foreign;

#[async_trait]
impl SourceHarness for Foreign {
    async fn start() -> Self {
        Self
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/maven-crm");
        Arc::new(ExportFolder::open(folder).unwrap())
    }

    fn object(&self) -> ObjectName {
        "companies".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        let file = include_str!("../../examples/data/maven-crm/accounts.csv");
        file.lines().skip(1).map(|line| line.split(',').next().unwrap_or_default().into()).collect()
    }
}

mod generated {
    crmkit_core::conformance_tests!(source, super::Generated);
}

mod growing {
    crmkit_core::conformance_tests!(source, super::Growing);
}

mod foreign {
    crmkit_core::conformance_tests!(source, super::Foreign);
}
