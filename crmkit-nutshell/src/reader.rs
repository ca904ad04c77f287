//! Reading back: by id, by marker or witness, and page by page.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    Cursor, Error, FieldName, Fields, ObjectName, ObjectSchema, Page, PageRequest, Probe, Reader, RecordId, Result,
    Stored, Value,
    chrono::{SubsecRound, TimeDelta},
    same_value,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value as Json, json};

use crate::{
    Nutshell,
    client::{Call, get},
    connector::LIMIT,
    convert::{is_gone, stored},
    files::{FileId, listed, parent_in, stored_file},
    object::Object,
    schema::bare_name,
    wire::{Record, id_of},
};

const FIND: &str = "nutshell.find";
/// Single reads at once; the budget paces them.
const AT_ONCE: usize = 4;

#[async_trait]
impl Reader for Nutshell {
    /// Lists lag: they are asked after the lag, again after it for what was not found, and each hit is confirmed by its id.
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let known = self.known().await?;
        let (object, schema) = known.object(object, FIND)?;
        if probes.iter().any(|probe| probe.fields.is_empty()) {
            return Err(Error::input(FIND, "a probe names no field"));
        }
        let mut hits: Vec<Vec<Stored>> = vec![Vec::new(); probes.len()];
        for _ in 0..2 {
            let missing: Vec<usize> = (0..probes.len()).filter(|place| hits[*place].is_empty()).collect();
            if missing.is_empty() {
                break;
            }
            self.wait_for_lists().await;
            let asked: Vec<&Probe> = missing.iter().map(|place| &probes[*place]).collect();
            let found = match object {
                Object::Note => self.notes_of(schema, &asked).await?,
                Object::Activity => self.activities_of(schema, &asked).await?,
                Object::File => self.files_of(&asked).await?,
                _ => self.marked(object, schema, &asked).await?,
            };
            for (place, found) in missing.into_iter().zip(found) {
                hits[place] = found;
            }
        }
        Ok(hits)
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let known = self.known().await?;
        let (object, schema) = known.object(object, "nutshell.fetch")?;
        let single = |id: RecordId| async move {
            // An id of another form cannot exist here.
            if object == Object::File {
                return self.file(&id).await;
            }
            let Ok(number) = object.number(&id) else { return Ok(None) };
            Ok::<_, Error>(self.read_one(object, number).await?.map(|record| stored(object, schema, &record)))
        };
        stream::iter(ids.to_vec()).map(single).buffered(AT_ONCE).try_collect().await
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let known = self.known().await?;
        let (object, schema) = known.object(&request.object, "nutshell.scan")?;
        if object == Object::File {
            return self.scan_files(request).await;
        }
        let page: u64 = match &request.cursor {
            Some(Cursor(text)) => text.parse().map_err(|_| Error::input("nutshell.scan", "the cursor is not ours"))?,
            None => {
                self.wait_for_lists().await;
                1
            }
        };
        let limit = request.limit.clamp(1, LIMIT);
        let (records, more) = match object {
            Object::Note => {
                let list = get("note.list", "/rest/notes").query("page[limit]", limit).query("page[page]", page - 1);
                let listed: Vec<Json> = self.client.rest(list, "notes").await?;
                let ids: Vec<i64> = listed.iter().filter_map(|note| id_of(&note["id"])).collect();
                (self.read_all(object, ids).await?, !listed.is_empty())
            }
            _ => {
                let mut params = json!({
                    "orderBy": "id", "orderDirection": "ASC", "limit": limit, "page": page, "stubResponses": false,
                });
                if object == Object::Lead {
                    // Everybody's, not the caller's alone.
                    params["query"] = json!({"filter": 2});
                }
                let call = Call::read("nutshell.scan", &format!("find{}", object.entity()), params);
                let records: Vec<Record> = self.client.call(call).await?;
                let more = records.len() >= limit;
                (records, more)
            }
        };
        let live = records.iter().map(|record| stored(object, schema, record)).filter(|stored| !stored.trashed);
        Ok(Page::of(live.collect(), more.then(|| Cursor((page + 1).to_string()))))
    }
}

impl Nutshell {
    /// A record by id, the trash included; none where there never was one.
    pub(crate) async fn read_one(&self, object: Object, id: i64) -> Result<Option<Record>> {
        let call = Call::read(object.reading(), &object.method("get"), Json::Object(object.params(id)));
        match self.client.call(call).await {
            Err(error) if error.kind() == crmkit_core::ErrorKind::NotFound => Ok(None),
            result => result,
        }
    }

    pub(crate) async fn read_all(&self, object: Object, ids: Vec<i64>) -> Result<Vec<Record>> {
        let records: Vec<Option<Record>> =
            stream::iter(ids).map(|id| self.read_one(object, id)).buffered(AT_ONCE).try_collect().await?;
        Ok(records.into_iter().flatten().collect())
    }

    /// Until what was written before now is in the lists.
    pub(crate) async fn wait_for_lists(&self) {
        let clock = self.client.clock();
        let lag = TimeDelta::from_std(Duration::from_secs(self.config.lag_seconds)).unwrap_or(TimeDelta::zero());
        clock.sleep_until(clock.now() + lag).await;
    }

    /// Records by their marker, which REST filters by.
    async fn marked(&self, object: Object, schema: &ObjectSchema, probes: &[&Probe]) -> Result<Vec<Vec<Stored>>> {
        let mut all = Vec::with_capacity(probes.len());
        for probe in probes {
            let wanted =
                |name: &FieldName, value: &Value| Some((bare_name(name).to_owned(), value.as_text()?.to_owned()));
            let filter =
                probe.fields.iter().find(|(name, _)| schema.fields.get(*name).is_some_and(|field| field.custom));
            let Some((name, value)) = filter.and_then(|(name, value)| wanted(name, value)) else {
                return Err(Error::input(FIND, "a probe names no custom text field"));
            };
            let list = get("nutshell.find", format!("/rest/{}", object.resource()))
                .query(format!("filter[{name}]"), value)
                .query("page[limit]", LIMIT);
            let listed: Vec<Json> = self.client.rest(list, object.resource()).await?;
            let ids: BTreeSet<i64> = listed.iter().filter_map(|item| id_of(&item["id"])).collect();
            let records = self.read_all(object, ids.into_iter().collect()).await?;
            let hits = records.iter().map(|record| stored(object, schema, record));
            all.push(hits.filter(|stored| same(&probe.fields, &stored.fields)).collect());
        }
        Ok(all)
    }

    /// Notes by what they hang on: each record comes with its notes, and its timeline lists those that it leaves out.
    async fn notes_of(&self, schema: &ObjectSchema, probes: &[&Probe]) -> Result<Vec<Vec<Stored>>> {
        let mut notes: BTreeMap<(&str, i64), Vec<Stored>> = BTreeMap::new();
        let mut parents = Vec::new();
        for probe in probes {
            let parent = Object::MARKED.into_iter().find_map(|object| {
                let to = probe.fields.get(object.name())?.as_ref_to()?;
                Some((object, object.number(&to.id).ok()?))
            });
            let (object, id) =
                parent.ok_or_else(|| Error::input(FIND, "a probe does not say what the note hangs on"))?;
            parents.push((object.name(), id));
            if notes.contains_key(&(object.name(), id)) {
                continue;
            }
            let mut ids: BTreeSet<i64> = BTreeSet::new();
            if let Some(parent) = self.read_one(object, id).await? {
                ids.extend(parent.get("notes").as_array().into_iter().flatten().filter_map(|note| id_of(&note["id"])));
            }
            ids.extend(self.timeline(object, id).await?);
            let records = self.read_all(Object::Note, ids.into_iter().collect()).await?;
            let records = records.iter().map(|record| stored(Object::Note, schema, record)).collect();
            notes.insert((object.name(), id), records);
        }
        let fits = |probe: &Probe, stored: &Stored| {
            let made = match stored.fields.get("date") {
                Some(Value::Timestamp(made)) => *made >= probe.sent_after.trunc_subsecs(0),
                _ => true,
            };
            made && same(&probe.fields, &stored.fields)
        };
        let hits = |(probe, parent): (&&Probe, &(&str, i64))| {
            notes[parent].iter().filter(|stored| fits(probe, stored)).cloned().collect()
        };
        Ok(probes.iter().zip(&parents).map(hits).collect())
    }

    /// Activities by who or what takes part in them. Lists have stubs, whose names say which are worth reading.
    async fn activities_of(&self, schema: &ObjectSchema, probes: &[&Probe]) -> Result<Vec<Vec<Stored>>> {
        let mut listed: BTreeMap<(&str, i64), Vec<Json>> = BTreeMap::new();
        let mut all = Vec::with_capacity(probes.len());
        for probe in probes {
            let whose = ["lead", "contact", "account", "owner"].into_iter().find_map(|field| {
                Some((field, probe.fields.get(field)?.as_ref_to()?.id.as_str().parse::<i64>().ok()?))
            });
            let key = whose.ok_or_else(|| Error::input(FIND, "a probe does not say who takes part"))?;
            if let Entry::Vacant(place) = listed.entry(key) {
                place.insert(self.activity_stubs(key.0, key.1).await?);
            }
            let name = probe.fields.get("name").and_then(Value::as_text).unwrap_or_default().trim().to_owned();
            let alike = |stub: &&Json| stub["name"].as_str().is_none_or(|known| known.trim() == name);
            let ids: BTreeSet<i64> = listed[&key].iter().filter(alike).filter_map(|stub| id_of(&stub["id"])).collect();
            let records = self.read_all(Object::Activity, ids.into_iter().collect()).await?;
            let made = |stored: &Stored| match stored.fields.get("createdTime") {
                Some(Value::Timestamp(made)) => *made >= probe.sent_after.trunc_subsecs(0),
                _ => true,
            };
            let hits = records.iter().map(|record| stored(Object::Activity, schema, record));
            all.push(hits.filter(|stored| made(stored) && same(&probe.fields, &stored.fields)).collect());
        }
        Ok(all)
    }

    /// The activities in which somebody takes part, in short.
    pub(crate) async fn activity_stubs(&self, whose: &str, id: i64) -> Result<Vec<Json>> {
        let query = participant(whose, id);
        let mut all = Vec::new();
        for page in 1.. {
            let params = json!({"query": query, "orderBy": "id", "limit": LIMIT, "page": page});
            let some: Vec<Json> = self.client.call(Call::read("activity.list", "findActivities", params)).await?;
            let last = some.len() < LIMIT;
            all.extend(some);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Whether a live activity hangs on a person or company, who do not list theirs.
    pub(crate) async fn has_activities(&self, object: Object, id: i64) -> Result<bool> {
        for stub in self.activity_stubs(object.name(), id).await? {
            let Some(activity) = id_of(&stub["id"]) else { continue };
            if self.read_one(Object::Activity, activity).await?.is_some_and(|record| !is_gone(&record)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A file by its record.
    async fn file(&self, id: &RecordId) -> Result<Option<Stored>> {
        let Some(id) = FileId::parse(id) else { return Ok(None) };
        let Some(record) = self.read_one(id.holder, id.record).await? else { return Ok(None) };
        let file = listed(id.holder, &record).into_iter().find(|file| id_of(&file["id"]) == Some(id.file));
        Ok(file.and_then(|file| stored_file(id.holder, &record, file)))
    }

    /// Files by what they hang on.
    async fn files_of(&self, probes: &[&Probe]) -> Result<Vec<Vec<Stored>>> {
        let mut all = Vec::with_capacity(probes.len());
        for probe in probes {
            let (parent, id) = parent_in(&probe.fields)?;
            let (holder, records) = match parent {
                Object::Lead | Object::Activity => (parent, self.read_one(parent, id).await?.into_iter().collect()),
                _ => (Object::Activity, self.carriers_of(parent, id).await?),
            };
            let files = records.iter().flat_map(|record| {
                listed(holder, record).into_iter().filter_map(move |file| stored_file(holder, record, file))
            });
            all.push(files.filter(|stored| same(&probe.fields, &stored.fields)).collect());
        }
        Ok(all)
    }

    /// The files of all leads, then of all activities.
    async fn scan_files(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let of = |object: Object| ObjectName::from(object.name());
        let (holder, inner) = match &request.cursor {
            Some(Cursor(text)) => match text.split_once(':') {
                Some(("activity", rest)) => (Object::Activity, Some(rest.to_owned())),
                Some((_, rest)) => (Object::Lead, Some(rest.to_owned())),
                None => return Err(Error::input("nutshell.scan", "the cursor is not ours")),
            },
            None => (Object::Lead, None),
        };
        let cursor = inner.filter(|rest| !rest.is_empty()).map(Cursor);
        let page = self.scan(&PageRequest { object: of(holder), cursor, limit: request.limit }).await?;
        let ids: Vec<i64> = page.items.iter().filter_map(|stored| stored.id.as_str().parse().ok()).collect();
        let records = self.read_all(holder, ids).await?;
        let files: Vec<Stored> = records
            .iter()
            .flat_map(|record| listed(holder, record).into_iter().filter_map(|file| stored_file(holder, record, file)))
            .collect();
        let next = match (page.next, holder) {
            (Some(Cursor(next)), _) => Some(format!("{}:{next}", holder.name())),
            (None, Object::Lead) => Some("activity:".to_owned()),
            (None, _) => None,
        };
        Ok(Page::of(files, next.map(Cursor)))
    }

    /// The ids of the notes in a record's timeline.
    async fn timeline(&self, object: Object, id: i64) -> Result<Vec<i64>> {
        let mut ids = Vec::new();
        for page in 1.. {
            let query = json!({"entityType": object.entity(), "id": id});
            let params = json!({"query": query, "limit": LIMIT, "page": page});
            let items: Vec<Json> = self.client.call(Call::read("nutshell.timeline", "findTimeline", params)).await?;
            // Notes may come without their type.
            let is_note = |item: &&Json| match item["entityType"].as_str() {
                Some(kind) => kind == "Notes",
                None => item.get("note").is_some(),
            };
            ids.extend(items.iter().filter(is_note).filter_map(|item| id_of(&item["id"])));
            if items.len() < LIMIT {
                break;
            }
        }
        Ok(ids)
    }
}

/// The filter for activities in which somebody takes part.
fn participant(field: &str, id: i64) -> Json {
    match field {
        "lead" => json!({"leadId": id}),
        "contact" => json!({"contactId": [id]}),
        "account" => json!({"accountId": [id]}),
        _ => json!({"userId": [id]}),
    }
}

fn same(wanted: &Fields, stored: &Fields) -> bool {
    wanted.iter().all(|(name, value)| same_value(value, stored.get(name)))
}
