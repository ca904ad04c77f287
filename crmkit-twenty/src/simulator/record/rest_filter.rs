//! The filter language of REST: `name[eq]:"a",or(age[gt]:1,not(city[is]:NULL))`.

use serde_json::Value;

use super::super::failure::Failure;
use super::super::schema::Object;
use super::filter::{Filter, Test};
use super::path::Path;

const COMPARATORS: [&str; 13] =
    ["eq", "neq", "in", "containsAny", "is", "gt", "gte", "lt", "lte", "startsWith", "endsWith", "like", "ilike"];

/// Parses a filter.
pub(in super::super) fn parse(object: &Object, text: &str) -> Result<Filter, Failure> {
    check_brackets(text)?;
    Ok(Filter::And(split(text).into_iter().map(|part| item(object, part.trim())).collect::<Result<_, _>>()?))
}

/// The text outside of quotes, by place.
fn bare(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    text.char_indices().filter(move |(_, letter)| match (quote, *letter) {
        (None, '"' | '\'') => {
            quote = Some(*letter);
            false
        }
        (Some(open), letter) => {
            if open == letter {
                quote = None;
            }
            false
        }
        (None, _) => true,
    })
}

fn check_brackets(text: &str) -> Result<(), Failure> {
    let count = |wanted: char| bare(text).filter(|(_, letter)| *letter == wanted).count();
    let (open, close) = (count('('), count(')'));
    let plural = |count: usize| {
        if count == 1 { format!("{count} close bracket is") } else { format!("{count} close brackets are") }
    };
    if open > close {
        return Err(Failure::bad(format!("'filter' invalid. {} missing in the query", plural(open - close))));
    }
    if close > open {
        let missing = plural(close - open).replace("close", "open");
        return Err(Failure::bad(format!("'filter' invalid. {missing} missing in the query")));
    }
    Ok(())
}

/// Splits at the commas outside of brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (place, letter) in bare(text) {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn item(object: &Object, text: &str) -> Result<Filter, Failure> {
    for (name, arity) in [("and", 0), ("or", 0), ("not", 1)] {
        let Some(inner) = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')) else { continue };
        let Some(inner) = inner.strip_suffix(')') else { continue };
        let parts = split(inner).into_iter().map(|part| item(object, part.trim())).collect::<Result<Vec<_>, _>>()?;
        if arity == 1 && parts.len() != 1 {
            let message =
                "'filter' invalid. 'not' conjunction should contain exactly 1 condition. eg: not(field[eq]:1)";
            return Err(Failure::bad(message));
        }
        return Ok(match name {
            "and" => Filter::And(parts),
            "or" => Filter::Or(parts),
            _ => Filter::Not(Box::new(Filter::And(parts))),
        });
    }
    test(object, text)
}

fn test(object: &Object, text: &str) -> Result<Filter, Failure> {
    let invalid = || Failure::bad(format!("'filter' invalid for '{text}'. eg: price[gte]:10"));
    let (name, rest) = text.split_once('[').ok_or_else(invalid)?;
    let (comparator, value) = rest.split_once("]:").ok_or_else(invalid)?;
    if name.is_empty() {
        return Err(invalid());
    }
    if !COMPARATORS.contains(&comparator) {
        let known = COMPARATORS.join(", ");
        return Err(Failure::bad(format!("'filter' invalid for '{text}', comparator {comparator} not in {known}")));
    }
    let path = Path::of(object, name)?;
    let value = match comparator {
        "in" | "containsAny" => {
            let list = value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).ok_or_else(invalid)?;
            Value::Array(list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(literal).collect())
        }
        _ => literal(value),
    };
    Ok(Filter::Test(Test::new(path, comparator, &value)?))
}

fn literal(text: &str) -> Value {
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text).into()
}
