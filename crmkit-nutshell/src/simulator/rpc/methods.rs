//! The methods of JSON-RPC with their parameters in positional order, and what each does.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::super::answer::{Failure, Row, invalid};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::store::{int, object, text};
use super::super::write::{activity, catalog, record};
use super::super::{time, values};
use super::input::{self, bad, id_of};
use super::{Args, find, search, view};

type Play = fn(&mut Call<'_>, &Args) -> Result<Value, Failure>;

/// A method of the vendor's inventory.
pub(super) struct Method {
    pub(super) name: &'static str,
    /// In positional order; optional ones end in `?`.
    pub(super) params: &'static [&'static str],
    /// None: the vendor has it, the simulator does not.
    pub(super) play: Option<Play>,
}

const QUERY: &[&str] = &["query?", "orderBy?", "orderDirection?", "limit?", "page?", "stubResponses?"];
const LIST: &[&str] = &["orderBy?", "orderDirection?", "limit?", "page?", "stubResponses?"];
const WORDS: &[&str] = &["string", "limit?"];

/// A method of one kind of record, as a function without state.
macro_rules! of {
    ($function:path, $entity:ident) => {
        Some(|call, args| $function(call, Entity::$entity, args))
    };
}

const METHODS: &[(&str, &[&str], Option<Play>)] = &[
    ("getAccount", &["accountId", "rev?"], of!(get, Accounts)),
    ("getActivity", &["activityId", "rev?"], of!(get, Activities)),
    ("getContact", &["contactId", "rev?"], of!(get, Contacts)),
    ("getLead", &["leadId", "rev?"], of!(get, Leads)),
    ("getNote", &["noteId", "rev?"], of!(get, Notes)),
    ("getProduct", &["productId", "rev?"], of!(get, Products)),
    ("getTask", &["taskId", "rev?"], of!(get, Tasks)),
    ("getTeam", &["teamId", "rev?"], of!(get, Teams)),
    ("getUser", &["userId?", "rev?"], of!(get, Users)),
    ("getEmail", &["emailId"], None),
    ("getAnalyticsReport", &["reportType", "period", "filter", "options"], None),
    ("getMobileSettings", &[], None),
    ("getUpdateTimes", &[], Some(|call, _| Ok(view::update_times(call)))),
    ("instanceData", &[], Some(|call, _| Ok(json!({ "id": call.profile.instance, "name": call.profile.name })))),
    ("newAccount", &["account"], of!(new_record, Accounts)),
    ("newActivity", &["activity"], Some(new_activity)),
    ("newContact", &["contact"], of!(new_record, Contacts)),
    ("newLead", &["lead"], of!(new_record, Leads)),
    ("newNote", &["entity", "note"], Some(new_note)),
    ("newTask", &["task"], Some(new_task)),
    ("newTag", &["tag"], Some(new_tag)),
    ("newSource", &["name"], Some(new_source)),
    ("newProduct", &["product"], Some(new_product)),
    ("newTeam", &["team"], None),
    ("newUser", &["user"], None),
    ("newEmail", &["emailString"], Some(new_email)),
    ("newBackup", &[], None),
    ("editAccount", &["accountId", "rev", "account"], of!(edit_record, Accounts)),
    ("editActivity", &["activityId", "rev", "activity"], Some(edit_activity)),
    ("editContact", &["contactId", "rev", "contact"], of!(edit_record, Contacts)),
    ("editLead", &["leadId", "rev", "lead"], of!(edit_record, Leads)),
    ("editNote", &["noteId", "rev", "note"], Some(edit_note)),
    ("editProduct", &["productId", "rev", "product"], Some(edit_product)),
    ("editTask", &["taskId", "rev", "task"], Some(edit_task)),
    ("editTeam", &["teamId", "rev", "team"], None),
    ("editUser", &["userId", "rev", "user"], None),
    ("editStep", &["stepId", "rev", "step"], None),
    ("deleteAccount", &["accountId", "rev"], of!(delete, Accounts)),
    ("deleteActivity", &["activityId", "rev"], of!(delete, Activities)),
    ("deleteContact", &["contactId", "rev"], of!(delete, Contacts)),
    ("deleteLead", &["leadId", "rev"], of!(delete, Leads)),
    ("deleteNote", &["noteId", "rev"], of!(delete, Notes)),
    ("deleteProduct", &["productId", "rev"], of!(delete, Products)),
    ("deleteTask", &["taskId", "rev"], of!(delete, Tasks)),
    ("deleteTeam", &["teamId", "rev"], None),
    ("deleteUser", &["userId", "rev"], None),
    ("findAccounts", QUERY, of!(records, Accounts)),
    ("findActivities", QUERY, of!(records, Activities)),
    ("findContacts", QUERY, of!(records, Contacts)),
    ("findLeads", QUERY, of!(records, Leads)),
    ("findTasks", QUERY, of!(records, Tasks)),
    ("findTimeline", QUERY, Some(|call, args| find::timeline(call, args))),
    ("findProducts", LIST, of!(entries, Products)),
    ("findUsers", QUERY, of!(entries, Users)),
    ("findTeams", LIST, of!(entries, Teams)),
    ("findAccountTypes", LIST, of!(entries, AccountTypes)),
    ("findActivityTypes", LIST, of!(entries, ActivityTypes)),
    ("findAudiences", LIST, of!(entries, Audiences)),
    ("findBackups", LIST, None),
    ("findCompetitors", LIST, of!(entries, Competitors)),
    ("findDelays", LIST, None),
    ("findIndustries", LIST, of!(entries, Industries)),
    ("findLead_Outcomes", LIST, of!(entries, Outcomes)),
    ("findMarkets", LIST, of!(entries, Markets)),
    ("findMilestones", LIST, of!(entries, Milestones)),
    ("findOrigins", LIST, of!(entries, Origins)),
    ("findProcesses", LIST, None),
    ("findSettings", LIST, None),
    ("findSources", LIST, of!(entries, Sources)),
    ("findStagesets", LIST, of!(entries, Stagesets)),
    ("findTerritories", LIST, of!(entries, Territories)),
    ("findCustomFields", &[], Some(|call, _| Ok(find::custom_fields(call)))),
    ("describeCustomFields", &[], Some(|call, _| Ok(find::custom_fields(call)))),
    ("findTags", &[], Some(|call, _| Ok(find::tags(call)))),
    ("searchAccounts", WORDS, of!(words, Accounts)),
    ("searchContacts", WORDS, of!(words, Contacts)),
    ("searchCompetitors", WORDS, of!(words, Competitors)),
    ("searchProducts", WORDS, of!(words, Products)),
    ("searchSources", WORDS, of!(words, Sources)),
    ("searchLeads", WORDS, of!(words, Leads)),
    ("searchActivityParticipants", WORDS, None),
    ("searchContactsAndUsers", WORDS, None),
    ("searchUsersAndTeams", WORDS, None),
    ("searchUniversal", &["string"], Some(|call, args| search::universal(call, args))),
    ("searchByEmail", &["emailAddressString"], Some(|call, args| search::by_email(call, args))),
    ("searchMentionableEntities", &["string", "entityType", "entityId", "knownLocalEntities", "limit"], None),
    ("add", &["num1", "num2"], Some(add)),
];

static BY_NAME: LazyLock<HashMap<&str, Method>> = LazyLock::new(|| {
    METHODS.iter().map(|(name, params, play)| (*name, Method { name, params, play: *play })).collect()
});

/// The method of this name.
pub(super) fn find_method(name: &str) -> Option<&'static Method> {
    BY_NAME.get(name)
}

/// The whole inventory, in its order.
pub(super) fn inventory() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter_map(|(name, ..)| find_method(name))
}

fn arg<'a>(args: &'a Args, key: &str) -> &'a Value {
    args.get(key).unwrap_or(&Value::Null)
}

/// The id that is the first parameter of a method about one record.
fn first_id(entity: Entity, args: &Args) -> Result<i64, Failure> {
    let key = format!("{}Id", entity.singular());
    match args.get(&key).map(id_of) {
        Some(Some(id)) => Ok(id),
        _ => bad(format!("{key} is an id")),
    }
}

fn shown(call: &Call<'_>, entity: Entity, id: i64) -> Value {
    call.store.any(entity, id).map_or(Value::Null, |row| view::full(call, entity, row))
}

fn get(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    let id = match args.get("userId") {
        None | Some(Value::Null) if entity == Entity::Users => call.actor,
        _ => first_id(entity, args)?,
    };
    let Some(row) = call.readable(entity, id) else { return Ok(Value::Null) };
    match arg(args, "rev") {
        Value::String(known) if *known == view::rev(row) => Ok(json!({ "_notModified": true })),
        _ => Ok(view::full(call, entity, row)),
    }
}

fn records(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    find::records(call, entity, args)
}

fn entries(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    find::entries(call, entity, args)
}

fn words(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    search::one_kind(call, entity, args)
}

fn new_record(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    let draft = input::draft(call, entity, None, arg(args, entity.singular()))?;
    if entity == Entity::Contacts {
        let said = |key: &str| match draft.set.get(key) {
            Some(Value::Object(name)) => !name.get("displayName").is_none_or(Value::is_null),
            Some(Value::Array(values)) => !values.is_empty(),
            _ => false,
        };
        if !["name", "phones", "emails"].into_iter().any(said) {
            return invalid("A contact needs a name, a phone or an email");
        }
    }
    let id = record::create(call, entity, draft)?;
    Ok(shown(call, entity, id))
}

fn edit_record(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    let id = first_id(entity, args)?;
    let row = call.require(entity, id)?;
    call.check_rev(row, arg(args, "rev"))?;
    let draft = input::draft(call, entity, Some(row), arg(args, entity.singular()))?;
    record::change(call, entity, id, draft)?;
    Ok(shown(call, entity, id))
}

fn delete(call: &mut Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    call.delete(entity, first_id(entity, args)?, Some(arg(args, "rev")))?;
    Ok(true.into())
}

fn new_activity(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let draft = input::activity(call, true, arg(args, "activity"))?;
    let id = activity::create(call, draft)?;
    Ok(shown(call, Entity::Activities, id))
}

fn edit_activity(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let id = first_id(Entity::Activities, args)?;
    call.check_rev(call.require(Entity::Activities, id)?, arg(args, "rev"))?;
    let draft = input::activity(call, false, arg(args, "activity"))?;
    activity::change(call, id, draft)?;
    Ok(shown(call, Entity::Activities, id))
}

fn new_note(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let target = input::reference(call, arg(args, "entity"), None)?;
    let entity = target["type"].as_str().and_then(Entity::from_rest);
    let (Some(entity), Some(id)) = (entity, target["id"].as_i64()) else { return bad("a note has an entity") };
    if !matches!(entity, Entity::Accounts | Entity::Contacts | Entity::Leads) {
        return invalid(format!("{} do not take notes", entity.rpc()));
    }
    call.require_link(entity, id)?;
    let text = input::note_text(call, arg(args, "note"))?;
    let id = record::add_note(call, entity, id, &text);
    Ok(shown(call, Entity::Notes, id))
}

/// By its author, within a day.
fn edit_note(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let id = first_id(Entity::Notes, args)?;
    let mut row = call.require(Entity::Notes, id)?.clone();
    call.check_rev(&row, arg(args, "rev"))?;
    let text = input::note_text(call, arg(args, "note"))?;
    if !may_edit_note(call, &row) {
        return Err(Failure::Forbidden("A note can be edited by its author within 24 hours".into()));
    }
    row.insert("note".into(), text.into());
    call.save(Entity::Notes, row);
    Ok(shown(call, Entity::Notes, id))
}

/// Whether the caller may still edit a note.
pub(in crate::simulator) fn may_edit_note(call: &Call<'_>, row: &Row) -> bool {
    let fresh = call.now - int(row, "createdTime").unwrap_or(0) <= 86_400_000;
    fresh && int(row, "user") == Some(call.author)
}

fn new_task(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let given = input::task(call, arg(args, "task"))?;
    if text(&given, "title").is_none_or(|title| title.trim().is_empty()) {
        return invalid("A task needs a title");
    }
    let mut row = object(json!({
        "title": null, "description": null, "entity": null, "dueTime": null, "completedTime": null,
        "assignee": { "type": "users", "id": call.actor },
    }));
    row.extend(given);
    check_task(call, &row)?;
    let id = call.insert(Entity::Tasks, row);
    Ok(shown(call, Entity::Tasks, id))
}

fn edit_task(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let id = first_id(Entity::Tasks, args)?;
    let mut row = call.require(Entity::Tasks, id)?.clone();
    call.check_rev(&row, arg(args, "rev"))?;
    row.extend(input::task(call, arg(args, "task"))?);
    check_task(call, &row)?;
    call.save(Entity::Tasks, row);
    Ok(shown(call, Entity::Tasks, id))
}

/// What a task refers to has to be there.
pub(in crate::simulator) fn check_task(call: &Call<'_>, row: &Row) -> Result<(), Failure> {
    for key in ["entity", "assignee"] {
        let target = view::get(row, key);
        let own = target["type"] == "users" && target["id"] == call.actor;
        if let Some(entity) = target["type"].as_str().and_then(Entity::from_rest).filter(|_| !own) {
            call.require_owner(entity, target["id"].as_i64().unwrap_or(0))?;
        }
    }
    Ok(())
}

fn new_tag(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let given = arg(args, "tag");
    let entity = input::entity(call, &given["entityType"])?;
    if !matches!(entity, Entity::Accounts | Entity::Contacts | Entity::Leads) {
        return invalid(format!("{} do not have tags", entity.rpc()));
    }
    let id = catalog::add_tag(call, entity, given["name"].as_str().unwrap_or_default(), &Value::Null)?;
    Ok(shown(call, Entity::Tags, id))
}

fn new_source(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let Some(name) = arg(args, "name").as_str() else { return bad("name is a string") };
    let id = catalog::source(call, name, 0)?;
    Ok(call.store.any(Entity::Sources, id).map_or(Value::Null, |row| view::listed(call, Entity::Sources, row)))
}

fn product(call: &Call<'_>, given: &Value) -> Result<Row, Failure> {
    let Value::Object(given) = given else { return bad("product is an object") };
    let mut row = Row::new();
    for key in ["name", "type", "sku", "unit"] {
        if let Some(value) = given.get(key) {
            row.insert(key.into(), value.clone());
        }
    }
    if let Some(prices) = given.get("prices") {
        if !call.switches().product_prices {
            return invalid("prices is not a valid field");
        }
        let price = |price: &Value| {
            let market = id_of(&price["marketId"]).unwrap_or(0);
            call.require_link(Entity::Markets, market)?;
            Ok(json!({ "marketId": market, "price": values::money(&price["price"], "USD")? }))
        };
        let prices = prices.as_array().into_iter().flatten().map(price);
        row.insert("prices".into(), prices.collect::<Result<_, Failure>>()?);
    }
    Ok(row)
}

fn new_product(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let mut row = object(json!({ "name": null, "type": null, "sku": null, "unit": null, "prices": [] }));
    row.extend(product(call, arg(args, "product"))?);
    if text(&row, "name").is_none_or(str::is_empty) {
        return invalid("A product needs a name");
    }
    let id = call.insert(Entity::Products, row);
    Ok(shown(call, Entity::Products, id))
}

fn edit_product(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let id = first_id(Entity::Products, args)?;
    let mut row = call.require(Entity::Products, id)?.clone();
    call.check_rev(&row, arg(args, "rev"))?;
    row.extend(product(call, arg(args, "product"))?);
    call.save(Entity::Products, row);
    Ok(shown(call, Entity::Products, id))
}

/// A raw message with its own date; it shows with whom it was exchanged.
fn new_email(call: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let Some(message) = arg(args, "emailString").as_str() else { return bad("emailString is a string") };
    let mut row = object(json!({ "subject": null, "date": call.now, "addresses": [] }));
    let mut addresses: Vec<String> = Vec::new();
    for line in message.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((header, value)) = line.split_once(':') else { continue };
        match header.to_lowercase().as_str() {
            "subject" => {
                row.insert("subject".into(), value.trim().into());
            }
            "date" => {
                let date = chrono::DateTime::parse_from_rfc2822(value.trim());
                let date = date.map_or_else(|_| time::parse_zoned(value.trim()), |date| Some(date.timestamp_millis()));
                row.insert("date".into(), date.unwrap_or(call.now).into());
            }
            "from" | "to" | "cc" => {
                let parts = value.split([',', '<', '>', ' ', ';']).filter(|part| part.contains('@'));
                addresses.extend(parts.map(str::to_lowercase));
            }
            _ => {}
        }
    }
    if addresses.is_empty() {
        return invalid("emailString is not a message");
    }
    row.insert("addresses".into(), json!(addresses));
    let id = call.insert(Entity::Emails, row);
    Ok(call.store.any(Entity::Emails, id).map_or(Value::Null, super::note::email))
}

fn add(_: &mut Call<'_>, args: &Args) -> Result<Value, Failure> {
    let sum = |one: &Value, two: &Value| Some(values::amount(one)? + values::amount(two)?);
    match sum(arg(args, "num1"), arg(args, "num2")) {
        Some(sum) if sum.fract().is_zero() => Ok(json!(i64::try_from(sum.trunc()).unwrap_or(i64::MAX))),
        Some(sum) => Ok(json!(sum.to_string().parse::<f64>().unwrap_or(0.0))),
        None => bad("num1 and num2 are numbers"),
    }
}
