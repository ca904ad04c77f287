//! A real export of another CRM, read as it is through a foreign manifest.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::path::Path;

use crmkit_core::{FieldConcept, FieldType, ObjectConcept, PageRequest, Record, SourceConnector, Value};
use crmkit_sources::allegory::ExportFolder;

fn maven() -> ExportFolder {
    ExportFolder::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/maven-crm")).unwrap()
}

async fn all(source: &ExportFolder, object: &str, limit: usize) -> Vec<Record> {
    let mut request = PageRequest::first(object, limit);
    let mut records = Vec::new();
    loop {
        let page = source.read(&request).await.unwrap();
        assert!(page.rejects.is_empty(), "{:?}", page.rejects);
        records.extend(page.items);
        match page.next {
            Some(next) => request = request.at(next),
            None => return records,
        }
    }
}

fn without(records: &[Record], field: &str) -> usize {
    records.iter().filter(|record| !record.fields.contains_key(field)).count()
}

#[tokio::test]
async fn every_row_becomes_a_record() {
    let source = maven();
    let described = source.describe().await.unwrap();
    assert_eq!(described.instance, "maven-crm");
    assert_eq!(described.problems, [], "nothing is wrong with the manifest");
    for (object, count) in [("companies", 85), ("users", 35), ("deals", 8_800), ("products", 7)] {
        assert_eq!(described.counts[object], count, "{object}");
    }

    let companies = all(&source, "companies", 10).await;
    assert_eq!(companies.len(), 85);
    assert_eq!(companies.len() - without(&companies, "parent_id"), 15);
    assert!(companies.iter().all(|company| company.doubts.is_empty()));
    let bluth = companies.iter().find(|company| company.key.id == "Bluth Company").unwrap();
    assert_eq!(bluth.fields["parent_id"].to_string(), "companies/Acme Corporation");
    assert_eq!(bluth.fields["sector"], Value::option("technolgy"));
    assert_eq!(bluth.fields["revenue"].to_string(), "1242.32");
    assert_eq!(bluth.fields["employees"], Value::Int(3027));

    assert_eq!(all(&source, "users", 100).await.len(), 35);

    let deals = all(&source, "deals", 1_000).await;
    assert_eq!(deals.len(), 8_800);
    assert_eq!(without(&deals, "company_id"), 1_425);
    assert_eq!(without(&deals, "close_date"), 2_089);
    assert_eq!(without(&deals, "amount"), 2_089);
    assert_eq!(without(&deals, "engage_date"), 500);
    assert_eq!(without(&deals, "owner_id"), 0);
    let first = &deals[0];
    assert_eq!(first.key.to_string(), "deals/1C1I7A6R");
    assert_eq!(first.fields["owner_id"].to_string(), "users/Moses Frase");
    assert_eq!(first.fields["company_id"].to_string(), "companies/Cancity");
    assert_eq!(first.fields["amount"].to_string(), "1054 USD");
    assert_eq!(first.fields["close_date"].to_string(), "2017-03-01");
    assert_eq!(first.fields["stage"], Value::option("Won"));
}

#[tokio::test]
async fn the_schema_says_what_columns_mean() {
    let schema = maven().describe().await.unwrap().schema;
    let deals = schema.by_concept(ObjectConcept::Deal).unwrap();
    let types: Vec<_> = deals.fields.values().map(|field| (field.name.as_str(), field.ty.label())).collect();
    assert_eq!(
        types,
        [
            ("id", "text"),
            ("owner_id", "link"),
            ("product", "option"),
            ("company_id", "link"),
            ("stage", "option"),
            ("engage_date", "date"),
            ("close_date", "date"),
            ("amount", "money"),
        ]
    );
    assert_eq!(deals.by_concept(FieldConcept::Owner).unwrap().ty, FieldType::link("users"));
    assert_eq!(deals.by_concept(FieldConcept::Organization).unwrap().ty, FieldType::link("companies"));
    let stages: Vec<_> = deals.fields["stage"].options.iter().map(|option| option.id.as_str()).collect();
    assert_eq!(stages, ["Prospecting", "Engaging", "Won", "Lost"]);
    let products: Vec<_> = deals.fields["product"].options.iter().map(|option| option.id.as_str()).collect();
    assert!(products.contains(&"GTXPro") && !products.contains(&"GTX Pro"), "kept as found");
    let companies = schema.by_concept(ObjectConcept::Organization).unwrap();
    assert_eq!(companies.fields["revenue"].label, "Revenue (million USD)");
    assert_eq!(companies.by_concept(FieldConcept::Parent).unwrap().name, "parent_id");
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_records() {
    let source = maven();
    let whole = all(&source, "deals", 10_000).await;
    for limit in [7, 200, 999] {
        assert!(all(&source, "deals", limit).await == whole, "{limit}");
    }
}
