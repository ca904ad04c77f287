//! A fresh account, and what a seed may leave out because every account has it.

use super::account::{Account, ApiClient, Definition, Keyspace, Named, Section, Version};

pub(super) const ACCOUNT: &str = "acme";

/// What every section has: discriminator, name, type.
const DEFAULT_ATTRIBUTES: [(&str, &str, &str); 6] = [
    ("com.apsis1.attributes.firstname", "First name", "text"),
    ("com.apsis1.attributes.lastname", "Last name", "text"),
    ("com.apsis1.attributes.email", "Email", "text"),
    ("com.apsis1.attributes.mobile", "Mobile", "integer"),
    ("com.apsis1.attributes.birthdate", "Birth date", "date"),
    ("com.apsis1.attributes.crmid", "CRM ID", "text"),
];

/// What every account has: discriminator, name, attribute that holds its keys, subscriptions are managed by it.
const KEYSPACES: [(&str, &str, Option<&str>, bool); 5] = [
    ("com.apsis1.keyspaces.email", "Email", Some("com.apsis1.attributes.email"), true),
    ("com.apsis1.keyspaces.mobile", "Mobile", Some("com.apsis1.attributes.mobile"), true),
    ("com.apsis1.keyspaces.crm-id", "CRM ID", Some("com.apsis1.attributes.crmid"), true),
    ("com.apsis1.keyspaces.export", "Export", None, false),
    ("com.apsis1.keyspaces.web", "Web", None, false),
];

/// An account with one empty section.
pub(super) fn fresh() -> Account {
    let section = Section {
        discriminator: "com.apsis1.sections.default".to_owned(),
        name: "Default".to_owned(),
        ..Section::default()
    };
    let mut account = Account { name: ACCOUNT.to_owned(), sections: vec![section], ..Account::default() };
    complete(&mut account);
    account
}

/// The API key that an account has unless it is told another.
pub(super) fn client(account: &str) -> ApiClient {
    ApiClient {
        client_id: format!("00000000-0000-4000-8000-{:0>12}", hex(account, 6)),
        client_secret: hex(&format!("secret of {account}"), 16),
    }
}

fn hex(text: &str, bytes: usize) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// Adds what every account has where a seed leaves it out.
pub(super) fn complete(account: &mut Account) {
    if account.name.is_empty() {
        account.name = ACCOUNT.to_owned();
    }
    if account.clients.is_empty() {
        account.clients.push(client(&account.name));
    }
    for (discriminator, name, attribute, manage_subscriptions) in KEYSPACES {
        if account.keyspaces.iter().all(|known| known.discriminator != discriminator) {
            account.keyspaces.push(Keyspace {
                discriminator: discriminator.to_owned(),
                name: name.to_owned(),
                manage_subscriptions,
                attribute: attribute.map(str::to_owned),
            });
        }
    }
    for (discriminator, name) in [("com.apsis1.channels.email", "Email"), ("com.apsis1.channels.sms", "SMS")] {
        if account.channels.iter().all(|known| known.discriminator != discriminator) {
            account.channels.push(Named { discriminator: discriminator.to_owned(), name: name.to_owned() });
        }
    }
    for (place, section) in account.sections.iter_mut().enumerate() {
        for (number, (discriminator, name, ty)) in DEFAULT_ATTRIBUTES.into_iter().enumerate() {
            if section.attributes.iter().all(|known| known.discriminator != discriminator) {
                let id = (place * 1_000 + number + 1).to_string();
                section.attributes.insert(
                    number.min(section.attributes.len()),
                    Definition {
                        discriminator: discriminator.to_owned(),
                        name: name.to_owned(),
                        description: None,
                        ty: Some(ty.to_owned()),
                        versions: vec![Version { id, deprecated_at: None }],
                    },
                );
            }
        }
    }
}
