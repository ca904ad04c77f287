//! Many-to-many relations: Twenty has none, so each is an object of its own with a relation to either side.

use crmkit_core::{
    Error, ErrorKind, FieldSchema, FieldType, LinkCarrier, Result, Retry, SchemaItem,
    chrono::{DateTime, Utc},
    http::reqwest::Method,
};
use serde_json::json;

use crate::{
    Twenty,
    client::metadata,
    metadata::{MetaField, MetaObject},
    naming::field_name,
    provisioner::refused,
    schema::Workspace,
};

const CREATE: &str = "twenty.provision";

/// What tells an object that we made for a relation.
fn description(from: &str, to: &str, name: &str) -> String {
    format!("Ties {from} to {to}: {name}")
}

/// Whether we made it for a relation.
pub(crate) fn is_ours(object: &MetaObject) -> bool {
    object.is_custom && object.description.starts_with("Ties ")
}

/// The two relations of an object that does nothing but tie records together.
pub(crate) fn ends(object: &MetaObject) -> Option<[&MetaField; 2]> {
    // What every object has, or what the server keeps for itself.
    const OWN: [&str; 9] =
        ["id", "name", "createdAt", "updatedAt", "deletedAt", "createdBy", "updatedBy", "position", "searchVector"];
    let rest: Vec<&MetaField> =
        object.fields.iter().filter(|field| !OWN.contains(&field.name.as_str()) && !field.is_many()).collect();
    match rest[..] {
        [one, two] if object.is_custom && one.is_link() && two.is_link() => Some([one, two]),
        _ => None,
    }
}

/// The field by which records of an object are tied to those of another one, through `junction`.
pub(crate) fn field(object: &MetaObject, junction: &MetaObject) -> Option<FieldSchema> {
    let [one, two] = ends(junction)?;
    let is_own = |end: &MetaField| end.target.as_deref() == Some(&*object.singular);
    let (from, to) = match (is_own(one), is_own(two)) {
        (true, true) if is_ours(junction) && !one.name.eq(&object.singular) => (two, one),
        (true, _) => (one, two),
        (false, true) => (two, one),
        (false, false) => return None,
    };
    let target = to.target.as_deref()?;
    // One that we made belongs to the side that asked for it.
    let theirs = |end: &str, other: &str| junction.description.starts_with(&description(end, other, ""));
    if target != object.singular && theirs(target, &object.singular) {
        return None;
    }
    let mut field = FieldSchema::new(
        junction.plural.as_str(),
        junction.label.as_str(),
        FieldType::Links { to: vec![target.into()] },
    );
    field.custom = true;
    field.carrier = Some(LinkCarrier {
        object: junction.singular.as_str().into(),
        from: from.column().into(),
        to: to.column().into(),
        constants: Vec::new(),
    });
    Some(field)
}

impl Twenty {
    /// Makes the object behind a many-to-many relation, or what is missing of it, and gives the field by which it is filled.
    pub(crate) async fn create_junction(
        &self,
        item: &SchemaItem,
        to: &str,
        send_before: DateTime<Utc>,
    ) -> Result<String> {
        let from = item.object.as_str();
        let about = description(from, to, &item.name);
        let lost = || Error::new(ErrorKind::Protocol, CREATE, "the new object does not show up", Retry::Verify);
        let find = |workspace: &Workspace| -> Option<(String, String)> {
            let found = workspace.objects.values().find(|object| object.is_custom && object.description == about)?;
            Some((found.singular.clone(), found.plural.clone()))
        };
        let mut workspace = self.workspace().await?;
        if find(&workspace).is_none() {
            self.create_object(&workspace, &item.name, &about, send_before).await?;
            self.forget_schema().await;
            workspace = self.workspace().await?;
        }
        let (singular, plural) = find(&workspace).ok_or_else(lost)?;
        let twice = from == to;
        for (place, end) in [from, to].into_iter().enumerate() {
            let other = workspace.objects.get(end).ok_or_else(|| refused("the relation leads to no object"))?;
            let junction = workspace.objects.get(&singular).ok_or_else(lost)?;
            let second = twice && place == 1;
            let label = if second { format!("Related {}", other.label) } else { other.label.clone() };
            let name = field_name(&label, |_| false);
            let there = |field: &&MetaField| field.target.as_deref() == Some(end) && (!twice || field.name == name);
            if junction.fields.iter().any(|field| there(&field)) {
                continue;
            }
            // The other side's name comes from this label, and has to be free there.
            let back = match second {
                false => workspace.free_label(other, &item.name),
                true => workspace.free_label(other, &format!("{} back", item.name)),
            };
            let body = json!({
                "objectMetadataId": junction.id, "type": "RELATION", "name": name, "label": label, "icon": "IconLink",
                "isLabelSyncedWithName": false,
                "relationCreationPayload": {"type": "MANY_TO_ONE", "targetObjectMetadataId": other.id,
                    "targetFieldLabel": back, "targetFieldIcon": "IconLink"},
            });
            let request = metadata(CREATE, Method::POST, "/rest/metadata/fields").json(&body).creating();
            self.client.done(request.send_before(send_before)).await?;
            self.forget_schema().await;
            workspace = self.workspace().await?;
        }
        Ok(plural)
    }
}
