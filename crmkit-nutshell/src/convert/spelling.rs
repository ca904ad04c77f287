//! How Nutshell spells what it was given: phone numbers with punctuation of its own, web addresses with a scheme.

use crmkit_core::Value;

/// Whether a stored value is the written one in Nutshell's spelling.
pub(crate) fn respells(written: &Value, stored: Option<&Value>) -> bool {
    match (written, stored) {
        // Whoever else takes part was added by somebody, or stands in a field of its own.
        (Value::List(written), Some(Value::List(stored))) if written.iter().all(|one| one.as_ref_to().is_some()) => {
            written.iter().all(|one| stored.contains(one))
        }
        (Value::List(written), Some(Value::List(stored))) => {
            let fits = |one: &Value| stored.iter().any(|other| one == other || respells(one, Some(other)));
            written.len() == stored.len() && written.iter().all(fits)
        }
        (Value::Text(a), Some(Value::Text(b))) => same_address(a.trim(), b.trim()),
        (Value::Labelled(a), Some(Value::Labelled(b))) => {
            let same = a.value == b.value || same_number(&a.value, &b.value);
            same && (a.label.is_none() || a.label == b.label)
        }
        _ => false,
    }
}

/// Phone numbers, whose punctuation most CRMs set anew: the same digits in the same order, and nothing but digits told.
fn same_number(a: &str, b: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let phone = |text: &str| text.chars().all(|char| char.is_ascii_digit() || " +-().,/x#".contains(char));
    let told = digits(a);
    told.len() >= 3 && phone(a) && phone(b) && a.starts_with('+') == b.starts_with('+') && told == digits(b)
}

/// Web addresses, to which some CRMs add the scheme that a browser would.
fn same_address(a: &str, b: &str) -> bool {
    let bare = |text: &str| text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).map(str::to_owned);
    match (bare(a), bare(b)) {
        (Some(bare), None) => !b.is_empty() && bare == b,
        (None, Some(bare)) => !a.is_empty() && bare == a,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nutshell_adds_to_addresses_and_numbers_is_no_difference() {
        let labelled = |value: &str| {
            Value::Labelled(std::sync::Arc::new(crmkit_core::Labelled { value: value.into(), label: None }))
        };
        let same = |a: &str, b: &str| respells(&labelled(a), Some(&labelled(b)));
        assert!(same("+49 171 12-3", "+49 (171) 123"));
        for (a, b) in [("+49171123", "49171123"), ("+49171123", "+49171124"), ("a1@b.c", "1"), ("-", "+")] {
            assert!(!same(a, b), "{a} {b}");
        }
        let same = |a: &str, b: &str| respells(&Value::text(a), Some(&Value::text(b)));
        assert!(same("acme.example", "http://acme.example") && same("https://a.b", "a.b"));
        for (a, b) in [("http://a.b", "https://a.b"), ("b", "http://a.b"), ("http://", "x")] {
            assert!(!same(a, b), "{a} {b}");
        }
    }
}
