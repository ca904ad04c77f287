//! A generated export, an account whose members the generator names, and a migration between them.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use crmkit_core::{
    Approval, Audit, AuditOptions, IdLedger, MemoryLedger, Migration, Plan, RunReport, SqliteLedger,
    simulator::JumpingClock,
    testing::generate::{AllegoryExport, Expected},
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, simulator::PipedriveSimulator};
use crmkit_sources::allegory::ExportFolder;
use serde_json::json;

use crate::account::Account;

/// Where the ledger is.
pub(crate) enum Books {
    InMemory,
    OnDisk,
}

/// What a flow is like.
pub(crate) struct Given {
    pub(crate) export: AllegoryExport,
    pub(crate) books: Books,
    /// The account loses the answer of every write of this number.
    pub(crate) drop_every: u64,
    /// Rows that the engine reads at once.
    pub(crate) page_size: usize,
}

/// A migration and both its ends.
pub(crate) struct Flow {
    pub(crate) expected: Expected,
    pub(crate) simulator: PipedriveSimulator,
    pub(crate) ledger: Arc<dyn IdLedger>,
    pub(crate) migration: Migration,
    _folder: tempfile::TempDir,
}

/// The objects whose creates are counted, by their paths.
const CREATES: [&str; 5] =
    ["/api/v2/organizations", "/api/v2/persons", "/api/v2/deals", "/api/v1/notes", "/api/v1/organizationRelationships"];

/// Bytes of each request that the simulator keeps: enough for any body here.
const WHOLE_BODY: usize = 10_000;

/// The export's last fifth of users has no member.
const FIRST_MEMBER: usize = 100;

impl Flow {
    /// Writes the export and starts an account.
    pub(crate) async fn start(given: Given) -> Self {
        let Given { export, books, drop_every, page_size } = given;
        let folder = tempfile::tempdir().expect("a folder");
        let files = folder.path().join("export");
        let expected = export.write(&files).expect("the export is written");
        let clock = JumpingClock::new();
        let simulator = PipedriveSimulator::builder()
            .jumping_clock(&clock)
            .limits(false)
            .drop_every(drop_every)
            .log(100_000, WHOLE_BODY)
            .start()
            .await
            .expect("the simulator starts");
        for (place, user) in expected.destination_users.iter().enumerate() {
            let mut member = simulator.rows("users").pop().expect("a fresh account has members");
            member["id"] = json!(FIRST_MEMBER + place);
            member["name"] = json!(user.name);
            member["email"] = json!(user.email);
            simulator.put("users", member).expect("a member");
        }
        let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
        config.unlimited = true;
        let clock = Arc::new(clock);
        let ledger: Arc<dyn IdLedger> = match books {
            Books::InMemory => Arc::new(MemoryLedger::new(clock.clone())),
            Books::OnDisk => {
                let path: PathBuf = folder.path().join("migration.crmkit");
                Arc::new(SqliteLedger::open_file(path, clock.clone()).expect("the ledger opens"))
            }
        };
        let migration = Migration::builder("generated")
            .source(Arc::new(ExportFolder::open(&files).expect("the export opens")))
            .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().expect("the connector builds")))
            .ledger(ledger.clone())
            .clock(clock)
            .settings(|settings| settings.page_size = page_size)
            .build()
            .expect("complete");
        Self { expected, simulator, ledger, migration, _folder: folder }
    }

    /// The proposal with a careful person's answers: nobody takes over what has no matching owner, tasks stay behind.
    pub(crate) async fn propose(&self) -> (Audit, Plan) {
        let audit = self.migration.audit(&AuditOptions::default()).await.expect("audited");
        let mut plan = self.migration.propose(&audit);
        for question in plan.questions.clone() {
            let answer = match question.id.as_str() {
                "owners.fallback" | "owners.unowned" => "hold",
                "left_behind" => "leave them behind",
                id if id.starts_with("merge.") => "no",
                other => panic!("nobody expects the question {other}: {}", question.text),
            };
            plan.answer(&question.id, answer).expect("an answer");
        }
        (audit, plan)
    }

    /// Runs to the end, accepting each of the gates that block, of which there are so many.
    pub(crate) async fn run(&self, approval: &Approval, blocked: usize) -> RunReport {
        let mut accepted = 0;
        loop {
            let report = self.migration.run(approval).await.expect("run");
            if report.finished {
                assert_eq!(accepted, blocked, "gates that held the run up");
                return report;
            }
            assert!(!report.waits_for.is_empty(), "{report:#?}");
            for waits in &report.waits_for {
                let (gate, reason) = waits.split_once(": ").expect("a gate and why");
                assert!(reason.contains("are held"), "{reason}");
                self.migration.accept_gate(&gate.parse().expect("a unit"), "tester").await.expect("accepted");
                accepted += 1;
            }
        }
    }

    pub(crate) fn account(&self) -> Account {
        Account::of(&self.simulator)
    }

    /// How many creates lost their answer, leaving out the first requests. One that lost it twice counts once: its marker, or
    /// the pair it links, is in the body. Notes have no marker, and theirs are not sent twice.
    pub(crate) fn lost_creates(&self, leave_out: usize) -> u64 {
        let mut bodies = HashSet::new();
        let requests = self.simulator.requests();
        let lost = requests.iter().skip(leave_out).filter(|request| {
            let create = request.method == "POST" && CREATES.contains(&request.path.as_str());
            let again = |bodies: &mut HashSet<_>| {
                !request.path.ends_with("notes") && !bodies.insert((&request.path, &request.body))
            };
            create && request.status.is_none() && !again(&mut bodies)
        });
        lost.count() as u64
    }
}
