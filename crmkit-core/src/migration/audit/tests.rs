use async_trait::async_trait;

use super::*;
use crate::*;

/// A source of a few records, in pages of two, and a destination that only describes itself.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) source: Source,
    pub(crate) records: Vec<Record>,
    pub(crate) destination: Destination,
}

#[async_trait]
impl SourceConnector for Fixed {
    async fn describe(&self) -> Result<Source> {
        Ok(self.source.clone())
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        let all: Vec<Record> =
            self.records.iter().filter(|record| record.key.object == request.object).cloned().collect();
        let from: usize = request.cursor.as_ref().map_or(0, |cursor| cursor.0.parse().unwrap());
        let next = (from + 2 < all.len()).then(|| Cursor((from + 2).to_string()));
        Ok(Page::of(all.into_iter().skip(from).take(2).collect(), next))
    }
}

#[async_trait]
impl DestinationWriter for Fixed {
    async fn describe(&self) -> Result<Destination> {
        Ok(self.destination.clone())
    }

    async fn write(&self, _: &WriteBatch) -> Result<Vec<Result<Written>>> {
        unreachable!("an audit writes nothing")
    }
}

fn email(text: &str) -> Value {
    Value::List([Value::Labelled(std::sync::Arc::new(Labelled { value: text.into(), label: None }))].into())
}

/// Companies, contacts, users and deals with the troubles that real exports have.
pub(crate) fn messy() -> Fixed {
    let owner = || FieldSchema::new("owner_id", "Owner", FieldType::link("users")).means(FieldConcept::Owner);
    let id = || FieldSchema::new("id", "Id", FieldType::text()).means(FieldConcept::Id);
    let name = |label: &str| FieldSchema::new("name", label, FieldType::text()).means(FieldConcept::Name);
    let option = |name: &str, label: &str| FieldSchema::new(name, label, FieldType::Option);
    let schema = Schema::from_iter([
        ObjectSchema::new("users", "Users", ObjectConcept::User)
            .with(id())
            .with(name("Name"))
            .with(FieldSchema::new("email", "Email", FieldType::Emails).means(FieldConcept::Emails)),
        ObjectSchema::new("companies", "Companies", ObjectConcept::Organization)
            .with(id())
            .with(name("Name"))
            .with(owner())
            .with(option("sector", "Sector"))
            .with(FieldSchema::new("parent_id", "Parent", FieldType::link("companies")).means(FieldConcept::Parent)),
        ObjectSchema::new("contacts", "Contacts", ObjectConcept::Person)
            .with(id())
            .with(FieldSchema::new("first", "First name", FieldType::text()).means(FieldConcept::GivenName))
            .with(FieldSchema::new("last", "Last name", FieldType::text()).means(FieldConcept::FamilyName))
            .with(FieldSchema::new("emails", "Emails", FieldType::Emails).means(FieldConcept::Emails))
            .with(owner())
            .with(
                FieldSchema::new("company_id", "Company", FieldType::link("companies"))
                    .means(FieldConcept::Organization),
            ),
        ObjectSchema::new("products", "Products", ObjectConcept::CustomObject).with(name("Product")),
        ObjectSchema::new("deals", "Deals", ObjectConcept::Deal)
            .with(id())
            .with(option("product", "Product"))
            .with(option("stage", "Stage").means(FieldConcept::Stage))
            .with(FieldSchema::new("closed", "Closed", FieldType::Date).means(FieldConcept::ClosedAt))
            .with(FieldSchema::new("amount", "Amount", FieldType::Decimal).means(FieldConcept::Amount))
            .with(owner())
            .with(
                FieldSchema::new("company_id", "Company", FieldType::link("companies"))
                    .means(FieldConcept::Organization),
            ),
    ]);
    let record = |object: &str, id: &str| Record::new(RecordRef::new(object, id)).with("id", Value::text(id));
    let to = |object: &str, id: &str| Value::link(RecordRef::new(object, id));
    let company = |id: &str, parent: &str, owner: &str| {
        record("companies", id)
            .with("name", Value::text(format!("Company {}", id.to_lowercase())))
            .with("parent_id", to("companies", parent))
            .with("owner_id", to("users", owner))
            .with("sector", Value::option("medical"))
    };
    let contact = |id: &str, address: &str| {
        record("contacts", id)
            .with("first", Value::text("Ada"))
            .with("last", Value::text("L."))
            .with("emails", email(address))
            .with("company_id", to("companies", "c1"))
            .with("owner_id", to("users", "u1"))
    };
    let deal = |id: &str, product: &str, stage: &str| {
        record("deals", id)
            .with("product", Value::option(product))
            .with("stage", Value::option(stage))
            .with("amount", Value::Decimal(10.into()))
            .with("company_id", to("companies", "c9"))
            .with("owner_id", to("users", "u2"))
    };
    let user =
        |id: &str, address: &str| record("users", id).with("email", email(address)).with("name", Value::text(id));
    let records = vec![
        user("u1", "ADA@acme.com"),
        user("u2", "bob@old.example"),
        company("c1", "c2", "u1"),
        company("c2", "c1", "u1"),
        company("c3", "c1", "u2"),
        contact("p1", "x@y.se"),
        contact("p2", "X@y.se"),
        Record::new(RecordRef::new("products", "1")).with("name", Value::text("GTX Pro")),
        deal("d1", "GTXPro", "Prospecting"),
        deal("d2", "GTXPro", "Won").with("closed", Value::Date("2024-01-02".parse().unwrap())),
        deal("d3", "MG Special", "Lost").with("closed", Value::Date("2024-01-03".parse().unwrap())),
        deal("d4", "MG Special", "Engaging"),
    ];
    Fixed {
        source: Source {
            kind: "allegory".into(),
            instance: "export".into(),
            schema,
            counts: Default::default(),
            time_zone: Some("Europe/Oslo".into()),
            currency: Some("EUR".into()),
            problems: vec![],
            gotchas: vec!["stages are not shared".into()],
        },
        records,
        destination: destination(),
    }
}

fn destination() -> Destination {
    let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
    let owner = || link("owner_id", "user", FieldConcept::Owner);
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::Text { max: Some(255) }).means(concept);
    let mut parent = link("parent", "organization", FieldConcept::Parent);
    parent.carrier =
        Some(LinkCarrier { object: "relationship".into(), from: "a".into(), to: "b".into(), constants: vec![] });
    let mut status = FieldSchema::new("status", "Status", FieldType::Option).means(FieldConcept::Status);
    status.options = ["open", "won", "lost"].map(|id| OptionSchema { id: id.into(), label: id.into() }).into();
    let mut objects = [
        ObjectSchema::new("organization", "Organization", ObjectConcept::Organization)
            .with(text("name", FieldConcept::Name).required())
            .with(owner())
            .with(parent),
        ObjectSchema::new("person", "Person", ObjectConcept::Person)
            .with(text("name", FieldConcept::Name).required())
            .with(FieldSchema::new("emails", "E-mail", FieldType::Emails).means(FieldConcept::Emails))
            .with(owner())
            .with(link("org_id", "organization", FieldConcept::Organization)),
        ObjectSchema::new("deal", "Deal", ObjectConcept::Deal)
            .with(text("title", FieldConcept::Name).required())
            .with(FieldSchema::new("value", "Value", FieldType::Money).means(FieldConcept::Amount))
            .with(FieldSchema::new("stage_id", "Stage", FieldType::Option).means(FieldConcept::Stage))
            .with(status)
            .with(FieldSchema::new("won_time", "Won", FieldType::Timestamp).means(FieldConcept::WonAt))
            .with(FieldSchema::new("close_time", "Closed", FieldType::Timestamp).means(FieldConcept::ClosedAt))
            .with(owner())
            .with(link("org_id", "organization", FieldConcept::Organization)),
    ];
    objects.iter_mut().for_each(|object| object.custom_fields = true);
    Destination {
        kind: "pipedrive".into(),
        account: "acme".into(),
        schema: Schema::from_iter(objects),
        abilities: Default::default(),
        custom_object: None,
        users: vec![User {
            id: "1".into(),
            email: "ada@acme.com".into(),
            name: "Ada".into(),
            active: true,
            importing: true,
        }],
        items: vec![],
        permissions: Default::default(),
        caps: [("custom_fields".to_owned(), 30)].into_iter().collect(),
        gotchas: vec!["mails go out on import".into()],
    }
}

pub(crate) async fn audited() -> Audit {
    let fixed = messy();
    audit(&fixed, &fixed, &AuditOptions::default()).await.unwrap()
}

#[tokio::test]
async fn troubles_are_found() {
    let audit = audited().await;
    let companies = &audit.objects["companies"];
    assert_eq!((companies.rows, companies.records, companies.in_cycles), (3, 3, 2));
    assert_eq!(companies.owners, IndexMap::from([("u1".to_owned(), 2), ("u2".to_owned(), 1)]));
    let deals = &audit.objects["deals"];
    assert_eq!(deals.dangling, IndexMap::from([("company_id".into(), 4)]));
    assert_eq!(deals.fields["product"].top["GTXPro"], 2);
    assert_eq!(deals.fields["closed"].missing, 2);
    let same = audit.objects["contacts"].duplicates.as_ref().unwrap();
    assert_eq!((same.field.as_str(), same.values, same.records), ("emails", 1, 1));
    assert_eq!(audit.users[1].records, 5);
    let codes: Vec<&str> = audit.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["parent_cycle", "duplicates", "dangling_link"]);
    assert!(!serde_json::to_string(&audit.clone().redacted()).unwrap().contains("ada@"));
    let json = serde_json::to_string(&audit).unwrap();
    assert_eq!(serde_json::from_str::<Audit>(&json).unwrap(), audit);
}

#[tokio::test]
async fn past_the_bound_nothing_is_guessed() {
    let fixed = messy();
    let options = AuditOptions { hashes: 5, ..AuditOptions::default() };
    let audit = audit(&fixed, &fixed, &options).await.unwrap();
    assert!(audit.objects.values().all(|object| object.dangling.is_empty()));
    assert!(audit.problems.iter().any(|problem| problem.code == "not_compared"));
}
