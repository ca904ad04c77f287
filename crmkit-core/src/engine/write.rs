//! The write unit: a page of source records becomes destination records, each exactly once.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::{
    Change, CompiledMapping, ConflictPolicy, Digest, Draft, FieldName, Fields, LedgerKey, MatchPolicy, ObjectSchema,
    OperationKind, Outcome, Overwrite, Part, PriorValues, Record, RecordRef, Recovery, Reject, Result, Row, RowState,
    Selection, Stored, Uncertain, UnitState, Unresolved, Value,
    engine::{
        Conflict, Core, LeaseGuard, PassKind,
        facts::keep,
        gone,
        intake::take_in,
        lookup::{Target, Targets, claims, key_of},
        matching::{Match, Matches},
        merge,
        pass::PassContext,
        recover::{Found, Recovered, recover},
        send::{conclude, send, unchanged},
        touched::remember,
        work::{Work, held, row_of, seal, settled},
    },
};

pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let mapping = cx.compiled.mapping(&unit.key.mapping).expect("a pass names mappings of its plan");
    let page = lease.read_page(cx, &mapping.from, &mut unit).await?;
    let found = match recover(core, cx, &unit.key, lease).await? {
        Recovered::Wait(until) => return lease.back_off(unit, Vec::new(), until).await,
        Recovered::Known(found) => found,
    };
    let mut desk = Desk {
        core,
        cx,
        mapping,
        unit: &mut unit,
        found,
        before: HashMap::new(),
        changes: Vec::new(),
        work: Vec::new(),
        prior: Vec::new(),
    };
    let rejects: Vec<Change> = page.rejects.iter().map(|reject| keep_reject(desk.unit.key.pass, reject)).collect();
    desk.changes.extend(rejects);
    if cx.pass.kind == PassKind::Delta && !page.gone.is_empty() {
        desk.changes.extend(gone::told(core, cx, desk.unit, &mapping.from, &page.gone).await?);
    }
    let selected = take_in(page, mapping, cx.sample.as_ref(), desk.unit);
    desk.prepare(selected).await?;
    let Desk { mut changes, work, prior, .. } = desk;
    remember(cx, &mut changes);
    lease.commit(&changes).await?;
    let records = changes.len() as u64;
    let sent = send(core, cx, &unit.key, lease, work, prior).await?;
    conclude(lease, unit, sent, records).await
}

/// A page's records on their way to becoming writes.
struct Desk<'a> {
    core: &'a Core,
    cx: &'a PassContext,
    mapping: &'a CompiledMapping,
    unit: &'a mut UnitState,
    found: HashMap<LedgerKey, Found>,
    /// Where each row stood: state, reason, pass.
    before: HashMap<LedgerKey, (RowState, Option<String>, u32)>,
    changes: Vec<Change>,
    work: Vec<Work>,
    prior: Vec<PriorValues>,
}

impl Desk<'_> {
    /// Decides for every record what is written, if anything.
    async fn prepare(&mut self, selected: Vec<(Record, Selection)>) -> Result<()> {
        let keys: Vec<LedgerKey> =
            selected.iter().map(|(record, _)| key_of(self.core, &self.mapping.id, &record.key, Part::main())).collect();
        let rows = self.core.ledger.rows(&keys).await?;
        let mut rows_of_drafts = Vec::with_capacity(selected.len());
        let mut records = Vec::with_capacity(selected.len());
        for (((record, selection), key), known) in selected.into_iter().zip(keys).zip(rows) {
            if matches!(self.found.get(&key), Some(Found::Held)) {
                continue;
            }
            if let Some(known) = &known {
                self.before.insert(key.clone(), (known.state, known.reason.clone(), known.unit.pass));
            }
            // Nobody can tell whether it arrived: only a decision makes it move again.
            if let Some(mut undecided) =
                known.clone().filter(|row| row.state == RowState::Held && row.uncertain == Some(Uncertain::Held))
            {
                undecided.unit = self.unit.key.clone();
                self.settle(undecided, "hold");
                continue;
            }
            let row = row_of(known, key, &self.unit.key);
            match selection {
                Selection::Selected => {
                    rows_of_drafts.push(row);
                    records.push(record);
                }
                Selection::Excluded => self.settle_without_write(row, RowState::Excluded, "the plan leaves it behind"),
                Selection::Merged(_) => {
                    self.settle_without_write(row, RowState::Merged, "another record stands for it")
                }
                Selection::Unmapped => {}
            }
        }
        let records: Vec<&Record> = records.iter().collect();
        let drafts = merge::drafts(self.core, self.cx, self.mapping, &records).await?;
        let drafts: Vec<(Row, Draft)> = rows_of_drafts.into_iter().zip(drafts).collect();
        let links = drafts
            .iter()
            .flat_map(|(_, draft)| {
                draft.links.iter().filter(|link| !link.deferred).map(|link| (link.target.clone(), link.to.clone()))
            })
            .collect::<HashSet<_>>();
        let targets = Targets::load(self.core, self.cx, links).await?;
        let mut payloads = Vec::with_capacity(drafts.len());
        for (row, draft) in drafts {
            match self.payload(row, draft, &targets) {
                Ok(payload) => payloads.push(payload),
                Err(row) => self.settle(*row, "hold"),
            }
        }
        let matches = Matches::load(
            self.core,
            self.unit.key.pass,
            self.mapping,
            payloads.iter().filter(|payload| payload.row.destination.is_none()).map(|payload| &payload.fields),
        )
        .await?;
        let mut updates = Vec::new();
        for payload in payloads {
            self.decide(payload, &matches, &mut updates);
        }
        self.update(updates).await
    }

    /// Settles a row, unless an earlier execution of this unit did so already.
    fn settle(&mut self, row: Row, operation: &str) {
        let same = self.before.get(&row.key).is_some_and(|(state, reason, pass)| {
            *state == row.state && *reason == row.reason && *pass == row.unit.pass
        });
        if !same || row.state == RowState::Created {
            self.changes.extend(settled(self.core, row, operation));
        }
    }

    fn settle_without_write(&mut self, mut row: Row, state: RowState, reason: &str) {
        row.state = state;
        row.reason = Some(reason.to_owned());
        row.intent = None;
        self.settle(row, "leave");
    }

    /// Fills in owner, links and marker; a record that has to wait comes back as its held row.
    fn payload(&self, mut row: Row, draft: Draft, targets: &Targets) -> std::result::Result<Payload, Box<Row>> {
        let unit = &self.unit.key;
        row.notes = draft.notes;
        if let Some(reason) = draft.hold {
            return Err(Box::new(held(row, unit, reason)));
        }
        let mut fields = draft.fields;
        if let Some(owner_field) = &self.mapping.owner {
            match self.cx.owners.owner(draft.owner.as_ref()) {
                Ok(owner) => {
                    fields.insert(
                        owner_field.clone(),
                        Value::link(RecordRef { object: "user".into(), id: owner.clone() }),
                    );
                }
                Err(reason) => {
                    row.waits_for = draft.owner.map(|owner| RecordRef { object: "users".into(), id: owner });
                    return Err(Box::new(held(row, unit, reason)));
                }
            }
        }
        row.links.clear();
        let mut several: IndexMap<FieldName, Vec<Value>> = IndexMap::new();
        for link in draft.links.iter().filter(|link| !link.deferred) {
            match targets.get(&link.target, &link.to) {
                Target::Written(to) => {
                    row.links.push(to.clone());
                    if link.many {
                        several.entry(link.field.clone()).or_default().push(Value::link(to));
                    } else {
                        fields.insert(link.field.clone(), Value::link(to));
                    }
                }
                Target::Nowhere if !link.required => {
                    row.notes.push(format!("{}: the record it links to does not move", link.line))
                }
                Target::Waiting if !link.required && link.unresolved == Unresolved::Leave => {
                    row.notes.push(format!("{}: left out, the record it links to waits for a decision", link.line))
                }
                Target::Nowhere | Target::Waiting => {
                    row.waits_for = Some(link.to.clone());
                    return Err(Box::new(held(
                        row,
                        unit,
                        format!("{}: the record it links to is not there", link.line),
                    )));
                }
            }
        }
        fields.extend(several.into_iter().map(|(field, links)| (field, Value::List(links.into()))));
        if let Some(marker) = &self.mapping.marker {
            let value = self.core.marker(&self.cx.source.instance, &row.key);
            fields.insert(marker.clone(), self.mapping.abilities.recovery.marker(value));
        }
        let hash = Digest::of_fields(&fields);
        Ok(Payload { row, fields, empty: draft.empty, hash })
    }

    /// Create, update, or nothing at all.
    fn decide(&mut self, payload: Payload, matches: &Matches, updates: &mut Vec<Update>) {
        let Payload { mut row, fields, empty, hash } = payload;
        match self.found.remove(&row.key) {
            Some(Found::Applied(stored)) => {
                row.uncertain = Some(Uncertain::Adopted);
                row.made = true;
                row.destination = Some(RecordRef { object: self.mapping.to.clone(), id: stored.id.clone() });
                return self.complete(row, fields, hash, &stored);
            }
            Some(Found::Absent) => {
                row.uncertain = Some(Uncertain::Resent);
                return self.create(row, fields, hash);
            }
            Some(Found::Repeatable) => {
                return updates.push(Update { row, fields, empty, hash, known_seal: false });
            }
            Some(Found::Held) | None => {}
        }
        // Held or not: a row with a destination record never makes a second one.
        if row.destination.is_some() {
            if row.state == RowState::Linked {
                // A record that only stands for ours stays untouched, whatever changes at the source.
                row.hash = Some(hash);
                self.settle(row, "link");
            } else if self.cx.pass.kind == PassKind::Repair {
                // What others changed meanwhile is what the repair was asked for.
                updates.push(Update { row, fields, empty: Vec::new(), hash, known_seal: false });
            } else if row.hash != Some(hash) || !row.state.is_written() {
                updates.push(Update { row, fields, empty, hash, known_seal: true });
            } else if self.is_of_an_earlier_pass(&row) {
                self.settle(unchanged(row, hash), "compare");
            }
            return;
        }
        match matches.of(self.core, self.mapping, &fields) {
            Match::None => self.create(row, fields, hash),
            Match::Several => {
                let row = held(row, &self.unit.key, "several records of the destination match it");
                self.settle(row, "match");
            }
            Match::One(id) => {
                row.destination = Some(RecordRef { object: self.mapping.to.clone(), id });
                row.hash = Some(hash);
                match self.mapping.matching.as_ref().map(|rule| rule.found) {
                    Some(MatchPolicy::Link) => {
                        row.state = RowState::Linked;
                        row.intent = None;
                        self.settle(row, "link");
                    }
                    Some(MatchPolicy::Skip) => {
                        row.destination = None;
                        self.settle_without_write(row, RowState::Excluded, "the destination has it already");
                    }
                    Some(MatchPolicy::Update) => {
                        updates.push(Update { row, fields, empty: Vec::new(), hash, known_seal: false });
                    }
                    Some(MatchPolicy::Create) | None => {
                        row.destination = None;
                        self.create(row, fields, hash);
                    }
                }
            }
        }
    }

    /// Whether a row was settled before this pass.
    fn is_of_an_earlier_pass(&self, row: &Row) -> bool {
        self.before.get(&row.key).is_some_and(|(_, _, pass)| *pass < self.cx.pass.number)
    }

    fn create(&mut self, row: Row, fields: Fields, hash: Digest) {
        let probe = self.probe(&fields);
        self.work.push(Work {
            row,
            state: RowState::Created,
            object: self.mapping.to.clone(),
            kind: OperationKind::Create,
            fields,
            hash,
            probe,
        });
    }

    /// A record that was found after a lost answer gets everything it lacks before it counts as created.
    fn complete(&mut self, row: Row, fields: Fields, hash: Digest, stored: &Stored) {
        let lacking: Fields = fields
            .iter()
            .filter(|(name, value)| !self.same(name, value, stored))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if lacking.is_empty() {
            let mut row = row;
            row.state = RowState::Created;
            row.hash = Some(hash);
            row.seal = Some(seal(stored, &self.mapping.abilities.volatile));
            row.intent = None;
            return self.settle(row, "create");
        }
        self.work.push(Work {
            state: RowState::Created,
            object: self.mapping.to.clone(),
            kind: OperationKind::Update { id: stored.id.clone(), version: stored.version.clone() },
            fields: lacking,
            hash,
            probe: self.probe(&fields),
            row,
        });
    }

    fn same(&self, name: &FieldName, value: &Value, stored: &Stored) -> bool {
        self.cx.same(self.core, &self.mapping.to, name, value, stored.fields.get(name))
    }

    fn probe(&self, fields: &Fields) -> Fields {
        let names: Vec<_> = match (&self.mapping.marker, &self.mapping.abilities.recovery) {
            (Some(marker), _) => vec![marker.clone()],
            (None, Recovery::Witness { fields }) => fields.clone(),
            _ => Vec::new(),
        };
        names.into_iter().filter_map(|name| fields.get(&name).map(|value| (name, value.clone()))).collect()
    }

    /// Compares records that are there with what they should be, and changes what differs.
    async fn update(&mut self, updates: Vec<Update>) -> Result<()> {
        if updates.is_empty() {
            return Ok(());
        }
        let reader = self.core.destination.reader().ok_or_else(|| {
            crate::Error::state(
                "write.update",
                "the destination cannot be read, so nothing there can be changed safely",
            )
        })?;
        let destination = |update: &Update| update.row.destination.clone().expect("an update has a destination");
        let ids: Vec<_> = updates.iter().map(|update| destination(update).id).collect();
        let stored = reader.fetch(&self.mapping.to, &ids).await?;
        let mut claims = claims(self.core, updates.iter().map(destination).collect()).await?;
        for (update, stored) in updates.into_iter().zip(stored) {
            let to = destination(&update);
            let Some(stored) = stored.filter(|stored| !stored.trashed) else {
                let row = held(update.row, &self.unit.key, "its record at the destination is gone");
                self.settle(row, "update");
                continue;
            };
            // The links of the same source record are other parts of it.
            let others = |key: &LedgerKey| LedgerKey { part: Part::main(), ..key.clone() } != update.row.key;
            if claims.get(&to).is_some_and(|keys| keys.iter().any(others)) {
                let mut row =
                    held(update.row, &self.unit.key, "the record it matches stands for another record already");
                row.destination = None;
                self.settle(row, "match");
                continue;
            }
            // The next record of this page that matches it comes second.
            claims.entry(to).or_default().push(update.row.key.clone());
            let sealed = seal(&stored, &self.mapping.abilities.volatile);
            let theirs = update.known_seal && update.row.seal.is_some_and(|seal| seal != sealed);
            self.change(update, &stored, theirs);
        }
        Ok(())
    }

    /// Changes what differs; `theirs` where somebody else changed the record since we wrote it.
    fn change(&mut self, update: Update, stored: &Stored, theirs: bool) {
        let Update { mut row, mut fields, empty, hash, known_seal } = update;
        let ours = row.made;
        if ours && known_seal && !theirs && row.state.is_written() {
            // What we wrote there and the source no longer says: whatever else is in the field is somebody's.
            let clearable = |name: &FieldName| self.mapping.field(name).is_some_and(|field| field.clearable);
            fields.extend(empty.into_iter().filter(clearable).map(|name| (name, Value::Null)));
        }
        let fixed = |name: &FieldName| self.mapping.field(name).is_some_and(|field| field.create_only);
        for name in fields.keys().filter(|name| fixed(name)) {
            if !self.same(name, &fields[name], stored) {
                row.notes.push(format!("{name}: cannot be changed on a record that is there"));
            }
        }
        let differing: Fields = fields
            .iter()
            .filter(|(name, _)| !fixed(name))
            // A record that others made keeps its identity: our marker is not stamped on it.
            .filter(|(name, _)| ours || Some(*name) != self.mapping.marker.as_ref())
            .filter(|(name, value)| !self.same(name, value, stored))
            .filter(|(name, _)| {
                let empty = stored.fields.get(*name).is_none_or(Value::is_empty);
                ours || match self.mapping.overwrite(name) {
                    Overwrite::Always => true,
                    Overwrite::IfEmpty => empty,
                    Overwrite::Never => false,
                }
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // A create that was found after a crash is still a create, however it was completed.
        let completes = ours
            && !self.before.get(&row.key).is_some_and(|(state, _, _)| state.is_written() || *state == RowState::Held);
        if theirs && self.leave_to_them(&row, &differing, hash) {
            return;
        }
        if differing.is_empty() {
            // Our own change arrived, and its answer was lost.
            let arrived = row.intent.is_some();
            let mut row = unchanged(row, hash);
            if completes {
                row.state = RowState::Created;
            } else if arrived {
                row.state = RowState::Updated;
            }
            row.seal = Some(seal(stored, &self.mapping.abilities.volatile));
            return self.settle(row, "update");
        }
        let destination = row.destination.clone().expect("an update has a destination");
        // Where the time of change can be set, a rollback puts it back, too.
        let object = self.cx.destination.schema.object(&self.mapping.to);
        let time = object.and_then(ObjectSchema::changed_at).map(|field| &field.name);
        self.prior.push(PriorValues {
            key: row.key.clone(),
            pass: self.unit.key.pass,
            destination,
            fields: differing
                .keys()
                .chain(time.filter(|time| !differing.contains_key(*time)))
                .map(|name| (name.clone(), stored.fields.get(name).cloned().unwrap_or(Value::Null)))
                .collect(),
        });
        self.work.push(Work {
            row,
            state: if completes { RowState::Created } else { RowState::Updated },
            object: self.mapping.to.clone(),
            kind: OperationKind::Update { id: stored.id.clone(), version: stored.version.clone() },
            fields: differing,
            hash,
            probe: Fields::new(),
        });
    }

    /// Decides about a record that somebody else changed since we wrote it, and says whether it stays as it is. Its seal stays what it
    /// was, so that a rollback leaves it alone too.
    fn leave_to_them(&mut self, row: &Row, differing: &Fields, hash: Digest) -> bool {
        // Before the first delta nobody has decided about such records.
        let delta = self.cx.pass.kind == PassKind::Delta;
        let policy = if delta { self.cx.plan.delta.conflict } else { ConflictPolicy::Hold };
        if delta && !differing.is_empty() {
            let conflict = Conflict {
                mapping: self.mapping.id.clone(),
                source: RecordRef { object: row.key.object.clone(), id: row.key.id.clone() },
                destination: row.destination.clone().expect("an update has a destination"),
                fields: differing.keys().cloned().collect(),
                policy,
            };
            self.changes.push(conflict.keep(self.cx.pass.number));
        }
        match policy {
            ConflictPolicy::TakeOurs => return false,
            ConflictPolicy::Hold => {
                let reason = "somebody changed it at the destination since it was written";
                self.settle(held(row.clone(), &self.unit.key, reason), "update");
            }
            ConflictPolicy::KeepTheirs => {
                let mut row = unchanged(row.clone(), hash);
                row.reason = (!differing.is_empty()).then(|| "changed at both ends: theirs was kept".to_owned());
                self.settle(row, "update");
            }
        }
        true
    }
}

/// A record as it should be at the destination.
struct Payload {
    row: Row,
    fields: Fields,
    /// Fields that the source has no value for.
    empty: Vec<FieldName>,
    hash: Digest,
}

/// A record that is there and should become this.
struct Update {
    row: Row,
    fields: Fields,
    /// Fields that the source has no value for: cleared where we wrote one.
    empty: Vec<FieldName>,
    hash: Digest,
    /// The row's seal is the record's last state that we know of; otherwise our own change may be under way.
    known_seal: bool,
}

/// The fact that keeps a row which could not become a record.
fn keep_reject(pass: u32, reject: &Reject) -> Change {
    let line = reject.line.unwrap_or_default();
    keep(&format!("reject/{pass:010}"), format!("{}:{line:012}:{}", reject.origin, reject.code), reject)
}
