//! Values to JSON: strict, and every refusal names the field.

use crmkit_core::{
    Error, ErrorKind, FieldName, FieldSchema, FieldType, Fields, Result, Retry, Value,
    chrono::SecondsFormat,
    rust_decimal::{Decimal, prelude::ToPrimitive},
};
use serde_json::{Map, Number, Value as Json, json};

use super::kept::{kept, phone};
use crate::connector::{Target, uuid};

/// Whole numbers beyond this are not exact at the other side.
const EXACT: i64 = 1 << 53;

/// The body of a write: exactly the named fields.
///
/// # Errors
/// `Rejected` with `Never` for a field or option that the schema does not name, a value of another type, and anything that
/// the other side would refuse or keep differently.
pub(crate) fn body(
    target: Target<'_>,
    fields: &Fields,
    creating: bool,
    region: Option<&str>,
    operation: &'static str,
) -> Result<Map<String, Json>> {
    let refuse = |field: &FieldName, why: String| {
        Error::new(ErrorKind::Rejected, operation, why, Retry::Never).with_context("field", field)
    };
    let mut body = Map::new();
    for (name, value) in fields {
        let Some(field) = target.schema.fields.get(name) else {
            return Err(refuse(name, "the workspace has no such field".to_owned()));
        };
        if let Some(carrier) = &field.carrier {
            return Err(refuse(name, format!("the link is a record of its own: write a {}", carrier.object)));
        }
        if !field.writable {
            return Err(refuse(name, "the field cannot be set".to_owned()));
        }
        let json = to_json(field, target.wire(name.as_str()), &kept(field, value, region), region);
        body.insert(name.to_string(), json.map_err(|why| refuse(name, why))?);
    }
    if creating {
        let missing = |field: &&FieldSchema| field.required && fields.get(&field.name).is_none_or(Value::is_empty);
        if let Some(missing) = target.schema.fields.values().find(missing) {
            return Err(refuse(&missing.name, "the field is required".to_owned()));
        }
    }
    Ok(body)
}

fn to_json(field: &FieldSchema, wire: &str, value: &Value, region: Option<&str>) -> Result<Json, String> {
    let wrong = || Err(format!("a {} field does not take a value of this type", field.ty.label()));
    if *value == Value::Null {
        return if field.clearable { Ok(empty(wire)) } else { Err("the interface cannot clear this field".to_owned()) };
    }
    Ok(match (&field.ty, value) {
        (FieldType::Text { .. }, Value::Text(text)) => match wire {
            "UUID" => json!(uuid(text).ok_or("the value is no UUID")?),
            "ACTOR" => json!({"source": "IMPORT", "name": plain(text)?}),
            _ => json!(plain(text)?),
        },
        (FieldType::LongText, Value::Text(text)) => json!(plain(text)?),
        (FieldType::Url, Value::Text(url)) => {
            json!({"primaryLinkUrl": plain(url)?, "primaryLinkLabel": "", "secondaryLinks": []})
        }
        (FieldType::Url, Value::List(urls)) => {
            let urls = texts(urls).ok_or("web addresses are texts")?;
            let more: Vec<Json> = urls.iter().skip(1).map(|url| json!({"url": url, "label": ""})).collect();
            json!({"primaryLinkUrl": urls.first().copied().unwrap_or_default(), "primaryLinkLabel": "", "secondaryLinks": more})
        }
        (FieldType::Rich, Value::Rich(rich)) => json!({"markdown": plain(&rich.text)?}),
        (FieldType::Bool, Value::Bool(yes)) => json!(yes),
        (FieldType::Int | FieldType::Decimal, Value::Int(number)) => whole(*number)?,
        (FieldType::Int, Value::Decimal(number)) if !number.is_integer() => {
            return Err("the field takes whole numbers only".to_owned());
        }
        (FieldType::Int | FieldType::Decimal, Value::Decimal(number)) => decimal(*number)?,
        (FieldType::Money, Value::Money(money)) => {
            let micros = money.amount.checked_mul(Decimal::from(1_000_000)).map(|micros| micros.normalize());
            let micros = micros.filter(Decimal::is_integer).and_then(|micros| micros.to_i64()).ok_or_else(inexact)?;
            json!({"amountMicros": whole(micros)?, "currencyCode": &*money.currency})
        }
        (FieldType::Date, Value::Date(date)) => json!(date.format("%Y-%m-%d").to_string()),
        (FieldType::Timestamp, Value::Timestamp(time)) => json!(time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        (FieldType::Name, Value::Name(name)) => {
            json!({"firstName": plain(&name.given)?, "lastName": plain(&name.family)?})
        }
        (FieldType::Address, Value::Address(address)) => json!({
            "addressStreet1": plain(&address.street)?,
            "addressStreet2": "",
            "addressCity": plain(&address.city)?,
            "addressState": plain(&address.region)?,
            "addressPostcode": plain(&address.postal_code)?,
            "addressCountry": plain(&address.country)?,
        }),
        (FieldType::Emails, Value::List(items)) => {
            let addresses = texts(items).ok_or("e-mail addresses are texts")?;
            if !addresses.iter().all(|address| is_address(address)) {
                return Err("an e-mail address is not one".to_owned());
            }
            let primary = addresses.first().copied().unwrap_or_default();
            json!({"primaryEmail": primary, "additionalEmails": addresses.get(1..).unwrap_or_default()})
        }
        (FieldType::Phones, Value::List(items)) => phones(&texts(items).ok_or("phone numbers are texts")?, region)?,
        (FieldType::Option, Value::Option(key)) => option(field, key)?,
        (FieldType::Options, Value::List(items)) => {
            let keys = items.iter().map(|item| match item {
                Value::Option(key) => option(field, key),
                _ => wrong(),
            });
            Json::Array(keys.collect::<Result<_, _>>()?)
        }
        (FieldType::Link { to }, Value::Ref(record)) => {
            if !to.contains(&record.object) {
                return Err("the link points to an object that this field does not link to".to_owned());
            }
            json!(uuid(record.id.as_str()).ok_or("the link's id is no UUID")?)
        }
        (FieldType::Any, Value::List(items)) if wire == "ARRAY" => {
            json!(texts(items).ok_or("the list has more than texts")?)
        }
        (FieldType::Any, Value::List(items)) => json!(items.iter().map(ToString::to_string).collect::<Vec<_>>()),
        (FieldType::Any, other) if wire == "ARRAY" => json!([other.to_string()]),
        _ => return wrong(),
    })
}

/// Nothing, as each type spells it.
fn empty(wire: &str) -> Json {
    match wire {
        "EMAILS" => json!({"primaryEmail": "", "additionalEmails": []}),
        "PHONES" => {
            json!({"primaryPhoneNumber": "", "primaryPhoneCountryCode": "", "primaryPhoneCallingCode": "", "additionalPhones": []})
        }
        "LINKS" => json!({"primaryLinkUrl": "", "primaryLinkLabel": "", "secondaryLinks": []}),
        "CURRENCY" => json!({"amountMicros": null, "currencyCode": ""}),
        "FULL_NAME" => json!({"firstName": "", "lastName": ""}),
        "ADDRESS" => json!({"addressStreet1": "", "addressStreet2": "", "addressCity": "", "addressState": "",
            "addressPostcode": "", "addressCountry": ""}),
        "RICH_TEXT" | "RICH_TEXT_V2" => json!({"markdown": null, "blocknote": null}),
        _ => Json::Null,
    }
}

/// The country comes with the number, which is in international form. The server takes it apart.
fn phones(numbers: &[&str], region: Option<&str>) -> Result<Json, String> {
    if numbers.iter().any(|number| phone(number, region).is_none()) {
        return Err("a phone number is not one, or names no country; a text field keeps it".to_owned());
    }
    let more: Vec<Json> =
        numbers.iter().skip(1).map(|number| json!({"number": number, "callingCode": "", "countryCode": ""})).collect();
    let primary = numbers.first().copied().unwrap_or_default();
    Ok(json!({"primaryPhoneNumber": primary, "additionalPhones": more}))
}

fn texts(items: &[Value]) -> Option<Vec<&str>> {
    items.iter().map(|item| item.as_text().filter(|text| !text.contains('\0'))).collect()
}

/// The server's database has no NUL.
fn plain(text: &str) -> Result<&str, String> {
    if text.contains('\0') { Err("the text has a NUL character".to_owned()) } else { Ok(text) }
}

/// What the server takes for an address, at least: it judges the rest itself.
fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let bad = |letter: char| letter.is_whitespace() || letter.is_control() || "@,;<>()\"".contains(letter);
    !local.is_empty()
        && domain.split('.').count() > 1
        && domain.split('.').all(|part| !part.is_empty())
        && !address.replacen('@', "", 1).contains(bad)
}

fn option(field: &FieldSchema, key: &str) -> Result<Json, String> {
    let known = field.options.iter().any(|option| option.id == key);
    known.then(|| json!(key)).ok_or_else(|| "the field has no such option".to_owned())
}

fn whole(number: i64) -> Result<Json, String> {
    if number.abs() <= EXACT { Ok(json!(number)) } else { Err(inexact()) }
}

fn decimal(number: Decimal) -> Result<Json, String> {
    let number = number.normalize();
    if number.is_integer() {
        return whole(number.to_i64().ok_or_else(inexact)?);
    }
    let json = number.to_f64().and_then(Number::from_f64).map(Json::Number).ok_or_else(inexact)?;
    if super::from_wire::decimal(&json) == Some(number) { Ok(json) } else { Err(inexact()) }
}

fn inexact() -> String {
    "the number has more digits than the interface keeps".to_owned()
}
