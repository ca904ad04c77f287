//! Which names the vendor takes for objects and fields.

/// Names that no object or field may have, as far as both numbers are regular.
const RESERVED: [&str; 30] = [
    "approvedAccessDomain",
    "appToken",
    "billingCustomer",
    "billingEntitlement",
    "billingMeter",
    "billingProduct",
    "billingSubscription",
    "billingSubscriptionItem",
    "featureFlag",
    "job",
    "keyValuePair",
    "pageLayout",
    "pageLayoutTab",
    "pageLayoutWidget",
    "twoFactorMethod",
    "user",
    "userWorkspace",
    "workspace",
    "role",
    "userWorkspaceRole",
    "plan",
    "event",
    "field",
    "link",
    "type",
    "object",
    "relation",
    "currency",
    "index",
    "aggregate",
];

/// The irregular rest.
const RESERVED_FORMS: [&str; 6] = ["currencies", "fullNames", "address", "addresses", "search", "searches"];

pub(super) const RESERVED_MESSAGE: &str =
    "This name is reserved. Use a different name or the system will add \"Custom\" suffix.";

pub(super) fn is_reserved(name: &str) -> bool {
    let regular = |word: &&str| match *word {
        "currency" | "index" | "aggregate" => *word == name,
        word => name == word || name.strip_suffix('s') == Some(word),
    };
    RESERVED.iter().any(regular) || RESERVED_FORMS.contains(&name)
}

/// What is wrong with a name as such: code and message.
pub(super) fn fault(name: &str, what: &str) -> Option<(String, String)> {
    let invalid = |message: String| Some((format!("INVALID_{what}_INPUT"), message));
    if name.is_empty() {
        return invalid("Input is too short: name must have at least 1 character".into());
    }
    if name.len() > 63 {
        return invalid(format!("String \"{name}\" exceeds 63 characters limit"));
    }
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|letter| letter.is_ascii_lowercase());
    if !first || !letters.all(|letter| letter.is_ascii_alphanumeric()) {
        return invalid(format!(
            "String \"{name}\" is not valid: must start with lowercase letter and contain only alphanumeric letters"
        ));
    }
    is_reserved(name).then(|| ("RESERVED_KEYWORD".into(), RESERVED_MESSAGE.into()))
}

/// A label as a name: `Point of Contact` is `pointOfContact`.
pub(super) fn camel_case(label: &str) -> String {
    let mut name = String::new();
    for word in label.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut letters = word.chars();
        let Some(first) = letters.next() else { continue };
        if name.is_empty() {
            // `externalId` stays; `ACME` becomes `acme`.
            let upper = word.chars().all(|letter| !letter.is_ascii_lowercase());
            name.push(first.to_ascii_lowercase());
            name.extend(letters.map(|letter| if upper { letter.to_ascii_lowercase() } else { letter }));
        } else {
            name.push(first.to_ascii_uppercase());
            name.push_str(letters.as_str());
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_known_in_both_numbers() {
        for name in ["event", "events", "address", "addresses", "type", "index", "currencies", "searches", "jobs"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["project", "eventCustom", "indexs", "addres"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn labels_become_names() {
        assert_eq!(camel_case("Point of Contact"), "pointOfContact");
        assert_eq!(camel_case("Projects"), "projects");
        assert_eq!(camel_case("  A-b "), "aB");
    }

    #[test]
    fn names_have_a_shape() {
        assert_eq!(fault("externalId", "FIELD"), None);
        for name in ["", "1a", "Ab", "a_b", "a b", &"a".repeat(64)] {
            assert!(fault(name, "FIELD").is_some(), "{name}");
        }
        assert_eq!(fault("type", "FIELD").map(|(code, _)| code).as_deref(), Some("RESERVED_KEYWORD"));
    }
}
