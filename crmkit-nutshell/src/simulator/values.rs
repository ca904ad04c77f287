//! E-mails, phones, web and postal addresses, names and money: how they are read, kept and changed by the vendor.

use crmkit_core::rust_decimal::Decimal;
use serde_json::{Value, json};

use super::answer::{Failure, invalid};
use super::ordered;
use super::store::object;
use super::switches::Switches;

/// The kinds of values of which a record has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Multi {
    Email,
    Phone,
    Url,
    Address,
}

impl Multi {
    pub(super) const ALL: [Self; 4] = [Self::Email, Self::Phone, Self::Url, Self::Address];

    /// The key in JSON-RPC.
    pub(super) fn rpc(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Address => "address",
        }
    }

    /// The key in REST and in the store.
    pub(super) fn rest(self) -> &'static str {
        match self {
            Self::Email => "emails",
            Self::Phone => "phones",
            Self::Url => "urls",
            Self::Address => "addresses",
        }
    }

    /// One value as it is kept.
    fn keep(self, value: &Value, switches: &Switches) -> Result<Value, Failure> {
        let text = value.as_str().map(str::trim);
        match (self, text) {
            (Self::Email, Some(email)) if email.contains('@') && !email.contains(char::is_whitespace) => {
                Ok(email.into())
            }
            (Self::Email, Some(email)) => invalid(format!("'{email}' is not a valid email address")),
            (Self::Phone, Some(number)) => Ok(phone(number)),
            (Self::Phone, None) if value["number"].is_string() => {
                let number = value["E164"].as_str().or_else(|| value["number"].as_str()).unwrap_or_default();
                Ok(phone(number))
            }
            (Self::Url, Some(url)) if switches.urls_get_a_scheme && !url.contains("://") => {
                Ok(format!("http://{url}").into())
            }
            (Self::Url, Some(url)) => Ok(url.into()),
            (Self::Address, _) if value.is_object() => Ok(address(value)),
            _ => invalid(format!("a value of {} has the wrong form", self.rpc())),
        }
    }

    /// A list or label map of JSON-RPC as it is kept.
    pub(super) fn keep_rpc(self, given: &Value, switches: &Switches) -> Result<Value, Failure> {
        let entries: Vec<(Option<&str>, &Value)> = match given {
            Value::Null => Vec::new(),
            Value::Array(values) => values.iter().map(|value| (None, value)).collect(),
            Value::Object(labelled) => {
                let copied = |label: &str| switches.primary_is_copied || label != "--primary";
                let known = ordered::pairs(labelled).into_iter().filter(|(label, _)| copied(label));
                known
                    .map(|(label, value)| {
                        let unlabelled = label == "--primary" || label.parse::<u32>().is_ok();
                        ((!unlabelled).then_some(label), value)
                    })
                    .collect()
            }
            _ => return Err(Failure::BadParams(format!("{} is a list or a map", self.rpc()))),
        };
        let mut kept = Vec::new();
        for (label, value) in entries {
            kept.push(json!({ "name": label, "isPrimary": false, "value": self.keep(value, switches)? }));
        }
        choose_primary(&mut kept, switches);
        Ok(Value::Array(kept))
    }

    /// A list of REST as it is kept.
    pub(super) fn keep_rest(self, given: &Value, switches: &Switches) -> Result<Value, Failure> {
        let entries = match given {
            Value::Null => &[],
            Value::Array(entries) => entries.as_slice(),
            _ => return Err(Failure::InvalidField(self.rest(), format!("{} is a list", self.rest()))),
        };
        let mut kept = Vec::new();
        for entry in entries {
            let value = self.keep(&entry["value"], switches).map_err(|failure| match failure {
                Failure::Invalid(message) => Failure::InvalidField(self.rest(), message),
                other => other,
            })?;
            let name = entry["name"].as_str();
            kept.push(json!({ "name": name, "isPrimary": entry["isPrimary"] == true, "value": value }));
        }
        if !kept.iter().any(|entry| entry["isPrimary"] == true) {
            choose_primary(&mut kept, switches);
        }
        Ok(Value::Array(kept))
    }

    /// What is kept as JSON-RPC shows it: a label map with the primary value once more.
    pub(super) fn to_rpc(self, kept: &[Value]) -> Vec<(String, Value)> {
        let mut shown: Vec<(String, Value)> = Vec::with_capacity(kept.len() + 1);
        for (position, entry) in kept.iter().enumerate() {
            let taken = |label: &&str| shown.iter().any(|(known, _)| known == label);
            let label = entry["name"].as_str().filter(|label| !taken(label));
            let label = label.map_or_else(|| position.to_string(), str::to_owned);
            shown.push((label, entry["value"].clone()));
        }
        if let Some(primary) = kept.iter().find(|entry| entry["isPrimary"] == true) {
            shown.push(("--primary".into(), primary["value"].clone()));
        }
        shown
    }
}

fn choose_primary(kept: &mut [Value], switches: &Switches) {
    let primary = if switches.first_is_primary { kept.first_mut() } else { kept.last_mut() };
    if let Some(primary) = primary {
        primary["isPrimary"] = true.into();
    }
}

/// The calling codes of one and two digits; all others have three.
const SHORT_CODES: &str = "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 \
65 66 81 82 84 86 90 91 92 93 94 95 98";

/// A phone number as the vendor parses it; one without a country is American.
fn phone(given: &str) -> Value {
    let lower = given.to_lowercase();
    let at = lower.find("ext").or_else(|| lower.find('x')).filter(|at| given.is_char_boundary(*at));
    let (number, extension) = at.map_or((given, ""), |at| given.split_at(at));
    let digits_of = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (digits, extension) = (digits_of(number), digits_of(extension));
    let international = number.trim_start().starts_with('+');
    let american = digits.len() == 11 && digits.starts_with('1');
    let (code, local) = if international {
        let short = SHORT_CODES.split(' ').find(|code| digits.starts_with(code)).map(str::len);
        digits.split_at(short.unwrap_or(3).min(digits.len()))
    } else if american {
        digits.split_at(1)
    } else {
        ("1", digits.as_str())
    };
    if !international && local.len() != 10 {
        // What is no number anywhere stays what it was.
        return json!({
            "countryCode": null, "number": given, "extension": "", "numberFormatted": given, "E164": null,
        });
    }
    let formatted = match (code, local.len()) {
        ("1", 10) => format!("({}) {}-{}", &local[..3], &local[3..6], &local[6..]),
        _ => format!("+{code} {local}"),
    };
    json!({
        "countryCode": code, "number": local, "extension": extension, "numberFormatted": formatted,
        "E164": format!("+{code}{local}"),
    })
}

const ADDRESS: [&str; 7] = ["address_1", "address_2", "address_3", "city", "state", "postalCode", "country"];

/// A postal address with what a geocoder adds.
fn address(given: &Value) -> Value {
    let mut kept = object(json!({ "name": null, "timezone": null, "location": null, "locationAccuracy": null }));
    for key in ADDRESS {
        let text = given[key].as_str().map(str::trim).filter(|text| !text.is_empty());
        kept.insert(key.into(), text.into());
    }
    if kept["city"].is_string() {
        kept.insert("location".into(), json!({ "longitude": "-83.7", "latitude": "42.2" }));
        kept.insert("locationAccuracy".into(), "city".into());
        kept.insert("timezone".into(), "America/Detroit".into());
    }
    Value::Object(kept)
}

/// A contact's name as it is kept: the vendor splits what comes as one text.
pub(super) fn person_name(given: &Value, switches: &Switches) -> Result<Value, Failure> {
    let some = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let (first, last, display) = match given {
        Value::String(name) => {
            let trimmed = name.trim();
            let (first, last) = trimmed.rsplit_once(' ').unwrap_or((trimmed, ""));
            let display = if switches.names_are_trimmed { trimmed } else { name };
            (first.trim_end().to_owned(), last.to_owned(), display.to_owned())
        }
        Value::Object(name) if switches.name_objects => {
            let part = |key: &str| name.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
            let (first, last) = (part("givenName"), part("familyName"));
            let display = format!("{first} {last}").trim().to_owned();
            (first, last, display)
        }
        Value::Null => return Ok(Value::Null),
        _ => return Err(Failure::BadParams("name is a string".into())),
    };
    Ok(json!({
        "givenName": some(&first), "familyName": some(&last), "salutation": given["salutation"],
        "displayName": some(&display),
    }))
}

/// An amount, given as a number or as text.
pub(super) fn amount(given: &Value) -> Option<Decimal> {
    match given {
        Value::Number(number) => {
            let text = number.to_string();
            text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// `{"currency", "amount"}`, as it is kept; a currency that is not named is `currency`.
pub(super) fn money(given: &Value, currency: &str) -> Result<Value, Failure> {
    let (given_amount, given_currency) = match given {
        Value::Object(money) => {
            let named = money.get("currency").or_else(|| money.get("currency_shortname")).and_then(Value::as_str);
            (money.get("amount").unwrap_or(&Value::Null), named.unwrap_or(currency))
        }
        other => (other, currency),
    };
    let well_known = given_currency.len() == 3 && given_currency.bytes().all(|letter| letter.is_ascii_uppercase());
    match amount(given_amount) {
        Some(amount) if well_known => Ok(json!({ "currency": given_currency, "amount": amount.to_string() })),
        _ => invalid("money is an amount and a currency"),
    }
}

/// Money as JSON-RPC shows it.
pub(super) fn money_to_rpc(kept: &Value, switches: &Switches) -> Value {
    let text = kept["amount"].as_str().unwrap_or("0");
    let amount = if switches.amounts_are_text {
        text.into()
    } else {
        // A JSON number is what the text says, without a detour through binary fractions where it is whole.
        let whole = text.parse::<Decimal>().ok().filter(|amount| amount.fract().is_zero());
        match whole.and_then(|amount| i64::try_from(amount.trunc()).ok()) {
            Some(whole) => whole.into(),
            None => text.parse::<f64>().map_or(Value::Null, Into::into),
        }
    };
    let key = if switches.currency_shortname { "currency_shortname" } else { "currency" };
    json!({ key: kept["currency"], "amount": amount })
}

/// Money as REST shows it.
pub(super) fn money_to_rest(kept: &Value) -> Value {
    let amount = amount(&kept["amount"]).unwrap_or_default().round_dp(2);
    let currency = kept["currency"].as_str().unwrap_or("USD");
    let symbol = match currency {
        "USD" => "$",
        "EUR" => "€",
        other => other,
    };
    json!({ "formatted": format!("{symbol}{amount:.2}"), "amount": format!("{amount:.2}"), "currency": currency })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_parsed() {
        let us = phone("734-555-9090 x12");
        assert_eq!(us["numberFormatted"], "(734) 555-9090");
        assert_eq!((&us["E164"], &us["extension"]), (&json!("+17345559090"), &json!("12")));
        assert_eq!(phone("+46 8 123 456")["countryCode"], "46");
        assert_eq!(phone("+358 9 123")["E164"], "+3589123");
        assert_eq!(phone("call me")["numberFormatted"], "call me");
    }

    #[test]
    fn money_takes_both_spellings() {
        let switches = Switches::default();
        let kept = money(&json!({"currency_shortname": "USD", "amount": "15.5"}), "EUR").unwrap();
        assert_eq!(money_to_rpc(&kept, &switches), json!({"currency": "USD", "amount": 15.5}));
        assert_eq!(money_to_rest(&kept)["formatted"], "$15.50");
        assert_eq!(money(&json!(7), "EUR").unwrap(), json!({"currency": "EUR", "amount": "7"}));
        assert!(money(&json!({"amount": "x"}), "USD").is_err());
    }
}
