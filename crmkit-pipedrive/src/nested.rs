//! Participants and followers: listed below another record, added and removed, never changed.
//!
//! Their ids are the record's they hang on, an underscore, and their own: `7_12`. A follower has no id of its own, so the user's
//! stands for it. The id of one that was there before we came ends in `_before`, and removing it does nothing.

use std::collections::{BTreeMap, BTreeSet};

use crmkit_core::{
    Error, ErrorKind, Fields, ObjectSchema, Probe, RecordId, RecordRef, Result, Retry, Stored, Value,
    chrono::{DateTime, Utc},
};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value as Json, json};

use crate::{
    Pipedrive,
    client::writing,
    convert,
    object::{Nest, Object},
    reader::at,
    wire,
};

/// Parents asked at once; the budget paces them.
const AT_ONCE: usize = 10;
/// Parents of one page of a scan.
const PARENTS: usize = 50;
/// Ends the id of what was there before we came.
const BEFORE: &str = "_before";

/// Whether it was there before we came: then it is not ours to remove.
pub(crate) fn was_there(id: &RecordId) -> bool {
    id.as_str().ends_with(BEFORE)
}

impl Pipedrive {
    /// Adds a participant or follower.
    pub(crate) async fn add(
        &self,
        object: Object,
        schema: &ObjectSchema,
        fields: &Fields,
        send_before: DateTime<Utc>,
    ) -> Result<Stored> {
        let nest = object.nest().expect("only nested objects are added");
        let mut body = convert::body(object, schema, fields, true)?;
        let parent = body.remove(nest.at).unwrap_or_default().to_string();
        let request = writing(object.create().about(&parent)?, &body, send_before);
        match self.client.data::<wire::Object>(request).await {
            Ok(added) => shown(object, nest, schema, &parent, added),
            // Who owns a record follows it already, and the contact of a deal takes part in it.
            Err(error) if error.kind() == ErrorKind::Rejected && error.message().contains("already") => {
                let there = self.below(object, nest, schema, &parent).await?;
                let wanted = fields.get(nest.adds);
                let mut known = there.into_iter().find(|known| known.fields.get(nest.adds) == wanted).ok_or(error)?;
                known.id = RecordId::from(format!("{}{BEFORE}", known.id));
                Ok(known)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a participant is the contact of its deal, who takes part as long as he is that.
    pub(crate) async fn is_contact(&self, object: Object, id: &RecordId) -> Result<bool> {
        let Some(Nest { parent: Object::Deal, at, adds }) = object.nest() else { return Ok(false) };
        let schema = self.schema().await?;
        let of = |object: Object| schema.object(&object.name().into()).expect("the schema has every object");
        let Some(participant) = self.nested_by_id(object, of(object), std::slice::from_ref(id)).await?.remove(0) else {
            return Ok(false);
        };
        let deal = participant.fields.get(at).and_then(Value::as_ref_to).map(|deal| deal.id.clone());
        let Some(deal) = deal else { return Ok(false) };
        let deal = self.single(Object::Deal, of(Object::Deal), &deal).await?;
        Ok(deal.is_some_and(|deal| deal.fields.get("person_id") == participant.fields.get(adds)))
    }

    /// Those that hang on the records that the probes name.
    pub(crate) async fn nested_of(
        &self,
        object: Object,
        schema: &ObjectSchema,
        probes: &[Probe],
    ) -> Result<Vec<Stored>> {
        let nest = object.nest().expect("only nested objects are asked for");
        let mut parents = BTreeSet::new();
        for probe in probes {
            let parent = probe.fields.get(nest.at).and_then(Value::as_ref_to);
            let parent = parent.ok_or_else(|| {
                Error::input("pipedrive.find", "a probe does not name the record it hangs on")
                    .with_context("field", nest.at)
            })?;
            parents.insert(parent.id.as_str().to_owned());
        }
        self.below_all(object, nest, schema, parents).await
    }

    /// Those with these ids.
    pub(crate) async fn nested_by_id(
        &self,
        object: Object,
        schema: &ObjectSchema,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>> {
        let nest = object.nest().expect("only nested objects are asked for");
        let parents = ids.iter().filter_map(|id| Some(id.as_str().split_once('_')?.0.to_owned())).collect();
        let found = self.below_all(object, nest, schema, parents).await?;
        let found: BTreeMap<&str, &Stored> = found.iter().map(|stored| (stored.id.as_str(), stored)).collect();
        let one = |id: &RecordId| {
            let bare = id.as_str().strip_suffix(BEFORE).unwrap_or(id.as_str());
            found.get(bare).map(|stored| Stored { id: id.clone(), ..(*stored).clone() })
        };
        Ok(ids.iter().map(one).collect())
    }

    /// Those of a page of the records they hang on.
    pub(crate) async fn nested_page(
        &self,
        object: Object,
        schema: &ObjectSchema,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Stored>, Option<String>)> {
        let nest = object.nest().expect("only nested objects are listed below others");
        let list = nest.parent.list().request().query("limit", limit.min(PARENTS));
        let (parents, next) = self.client.page::<wire::Created>(at(nest.parent.place(), cursor, list)).await?;
        let parents = parents.iter().map(|parent| parent.id.to_string()).collect();
        Ok((self.below_all(object, nest, schema, parents).await?, next))
    }

    async fn below_all(
        &self,
        object: Object,
        nest: Nest,
        schema: &ObjectSchema,
        parents: BTreeSet<String>,
    ) -> Result<Vec<Stored>> {
        let found: Vec<Vec<Stored>> = stream::iter(parents)
            .map(|parent| async move { self.below(object, nest, schema, &parent).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Those of one record; none where it is not there any more.
    async fn below(&self, object: Object, nest: Nest, schema: &ObjectSchema, parent: &str) -> Result<Vec<Stored>> {
        // An id of another form cannot exist here.
        let Ok(list) = object.list().about(parent) else { return Ok(Vec::new()) };
        let list = list.query("limit", 500);
        let listed = match self.whole_list::<wire::Object>(object.place(), || list.clone()).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        listed.into_iter().map(|one| shown(object, nest, schema, parent, one)).collect()
    }
}

/// One of them, with the record it hangs on among its fields.
fn shown(object: Object, nest: Nest, schema: &ObjectSchema, parent: &str, mut one: wire::Object) -> Result<Stored> {
    let own = one.get("id").or_else(|| one.get(nest.adds)).and_then(Json::as_i64);
    let unreadable = || {
        let message = "the answer is not what the interface documents; check that the base address leads to pipedrive and to nothing in between";
        Error::new(ErrorKind::Protocol, object.create().operation, message, Retry::Verify)
    };
    let own = own.ok_or_else(unreadable)?;
    let target = RecordRef::new(nest.parent.name(), parent);
    one.insert("id".to_owned(), json!(format!("{parent}_{own}")));
    one.remove(nest.at);
    let entity = wire::Entity::try_from(one).map_err(|_| unreadable())?;
    let mut stored = convert::stored(object, schema, entity);
    stored.fields.insert(nest.at.into(), Value::link(target));
    Ok(stored)
}
