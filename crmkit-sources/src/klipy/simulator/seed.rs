//! The default workspace: a small agency's, as untidy as mail sync leaves one. All people and companies are invented.

use serde_json::{Value, json};

use super::{
    switches::Switches,
    workspace::{ApiKey, Profile, Tables},
};

/// What a key begins with.
pub(super) const PREFIX: &str = "klipy_api_";
/// The default workspace's key.
pub(super) const KEY: &str = "klipy_api_0123456789abcdef01234567";

pub(super) fn profile(switches: Switches) -> Profile {
    Profile { name: "Northwind Agency".to_owned(), keys: vec![ApiKey::new(KEY, ["ALL"])], switches }
}

/// People, companies and interactions. One person is there three times, as mail clients wrote the address; one company under
/// three spellings of its domain; nobody deletes a company that interactions still name.
pub(super) fn tables() -> Tables {
    Tables::load(&dump()).expect("the default workspace is right")
}

fn dump() -> Value {
    json!({ "companies": companies(), "people": people(), "interactions": interactions() })
}

fn companies() -> Value {
    let company = |id: &str, name: &str, domain: &str| {
        json!({
            "id": id, "name": name, "domain": domain, "createdAt": "2024-01-08T08:00:00Z", "industry": "Manufacturing",
            "employee_count": 40, "estimated_revenue": null, "city": "Malmö", "state": null, "country": "Sweden",
            "linkedin": null,
        })
    };
    json!([
        company("cmp_1", "Acme Tools", "acme.example"),
        company("cmp_2", "ACME Tools AB", "www.acme.example"),
        company("cmp_3", "Acme", "https://Acme.example/about"),
        company("cmp_4", "Borealis Foods", "borealis.example"),
        company("cmp_5", "Cirrus Travel", "cirrus.example"),
    ])
}

fn people() -> Value {
    let person = |number: u32, email: &str, first: &str, last: &str, company: Option<&str>| {
        json!({
            "id": format!("c_{number}"), "email": email, "firstName": first, "lastName": last, "title": null,
            "phone": null, "companyId": company, "createdAt": format!("2024-02-{number:02}T09:00:00Z"),
            "updatedAt": format!("2025-02-{number:02}T09:00:00Z"),
        })
    };
    json!([
        person(1, "ann.berg@acme.example", "Ann", "Berg", Some("cmp_1")),
        person(2, "Ann.Berg@Acme.example", "Ann", "Berg", Some("cmp_2")),
        person(3, "\"Berg, Ann\" <ann.berg@acme.example>", "", "", Some("cmp_3")),
        person(4, "bo@borealis.example", "Bo", "Cederlund", Some("cmp_4")),
        person(5, "cecilia@cirrus.example", "Cecilia", "Dahl", Some("cmp_5")),
        person(6, "david@gmail.com", "David", "Ek", None),
        person(7, "elin@borealis.example", "Elin", "Frost", Some("cmp_4")),
        person(8, "farid@cirrus.example", "Farid", "Ghani", Some("cmp_5")),
        person(9, "greta@acme.example", "Greta", "Holm", Some("cmp_1")),
    ])
}

fn interactions() -> Value {
    let interaction = |number: u32, kind: &str, source: &str, contact: &str, title: &str, summary: &str| {
        json!({
            "id": format!("int_{number}"), "companies": [], "contacts": [contact], "direction": "INBOUND",
            "sentiment": null, "source": source, "summary": summary, "title": title, "type": kind, "createdBy": "u_1",
            "creationTime": format!("2025-03-{number:02}T10:00:00Z"),
            "interactionDate": format!("2025-03-{number:02}T09:55:00Z"),
        })
    };
    json!([
        interaction(1, "EMAIL", "EMAIL", "c_1", "Re: offer", "<p>Thanks for the <b>offer</b>.</p>"),
        interaction(2, "DIRECT_MESSAGE", "LINKEDIN", "c_4", "", "Shall we talk next week?"),
        interaction(3, "DIRECT_MESSAGE", "whatsapp_business", "c_5", "", "Here is the address."),
        interaction(4, "DIRECT_MESSAGE", "Telegram", "c_6", "", "Sent you the file."),
        interaction(5, "MEETING", "CALENDAR", "c_7", "Kick-off", "<ul><li>Scope</li><li>Dates</li></ul>"),
        interaction(6, "VOICE_NOTE", "PHONE_CALL", "c_8", "Call about dates", "Wants to move the start."),
        interaction(7, "MEMO", "MANUAL", "c_9", "", "Prefers e-mail."),
        interaction(8, "BOOKING_CREATED", "BOOKING", "c_1", "Demo", "Booked a demo."),
    ])
}
