//! A source whose pages can be read once: each walk has another order, and a cursor that was used is spent.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use crmkit_core::{
    Cursor, Error, ErrorKind, Migration, Page, PageRequest, Record, Result, Source, SourceConnector,
    testing::{MockFault, MockSource},
};

use crate::world::{World, at, company, contact, count};

/// An export whose links expire.
#[derive(Debug)]
struct ReadOnce {
    inner: Arc<MockSource>,
    walks: AtomicUsize,
    spent: Mutex<HashSet<String>>,
}

impl ReadOnce {
    fn of(inner: Arc<MockSource>) -> Arc<Self> {
        Arc::new(Self { inner, walks: AtomicUsize::new(0), spent: Mutex::default() })
    }
}

#[async_trait]
impl SourceConnector for ReadOnce {
    async fn describe(&self) -> Result<Source> {
        let mut source = self.inner.describe().await?;
        for object in ["companies", "contacts"] {
            source.schema.objects.get_mut(object).expect("it is there").repeatable = false;
        }
        Ok(source)
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        let all = self.inner.read(&PageRequest { cursor: None, limit: usize::MAX, ..request.clone() }).await?;
        let (walk, start) = match &request.cursor {
            None => (self.walks.fetch_add(1, Ordering::Relaxed), 0),
            Some(Cursor(cursor)) => {
                if !self.spent.lock().expect("nobody panicked").insert(format!("{}/{cursor}", request.object)) {
                    return Err(Error::input("export.read", "the link has expired"));
                }
                let (walk, start) = cursor.split_once(':').expect("a cursor of ours");
                (walk.parse().expect("a number"), start.parse().expect("a number"))
            }
        };
        let mut items = all.items;
        let turned = walk % items.len().max(1);
        items.rotate_left(turned);
        let end = items.len().min(start + request.limit);
        let next = (end < items.len()).then(|| Cursor(format!("{walk}:{end}")));
        Ok(Page::of(items.drain(start..end).collect(), next))
    }
}

fn world() -> World {
    let companies = (0..13).map(|n| {
        let company = company(&format!("c{n}"), &format!("Company {n}"));
        if n == 0 { company } else { company.with("parent", at(&format!("c{}", n / 2))) }
    });
    let contacts = (0..13).map(|n| {
        contact(&format!("p{n}"), &format!("Person {n}"), &format!("p{n}@a.example")).with("company", at("c0"))
    });
    World::new(companies, contacts)
}

fn migration(world: &World, source: Arc<ReadOnce>, spool: Option<&Path>) -> Migration {
    let builder = Migration::builder("test")
        .source(source)
        .destination(Arc::new(world.crm.clone()))
        .ledger(world.ledger.clone())
        .clock(Arc::new(world.clock.clone()))
        .settings(|settings| settings.page_size = 5);
    match spool {
        Some(folder) => builder.spool(folder),
        None => builder,
    }
    .build()
    .expect("complete")
}

#[tokio::test]
async fn each_record_once_whatever_is_read_again() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let source = ReadOnce::of(world.source.clone());
    let first = migration(&world, source.clone(), Some(folder.path()));
    let approval = world.admitted(&first).await;
    // Lost answers make units run again, and so read their pages again.
    for nth in [3, 8, 15, 22] {
        world.crm.fail(nth, MockFault::CloseAfterApply);
    }
    let report = first.run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    assert_eq!((count(&report, "companies").created, count(&report, "contacts").created), (13, 13));
    assert!(report.uncertain.adopted >= 2, "{:?}", report.uncertain);
    // Another process proves it from the same pages.
    let second = migration(&world, source, Some(folder.path()));
    assert!(second.reconcile().await.expect("reconciled").clean);
    assert!(world.names("organization").values().all(|count| *count == 1));
}

#[cfg(unix)]
#[tokio::test]
async fn the_spool_is_its_owners_alone_and_not_readable_as_text() {
    use std::os::unix::fs::PermissionsExt as _;

    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let migration = migration(&world, ReadOnce::of(world.source.clone()), Some(folder.path()));
    let approval = world.admitted(&migration).await;
    assert!(migration.run(&approval).await.expect("run").finished);
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 6, "two objects of three pages each: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        assert!(!fs::read(&file).unwrap().windows(9).any(|bytes| bytes == b"Company 1"), "{}", file.display());
    }
}

#[tokio::test]
async fn a_lost_or_changed_page_is_an_error_that_names_it() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let source = ReadOnce::of(world.source.clone());
    let migration = migration(&world, source, Some(folder.path()));
    let approval = world.admitted(&migration).await;
    assert!(migration.run(&approval).await.expect("run").finished);
    let before = world.crm.live();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    for gone in [false, true] {
        for file in &files {
            if gone { fs::remove_file(file).unwrap() } else { fs::write(file, "other").unwrap() }
        }
        let error = migration.reconcile().await.expect_err("the pages are not there");
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("cannot be read"), "{error}");
        assert!(error.context("file").is_some() && error.context("unit").is_some(), "{error}");
    }
    assert_eq!(world.crm.live(), before);
}

#[tokio::test]
async fn without_a_spool_such_a_source_is_refused_before_anything_is_written() {
    let world = world();
    let migration = migration(&world, ReadOnce::of(world.source.clone()), None);
    let approval = migration.approve_plan(&world.plan, "ann").await.expect("approved");
    migration.prepare(&approval).await.expect("prepared");
    let before = world.crm.live();
    let error = migration.sample(&approval).await.expect_err("pages cannot be read twice");
    assert_eq!((error.kind(), error.context("object")), (ErrorKind::Input, Some("companies")));
    assert!(error.message().contains("spool folder"), "{error}");
    assert_eq!(world.crm.live(), before);
}
