//! What is stored in the account, read past the interface.

use std::collections::{BTreeMap, HashMap};

use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde_json::{Value, json};

/// The account's live rows, by table.
pub(crate) struct Account(BTreeMap<String, Vec<Value>>);

impl Account {
    pub(crate) fn of(simulator: &PipedriveSimulator) -> Self {
        let tables = [
            "users",
            "pipelines",
            "stages",
            "dealFields",
            "personFields",
            "organizationFields",
            "organizations",
            "persons",
            "deals",
            "organizationRelationships",
            "notes",
        ];
        let live = |row: &Value| row["is_deleted"] != true && row["active_flag"] != false && row["status"] != "deleted";
        let rows = |table: &str| simulator.rows(table).into_iter().filter(live).collect();
        Self(tables.iter().map(|table| ((*table).to_owned(), rows(table))).collect())
    }

    pub(crate) fn rows(&self, table: &str) -> &[Value] {
        &self.0[table]
    }

    /// Everything, apart from when it was last changed.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Vec<Value>> {
        let mut tables = self.0.clone();
        for row in tables.values_mut().flatten() {
            row.as_object_mut().expect("a row").remove("update_time");
        }
        tables
    }

    /// The code of the custom field of that name, of which there is one.
    fn code(&self, fields: &str, name: &str) -> String {
        let named = |row: &&Value| row["field_name"] == name && row["is_custom_field"] == true;
        let found: Vec<&Value> = self.rows(fields).iter().filter(named).collect();
        assert_eq!(found.len(), 1, "custom fields of {fields} with the name {name}");
        found[0]["field_code"].as_str().expect("a code").to_owned()
    }

    /// The value of a custom field.
    pub(crate) fn custom<'a>(&self, fields: &str, name: &str, row: &'a Value) -> &'a Value {
        &row["custom_fields"][self.code(fields, name)]
    }

    /// The rows of a table by the source id that people see there, each of which occurs once.
    pub(crate) fn by_source_id(&self, table: &str, fields: &str) -> HashMap<&str, &Value> {
        let code = self.code(fields, "Source id");
        let mut found = HashMap::new();
        for row in self.rows(table) {
            let id = row["custom_fields"][&code].as_str().unwrap_or_else(|| panic!("no source id: {row}"));
            assert!(found.insert(id, row).is_none(), "{table} has {id} twice");
        }
        found
    }

    /// The member with an e-mail address.
    pub(crate) fn member(&self, email: &str) -> Value {
        let member = self.rows("users").iter().find(|user| user["email"] == email);
        member.map_or(json!(null), |user| user["id"].clone())
    }

    /// The id of a pipeline's stage.
    pub(crate) fn stage(&self, pipeline: &str, stage: &str) -> Value {
        let pipelines: Vec<&Value> = self.rows("pipelines").iter().filter(|row| row["name"] == pipeline).collect();
        assert_eq!(pipelines.len(), 1, "pipelines with the name {pipeline}");
        let of_pipeline = |row: &&Value| row["pipeline_id"] == pipelines[0]["id"] && row["name"] == stage;
        let stages: Vec<&Value> = self.rows("stages").iter().filter(of_pipeline).collect();
        assert_eq!(stages.len(), 1, "stages of {pipeline} with the name {stage}");
        stages[0]["id"].clone()
    }
}
