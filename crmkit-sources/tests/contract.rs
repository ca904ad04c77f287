//! The harvest rules, one by one.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::fs;

use crmkit_core::{ErrorKind, Page, PageRequest, Problem, Record, RecordId, Severity, Source, SourceConnector, Value};
use crmkit_sources::allegory::ExportFolder;
use futures::TryStreamExt;
use tempfile::TempDir;

struct Export {
    folder: TempDir,
    source: ExportFolder,
}

fn export(files: &[(&str, &[u8])]) -> Export {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let source = ExportFolder::open(&folder).unwrap();
    Export { folder, source }
}

impl Export {
    async fn source(&self) -> Source {
        self.source.describe().await.unwrap()
    }

    async fn page(&self, object: &str) -> Page<Record> {
        self.source.read(&PageRequest::first(object, 1_000)).await.unwrap()
    }

    async fn first(&self, object: &str) -> Record {
        self.page(object).await.items.swap_remove(0)
    }
}

fn problem<'a>(source: &'a Source, code: &str) -> &'a Problem {
    source
        .problems
        .iter()
        .find(|problem| problem.code == code)
        .unwrap_or_else(|| panic!("{code}: {:?}", source.problems))
}

fn text(record: &Record, field: &str) -> String {
    record.fields.get(field).map(Value::to_string).unwrap_or_default()
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[tokio::test]
async fn encodings_and_delimiters_are_found() {
    let cases: [(&str, Vec<u8>); 5] = [
        ("utf-8", "id,name\n1,Åsa\n2,Bo\n".into()),
        ("utf-8 with mark, crlf", "\u{feff}id,name\r\n1,Åsa\r\n2,Bo\r\n".into()),
        ("utf-16", utf16("id;name\r\n1;Åsa\r\n2;Bo\r\n")),
        ("windows-1252", b"id\tname\n1\t\xC5sa\n2\tBo\n".to_vec()),
        ("semicolons", "ID ;Name\n1;Åsa\n2;Bo".into()),
    ];
    for (name, bytes) in cases {
        let export = export(&[("users.csv", &bytes)]);
        let flagged = export.source().await.problems.iter().any(|problem| problem.code == "guessed_encoding");
        assert_eq!(flagged, name == "windows-1252", "{name}");
        let mut request = PageRequest::first("users", 1);
        let first = export.source.read(&request).await.unwrap();
        assert_eq!(text(&first.items[0], "name"), "Åsa", "{name}");
        request = request.at(first.next.unwrap());
        let second = export.source.read(&request).await.unwrap();
        assert_eq!(text(&second.items[0], "name"), "Bo", "{name}");
        assert_eq!(second.next, None, "{name}");
    }
}

#[tokio::test]
async fn rows_that_cannot_be_records_are_quarantined_with_their_line() {
    let export = export(&[("companies.csv", b"id,name\n1,\"two\nlines\"\n2\n3,c,d\n,e\n1,again\n4,f\n")]);
    let page = export.page("companies").await;
    let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.line.unwrap(), reject.code.as_str())).collect();
    assert_eq!(rejects, [(4, "ragged_row"), (5, "ragged_row"), (6, "missing_id"), (7, "duplicate_id")]);
    let ids: Vec<_> = page.items.iter().map(|record| record.key.id.as_str()).collect();
    assert_eq!(ids, ["1", "4"]);
    assert_eq!(page.rows, 6);
}

#[tokio::test]
async fn legal_wording_and_other_spellings_are_understood() {
    let export = export(&[
        ("Matters.csv", b"Matter Name,ID,Firm ID,Owner\nSmith v. Jones,m1,f1,u1\n"),
        ("firms.csv", b"id,name\nf1,Acme\n"),
    ]);
    let source = export.source().await;
    assert_eq!(source.schema.objects.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["companies", "deals"]);
    let deal = export.first("deals").await;
    assert_eq!(text(&deal, "company_id"), "companies/f1");
    assert_eq!(text(&deal, "owner_id"), "users/u1");
}

#[tokio::test]
async fn a_missing_id_column_stops_only_its_object() {
    let export = export(&[("companies.csv", b"name\nAcme\n"), ("contacts.csv", b"id,name\n1,Ann\n")]);
    let source = export.source().await;
    let missing = problem(&source, "missing_id_column");
    assert_eq!((missing.severity, missing.file.as_deref()), (Severity::Block, Some("companies.csv")));
    assert_eq!(source.schema.objects.len(), 1);
    assert_eq!(export.page("contacts").await.items.len(), 1);
}

#[tokio::test]
async fn duplicate_headers_get_a_suffix_and_a_flag() {
    let export = export(&[("contacts.csv", b"id,cf_x,cf_x\n1,a,b\n")]);
    assert_eq!(problem(&export.source().await, "duplicate_header").line, Some(1));
    let contact = export.first("contacts").await;
    assert_eq!((text(&contact, "cf_x"), text(&contact, "cf_x_2")), ("a".into(), "b".into()));
}

#[tokio::test]
async fn a_manifest_is_held_against_the_files() {
    let manifest = br#"{"format":"crm-export","version":1,"instance":"x","objects":[
        {"name":"companies","file":"companies.csv","rows":2,"sha256":"00"},
        {"name":"contacts","file":"contacts.csv"},
        {"name":"deals","file":"../deals.csv"}]}"#;
    let export = export(&[
        ("manifest.json", manifest),
        ("companies.csv", b"id,name\n1,Acme\n"),
        ("notes.csv", b"id,body\n1,x\n"),
    ]);
    let source = export.source().await;
    for code in ["row_count_mismatch", "digest_mismatch", "missing_file", "outside_folder"] {
        assert_eq!(problem(&source, code).severity, Severity::Block, "{code}");
    }
    assert_eq!(problem(&source, "undeclared_file").file.as_deref(), Some("notes.csv"));
    assert_eq!(source.schema.objects.len(), 1);
}

#[tokio::test]
async fn a_file_that_changes_after_the_description_is_an_input_error() {
    let export = export(&[("companies.csv", b"id,name\n1,Acme\n")]);
    export.source().await;
    fs::write(export.folder.path().join("companies.csv"), "id,name\n1,Acme\n2,Bolt\n").unwrap();
    let error = export.source.read(&PageRequest::first("companies", 10)).await.unwrap_err();
    assert_eq!((error.kind(), error.context("file")), (ErrorKind::Input, Some("companies.csv")));
}

#[tokio::test]
async fn contacts_are_put_together_from_their_columns() {
    let csv = "id,first_name,last_name,email,emails,phones,address_street,address_city,company_id\n\
        1,Ann,Berg,ann@a.example,work:ANN@a.example;home:ann@h.example,mobile:+46 70 1,\"Main St 1, 2\",Malmö,7\n\
        2,,,,,,,,\n";
    let export = export(&[("contacts.csv", csv.as_bytes())]);
    let page = export.page("contacts").await;
    let ann = &page.items[0];
    assert_eq!(text(ann, "name"), "Ann Berg");
    assert_eq!(text(ann, "emails"), "ANN@a.example; ann@h.example");
    assert_eq!(text(ann, "address"), "Main St 1, 2, Malmö");
    assert_eq!(text(ann, "company_id"), "companies/7");
    assert_eq!(
        page.items[1].fields.keys().map(|name| name.as_str()).collect::<Vec<_>>(),
        ["id"],
        "nothing is invented"
    );
    let schema = &export.source().await.schema.objects["contacts"];
    assert!(!schema.fields.contains_key("job_title"), "no column, no field");
}

#[tokio::test]
async fn naive_times_take_the_manifest_s_zone_or_stay_local() {
    let csv = b"id,subject,due_at\n1,a,2026-03-01 09:00:00\n2,b,2026-03-02\n";
    let manifest = br#"{"format":"crm-export","version":1,"timezone":"Asia/Karachi","objects":[{"name":"tasks","file":"tasks.csv"}]}"#;
    let zoned = export(&[("tasks.csv", csv), ("manifest.json", manifest)]);
    assert_eq!(text(&zoned.first("tasks").await, "due_at"), "2026-03-01T04:00:00Z");
    let local = export(&[("tasks.csv", csv)]);
    assert_eq!(text(&local.first("tasks").await, "due_at"), "2026-03-01T09:00:00");
    assert_eq!(local.source().await.schema.objects["tasks"].fields["due_at"].ty.label(), "local");
    assert_eq!(text(&local.page("tasks").await.items[1], "due_at"), "2026-03-02");
}

#[tokio::test]
async fn unreadable_values_are_doubts_and_the_row_still_comes() {
    let csv =
        b"id,name,amount,close_date,currency\n1,a,12.50,2026-01-02,eur\n2,b,\"1,5\",02/01/2026,EUR\n3,c,7,,EURO\n";
    let export = export(&[("deals.csv", csv)]);
    assert_eq!(problem(&export.source().await, "mixed_decimals").severity, Severity::Hold);
    let page = export.page("deals").await;
    assert_eq!(page.items.len(), 3);
    let doubts: Vec<Vec<_>> =
        page.items.iter().map(|deal| deal.doubts.iter().map(|doubt| doubt.field.as_str()).collect()).collect();
    assert_eq!(doubts, [vec!["amount"], vec!["amount", "close_date"], vec!["amount"]]);
    let doubt = &page.items[1].doubts[1];
    assert_eq!((doubt.origin.as_str(), doubt.line), ("deals.csv", Some(3)));
}

#[tokio::test]
async fn custom_fields_take_their_type_from_the_schema_file_or_their_cells() {
    let schema = br#"{"objects":{"contacts":{"fields":{
        "cf_tier":{"label":"Tier","type":"picklist","options":["Gold","Silver"],"required":true},
        "cf_boss":{"type":"lookup","lookup":"contact"},
        "cf_worth":{"type":"money"}}}}}"#;
    let csv =
        b"id,cf_tier,cf_boss,cf_worth,cf_since,cf_ok,shoe\n1,Gold,2,5,2020-01-01,yes,7\n2,Bronze,,6,2020-01-02,no,8\n";
    let export = export(&[("contacts.csv", csv), ("schema.json", schema)]);
    let source = export.source().await;
    let fields = &source.schema.objects["contacts"].fields;
    let types: Vec<_> = fields.values().map(|field| field.ty.label()).collect();
    assert_eq!(types, ["text", "option", "link", "decimal", "date", "bool", "int"]);
    assert!(fields["cf_tier"].required && fields["cf_tier"].custom);
    let options: Vec<_> = fields["cf_tier"].options.iter().map(|option| option.id.as_str()).collect();
    assert_eq!(options, ["Gold", "Silver", "Bronze"]);
    problem(&source, "undeclared_option");
    problem(&source, "inferred_type");
    assert!(problem(&source, "unknown_column").message.contains("shoe"));
    assert_eq!(text(&export.first("contacts").await, "cf_boss"), "contacts/2");
}

#[tokio::test]
async fn links_by_name_are_never_the_first_hit() {
    let export = export(&[
        ("contacts.csv", b"id,first_name,last_name\n1,Ann,Berg\n2,Bo,Cole\n3,bo, cole\n"),
        ("calls.csv", b"id,contact_id,contact_name\na,1,\nb,,ann  berg\nc,,Bo Cole\nd,,Nobody\n"),
    ]);
    let calls = export.page("calls").await.items;
    assert_eq!(text(&calls[0], "contact_id"), "contacts/1");
    assert_eq!(text(&calls[1], "contact_id"), "contacts/1");
    let candidates: [&[RecordId]; 2] = [&calls[2].doubts[0].candidates, &calls[3].doubts[0].candidates];
    let several: [RecordId; 2] = ["2".into(), "3".into()];
    assert_eq!(candidates, [several.as_slice(), &[]]);
}

#[tokio::test]
async fn a_call_with_a_name_that_fits_nobody_hangs_on_its_company_or_waits() {
    let export = export(&[
        ("contacts.csv", b"id,first_name,last_name\n1,Ann,Berg\n2,Bo,Cole\n3,bo, cole\n"),
        ("calls.csv", b"id,contact_name,company_id\na,Nobody,7\nb,Nobody,\nc,Bo Cole,7\n"),
    ]);
    let calls = export.page("calls").await.items;
    assert_eq!(text(&calls[0], "company_id"), "companies/7");
    assert_eq!(text(&calls[0], "contact_name"), "Nobody", "the name is kept");
    assert!(calls[0].doubts.is_empty() && !calls[0].fields.contains_key("contact_id"));
    let doubts: Vec<_> = calls[1..].iter().map(|call| call.doubts[0].candidates.len()).collect();
    assert_eq!(doubts, [0, 2], "a name that fits two is in doubt all the same");
}

#[tokio::test]
async fn link_files_lead_to_custom_objects() {
    let export = export(&[
        ("contacts.csv", b"id,name\n1,Ann\n"),
        ("custom/hearings.csv", b"id,name\n9,Hearing\n"),
        ("links/contacts__hearings.csv", b"left_id,right_id\n1,9\n"),
    ]);
    let link = export.first("links/contacts__hearings").await;
    assert_eq!((text(&link, "left_id"), text(&link, "right_id")), ("contacts/1".into(), "custom/hearings/9".into()));
}

#[tokio::test]
async fn automations_are_records_with_their_definition() {
    let welcome = "{\n  \"name\": \"Welcome\",\n  \"steps\": [1, {\"x\": \"é\"}]\n}\n";
    let export = export(&[
        ("contacts.csv", b"id,name\n1,Ann\n"),
        ("workflows/w1.json", welcome.as_bytes()),
        ("workflows/w2.json", b"[]"),
        ("workflows/w3.json", b"{\"name\": "),
        ("workflows/w4.json", b""),
        ("workflows/readme.txt", b"no automation"),
    ]);
    let source = export.source().await;
    assert_eq!(source.schema.objects["workflows"].concept, Some(crmkit_core::ObjectConcept::Automation));
    assert_eq!(source.counts["workflows"], 2);
    assert!(source.gotchas.iter().any(|gotcha| gotcha.starts_with("2 automations")), "{:?}", source.gotchas);
    for limit in [1, 100] {
        let (mut records, mut rejects) = (Vec::new(), Vec::new());
        let mut request = PageRequest::first("workflows", limit);
        loop {
            let page = export.source.read(&request).await.unwrap();
            records.extend(page.items);
            rejects.extend(page.rejects);
            match page.next {
                Some(next) => request = request.at(next),
                None => break,
            }
        }
        assert_eq!(records.iter().map(|record| record.key.id.as_str()).collect::<Vec<_>>(), ["w1", "w2"]);
        assert_eq!(text(&records[0], "name"), "Welcome");
        assert_eq!(text(&records[0], "definition"), welcome);
        assert_eq!(text(&records[1], "name"), "w2", "one without a name is called by its file");
        let rejects: Vec<_> = rejects.iter().map(|reject| (reject.origin.as_str(), reject.code.as_str())).collect();
        assert_eq!(rejects, [("workflows/w3.json", "not_json"), ("workflows/w4.json", "not_json")]);
    }
}

#[tokio::test]
async fn notes_hang_on_what_their_parent_type_names() {
    let csv = b"id,body,format,parent_type,parent_id\n1,<p>a</p>,html,Company,7\n2,b,text,matter,8\n3,c,,widget,9\n4,d,,alien,1\n";
    let export = export(&[("notes.csv", csv), ("custom/widgets.csv", b"id,name,cf_size\n9,W,3\n")]);
    let schema = &export.source().await.schema.objects["notes"];
    let links: Vec<_> = schema.fields.keys().map(|name| name.as_str()).filter(|name| name.ends_with("_id")).collect();
    assert_eq!(links, ["company_id", "contact_id", "deal_id", "widget_id"]);
    let notes = export.page("notes").await.items;
    assert!(matches!(notes[0].fields["body"], Value::Rich(_)) && matches!(notes[1].fields["body"], Value::Text(_)));
    assert_eq!(text(&notes[0], "company_id"), "companies/7");
    assert_eq!(text(&notes[1], "deal_id"), "deals/8");
    assert_eq!(text(&notes[2], "widget_id"), "custom/widgets/9");
    assert!(notes[3].doubts.iter().any(|doubt| doubt.field == "company_id"));
}

#[tokio::test]
async fn deleted_records_come_with_the_first_page() {
    let export = export(&[
        ("contacts.csv", b"id,name\n1,Ann\n2,Bo\n"),
        ("deleted.csv", b"object,id,deleted_at\ncontacts,9,2026-01-01\nparties,8,\ndeals,7,\n"),
    ]);
    let page = export.page("contacts").await;
    assert_eq!(page.gone, ["9", "8"].map(RecordId::from));
}

#[tokio::test]
async fn relation_files_have_ids_made_of_their_columns() {
    let export = export(&[
        ("deal_contacts.csv", b"deal_id,contact_id,role\nd1,c1,primary\nd1,c:2,\n"),
        ("links/companies__deals.csv", b"left_id,right_id\n1,2\n"),
        ("contacts.part-0001.csv", b"id,name\n1,Ann\n"),
        ("contacts.part-0002.csv", b"name,id\nBo,2\nBo,1\n"),
    ]);
    let ids: Vec<_> = export.page("deal_contacts").await.items.into_iter().map(|record| record.key.id).collect();
    assert_eq!(ids, ["d1:c1", "d1:c%3A2"]);
    assert_eq!(text(&export.first("links/companies__deals").await, "right_id"), "deals/2");
    let contacts = export.page("contacts").await;
    assert_eq!(contacts.items.iter().map(|record| text(record, "name")).collect::<Vec<_>>(), ["Ann", "Bo"]);
    assert_eq!(contacts.rejects[0].origin, "contacts.part-0002.csv");
}

#[tokio::test]
async fn attachments_stream_with_their_checks_and_stay_inside() {
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let csv = format!(
        "id,file_name,path_or_url,size_bytes,sha256,parent_type,parent_id\n\
        a,hello.txt,,5,{digest},deal,1\nb,x,attachments/a/hello.txt,4,,deal,1\nc,x,attachments/a/hello.txt,5,{},deal,1\n\
        d,x,../secret,,,deal,1\ne,x,https://files.example/x,,,deal,1\nf,x,attachments/none,,,deal,1\n",
        "0".repeat(64)
    );
    let export = export(&[("attachments.csv", csv.as_bytes()), ("attachments/a/hello.txt", b"hello")]);
    let files = export.source.files().unwrap();
    let open = async |id: &str| files.open(&id.into()).await?.try_collect::<Vec<_>>().await;
    assert_eq!(open("a").await.unwrap().concat(), b"hello");
    assert!(open("b").await.unwrap_err().message().contains("longer"));
    assert!(open("c").await.unwrap_err().message().contains("digest"));
    assert_eq!(open("d").await.unwrap_err().kind(), ErrorKind::Input);
    for id in ["e", "f", "nobody"] {
        assert_eq!(open(id).await.unwrap_err().kind(), ErrorKind::NotFound, "{id}");
    }
}

#[tokio::test]
async fn a_broken_manifest_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (r#"{"format":"crm-export","version":1,"foreign":[{"object":"a","filee":"b"}]}"#, "/foreign/0"),
        (r#"{"format":"crm-export","version":"one"}"#, "/version"),
        ("{", "/"),
    ];
    for (manifest, pointer) in cases {
        fs::write(folder.path().join("manifest.json"), manifest).unwrap();
        let error = ExportFolder::open(&folder).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!((error.context("file"), error.context("line")), (Some("manifest.json"), Some("1")), "{error}");
        assert!(error.context("pointer").unwrap().starts_with(pointer), "{error}");
    }
    fs::write(folder.path().join("manifest.json"), r#"{"format":"other","version":1}"#).unwrap();
    assert!(ExportFolder::open(&folder).is_err());
    assert_eq!(ExportFolder::open(folder.path().join("none")).unwrap_err().kind(), ErrorKind::Input);
}

#[tokio::test]
async fn a_foreign_manifest_names_files_columns_and_links() {
    let manifest = br#"{"format":"crm-export","version":1,"currency":"EUR","foreign":[
        {"object":"firms","concept":"organization","file":"f.csv","id_column":"Nr","fields":[
            {"field":"name","column":"Firma","concept":"name"},
            {"field":"display","column":"Firma","type":"text"},
            {"field":"domain","column":"Web","concept":"domain"},
            {"field":"founded","column":"Seit","type":"date","format":"%d.%m.%Y"},
            {"field":"address","address":{"street":"Str","city":"Ort"},"concept":"address"},
            {"field":"turnover","column":"Umsatz","concept":"revenue"}]},
        {"object":"people","concept":"person","file":"p.csv","id_column":"Nr","fields":[
            {"field":"name","column":["Vor","Nach"],"concept":"name"},
            {"field":"emails","column":["Mail","Mail 2"],"concept":"emails"},
            {"field":"firm","column":"Firma","link":{"to":"firms","by":"name"},"concept":"organization"},
            {"field":"web","column":"Web","link":{"to":"firms","by":"domain"}},
            {"field":"owner","column":"Chef","link":{"to":"users"},"concept":"owner"}]},
        {"object":"users","concept":"user","from_column":{"file":"p.csv","column":"Chef"},
            "fields":[{"field":"name","column":"Chef","concept":"name"}]}]}"#;
    let export = export(&[
        ("manifest.json", manifest),
        ("f.csv", "Nr;Firma;Web;Seit;Str;Ort;Umsatz\n1;Acme;acme.example;03.02.2001;Weg 1;Ulm;1.234,50\n2;Bolt;;;;;3\n3;bolt;;;;;\n".as_bytes()),
        ("p.csv", b"Nr,Vor,Nach,Mail,Mail 2,Firma,Web,Chef\n1,Ann,Berg,a@x.example,b@x.example,acme,https://www.acme.example/x,Kim\n2,Bo,,,,Bolt,,Lee\n3,Cy,,,,Zip,,Kim\n"),
    ]);
    let source = export.source().await;
    assert_eq!(source.problems, []);
    assert_eq!(source.counts["users"], 2);
    let firm = export.first("firms").await;
    let shown = ["name", "display", "founded", "address", "turnover"].map(|field| text(&firm, field));
    assert_eq!(shown, ["Acme", "Acme", "2001-02-03", "Weg 1, Ulm", "1234.50 EUR"]);
    let people = export.page("people").await.items;
    let shown = ["name", "emails", "firm", "web", "owner"].map(|field| text(&people[0], field));
    assert_eq!(shown, ["Ann Berg", "a@x.example; b@x.example", "firms/1", "firms/1", "users/Kim"]);
    assert_eq!(people[1].doubts[0].candidates, ["2", "3"].map(RecordId::from));
    assert!(people[2].doubts[0].candidates.is_empty());
    let users: Vec<_> = export.page("users").await.items.iter().map(|user| text(user, "name")).collect();
    assert_eq!(users, ["Kim", "Lee"]);
}

#[tokio::test]
async fn a_foreign_manifest_s_mistakes_are_located_and_the_rest_still_reads() {
    let manifest = br#"{"format":"crm-export","version":1,"foreign":[
        {"object":"a","file":"a.csv","id_column":"nr","fields":[
            {"field":"x","column":"y"},
            {"field":"l","column":"name","link":{"to":"b"}},
            {"field":"m","column":"name","link":{"to":"a","by":"zip"}},
            {"field":"name"},
            {"field":"name"}]},
        {"object":"c","file":"a.csv","id_column":"number"},
        {"object":"d"},
        {"object":"e","from_column":{"file":"a.csv","column":"name"},"fields":[{"field":"nr","column":"nr"}]}]}"#;
    let export = export(&[("manifest.json", manifest), ("a.csv", b"nr,name\n1,A\n")]);
    let source = export.source().await;
    let places: Vec<_> = source
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Block)
        .map(|problem| (problem.code.as_str(), problem.pointer.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            ("missing_column", "/foreign/0/fields/0/column"),
            ("unknown_object", "/foreign/0/fields/1/link/to"),
            ("unknown_field", "/foreign/0/fields/2/link/by"),
            ("duplicate_field", "/foreign/0/fields/4/field"),
            ("missing_id_column", "/foreign/1/id_column"),
            ("no_file", "/foreign/2"),
            ("other_column", "/foreign/3/fields/0/column"),
        ]
    );
    assert!(source.problems.iter().all(|problem| !problem.remedy.is_empty()));
    assert_eq!(text(&export.first("a").await, "name"), "A");
}
