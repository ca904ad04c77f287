//! Reading back: by id, and page by page.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use crmkit_core::{
    Cursor, Error, ErrorKind, ObjectName, Page, PageRequest, Probe, Reader, RecordId, Result, Retry, Stored,
    http::reqwest::Method,
};

use crate::{
    Twenty,
    connector::{Target, uuid},
    convert,
    metadata::MetaObject,
    schema::{Workspace, object_name},
};

const FIND: &str = "twenty.find";
const FETCH: &str = "twenty.fetch";
/// Ids in one filter: the server refuses addresses and headers of more than 16 KB together.
const IDS: usize = 100;
/// The most records of a page.
const LIMIT: usize = 200;
/// Without it, filters see live records only.
pub(crate) const TRASHED_TOO: &str = "or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL)";

#[async_trait]
impl Reader for Twenty {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, object, FIND)?;
        let ids = probes.iter().map(|probe| {
            let id = probe.fields.get("id").and_then(|id| id.as_text()).map(RecordId::from);
            id.filter(|_| probe.fields.len() == 1)
                .ok_or_else(|| Error::input(FIND, "records are found by their id alone"))
        });
        let ids = ids.collect::<Result<Vec<_>>>()?;
        let found = self.by_ids(target, &ids).await?;
        Ok(ids.iter().map(|id| found.get(id).cloned().into_iter().collect()).collect())
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, object, FETCH)?;
        let mut found = self.by_ids(target, ids).await?;
        self.attach(&workspace, target, &mut found).await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let workspace = self.workspace().await?;
        if !workspace.objects.contains_key(request.object.as_str()) {
            let gone = "the workspace has no such object";
            return Err(Error::new(ErrorKind::NotFound, "twenty.scan", gone, Retry::Never));
        }
        let target = Target::of(&workspace, &request.object, "twenty.scan")?;
        let list = target.request("twenty.scan", Method::GET).query("limit", request.limit.clamp(1, LIMIT));
        let list = match &request.cursor {
            Some(cursor) => list.query("starting_after", &cursor.0),
            None => list,
        };
        let page = self.client.page(list).await?;
        let items = page.items.iter().filter_map(|record| convert::stored(target, record)).collect();
        Ok(Page::of(items, page.next.map(Cursor)))
    }
}

impl Twenty {
    /// The records with these ids, those in the trash included. An id of another form cannot exist here.
    async fn by_ids(&self, target: Target<'_>, ids: &[RecordId]) -> Result<HashMap<RecordId, Stored>> {
        let wanted: BTreeSet<String> = ids.iter().filter_map(|id| uuid(id.as_str())).collect();
        let wanted: Vec<String> = wanted.into_iter().collect();
        let mut found = HashMap::new();
        for some in wanted.chunks(IDS) {
            let filter = format!("id[in]:[{}],{TRASHED_TOO}", some.join(","));
            // Old releases give 60 records a page, whatever is asked for.
            let list = || target.request(FETCH, Method::GET).query("filter", &filter).query("limit", LIMIT);
            let records = self.client.all(list).await?;
            found.extend(records.iter().filter_map(|json| convert::stored(target, json)).map(|it| (it.id.clone(), it)));
        }
        Ok(found)
    }

    /// Counts what hangs on live records: destroying one takes notes', tasks' and files' ties with it, and loosens all others.
    async fn attach(
        &self,
        workspace: &Workspace,
        target: Target<'_>,
        found: &mut HashMap<RecordId, Stored>,
    ) -> Result<()> {
        let live: BTreeSet<String> =
            found.values().filter(|stored| !stored.trashed).map(|stored| stored.id.to_string()).collect();
        let live: Vec<String> = live.into_iter().collect();
        for (child, columns) in children(workspace, target.meta).into_values() {
            let mut hanging: HashMap<RecordId, HashSet<String>> = HashMap::new();
            for column in columns {
                for some in live.chunks(IDS) {
                    let filter = format!("{column}[in]:[{}]", some.join(","));
                    let list = || {
                        let path = format!("/rest/{}", child.plural);
                        crate::client::records(FETCH, Method::GET, path).query("filter", &filter).query("limit", LIMIT)
                    };
                    for record in self.client.all(list).await? {
                        if let (Some(id), Some(to)) = (record["id"].as_str(), record[&column].as_str()) {
                            hanging.entry(RecordId::from(to)).or_default().insert(id.to_owned());
                        }
                    }
                }
            }
            for (to, children) in hanging {
                if let Some(stored) = found.get_mut(&to) {
                    stored.attached.insert(object_name(child), children.len() as u64);
                }
            }
        }
        Ok(())
    }
}

/// The objects whose records can hang on records of this one, each with the columns that tell so. What the server keeps for
/// itself (timelines, favourites) is left out: it comes and goes with the record.
fn children<'a>(workspace: &'a Workspace, of: &MetaObject) -> BTreeMap<&'a str, (&'a MetaObject, Vec<String>)> {
    let mut children: BTreeMap<&str, (&MetaObject, Vec<String>)> = BTreeMap::new();
    let known = |object: &MetaObject| {
        object.singular == "attachment" || workspace.schema.object(&object_name(object)).is_some()
    };
    for object in workspace.objects.values().filter(|object| known(object)) {
        for field in object.fields.iter().filter(|field| field.target.as_deref() == Some(&*of.singular)) {
            children.entry(&object.singular).or_insert((object, Vec::new())).1.push(field.column());
        }
    }
    children
}
