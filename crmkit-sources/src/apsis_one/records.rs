//! Records of profiles, and of the companies and deals that profiles tell about.

use crmkit_core::{Record, RecordRef, Reject, Value};

use super::{
    account::{Account, DEALS, ORGANIZATIONS, PROFILES, bare_domain},
    columns::{Columns, ORIGIN, Values, doubt, values},
    config::ApsisOneConfig,
    consents,
    extract::Extract,
    wire,
};

/// The keyspaces' addresses of a profile: e-mail and mobile.
pub(super) struct Addresses(pub(super) [Vec<String>; 2]);

impl Addresses {
    pub(super) fn of(account: &Account, config: &ApsisOneConfig, profile: &wire::Profile) -> Self {
        let values = values(&account.catalog, profile);
        let list = |field: &str| match account.columns.person.get(field).map(|column| column.read(config, &values).0) {
            Some(Some(Value::List(list))) => list.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        Self([list("email"), list("mobile")])
    }

    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|list| !list.is_empty())
    }

    fn suppressed(&self, config: &ApsisOneConfig) -> [bool; 2] {
        let bare = |text: &str| text.trim().trim_start_matches('+').to_lowercase();
        let listed = |address: &String| config.suppressed.iter().any(|one| bare(one) == bare(address));
        [0, 1].map(|channel| self.0[channel].iter().any(listed))
    }
}

/// The person that a profile is.
pub(super) fn person(
    account: &Account,
    config: &ApsisOneConfig,
    extract: &Extract,
    key: &str,
    profile: &wire::Profile,
    given: &[(String, wire::Consent)],
) -> Record {
    let catalog = &account.catalog;
    let values = values(catalog, profile);
    let mut record = Record::new(RecordRef::new(PROFILES, key)).with("export_key", Value::text(key));
    fill(&mut record, &account.columns.person, config, &values);
    name_or_address(&mut record);
    if let Some(id) = account.organization_id(config, &values) {
        record = record.with("organization", Value::link(RecordRef::new(ORGANIZATIONS, id)));
    }
    let mut list = |field: &str, names: Vec<String>| {
        if !names.is_empty() {
            let options: Vec<Value> = names.into_iter().map(Value::option).collect();
            record.fields.insert(field.into(), Value::List(options.into()));
        }
    };
    list("tags", account.tags.of(catalog, profile));
    let present = catalog
        .sections
        .iter()
        .filter(|section| profile.sections.get(&section.discriminator).is_some_and(|data| !data.is_empty()));
    list("sections", present.map(|section| section.name.clone()).collect());
    let member = extract.members.iter().filter(|(_, members)| members.contains(key));
    list("segments", member.map(|(name, _)| name.clone()).collect());
    if config.consents {
        let addresses = Addresses::of(account, config, profile);
        let has = [0, 1].map(|channel| !addresses.0[channel].is_empty());
        record.fields.extend(consents::fields(catalog, given, has, addresses.suppressed(config)));
    }
    record
}

/// Who has no name goes by the e-mail address (R309); who has no address waits (R308).
fn name_or_address(record: &mut Record) {
    let silent = |record: &Record, field: &str| {
        !record.fields.contains_key(field) && record.doubts.iter().all(|doubt| doubt.field != *field)
    };
    let nameless = silent(record, "first_name") && silent(record, "last_name");
    if silent(record, "email") {
        if nameless {
            let message = "the profile has neither a name nor an e-mail address";
            record.doubts.push(doubt(&"first_name".into(), message.to_owned()));
        }
        record.doubts.push(doubt(&"email".into(), "the profile has no e-mail address".to_owned()));
    } else if nameless
        && let Some(Value::List(addresses)) = record.fields.get("email")
        && let Some(address) = addresses.first()
    {
        let address = Value::text(address.to_string());
        record.fields.insert("first_name".into(), address);
    }
}

/// What several profiles say about one company: a contradiction is a doubt.
pub(super) fn organization(
    account: &Account,
    config: &ApsisOneConfig,
    extract: &Extract,
    id: &str,
    keys: &[String],
) -> Record {
    let record = Record::new(RecordRef::new(ORGANIZATIONS, id)).with("id", Value::text(id));
    let mut record = together(record, &account.columns.organization, account, config, extract, keys);
    if let Some(domain) = record.fields.get_mut("domain") {
        *domain = Value::text(bare_domain(&domain.to_string()));
    }
    record
}

/// What profiles say about one deal.
pub(super) fn deal(account: &Account, config: &ApsisOneConfig, extract: &Extract, id: &str, keys: &[String]) -> Record {
    let record = Record::new(RecordRef::new(DEALS, id)).with("source_id", Value::text(id));
    let mut record = together(record, &account.columns.deal, account, config, extract, keys);
    if let Some(first) = keys.first() {
        record = record.with("profile", Value::link(RecordRef::new(PROFILES, first.as_str())));
        let company = extract
            .profile(first)
            .ok()
            .and_then(|profile| account.organization_id(config, &values(&account.catalog, &profile)));
        if let Some(company) = company {
            record = record.with("organization", Value::link(RecordRef::new(ORGANIZATIONS, company)));
        }
    }
    record
}

fn together(
    mut record: Record,
    columns: &Columns,
    account: &Account,
    config: &ApsisOneConfig,
    extract: &Extract,
    keys: &[String],
) -> Record {
    for key in keys {
        let Ok(profile) = extract.profile(key) else { continue };
        let mut one = Record::new(record.key.clone());
        fill(&mut one, columns, config, &values(&account.catalog, &profile));
        for (field, value) in one.fields {
            match record.fields.get(&field) {
                Some(known) if !same(field.as_str(), known, &value) => {
                    if record.doubts.iter().all(|doubt| doubt.field != field) {
                        record.doubts.push(doubt(&field, "profiles hold different values".to_owned()));
                    }
                }
                Some(_) => {}
                None => drop(record.fields.insert(field, value)),
            }
        }
        for new in one.doubts {
            if record.doubts.iter().all(|known| known.field != new.field) {
                record.doubts.push(new);
            }
        }
    }
    record
}

/// Spellings that differ in case and spaces alone, or of one domain: the first one stays.
fn same(field: &str, a: &Value, b: &Value) -> bool {
    let bare = |value: &Value| value.to_string().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let domain = |value: &Value| bare_domain(&value.to_string());
    a == b || bare(a) == bare(b) || matches!(field, "domain" | "website") && domain(a) == domain(b)
}

fn fill(record: &mut Record, columns: &Columns, config: &ApsisOneConfig, values: &Values<'_>) {
    for column in &columns.0 {
        let (value, doubt) = column.read(config, values);
        if let Some(value) = value {
            record.fields.insert(column.field.clone(), value);
        }
        record.doubts.extend(doubt);
    }
}

/// A profile that is no JSON of the documented shape.
pub(super) fn unreadable() -> Reject {
    Reject {
        origin: ORIGIN.to_owned(),
        line: None,
        field: None,
        code: "unreadable_profile".to_owned(),
        message: "the profile in the export is not of the documented shape".to_owned(),
    }
}
