//! A messy export with everything in it (every kind of activity, files, leads, custom objects, cycles, copies) goes through a whole
//! migration into Pipedrive's simulator: audit to rollback, and once for either answer to each question that the vendor's documents
//! leave open. What should be there is what the generator says, in a table that is checked in; crmkit's reports are held to it.

mod flow;
mod open;
mod plan;

use std::collections::BTreeMap;

use crmkit_core::{RunReport, testing::generate::Fates};
use flow::{Flow, Size};

/// What the generator makes of its export under this plan: made anew by the test and compared.
const TABLE: &str = include_str!("table.txt");

#[tokio::test]
async fn what_arrives_is_what_the_generator_says() {
    let flow = Flow::start(Size::Whole, |_| ()).await;
    let fates = flow.expected.fates(&plan::treatment());
    assert_eq!(table(&fates), TABLE, "the table says what the generator says");
    let before = flow.snapshot();
    let approval = flow.admitted().await;
    let report = flow.run(&approval).await;
    check(&flow, &fates, &report).await;

    let delta = flow.migration.delta(&approval).await.expect("a delta");
    assert!(delta.finished, "{delta:#?}");
    for (object, counted) in delta.objects.iter().zip(&report.objects) {
        let still = (object.created, object.updated, object.unchanged);
        assert_eq!(still, (0, 0, counted.written), "nothing changed: {object:?}");
    }
    assert_eq!(delta.gone, []);

    let reconciliation = flow.migration.reconcile().await.expect("reconciled");
    assert_eq!(reconciliation.mismatches, []);
    for object in &reconciliation.objects {
        assert_eq!((object.verified, object.mismatched, object.missing), (object.count.written, 0, 0), "{object:?}");
    }

    let preview = flow.migration.preview_rollback().await.expect("previewed");
    assert_eq!(preview.kept, []);
    let approval = flow.migration.approve_rollback(&preview, "tester").await.expect("approved");
    let back = flow.migration.rollback(&approval).await.expect("rolled back");
    assert!(back.clean && back.kept.is_empty() && back.kept_items.is_empty(), "{back:#?}");
    assert_eq!(flow.snapshot(), before, "everything is as it was");
}

/// The generator's statement, one line for each mapping and reason.
fn table(fates: &Fates<'_>) -> String {
    let mut table = String::new();
    for (object, tally) in fates.tallies() {
        table += &format!("{object}: {} created\n", tally.arrives);
        for (code, records) in &tally.held {
            table += &format!("{object}: {records} held, {code}\n");
        }
    }
    table
}

/// Report, ledger and account are what the generator says.
async fn check(flow: &Flow, fates: &Fates<'_>, report: &RunReport) {
    let told: BTreeMap<&str, _> = report.objects.iter().map(|object| (object.mapping.as_str(), object)).collect();
    let mut wrong = Vec::new();
    for (object, tally) in fates.tallies() {
        let waiting = flow.waiting(object.as_str()).await;
        for record in flow.expected.records.iter().filter(|record| record.key.object == *object) {
            let meant: Vec<&str> = fates.reasons(&record.key).iter().map(|trouble| trouble.code()).collect();
            let reason = waiting.get(record.key.id.as_str());
            let fits = match reason {
                None => meant.is_empty(),
                Some(reason) => flow::classes(reason).iter().any(|class| meant.contains(class)),
            };
            if !fits {
                wrong.push(format!("{}: {reason:?} instead of {meant:?}", record.key));
            }
        }
        let counted = told
            .get(object.as_str().trim_start_matches("custom/"))
            .unwrap_or_else(|| panic!("{object} is not reported"));
        if (counted.created, counted.held) != (tally.arrives, tally.held.values().sum()) {
            wrong.push(format!("{counted:?} instead of {tally:?}"));
        }
        assert!(counted.balances(), "{counted:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(told.len(), fates.tallies().len());
    flow.check_account(fates);
}
