//! Reading back: by id, by marker or witness, and page by page.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use crmkit_core::{
    Cursor, Error, ErrorKind, FieldName, ObjectName, ObjectSchema, Page, PageRequest, Probe, Reader, RecordId, Result,
    Retry, Stored, Value,
    chrono::{DateTime, SecondsFormat, SubsecRound, Utc},
    http::Request,
};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::{
    Pipedrive,
    connector::object_of,
    convert::{html_of, same_minute, stored, visible_text},
    files::spelled,
    object::Object,
    wire,
};

const FIND: &str = "pipedrive.find";
/// The most ids that a list takes.
const IDS: usize = 100;
/// The most records of a page.
const LIMIT: usize = 500;
/// Single reads at once; the budget paces them.
const AT_ONCE: usize = 10;
/// Relations can only be listed per organization, so a page of them is that of some organizations.
const ORGANIZATIONS: usize = 50;

#[async_trait]
impl Reader for Pipedrive {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let schema = self.schema().await?;
        let (object, fields) = object_of(&schema, object, FIND)?;
        let Some(since) = probes.iter().map(|probe| probe.sent_after).min() else { return Ok(Vec::new()) };
        if probes.iter().any(|probe| probe.fields.is_empty()) {
            return Err(Error::input(FIND, "a probe names no field"));
        }
        let candidates = match object {
            Object::Organization | Object::Person | Object::Deal => self.marked(object, fields, probes, since).await?,
            Object::Lead | Object::Activity | Object::Note => self.changed_since(object, fields, since).await?,
            Object::File => self.files_since(fields, since).await?,
            Object::Relationship => self.relationships_of(fields, probes).await?,
            Object::Participant | Object::OrganizationFollower | Object::PersonFollower | Object::DealFollower => {
                self.nested_of(object, fields, probes).await?
            }
        };
        let fits = |probe: &Probe| {
            let hits = candidates.iter().filter(|stored| fits(object, probe, stored));
            hits.cloned().collect::<Vec<_>>()
        };
        Ok(probes.iter().map(fits).collect())
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let schema = self.schema().await?;
        let (object, fields) = object_of(&schema, object, "pipedrive.fetch")?;
        if object.nest().is_some() {
            return self.nested_by_id(object, fields, ids).await;
        }
        let mut found = HashMap::new();
        if object.by_ids() && ids.len() > 1 {
            for some in ids.chunks(IDS) {
                let list = some.iter().map(RecordId::as_str).collect::<Vec<_>>().join(",");
                let request = counted(object, object.list().request()).query("ids", list).query("limit", LIMIT);
                let (page, _) = self.client.page::<wire::Entity>(request).await?;
                found.extend(
                    page.into_iter().map(|entity| stored(object, fields, entity)).map(|it| (it.id.clone(), it)),
                );
            }
        }
        // Lists leave out what is archived or in the trash.
        let missing: BTreeSet<_> = ids.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
        let singles: Vec<_> = stream::iter(missing)
            .map(|id| async move { self.single(object, fields, &id).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        found.extend(singles.into_iter().flatten().map(|stored| (stored.id.clone(), stored)));
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let schema = self.schema().await?;
        let (object, fields) = object_of(&schema, &request.object, "pipedrive.scan")?;
        let cursor = request.cursor.as_ref().map(|cursor| cursor.0.as_str());
        let limit = request.limit.clamp(1, object.page());
        let (items, next) = match object {
            Object::Relationship => self.relationships(fields, cursor, limit).await?,
            _ if object.nest().is_some() => self.nested_page(object, fields, cursor, limit).await?,
            _ => {
                let list = counted(object, object.list().request()).query("limit", limit);
                let (page, next) = self.client.page::<wire::Entity>(at(object.place(), cursor, list)).await?;
                (page.into_iter().map(|entity| stored(object, fields, entity)).collect::<Vec<_>>(), next)
            }
        };
        let live: Vec<_> = items.into_iter().filter(|stored| !stored.trashed).collect();
        Ok(Page::of(live, next.map(Cursor)))
    }
}

impl Pipedrive {
    pub(crate) async fn single(&self, object: Object, fields: &ObjectSchema, id: &RecordId) -> Result<Option<Stored>> {
        // An id of another form cannot exist here.
        let Some(Ok(request)) = object.get().map(|get| get.about(id.as_str())) else { return Ok(None) };
        match self.record(object, fields, counted(object, request)).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records changed since, with their markers; then the hits whole.
    ///
    /// Oldest change first: what changes while the pages are read comes again at the end, and nothing is passed over.
    async fn marked(
        &self,
        object: Object,
        fields: &ObjectSchema,
        probes: &[Probe],
        since: DateTime<Utc>,
    ) -> Result<Vec<Stored>> {
        let markers: BTreeSet<&FieldName> = probes.iter().flat_map(|probe| probe.fields.keys()).collect();
        if let Some(unknown) = markers.iter().find(|name| !fields.fields.contains_key(**name)) {
            return Err(Error::new(ErrorKind::Rejected, FIND, "the account has no such field", Retry::Never)
                .with_context("field", unknown));
        }
        let custom: Vec<_> =
            markers.iter().filter(|name| fields.fields[**name].custom).map(|name| name.as_str()).collect();
        let list = |status: Option<&str>| {
            let request = object
                .list()
                .request()
                .query("updated_since", seconds(since))
                .query("sort_by", "update_time")
                .query("sort_direction", "asc")
                .query("limit", LIMIT);
            let request = if custom.is_empty() { request } else { request.query("custom_fields", custom.join(",")) };
            match status {
                Some(status) => request.query("status", status),
                None => request,
            }
        };
        let fits_any = |stored: &Stored| probes.iter().any(|probe| fits(object, probe, stored));
        let mut hits = Vec::new();
        let states: &[Option<&str>] = if object == Object::Deal { &[None, Some("deleted")] } else { &[None] };
        for state in states {
            let page = self.whole_list::<wire::Entity>("cursor", || list(*state)).await?;
            hits.extend(page.into_iter().map(|entity| stored(object, fields, entity)).filter(fits_any));
        }
        let trashed: Vec<_> = hits.iter().filter(|stored| stored.trashed).cloned().collect();
        let ids: BTreeSet<_> = hits.into_iter().filter(|stored| !stored.trashed).map(|stored| stored.id).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let whole = self.fetch(&object.name().into(), &ids).await?;
        Ok(whole.into_iter().flatten().chain(trashed).collect())
    }

    /// Whole records changed since: what has no field that a list could be cut down to.
    async fn changed_since(&self, object: Object, fields: &ObjectSchema, since: DateTime<Utc>) -> Result<Vec<Stored>> {
        let list = || object.list().request().query("updated_since", seconds(since)).query("limit", LIMIT);
        let records = self.whole_list::<wire::Entity>(object.place(), list).await?;
        Ok(records.into_iter().map(|entity| stored(object, fields, entity)).collect())
    }

    /// Files added since, newest first: no list of them can be cut down. What is added while the pages are read moves others back, so
    /// that they come twice, and nothing is passed over.
    async fn files_since(&self, fields: &ObjectSchema, since: DateTime<Utc>) -> Result<Vec<Stored>> {
        let object = Object::File;
        let mut files: Vec<Stored> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let list = object.list().request().query("sort", "id DESC").query("limit", object.page());
            let (page, next) = self.client.page::<wire::Entity>(at(object.place(), cursor.as_deref(), list)).await?;
            let page: Vec<Stored> = page.into_iter().map(|entity| stored(object, fields, entity)).collect();
            let older = |file: &Stored| match file.fields.get("add_time") {
                Some(Value::Timestamp(added)) => *added < since.trunc_subsecs(0),
                _ => false,
            };
            let done = page.last().is_some_and(older);
            for file in page {
                if files.iter().all(|known| known.id != file.id) {
                    files.push(file);
                }
            }
            match next {
                Some(next) if !done && cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(files),
            }
        }
    }

    /// The relations of every parent that the probes name, or of the daughter where a probe names no parent.
    async fn relationships_of(&self, fields: &ObjectSchema, probes: &[Probe]) -> Result<Vec<Stored>> {
        let mut organizations = BTreeSet::new();
        for probe in probes {
            let ends = ["rel_owner_org_id", "rel_linked_org_id"];
            let end = ends.into_iter().find_map(|end| probe.fields.get(end)?.as_ref_to());
            let end = end.ok_or_else(|| Error::input(FIND, "a probe names no organization of the relation"))?;
            organizations.insert(end.id.as_str().to_owned());
        }
        let mut found: Vec<Stored> = Vec::new();
        for organization in organizations {
            let more = self.relationships_at(fields, &organization).await?;
            found.extend(
                more.into_iter().filter(|new| found.iter().all(|known| known.id != new.id)).collect::<Vec<_>>(),
            );
        }
        Ok(found)
    }

    async fn relationships_at(&self, fields: &ObjectSchema, organization: &str) -> Result<Vec<Stored>> {
        let list = || Object::Relationship.list().request().query("org_id", organization);
        let relationships = self.whole_list::<wire::Entity>("start", list).await?;
        Ok(relationships.into_iter().map(|entity| stored(Object::Relationship, fields, entity)).collect())
    }

    /// The relations of a page of organizations, each with its parent.
    async fn relationships(
        &self,
        fields: &ObjectSchema,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Stored>, Option<String>)> {
        let list = Object::Organization.list().request().query("limit", limit.min(ORGANIZATIONS));
        let (organizations, next) = self.client.page::<wire::Created>(at("cursor", cursor, list)).await?;
        let found: Vec<Vec<Stored>> = stream::iter(organizations)
            .map(|organization| async move {
                let id = organization.id.to_string();
                let mut found = self.relationships_at(fields, &id).await?;
                found.retain(|stored| {
                    let owner = stored.fields.get("rel_owner_org_id").and_then(Value::as_ref_to);
                    owner.is_some_and(|owner| owner.id == id.as_str())
                });
                Ok::<_, Error>(found)
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok((found.into_iter().flatten().collect(), next))
    }

    /// Every page of a list.
    pub(crate) async fn whole_list<T: serde::de::DeserializeOwned>(
        &self,
        place: &'static str,
        list: impl Fn() -> Request,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let (page, next) = self.client.page(at(place, cursor.as_deref(), list())).await?;
            all.extend(page);
            match next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }
}

/// The request with the counters that its object has.
fn counted(object: Object, request: Request) -> Request {
    let names: Vec<_> = object.counters().iter().map(|(counter, _)| *counter).collect();
    if names.is_empty() { request } else { request.query("include_fields", names.join(",")) }
}

pub(crate) fn at(place: &'static str, cursor: Option<&str>, request: Request) -> Request {
    match cursor {
        Some(cursor) => request.query(place, cursor),
        None => request,
    }
}

/// Whole seconds, rounded down: fractions are refused.
fn seconds(moment: DateTime<Utc>) -> String {
    moment.trunc_subsecs(0).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Whether a record is what a probe looks for.
fn fits(object: Object, probe: &Probe, stored: &Stored) -> bool {
    let since = probe.sent_after.trunc_subsecs(0);
    // Where the moment it was made cannot be told from outside, the lists leave out what was not changed since.
    let recent = match stored.fields.get("add_time") {
        Some(Value::Timestamp(added)) if object.tells_when_made() => *added >= since,
        _ => stored.modified.is_none_or(|modified| modified >= since),
    };
    let same = |(name, wanted): (&FieldName, &Value)| {
        let found = stored.fields.get(name);
        let minute = |found| object == Object::Activity && same_minute(name.as_str(), wanted, found);
        same(wanted, found) || found.is_some_and(minute)
    };
    recent && probe.fields.iter().all(same)
}

fn same(wanted: &Value, stored: Option<&Value>) -> bool {
    match (wanted, stored) {
        (Value::Null, None) => true,
        (Value::Rich(wanted), Some(Value::Rich(stored))) => {
            visible_text(&html_of(wanted)) == visible_text(&stored.text)
        }
        (Value::Timestamp(wanted), Some(Value::Timestamp(stored))) => {
            wanted.trunc_subsecs(0) == stored.trunc_subsecs(0)
        }
        (Value::Text(wanted), Some(Value::Text(stored))) => wanted == stored || spelled(wanted) == **stored,
        (wanted, Some(stored)) => wanted == stored,
        (_, None) => false,
    }
}
