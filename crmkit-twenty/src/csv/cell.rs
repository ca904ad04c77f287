//! Values as the import dialog reads them: one column for each part of a composite, under the headers it matches by itself.

use crmkit_core::rust_decimal::Decimal;
use serde_json::{Value as Json, json};

/// The headers of a field's columns.
pub(super) fn headers(label: &str, wire: &str) -> Vec<String> {
    let parts: &[&str] = match wire {
        "FULL_NAME" => &["First Name", "Last Name"],
        "EMAILS" => &["Primary Email", "Additional Emails"],
        "PHONES" => {
            &["Primary Phone Number", "Primary Phone Country Code", "Primary Phone Calling Code", "Additional Phones"]
        }
        "LINKS" => &["Link URL", "Link Label", "Secondary Links"],
        "CURRENCY" => &["Amount", "Currency"],
        "ADDRESS" => &["Address 1", "Address 2", "City", "State", "Country", "Post Code"],
        "RICH_TEXT" | "RICH_TEXT_V2" => &["Markdown"],
        "RELATION" => &["Id"],
        _ => return vec![label.to_owned()],
    };
    parts.iter().map(|part| format!("{label} / {part}")).collect()
}

/// A value's cells, as many as its field has headers. `value` is what the interface would get.
pub(super) fn cells(wire: &str, value: &Json) -> Vec<String> {
    let part = |name: &str| text(&value[name]);
    match wire {
        "FULL_NAME" => vec![part("firstName"), part("lastName")],
        "EMAILS" => vec![part("primaryEmail"), list(&value["additionalEmails"])],
        "PHONES" => {
            let (number, country, calling) = phone(&part("primaryPhoneNumber"));
            let more = value["additionalPhones"].as_array().into_iter().flatten().map(|more| {
                let (number, country, calling) = phone(&text(&more["number"]));
                json!({"number": number, "callingCode": calling, "countryCode": country})
            });
            vec![number, country, calling, list(&more.collect())]
        }
        "LINKS" => vec![part("primaryLinkUrl"), part("primaryLinkLabel"), list(&value["secondaryLinks"])],
        // In units of the currency: the dialog makes millionths of them.
        "CURRENCY" => match value["amountMicros"].as_i64() {
            Some(micros) => {
                vec![Decimal::from_i128_with_scale(micros.into(), 6).normalize().to_string(), part("currencyCode")]
            }
            None => vec![String::new(), String::new()],
        },
        "ADDRESS" => {
            ["addressStreet1", "addressStreet2", "addressCity", "addressState", "addressCountry", "addressPostcode"]
                .map(part)
                .into()
        }
        "RICH_TEXT" | "RICH_TEXT_V2" => vec![part("markdown")],
        "BOOLEAN" => vec![value.as_bool().map(|yes| if yes { "TRUE" } else { "FALSE" }).unwrap_or_default().to_owned()],
        "MULTI_SELECT" | "ARRAY" => vec![list(value)],
        "RAW_JSON" => vec![if value.is_null() { String::new() } else { value.to_string() }],
        _ => vec![text(value)],
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A list as JSON; an empty one is an empty cell.
fn list(value: &Json) -> String {
    value.as_array().filter(|items| !items.is_empty()).map(|_| value.to_string()).unwrap_or_default()
}

/// National number, country and calling code of a number in international form.
fn phone(number: &str) -> (String, String, String) {
    let Ok(parsed) = phonenumber::parse(None, number) else { return (number.to_owned(), String::new(), String::new()) };
    let calling = format!("+{}", parsed.country().code());
    let national = number.strip_prefix(&calling).unwrap_or(number).to_owned();
    let country = parsed.country().id().map(|country| country.as_ref().to_owned()).unwrap_or_default();
    (national, country, calling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_one_that_the_dialog_reads() {
        let cases: &[(&str, Json, &[&str])] = &[
            ("FULL_NAME", json!({"firstName": "Ada", "lastName": "Lovelace"}), &["Ada", "Lovelace"]),
            ("EMAILS", json!({"primaryEmail": "a@b.c", "additionalEmails": ["d@e.f"]}), &["a@b.c", "[\"d@e.f\"]"]),
            ("EMAILS", json!({"primaryEmail": "", "additionalEmails": []}), &["", ""]),
            (
                "PHONES",
                json!({"primaryPhoneNumber": "+33612345678", "additionalPhones": [{"number": "+46701234567"}]}),
                &[
                    "612345678",
                    "FR",
                    "+33",
                    "[{\"callingCode\":\"+46\",\"countryCode\":\"SE\",\"number\":\"701234567\"}]",
                ],
            ),
            (
                "LINKS",
                json!({"primaryLinkUrl": "https://a.b", "primaryLinkLabel": "", "secondaryLinks": []}),
                &["https://a.b", "", ""],
            ),
            ("CURRENCY", json!({"amountMicros": 1_234_560_000_i64, "currencyCode": "EUR"}), &["1234.56", "EUR"]),
            ("CURRENCY", json!({"amountMicros": -1, "currencyCode": "EUR"}), &["-0.000001", "EUR"]),
            ("CURRENCY", json!({"amountMicros": null, "currencyCode": ""}), &["", ""]),
            (
                "ADDRESS",
                json!({"addressStreet1": "1 Main", "addressCity": "Lund", "addressCountry": "Sweden", "addressPostcode": "2"}),
                &["1 Main", "", "Lund", "", "Sweden", "2"],
            ),
            ("RICH_TEXT", json!({"markdown": "# Hi\n"}), &["# Hi\n"]),
            ("BOOLEAN", json!(true), &["TRUE"]),
            ("BOOLEAN", json!(false), &["FALSE"]),
            ("BOOLEAN", Json::Null, &[""]),
            ("NUMBER", json!(1.5), &["1.5"]),
            ("DATE", json!("2024-02-29"), &["2024-02-29"]),
            ("DATE_TIME", json!("2024-02-29T10:00:00.000Z"), &["2024-02-29T10:00:00.000Z"]),
            ("SELECT", json!("ONE"), &["ONE"]),
            ("MULTI_SELECT", json!(["A", "B"]), &["[\"A\",\"B\"]"]),
            ("RATING", json!("RATING_3"), &["RATING_3"]),
            ("RELATION", json!("20202020-0000-5000-8000-000000000001"), &["20202020-0000-5000-8000-000000000001"]),
        ];
        for (wire, value, expected) in cases {
            assert_eq!(cells(wire, value), *expected, "{wire} {value}");
            assert_eq!(headers("Field", wire).len(), expected.len(), "{wire}");
        }
        assert_eq!(headers("Company", "RELATION"), ["Company / Id"]);
        assert_eq!(headers("Job Title", "TEXT"), ["Job Title"]);
    }
}
