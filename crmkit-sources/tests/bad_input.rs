//! One case per kind of bad input: it is told with its place, everything else moves, and the numbers add up.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::{collections::BTreeMap, fs, io::Write, sync::Arc};

use crmkit_core::{
    Audit, AuditOptions, Clock, FieldLine, Mapping, MemoryLedger, Migration, ObjectCount, Plan, PlanEnd, Predicate,
    RunReport, Severity, Value,
    testing::{ManualClock, MockDestination},
};
use crmkit_sources::allegory::ExportFolder;
use tempfile::TempDir;

/// A file by its rows, so that a test counts what it wrote and not what somebody parsed.
struct Sheet<'a> {
    header: &'a str,
    rows: Vec<&'a str>,
}

impl Sheet<'_> {
    fn text(&self, line_end: &str) -> String {
        [self.header].iter().chain(&self.rows).map(|row| format!("{row}{line_end}")).collect()
    }
}

const COMPANIES: &str = "id,name,owner_id,parent_id";

/// What is wrong, and what a run makes of it.
#[derive(Default)]
struct Case<'a> {
    files: Vec<(&'a str, Vec<u8>)>,
    /// The rows of `companies` that were written.
    rows: u64,
    /// (file, line, column, code)
    rejects: &'a [(&'a str, u64, Option<&'a str>, &'a str)],
    /// (code, file, line)
    problems: &'a [(&'a str, &'a str, Option<u64>)],
    /// Names at the destination.
    arrive: &'a [&'a str],
    held: u64,
}

struct World {
    _folder: TempDir,
    migration: Migration,
    crm: MockDestination,
}

fn world(files: &[(&str, Vec<u8>)], archive: bool) -> World {
    let folder = tempfile::tempdir().unwrap();
    let users = ("users.csv", b"id,email,name\nu1,ann@crm.example,Ann\n".to_vec());
    let files = files.iter().chain([&users]);
    if archive {
        let file = fs::File::create(folder.path().join("export.zip")).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        for (name, bytes) in files {
            let method =
                if name.contains("bomb") { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    } else {
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let path = if archive { folder.path().join("export.zip") } else { folder.path().to_owned() };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::jumping());
    let crm = MockDestination::crm(clock.clone());
    let migration = Migration::builder("test")
        .source(Arc::new(ExportFolder::open(path).unwrap()))
        .destination(Arc::new(crm.clone()))
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .settings(|settings| settings.page_size = 3)
        .build()
        .unwrap();
    World { _folder: folder, migration, crm }
}

impl World {
    async fn audit(&self) -> Audit {
        self.migration.audit(&AuditOptions::default()).await.unwrap()
    }

    /// To the end, with what the audit found accepted: a person may decide to move what can be moved.
    async fn run(&self, audit: &Audit, mappings: Vec<Mapping>) -> RunReport {
        let end = |kind: &str| PlanEnd { kind: kind.to_owned(), instance: None };
        let mut plan = Plan::new(end("allegory"), end("mock"));
        plan.stop_when = 1.0;
        let blocking = audit.problems.iter().filter(|problem| problem.severity == Severity::Block);
        plan.accept = blocking.map(|problem| problem.code.clone()).collect();
        plan.mappings = mappings;
        let approval = self.migration.approve_plan(&plan, "ann").await.unwrap();
        self.migration.prepare(&approval).await.unwrap();
        let sample = self.migration.sample(&approval).await.unwrap();
        let approval = self.migration.approve_sample(&sample, "ann").await.unwrap();
        let report = self.migration.run(&approval).await.unwrap();
        assert!(report.finished, "{report:#?}");
        assert!(report.objects.iter().all(ObjectCount::balances), "{report:#?}");
        report
    }

    /// How many records of each name the destination has.
    fn names(&self, object: &str) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for (_, fields) in self.crm.live().into_iter().filter(|(record, _)| record.object == *object) {
            *names.entry(fields["name"].to_string()).or_insert(0) += 1;
        }
        names
    }
}

fn companies() -> Mapping {
    let line = |from: &str| FieldLine::new(format!("companies.{from}"), [from], from);
    let mut mapping = Mapping::new("companies", "companies", "organization").with(line("name"));
    mapping.when = Some(Predicate { field: "name".into(), one_of: vec![], none_of: vec!["Left".into()], filled: None });
    mapping
}

fn owned() -> Mapping {
    companies().with(FieldLine::new("companies.owner", ["owner_id"], "owner"))
}

fn count<'a>(report: &'a RunReport, mapping: &str) -> &'a ObjectCount {
    report.objects.iter().find(|count| count.mapping == mapping).unwrap()
}

/// Audits and runs a case about companies, one of whose rows is named `Left` and not mapped.
async fn check(case: Case<'_>) {
    check_in(case, false).await;
}

async fn check_in(case: Case<'_>, archive: bool) {
    let world = world(&case.files, archive);
    let audit = world.audit().await;
    for (code, file, line) in case.problems {
        let found = audit
            .problems
            .iter()
            .any(|problem| problem.code == *code && problem.file.as_deref() == Some(file) && problem.line == *line);
        assert!(found, "{code} in {file}:{line:?}: {:#?}", audit.problems);
    }
    let place = |reject: &crmkit_core::Reject| {
        let column = reject.field.as_ref().map(ToString::to_string);
        (reject.origin.clone(), reject.line.unwrap(), column, reject.code.clone())
    };
    let wanted: Vec<_> = case
        .rejects
        .iter()
        .map(|(file, line, column, code)| ((*file).to_owned(), *line, column.map(str::to_owned), (*code).to_owned()))
        .collect();
    assert_eq!(audit.rejects.iter().map(place).collect::<Vec<_>>(), wanted);
    for (.., code) in case.rejects {
        let located = |problem: &&crmkit_core::Problem| problem.code == *code && problem.line.is_some();
        assert!(audit.problems.iter().any(|problem| located(&problem)), "{code}: {:#?}", audit.problems);
    }

    let report = world.run(&audit, vec![owned()]).await;
    let companies = count(&report, "companies");
    let here = case.rejects.iter().filter(|(file, ..)| file.starts_with("companies")).count() as u64;
    let unmapped = 1;
    assert_eq!(companies.rows, case.rows, "rows: {report:#?}");
    assert_eq!((companies.quarantined, companies.unmapped), (here, unmapped), "{report:#?}");
    assert_eq!(companies.source, case.rows - here - unmapped, "selected: {report:#?}");
    assert_eq!((companies.created, companies.held), (case.arrive.len() as u64, case.held), "{report:#?}");
    let arrived: Vec<_> = world.names("organization").into_iter().collect();
    let wanted: BTreeMap<_, _> = case.arrive.iter().map(|name| ((*name).to_owned(), 1)).collect();
    assert_eq!(arrived, wanted.into_iter().collect::<Vec<_>>());
}

/// A case whose only file is `companies.csv`, made of lines.
fn lines<'a>(rows: &[&'a str], more: Case<'a>) -> Case<'a> {
    let sheet = Sheet { header: COMPANIES, rows: rows.to_vec() };
    Case { files: vec![("companies.csv", sheet.text("\n").into_bytes())], rows: rows.len() as u64, ..more }
}

#[tokio::test]
async fn encodings_line_ends_and_delimiters() {
    let sheet = Sheet { header: COMPANIES, rows: vec!["1,Ålesund,u1,", "2,Bolt,u1,", "3,Left,u1,", "4,Café,u1,"] };
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let plain = sheet.text("\n");
    let windows: Vec<u8> = plain.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let cases: [(&str, Vec<u8>, Option<u64>); 9] = [
        ("a mark", format!("\u{feff}{plain}").into(), None),
        ("UTF-16", utf16(&format!("\u{feff}{plain}")), None),
        ("UTF-16 without a mark", utf16(&plain), Some(1)),
        ("Windows-1252", windows, Some(2)),
        ("CRLF", sheet.text("\r\n").into(), None),
        ("CR", sheet.text("\r").into(), None),
        ("semicolons", plain.replace(',', ";").into(), None),
        ("tabs", plain.replace(',', "\t").into(), None),
        ("no last line end", plain.trim_end().into(), None),
    ];
    for (name, bytes, guessed) in cases {
        println!("{name}");
        let guess = [("guessed_encoding", "companies.csv", guessed)];
        let problems = if guessed.is_some() { guess.as_slice() } else { &[] };
        let arrive = &["Ålesund", "Bolt", "Café"];
        check(Case { files: vec![("companies.csv", bytes)], rows: 4, problems, arrive, ..Case::default() }).await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_where_a_mark_says_utf_8() {
    let mut bytes = "\u{feff}id,name,owner_id\n1,Acme,u1\n2,B".as_bytes().to_vec();
    bytes.extend(b"\xE5,u1\n3,Left,u1\n");
    let rejects = &[("companies.csv", 3, Some("name"), "not_text")];
    check(Case { files: vec![("companies.csv", bytes)], rows: 3, rejects, arrive: &["Acme"], ..Case::default() }).await;
}

#[tokio::test]
async fn ragged_rows() {
    let rows = ["1,Acme,u1,", "2,Short", "3,Left,u1,", "4,Long,u1,,x", "5,Bolt,u1,"];
    let rejects = &[("companies.csv", 3, None, "ragged_row"), ("companies.csv", 5, None, "ragged_row")];
    let problems = &[("ragged_row", "companies.csv", Some(3))];
    check(lines(&rows, Case { rejects, problems, arrive: &["Acme", "Bolt"], ..Case::default() })).await;
}

#[tokio::test]
async fn quotes_in_quotes() {
    let rows = ["1,\"The \"\"A\"\"\",u1,", "2,\"The \"B\" Co\",u1,", "3,Left,u1,", "4,Say \"C\",u1,"];
    let rejects = &[("companies.csv", 3, Some("name"), "misplaced_quote")];
    check(lines(&rows, Case { rejects, arrive: &["The \"A\"", "Say \"C\""], ..Case::default() })).await;
}

#[tokio::test]
async fn a_quote_that_nothing_closes() {
    let rows = ["1,Acme,u1,", "2,\"Bolt,u1,", "3,Left,u1,", "4,Cog,u1,", "5,Dot,u1,"];
    let rejects = &[("companies.csv", 3, None, "unclosed_quote")];
    check(lines(&rows, Case { rejects, arrive: &["Acme", "Cog", "Dot"], ..Case::default() })).await;
    // A file that was cut off.
    let rows = ["1,Acme,u1,", "2,Left,u1,", "3,Bolt,u1,\"cut"];
    let rejects = &[("companies.csv", 4, None, "unclosed_quote")];
    check(lines(&rows, Case { rejects, arrive: &["Acme"], ..Case::default() })).await;
}

#[tokio::test]
async fn nul_characters() {
    let rows = ["1,Acme,u1,", "2,Bo\0lt,u1,", "3,Left,u1,", "\0,Cog,u1,"];
    let rejects =
        &[("companies.csv", 3, Some("name"), "nul_character"), ("companies.csv", 5, Some("id"), "nul_character")];
    check(lines(&rows, Case { rejects, arrive: &["Acme"], ..Case::default() })).await;
}

#[tokio::test]
async fn a_cell_of_ten_megabytes() {
    let huge = format!("2,\"{}\",u1,", "x\n".repeat(5 << 20));
    let plain = format!("4,{},u1,", "y".repeat(10 << 20));
    let rows = ["1,Acme,u1,", &huge, "3,Left,u1,", &plain, "5,Bolt,u1,"];
    let after = 5 + (5 << 20);
    let rejects = &[("companies.csv", 3, None, "oversized_row"), ("companies.csv", after, None, "oversized_row")];
    check(lines(&rows, Case { rejects, arrive: &["Acme", "Bolt"], ..Case::default() })).await;
}

#[tokio::test]
async fn ids_that_are_missing_or_come_twice() {
    let rows = ["1,Acme,u1,", ",Nobody,u1,", "1,Again,u1,", "2,Left,u1,", "  ,Blank,u1,", "3,Bolt,u1,"];
    let rejects = &[
        ("companies.csv", 3, Some("id"), "missing_id"),
        ("companies.csv", 4, Some("id"), "duplicate_id"),
        ("companies.csv", 6, Some("id"), "missing_id"),
    ];
    check(lines(&rows, Case { rejects, arrive: &["Acme", "Bolt"], ..Case::default() })).await;
}

#[tokio::test]
async fn json_lines_that_are_none() {
    let text = "{\"id\":1,\"name\":\"Acme\",\"owner_id\":\"u1\"}\n{\"id\":2,\"name\":\n[3]\n\
        {\"id\":4,\"name\":\"Left\",\"owner_id\":\"u1\"}\n{\"id\":5,\"id\":6,\"name\":\"Twice\"}\n{\"name\":\"Nobody\"}\n\
        {\"owner_id\":\"u1\",\"name\":\"Bolt\",\"id\":7}";
    let rejects = &[
        ("companies.jsonl", 2, None, "not_json"),
        ("companies.jsonl", 3, None, "not_json"),
        ("companies.jsonl", 5, Some("id"), "repeated_key"),
        ("companies.jsonl", 6, Some("id"), "missing_id"),
    ];
    let files = vec![("companies.jsonl", text.as_bytes().to_vec())];
    check(Case { files, rows: 7, rejects, arrive: &["Acme", "Bolt"], ..Case::default() }).await;
}

#[tokio::test]
async fn files_that_unpack_without_end() {
    let good = Sheet { header: COMPANIES, rows: vec!["1,Acme,u1,", "2,Left,u1,"] }.text("\n").into_bytes();
    let case = |files| Case { files, rows: 2, arrive: &["Acme"], ..Case::default() };
    let zeros = vec![0; 100 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let bomb = gzip.finish().unwrap();
    let short = bomb[..bomb.len() / 16].to_vec();
    let problems = &[("archive_bomb", "notes.csv.gz", None)];
    check(Case { problems, ..case(vec![("companies.csv", good.clone()), ("notes.csv.gz", bomb)]) }).await;
    let problems = &[("damaged_file", "notes.csv.gz", None)];
    check(Case { problems, ..case(vec![("companies.csv", good.clone()), ("notes.csv.gz", short)]) }).await;
    let problems = &[("archive_bomb", "custom/bomb.csv", None)];
    check_in(Case { problems, ..case(vec![("companies.csv", good), ("custom/bomb.csv", zeros)]) }, true).await;
}

#[tokio::test]
async fn attachments_that_lead_out_of_the_folder() {
    let good = Sheet { header: COMPANIES, rows: vec!["1,Acme,u1,", "2,Left,u1,"] }.text("\n").into_bytes();
    let attachments = "id,file_name,path_or_url,size_bytes,parent_type,parent_id\n\
        a,a.txt,attachments/a/a.txt,5,company,1\nb,b.txt,../b.txt,,company,1\nc,c.txt,/etc/passwd,,company,1\n\
        d,d.txt,attachments/d/d.txt,,company,1\ne,a.txt,attachments/a/a.txt,6,company,1\n";
    let problems = &[
        ("outside_folder", "attachments.csv", Some(3)),
        ("outside_folder", "attachments.csv", Some(4)),
        ("missing_attachment", "attachments.csv", Some(5)),
        ("attachment_size", "attachments.csv", Some(6)),
    ];
    let files = vec![
        ("companies.csv", good),
        ("attachments.csv", attachments.as_bytes().to_vec()),
        ("attachments/a/a.txt", b"hello".to_vec()),
    ];
    check(Case { files, rows: 2, problems, arrive: &["Acme"], ..Case::default() }).await;
}

#[tokio::test]
async fn links_that_dangle_and_parents_in_a_circle() {
    let rows = ["a,A,u1,b", "b,B,u1,a", "c,C,u1,c", "d,D,u1,nobody", "e,Left,u1,", "f,F,u1,a"];
    let sheet = Sheet { header: COMPANIES, rows: rows.to_vec() };
    let world = world(&[("companies.csv", sheet.text("\n").into_bytes())], false);
    let audit = world.audit().await;
    let problem = |code: &str| audit.problems.iter().find(|problem| problem.code == code).unwrap();
    assert_eq!(problem("dangling_link").pointer, "/objects/companies/dangling/parent_id");
    assert_eq!(audit.objects["companies"].dangling["parent_id"], 1);
    assert_eq!(problem("parent_cycle").pointer, "/objects/companies/in_cycles");
    assert_eq!(audit.objects["companies"].in_cycles, 3);

    let parent = FieldLine::new("companies.parent", ["parent_id"], "parent").linking("companies");
    let report = world.run(&audit, vec![owned().with(parent)]).await;
    let companies = count(&report, "companies");
    let numbers = (companies.rows, companies.quarantined, companies.unmapped, companies.source);
    assert_eq!(numbers, (rows.len() as u64, 0, 1, 5), "{report:#?}");
    assert_eq!(companies.created + companies.held, 5, "{report:#?}");
    let arrived = world.names("organization");
    for name in ["A", "B", "C", "D", "F"] {
        assert_eq!(arrived.get(name), Some(&1), "{name}: {report:#?}");
    }
    let parents: Vec<_> = report.held.iter().filter(|held| !held.part.as_str().is_empty()).collect();
    let waiting: u64 = parents.iter().map(|held| held.records).sum();
    let live = world.crm.live();
    let linked =
        live.values().filter(|fields| fields.get("parent").is_some_and(|parent| *parent != Value::Null)).count();
    assert_eq!(linked as u64 + waiting, 5, "every parent is written or waits: {report:#?}");
    assert_eq!(waiting, 3, "one link of the circle, the one to itself, the one to nobody: {report:#?}");
}

#[tokio::test]
async fn dates_in_four_formats() {
    let header = "id,name,owner_id,expected_close_date";
    let rows = ["1,A,u1,2026-01-02", "2,B,u1,02/01/2026", "3,C,u1,2.1.2026", "4,D,u1,Jan 2 2026", "5,E,u1,"];
    let sheet = Sheet { header, rows: rows.to_vec() };
    let world = world(&[("deals.csv", sheet.text("\n").into_bytes())], false);
    let audit = world.audit().await;
    let problem = audit.problems.iter().find(|problem| problem.code == "unreadable_value").unwrap();
    assert_eq!(problem.pointer, "/objects/deals/fields/expected_close_date");
    assert_eq!((problem.file.as_deref(), problem.line), (Some("deals.csv"), Some(3)));
    assert!(problem.message.starts_with("3 cells"), "{problem}");
    assert_eq!(audit.objects["deals"].doubtful, 3);

    let name = FieldLine::new("deals.name", ["name"], "name");
    let owner = FieldLine::new("deals.owner", ["owner_id"], "owner");
    let report = world.run(&audit, vec![Mapping::new("deals", "deals", "deal").with(name).with(owner)]).await;
    let deals = count(&report, "deals");
    assert_eq!(
        (deals.rows, deals.quarantined, deals.unmapped, deals.created),
        (rows.len() as u64, 0, 0, 5),
        "{report:#?}"
    );
    assert_eq!(world.names("deal").len(), 5, "a date that is not mapped holds nobody");
}

#[tokio::test]
async fn numbers_in_two_styles_hold_only_their_records() {
    let header = "id,name,owner_id,amount";
    let rows = ["1,A,u1,12.50", "2,B,u1,\"12,50\"", "3,C,u1,7", "4,D,u1,", "5,E,u1,many"];
    let sheet = Sheet { header, rows: rows.to_vec() };
    let world = world(&[("deals.csv", sheet.text("\n").into_bytes())], false);
    let audit = world.audit().await;
    let problem = |code: &str| audit.problems.iter().find(|problem| problem.code == code).unwrap();
    assert_eq!(problem("mixed_decimals").severity, Severity::Hold);
    assert_eq!(
        (problem("unreadable_value").file.as_deref(), problem("unreadable_value").line),
        (Some("deals.csv"), Some(6))
    );
    let mapping = [("name", "name"), ("owner_id", "owner"), ("amount", "amount")]
        .into_iter()
        .fold(Mapping::new("deals", "deals", "deal"), |mapping, (from, to)| {
            mapping.with(FieldLine::new(format!("deals.{to}"), [from], to))
        });
    let report = world.run(&audit, vec![mapping]).await;
    let deals = count(&report, "deals");
    assert_eq!((deals.rows, deals.created, deals.held), (rows.len() as u64, 2, 3), "{report:#?}");
    assert_eq!(world.names("deal").into_keys().collect::<Vec<_>>(), ["C", "D"]);
}
