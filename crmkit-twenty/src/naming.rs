//! Names for the interface from names for people: fields in camel case, options in upper snake case, none reserved or taken.

use crmkit_core::Digest;

/// Longest name of a field or value of an option.
const LONGEST: usize = 63;

/// Words that name parts of the server itself, for fields as well as objects.
const RESERVED: &[&str] = &[
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
    "currencies",
    "fullName",
    "address",
    "addresses",
    "index",
    "aggregate",
    "search",
    "searches",
];

/// Letters and digits of ASCII, as words. Letters with marks lose them; what is left over separates.
fn words(label: &str) -> Vec<String> {
    let mut plain = String::new();
    for letter in label.chars() {
        match letter {
            'ä' | 'à' | 'á' | 'â' | 'ã' | 'å' | 'Ä' | 'À' | 'Á' | 'Â' | 'Ã' | 'Å' => plain.push('a'),
            'æ' | 'Æ' => plain.push_str("ae"),
            'ç' | 'Ç' => plain.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' => plain.push('e'),
            'ì' | 'í' | 'î' | 'ï' | 'Ì' | 'Í' | 'Î' | 'Ï' => plain.push('i'),
            'ñ' | 'Ñ' => plain.push('n'),
            'ö' | 'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'Ö' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ø' => plain.push('o'),
            'ß' => plain.push_str("ss"),
            'ü' | 'ù' | 'ú' | 'û' | 'Ü' | 'Ù' | 'Ú' | 'Û' => plain.push('u'),
            letter if letter.is_ascii_alphanumeric() => plain.push(letter),
            _ => plain.push(' '),
        }
    }
    plain.split_whitespace().map(str::to_owned).collect()
}

/// A short name that no two labels share.
fn digest(label: &str) -> String {
    Digest::of_parts([label.as_bytes()]).to_string().chars().take(8).collect()
}

/// The name of a new field with this label. `taken` says which names there are already.
pub(crate) fn field_name(label: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = String::new();
    for word in words(label) {
        let word = word.to_lowercase();
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !name.is_empty() => {
                name.push(first.to_ascii_uppercase());
                name.push_str(letters.as_str());
            }
            _ => name.push_str(&word),
        }
    }
    if name.is_empty() {
        name = format!("field{}", digest(label));
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, 'n');
    }
    name.truncate(LONGEST - "Custom99".len());
    let plural = |word: &str| name.strip_suffix('s').is_some_and(|one| one == word);
    if RESERVED.iter().any(|word| *word == name || plural(word)) || taken(&name) {
        name.push_str("Custom");
    }
    let mut free = name.clone();
    let mut count = 1;
    while taken(&free) {
        count += 1;
        free = format!("{name}{count}");
    }
    free
}

/// The name of a new object with this label, in the singular and the plural, and its label in the plural.
pub(crate) fn object_names(label: &str, taken: impl Fn(&str) -> bool) -> (String, String, String) {
    let singular = field_name(label, &taken);
    let many = plural(label);
    // Both are one namespace, in any spelling of their letters.
    let taken = |name: &str| taken(name) || name.eq_ignore_ascii_case(&singular);
    let several = field_name(&many, taken);
    (singular, several, many)
}

/// The plural of an English word; of another language, at least another word.
fn plural(label: &str) -> String {
    let lower = label.to_lowercase();
    let before = lower.chars().rev().nth(1);
    match lower.chars().last() {
        Some('s' | 'x' | 'z') => format!("{label}es"),
        Some('h') if matches!(before, Some('c' | 's')) => format!("{label}es"),
        Some('y') if !matches!(before, Some('a' | 'e' | 'i' | 'o' | 'u') | None) => {
            format!("{}ies", &label[..label.len() - 1])
        }
        _ => format!("{label}s"),
    }
}

/// The value of a new option with this label.
pub(crate) fn option_value(label: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut value = words(label).join("_").to_uppercase();
    if value.is_empty() {
        value = format!("OPTION_{}", digest(label).to_uppercase());
    }
    if value.starts_with(|first: char| first.is_ascii_digit()) {
        value.insert_str(0, "N_");
    }
    if value.len() > LONGEST - 4 {
        value.truncate(LONGEST - 14);
        value = format!("{}_{}", value.trim_end_matches('_'), digest(label).to_uppercase());
    }
    let mut free = value.clone();
    let mut count = 1;
    while taken(&free) {
        count += 1;
        free = format!("{value}_{count}");
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_server_takes() {
        let cases = [
            ("Source id", "sourceId"),
            ("Größe (m²)", "grosseM"),
            ("Type", "typeCustom"),
            ("Addresses", "addressesCustom"),
            ("Jobs", "jobsCustom"),
            ("2nd phone", "n2ndPhone"),
            ("Name", "nameCustom"),
            ("Region", "regionCustom2"),
        ];
        for (label, name) in cases {
            assert_eq!(field_name(label, |taken| ["name", "region", "regionCustom"].contains(&taken)), name, "{label}");
        }
        assert!(field_name("名前", |_| false).starts_with("field"));
        assert!(field_name(&"x".repeat(200), |_| false).len() <= 63);
    }

    #[test]
    fn objects_get_two_names() {
        let cases = [
            ("Pet", "pet", "pets", "Pets"),
            ("Service Visit", "serviceVisit", "serviceVisits", "Service Visits"),
            ("Company", "companyCustom", "companiesCustom", "Companies"),
            ("Event", "eventCustom", "eventsCustom", "Events"),
            ("Licences", "licences", "licenceses", "Licenceses"),
            ("Tray", "tray", "trays", "Trays"),
        ];
        for (label, singular, plural, labels) in cases {
            let names = object_names(label, |name| ["company", "companies"].contains(&name));
            assert_eq!(names, (singular.to_owned(), plural.to_owned(), labels.to_owned()));
        }
        let (singular, plural, _) = object_names(&"x".repeat(200), |_| false);
        assert!(singular.len() <= 63 && plural.len() <= 63 && singular != plural);
    }

    #[test]
    fn option_values_are_what_the_server_takes() {
        let cases = [("In progress", "IN_PROGRESS"), ("1-10", "N_1_10"), ("A & B", "A_B"), ("New", "NEW_2")];
        for (label, value) in cases {
            assert_eq!(option_value(label, |taken| taken == "NEW"), value, "{label}");
        }
        let long = option_value(&"wide ".repeat(40), |_| false);
        assert!(long.len() <= 63 && !long.contains("__") && !long.ends_with('_'), "{long}");
    }
}
