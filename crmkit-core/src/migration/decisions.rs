//! Decisions: a person's answers to what waits, signed in the audit log. They need no new sample.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, Change, Error, LedgerKey, MappingId, Part, Plan, RecordId, RecordRef, Result, Row, RowState, Uncertain,
    engine::{Facts, keep, key_of},
    migration::Migration,
};

/// A person's answer to a question that the run could not decide by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision", deny_unknown_fields)]
pub enum Decision {
    /// What this source user owned belongs to a member of the destination (R284).
    Owner {
        /// The source user's id, e-mail address or name.
        user: String,
        /// The member's e-mail address.
        member: String,
    },
    /// A held record stays behind.
    Leave {
        /// Its mapping.
        mapping: MappingId,
        /// The source record.
        record: RecordId,
    },
    /// Another record stands for a held one; what links to it links to that one.
    Merge {
        /// Their mapping.
        mapping: MappingId,
        /// The source record.
        record: RecordId,
        /// The source record that stands for it.
        into: RecordId,
    },
    /// Somebody looked: the create whose answer was lost did not arrive, and may be sent again.
    SendAgain {
        /// Its mapping.
        mapping: MappingId,
        /// The source record.
        record: RecordId,
        /// The part: empty for the record itself.
        #[serde(default = "Part::main")]
        part: Part,
    },
    /// Somebody looked: the create whose answer was lost arrived as this record.
    Adopt {
        /// Its mapping.
        mapping: MappingId,
        /// The source record.
        record: RecordId,
        /// The part: empty for the record itself.
        #[serde(default = "Part::main")]
        part: Part,
        /// The record's id at the destination.
        destination: RecordId,
    },
}

/// A decision with who took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What.
    #[serde(flatten)]
    pub decision: Decision,
    /// Who.
    pub actor: String,
    /// When.
    pub time: DateTime<Utc>,
}

/// The kind under which the ledger keeps decisions, in the order they were taken.
const KIND: &str = "decision";

impl Migration {
    /// Takes decisions, all or none. They hold for every later pass; [`resolve`](Migration::resolve) brings over what waited for them.
    ///
    /// # Errors
    /// `Input` for a decision about nothing that waits, or a member whom the destination does not have; the position is in the context.
    pub async fn decide(&self, decisions: &[Decision], actor: &str) -> Result<()> {
        self.open().await?;
        let plan = self.frozen_plan().await?;
        let members = self.core.destination.describe().await?.users;
        let first = self.facts().all::<Decided>(KIND).await?.len();
        let mut changes = Vec::new();
        for (index, decision) in decisions.iter().enumerate() {
            let wrong = |message: &str| Error::input("decide", message).with_context("decision", index);
            match decision {
                Decision::Owner { member, .. } => {
                    let known = members.iter().find(|user| user.email.trim().eq_ignore_ascii_case(member.trim()));
                    if !known.is_some_and(|user| user.active) {
                        return Err(wrong("no active member of the destination has this e-mail address"));
                    }
                }
                Decision::Leave { mapping, record } => {
                    self.waiting(&plan, mapping, record, Part::main()).await?.ok_or_else(|| wrong(NOT_HELD))?;
                }
                Decision::Merge { mapping, record, into } => {
                    self.waiting(&plan, mapping, record, Part::main()).await?.ok_or_else(|| wrong(NOT_HELD))?;
                    if record == into {
                        return Err(wrong("a record cannot stand for itself"));
                    }
                }
                Decision::SendAgain { mapping, record, part } => {
                    let row = self.waiting(&plan, mapping, record, part.clone()).await?;
                    let mut row = row.filter(uncertain).ok_or_else(|| wrong(NOT_UNCERTAIN))?;
                    row.uncertain = None;
                    row.reason = Some("somebody decided to send it again".to_owned());
                    changes.push(Change::Settle(row));
                }
                Decision::Adopt { mapping, record, part, destination } => {
                    let row = self.waiting(&plan, mapping, record, part.clone()).await?;
                    let mut row = row.filter(uncertain).ok_or_else(|| wrong(NOT_UNCERTAIN))?;
                    let object = self.object_of(&plan, mapping, part).await?;
                    row.uncertain = Some(Uncertain::Adopted);
                    row.made = true;
                    row.destination = Some(RecordRef { object, id: destination.clone() });
                    row.reason = Some("somebody decided that it is there".to_owned());
                    changes.push(Change::Settle(row));
                }
            }
            let decided = Decided { decision: decision.clone(), actor: actor.to_owned(), time: self.core.clock.now() };
            changes.push(Change::Audit(AuditEntry {
                time: decided.time,
                actor: actor.to_owned(),
                operation: "decide".to_owned(),
                key: decision.name().to_owned(),
                destination: None,
                hash: Some(crate::Digest::of_document(decision)),
                result: "decided".to_owned(),
            }));
            changes.push(keep(KIND, format!("{:010}", first + index), &decided));
        }
        self.commit(changes).await?;
        // Passes that are under way see them too.
        self.core.contexts.lock().await.clear();
        Ok(())
    }

    /// Every decision so far, in the order they were taken.
    pub async fn decisions(&self) -> Result<Vec<Decided>> {
        self.open().await?;
        Ok(self.facts().all::<Decided>(KIND).await?.into_iter().map(|(_, decided)| decided).collect())
    }

    /// The row of a source record, if it is held.
    async fn waiting(&self, plan: &Plan, mapping: &MappingId, record: &RecordId, part: Part) -> Result<Option<Row>> {
        let Some(mapping) = plan.mapping(mapping) else { return Ok(None) };
        let record = RecordRef { object: mapping.from.clone(), id: record.clone() };
        let key: LedgerKey = key_of(&self.core, &mapping.id, &record, part);
        let row = self.core.ledger.rows(&[key]).await?.into_iter().next().flatten();
        Ok(row.filter(|row| row.state == RowState::Held))
    }

    /// The destination object of a mapping's records, or of the records that carry one of its links.
    async fn object_of(&self, plan: &Plan, mapping: &MappingId, part: &Part) -> Result<crate::ObjectName> {
        let mapping = plan.mapping(mapping).expect("found before");
        let to = self.prepared().await?.object(&mapping.to).unwrap_or_else(|| mapping.to.clone());
        let destination = self.core.destination.describe().await?;
        let line = mapping.fields.iter().find(|line| {
            part.as_str().strip_prefix("link:").is_some_and(|rest| {
                rest.strip_prefix(line.id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            })
        });
        let carrier = line.and_then(|line| {
            destination
                .schema
                .object(&to)?
                .fields
                .get(line.to.as_str())?
                .carrier
                .as_ref()
                .map(|carrier| carrier.object.clone())
        });
        Ok(carrier.unwrap_or(to))
    }
}

const NOT_HELD: &str = "the ledger holds no such record that waits";
const NOT_UNCERTAIN: &str = "the ledger holds no such create whose answer was lost";

fn uncertain(row: &Row) -> bool {
    row.uncertain == Some(Uncertain::Held)
}

impl Decision {
    fn name(&self) -> &'static str {
        match self {
            Self::Owner { .. } => "owner",
            Self::Leave { .. } => "leave",
            Self::Merge { .. } => "merge",
            Self::SendAgain { .. } => "send_again",
            Self::Adopt { .. } => "adopt",
        }
    }

    /// The plan as this decision changes it.
    fn apply(self, plan: &mut Plan) {
        match self {
            Self::Owner { user, member } => drop(plan.owners.aliases.insert(user, member)),
            Self::Leave { mapping, record } => {
                if let Some(mapping) = plan.mappings.iter_mut().find(|known| known.id == mapping) {
                    mapping.exclude.push(record);
                }
            }
            Self::Merge { mapping, record, into } => {
                if let Some(mapping) = plan.mappings.iter_mut().find(|known| known.id == mapping) {
                    mapping.merge.insert(record, into);
                }
            }
            Self::SendAgain { .. } | Self::Adopt { .. } => {}
        }
    }
}

/// The approved plan with everything that was decided since.
pub(crate) async fn with_decisions(facts: Facts<'_>, mut plan: Plan) -> Result<Plan> {
    for (_, decided) in facts.all::<Decided>(KIND).await? {
        decided.decision.apply(&mut plan);
    }
    Ok(plan)
}
