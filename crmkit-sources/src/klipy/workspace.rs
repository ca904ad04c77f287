//! Everything that is known of a workspace, put together: records in an order that new ones do not disturb.

use std::collections::BTreeSet;

use crmkit_core::{
    Cursor, Digest, Error, FieldType, ObjectName, ObjectSchema, OptionSchema, Page, PageRequest, Problem, Record,
    Reject, Result, Schema, Severity, Source, Value,
};
use indexmap::IndexMap;

use super::{
    KIND, KlipyConfig,
    activities::{Activities, OBJECTS},
    attachments::{Attachments, Stored, Unmoved},
    combine::Draft,
    deals::{self, Deals},
    draw::Drawn,
    harvest::Harvest,
    notes::Notes,
    people::People,
    proposal::Proposals,
    schema,
    stages::Stages,
};
use crate::allegory::Sheets;

/// A workspace, read.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) source: Source,
    tables: IndexMap<ObjectName, Vec<Entry>>,
    pub(super) proposals: Proposals,
    pub(super) files: IndexMap<String, Stored>,
    pub(super) unmoved: Vec<Unmoved>,
    pub(super) sheets: Option<Sheets>,
}

/// A row of an object, at the place that its id gives it: a record that is added or removed moves no other.
#[derive(Debug)]
struct Entry {
    place: String,
    row: std::result::Result<Record, Reject>,
}

impl Workspace {
    /// Puts together what was drawn and what was harvested.
    pub(super) fn of(config: &KlipyConfig, drawn: Option<Drawn>, harvest: Harvest) -> Self {
        let zone = config.time_zone.as_deref().and_then(|zone| zone.parse().ok());
        let asked = drawn.is_some();
        let drawn = drawn.unwrap_or_default();
        let mut people = People::of(&drawn, &harvest, zone);
        let mut stages = Stages::of(&harvest);
        let mut deals = Deals::of(&harvest, &mut people, &mut stages, zone);
        deals::label(&harvest, &mut people, &mut deals);
        deals.spread(&config.spread, &mut stages);
        deals.conclude(&stages);
        let mut notes = Notes::default();
        let loose = config.loose_interactions;
        let mut activities = Activities::of(&drawn, &harvest, &mut people, &mut notes, loose, zone);
        notes.read(&harvest, &mut people, zone);
        let attachments = Attachments::of(&harvest, &mut people, &activities, &config.attachment_hosts);
        people.report(&drawn);
        let proposals = Proposals::of(&people, &deals, &stages);

        let mut source = Source::new(KIND, instance(config, &drawn));
        source.time_zone.clone_from(&config.time_zone);
        source.currency.clone_from(&config.currency);
        source.gotchas = schema::GOTCHAS.iter().map(|text| (*text).to_owned()).collect();
        source.problems = problems(&drawn, &harvest, asked, &attachments);
        source.problems.append(&mut people.problems);
        let nameless = |list: &str| drawn.lists.get(list).map_or(0, |list| list.nameless);
        let unread = |list: &str| (0..nameless(list)).map(|_| nameless_row(list)).collect::<Vec<_>>();
        people.contacts.rejects.extend(unread("people"));
        notes.rejects.extend(unread("interactions"));

        let [pipelines, staged] = stages.drafts();
        let mut tables = vec![
            ("owners", people.owners.drafts, people.owners.rejects),
            ("companies", people.companies.drafts, people.companies.rejects),
            ("contacts", people.contacts.drafts, people.contacts.rejects),
            ("pipelines", pipelines, Vec::new()),
            ("stages", staged, Vec::new()),
            ("deals", deals.drafts, deals.rejects),
            ("notes", notes.drafts, notes.rejects),
            ("attachments", attachments.drafts, attachments.rejects),
        ];
        for object in OBJECTS {
            let drafts = activities.drafts.remove(object).unwrap_or_default();
            tables.push((object, drafts, activities.rejects.remove(object).unwrap_or_default()));
        }
        for (object, drafts, rejects) in &mut tables {
            let lines = harvest.tables().filter(|table| object_of(&table.file) == Some(*object));
            rejects.extend(lines.flat_map(|table| table.rejects.iter().cloned()));
            drafts.iter_mut().for_each(|draft| {
                let id = Value::text(draft.id.as_str());
                draft.fields.shift_insert(0, "id".into(), id);
            });
        }
        let repeatable = !asked || config.snapshot.is_some();
        let described = |mut object: ObjectSchema| {
            object.repeatable = repeatable;
            for custom in &harvest.custom {
                if object.name != custom.object {
                    continue;
                }
                let file = format!("{}.csv", custom.object);
                object = object.with(custom.schema(harvest.table(&file)));
            }
            let drafts = tables.iter().find(|(name, ..)| object.name == *name).map(|(_, drafts, _)| &drafts[..]);
            list_options(&mut object, drafts.unwrap_or_default(), &stages);
            object
        };
        source.schema = schema::objects().into_iter().map(described).collect::<Schema>();
        source.counts =
            tables.iter().map(|(object, drafts, _)| (ObjectName::from(*object), drafts.len() as u64)).collect();
        let tables =
            tables.into_iter().map(|(object, drafts, rejects)| (object.into(), entries(object, drafts, rejects)));
        let tables = tables.collect();
        Self {
            source,
            tables,
            proposals,
            files: attachments.files,
            unmoved: attachments.unmoved,
            sheets: harvest.sheets,
        }
    }

    /// A page of an object.
    pub(super) fn page(&self, request: &PageRequest) -> Result<Page<Record>> {
        let table = self.tables.get(&request.object).ok_or_else(|| {
            Error::input("klipy.read", "there is no such object").with_context("object", &request.object)
        })?;
        let start = match &request.cursor {
            Some(Cursor(after)) if after.len() != PLACE || !after.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                return Err(Error::input("klipy.read", "the cursor is none of this source's"));
            }
            Some(Cursor(after)) => table.partition_point(|entry| entry.place <= *after),
            None => 0,
        };
        let end = start.saturating_add(request.limit.max(1)).min(table.len());
        let mut page = Page::of(Vec::new(), None);
        for entry in &table[start..end] {
            page.rows += 1;
            match &entry.row {
                Ok(record) => page.items.push(record.clone()),
                Err(reject) => page.rejects.push(reject.clone()),
            }
        }
        page.next = (end < table.len()).then(|| Cursor(table[end - 1].place.clone()));
        Ok(page)
    }
}

/// Hexadecimal digits of a place.
const PLACE: usize = 24;

/// Rows in the order of a digest of their ids, which tells nobody who they are.
fn entries(object: &str, drafts: Vec<Draft>, rejects: Vec<Reject>) -> Vec<Entry> {
    let place =
        |kind: &str, key: &str| Digest::of(format!("{kind}\u{1f}{key}").as_bytes()).to_string()[..PLACE].to_owned();
    let records = drafts.into_iter().map(|draft| {
        let place = place("record", &draft.id);
        Entry { place, row: Ok(draft.record(object)) }
    });
    let mut number = 0;
    let refused = rejects.into_iter().map(|reject| {
        number += 1;
        let place = place("reject", &format!("{}:{:?}:{number}", reject.origin, reject.line));
        Entry { place, row: Err(reject) }
    });
    let mut entries: Vec<Entry> = records.chain(refused).collect();
    entries.sort_by(|a, b| a.place.cmp(&b.place));
    entries
}

fn instance(config: &KlipyConfig, drawn: &Drawn) -> String {
    let named = config.instance.clone().or_else(|| drawn.team.clone());
    named.unwrap_or_else(|| KIND.to_owned())
}

/// The object whose rows a file's unreadable rows are.
fn object_of(file: &str) -> Option<&'static str> {
    Some(match file.to_ascii_lowercase().as_str() {
        "contacts.csv" => "contacts",
        "companies.csv" => "companies",
        "deals.csv" => "deals",
        "stages.csv" => "stages",
        "pipelines.csv" => "pipelines",
        "activities.csv" => "tasks",
        "notes.csv" => "notes",
        "attachments.csv" => "attachments",
        "owners.csv" => "owners",
        _ => return None,
    })
}

fn nameless_row(list: &str) -> Reject {
    let (code, message) = ("missing_id".to_owned(), "the interface gave a record without an id".to_owned());
    Reject { origin: list.to_owned(), line: None, field: None, code, message }
}

/// Entries of pick-lists: those of stages in order, the others as they occur.
fn list_options(object: &mut ObjectSchema, drafts: &[Draft], stages: &Stages) {
    for (name, field) in &mut object.fields {
        if !matches!(field.ty, FieldType::Option | FieldType::Options) || !field.options.is_empty() {
            continue;
        }
        let options: Vec<String> = match (object.name.as_str(), name.as_str()) {
            ("deals", "stage") => stages.labels().collect(),
            ("deals", "pipeline") => stages.pipelines().map(str::to_owned).collect(),
            ("deals", "status") | ("stages", "kind") => ["open", "won", "lost"].map(str::to_owned).into(),
            _ => {
                let values = drafts.iter().filter_map(|draft| draft.fields.get(name));
                let each = values.flat_map(|value| match value {
                    Value::List(list) => list.iter().filter_map(Value::as_text).collect(),
                    one => one.as_text().into_iter().collect::<Vec<_>>(),
                });
                each.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
            }
        };
        field.options = options.into_iter().map(|label| OptionSchema { id: label.clone(), label }).collect();
    }
}

/// What is wrong before any record is read.
fn problems(drawn: &Drawn, harvest: &Harvest, asked: bool, attachments: &Attachments) -> Vec<Problem> {
    let mut problems = harvest.problems.clone();
    for (list, file) in [("people", "contacts.csv"), ("interactions", "activities.csv"), ("companies", "companies.csv")]
    {
        if drawn.refused.iter().any(|refused| refused == list) {
            // A file that is there was filled in for this; without one records would be missing and nobody told.
            let severity = if harvest.table(file).is_some() { Severity::Warn } else { Severity::Block };
            let message = format!("the API key may not read {list}");
            let remedy = format!("give the key the scope {list}:read, or fill in {file}");
            problems.push(Problem::new(severity, "missing_scope", message, remedy));
        }
    }
    if asked && harvest.table("deals.csv").is_none() {
        let message = "the interface has no deals, notes, tags and files, and there is no deals.csv";
        let remedy = "write the templates, have them filled in, and name the folder as harvest";
        problems.push(Problem::new(Severity::Warn, "no_harvest", message, remedy));
    }
    if !attachments.unmoved.is_empty() {
        let message = format!("{} attachments cannot be moved", attachments.unmoved.len());
        let remedy = "look through the list of unmoved attachments; upload them by hand";
        problems.push(Problem::new(Severity::Hold, "unmoved_attachments", message, remedy).at("/objects/attachments"));
    }
    problems
}
