//! A workspace's objects and fields as the metadata interface tells them. Releases differ, so all is optional but names.

use std::collections::HashMap;

use serde_json::Value as Json;

/// An object of the workspace.
#[derive(Debug)]
pub(crate) struct MetaObject {
    pub(crate) id: String,
    pub(crate) singular: String,
    pub(crate) plural: String,
    pub(crate) label: String,
    pub(crate) label_plural: String,
    pub(crate) is_system: bool,
    pub(crate) is_custom: bool,
    pub(crate) description: String,
    /// The field that people see a record by.
    pub(crate) label_field: Option<String>,
    pub(crate) fields: Vec<MetaField>,
}

/// A field of an object.
#[derive(Debug)]
pub(crate) struct MetaField {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) ty: String,
    pub(crate) is_custom: bool,
    pub(crate) is_nullable: bool,
    pub(crate) is_unique: bool,
    pub(crate) options: Vec<Json>,
    pub(crate) settings: Json,
    /// The object that a to-one relation leads to.
    pub(crate) target: Option<String>,
}

impl MetaField {
    /// Whether it is the other side of a relation: many records point here.
    pub(crate) fn is_many(&self) -> bool {
        self.settings["relationType"] == "ONE_TO_MANY"
    }

    /// The name that values are written under: a relation's column.
    pub(crate) fn column(&self) -> String {
        match (self.is_link(), self.settings["joinColumnName"].as_str()) {
            (true, Some(column)) => column.to_owned(),
            (true, None) => format!("{}Id", self.name),
            (false, _) => self.name.clone(),
        }
    }

    /// Whether it is the side of a relation that has the column.
    pub(crate) fn is_link(&self) -> bool {
        self.target.is_some()
    }
}

/// The objects that are in use, each with its fields.
///
/// `objects` is the list of the REST interface, `relations` the same objects of the GraphQL one, which alone tells where relations lead.
pub(crate) fn read(objects: &[Json], relations: &Json) -> Vec<MetaObject> {
    let targets = targets(relations);
    // Custom is what another application than the one of `company` made; older releases say it themselves.
    let standard =
        objects.iter().find(|object| object["nameSingular"] == "company").map(|object| &object["applicationId"]);
    let is_custom = |json: &Json| match json["isCustom"].as_bool() {
        Some(custom) => custom,
        None => standard.is_some_and(|standard| !standard.is_null() && json["applicationId"] != *standard),
    };
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let live = |json: &&Json| json["isActive"] != false;
    objects
        .iter()
        .filter(live)
        .map(|object| {
            let fields: Vec<MetaField> = object["fields"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(live)
                .map(|field| MetaField {
                    target: targets.get(field["id"].as_str().unwrap_or_default()).cloned(),
                    id: text(&field["id"]),
                    name: text(&field["name"]),
                    label: text(&field["label"]),
                    ty: text(&field["type"]),
                    is_custom: is_custom(field),
                    is_nullable: field["isNullable"] != false,
                    is_unique: field["isUnique"] == true,
                    options: field["options"].as_array().cloned().unwrap_or_default(),
                    settings: field["settings"].clone(),
                })
                .collect();
            let shown = object["labelIdentifierFieldMetadataId"].as_str();
            let shown = fields.iter().find(|field| Some(field.id.as_str()) == shown);
            MetaObject {
                id: text(&object["id"]),
                singular: text(&object["nameSingular"]),
                plural: text(&object["namePlural"]),
                label: text(&object["labelSingular"]),
                label_plural: text(&object["labelPlural"]),
                is_system: object["isSystem"] == true,
                is_custom: is_custom(object),
                description: text(&object["description"]),
                label_field: shown.map(|field| field.name.clone()),
                fields,
            }
        })
        .collect()
}

/// Where to-one relations lead, by the field's id.
fn targets(relations: &Json) -> HashMap<String, String> {
    let nodes = relations["data"]["objects"]["edges"].as_array().into_iter().flatten();
    let fields = nodes.flat_map(|edge| edge["node"]["fieldsList"].as_array()).flatten();
    let target = |relation: &Json| {
        let to_one = relation["type"] == "MANY_TO_ONE";
        relation["targetObjectMetadata"]["nameSingular"].as_str().filter(|_| to_one).map(str::to_owned)
    };
    let mut found = HashMap::new();
    for field in fields {
        let (Some(id), Some(name)) = (field["id"].as_str(), field["name"].as_str()) else { continue };
        // A relation to several objects is one field each, and each is told with all of them.
        let several = field["morphRelations"].as_array().into_iter().flatten().filter_map(target);
        let own = several.filter(|to| name.to_lowercase().ends_with(&to.to_lowercase())).max_by_key(String::len);
        if let Some(to) = target(&field["relation"]).or(own) {
            found.insert(id.to_owned(), to);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn relations_to_several_objects_are_told_apart() {
        let to = |name: &str| json!({"type": "MANY_TO_ONE", "targetObjectMetadata": {"nameSingular": name}});
        let several = json!([to("person"), to("contactPerson")]);
        let fields = json!([
            {"id": "1", "name": "targetContactPerson", "relation": null, "morphRelations": several},
            {"id": "2", "name": "targetPerson", "morphRelations": several},
            {"id": "3", "name": "company", "relation": to("company"), "morphRelations": null},
            {"id": "4", "name": "people", "relation": {"type": "ONE_TO_MANY", "targetObjectMetadata": {"nameSingular": "person"}}},
        ]);
        let answer = json!({"data": {"objects": {"edges": [{"node": {"fieldsList": fields}}]}}});
        let found = targets(&answer);
        assert_eq!(
            (found["1"].as_str(), found["2"].as_str(), found["3"].as_str()),
            ("contactPerson", "person", "company")
        );
        assert!(!found.contains_key("4"));
    }

    #[test]
    fn what_somebody_added_is_custom_in_every_release() {
        let object = |name: &str, more: Json| {
            let mut object = json!({"id": name, "nameSingular": name, "namePlural": name, "fields": []});
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            object
        };
        let new = [object("company", json!({"applicationId": "a"})), object("project", json!({"applicationId": "b"}))];
        let old = [object("company", json!({"isCustom": false})), object("project", json!({"isCustom": true}))];
        for objects in [new, old] {
            let custom: Vec<bool> = read(&objects, &Json::Null).iter().map(|object| object.is_custom).collect();
            assert_eq!(custom, [false, true]);
        }
    }
}
