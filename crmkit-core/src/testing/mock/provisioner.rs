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
        let object = self.schema.objects.get_mut(&item.object).ok_or("there is no such object")?;
        self.next += 1;
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
            ItemKind::Pipeline | ItemKind::Option | ItemKind::Label => {}
        }
        self.items.push(ExistingItem { id: id.clone(), item: item.clone() });
        self.log.push(format!("prepare {}", item.name));
        Ok(id)
    }

    pub(super) fn retire_item(&mut self, item: &ExistingItem) {
        self.items.retain(|known| known.id != item.id);
        if let Some(object) = self.schema.objects.get_mut(&item.item.object) {
            object.fields.shift_remove(item.id.as_str());
            for field in object.fields.values_mut() {
                field.options.retain(|option| option.id != item.id);
            }
        }
    }
}
