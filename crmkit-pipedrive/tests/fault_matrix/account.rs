//! An account with one of everything, and a connector that has looked at it already.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    Clock, Credentials, DestinationWriter, FieldType, Fields, ItemKind, Markup, Operation, OperationKind, RecordId,
    RecordRef, RichText, SchemaItem, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    http::reqwest::ClientBuilder,
    simulator::JumpingClock,
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, Tier, simulator::PipedriveSimulator};
use futures::{StreamExt, stream};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

/// What no error may show.
pub(crate) const SECRETS: [&str; 3] = ["Secret", "secret.example", "/api/v"];

/// What is listed below other records.
pub(crate) const NESTED: [&str; 4] = ["deal_participant", "organization_follower", "person_follower", "deal_follower"];

/// The ids of what the account has.
pub(crate) const PIPELINE: &str = "2";
pub(crate) const STAGE: &str = "6";
pub(crate) const EMPTY_STAGE: &str = "7";

static SEED: OnceCell<Seed> = OnceCell::const_new();

/// An account as a dump, and the keys that the server chose.
#[derive(Debug)]
pub(crate) struct Seed {
    dump: Json,
    /// The pick-list field and its option, per object with fields.
    pub(crate) picks: Vec<(&'static str, String, String)>,
    /// The ids of a lead and of a lead's label.
    pub(crate) lead: RecordId,
    pub(crate) lead_label: String,
}

impl Seed {
    pub(crate) async fn get() -> &'static Self {
        SEED.get_or_init(Self::grow).await
    }

    /// The key of the pick-list field of an object and the id of its option.
    pub(crate) fn pick(&self, object: &str) -> (&str, &str) {
        let (_, field, option) = self.picks.iter().find(|(known, ..)| *known == object).unwrap();
        (field, option)
    }

    async fn grow() -> Self {
        let clock = clock();
        let simulator =
            PipedriveSimulator::builder().limits(false).jumping_clock(&clock).start().await.expect("a free port");
        let crm = connector(&simulator, &clock, &Options::default());
        let before = clock.now() + TimeDelta::hours(1);
        let mut picks = Vec::new();
        for object in ["organization", "person", "deal"] {
            let field = item(ItemKind::Field, object, None, "Secret colour", Some(FieldType::Option), &["Red", "Blue"]);
            let code = crm.provisioner().unwrap().create(&field, before).await.unwrap();
            let schema = crm.describe().await.unwrap().schema;
            let option = schema.object(&object.into()).unwrap().fields[code.as_str()].options[0].id.clone();
            picks.push((object, code, option));
        }
        for (kind, parent, name) in [
            (ItemKind::Pipeline, None, "Secret sales"),
            (ItemKind::Stage, Some(PIPELINE), "Secret first"),
            (ItemKind::Stage, Some(PIPELINE), "Secret last"),
        ] {
            crm.provisioner().unwrap().create(&item(kind, "deal", parent, name, None, &[]), before).await.unwrap();
        }
        let schema = crm.describe().await.unwrap().schema;
        let lead_label = schema.object(&"lead".into()).unwrap().fields["label_ids"].options[0].id.clone();
        for (object, n) in [
            ("organization", 1),
            ("organization", 2),
            ("organization", 3),
            ("person", 1),
            ("person", 2),
            ("deal", 1),
            ("note", 1),
            ("activity", 1),
        ] {
            write(&crm, object, OperationKind::Create, record(object, n), before).await.unwrap();
        }
        let lead = write(&crm, "lead", OperationKind::Create, record("lead", 1), before).await.unwrap();
        store(&crm, record("file", 1), before).await.unwrap();
        for object in NESTED {
            write(&crm, object, OperationKind::Create, record(object, 2), before).await.unwrap();
        }
        let relation = record("organization_relationship", 2);
        write(&crm, "organization_relationship", OperationKind::Create, relation, before).await.unwrap();
        Self { dump: simulator.dump(), picks, lead, lead_label }
    }
}

/// The n-th record of an object.
pub(crate) fn record(object: &str, n: usize) -> Fields {
    let link = |object: &str, id: usize| Value::link(RecordRef::new(object, id.to_string()));
    let pairs: Vec<(&str, Value)> = match object {
        "organization" | "person" => vec![("name", Value::text(format!("Secret {object} {n}")))],
        "deal" => vec![("title", Value::text(format!("Secret deal {n}"))), ("stage_id", Value::option(STAGE))],
        "note" => vec![
            (
                "content",
                Value::Rich(Arc::new(RichText { markup: Markup::Html, text: format!("Secret note {n}").into() })),
            ),
            ("org_id", link("organization", 1)),
        ],
        "lead" => {
            vec![("title", Value::text(format!("Secret lead {n}"))), ("organization_id", link("organization", 1))]
        }
        "activity" => vec![
            ("subject", Value::text(format!("Secret activity {n}"))),
            ("type", Value::option("call")),
            ("due", Value::Timestamp("2019-05-06T07:08:00Z".parse().unwrap())),
            ("org_id", link("organization", 1)),
        ],
        "file" => vec![("name", Value::text(format!("Secret {n}.txt"))), ("org_id", link("organization", 1))],
        "deal_participant" => vec![("deal_id", link("deal", 1)), ("person_id", link("person", n))],
        "deal_follower" => vec![("deal_id", link("deal", 1)), ("user_id", link("user", n))],
        "person_follower" => vec![("person_id", link("person", 1)), ("user_id", link("user", n))],
        "organization_follower" => vec![("org_id", link("organization", 1)), ("user_id", link("user", n))],
        _ => vec![
            ("type", Value::option("parent")),
            ("rel_owner_org_id", link("organization", 1)),
            ("rel_linked_org_id", link("organization", n)),
        ],
    };
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

pub(crate) fn item(
    kind: ItemKind,
    object: &str,
    parent: Option<&str>,
    name: &str,
    ty: Option<FieldType>,
    options: &[&str],
) -> SchemaItem {
    SchemaItem {
        kind,
        object: object.into(),
        parent: parent.map(str::to_owned),
        name: name.into(),
        ty,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        probability: None,
        conditions: Vec::new(),
    }
}

pub(crate) async fn write(
    crm: &Pipedrive,
    object: &str,
    kind: OperationKind,
    fields: Fields,
    send_before: DateTime<Utc>,
) -> crmkit_core::Result<RecordId> {
    let batch = WriteBatch { object: object.into(), operations: vec![Operation { kind, fields }], send_before };
    Ok(crm.write(&batch).await?.remove(0)?.id)
}

/// Stores a file of a few bytes.
pub(crate) async fn store(
    crm: &Pipedrive,
    fields: Fields,
    send_before: DateTime<Utc>,
) -> crmkit_core::Result<RecordId> {
    let bytes = stream::iter([Ok(b"Secret".as_slice().into()), Ok(b" bytes".as_slice().into())]).boxed();
    Ok(crm.file_sink().unwrap().store(&"file".into(), &fields, bytes, send_before).await?.id)
}

/// A clock of its own, at a time that is no limit's end.
pub(crate) fn clock() -> JumpingClock {
    JumpingClock::starting_at("2026-03-02T10:20:30Z".parse().unwrap())
}

/// How account and connector are set up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The account counts.
    pub(crate) limits: bool,
    /// The connector loses patience within seconds.
    pub(crate) impatient: bool,
    /// The host's tokens.
    pub(crate) credentials: Option<Arc<dyn Credentials>>,
}

pub(crate) fn connector(simulator: &PipedriveSimulator, clock: &JumpingClock, options: &Options) -> Pipedrive {
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.tier = Tier::Ultimate;
    config.seats = 35;
    config.unlimited = !options.limits;
    config.token = config.token.filter(|_| options.credentials.is_none());
    config.reset_hour = Some(0);
    if options.impatient {
        config.timeout_seconds = 6;
    }
    // A connection that was closed meanwhile must not be mistaken for one that breaks.
    let client = ClientBuilder::new().pool_max_idle_per_host(0);
    let builder = Pipedrive::builder(config, Arc::new(clock.clone())).client(client);
    match &options.credentials {
        Some(credentials) => builder.credentials(credentials.clone()),
        None => builder,
    }
    .build()
    .unwrap()
}

/// A simulated account and a connector that knows its schema.
pub(crate) struct Bench {
    pub(crate) clock: JumpingClock,
    pub(crate) simulator: PipedriveSimulator,
    pub(crate) crm: Pipedrive,
}

impl Bench {
    pub(crate) async fn start(options: &Options) -> Self {
        let clock = clock();
        let simulator = PipedriveSimulator::builder().limits(options.limits).jumping_clock(&clock);
        let simulator = simulator.log(100_000, 64).start().await.expect("a free port");
        let mut dump = Seed::get().await.dump.clone();
        dump["companies"][0]["profile"]["limits"] = options.limits.into();
        simulator.seed(&dump).unwrap();
        let crm = connector(&simulator, &clock, options);
        // An impatient connector on a busy machine gets another try: nothing of this is what is tested.
        for left in (0..20).rev() {
            match crm.describe().await {
                Ok(_) => break,
                Err(error) => assert!(options.impatient && left > 0, "{error}"),
            }
        }
        clock.advance(Duration::from_secs(10));
        Self { clock, simulator, crm }
    }

    pub(crate) fn send_before(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(60)
    }

    /// How many things there are: records, fields, options, pipelines, stages; deleted ones too.
    pub(crate) fn population(&self) -> usize {
        let dump = self.simulator.dump();
        let tables = dump["companies"][0]["store"]["tables"].as_object().unwrap();
        let rows = tables.values().flat_map(|table| table.as_array().unwrap());
        rows.map(|row| 1 + row["options"].as_array().map_or(0, Vec::len)).sum()
    }
}
