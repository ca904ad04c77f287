//! What our calls cost in this account, and how many it allows: the vendor's prices and the tier's limits, as core counts them.

use crmkit_core::{Allowance, AllowanceWindow, CostUnit, ObjectCost, Price};

use crate::{PipedriveConfig, object::Object};

/// Records that one list call with `ids=` reads back.
const READ_BATCH: u32 = 100;

/// What calls about an object cost.
pub(crate) fn of(object: Object) -> ObjectCost {
    ObjectCost {
        create: Price::tokens(object.create().cost),
        update: Price::tokens(object.update().cost),
        // Lists by ids exist in the second version of the interface only.
        read: Price::tokens(if by_ids(object) { object.list().cost } else { object.get().cost }),
        read_batch: if by_ids(object) { READ_BATCH } else { 1 },
        remove: Price::tokens(object.delete().cost),
    }
}

fn by_ids(object: Object) -> bool {
    object.list().path.starts_with("/api/v2/")
}

/// The migration's share of the account's limits; none for an account without.
pub(crate) fn allowance(config: &PipedriveConfig) -> Option<Allowance> {
    if config.unlimited {
        return None;
    }
    // Shares are coarse: the loss of precision above 2^53 does not matter.
    let share = |amount: u64, share: f64| ((amount as f64 * share) as u64).max(1);
    let tokens = config.tier.tokens_per_seat() * u64::from(config.seats.max(1));
    let windows = vec![
        AllowanceWindow {
            unit: CostUnit::Calls,
            amount: share(u64::from(config.tier.burst()), config.burst_share),
            seconds: 2,
        },
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
        let unlimited: PipedriveConfig = serde_json::from_str(r#"{"unlimited": true}"#).unwrap();
        assert_eq!(super::allowance(&unlimited), None);
    }
}
