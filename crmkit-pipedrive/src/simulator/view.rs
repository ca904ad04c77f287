//! How records leave: custom fields, optional fields, labels, computed from the store.

use serde_json::{Value, json};

use super::answer::{Answer, Row};
use super::call::Call;
use super::custom;
use super::entity::Entity;
use super::listing::due;
use super::routes::{followers, participants};
use super::store::Store;
use super::table::{flag, int, text};

/// What the query wants to see of each record.
#[derive(Debug)]
pub(super) struct View {
    entity: Entity,
    codes: Vec<String>,
    include: Vec<String>,
    option_labels: bool,
    labels: bool,
    hidden: Vec<&'static str>,
    owner_follows: bool,
}

pub(super) const CONTACT_SYNC: [&str; 5] = ["postal_address", "notes", "im", "birthday", "job_title"];
pub(super) const FIRMOGRAPHICS: [&str; 5] = ["website", "linkedin", "industry", "annual_revenue", "employee_count"];

/// The fields of a kind of record that this account does not have.
pub(super) fn absent_fields(call: &Call<'_>, entity: Entity) -> Vec<&'static str> {
    let switches = &call.profile.switches;
    let mut absent = Vec::new();
    match entity {
        Entity::Persons => {
            if !switches.contact_sync {
                absent.extend(CONTACT_SYNC);
            }
            if !switches.campaigns {
                absent.push("marketing_status");
            }
        }
        Entity::Organizations if !switches.firmographics => absent.extend(FIRMOGRAPHICS),
        _ => {}
    }
    absent
}

impl View {
    pub(super) fn read(call: &Call<'_>, entity: Entity) -> Result<Self, Answer> {
        let wanted = call.list_param("custom_fields");
        if wanted.len() > 15 {
            return Err(Answer::invalid("custom_fields", "At most 15 custom fields can be requested."));
        }
        let mut view = Self::plain(call, entity);
        if !wanted.is_empty() {
            view.codes.retain(|code| wanted.contains(&code.as_str()));
        }
        view.include = call.list_param("include_fields").into_iter().map(str::to_owned).collect();
        view.option_labels = call.flag_param("include_option_labels");
        view.labels = call.flag_param("include_labels");
        Ok(view)
    }

    /// The view of a record that was just written.
    pub(super) fn plain(call: &Call<'_>, entity: Entity) -> Self {
        let fields = entity.fields().expect("only records with fields have views");
        let codes = call.store.custom_fields(fields).filter_map(|field| text(field, "field_code"));
        let codes = codes.map(str::to_owned).collect();
        let hidden = absent_fields(call, entity);
        Self {
            entity,
            codes,
            include: Vec::new(),
            option_labels: false,
            labels: false,
            hidden,
            owner_follows: call.profile.switches.owner_follows,
        }
    }

    /// A record as the answer shows it.
    pub(super) fn show(&self, store: &Store, row: &Row) -> Value {
        let mut shown = Row::new();
        for (key, value) in row {
            if !matches!(key.as_str(), "custom_fields" | "source_lead_id" | "marketing_status")
                && !self.hidden.contains(&key.as_str())
            {
                shown.insert(key.clone(), value.clone());
            }
        }
        let fields = self.entity.fields().expect("only records with fields have views");
        let stored = row.get("custom_fields").and_then(Value::as_object);
        let mut custom = Row::new();
        for code in &self.codes {
            let value = stored.and_then(|stored| stored.get(code)).cloned().unwrap_or_default();
            let value = match store.field(fields, code) {
                Some(field) if self.option_labels => labelled(field, value),
                _ => value,
            };
            custom.insert(code.clone(), value);
        }
        shown.insert("custom_fields".into(), Value::Object(custom));
        if self.labels
            && let (Some(field), Some(ids)) = (store.field(fields, "label_ids"), row.get("label_ids"))
        {
            let ids = ids.as_array().into_iter().flatten();
            shown.insert("labels".into(), ids.filter_map(|id| custom::option_label(field, id)).collect());
        }
        for name in &self.include {
            shown.insert(name.clone(), self.computed(store, row, name));
        }
        Value::Object(shown)
    }

    fn computed(&self, store: &Store, row: &Row, name: &str) -> Value {
        let id = int(row, "id").expect("rows have ids");
        let link = match self.entity {
            Entity::Deals => "deal_id",
            Entity::Persons => "person_id",
            _ => "org_id",
        };
        let deals = |statuses: &[&str]| {
            let table = store.table(Entity::Deals);
            let counts = |deal: &i64| {
                table.live(*deal).is_some_and(|deal| {
                    statuses.contains(&text(&deal.row, "status").unwrap_or_default()) && !flag(&deal.row, "is_archived")
                })
            };
            table.linked(link, id).filter(counts).count()
        };
        let held = || {
            let table = store.table(Entity::Activities);
            table.linked(link, id).filter_map(|activity| Some((activity, &table.live(activity)?.row)))
        };
        let activities = |done: Option<bool>| {
            held().filter(|(_, activity)| done.is_none_or(|done| flag(activity, "done") == done)).count()
        };
        let planned = |done: bool| {
            let one = move |(id, activity): (i64, &Row)| (flag(activity, "done") == done).then(|| (due(activity), id));
            held().filter_map(one)
        };
        match name {
            "notes_count" => store.table(Entity::Notes).linked_count(link, id).into(),
            "people_count" => store.table(Entity::Persons).linked_count("org_id", id).into(),
            "open_deals_count" => deals(&["open"]).into(),
            "won_deals_count" => deals(&["won"]).into(),
            "lost_deals_count" => deals(&["lost"]).into(),
            "closed_deals_count" => deals(&["won", "lost"]).into(),
            "followers_count" => (followers::count(store, self.entity, id) + usize::from(self.owner_follows)).into(),
            "participants_count" => participants::persons_of(store, id).len().into(),
            "source_lead_id" => row.get(name).cloned().unwrap_or_default(),
            "first_won_time" => row.get("won_time").cloned().unwrap_or_default(),
            "smart_bcc_email" => format!("crmkit-test+{}{id}@pipedrivemail.com", self.entity.singular()).into(),
            "products_count" => store.table(Entity::DealProducts).linked_count(link, id).into(),
            "marketing_status" => row.get("marketing_status").cloned().unwrap_or_else(|| "no_consent".into()),
            "activities_count" => activities(None).into(),
            "done_activities_count" => activities(Some(true)).into(),
            "undone_activities_count" => activities(Some(false)).into(),
            "files_count" => store.table(Entity::Files).linked_count(link, id).into(),
            "next_activity_id" => planned(false).min().map_or(Value::Null, |(_, id)| id.into()),
            "last_activity_id" => planned(true).max().map_or(Value::Null, |(_, id)| id.into()),
            // Mails are not modelled, so there are none.
            _ if name.ends_with("_count") => 0.into(),
            _ => Value::Null,
        }
    }
}

fn labelled(field: &Row, value: Value) -> Value {
    match (text(field, "field_type"), &value) {
        (Some("enum"), Value::Number(_)) => custom::option_label(field, &value).unwrap_or(value),
        (Some("set"), Value::Array(ids)) => {
            let label = |id: &Value| custom::option_label(field, id).unwrap_or_else(|| json!({ "id": id }));
            ids.iter().map(label).collect()
        }
        _ => value,
    }
}
