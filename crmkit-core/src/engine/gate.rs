//! The gate of a phase: nothing missing, not too many held, or a person decides.

use crate::{
    Change, Outcome, Part, Result, RowState, Select, UnitState, UnitStatus,
    engine::{Core, Facts, LeaseGuard, PassKind, pass::PassContext},
};

/// Counts what the phase settled against what it selected.
pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let facts = Facts(&*core.ledger);
    let phase = &cx.pass.phases[usize::from(unit.key.phase)];
    let selected: u64 = facts
        .units(&Select::Units(unit.key.pass))
        .await?
        .iter()
        .filter(|done| done.key.phase == unit.key.phase)
        .filter_map(|done| done.counts.get("selected"))
        .sum();
    let counts = facts.counts(Some(unit.key.pass)).await?;
    let of_phase = |state: fn(RowState) -> bool| -> u64 {
        counts
            .iter()
            .filter(|count| phase.mappings.contains(&count.mapping) && count.part == Part::main() && state(count.state))
            .map(|count| count.rows)
            .sum()
    };
    let held = of_phase(|state| state == RowState::Held);
    let settled = of_phase(|state| state != RowState::Intended);
    let decided: Option<bool> = facts.get("gate", &unit.key.to_string()).await?;
    let unbalanced = settled != selected;
    let reason = if unbalanced {
        Some(format!("{selected} records were selected and {settled} settled: the balance does not hold"))
    } else if (held as f64) > cx.plan.stop_when * (selected as f64) {
        Some(format!("{held} of {selected} records are held, more than stop_when = {} allows", cx.plan.stop_when))
    } else {
        None
    };
    // A person can take on held records, never a balance that does not hold. A sample shows what would be held, and what was held
    // before may be so again: no reason to stop either.
    let chosen = matches!(cx.pass.kind, PassKind::Sample | PassKind::Resolve | PassKind::Repair);
    let admitted = decided == Some(true) || chosen;
    if let Some(reason) = reason.filter(|_| unbalanced || !admitted) {
        unit.status = UnitStatus::Blocked { reason: reason.clone() };
        lease.commit(&[Change::Unit(unit)]).await?;
        return Ok(Outcome::Blocked { reason });
    }
    lease.done(unit, Vec::new(), 0).await
}
