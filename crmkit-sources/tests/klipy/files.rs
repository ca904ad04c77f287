//! Attachments: of the folder, behind addresses, and those that cannot move.

use std::sync::Arc;

use crmkit_core::{ErrorKind, Severity, SourceConnector, simulator::JumpingClock};
use crmkit_sources::klipy::{Klipy, KlipyConfig, simulator::KlipySimulator};
use futures::TryStreamExt as _;

use super::{approved, klipy, one, text};

const SHA: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

async fn read(source: &Klipy, id: &str) -> crmkit_core::Result<Vec<u8>> {
    let stream = source.files().unwrap().open(&id.into()).await?;
    let chunks: Vec<_> = stream.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn files_are_streamed_checked_and_never_outside_the_folder() {
    let rows = format!(
        "Attachment ID,File Name,URL or Path,Size Bytes,SHA-256,Deal ID\n\
         good,a.txt,a.txt,5,{SHA},d1\nlong,a.txt,a.txt,4,,\nother,a.txt,a.txt,5,{},\noutside,x,../secret,,,\n\
         gone,x,b.txt,,,\nremote,x,https://files.example/x,,,\n",
        SHA.replace('2', "3")
    );
    let files =
        approved(&[("attachments.csv", &rows), ("a.txt", "hello"), ("deals.csv", "Deal ID,Deal Name\nd1,One\n")]);
    let source = klipy(KlipyConfig::harvested(files.path()), &Arc::new(JumpingClock::new()));
    assert_eq!(read(&source, "good").await.unwrap(), b"hello");
    assert_eq!(text(&one(&source, "attachments", "good").await, "deal"), "deals/d1");
    for (id, kind) in [
        ("long", ErrorKind::Input),
        ("other", ErrorKind::Input),
        ("outside", ErrorKind::Input),
        ("gone", ErrorKind::Input),
        ("remote", ErrorKind::NotFound),
        ("nobody", ErrorKind::NotFound),
    ] {
        assert_eq!(read(&source, id).await.unwrap_err().kind(), kind, "{id}");
    }
    let unmoved = source.unmoved().await.unwrap();
    let ids: Vec<_> = unmoved.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["long", "outside", "gone", "remote"]);
    assert_eq!(unmoved[3].place.as_deref(), Some("https://files.example/x"));
    let problems = source.describe().await.unwrap().problems;
    assert!(problems.iter().any(|one| one.code == "unmoved_attachments" && one.severity == Severity::Hold));
}

#[tokio::test]
async fn an_address_is_fetched_where_somebody_allowed_its_host() {
    // Any server that answers with bytes will do.
    let server = KlipySimulator::start().await.unwrap();
    let address = format!("{}/authenticate", server.url());
    let rows = format!("Attachment ID,URL or Path,Size Bytes\none,{address},\nsized,{address},3\n");
    let files = approved(&[("attachments.csv", &rows)]);
    let mut config = KlipyConfig::harvested(files.path());
    config.attachment_hosts = vec!["127.0.0.1".to_owned()];
    let source = klipy(config, &Arc::new(JumpingClock::new()));
    // Without a key the simulator refuses: the status is told, not taken for the file.
    let error = read(&source, "one").await.unwrap_err();
    assert_eq!((error.kind(), error.context("status")), (ErrorKind::NotFound, Some("401")));
}
