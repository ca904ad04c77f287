//! A small company and a small CRM, drawn from a seed, and what should become of each record, said without the engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crmkit_core::{
    Abilities, Clock, FieldConcept, FieldLine, FieldSchema, FieldType, Fields, Labelled, LinkCarrier, Mapping,
    MappingId, MatchPolicy, MatchRule, ObjectConcept, ObjectSchema, PipelinePlan, Plan, PlanEnd, Record, RecordRef,
    Recovery, Removal, StagePlan, TransformCall, User, Value,
    testing::{ManualClock, MockDestination, MockSource},
};

use crate::schedule::Draw;

/// What a seed makes of the abilities and the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) companies: usize,
    pub(crate) contacts: usize,
    pub(crate) deals: usize,
    pub(crate) notes: usize,
    pub(crate) tasks: usize,
    /// A parent is a record of its own.
    pub(crate) carried: bool,
    /// And nothing finds that record again.
    pub(crate) carried_blind: bool,
    /// Contacts travel in batches that are applied whole.
    pub(crate) batch: usize,
    pub(crate) hard: bool,
    pub(crate) page_size: usize,
    pub(crate) pages: usize,
    pub(crate) writes: usize,
    pub(crate) workers: usize,
    /// Two contacts match the same record.
    pub(crate) twins: bool,
}

impl Shape {
    pub(crate) fn of(draw: &mut Draw) -> Self {
        let carried = draw.one_in(2);
        Self {
            companies: draw.among(3, 7),
            contacts: draw.among(3, 6),
            deals: draw.among(2, 5),
            notes: draw.among(3, 8),
            tasks: draw.among(0, 3),
            carried,
            carried_blind: carried && draw.one_in(4),
            batch: draw.of(&[1, 1, 3]),
            hard: draw.one_in(4),
            page_size: draw.among(2, 5),
            pages: draw.among(1, 3),
            writes: draw.among(1, 3),
            workers: draw.among(1, 2),
            twins: draw.one_in(2),
        }
    }
}

/// What becomes of a source record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there, in this state, and looks like this.
    There(&'static str, String),
    Held,
    Excluded,
    /// One of these two is there (`updated`), the other is held.
    Twin(String),
    /// It may be held without anybody knowing whether it arrived.
    Blind(String),
}

pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) clock: ManualClock,
    pub(crate) source: Arc<MockSource>,
    pub(crate) crm: MockDestination,
    pub(crate) plan: Plan,
    /// Per mapping and source id.
    pub(crate) fates: BTreeMap<(String, String), Fate>,
    /// Records of others that stay as they are.
    pub(crate) foreign: Vec<String>,
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn emails(address: &str) -> Value {
    let email = Labelled { value: address.into(), label: None };
    Value::List([Value::Labelled(Arc::new(email))].into())
}

fn to(object: &str, id: impl std::fmt::Display) -> Value {
    Value::link(RecordRef::new(object, id.to_string()))
}

fn line(id: &str, from: &str, to: &str) -> FieldLine {
    FieldLine {
        id: id.to_owned(),
        from: vec![from.into()],
        to: to.to_owned(),
        transforms: Vec::new(),
        link: None,
        unresolved: Default::default(),
        required: false,
        overwrite: Default::default(),
        badge: None,
        confidence: None,
        reason: None,
        origin: None,
    }
}

fn link(id: &str, from: &str, to: &str, mapping: &str) -> FieldLine {
    FieldLine { link: Some(MappingId::from(mapping)), ..line(id, from, to) }
}

fn mapping(id: &str, to: &str, lines: impl IntoIterator<Item = FieldLine>) -> Mapping {
    Mapping { fields: lines.into_iter().collect(), ..Mapping::new(id, id, to) }
}

impl World {
    pub(crate) fn of(draw: &mut Draw) -> Self {
        let shape = Shape::of(draw);
        Self::with(shape, draw)
    }

    pub(crate) fn with(shape: Shape, draw: &mut Draw) -> Self {
        let clock = ManualClock::new();
        let crm = crm(Arc::new(clock.clone()), shape);
        let mut world = Self {
            shape,
            clock,
            source: Arc::new(MockSource::new("export-1")),
            crm,
            plan: plan(shape),
            fates: BTreeMap::new(),
            foreign: Vec::new(),
        };
        world.fill(draw);
        world
    }

    fn fate(&mut self, mapping: &str, id: impl Into<String>, fate: Fate) {
        self.fates.insert((mapping.to_owned(), id.into()), fate);
    }

    /// Draws the records of both sides.
    fn fill(&mut self, draw: &mut Draw) {
        let shape = self.shape;
        let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
        let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
        let user = |id: &str, email: &str| Record::new(RecordRef::new("users", id)).with("email", Value::text(email));
        let ann = || Value::link(RecordRef::new("users", "ann"));
        let named = |object: &str, id: &str, name: &str| {
            Record::new(RecordRef::new(object, id)).with("name", Value::text(name)).with("owner", ann())
        };

        // What the destination has already.
        let owned = to("user", 1);
        self.crm.put("organization", fields([("name", Value::text("Foreign"))]));
        self.foreign.push("organization name=Foreign".to_owned());
        self.crm.put(
            "person",
            fields([("name", Value::text("Ms Zero")), ("emails", emails("p0@a.example")), ("owner", owned.clone())]),
        );
        self.crm.put("person", fields([("name", Value::text("Stranger")), ("emails", emails("s@b.example"))]));
        self.foreign.push("person emails=s@b.example name=Stranger".to_owned());

        let mut companies = Vec::new();
        let mut held: BTreeSet<String> = BTreeSet::new();
        let mut parents: BTreeMap<usize, usize> = BTreeMap::new();
        for n in 0..shape.companies {
            let id = format!("c{n}");
            let mut record = named("companies", &id, &format!("Company {n}"));
            if n > 0 && !draw.one_in(3) {
                let above = draw.below(n);
                parents.insert(n, above);
                record = record.with("parent", to("companies", format_args!("c{above}")));
            }
            if n > 0 && draw.one_in(6) {
                record = record.with("owner", Value::link(RecordRef::new("users", "bob")));
                held.insert(id.clone());
            }
            companies.push(record);
        }
        for n in 0..shape.companies {
            let id = format!("c{n}");
            let fate = if held.contains(&id) {
                Fate::Held
            } else {
                let parent = parents.get(&n).filter(|above| !held.contains(&format!("c{above}")));
                let parent = match parent {
                    Some(above) if !shape.carried => format!(" parent=Company {above}"),
                    _ => String::new(),
                };
                Fate::There("created", format!("organization name=Company {n} owner=2{parent}"))
            };
            self.fate("companies", id, fate);
        }
        let company = |draw: &mut Draw| format!("c{}", draw.below(shape.companies));
        let company_name = |id: &str| format!("Company {}", &id[1..]);

        let mut contacts = Vec::new();
        for n in 0..shape.contacts {
            let id = format!("p{n}");
            let twin = shape.twins && n == shape.contacts - 1;
            let address = if twin { "p0@a.example".to_owned() } else { format!("p{n}@a.example") };
            // Twins look the same but for their name, and nothing hangs on them.
            let at = if n == 0 || twin { "c0".to_owned() } else { company(draw) };
            let record = named("contacts", &id, &format!("Person {n}"))
                .with("emails", emails(&address))
                .with("company", to("companies", &at));
            contacts.push(record);
            let looks = format!("person emails={address} name=Person {n} organization={} owner=2", company_name(&at));
            let fate = match (held.contains(&at), n) {
                (_, 1) if shape.contacts > 3 => Fate::Excluded,
                (true, _) => {
                    held.insert(id.clone());
                    Fate::Held
                }
                (false, _) if shape.twins && (n == 0 || twin) => Fate::Twin(looks),
                (false, 0) => Fate::There("updated", looks),
                (false, _) => Fate::There("created", looks),
            };
            self.fate("contacts", id, fate);
        }
        if shape.contacts > 3 {
            self.plan.mappings[1].exclude = vec!["p1".into()];
        }

        let mut deals = Vec::new();
        for n in 0..shape.deals {
            let id = format!("d{n}");
            let at = company(draw);
            // Never one that is matched or left behind.
            let person = (shape.contacts > 4).then(|| format!("p{}", draw.among(2, shape.contacts - 2)));
            let stage = draw.of(&["Won", "Lost"]);
            let mut record = named("deals", &id, &format!("Deal {n}"))
                .with("stage", Value::text(stage))
                .with("amount", Value::Decimal(crmkit_core::rust_decimal::Decimal::from(n as i64 + 1)))
                .with("company", to("companies", &at));
            if let Some(person) = &person {
                record = record.with("contact", to("contacts", person));
            }
            deals.push(record);
            let waits = held.contains(&at) || person.as_ref().is_some_and(|person| held.contains(person));
            let fate = if waits {
                held.insert(id.clone());
                Fate::Held
            } else {
                let person = person.map(|person| format!(" person=Person {}", &person[1..])).unwrap_or_default();
                let organization = company_name(&at);
                Fate::There(
                    "created",
                    format!(
                        "deal amount={} name=Deal {n} organization={organization} owner=2{person} stage=Sales/{stage}",
                        n + 1
                    ),
                )
            };
            self.fate("deals", id, fate);
        }

        let mut notes = Vec::new();
        for n in 0..shape.notes {
            let id = format!("n{n}");
            let at = company(draw);
            // Some say exactly the same of the same company.
            let body = format!("Note {}", draw.below(3));
            notes.push(
                Record::new(RecordRef::new("notes", id.as_str()))
                    .with("body", Value::text(body.as_str()))
                    .with("company", to("companies", &at)),
            );
            let fate = if held.contains(&at) {
                Fate::Held
            } else {
                Fate::There("created", format!("note body={body} organization={}", company_name(&at)))
            };
            self.fate("notes", id, fate);
        }

        let mut tasks = Vec::new();
        for n in 0..shape.tasks {
            let id = format!("t{n}");
            tasks
                .push(Record::new(RecordRef::new("tasks", id.as_str())).with("name", Value::text(format!("Task {n}"))));
            self.fate("tasks", id, Fate::Blind(format!("task name=Task {n}")));
        }

        let source = MockSource::new("export-1")
            .with_object(
                ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails)),
                [user("ann", "Ann@CRM.example"), user("bob", "bob@gone.example")],
            )
            .with_object(
                ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
                    .with(text("name", FieldConcept::Name))
                    .with(link("parent", "companies", FieldConcept::Parent))
                    .with(link("owner", "users", FieldConcept::Owner)),
                companies,
            )
            .with_object(
                ObjectSchema::new("contacts", "Contact", ObjectConcept::Person)
                    .with(text("name", FieldConcept::Name))
                    .with(FieldSchema::new("emails", "E-mails", FieldType::Emails).means(FieldConcept::Emails))
                    .with(link("company", "companies", FieldConcept::Organization))
                    .with(link("owner", "users", FieldConcept::Owner)),
                contacts,
            )
            .with_object(
                ObjectSchema::new("deals", "Deal", ObjectConcept::Deal)
                    .with(text("name", FieldConcept::Name))
                    .with(text("stage", FieldConcept::Stage))
                    .with(FieldSchema::new("amount", "Amount", FieldType::Decimal).means(FieldConcept::Amount))
                    .with(link("company", "companies", FieldConcept::Organization))
                    .with(link("contact", "contacts", FieldConcept::Person))
                    .with(link("owner", "users", FieldConcept::Owner)),
                deals,
            )
            .with_object(
                ObjectSchema::new("notes", "Note", ObjectConcept::Note)
                    .with(text("body", FieldConcept::Body))
                    .with(link("company", "companies", FieldConcept::Organization)),
                notes,
            )
            .with_object(
                ObjectSchema::new("tasks", "Task", ObjectConcept::Activity).with(text("name", FieldConcept::Name)),
                tasks,
            );
        self.source = Arc::new(source);
    }

    /// Parents that are records of their own: who should have which.
    pub(crate) fn carried_parents(&self) -> usize {
        if !self.shape.carried {
            return 0;
        }
        let held = |id: &str| self.fates[&("companies".to_owned(), id.to_owned())] == Fate::Held;
        let request = crmkit_core::PageRequest::first("companies", 100);
        let page =
            futures::executor::block_on(crmkit_core::SourceConnector::read(&*self.source, &request)).expect("read");
        let linked = |record: &&Record| {
            let parent = record.fields.get("parent").and_then(Value::as_ref_to);
            parent.is_some_and(|parent| !held(record.key.id.as_str()) && !held(parent.id.as_str()))
        };
        page.items.iter().filter(linked).count()
    }
}

fn plan(shape: Shape) -> Plan {
    let end = || PlanEnd { kind: "mock".to_owned(), instance: None };
    let mut plan = Plan::new(end(), end());
    plan.stop_when = 1.0;
    plan.sample.size = 6;
    let stage = |name: &str| StagePlan { name: name.to_owned(), probability: None };
    plan.pipelines = vec![PipelinePlan {
        object: "deal".into(),
        name: "Sales".to_owned(),
        use_existing: None,
        stages: vec![stage("Won"), stage("Lost")],
    }];
    let mut staged = line("deals.stage", "stage", "stage");
    let stages = serde_json::json!({"Won": "Sales/Won", "Lost": "Sales/Lost"});
    staged.transforms = vec![TransformCall::with("value_map", stages)];
    let mut contacts = mapping(
        "contacts",
        "person",
        [
            line("contacts.name", "name", "name"),
            line("contacts.emails", "emails", "emails"),
            line("contacts.owner", "owner", "owner"),
            link("contacts.company", "company", "organization", "companies"),
        ],
    );
    contacts.matching = Some(MatchRule { by: "emails".into(), found: MatchPolicy::Update });
    plan.mappings = vec![
        mapping(
            "companies",
            "organization",
            [
                line("companies.name", "name", "name"),
                line("companies.owner", "owner", "owner"),
                link("companies.parent", "parent", "parent", "companies"),
            ],
        ),
        contacts,
        mapping(
            "deals",
            "deal",
            [
                line("deals.name", "name", "name"),
                line("deals.owner", "owner", "owner"),
                staged,
                line("deals.amount", "amount", "amount"),
                link("deals.company", "company", "organization", "companies"),
                link("deals.contact", "contact", "person", "contacts"),
            ],
        ),
        mapping(
            "notes",
            "note",
            [line("notes.body", "body", "body"), link("notes.company", "company", "organization", "companies")],
        ),
    ];
    if shape.tasks > 0 {
        plan.mappings.push(mapping("tasks", "task", [line("tasks.name", "name", "name")]));
    }
    plan
}

fn crm(clock: Arc<dyn Clock>, shape: Shape) -> MockDestination {
    use ObjectConcept as Object;
    let owner = || FieldSchema::new("owner", "Owner", FieldType::link("user")).means(FieldConcept::Owner);
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name).required();
    let organization = || {
        FieldSchema::new("organization", "Organization", FieldType::link("organization"))
            .means(FieldConcept::Organization)
            .clearable()
    };
    let mut parent =
        FieldSchema::new("parent", "Parent", FieldType::link("organization")).means(FieldConcept::Parent).clearable();
    if shape.carried {
        parent.carrier = Some(LinkCarrier {
            object: "relation".into(),
            from: "child".into(),
            to: "above".into(),
            constants: vec![("type".into(), Value::text("parent"))],
        });
    }
    let touched = FieldSchema::new("touched", "Touched", FieldType::Timestamp).read_only();
    let removal = if shape.hard { Removal::Hard } else { Removal::Soft };
    let able = |recovery| Abilities { remove: removal, ..Abilities::plain(recovery) };
    let marked = || able(Recovery::MarkerField { label: "crmkit_id".to_owned() });
    let witness =
        |names: &[&str]| able(Recovery::Witness { fields: names.iter().map(|name| (*name).into()).collect() });
    let ends = |name: &str| FieldSchema::new(name, name, FieldType::link("organization"));
    let objects = vec![
        (
            ObjectSchema::new("organization", "Organization", Object::Organization)
                .with(name())
                .with(owner())
                .with(parent)
                .with(touched),
            Abilities { volatile: vec!["touched".into()], ..marked() },
        ),
        (
            ObjectSchema::new("person", "Person", Object::Person)
                .with(name())
                .with(owner())
                .with(FieldSchema::new("emails", "E-mails", FieldType::Emails).means(FieldConcept::Emails).clearable())
                .with(organization()),
            Abilities { batch: shape.batch, atomic: shape.batch > 1, ..marked() },
        ),
        (
            ObjectSchema::new("deal", "Deal", Object::Deal)
                .with(name())
                .with(owner())
                .with(FieldSchema::new("stage", "Stage", FieldType::Option).means(FieldConcept::Stage))
                .with(FieldSchema::new("amount", "Amount", FieldType::Decimal).means(FieldConcept::Amount))
                .with(FieldSchema::new("person", "Person", FieldType::link("person")).means(FieldConcept::Person))
                .with(organization()),
            marked(),
        ),
        (
            ObjectSchema::new("note", "Note", Object::Note)
                .with(FieldSchema::new("body", "Body", FieldType::text()).means(FieldConcept::Body).required())
                .with(organization()),
            witness(&["organization", "body"]),
        ),
        (ObjectSchema::new("task", "Task", Object::Activity).with(name()), able(Recovery::Nothing)),
        (
            ObjectSchema::new("relation", "Relation", Object::Link)
                .with(ends("child"))
                .with(ends("above"))
                .with(FieldSchema::new("type", "Type", FieldType::text())),
            if shape.carried_blind { able(Recovery::Nothing) } else { witness(&["child", "above"]) },
        ),
    ];
    let user = |id: &str, email: &str, importing| User {
        id: id.into(),
        email: email.to_owned(),
        name: email.to_owned(),
        active: true,
        importing,
    };
    let users = vec![user("1", "importer@crm.example", true), user("2", "ann@crm.example", false)];
    let crm = MockDestination::new(clock, objects, users);
    crm.in_two_requests("deal", ["amount".into()]);
    crm.stamps("organization", "touched");
    crm
}
