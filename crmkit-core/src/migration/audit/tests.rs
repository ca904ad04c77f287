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
        equivalents: Default::default(),
        custom_object: None,
        costs: Default::default(),
        allowance: None,
        quiet: Default::default(),
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
    let same = &audit.objects["contacts"].duplicates[0];
    assert_eq!((same.by, same.values, same.records), (SameBy::Email, 1, 1));
    assert_eq!(audit.users[1].records, 5);
    let codes: Vec<&str> = audit.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["parent_cycle", "duplicates", "duplicates", "dangling_link", "missing_required"]);
    assert!(!serde_json::to_string(&audit.clone().redacted()).unwrap().contains("ada@"));
    let json = serde_json::to_string(&audit).unwrap();
    assert_eq!(serde_json::from_str::<Audit>(&json).unwrap(), audit);
}

fn day(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

/// An export of which each test has one more trouble.
fn source(objects: Vec<ObjectSchema>, records: Vec<Record>) -> Fixed {
    let mut fixed = messy();
    fixed.source.schema = objects.into_iter().collect();
    fixed.records = records;
    fixed
}

fn people() -> ObjectSchema {
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    ObjectSchema::new("people", "People", ObjectConcept::Person)
        .with(text("first", FieldConcept::GivenName))
        .with(text("last", FieldConcept::FamilyName))
        .with(FieldSchema::new("email", "E-mail", FieldType::Emails).means(FieldConcept::Emails))
        .with(text("phone", FieldConcept::Phones))
        .with(FieldSchema::new("tags", "Tags", FieldType::Options).means(FieldConcept::Labels))
        .with(FieldSchema::new("changed", "Changed", FieldType::Date).means(FieldConcept::ModifiedAt))
}

fn person(id: &str) -> Record {
    Record::new(RecordRef::new("people", id))
}

async fn found(fixed: &Fixed, change: impl FnOnce(&mut AuditOptions)) -> Audit {
    let mut options = AuditOptions::default();
    change(&mut options);
    audit(fixed, fixed, &options).await.unwrap()
}

#[tokio::test]
async fn people_who_seem_to_be_one_are_grouped() {
    let text = |text: &str| Value::text(text);
    let records = vec![
        person("1").with("first", text("Ann")).with("last", text("Berg")).with("phone", text("+46 70 123 45 67")),
        person("2").with("first", text("ann")).with("last", text("BERG")).with("changed", day("2024-05-01")),
        person("3").with("first", text("Ann")).with("last", text("Dahl")).with("phone", text("0046701234567")),
        person("4").with("email", email("Ann <x@y.se>")),
        person("5").with("email", email("X@Y.se")),
    ];
    let audit = found(&source(vec![people()], records), |_| ()).await;
    let told: Vec<(SameBy, Vec<&str>)> = audit.objects["people"]
        .duplicates
        .iter()
        .flat_map(|same| same.groups.iter().map(|group| (same.by, group)))
        .map(|(by, group)| (by, group.members.iter().map(|member| member.id.as_str()).collect()))
        .collect();
    assert_eq!(
        told,
        [(SameBy::Email, vec!["4", "5"]), (SameBy::Phone, vec!["1", "3"]), (SameBy::Name, vec!["1", "2"])]
    );
    let names = &audit.objects["people"].duplicates[2].groups[0].members[1];
    assert_eq!((names.filled, names.changed), (3, "2024-05-01".parse().ok()));
    let redacted = audit.redacted();
    assert!(redacted.objects["people"].duplicates.iter().all(|same| same.groups.is_empty() && same.records == 1));
}

#[tokio::test]
async fn companies_are_one_by_domain() {
    let companies = ObjectSchema::new("companies", "Companies", ObjectConcept::Organization)
        .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name))
        .with(FieldSchema::new("site", "Site", FieldType::Url).means(FieldConcept::Website));
    let company = |id: &str, name: &str, site: &str| {
        Record::new(RecordRef::new("companies", id)).with("name", Value::text(name)).with("site", Value::text(site))
    };
    let records = vec![
        company("1", "Acme", "https://www.acme.com/about"),
        company("2", "Acme Nordic", "acme.com"),
        company("3", "Other", "http://other.com"),
    ];
    let audit = found(&source(vec![companies], records), |_| ()).await;
    let same = &audit.objects["companies"].duplicates[0];
    assert_eq!((same.by, same.values, same.records), (SameBy::Domain, 1, 1));
    assert!(audit.problems.iter().any(|problem| problem.pointer == "/objects/companies/duplicates/0"));
}

#[tokio::test]
async fn records_with_which_nothing_happened_are_stale() {
    let calls = ObjectSchema::new("calls", "Calls", ObjectConcept::Activity)
        .with(FieldSchema::new("at", "At", FieldType::Date).means(FieldConcept::Start))
        .with(FieldSchema::new("who", "Who", FieldType::link("people")).means(FieldConcept::Person));
    let call = |id: &str, at: &str, who: &str| {
        Record::new(RecordRef::new("calls", id))
            .with("at", day(at))
            .with("who", Value::link(RecordRef::new("people", who)))
    };
    let records = vec![
        person("old").with("changed", day("2021-01-01")),
        person("called").with("changed", day("2021-01-01")),
        person("long ago").with("changed", day("2020-01-01")),
        person("new").with("changed", day("2024-05-01")),
        person("undated"),
        call("1", "2024-01-01", "called"),
        call("2", "2021-06-01", "long ago"),
    ];
    let fixed = source(vec![people(), calls], records);
    let audit = found(&fixed, |options| options.today = "2024-06-01".parse().ok()).await;
    let stale = audit.objects["people"].stale.clone().unwrap();
    let listed: Vec<&str> = stale.listed.iter().map(|id| id.as_str()).collect();
    assert_eq!((stale.months, stale.records, stale.undated, &listed[..]), (24, 2, 1, &["old", "long ago"][..]));
    let audit = found(&fixed, |options| options.stale_months = 36).await;
    assert_eq!(audit.as_of, "2024-05-01".parse().ok(), "the last change, where no day is told");
    assert_eq!(audit.objects["people"].stale.as_ref().unwrap().records, 1);
    assert_eq!(audit.objects["calls"].stale, None);
}

#[tokio::test]
async fn rare_tags_are_told() {
    let tags = ObjectSchema::new("tags", "Tags", ObjectConcept::Tag)
        .with(FieldSchema::new("tag", "Tag", FieldType::text()).means(FieldConcept::Name));
    let tag =
        |id: usize, tag: &str| Record::new(RecordRef::new("tags", &*id.to_string())).with("tag", Value::text(tag));
    let fixed = source(
        vec![tags],
        ["vip", "vip", "vip", "vip", "vip", "old"].into_iter().enumerate().map(|(id, text)| tag(id, text)).collect(),
    );
    let rows = found(&fixed, |_| ()).await;
    assert_eq!(rows.objects["tags"].rare_tags["tag"], IndexMap::from([("old".to_owned(), 1)]), "tags can be rows");
    let tagged = |id: usize, tags: &[&str]| {
        person(&id.to_string()).with("tags", Value::List(tags.iter().map(|tag| Value::option(*tag)).collect()))
    };
    let mut records: Vec<Record> = (0..5).map(|id| tagged(id, &["vip", "old"])).collect();
    records.push(tagged(9, &["vip", "typo"]));
    let fixed = source(vec![people()], records);
    let audit = found(&fixed, |_| ()).await;
    assert_eq!(audit.objects["people"].rare_tags["tags"], IndexMap::from([("typo".to_owned(), 1)]));
    let audit = found(&fixed, |options| options.rare_tags = 6).await;
    assert_eq!(audit.objects["people"].rare_tags["tags"].len(), 2);
}

#[tokio::test]
async fn what_the_destination_requires_and_nobody_has_is_counted() {
    let fixed = source(vec![people()], vec![person("1").with("last", Value::text("Berg")), person("2")]);
    let audit = found(&fixed, |_| ()).await;
    assert_eq!(audit.objects["people"].missing_required, IndexMap::from([("name".into(), 1)]));
    assert!(audit.problems.iter().any(|problem| problem.code == "missing_required"));
}

#[tokio::test]
async fn one_name_with_two_types_is_a_clash() {
    let custom = |object: &str, concept, name: &str, label: &str, ty| {
        ObjectSchema::new(object, object, concept).with(FieldSchema::new(name, label, ty).custom())
    };
    let fixed = source(
        vec![
            custom("people", ObjectConcept::Person, "cf_1", "Renewal Date", FieldType::Date),
            custom("companies", ObjectConcept::Organization, "cf_2", "renewal_date", FieldType::text()),
        ],
        vec![
            person("1").with("cf_1", day("2024-01-01")),
            Record::new(RecordRef::new("companies", "1")).with("cf_2", Value::text("soon")),
        ],
    );
    let audit = found(&fixed, |_| ()).await;
    assert_eq!((audit.clashes.len(), audit.clashes[0].name.as_str()), (1, "renewaldate"));
    assert_eq!(audit.clashes[0].fields[1].2, FieldType::text());
}

#[tokio::test]
async fn files_that_are_too_large_are_counted() {
    let files = ObjectSchema::new("files", "Files", ObjectConcept::File).with(FieldSchema::new(
        "size_bytes",
        "Size",
        FieldType::Int,
    ));
    let file = |id: &str, bytes| Record::new(RecordRef::new("files", id)).with("size_bytes", Value::Int(bytes));
    let fixed = source(vec![files], vec![file("1", 10), file("2", 30 << 20), file("3", 26 << 20)]);
    let audit = found(&fixed, |_| ()).await;
    let oversize = audit.objects["files"].oversize.clone().unwrap();
    assert_eq!((oversize.files, oversize.bytes, oversize.largest), (2, 56 << 20, 30 << 20));
    assert_eq!(oversize.listed, ["2", "3"].map(RecordId::from));
    let audit = found(&fixed, |options| options.file_limit = 40 << 20).await;
    assert_eq!(audit.objects["files"].oversize, None);
}

#[tokio::test]
async fn values_are_shown_only_when_asked_for() {
    let fixed = source(vec![people()], vec![person("1").with("first", Value::text("Ann7"))]);
    let audit = found(&fixed, |_| ()).await;
    assert_eq!(audit.objects["people"].fields["first"].examples, ["Xxx0"]);
    let audit = found(&fixed, |options| options.examples = true).await;
    assert_eq!(audit.objects["people"].fields["first"].examples, ["Ann7"]);
    assert_eq!(audit.redacted().objects["people"].fields["first"].examples, ["Xxx0"]);
}

#[tokio::test]
async fn what_is_particular_to_the_pair_is_told() {
    let segments = ObjectSchema::new("segments", "Segments", ObjectConcept::Segment);
    let leads = ObjectSchema::new("leads", "Leads", ObjectConcept::Lead);
    let records = ["segments", "leads"].map(|object| Record::new(RecordRef::new(object, "1"))).to_vec();
    let audit = found(&source(vec![segments, leads], records), |_| ()).await;
    assert_eq!(
        audit.pair_gotchas,
        ["Segments are rebuilt by people from a guide", "Leads become Person at the destination"]
    );
    assert_eq!(audit.destination.gotchas, ["mails go out on import"], "each side keeps its own");
}

#[tokio::test]
async fn past_the_bound_nothing_is_guessed() {
    let fixed = messy();
    let options = AuditOptions { hashes: 5, ..AuditOptions::default() };
    let audit = audit(&fixed, &fixed, &options).await.unwrap();
    assert!(audit.objects.values().all(|object| object.dangling.is_empty()));
    assert!(audit.objects.values().all(|object| object.duplicates.is_empty() && object.stale.is_none()));
    assert!(audit.problems.iter().any(|problem| problem.code == "not_compared"));
}

#[tokio::test]
async fn the_page_tells_both_sides() {
    let audit = audited().await;
    let page = audit.to_markdown();
    for part in [
        "| contacts | 2 | 2 | 0 | 0 | 0 | 1 |",
        "| contacts | e-mail address | 1 | 1 | p1 = p2 |",
        "Good to know about allegory",
        "stages are not shared",
        "Good to know about pipedrive",
        "mails go out on import",
        "| custom fields | 30 |",
        "Status: open, won, lost",
        "| Ada | ada@acme.com | imports |",
        "| u2 | bob@old.example | 5 | no |",
        "like Xxx",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}
