//! The same export as CSV, as JSON lines, behind gzip, as an archive, in pieces: the same records.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use crmkit_core::{
    ErrorKind, ObjectName, PageRequest, Record, RecordId, Reject, SourceConnector,
    testing::{conformance::source::SourceHarness, generate::AllegoryExport},
};
use crmkit_sources::allegory::ExportFolder;
use futures::TryStreamExt;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

fn generated() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    AllegoryExport::new(7).companies(30).contacts(50).mess(0.3).write(&folder).unwrap();
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn csvs(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "csv")).collect()
}

/// Takes the manifest away: it names the files that the tests replace.
fn without_manifest(folder: &TempDir) {
    fs::remove_file(folder.path().join("manifest.json")).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zip(files: &[(String, Vec<u8>)], method: CompressionMethod) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut zip = ZipWriter::new(fs::File::create(folder.path().join("export.zip")).unwrap());
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    folder
}

/// A folder's files as an archive, below `prefix`.
fn zipped(folder: &TempDir, prefix: &str, method: CompressionMethod) -> TempDir {
    let name = |path: &Path| format!("{prefix}{}", path.strip_prefix(folder.path()).unwrap().to_str().unwrap());
    let files: Vec<_> = files(folder.path()).iter().map(|path| (name(path), fs::read(path).unwrap())).collect();
    zip(&files, method)
}

async fn all(source: &ExportFolder, object: &str, limit: usize) -> (Vec<Record>, Vec<Reject>) {
    let (mut records, mut rejects) = (Vec::new(), Vec::new());
    let mut request = PageRequest::first(object, limit);
    loop {
        let page = source.read(&request).await.unwrap();
        assert!(page.rows <= limit as u64);
        records.extend(page.items);
        rejects.extend(page.rejects);
        match page.next {
            Some(next) => request = request.at(next),
            None => return (records, rejects),
        }
    }
}

async fn same(a: &ExportFolder, b: &ExportFolder, repeatable: bool) {
    let (first, second) = (a.describe().await.unwrap(), b.describe().await.unwrap());
    assert_eq!(first.counts, second.counts);
    let names = |schema: &crmkit_core::Schema| schema.objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first.schema), names(&second.schema));
    for (name, object) in &second.schema.objects {
        assert_eq!(object.repeatable, repeatable, "{name}");
        assert_eq!(first.schema.objects[name].fields, object.fields, "{name}");
        let (wanted, rejected) = all(a, name.as_str(), 1_000).await;
        for limit in [7, 1_000] {
            let (found, rejects) = all(b, name.as_str(), limit).await;
            assert_eq!(rejects.len(), rejected.len(), "{name}");
            // The origins of doubts name files, which differ.
            let plain = |records: &[Record]| {
                records.iter().map(|record| (record.key.clone(), record.fields.clone())).collect::<Vec<_>>()
            };
            assert!(plain(&found) == plain(&wanted), "{name}, pages of {limit}");
        }
    }
}

#[tokio::test]
async fn gzip_files_have_the_same_records() {
    let (plain, packed) = (generated(), generated());
    without_manifest(&plain);
    without_manifest(&packed);
    for path in csvs(packed.path()) {
        fs::write(format!("{}.gz", path.display()), gzip(&fs::read(&path).unwrap())).unwrap();
        fs::remove_file(path).unwrap();
    }
    same(&ExportFolder::open(&plain).unwrap(), &ExportFolder::open(&packed).unwrap(), false).await;
}

#[tokio::test]
async fn an_archive_has_the_same_records_wrapped_in_a_folder_or_not() {
    let plain = generated();
    let export = ExportFolder::open(&plain).unwrap();
    let cases = [
        ("", CompressionMethod::Deflated),
        ("My export/", CompressionMethod::Deflated),
        ("", CompressionMethod::Stored),
    ];
    for (prefix, method) in cases {
        let archive = zipped(&plain, prefix, method);
        let packed = ExportFolder::open(archive.path().join("export.zip")).unwrap();
        // The manifest is in it, so digests and counts were held against the unpacked files.
        assert!(packed.describe().await.unwrap().problems.iter().all(|problem| problem.code != "digest_mismatch"));
        same(&export, &packed, method == CompressionMethod::Stored).await;
    }
}

#[tokio::test]
async fn json_lines_have_the_same_records() {
    let (plain, lines) = (generated(), generated());
    without_manifest(&plain);
    without_manifest(&lines);
    for path in csvs(lines.path()) {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(&path).unwrap();
        let header = reader.headers().unwrap().clone();
        let mut text = String::new();
        for record in reader.records().map(Result::unwrap) {
            if record.len() != header.len() {
                // What a ragged row is among objects: a line that is none.
                text += "[]\n";
                continue;
            }
            let members: Vec<_> = header
                .iter()
                .zip(&record)
                .map(|(key, cell)| {
                    format!("{}:{}", serde_json::to_string(key).unwrap(), serde_json::to_string(cell).unwrap())
                })
                .collect();
            text += &format!("{{{}}}\n", members.join(","));
        }
        if text.is_empty() {
            continue;
        }
        fs::write(path.with_extension("jsonl"), text).unwrap();
        fs::remove_file(path).unwrap();
    }
    same(&ExportFolder::open(&plain).unwrap(), &ExportFolder::open(&lines).unwrap(), true).await;
}

#[tokio::test]
async fn json_values_become_what_cells_would() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"id":7,"first_name":"Ann","emails":["a@x.example",{"label":"work","value":"b@x.example"}],"cf_score":1234.50,"cf_vip":true,"cf_tags":["x","y"],"phones":null}"#;
    let schema = r#"{"objects":{"contacts":{"fields":{"cf_tags":{"type":"multi_picklist"}}}}}"#;
    fs::write(folder.path().join("contacts.jsonl"), line).unwrap();
    fs::write(folder.path().join("schema.json"), schema).unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let record = all(&source, "contacts", 10).await.0.remove(0);
    let shown: Vec<_> = record.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let wanted = [
        "id=7",
        "first_name=Ann",
        "emails=a@x.example; b@x.example",
        "cf_score=1234.50",
        "cf_vip=true",
        "cf_tags=x; y",
        "name=Ann",
    ];
    let mut sorted = (shown.clone(), wanted.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
}

#[tokio::test]
async fn a_digest_is_of_the_file_as_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let packed = gzip(b"id,name\n1,Acme\n");
    let digest: String = Sha256::digest(&packed).iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = |sha: &str| {
        format!(
            r#"{{"format":"crm-export","version":1,"objects":[{{"name":"companies","file":"companies.csv.gz","rows":1,"sha256":"{sha}"}}]}}"#
        )
    };
    fs::write(folder.path().join("companies.csv.gz"), packed).unwrap();
    for (sha, fits) in [(digest.as_str(), true), ("00", false)] {
        fs::write(folder.path().join("manifest.json"), manifest(sha)).unwrap();
        let source = ExportFolder::open(&folder).unwrap().describe().await.unwrap();
        assert_eq!(
            source.problems.iter().all(|problem| problem.code != "digest_mismatch"),
            fits,
            "{:?}",
            source.problems
        );
    }
}

#[tokio::test]
async fn attachments_stream_out_of_an_archive() {
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let rows = format!(
        "id,file_name,path_or_url,size_bytes,sha256\na,hello.txt,,5,{digest}\nb,x,attachments/a/hello.txt,5,{}\nc,x,../x,,\n",
        "0".repeat(64)
    );
    let entries =
        [("attachments.csv".to_owned(), rows.into_bytes()), ("attachments/a/hello.txt".to_owned(), b"hello".to_vec())];
    let archive = zip(&entries, CompressionMethod::Deflated);
    let source = ExportFolder::open(archive.path().join("export.zip")).unwrap();
    let files = source.files().unwrap();
    let open = async |id: &str| files.open(&id.into()).await?.try_collect::<Vec<_>>().await;
    assert_eq!(open("a").await.unwrap().concat(), b"hello");
    assert!(open("b").await.unwrap_err().message().contains("digest"));
    assert_eq!(open("c").await.unwrap_err().kind(), ErrorKind::Input);
}

#[tokio::test]
async fn what_is_wrong_with_an_archive_is_located_and_the_rest_is_read() {
    let good = ("companies.csv".to_owned(), b"id,name\n1,Acme\n".to_vec());
    let out = ("../../secret.csv".to_owned(), b"id\n1\n".to_vec());
    let archive = zip(&[good.clone(), out], CompressionMethod::Deflated);
    let path = archive.path().join("export.zip");
    let source = ExportFolder::open(&path).unwrap();
    let described = source.describe().await.unwrap();
    let problem = described.problems.iter().find(|problem| problem.code == "outside_folder").unwrap();
    assert_eq!(problem.file.as_deref(), Some("../../secret.csv"));
    assert_eq!(all(&source, "companies", 10).await.0.len(), 1);

    // One byte of a packed file: its checksum tells.
    let notes = ("notes.csv".to_owned(), "id,body\n".to_owned().into_bytes());
    let archive = zip(&[good, notes], CompressionMethod::Stored);
    let path = archive.path().join("export.zip");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"id,body").unwrap();
    bytes[at + 3] = b'd';
    fs::write(&path, bytes).unwrap();
    let source = ExportFolder::open(&path).unwrap();
    let described = source.describe().await.unwrap();
    let problem = described.problems.iter().find(|problem| problem.code == "damaged_file").unwrap();
    assert_eq!(problem.file.as_deref(), Some("notes.csv"));
    assert_eq!(all(&source, "companies", 10).await.0.len(), 1);

    fs::write(&path, b"no archive").unwrap();
    assert_eq!(ExportFolder::open(&path).unwrap_err().kind(), ErrorKind::Input);
}

#[tokio::test]
async fn a_foreign_object_may_be_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = r#"{"format":"crm-export","version":1,"foreign":[{"object":"firms","id_column":"Nr","files":[
        {"file":"f1.csv","rows":2},{"file":"f2.jsonl","rows":1},{"file":"f3.csv","rows":7}],
        "fields":[{"field":"name","column":"Firma"},{"field":"town","column":"Ort"}]}]}"#;
    fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    fs::write(folder.path().join("f1.csv"), "Nr,Firma\n1,Acme\n2,Bolt\n").unwrap();
    fs::write(folder.path().join("f2.jsonl"), "{\"Ort\":\"Ulm\",\"Firma\":\"Cog\",\"Nr\":3}\n").unwrap();
    fs::write(folder.path().join("f3.csv"), "Ort;Nr;Firma\nOslo;4;Dot\nRom;1;Again\n").unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let (records, rejects) = all(&source, "firms", 2).await;
    let shown: Vec<_> = records
        .iter()
        .map(|record| {
            ["id", "name", "town"]
                .map(|field| record.fields.get(field).map(ToString::to_string).unwrap_or_default())
                .join(" ")
        })
        .collect();
    assert_eq!(shown, ["1 Acme ", "2 Bolt ", "3 Cog Ulm", "4 Dot Oslo"]);
    assert_eq!(
        (rejects[0].origin.as_str(), rejects[0].line, rejects[0].code.as_str()),
        ("f3.csv", Some(3), "duplicate_id")
    );
    let problems = source.describe().await.unwrap().problems;
    let mismatch: Vec<_> = problems.iter().filter(|problem| problem.code == "row_count_mismatch").collect();
    assert_eq!((mismatch.len(), mismatch[0].file.as_deref()), (1, Some("f3.csv")));
}

#[tokio::test]
async fn a_packed_delta_lists_what_is_gone_and_what_cannot_be_understood() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("contacts.csv"), "id,name\n1,Ann\n").unwrap();
    let gone = "{\"object\":\"contacts\",\"id\":9}\n{\"object\":\"alien\",\"id\":1}\n{\"object\":\"party\",\"id\":\"8\"}\n{\"id\":3}\n";
    fs::write(folder.path().join("deleted.jsonl.gz"), gzip(gone.as_bytes())).unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let page = source.read(&PageRequest::first("contacts", 10)).await.unwrap();
    assert_eq!(page.gone, ["9", "8"].map(RecordId::from));
    let problems = source.describe().await.unwrap().problems;
    let problem = problems.iter().find(|problem| problem.code == "bad_deletion").unwrap();
    assert_eq!((problem.file.as_deref(), problem.line), (Some("deleted.jsonl.gz"), Some(2)));
    assert!(problem.message.starts_with("2 lines"), "{problem}");
}

#[tokio::test]
async fn quarantine_files_have_every_rejected_row_and_nothing_else() {
    let folder = generated();
    without_manifest(&folder);
    fs::write(
        folder.path().join("tags.csv"),
        "tag,object_type,object_id\n=1+1,contact\nvip,\"contact\"x,2\na,contact,1\n",
    )
    .unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let quarantine = tempfile::tempdir().unwrap();
    let written = source.write_quarantine(&quarantine).await.unwrap();
    let described = source.describe().await.unwrap();
    let mut rejected = indexmap::IndexMap::<String, Vec<Reject>>::new();
    for object in described.schema.objects.keys() {
        for reject in all(&source, object.as_str(), 100).await.1 {
            rejected.entry(reject.origin.clone()).or_default().push(reject);
        }
    }
    assert!(rejected.len() > 1 && rejected.contains_key("tags.csv"), "{written:?} {:#?}", described.problems);
    for (file, rejects) in &rejected {
        assert_eq!(written[file], rejects.len() as u64, "{file}");
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(quarantine.path().join(file)).unwrap();
        let input = fs::read_to_string(folder.path().join(file)).unwrap();
        let header: Vec<_> = reader.headers().unwrap().iter().skip(2).collect::<Vec<_>>().join(",").into();
        assert_eq!(input.lines().next().unwrap().trim_start_matches('\u{feff}').as_bytes(), header, "{file}");
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let found: Vec<_> =
            rows.iter().map(|row| (row[0].split(':').next().unwrap().to_owned(), row[1].parse().ok())).collect();
        let wanted: Vec<_> = rejects.iter().map(|reject| (reject.code.clone(), reject.line)).collect();
        assert_eq!(found, wanted, "{file}");
    }
    let tags = fs::read_to_string(quarantine.path().join("tags.csv")).unwrap();
    assert!(tags.contains(",2,'=1+1,contact\n"), "{tags}");
    assert!(tags.contains(",3,\"vip,\"\"contact\"\"x,2\"\n"), "{tags}");
}

struct Archive {
    folder: TempDir,
    wanted: Vec<RecordId>,
}

#[async_trait]
impl SourceHarness for Archive {
    async fn start() -> Self {
        let plain = generated();
        let wanted = all(&ExportFolder::open(&plain).unwrap(), "contacts", 1_000).await.0;
        let wanted = wanted.into_iter().map(|record| record.key.id).collect();
        Self { folder: zipped(&plain, "export/", CompressionMethod::Deflated), wanted }
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        Arc::new(ExportFolder::open(self.folder.path().join("export.zip")).unwrap())
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        self.wanted.clone()
    }
}

mod archive {
    crmkit_core::source_conformance!(super::Archive);
}
