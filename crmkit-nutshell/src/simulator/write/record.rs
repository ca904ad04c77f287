//! Accounts, contacts and leads: creating and changing them with their links and notes.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row, invalid};
use super::super::call::Call;
use super::super::entity::{Entity, email_term};
use super::super::store::{int, list, object};
use super::super::switches::Stray;
use super::lead;

/// A link to another record and what it is called.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Link {
    pub(in crate::simulator) id: i64,
    pub(in crate::simulator) relationship: Value,
}

impl Link {
    /// As it is kept.
    pub(in crate::simulator) fn kept(&self) -> Value {
        json!({ "id": self.id, "relationship": self.relationship })
    }
}

/// What a caller wants a record to be: only what it names.
#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct Draft {
    /// Keys of the row.
    pub(in crate::simulator) set: Row,
    /// Of an account: its people.
    pub(in crate::simulator) contacts: Option<Vec<Link>>,
    /// Of an account or contact: its leads.
    pub(in crate::simulator) leads: Option<Vec<Link>>,
    /// Of a lead: its lines and rivals.
    pub(in crate::simulator) products: Option<Vec<Row>>,
    pub(in crate::simulator) competitors: Option<Vec<Row>>,
    /// Of a lead: its files, announced.
    pub(in crate::simulator) files: Option<Vec<Value>>,
    /// Of a lead: how it ends.
    pub(in crate::simulator) outcome: Option<i64>,
    pub(in crate::simulator) reopen: bool,
    /// Notes to append.
    pub(in crate::simulator) notes: Vec<String>,
}

/// Keys that only some accept, as their switches say.
pub(in crate::simulator) fn undocumented(
    draft: &mut Draft,
    stray: Stray,
    key: &'static str,
    value: Value,
) -> Result<(), Failure> {
    match stray {
        Stray::Refused => return invalid(format!("{key} is not a valid field")),
        Stray::Ignored => {}
        Stray::Kept => {
            draft.set.insert(key.into(), value);
        }
    }
    Ok(())
}

/// Creates a record.
pub(in crate::simulator) fn create(call: &mut Call<'_>, entity: Entity, mut draft: Draft) -> Result<i64, Failure> {
    let owner = call.store.live(Entity::Users, call.actor).filter(|user| user.get("isApiKey") != Some(&true.into()));
    let owner = owner.map_or(Value::Null, |_| json!({ "type": "users", "id": call.actor }));
    let mut row = match entity {
        Entity::Accounts => object(json!({
            "name": null, "description": null, "owner": owner, "industry": null, "territory": null, "tags": [],
            "accountType": first_id(call, Entity::AccountTypes), "emails": [], "phones": [], "urls": [],
            "addresses": [], "customFields": {}, "legacyId": null, "parentAccount": null,
        })),
        Entity::Contacts => {
            call.check_contact_cap()?;
            object(json!({
                "name": null, "description": null, "owner": owner, "territory": null, "tags": [], "emails": [],
                "phones": [], "urls": [], "addresses": [], "customFields": {}, "legacyId": null, "accounts": [],
                "audiences": [],
            }))
        }
        _ => lead::fresh(call, owner)?,
    };
    check_links(call, &draft)?;
    if entity == Entity::Leads {
        lead::place(call, &mut row, &mut draft)?;
    }
    row.extend(std::mem::take(&mut draft.set));
    check_emails(call, entity, &row, None)?;
    let id = call.insert(entity, row);
    link(call, entity, id, draft)?;
    Ok(id)
}

/// Changes what the draft names.
pub(in crate::simulator) fn change(
    call: &mut Call<'_>,
    entity: Entity,
    id: i64,
    mut draft: Draft,
) -> Result<(), Failure> {
    let mut row = call.require(entity, id)?.clone();
    check_links(call, &draft)?;
    let stage = row.get("milestone").cloned();
    if entity == Entity::Leads {
        lead::place(call, &mut row, &mut draft)?;
        lead::end(call, &mut row, &mut draft)?;
    }
    row.extend(std::mem::take(&mut draft.set));
    check_emails(call, entity, &row, Some(id))?;
    let moved = row.get("milestone") != stage.as_ref();
    call.save(entity, row);
    if moved {
        call.tell("stagechange", entity, id);
    }
    link(call, entity, id, draft)
}

fn first_id(call: &Call<'_>, entity: Entity) -> Value {
    call.store.all_live(entity).next().map(|(id, _)| id).into()
}

/// Whatever a draft refers to has to be there.
fn check_links(call: &Call<'_>, draft: &Draft) -> Result<(), Failure> {
    for key in ["owner", "assignee"] {
        if let Some(owner) = draft.set.get(key).filter(|owner| !owner.is_null()) {
            let entity = Entity::from_rest(owner["type"].as_str().unwrap_or_default()).unwrap_or(Entity::Users);
            call.require_owner(entity, owner["id"].as_i64().unwrap_or(0))?;
        }
    }
    let single = [
        ("industry", Entity::Industries),
        ("accountType", Entity::AccountTypes),
        ("territory", Entity::Territories),
        ("market", Entity::Markets),
        ("primaryAccount", Entity::Accounts),
        ("parentAccount", Entity::Accounts),
    ];
    for (key, entity) in single {
        if let Some(id) = int(&draft.set, key) {
            call.require_link(entity, id)?;
        }
    }
    let several = [
        ("accounts", Entity::Accounts),
        ("contacts", Entity::Contacts),
        ("sources", Entity::Sources),
        ("audiences", Entity::Audiences),
        ("tags", Entity::Tags),
    ];
    for (key, entity) in several {
        for item in list(&draft.set, key) {
            call.require_link(entity, item.as_i64().or_else(|| item["id"].as_i64()).unwrap_or(0))?;
        }
    }
    for (links, entity) in [(&draft.contacts, Entity::Contacts), (&draft.leads, Entity::Leads)] {
        links.iter().flatten().try_for_each(|link| call.require_link(entity, link.id))?;
    }
    Ok(())
}

fn check_emails(call: &Call<'_>, entity: Entity, row: &Row, own: Option<i64>) -> Result<(), Failure> {
    if entity != Entity::Contacts || call.switches().same_email_allowed {
        return Ok(());
    }
    for entry in list(row, "emails") {
        let email = entry["value"].as_str().unwrap_or_default();
        let mut others = call.store.with_term(entity, &email_term(email)).filter(|(id, _)| Some(*id) != own);
        if others.any(|(id, _)| call.store.live(entity, id).is_some()) {
            return invalid(format!("another person has the email address {email}"));
        }
    }
    Ok(())
}

/// What a record has beside its row: links that others keep, lines, files, notes.
fn link(call: &mut Call<'_>, entity: Entity, id: i64, draft: Draft) -> Result<(), Failure> {
    if let Some(contacts) = draft.contacts {
        relink(call, (Entity::Contacts, "accounts"), (entity, id), &contacts);
    }
    if let Some(leads) = draft.leads {
        relink(call, (Entity::Leads, entity.rest()), (entity, id), &leads);
    }
    if entity == Entity::Leads {
        lead::attach(call, id, draft.products, draft.competitors, draft.files)?;
    }
    if call.switches().links_raise_rev {
        let row = call.store.any(entity, id).cloned().unwrap_or_default();
        for (key, other) in [("accounts", Entity::Accounts), ("contacts", Entity::Contacts)] {
            for item in list(&row, key) {
                call.touch(other, item["id"].as_i64().unwrap_or(0));
            }
        }
    }
    for note in draft.notes {
        add_note(call, entity, id, &note);
    }
    Ok(())
}

/// Makes `links` the records of `holder` that have `target` in their list.
fn relink(call: &mut Call<'_>, holder: (Entity, &str), target: (Entity, i64), links: &[Link]) {
    let (entity, key) = holder;
    let before: Vec<i64> = call.store.linked(entity, target).map(|(id, _)| id).collect();
    let gone = before.iter().filter(|id| !links.iter().any(|link| link.id == **id)).map(|id| (*id, None));
    let wanted = links.iter().map(|link| (link.id, Some(json!({ "id": target.1, "relationship": link.relationship }))));
    for (id, entry) in gone.chain(wanted).collect::<Vec<_>>() {
        let Some(mut row) = call.store.live(entity, id).cloned() else { continue };
        let mut entries = list(&row, key).to_vec();
        let at = entries.iter().position(|item| item["id"] == target.1);
        match (at, entry) {
            (Some(at), Some(entry)) => entries[at] = entry,
            (Some(at), None) => {
                entries.remove(at);
            }
            (None, Some(entry)) => entries.push(entry),
            (None, None) => {}
        }
        row.insert(key.into(), Value::Array(entries));
        if call.switches().links_raise_rev { call.save(entity, row) } else { call.store.put(entity, row) }
    }
}

/// Writes a note to a record's timeline.
pub(in crate::simulator) fn add_note(call: &mut Call<'_>, entity: Entity, id: i64, text: &str) -> i64 {
    let note = json!({ "parent": { "type": entity.rest(), "id": id }, "user": call.author, "note": text, "files": [] });
    let note = call.insert(Entity::Notes, object(note));
    call.touch(entity, id);
    note
}
