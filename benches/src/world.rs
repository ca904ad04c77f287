//! A company that moves: organizations with deals, and the map they move by.

use std::{path::Path, sync::Arc, time::Duration};

use crmkit_core::{
    AccountBudget, FieldConcept, FieldSchema, FieldType, Migration, ObjectConcept, ObjectSchema, Record, RecordRef,
    Scope, SourceConnector, SqliteLedger, SystemClock, Value, Window,
    chrono::{DateTime, TimeDelta},
    rust_decimal::Decimal,
    testing::MockSource,
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig};

/// Anything that ends a measurement.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The map of [`records`].
pub const PLAN: &str = include_str!("plan.toml");

/// A company's records in memory: a quarter organizations, the rest deals.
pub fn records(count: u64) -> MockSource {
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    let plain = |name: &str, ty| FieldSchema::new(name, name, ty);
    let owner = || FieldSchema::new("owner", "Owner", FieldType::link("users")).means(FieldConcept::Owner);
    let users = ObjectSchema::new("users", "Users", ObjectConcept::User).with(text("email", FieldConcept::Emails));
    let companies = ObjectSchema::new("companies", "Companies", ObjectConcept::Organization)
        .with(text("name", FieldConcept::Name))
        .with(plain("region", FieldType::text()))
        .with(plain("founded", FieldType::Date))
        .with(plain("created", FieldType::Timestamp))
        .with(owner());
    let deals = ObjectSchema::new("deals", "Deals", ObjectConcept::Deal)
        .with(text("name", FieldConcept::Name))
        .with(plain("amount", FieldType::Decimal))
        .with(text("stage", FieldConcept::Stage))
        .with(plain("closes", FieldType::Date))
        .with(plain("source", FieldType::text()))
        .with(FieldSchema::new("company", "Company", FieldType::link("companies")).means(FieldConcept::Organization))
        .with(owner());
    let ada = RecordRef::new("users", "ada");
    let owned_by_ada = Value::link(ada.clone());
    let user = Record::new(ada).with("email", Value::text("admin@crmkit.example"));
    let day = |number: u64| {
        let days = TimeDelta::days(i64::try_from(number % 5_000).unwrap_or_default());
        DateTime::UNIX_EPOCH + TimeDelta::days(14_000) + days
    };
    let quarter = (count / 4).max(1);
    let company = |number: u64| {
        Record::new(RecordRef::new("companies", format!("c{number:07}")))
            .with("name", Value::text(format!("Company number {number} of Ærø & Søn")))
            .with("region", Value::text(if number.is_multiple_of(2) { "North" } else { "South" }))
            .with("founded", Value::Date(day(number).date_naive()))
            .with("created", Value::Timestamp(day(number)))
            .with("owner", owned_by_ada.clone())
    };
    let deal = |number: u64| {
        Record::new(RecordRef::new("deals", format!("d{number:07}")))
            .with("name", Value::text(format!("Deal number {number}, {} seats", number % 90)))
            .with("amount", Value::Decimal(Decimal::new(i64::try_from(number).unwrap_or_default() * 125, 2)))
            .with("stage", Value::text(["Open", "Meeting", "Offer"][(number % 3) as usize]))
            .with("closes", Value::Date(day(number).date_naive()))
            .with("source", Value::text(format!("Campaign {}", number % 40)))
            .with("company", Value::link(RecordRef::new("companies", format!("c{:07}", number % quarter))))
            .with("owner", owned_by_ada.clone())
    };
    MockSource::new("bench-1")
        .with_object(users, [user])
        .with_object(companies, (0..quarter).map(company))
        .with_object(deals, (0..count.saturating_sub(quarter)).map(deal))
}

/// The windows of an account of the highest tier, counted like any others, but too wide to ever wait for.
pub fn budget() -> AccountBudget {
    let per = Duration::from_secs(2);
    let windows = vec![
        Window::rolling(1_000_000, per).share(0.9),
        Window::rolling(1_000_000, per).share(0.9).only("search".into()),
        Window::daily(u64::from(u32::MAX)).scope(Scope::Company).share(0.8),
    ];
    AccountBudget::new(windows, Arc::new(SystemClock))
}

/// The connector to a server.
///
/// # Errors
/// Never with a server's own address.
pub fn connector(url: &str, token: &str) -> Result<Pipedrive, Failure> {
    let mut config = PipedriveConfig::at(url, token);
    config.unlimited = true;
    Ok(Pipedrive::builder(config, Arc::new(SystemClock)).budget(Arc::new(budget())).build()?)
}

/// A migration with everything on: durable ledger, audit log, budget.
///
/// # Errors
/// The ledger cannot be opened.
pub fn migration(
    source: Arc<dyn SourceConnector>,
    destination: Pipedrive,
    ledger: &Path,
) -> Result<Migration, Failure> {
    let clock = Arc::new(SystemClock);
    Ok(Migration::builder("bench")
        .source(source)
        .destination(Arc::new(destination))
        .ledger(Arc::new(SqliteLedger::open_file(ledger, clock.clone())?))
        .clock(clock)
        .build()?)
}
