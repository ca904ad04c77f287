//! When a value read back is the value that was written: the normalisations that are nobody's loss.

use rust_decimal::Decimal;

use crate::Value;

/// Whether `stored` is what `expected` asked for.
///
/// Numbers are compared as numbers, moments by the second, rich text by its visible text, texts without outer white space, lists in
/// order but for links, labelled values without a label of their own by value; `Null` and empty values equal absence.
///
/// ```
/// use crmkit_core::{Value, same_value};
/// assert!(same_value(&Value::Int(5), Some(&Value::Decimal("5.00".parse()?))));
/// assert!(!same_value(&Value::text("Acme"), None));
/// # Ok::<(), rust_decimal::Error>(())
/// ```
pub fn same_value(expected: &Value, stored: Option<&Value>) -> bool {
    let Some(stored) = stored.filter(|value| !value.is_empty()) else { return expected.is_empty() };
    match (expected, stored) {
        (Value::Rich(_) | Value::Text(_), Value::Rich(_)) | (Value::Rich(_), Value::Text(_)) => {
            visible_text(&expected.to_string()) == visible_text(&stored.to_string())
        }
        (Value::Text(a), Value::Text(b)) => a.trim() == b.trim(),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.timestamp() == b.timestamp(),
        (Value::Money(a), Value::Money(b)) => a.amount == b.amount && a.currency == b.currency,
        // Links have no order of their own.
        (Value::List(a), Value::List(b)) if a.iter().chain(b.iter()).all(|value| matches!(value, Value::Ref(_))) => {
            a.len() == b.len() && a.iter().all(|link| b.contains(link)) && b.iter().all(|link| a.contains(link))
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_value(a, Some(b)))
        }
        (Value::Labelled(a), Value::Labelled(b)) => a.value == b.value && (a.label.is_none() || a.label == b.label),
        (a, b) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        _ => None,
    }
}

/// What a reader sees of an HTML text, for comparison only: no tags, entities decoded, white space collapsed.
///
/// ```
/// assert_eq!(crmkit_core::visible_text("<p>a &amp; b</p>\n c"), "a & b c");
/// ```
pub fn visible_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let opens_tag = rest[1..].starts_with(|next: char| next.is_ascii_alphabetic() || next == '/' || next == '!');
        if rest.starts_with('<')
            && opens_tag
            && let Some(end) = rest.find('>')
        {
            text.push(' ');
            rest = &rest[end + 1..];
        } else if let Some((decoded, length)) = entity(rest) {
            text.push(decoded);
            rest = &rest[length..];
        } else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The character that an entity at the start of `text` stands for, and the entity's length.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.find(';').filter(|end| *end <= 10)?;
    let name = text.strip_prefix('&')?.get(..end - 1)?;
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((decoded, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Markup, RichText};

    #[test]
    fn rich_text_is_compared_by_what_is_seen() {
        let rich = |text: &str| Value::Rich(std::sync::Arc::new(RichText { markup: Markup::Html, text: text.into() }));
        assert!(same_value(&rich("<p>1 < 2 &#38; more</p>"), Some(&rich("1 &lt; 2 &amp; more"))));
        assert!(!same_value(&rich("<p>one</p>"), Some(&rich("<p>two</p>"))));
    }

    #[test]
    fn null_equals_absence_and_nothing_else() {
        assert!(same_value(&Value::Null, None));
        assert!(same_value(&Value::Null, Some(&Value::text(""))));
        assert!(!same_value(&Value::Null, Some(&Value::Int(0))));
    }
}
