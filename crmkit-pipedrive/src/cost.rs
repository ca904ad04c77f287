//! What our calls cost in this account, and how many it allows: the vendor's prices and the tier's limits, as core counts them.

use crmkit_core::{Allowance, AllowanceWindow, CostUnit, ObjectCost, Price};

use crate::{PipedriveConfig, object::Object};

/// Records that one list call with `ids=` reads back.
const READ_BATCH: u32 = 100;

/// What calls about an object cost. What cannot be changed costs nothing to change; what is only listed is read by its list.
pub(crate) fn of(object: Object) -> ObjectCost {
    let listed = object.by_ids() || object.get().is_none();
    ObjectCost {
        create: Price::tokens(object.create().cost),
        update: Price::tokens(object.update().map_or(0, |update| update.cost)),
        read: Price::tokens(object.get().filter(|_| !listed).unwrap_or(object.list()).cost),
        read_batch: if object.by_ids() { READ_BATCH } else { 1 },
        remove: Price::tokens(object.delete().cost),
    }
}

/// The migration's share of the account's limits; none for an account without.
pub(crate) fn allowance(config: &PipedriveConfig) -> Option<Allowance> {
    if config.unlimited {
        return None;
    }
    // Shares are coarse: the loss of precision above 2^53 does not matter.
    let share = |amount: u64, share: f64| ((amount as f64 * share) as u64).max(1);
    let burst = config.burst.unwrap_or(config.tier.burst(config.auth));
    let tokens = config.tier.tokens_per_seat() * u64::from(config.seats.max(1));
    let tokens = config.tokens_per_day.unwrap_or(tokens);
    let windows = vec![
        AllowanceWindow { unit: CostUnit::Calls, amount: share(u64::from(burst), config.burst_share), seconds: 2 },
        AllowanceWindow { unit: CostUnit::Tokens, amount: share(tokens, config.day_share), seconds: 86_400 },
    ];
    Some(Allowance { windows, published: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_tier_takes_days_for_ten_thousand_records() {
        let allowance = allowance(&PipedriveConfig::company("acme", "t")).unwrap();
        let deal = of(Object::Deal);
        assert_eq!((deal.create, deal.read_batch), (Price::tokens(5), 100));
        assert_eq!(allowance.days(10_000, 10_000 * u64::from(deal.create.tokens)), 3);
        assert_eq!(of(Object::Note).read_batch, 1);
        assert_eq!((of(Object::Activity).read_batch, of(Object::Lead).read), (100, Price::tokens(2)));
        assert_eq!(of(Object::Participant).read, Price::tokens(10));
        let contract = r#"{"burst": 80, "tokens_per_day": 1000000, "burst_share": 1.0, "day_share": 1.0}"#;
        let contract = super::allowance(&serde_json::from_str(contract).unwrap()).unwrap();
        assert_eq!(contract.windows.iter().map(|window| window.amount).collect::<Vec<_>>(), [80, 1_000_000]);
        let unlimited: PipedriveConfig = serde_json::from_str(r#"{"unlimited": true}"#).unwrap();
        assert_eq!(super::allowance(&unlimited), None);
    }
}
