//! What our calls cost, and how many the configured pace allows: the vendor publishes neither.

use crmkit_core::{Allowance, AllowanceWindow, CostUnit, ObjectCost, Price};

use crate::{NutshellConfig, object::Object};

/// What calls about an object cost: every record is read before it is changed.
pub(crate) fn of(object: Object) -> ObjectCost {
    let calls = |calls: u32| Price { calls, tokens: 0 };
    let (create, remove) = match object {
        // The record, its amount, the record again, its outcome.
        Object::Lead => (4, 1),
        // Nobody lists the activities of people and companies: they are asked for before one is removed.
        Object::Account | Object::Contact => (1, 2),
        Object::Activity | Object::Note => (1, 1),
        // The record, the announcement, the bytes, the record again.
        Object::File => (4, 3),
    };
    ObjectCost {
        create: calls(create),
        update: calls(create + 1),
        read: calls(1),
        read_batch: 1,
        remove: calls(remove),
    }
}

/// The pace that is never exceeded; none where the connector keeps to none.
pub(crate) fn allowance(config: &NutshellConfig) -> Option<Allowance> {
    // Paces are small numbers: nothing that matters is cut off.
    let amount = (config.ceiling * 60.0).max(1.0) as u64;
    let windows = vec![AllowanceWindow { unit: CostUnit::Calls, amount, seconds: 60 }];
    (!config.unlimited).then_some(Allowance { windows, published: false })
}
