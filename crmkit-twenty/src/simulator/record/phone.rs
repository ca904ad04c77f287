//! Phone numbers as the vendor takes them apart.

use phonenumber::country::Id;
use serde_json::{Value, json};

use super::super::failure::Failure;

/// A number with its country and calling code.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Phone {
    pub(super) number: String,
    pub(super) country: String,
    pub(super) calling: String,
}

/// Checks and splits a number; an empty one is kept with what came with it.
pub(super) fn split(number: &str, country: &str, calling: &str) -> Result<Phone, Failure> {
    let conflict = || {
        let code = "CONFLICTING_PHONE_CALLING_CODE_AND_COUNTRY_CODE";
        Failure::coded(code, "Provided country code and calling code are conflicting")
    };
    let id: Option<Id> = match country {
        "" => None,
        code => {
            let unknown = || Failure::coded("INVALID_PHONE_COUNTRY_CODE", format!("Invalid country code {code}"));
            Some(code.parse().map_err(|_| unknown())?)
        }
    };
    let dialled: Option<u16> = match calling.trim_start_matches('+') {
        "" => None,
        code => {
            let unknown = || Failure::coded("INVALID_PHONE_CALLING_CODE", format!("Invalid calling code {calling}"));
            Some(code.parse().map_err(|_| unknown())?)
        }
    };
    let database = &*phonenumber::metadata::DATABASE;
    if let (Some(id), Some(dialled)) = (id, dialled)
        && database.by_id(id.as_ref()).is_some_and(|metadata| metadata.country_code() != dialled)
    {
        return Err(conflict());
    }
    if number.is_empty() {
        let calling = dialled.map(|code| format!("+{code}")).unwrap_or_default();
        return Ok(Phone { number: String::new(), country: country.into(), calling });
    }
    let invalid = || Failure::coded("INVALID_PHONE_NUMBER", format!("Provided phone number is invalid {number}"));
    let whole = match dialled {
        // With a calling code alone the number becomes an international one.
        Some(code) if id.is_none() && !number.starts_with('+') => format!("+{code}{number}"),
        _ => number.to_owned(),
    };
    let parsed = phonenumber::parse(id, whole).map_err(|_| invalid())?;
    let found = parsed.country().id();
    let conflicting = id.is_some_and(|id| found.is_some_and(|found| found != id) && number.starts_with('+'));
    if conflicting || dialled.is_some_and(|dialled| dialled != parsed.country().code()) {
        return Err(conflict());
    }
    let country = id.or(found).map(|id| id.as_ref().to_owned()).unwrap_or_default();
    let calling = format!("+{}", parsed.country().code());
    Ok(Phone { number: parsed.national().to_string(), country, calling })
}

/// An item of `additionalPhones`.
pub(super) fn split_item(item: &Value) -> Result<Value, Failure> {
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    let phone = split(text("number"), text("countryCode"), text("callingCode"))?;
    Ok(json!({ "number": phone.number, "callingCode": phone.calling, "countryCode": phone.country }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn international_numbers_are_split() {
        let phone = split("+33612345678", "", "").unwrap();
        assert_eq!((phone.number.as_str(), phone.country.as_str(), phone.calling.as_str()), ("612345678", "FR", "+33"));
        assert_eq!(split("0612345678", "FR", "").unwrap().number, "612345678");
        assert_eq!(split("612345678", "FR", "+33").unwrap(), phone);
        assert_eq!(split("", "", "").unwrap(), Phone::default());
    }

    #[test]
    fn numbers_without_a_country_are_refused() {
        for number in ["555-0100", "12", "call me"] {
            assert_eq!(
                split(number, "", "").unwrap_err().message,
                format!("Provided phone number is invalid {number}").into()
            );
        }
        assert!(split("612345678", "FR", "+46").unwrap_err().message.contains("conflicting"));
    }
}
