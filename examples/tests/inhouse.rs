//! The in-house connector keeps the rules for destinations, faults in front of it; its program ends well.
#![allow(clippy::unwrap_used, dead_code, reason = "a test; the modules are the example's")]

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    DestinationWriter, Fields, ObjectName, RecordRef, SystemClock, TransformCall, TransformSettings, Transforms, Value,
    chrono::{DateTime, Utc},
    simulator::{Effect, Fault, FaultProxy, Server},
    testing::conformance::destination::{DestinationHarness, WriteFault},
};

#[path = "../src/bin/inhouse/connector.rs"]
mod connector;
#[path = "../src/bin/inhouse/customer.rs"]
mod customer;
#[path = "../src/bin/inhouse/server.rs"]
mod server;
#[path = "../src/bin/inhouse/tier.rs"]
mod tier;

struct Bench {
    _server: Server,
    proxy: FaultProxy,
    crm: Arc<connector::Inhouse>,
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

#[async_trait]
impl DestinationHarness for Bench {
    async fn start() -> Self {
        let server = server::start().unwrap();
        let proxy = FaultProxy::start(&server.url(), Arc::new(SystemClock)).unwrap();
        let crm = Arc::new(connector::Inhouse::new(&proxy.url(), server::KEY, Arc::new(SystemClock)).unwrap());
        Self { _server: server, proxy, crm }
    }

    fn writer(&self) -> Arc<dyn DestinationWriter> {
        self.crm.clone()
    }

    fn object(&self) -> ObjectName {
        "customer".into()
    }

    fn sample(&self, n: usize) -> Fields {
        fields([
            ("name", Value::text(format!("Customer {n}"))),
            ("email", Value::text(format!("office@c{n}.example"))),
            ("owner", Value::link(RecordRef::new("user", "1"))),
            ("external_key", Value::text(format!("key-{n}"))),
        ])
    }

    fn invalid(&self) -> Fields {
        fields([("name", Value::text("x")), ("owner", Value::link(RecordRef::new("user", "99")))])
    }

    fn probe(&self, of: &Fields) -> Fields {
        fields([("external_key", of["external_key"].clone())])
    }

    async fn fail_next(&self, fault: WriteFault) -> bool {
        let effect = match fault {
            WriteFault::CloseBeforeApply => Effect::CloseBeforeApply,
            WriteFault::CloseAfterApply => Effect::CloseAfterApply,
            WriteFault::ServerError => Effect::Status { status: 500, body: None, headers: Vec::new() },
            WriteFault::Unauthorized => Effect::ExpiredToken,
            WriteFault::Throttled => Effect::RetryAfter { value: "1".into() },
            WriteFault::Garbage => Effect::Garbage,
            _ => return false,
        };
        self.proxy.script([Fault::on("POST", "/api/customers", effect)]);
        true
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn requests(&self) -> Option<u64> {
        Some(self.proxy.requests().len() as u64)
    }

    fn secret(&self) -> Option<String> {
        Some(server::KEY.to_owned())
    }
}

crmkit_core::conformance_tests!(destination, Bench);

#[test]
fn revenues_become_tiers() {
    let mut transforms = Transforms::none();
    transforms.register(tier::Tier::NAME, 1, tier::Tier::new);
    let bands = |gold: u32| serde_json::json!({ "gold": gold, "silver": 10, "below": "bronze" });
    let tier = |gold, revenue: Option<Value>| {
        let call = TransformCall::with(tier::Tier::NAME, bands(gold));
        transforms.preview(&[call], &["revenue".into()], &[revenue], &TransformSettings::default())
    };
    for (revenue, name) in [(100, "gold"), (99, "silver"), (10, "silver"), (9, "bronze"), (-1, "bronze")] {
        let (value, notes) = tier(100, Some(Value::Int(revenue))).unwrap();
        assert_eq!((value, notes.len()), (Some(Value::text(name)), 1), "{revenue}");
    }
    assert_eq!(tier(100, None), Ok((None, Vec::new())));
    assert!(tier(5, Some(Value::Int(1))).is_err(), "gold begins above silver");
}

#[test]
fn the_program_ends_well() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_inhouse")).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told} {}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("companies: 3 of 3 created, 0 held"), "{told}");
}
