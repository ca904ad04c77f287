//! A small CRM for tests.

use std::sync::Arc;

use super::MockDestination;
use crate::{Abilities, Clock, FieldConcept, FieldSchema, FieldType, ObjectSchema, Recovery, Removal, User};

impl MockDestination {
    /// A small CRM: organizations with parents, persons, deals in stages, notes, two users; one record a request.
    pub fn crm(clock: Arc<dyn Clock>) -> Self {
        use crate::ObjectConcept as Object;
        let owner = || FieldSchema::new("owner", "Owner", FieldType::link("user")).means(FieldConcept::Owner);
        let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name).required();
        let marked = Recovery::MarkerField { label: "crmkit_id".to_owned() };
        let witnessed =
            Recovery::Witness { fields: vec!["organization".into(), "person".into(), "deal".into(), "body".into()] };
        let organization =
            ObjectSchema::new("organization", "Organization", Object::Organization).with(name()).with(owner()).with(
                FieldSchema::new("parent", "Parent", FieldType::link("organization"))
                    .means(FieldConcept::Parent)
                    .clearable(),
            );
        let person = ObjectSchema::new("person", "Person", Object::Person)
            .with(name())
            .with(owner())
            .with(FieldSchema::new("emails", "E-mails", FieldType::Emails).means(FieldConcept::Emails).clearable())
            .with(
                FieldSchema::new("organization", "Organization", FieldType::link("organization"))
                    .means(FieldConcept::Organization),
            );
        let deal = ObjectSchema::new("deal", "Deal", Object::Deal)
            .with(name())
            .with(owner())
            .with(FieldSchema::new("stage", "Stage", FieldType::Option).means(FieldConcept::Stage))
            .with(FieldSchema::new("amount", "Amount", FieldType::Decimal).means(FieldConcept::Amount))
            .with(FieldSchema::new("person", "Person", FieldType::link("person")).means(FieldConcept::Person))
            .with(
                FieldSchema::new("organization", "Organization", FieldType::link("organization"))
                    .means(FieldConcept::Organization),
            );
        let note = ObjectSchema::new("note", "Note", Object::Note)
            .with(FieldSchema::new("body", "Body", FieldType::Rich).means(FieldConcept::Body).required())
            .with(
                FieldSchema::new("organization", "Organization", FieldType::link("organization"))
                    .means(FieldConcept::Organization),
            )
            .with(FieldSchema::new("person", "Person", FieldType::link("person")).means(FieldConcept::Person))
            .with(FieldSchema::new("deal", "Deal", FieldType::link("deal")).means(FieldConcept::Deal));
        let able = |recovery| Abilities {
            batch: 1,
            atomic: false,
            recovery,
            update: true,
            remove: Removal::Soft,
            volatile: Vec::new(),
            max_bytes: None,
        };
        let objects = vec![
            (organization, able(marked.clone())),
            (person, able(marked.clone())),
            (deal, able(marked)),
            (note, able(witnessed)),
        ];
        let user = |id: &str, email: &str, importing| User {
            id: id.into(),
            email: email.to_owned(),
            name: email.to_owned(),
            active: true,
            importing,
        };
        Self::new(clock, objects, vec![user("1", "importer@crm.example", true), user("2", "ann@crm.example", false)])
    }
}
