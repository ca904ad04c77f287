//! Preparing the mock.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    MockDestination,
    fault::{MockFault, on_the_wire, too_late},
    refused,
};
use crate::{
    ExistingItem, FieldConcept, FieldSchema, FieldType, ItemKind, OptionSchema, Provisioner, Result, SchemaItem,
};

#[async_trait]
impl Provisioner for MockDestination {
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        on_the_wire().await;
        if self.clock.now() > send_before {
            return Err(too_late());
        }
        let mut world = self.world();
        let fault = world.next_fault();
        if let Some(error) = fault.and_then(MockFault::before) {
            return Err(error);
        }
        let id = format!("item{}", world.next);
        world.next += 1;
        let pipeline = item
            .parent
            .as_ref()
            .and_then(|parent| world.items.iter().find(|known| known.id == *parent))
            .map(|known| known.item.name.clone());
        let object = world.schema.objects.get_mut(&item.object).ok_or_else(|| refused("there is no such object"))?;
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
        world.items.push(ExistingItem { id: id.clone(), item: item.clone() });
        world.log.push(format!("prepare {}", item.name));
        fault.map_or(Ok(id), |fault| Err(fault.after()))
    }

    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        on_the_wire().await;
        if self.clock.now() > send_before {
            return Err(too_late());
        }
        let mut world = self.world();
        let fault = world.next_fault();
        if let Some(error) = fault.and_then(MockFault::before) {
            return Err(error);
        }
        world.items.retain(|known| known.id != item.id);
        if let Some(object) = world.schema.objects.get_mut(&item.item.object) {
            object.fields.shift_remove(item.id.as_str());
            for field in object.fields.values_mut() {
                field.options.retain(|option| option.id != item.id);
            }
        }
        fault.map_or(Ok(()), |fault| Err(fault.after()))
    }
}
