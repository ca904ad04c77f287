//! The sample: a few hundred records, links closed over, really written, compared field by field, and taken back.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Draft, Error, MappingId, PageRequest, Plan, RecordRef, Result, Selection, Value,
    engine::{Action, ComparedRecord, PassContext, PassKind, PassRecord, describe_pass, keep, pass_key},
    migration::{
        Approval, HeldReason, Migration, Observed, PLAN_GATE, UncertainCount, counts::uncertain_counts,
        passes::standing,
    },
};

/// What became of the sample, field by field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleDiff {
    /// Always `crmkit.sample`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Every field of every record of the sample is what it should be.
    pub clean: bool,
    /// How many records were chosen.
    pub chosen: u64,
    /// How many were read back.
    pub compared: u64,
    /// How many fields differ.
    pub differing: u64,
    /// The records, field by field.
    pub records: Vec<ComparedRecord>,
    /// Why records of the sample wait.
    pub held: Vec<HeldReason>,
    /// The sample was taken back; otherwise it is part of the run.
    pub rolled_back: bool,
    /// How creates whose answer was lost were resolved.
    pub uncertain: UncertainCount,
    /// What differs from run to run.
    pub observed: Observed,
}

impl SampleDiff {
    /// Digest of what a person approves: everything but times and ids.
    pub fn fingerprint(&self) -> Digest {
        let records: Vec<_> = self
            .records
            .iter()
            .map(|record| {
                let fields: Vec<_> =
                    record.fields.iter().map(|field| (&field.field, &field.source, field.same)).collect();
                (&record.mapping, &record.source, fields)
            })
            .collect();
        Digest::of_document(&(self.clean, self.chosen, self.compared, self.differing, records, &self.held))
    }
}

/// The most traits of a mapping's records that are told apart.
const TRAITS: usize = 10_000;

/// What a record shows of the plan: lines it fills, options, owner, and what happens to it on the way.
fn traits(draft: &Draft) -> Vec<String> {
    let mut traits = Vec::new();
    for (name, value) in &draft.fields {
        traits.push(format!("fills {name}"));
        match value {
            Value::Option(option) => traits.push(format!("{name} = {option}")),
            Value::List(values) => traits.extend(values.iter().filter_map(|value| match value {
                Value::Option(option) => Some(format!("{name} = {option}")),
                _ => None,
            })),
            _ => {}
        }
    }
    traits.extend(draft.links.iter().map(|link| format!("links {}", link.line)));
    traits.push(draft.owner.as_ref().map_or("no owner".to_owned(), |owner| format!("owner {owner}")));
    traits.extend(draft.hold.iter().map(|reason| format!("held: {reason}")));
    traits.extend(draft.notes.iter().map(|note| format!("note: {note}")));
    traits
}

impl Migration {
    /// Writes the sample, reads it back, compares every field, and takes it back unless the plan keeps it. Called again, it goes on
    /// where it was; called after the end, it gives the document again.
    ///
    /// # Errors
    /// `State` without the plan's approval.
    pub async fn sample(&self, approval: &Approval) -> Result<SampleDiff> {
        while let Some(pass) = self.next_sample_pass(approval).await? {
            if let Action::WaitForDecision { units } = self.drive(pass).await? {
                let reason = units.into_iter().next().map(|(_, reason)| reason).unwrap_or_default();
                return Err(Error::state("sample", reason).with_context("pass", pass));
            }
        }
        self.sample_diff().await
    }

    /// The pass of the sample that is to be driven next, for hosts that drive passes themselves: it is written, compared, previewed
    /// and taken back in a pass each. `None` when all are over: then [`sample`](Self::sample) gives the document at once.
    ///
    /// # Errors
    /// `State` without the plan's approval.
    pub async fn next_sample_pass(&self, approval: &Approval) -> Result<Option<u32>> {
        self.open().await?;
        self.admit(approval, PLAN_GATE).await?;
        if self.facts().get::<SampleDiff>("document", "sample").await?.is_some() {
            return Ok(None);
        }
        let plan = self.frozen_plan().await?;
        let gate = Some(PLAN_GATE.to_owned());
        if self.facts().all::<RecordRef>("sample").await?.is_empty() {
            self.choose(&plan).await?;
        }
        let phases = self.write_phases(&plan).await?;
        let written = self.start_once(PassKind::Sample, phases, gate.clone()).await?;
        if self.is_open(written).await? {
            return Ok(Some(written));
        }
        let compared =
            self.start_once(PassKind::Reconcile { of: Some(written) }, self.verify_phases().await?, None).await?;
        if self.is_open(compared).await? {
            return Ok(Some(compared));
        }
        if plan.sample.keep {
            return Ok(None);
        }
        let preview =
            self.start_once(PassKind::Preview { of: Some(written) }, self.survey_phases().await?, None).await?;
        if self.is_open(preview).await? {
            return Ok(Some(preview));
        }
        let kind = PassKind::Rollback { of: Some(written), preview };
        let undone = self.start_once(kind, self.undo_phases(&plan, false).await?, gate).await?;
        Ok(if self.is_open(undone).await? { Some(undone) } else { None })
    }

    async fn is_open(&self, pass: u32) -> Result<bool> {
        Ok(self.pass(pass).await?.finished.is_none())
    }

    /// The document of the sample whose passes are over.
    async fn sample_diff(&self) -> Result<SampleDiff> {
        if let Some(sample) = self.facts().get("document", "sample").await? {
            return Ok(sample);
        }
        let plan = self.frozen_plan().await?;
        let passes = self.passes().await?;
        let over = || Error::state("sample", "the sample's passes are not over");
        let written = standing(&passes, PassKind::Sample).ok_or_else(over)?;
        let compared = standing(&passes, PassKind::Reconcile { of: Some(written) }).ok_or_else(over)?;
        let records: Vec<ComparedRecord> = self
            .facts()
            .all(&format!("compared/{}", pass_key(compared)))
            .await?
            .into_iter()
            .map(|(_, record)| record)
            .collect();
        let held = self.held_reasons(&plan, Some(written)).await?;
        let differing = records.iter().flat_map(|record| &record.fields).filter(|field| !field.same).count() as u64;
        let sample = SampleDiff {
            format: "crmkit.sample".to_owned(),
            version: 1,
            clean: differing == 0 && held.is_empty(),
            chosen: self.facts().all::<RecordRef>("sample").await?.len() as u64,
            compared: records.len() as u64,
            differing,
            records,
            held,
            rolled_back: !plan.sample.keep,
            uncertain: uncertain_counts(&self.facts().counts(Some(written)).await?),
            observed: self.observed(Some(&self.pass(written).await?)).await?,
        };
        self.commit(vec![keep("document", "sample", &sample)]).await?;
        Ok(sample)
    }

    /// Chooses the sample: first what shows every line, option, owner, note and reason to hold at least once, then others by seeded
    /// digest, so the same in every run; closed under links.
    async fn choose(&self, plan: &Plan) -> Result<()> {
        let record = PassRecord {
            number: 0,
            kind: PassKind::Sample,
            phases: Vec::new(),
            gate: None,
            started: self.core.clock.now(),
            finished: None,
            cancelled: false,
        };
        let cx = describe_pass(&self.core, record).await?;
        // Four fifths are chosen; what their links need makes up the rest.
        let share = (plan.sample.size * 4 / 5).div_ceil(plan.mappings.len().max(1)).max(1);
        let mut chosen: BTreeSet<RecordRef> = BTreeSet::new();
        let mut needed: Vec<(MappingId, RecordRef)> = Vec::new();
        for mapping in &plan.mappings {
            let mut lowest: BTreeSet<(Digest, RecordRef)> = BTreeSet::new();
            let mut shows: BTreeMap<String, (Digest, RecordRef)> = BTreeMap::new();
            self.each(&cx, &mapping.id, |record, draft| {
                let seed = plan.sample.seed.to_le_bytes();
                let digest =
                    Digest::of_parts([&seed[..], record.object.as_str().as_bytes(), record.id.as_str().as_bytes()]);
                for shown in traits(draft) {
                    let room = shows.len() < TRAITS;
                    match shows.get_mut(&shown) {
                        Some(known) if known.0 <= digest => {}
                        Some(known) => *known = (digest, record.clone()),
                        None if room => drop(shows.insert(shown, (digest, record.clone()))),
                        None => {}
                    }
                }
                lowest.insert((digest, record.clone()));
                if lowest.len() > share {
                    lowest.pop_last();
                }
            })
            .await?;
            let telling: BTreeSet<(Digest, RecordRef)> = shows.into_values().collect();
            let mut taken: BTreeSet<RecordRef> = BTreeSet::new();
            for (_, record) in telling.into_iter().chain(lowest) {
                if taken.len() < share {
                    taken.insert(record);
                }
            }
            needed.extend(taken.into_iter().map(|record| (mapping.id.clone(), record)));
        }
        while !needed.is_empty() {
            let wanted: HashSet<(MappingId, RecordRef)> =
                needed.drain(..).filter(|(_, record)| !chosen.contains(record)).collect();
            let mappings: HashSet<MappingId> = wanted.iter().map(|(mapping, _)| mapping.clone()).collect();
            for mapping in plan.mappings.iter().map(|mapping| &mapping.id).filter(|id| mappings.contains(*id)) {
                self.each(&cx, mapping, |record, draft| {
                    if wanted.contains(&(mapping.clone(), record.clone())) {
                        chosen.insert(record.clone());
                        let far = draft.links.iter();
                        needed.extend(
                            far.map(|link| (link.target.clone(), cx.compiled.survivor(&link.target, &link.to))),
                        );
                    }
                })
                .await?;
            }
        }
        let facts: Vec<_> = chosen.iter().map(|record| keep("sample", record.to_string(), record)).collect();
        self.commit(facts).await
    }

    /// Every record that a mapping takes, with what it becomes.
    async fn each(
        &self,
        cx: &PassContext,
        mapping: &MappingId,
        mut look: impl FnMut(&RecordRef, &Draft),
    ) -> Result<()> {
        let mapping = cx.compiled.mapping(mapping).expect("the plan names it");
        let mut request = PageRequest::first(mapping.from.clone(), self.core.settings.page_size);
        loop {
            let page = self.core.source.read(&request).await?;
            for record in page.items.iter().filter(|record| mapping.select(record) == Selection::Selected) {
                look(&record.key, &cx.compiled.draft(mapping, record));
            }
            match page.next {
                Some(next) => request = request.at(next),
                None => return Ok(()),
            }
        }
    }
}
