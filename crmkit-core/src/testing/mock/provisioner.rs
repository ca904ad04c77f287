//! Preparing the mock.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    MockCall, MockDestination, World, refused,
    wire::{Change, Effect},
};
use crate::{
    ExistingItem, FieldConcept, FieldSchema, FieldType, ItemKind, OptionSchema, Provisioner, Result, SchemaItem,
};

#[async_trait]
impl Provisioner for MockDestination {
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let change = Change::Create(item.clone());
        match self.send(MockCall::Prepare, &item.object, change, send_before).await? {
            Effect::Made(id) => id.map_err(refused),
            _ => unreachable!("an item was made"),
        }
    }

    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        self.send(MockCall::Retire, &item.item.object, Change::Retire(item.clone()), send_before).await.map(drop)
    }
}

impl World {
    pub(super) fn create_item(&mut self, item: &SchemaItem) -> std::result::Result<String, String> {
        let id = format!("item{}", self.next);
        let pipeline = item
            .parent
            .as_ref()
            .and_then(|parent| self.items.iter().find(|known| known.id == *parent))
            .map(|known| known.item.name.clone());
        if item.kind == ItemKind::Object {
            return self.create_object(item);
        }
        let object = self.schema.objects.get_mut(&item.object).ok_or("there is no such object")?;
        self.next += 1;
        let meant = |concept| move |field: &&mut FieldSchema| field.concept == Some(concept);
        let listed = OptionSchema { id: id.clone(), label: item.name.clone() };
        match item.kind {
            ItemKind::Field => {
                let ty = item.ty.clone().unwrap_or(FieldType::text());
                let mut field = FieldSchema::new(id.as_str(), item.name.clone(), ty).custom().clearable();
                let option = |(index, label): (usize, &String)| OptionSchema {
                    id: format!("{id}-{index}"),
                    label: label.clone(),
                };
                field.options = item.options.iter().enumerate().map(option).collect();
                object.fields.insert(field.name.clone(), field);
            }
            ItemKind::Stage => {
                let label = format!("{}/{}", pipeline.unwrap_or_default(), item.name);
                if let Some(stage) = object.fields.values_mut().find(|field| field.concept == Some(FieldConcept::Stage))
                {
                    stage.options.push(OptionSchema { id: id.clone(), label });
                }
            }
            ItemKind::Option | ItemKind::Label => {
                let field = item.parent.as_ref().and_then(|name| object.fields.get_mut(name.as_str()));
                field.ok_or("there is no such field")?.options.push(listed);
            }
            ItemKind::ActivityType => {
                let kind = object.fields.values_mut().find(meant(FieldConcept::Kind));
                kind.ok_or("its activities have no kinds")?.options.push(listed);
            }
            ItemKind::LeadSource => {
                let source = object.fields.values_mut().find(meant(FieldConcept::LeadSource));
                source.ok_or("it has no sources")?.options.push(listed);
            }
            ItemKind::Pipeline | ItemKind::Filter | ItemKind::Object => {}
        }
        self.items.push(ExistingItem { id: id.clone(), item: item.clone() });
        self.log.push(format!("prepare {}", item.name));
        Ok(id)
    }

    fn create_object(&mut self, item: &SchemaItem) -> std::result::Result<String, String> {
        let mut made = self.custom_object.clone().ok_or("nobody can add objects")?;
        let name = format!("custom{}", self.next);
        self.next += 1;
        made.schema.name = name.as_str().into();
        made.schema.label.clone_from(&item.name);
        self.abilities.insert(made.schema.name.clone(), made.abilities);
        self.schema.objects.insert(made.schema.name.clone(), made.schema);
        self.items.push(ExistingItem { id: name.clone(), item: item.clone() });
        self.log.push(format!("prepare {}", item.name));
        Ok(name)
    }

    pub(super) fn retire_item(&mut self, item: &ExistingItem) {
        self.items.retain(|known| known.id != item.id);
        if item.item.kind == ItemKind::Object {
            self.schema.objects.shift_remove(item.id.as_str());
            self.abilities.shift_remove(item.id.as_str());
        }
        if let Some(object) = self.schema.objects.get_mut(&item.item.object) {
            object.fields.shift_remove(item.id.as_str());
            for field in object.fields.values_mut() {
                field.options.retain(|option| option.id != item.id);
            }
        }
    }
}
